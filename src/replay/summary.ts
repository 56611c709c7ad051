/**
 * What a replay counts: a few numbers a packet in typed arrays, made into text or JSON at the end. `count` runs for every
 * packet of every replay and allocates nothing (a rule number never seen before makes the arrays grow).
 */
import type { FrameBatch } from '../capture/frame-batch.js';
import { colours } from './colour.js';
import {
  type DoubtInfo,
  type PacketResults,
  RESULT_ACCEPT,
  RESULT_COUNT,
  RESULT_DROP,
  RESULT_NAMES,
  RESULT_QUEUED,
  RESULT_REJECT,
  RESULT_SKIPPED,
  type ReplayHost,
  type RuleInfo,
  STATE_COUNT,
  STATE_INVALID,
  STATE_NAMES,
  type TableUse,
} from './replay-host.js';
import { dateText, epochText } from './time.js';

const REASONS = 1024;

/** The counts of a replay. */
export class Summary {
  packets = 0;
  bytes = 0;
  firstSeconds = 0;
  firstNanos = 0;
  lastSeconds = 0;
  lastNanos = 0;
  private readonly verdicts = new Float64Array(RESULT_COUNT);
  private readonly states = new Float64Array(STATE_COUNT);
  private readonly skipped = new Float64Array(1 << 16);
  private readonly invalid = new Float64Array(REASONS);
  private readonly outside = new Float64Array(REASONS);
  private readonly rules = new RuleCounts();

  /** Counts frames [from, to) of a batch that has been run. */
  count(batch: FrameBatch, from: number, to: number, r: PacketResults): void {
    if (to <= from) return;
    if (this.packets === 0) {
      this.firstSeconds = batch.seconds[from];
      this.firstNanos = batch.nanos[from];
    }
    this.packets += to - from;
    this.lastSeconds = batch.seconds[to - 1];
    this.lastNanos = batch.nanos[to - 1];
    let bytes = 0;
    for (let i = from; i < to; i++) {
      bytes += batch.wireLen[i];
      const verdict = r.verdict[i];
      this.verdicts[verdict]++;
      if (verdict === RESULT_SKIPPED) {
        this.skipped[r.reason[i] & 0xffff]++;
        continue;
      }
      const state = r.state[i];
      this.states[state]++;
      const rule = r.rule[i];
      if (rule >= 0) this.rules.add(rule, verdict);
      if (state === STATE_INVALID) this.invalid[r.reason[i] & (REASONS - 1)]++;
      else if (verdict === RESULT_DROP && rule < 0) this.outside[r.reason[i] & (REASONS - 1)]++;
    }
    this.bytes += bytes;
  }

  /** The whole summary as a plain object: what `--json` ends with. */
  report(host: ReplayHost): SummaryReport {
    const rules: DecidedRule[] = [];
    this.rules.forEach((rule, verdict, packets) => {
      rules.push({ ...host.rule(rule), verdict: RESULT_NAMES[verdict], packets });
    });
    rules.sort((a, b) => b.packets - a.packets);
    const reasons = (counts: Float64Array): ReasonCount[] => {
      const list: ReasonCount[] = [];
      counts.forEach((packets, reason) => {
        if (packets > 0) list.push({ reason: host.reasonName(reason), packets });
      });
      return list.sort((a, b) => b.packets - a.packets);
    };
    const skipped: Record<string, number> = {};
    this.skipped.forEach((packets, reason) => {
      if (packets === 0) return;
      const name = host.skipName(reason);
      skipped[name] = (skipped[name] ?? 0) + packets;
    });
    return {
      packets: this.packets,
      bytes: this.bytes,
      first: this.packets > 0 ? Number(epochText(this.firstSeconds, this.firstNanos)) : null,
      last: this.packets > 0 ? Number(epochText(this.lastSeconds, this.lastNanos)) : null,
      skipped,
      verdicts: this.named(this.verdicts, RESULT_NAMES, [RESULT_ACCEPT, RESULT_DROP, RESULT_REJECT, RESULT_QUEUED]),
      states: this.named(this.states, STATE_NAMES, [3, 1, 2, 0, 4]),
      rules,
      table: host.tableUse(),
      invalid: reasons(this.invalid),
      dropped: {
        byRule: rules.filter((r) => r.verdict !== 'ACCEPT'),
        outsideRules: reasons(this.outside),
      },
      lostEvents: host.lostEvents,
      doubts: host.doubts(),
    };
  }

  private named(counts: Float64Array, names: readonly string[], order: readonly number[]): Record<string, number> {
    const out: Record<string, number> = {};
    for (const n of order) if (counts[n] > 0) out[names[n]] = counts[n];
    return out;
  }

  /** The summary for people, with a line end after each line. */
  text(host: ReplayHost, colour: boolean): string {
    return formatReport(this.report(host), this, colour);
  }
}

/**
 * Packets by rule number, which is any Int32 from 0 on: open addressing, and a look at the last one first, because packets of
 * one connection follow each other.
 */
class RuleCounts {
  /** Rule number + 1; 0 = free. */
  private keys = new Int32Array(1024);
  private counts = new Float64Array(1024);
  private verdicts = new Uint8Array(1024);
  private used = 0;
  private last = 0;

