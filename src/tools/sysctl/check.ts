/** `statewall sysctl --check`: what is wrong or harmful in a file of sysctl.d(5). */
import { type ConfLine, isGlob, parseConf } from './conf.js';
import { absence, harms, isSameValue, refusal } from './judge.js';
import { compareVersions, type SysctlReader, type SysctlRow, TABLE_KERNEL } from './model.js';
import { aliasesOf, dotted, findRenamed, findRow, SYSCTLS } from './settings.js';
import { parseNumber } from './store.js';

/** One thing that is wrong. */
export interface SysctlFinding {
  file: string;
  /** Line and column begin at 1. */
  line: number;
  column: number;
  /** `error`: the line has no effect; `warning`: it has one that is harmful or not what it seems. */
  level: 'error' | 'warning';
  text: string;
}

/** A finding as `FILE:LINE:COLUMN: error: TEXT`. */
export function findingText(f: SysctlFinding): string {
  return `${f.file}:${f.line}:${f.column}: ${f.level}: ${f.text}`;
}

/** Whatever looks like a setting of connection tracking or reassembly: one that no kernel knows is a mistake. */
const OURS = /^net\..*con+track|^net\.(netfilter\.|ipv4\.netfilter\.|ipv4\.ipfrag_|ipv6\.ip6frag_)/;

/**
 * Checks the text of a file.
 * @param kernel The release that it is for.
 */
export function checkConf(text: string, file: string, kernel: string = TABLE_KERNEL): SysctlFinding[] {
  return checkLines(parseConf(text), file, kernel);
}

/** Checks lines that are parsed already (of a host file). */
export function checkLines(lines: readonly ConfLine[], file: string, kernel: string): SysctlFinding[] {
  const findings: SysctlFinding[] = [];
  const values = new Map<string, ConfLine>();
  const last = lastValues(lines);
  const read: SysctlReader = (name) => {
    const line = last.get(canonical(name));
    return line === undefined ? undefined : parseNumber(line.value);
  };
  for (const line of lines) {
    const say = (level: SysctlFinding['level'], what: string, column = line.column): void => {
      findings.push({ file, line: line.line, column, level, text: what });
    };
    if (line.kind === 'bad') say('error', `expected "name = value", got "${line.name}"`);
    if (line.kind !== 'set' || isGlob(line.name)) continue;
    const name = dotted(line.name);
    checkName(name, kernel, say);
    const row = findRow(name) ?? findRenamed(name)?.row ?? null;
    // what no kernel has does no harm
    if (row !== null && absence(name, kernel) === null) checkValue(name, row, line, read, say);
    const before = values.get(canonical(name));
    if (before !== undefined && !isSameValue(before.value, line.value)) {
      say('warning', `${name} was set to ${before.value} in line ${before.line} already; this line wins`);
    }
    values.set(canonical(name), line);
  }
  return findings;
}

type Say = (level: SysctlFinding['level'], text: string, column?: number) => void;

function canonical(name: string): string {
  return aliasesOf(findRenamed(name)?.row.name ?? name)[0] as string;
}

function lastValues(lines: readonly ConfLine[]): Map<string, ConfLine> {
  const last = new Map<string, ConfLine>();
  for (const line of lines) if (line.kind === 'set') last.set(canonical(dotted(line.name)), line);
  return last;
}

function checkName(name: string, kernel: string, say: Say): void {
  const renamed = findRenamed(name);
  if (renamed !== null) {
    const isGone = compareVersions(kernel, renamed.gone) >= 0;
    say(
      isGone ? 'error' : 'warning',
      `${name} is gone since Linux ${renamed.gone}: use ${renamed.row.name}${renamed.row.gone === null ? '' : ' (gone, too)'}`,
    );
    return;
  }
  const missing = absence(name, kernel);
  if (missing !== null) say('error', `${name} ${missing}`);
  else if (findRow(name) === null && OURS.test(name)) say('error', unknownText(name));
}

function unknownText(name: string): string {
  const near = nearestName(name);
  return `no kernel has ${name}${near === null ? '' : `; did you mean ${near}?`}`;
}

function checkValue(name: string, row: SysctlRow, line: ConfLine, read: SysctlReader, say: Say): void {
  const { value, valueColumn } = line;
  if (row.access === 'read-only') {
    say('error', `${name} cannot be set: it is a count`);
    return;
  }
  const refused = refusal(row, value, read);
  if (refused !== null) {
    say('error', `${name}: the kernel refuses this: ${refused}`, valueColumn);
    return;
  }
  if (row.limit !== null && /[#;]/.test(value)) {
    say(
      'warning',
      `${name}: a comment stands on a line of its own; "${value}" is taken up to the first blank`,
      valueColumn,
    );
  }
  for (const harm of harms(row, value, read)) say('warning', `${name} = ${value}: ${harm}`, valueColumn);
}

/** Longer names are none of ours misspelt. */
const MOST_CHARS = 100;

/** The name of the table that is most like another, where there is one that is much like it. */
export function nearestName(name: string): string | null {
  let best: string | null = null;
  let least = Math.max(4, Math.floor(name.length / 8));
  const tail = name.slice(name.lastIndexOf('.') + 1);
  if (name.length > MOST_CHARS) return null;
  for (const row of SYSCTLS.filter((r) => r.gone === null)) {
    for (const known of [row.name, ...row.wasNamed]) {
      const knownTail = known.slice(known.lastIndexOf('.') + 1);
      const steps = Math.min(distance(name, known, least), distance(tail, knownTail, least - 1) + 1);
      if (steps >= least) continue;
      least = steps;
      best = row.name;
    }
  }
  return best;
}

/** Levenshtein's distance; `most` or more where it is not below that. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) >= most) return most;
  let before = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const now = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (before[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      now.push(Math.min(change, (before[j] as number) + 1, (now[j - 1] as number) + 1));
    }
    before = now;
  }
  return before[b.length] as number;
}
