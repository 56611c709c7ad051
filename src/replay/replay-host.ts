/**
 * What replay needs of a simulated host, and no more: `host-adapter.ts` makes one from host/host. Numbers per packet, objects
 * only where somebody looks.
 */
import type { FrameBatch } from '../capture/frame-batch.js';
import type { ExpectationEvent, ExpectationRecord, FlowEvent, FlowRecord } from '../flow/record.js';

/** Verdicts in `PacketResults.verdict`; the first three as rules/context numbers them. */
export const RESULT_DROP = 0;
export const RESULT_ACCEPT = 1;
export const RESULT_REJECT = 3;
/** Taken up by the host without an end yet: a fragment that waits for the others. */
export const RESULT_QUEUED = 4;
/** Not IP, or not readable: the host never saw it. `reason` is a skip code of its own numbering. */
export const RESULT_SKIPPED = 5;
export const RESULT_COUNT = 6;
/** Names by number, as --json and the summary have them. */
export const RESULT_NAMES = ['DROP', 'ACCEPT', '', 'REJECT', 'QUEUED', 'SKIPPED'] as const;

/** ctstate by CT_ number (wire/packet). */
export const STATE_NAMES = ['INVALID', 'ESTABLISHED', 'RELATED', 'NEW', 'UNTRACKED', ''] as const;
export const STATE_INVALID = 0;
export const STATE_COUNT = 6;

export const HOOK_NAMES = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

/** Which way a frame goes. */
export const FRAME_ARRIVES = 0;
export const FRAME_MADE = 1;

/** What became of each frame of a batch, by the frame's place in the batch. One object a replay, written over and over. */
export class PacketResults {
  readonly verdict: Uint8Array;
  /** CT_ number as the filter table saw it; 5: never tracked. */
  readonly state: Uint8Array;
  /** The hook in which it ended or was last seen. */
  readonly hook: Uint8Array;
  /** Rule or policy that decided: a number for `ReplayHost.rule`; -1: none did. */
  readonly rule: Int32Array;
  /** conntrack/reasons code (or host reason); 0 = none. */
  readonly reason: Int32Array;
  /** slot << 1 | direction; -1 = none. */
  readonly connection: Int32Array;
  /** Interfaces by index; 0 = none (made or delivered). */
  readonly inInterface: Int32Array;
  readonly outInterface: Int32Array;

  constructor(capacity: number) {
    this.verdict = new Uint8Array(capacity);
    this.state = new Uint8Array(capacity);
    this.hook = new Uint8Array(capacity);
    this.rule = new Int32Array(capacity);
    this.reason = new Int32Array(capacity);
    this.connection = new Int32Array(capacity);
    this.inInterface = new Int32Array(capacity);
    this.outInterface = new Int32Array(capacity);
  }
}

/** A rule or a policy that decides packets. */
export interface RuleInfo {
  family: 2 | 10;
  table: string;
  chain: string;
  /** From 1; null: the chain's policy. */
  number: number | null;
  /** Whose rule it is, where rules of iptables-nft are loaded. */
  plane?: 'legacy' | 'nft';
  /** `-A FORWARD ...` as iptables-save prints it, or `-P FORWARD DROP`. */
  text: string;
}

/** A rule whose answers rested on what the host cannot know. */
export interface DoubtInfo extends RuleInfo {
  number: number;
  /** `-m owner`, `-j SYNPROXY`. */
  extension: string;
  /** What it cannot know, and what was taken instead. */
  why: string;
  /** Packets that were asked about. */
  packets: number;
  /** Where the rule stands; null: it was not read from a text. */
  file: string | null;
  line: number | null;
}

/** How full the connection table is. */
export interface TableUse {
  entries: number;
  peak: number;
  max: number;
}

/**
 * Takes what the host sends (or, with `outInterface` 0, delivers to itself): bytes [start, end) of a frame of `linkType`,
 * borrowed for the call. `hostMade`: the host made it by itself (a RST of REJECT, time exceeded).
 */
export type EmitSink = (
  bytes: Uint8Array,
  start: number,
  end: number,
  linkType: number,
  outInterface: number,
  hostMade: boolean,
) => void;

/** A simulated host under replay. */
export interface ReplayHost {
  /** Names by index; 0 is ''. */
  readonly interfaceNames: readonly string[];
  /** Index by name, 0 = none. */
  interfaceIndex(name: string): number;
  /** Whether one of the host's own addresses stands at `at` (4 or 16 bytes). */
  isLocal(bytes: Uint8Array, at: number, family: 2 | 10): boolean;
  /**
   * Runs frames [from, to) of a batch, in order, each at its own time. `direction` (FRAME_), `inInterface` and `linkType` are
   * indexed like the batch; `results` is filled at the same places. Nothing is allocated.
   */
  run(
    batch: FrameBatch,
    from: number,
    to: number,
    direction: Uint8Array,
    inInterface: Int32Array,
    linkType: Int32Array,
    results: PacketResults,
  ): void;
  /** Lets the clock run to a time (ms since the epoch) without a packet. */
  advance(nowMs: number): void;

  // What follows allocates: for outputs that show it.
  rule(n: number): RuleInfo;
  /** A short name of a reason, the same for every packet with it. */
  reasonName(reason: number): string;
  /** The sentence with its numbers, of the packet that was run last. */
  reasonText(): string;
  /** A word for what was skipped: `ARP`, `LLDP`, `not readable`. */
  skipName(reason: number): string;
  /** IPS_ bits and id of the connection of the packet that was run last. */
  status(connection: number): number;
  id(connection: number): number;
  onEmit: EmitSink | null;
  /** One kernel-log line, without time stamp. */
  onLog: ((line: string) => void) | null;
  drainEvents(take: (event: FlowEvent) => void): void;
  drainExpectationEvents(take: (event: ExpectationEvent) => void): void;
  /** Events that were lost because nobody drained them. */
  readonly lostEvents: number;
  flows(): Iterable<FlowRecord>;
  expectations(): Iterable<ExpectationRecord>;
  /** Enters saved connections as of the clock's time; how many found no place (tuple taken, table full). */
  loadFlows(records: readonly FlowRecord[]): number;
  /** `iptables-save -c` of the rules as they stand, of one plane. */
  saveRules(family: 2 | 10, plane?: 'legacy' | 'nft'): string;
  /** `ipset save` of the sets as they stand. */
  saveSets(): string;
  tableUse(): TableUse;
  /** Rules whose answers may be wrong, in the order of tables, chains and rules. */
  doubts(): DoubtInfo[];
}
