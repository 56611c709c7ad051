/** The simulated host (host/host) as the replay sees it. */
import type { FrameBatch } from '../capture/frame-batch.js';
import type { ExpectationEvent, ExpectationRecord, FlowEvent, FlowRecord } from '../flow/record.js';
import { HostConfigError } from '../host/config.js';
import { Host } from '../host/host.js';
import { LEGACY_TOO } from '../iptables/dump-text.js';
import { loadRules } from '../iptables/restore.js';
import { printRule, printRuleset } from '../iptables/save.js';
import { ETHERTYPES, LINK_ETHERNET, LINK_RAW } from './describe.js';
import { LocalAddresses } from './local-addresses.js';
import type { HostMaker, HostSetup, NamedText, Plane } from './options.js';
import {
  type DoubtInfo,
  type EmitSink,
  type PacketResults,
  RESULT_SKIPPED,
  type ReplayHost,
  type RuleInfo,
  type TableUse,
} from './replay-host.js';

type Ruleset = ReturnType<typeof loadRules>;

/** Events kept between two drains: those that the expiries of a long pause make. */
const EVENT_RING = 65536;
/** EMIT_DELIVERED of host/path: to the host itself. */
const EMIT_DELIVERED = 1;

/** Codes of wire/parse-reasons (1-14) in few words; codes from 0x600 on are ethertypes. */
const SKIP_NAMES = [
  '',
  'not IP',
  'unknown link type',
  'cut short',
  'cut short',
  'wrong IP version',
  'wrong IP header length',
  'wrong IP checksum',
  'IP length beyond the frame',
  'wrong IP length',
  'IPv6 from a multicast address',
  'IPv6 to scope 0',
  'wrong IPv6 options',
  'wrong IPv6 jumbo option',
  'cut short',
];
const PARSE_NOT_IP = 1;

/** The host of `statewall replay`. */
export const makeHost: HostMaker = (setup) => new HostAdapter(setup);

class HostAdapter implements ReplayHost {
  readonly interfaceNames: readonly string[];
  private readonly host: Host;
  private readonly own: LocalAddresses;
  /** By family and plane: IPv4, IPv6, then those of nft's plane. */
  private readonly rulesets: (Ruleset | null)[];
  private emit: EmitSink | null = null;
  /** Rules that were asked for, by number: printing one again for each packet would be slow. */
  private readonly infos = new Map<number, RuleInfo>();

  constructor(setup: HostSetup) {
    this.host = makeSimulated(setup);
    if (setup.events) this.host.listen();
    if (setup.sets !== null) this.host.sets.restore(setup.sets.text, setup.sets.file);
    this.interfaceNames = this.host.interfaces.map((i) => i?.name ?? '');
    this.own = new LocalAddresses(setup.config);
    this.rulesets = [
      this.load(setup, setup.rules, 2, 'legacy'),
      this.load(setup, setup.rules6, 10, 'legacy'),
      this.load(setup, setup.rulesNft, 2, 'nft'),
      this.load(setup, setup.rules6Nft, 10, 'nft'),
    ];
  }

  private load(setup: HostSetup, rules: NamedText | null, family: 2 | 10, plane: Plane): Ruleset | null {
    if (rules === null) return null;
    const warn: NonNullable<NonNullable<Parameters<typeof loadRules>[3]>['warn']> = (message, at) => {
      const isSettled =
        message === LEGACY_TOO && plane === 'nft' && (family === 2 ? setup.rules : setup.rules6) !== null;
      const remedy = message === LEGACY_TOO ? ': --rules takes those, --rules-nft this one' : '';
      if (!isSettled) setup.warn(`${at ? `${at.file}:${at.line}:${at.column}: ` : ''}${message}${remedy}`);
    };
    const options = { lenient: setup.lenient, warn };
    const ruleset = loadRules(rules.text, rules.file, family, options);
    this.host.load(ruleset, { ...options, plane });
    return ruleset;
  }

  get onEmit(): EmitSink | null {
    return this.emit;
  }

  set onEmit(sink: EmitSink | null) {
    this.emit = sink;
    this.host.onEmit =
      sink &&
      ((bytes, start, end, outInterface, kind, hostMade) => {
        sink(bytes, start, end, LINK_RAW, kind === EMIT_DELIVERED ? 0 : outInterface, hostMade);
      });
  }

  get onLog(): ((line: string) => void) | null {
    return this.host.onLog;
  }

  set onLog(take: ((line: string) => void) | null) {
    this.host.onLog = take;
  }

  interfaceIndex(name: string): number {
    return this.host.interfaceIndex(name);
  }

