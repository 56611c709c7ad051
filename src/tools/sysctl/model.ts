/**
 * What is known of one kernel setting: the columns of the table in settings.ts.
 *
 * Terms: a *name* has dots (`net.netfilter.nf_conntrack_max`), a *path* slashes; in a row's name `*` stands for an interface, `all` or
 * `default`, and `N` for a number. A *version* is `6.18` or `2.6.31`: the first release that has something.
 */

/** What the number counts. `switch`: 0 off, 1 on; `choice`: the text says what each number is; `word`: no number. */
export type SysctlUnit =
  | 'switch'
  | 'choice'
  | 'seconds'
  | 'milliseconds'
  | 'bytes'
  | 'entries'
  | 'packets'
  | 'hops'
  | 'protocol number'
  | 'word';

/** Which numbers the kernel takes (all others: EINVAL). */
export interface SysctlLimit {
  least: number;
  /** Of a setting that is kept in timer ticks (`isTicks`): the most at 100 ticks a second; `highest()` has it for others. */
  most: number;
  isTicks?: true;
}

/** `namespace`: each network namespace has its own; `host`: one for all, to be set in the initial namespace; `read-only`. */
export type SysctlAccess = 'namespace' | 'host' | 'read-only';

/** A default that depends on something: see defaults.ts. */
export type SysctlRule = 'buckets' | 'max' | 'expect_max' | 'live';

/** Something that a release changed. */
export interface SysctlChange {
  since: string;
  text: string;
  /** The default before, where it was another. */
  before?: number;
}

/** Reads another setting of the same host; undefined: it has none of that name. */
export type SysctlReader = (name: string) => number | undefined;

/** When a value that the kernel takes does harm, and which. */
export interface SysctlHarm {
  /** The values in words: `0`, `below 65536`. */
  at: string;
  when: (value: number, read: SysctlReader) => boolean;
  text: string;
}

/** One setting. */
export interface SysctlRow {
  name: string;
  unit: SysctlUnit;
  /** null: no number. */
  limit: SysctlLimit | null;
  /** The default in Linux 6.18. */
  initial: number | string | { rule: SysctlRule };
  access: SysctlAccess;
  /** The first release that has it under this name. */
  since: string;
  /** The first release without it; null: the newest known has it. */
  gone: string | null;
  /** Of one that is gone: what to do now. */
  instead: string | null;
  /** Earlier names of the same setting. */
  wasNamed: readonly string[];
  /** What must be built into the kernel besides connection tracking; '' = nothing. */
  needs: string;
  /** What it does. */
  text: string;
  changes: readonly SysctlChange[];
  harms: readonly SysctlHarm[];
}

/** The release that the table's defaults are of. */
export const TABLE_KERNEL = '6.18';

/** Ticks a second of the slowest kernel, and thereby the longest timeouts. */
export const SLOWEST_HZ = 100;

const INT_MAX = 0x7fffffff;

/** 0 or 1. */
export const SWITCH: SysctlLimit = { least: 0, most: 1 };
/** An unsigned byte. */
export const BYTE: SysctlLimit = { least: 0, most: 255 };
/** An int that may be negative. */
export const INT: SysctlLimit = { least: -INT_MAX - 1, most: INT_MAX };
/** An int from 0. */
export const COUNT: SysctlLimit = { least: 0, most: INT_MAX };
/** Bytes of memory: a long. */
export const BYTES: SysctlLimit = { least: 0, most: 2 ** 63 };
/** Seconds, kept as an int of ticks. Negative ones are taken, too. */
export const SECONDS: SysctlLimit = {
  least: -Math.floor(INT_MAX / SLOWEST_HZ),
  most: Math.floor(INT_MAX / SLOWEST_HZ),
  isTicks: true,
};

/** Of a high threshold of reassembly. */
export const PIECES_HARMS: readonly SysctlHarm[] = [
  { at: '0', when: (v) => v === 0, text: 'nothing can be reassembled: every fragment is dropped' },
  {
    at: 'below 262144',
    when: (v) => v > 0 && v < 262144,
    text: 'a few packets in pieces use it up, and whoever sends such makes the fragments of all others be dropped',
  },
];

/** Of a time that fragments wait. */
export const TIME_HARM: SysctlHarm = {
  at: '0 or less',
  when: (v) => v <= 0,
  text: 'all fragments of a packet must arrive within one tick of the clock: what comes later is dropped',
};

/** The greatest value that a kernel with that many timer ticks a second takes. */
export function highest(limit: SysctlLimit, ticksPerSecond: number): number {
  return limit.isTicks ? Math.floor(INT_MAX / ticksPerSecond) : limit.most;
}

/** Compares versions as `6.18.44-rc1`; negative: `a` is older. What is no number counts as 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [versionParts(a), versionParts(b)];
  for (let i = 0; i < 3; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return 0;
}

function versionParts(version: string): [number, number, number] {
  const m = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version);
  return [Number(m?.[1] ?? 0), Number(m?.[2] ?? 0), Number(m?.[3] ?? 0)];
}

/** Whether a kernel of that version can have the setting. */
export function isIn(row: SysctlRow, version: string): boolean {
  return compareVersions(version, row.since) >= 0 && (row.gone === null || compareVersions(version, row.gone) < 0);
}

/** A row from what differs from the most common one. */
export function row(
  name: string,
  unit: SysctlUnit,
  limit: SysctlLimit | null,
  initial: SysctlRow['initial'],
  since: string,
  text: string,
  more: Partial<Omit<SysctlRow, 'name' | 'unit' | 'limit' | 'initial' | 'since' | 'text'>> = {},
): SysctlRow {
  const rest = {
    access: 'namespace',
    gone: null,
    instead: null,
    wasNamed: [],
    needs: '',
    changes: [],
    harms: [],
  } as const;
  return { name, unit, limit, initial, since, text, ...rest, ...more };
}