  add(rule: number, verdict: number): void {
    let at = this.last;
    if (this.keys[at] !== rule + 1) at = this.find(rule);
    this.counts[at]++;
    this.verdicts[at] = verdict;
    this.last = at;
  }

  private find(rule: number): number {
    const mask = this.keys.length - 1;
    let at = (Math.imul(rule, 0x9e3779b1) >>> 16) & mask;
    while (this.keys[at] !== 0 && this.keys[at] !== rule + 1) at = (at + 1) & mask;
    if (this.keys[at] === 0) {
      if (2 * this.used >= mask) {
        this.grow();
        return this.find(rule);
      }
      this.keys[at] = rule + 1;
      this.used++;
    }
    return at;
  }

  private grow(): void {
    const { keys, counts, verdicts } = this;
    this.keys = new Int32Array(2 * keys.length);
    this.counts = new Float64Array(2 * keys.length);
    this.verdicts = new Uint8Array(2 * keys.length);
    this.used = 0;
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === 0) continue;
      const at = this.find(keys[i] - 1);
      this.counts[at] = counts[i];
      this.verdicts[at] = verdicts[i];
    }
  }

  /** In the order of rule numbers. */
  forEach(take: (rule: number, verdict: number, packets: number) => void): void {
    const places = [...this.keys.keys()].filter((i) => this.keys[i] !== 0);
    places.sort((a, b) => this.keys[a] - this.keys[b]);
    for (const i of places) take(this.keys[i] - 1, this.verdicts[i], this.counts[i]);
  }
}

/** A rule, or a policy, and what it decided. */
export interface DecidedRule extends RuleInfo {
  verdict: string;
  packets: number;
}

/** How many packets had a reason. */
export interface ReasonCount {
  reason: string;
  packets: number;
}

/** The summary as `--json` prints it (one line, after `{"summary":`). */
export interface SummaryReport {
  packets: number;
  /** As on the wire, link headers included. */
  bytes: number;
  /** Seconds since the epoch; null: no packet. */
  first: number | null;
  last: number | null;
  /** Frames that are not IP, by kind. */
  skipped: Record<string, number>;
  verdicts: Record<string, number>;
  states: Record<string, number>;
  /** The rules and policies that decided, most packets first. */
  rules: DecidedRule[];
  table: TableUse;
  /** Why packets were INVALID. */
  invalid: ReasonCount[];
  dropped: { byRule: DecidedRule[]; outsideRules: ReasonCount[] };
  lostEvents: number;
  /** Rules whose answers rested on what the host cannot know: what they decided may be wrong. */
  doubts: DoubtInfo[];
}

function formatReport(s: SummaryReport, times: Summary, colour: boolean): string {
  const c = colours(colour);
  const lines: string[] = [];
  const row = (title: string, text: string): void => {
    lines.push(`${c.bold(title.padEnd(12))}${text}`);
  };
  const pairs = (counts: Record<string, number>): string =>
    Object.entries(counts)
      .map(([name, n]) => c.verdict(name, `${name} ${n}`))
      .join('  ') || 'none';
  const first = dateText(times.firstSeconds, times.firstNanos);
  const last = dateText(times.lastSeconds, times.lastNanos);
  row('Packets', `${s.packets} (${s.bytes} bytes)${s.packets > 0 ? `, ${first} to ${last} UTC` : ''}`);
  if (Object.keys(s.skipped).length > 0) row('Not IP', pairs(s.skipped));
  row('Verdicts', pairs(s.verdicts));
  row('States', pairs(s.states));
  const full = s.table.max > 0 ? ` (${((100 * s.table.peak) / s.table.max).toFixed(1)} %)` : '';
  row('Table', `${s.table.entries} connections at the end, at most ${s.table.peak} of ${s.table.max}${full}`);
  if (s.lostEvents > 0) row('Events', `${s.lostEvents} lost`);
  const section = (title: string, rows: string[]): void => {
    if (rows.length > 0) lines.push('', c.bold(title), ...rows);
  };
  const width = String(s.packets).length + 2;
  const amount = (n: number): string => String(n).padStart(width);
  const rule = (r: DecidedRule): string => `${amount(r.packets)}  ${c.verdict(r.verdict, ruleText(r))}`;
  section('Decided by', s.rules.map(rule));
  section('Dropped or rejected by', s.dropped.byRule.map(rule));
  section(
    'Dropped outside the rules',
    s.dropped.outsideRules.map((r) => `${amount(r.packets)}  ${r.reason}`),
  );
  section(
    'INVALID because',
    s.invalid.map((r) => `${amount(r.packets)}  ${r.reason}`),
  );
  section(
    'In doubt: rules that ask what the host does not know',
    s.doubts.map((d) => `${amount(d.packets)}  ${ruleText(d)}  (${d.extension}: ${d.why})`),
  );
  return `${lines.join('\n')}\n`;
}

/** `filter FORWARD 3: -A FORWARD ...`, or `filter FORWARD policy DROP`. */
export function ruleText(r: RuleInfo & { verdict?: string }): string {
  const where = `${r.plane ? `${r.plane} ` : ''}${r.family === 10 ? 'ip6 ' : ''}${r.table} ${r.chain}`;
  return r.number === null ? `${where} policy${r.verdict ? ` ${r.verdict}` : ''}` : `${where} ${r.number}: ${r.text}`;
}