  isLocal(bytes: Uint8Array, at: number, family: 2 | 10): boolean {
    return this.own.has(bytes, at, family);
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
    for (let i = from; i < to; i++) {
      if (results.verdict[i] !== RESULT_SKIPPED || results.reason[i] !== PARSE_NOT_IP) continue;
      const start = batch.start[i];
      if (linkType[i] !== LINK_ETHERNET || batch.end[i] - start < 14) continue;
      const type = (batch.bytes[start + 12] << 8) | batch.bytes[start + 13];
      if (type >= 0x600) results.reason[i] = type;
    }
  }

  advance(nowMs: number): void {
    this.host.advance(nowMs);
  }

  rule(n: number): RuleInfo {
    let info = this.infos.get(n);
    if (info === undefined) {
      info = this.describeRule(n);
      this.infos.set(n, info);
    }
    return info;
  }

  private describeRule(n: number): RuleInfo {
    const d = this.host.decision(n);
    if (d === null) throw new Error(`no decision has the number ${n}`);
    const { family, table, chain, number, plane } = d;
    const place = { family, table, chain, number, ...(plane && { plane }) };
    if (d.rule !== null) return { ...place, text: printRule(chain, d.rule, family) };
    const policy = this.ruleset(family, plane)?.tables.get(table)?.chains.get(chain)?.policy;
    return { ...place, text: `-P ${chain} ${policy ?? 'ACCEPT'}` };
  }

  doubts(): DoubtInfo[] {
    return this.host.doubts().map(({ family, table, chain, number, rule, extension, why, packets, plane }) => {
      const text = printRule(chain, rule, family);
      const file = rule.position?.file ?? null;
      const line = rule.position?.line ?? null;
      const where = { family, table, chain, number, text, ...(plane === undefined ? {} : { plane }) };
      return { ...where, extension, why, packets, file, line };
    });
  }

  reasonName(reason: number): string {
    return this.host.reasonName(reason) || 'no reason told';
  }

  reasonText(): string {
    return this.host.reasonText();
  }

  skipName(reason: number): string {
    return reason >= 0x600
      ? (ETHERTYPES[reason] ?? `ethertype 0x${reason.toString(16).padStart(4, '0')}`)
      : (SKIP_NAMES[reason] ?? 'not readable');
  }

  status(): number {
    return this.host.result.status;
  }

  id(): number {
    return this.host.result.connectionId >>> 0;
  }

  drainEvents(take: (event: FlowEvent) => void): void {
    for (let e = this.host.nextEvent(); e !== null; e = this.host.nextEvent()) take(e);
  }

  drainExpectationEvents(take: (event: ExpectationEvent) => void): void {
    for (let e = this.host.nextExpectationEvent(); e !== null; e = this.host.nextExpectationEvent()) take(e);
  }

  get lostEvents(): number {
    return this.host.tracker.events.lost;
  }

  flows(): Iterable<FlowRecord> {
    return this.host.flows();
  }

  expectations(): Iterable<ExpectationRecord> {
    return this.host.expectations();
  }

  loadFlows(records: readonly FlowRecord[]): number {
    let refused = 0;
    for (const r of records) if (!this.host.addFlow(r)) refused++;
    return refused;
  }

  private ruleset(family: 2 | 10, plane: Plane = 'legacy'): Ruleset | null {
    return this.rulesets[(family === 2 ? 0 : 1) + (plane === 'nft' ? 2 : 0)] ?? null;
  }

  saveRules(family: 2 | 10, plane?: Plane): string {
    const ruleset = this.ruleset(family, plane);
    if (ruleset === null) return '';
    this.host.exportCounters(ruleset);
    return printRuleset(ruleset, { counters: true });
  }

  saveSets(): string {
    return this.host.sets.save();
  }

  tableUse(): TableUse {
    const { table, settings } = this.host.tracker;
    const max = settings.get('net.netfilter.nf_conntrack_max') ?? 0;
    return { entries: table.count, peak: table.peak, max };
  }
}

/** Memory for the whole table is reserved when the host is made. */
function makeSimulated({ config, answers, firstPlane }: HostSetup): Host {
  try {
    return new Host(config, { eventRing: EVENT_RING, answers, firstPlane, foreignCookies: true });
  } catch (e) {
    const max = 'net.netfilter.nf_conntrack_max';
    if (!(e instanceof RangeError) || config.sysctl?.[max] === undefined) throw e;
    throw new HostConfigError(`sysctl.${max}`, `a table of ${config.sysctl[max]} connections does not fit into memory`);
  }
}
