/** Makes a ReplayHost of the simulated host (host/host). */
import type { FrameBatch } from '../capture/frame-batch.js';
import { SET_MAX } from '../conntrack/sysctl.js';
import type { ExpectationRecord, FlowEvent, FlowRecord } from '../flow/record.js';
import { Host, type HostOptions } from '../host/host.js';
import { EMIT_DELIVERED } from '../host/path.js';
import { loadRules } from '../iptables/restore.js';
import { printRule, printRuleset } from '../iptables/save.js';
import type { Family, Position, Ruleset } from '../rules/model.js';
import { LINKTYPE_RAW } from '../wire/parse.js';
import { PARSE_NOT_IP, PARSE_REASON_TEXTS } from '../wire/parse-reasons.js';
import type { HostMaker, HostSetup, NamedText } from './options.js';
import type { EmitSink, PacketResults, ReplayHost, RuleInfo, TableUse } from './replay-host.js';

/** The host of `statewall replay`. */
export const makeHost: HostMaker = (setup) => new HostAdapter(setup);

class HostAdapter implements ReplayHost {
  readonly interfaceNames: readonly string[];
  private readonly host: Host;
  private readonly rulesets = new Map<Family, Ruleset>();
  private readonly infos = new Map<number, RuleInfo>();
  private readonly words = new Int32Array(4);

  constructor(setup: HostSetup) {
    const options: HostOptions = {};
    this.host = new Host(setup.config, options);
    if (setup.events) this.host.listen();
    this.load(setup.rules, 2, setup);
    this.load(setup.rules6, 10, setup);
    this.interfaceNames = this.host.interfaces.map((i) => i?.name ?? '');
  }

  private load(rules: NamedText | null, family: Family, setup: HostSetup): void {
    if (rules === null) return;
    const warn = (message: string, position: Position | null): void => {
      const place = position === null ? rules.file : `${position.file}:${position.line}:${position.column}`;
      setup.warn(`${place}: ${message}`);
    };
    const ruleset = loadRules(rules.text, rules.file, family, { lenient: setup.lenient, warn });
    this.host.load(ruleset, { lenient: setup.lenient, warn });
    this.rulesets.set(family, ruleset);
  }

  interfaceIndex(name: string): number {
    return this.host.interfaceIndex(name);
  }

  isLocal(bytes: Uint8Array, at: number, family: 2 | 10): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let i = 0; i < 4; i++) this.words[i] = family === 2 && i > 0 ? 0 : view.getInt32(at + 4 * i);
    return this.host.routing.isOwn(family, this.words, 0);
  }

  run(
    batch: FrameBatch,
    from: number,
    to: number,
    direction: Uint8Array,
    inInterface: Int32Array,
    linkType: Int32Array,
    results: PacketResults,
  ): void {
    this.host.run(batch, from, to, direction, inInterface, linkType, results);
  }

  advance(nowMs: number): void {
    this.host.advance(nowMs);
  }

  rule(n: number): RuleInfo {
    const known = this.infos.get(n);
    if (known !== undefined) return known;
    const d = this.host.decision(n)!;
    const table = this.rulesets.get(d.family)!.tables.get(d.table)!;
    const text =
      d.rule === null ? `-P ${d.chain} ${table.chains.get(d.chain)!.policy}` : printRule(d.chain, d.rule, d.family);
    const info = { family: d.family, table: d.table, chain: d.chain, number: d.number, text };
    this.infos.set(n, info);
    return info;
  }

  reasonName(reason: number): string {
    return this.host.reasonName(reason);
  }

  reasonText(): string {
    return this.host.reasonText();
  }

  skipName(reason: number): string {
    return reason === PARSE_NOT_IP ? 'not IP' : PARSE_REASON_TEXTS[reason]!.replace(/ ?%\d/g, '');
  }

  status(_connection: number): number {
    return this.host.result.status;
  }

  id(_connection: number): number {
    return this.host.result.connectionId;
  }

  set onEmit(sink: EmitSink | null) {
    this.host.onEmit =
      sink === null
        ? null
        : (bytes, start, end, out, kind, hostMade) =>
            sink(bytes, start, end, LINKTYPE_RAW, kind === EMIT_DELIVERED ? 0 : out, hostMade);
  }

  set onLog(take: ((line: string) => void) | null) {
    this.host.onLog = take;
  }

  drainEvents(take: (event: FlowEvent) => void): void {
    for (let e = this.host.nextEvent(); e !== null; e = this.host.nextEvent()) take(e);
  }

  get lostEvents(): number {
    return this.host.tracker.events.lost;
  }

  flows(): Iterable<FlowRecord> {
    return this.host.flows();
  }

  expectations(): Iterable<ExpectationRecord> {
    return [];
  }

  loadFlows(records: readonly FlowRecord[]): void {
    for (const r of records) this.host.addFlow(r);
  }

  saveRules(family: 2 | 10): string {
    const ruleset = this.rulesets.get(family);
    if (ruleset === undefined) return '';
    this.host.engine.exportCounters(ruleset);
    return printRuleset(ruleset, { counters: true });
  }

  tableUse(): TableUse {
    const { table, settings } = this.host.tracker;
    return { entries: table.count, peak: table.peak, max: settings.value[SET_MAX]! };
  }
}
