/**
 * The inside of a simulated host: everything that the packet's way (path.ts) calls on. What the rules may ask (RuleContext), what
 * the tracker tells (TrackerListener), the packets that the host makes itself, and how packets leave.
 */
import { Defragmenter } from '../conntrack/defrag.js';
import { R_ID, RECORD_SHIFT } from '../conntrack/layout.js';
import type { Template, TrackerListener } from '../conntrack/lifecycle.js';
import { Tracker } from '../conntrack/tracker.js';
import type { Helpers } from '../helpers/helpers.js';
import { Nat, type NatHost } from '../nat/nat.js';
import {
  type HostInterface,
  RTN_LOCAL,
  RTN_UNICAST,
  type RuleContext,
  VERDICT_ACCEPT,
  VERDICT_DROP,
} from '../rules/context.js';
import { RuleEngine, TABLE_NAT } from '../rules/evaluate.js';
import { type HostFacts, KERNEL_SOCKET, NO_SOCKET } from '../rules/host-facts.js';
import type { EngineHost } from '../rules/load.js';
import type { Family } from '../rules/model.js';
import { Sets } from '../rules/set/sets.js';
import type { SetStore } from '../rules/set/store.js';
import { REJECT_TCP_RESET } from '../rules/target/REJECT.js';
import type { SynproxyRequest } from '../rules/target/SYNPROXY.js';
import { transportChecksumOk } from '../wire/checksum.js';
import {
  AF_INET,
  CT_RELATED,
  CT_UNTRACKED,
  HAS_LOCAL_ORIGIN,
  HAS_REASSEMBLED,
  HAS_UNTRACKED_CAUSE,
  PARSE_OK,
  Packet,
  T_DST,
} from '../wire/packet.js';
import { parseNetwork, reparseNetwork } from '../wire/parse.js';
import { Answers, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, ICMP_PARAMETERPROB, ICMPV6_PKT_TOOBIG } from './answers.js';
import { compileHost, type HostConfig, type HostNetwork } from './config.js';
import { PacketCopy } from './duplicate.js';
import { hostFacts, isAwaited } from './facts.js';
import { isJoined, mayForward } from './forward.js';
import { fragmentLimits } from './fragment-limits.js';
import { makeHelpers } from './help.js';
import type { HostOptions } from './host-options.js';
import { IpOptions, OPTIONS_OK, OPTIONS_SOURCE_ROUTE } from './ip-options.js';
import { KernelLog } from './kernel-log.js';
import { LocalStack, STACK_ANSWERS_ATTACHED, STACK_SILENT } from './local-stack.js';
import { LoopbackQueue } from './loopback.js';
import { LoopedCopy } from './looped.js';
import { EMIT_DELIVERED, make } from './path.js';
import { IN_ANY, IN_LEGACY, NFT_SECURITY, Planes, ruleNumber } from './planes.js';
import { HOST_BAD_OPTIONS, HOST_SOURCE_ROUTE } from './reasons.js';
import { expireFragments } from './reassembly.js';
import { FRAGMENT_TOO_BIG, FRAGMENT_WHOLE, type FragmentSink, Refragmenter } from './refragment.js';
import { type EmitSink, HostResult } from './results.js';
import { PacketRoom } from './room.js';
import type { Routing } from './routing.js';
import { fillSets } from './sets.js';
import { Synproxy } from './synproxy.js';

/** Answers to answers do not happen; a REJECT in OUTPUT may answer an answer once more. */
const ANSWER_DEPTH = 4;
/** Packets on lo that have been sent and not arrived yet. */
const LOOPBACK_QUEUE = 64;
/** Expired connections ended a packet at most, so that a pause in a capture does not stall. */
const EXPIRE_BUDGET = 1 << 30;
/** lo is always the first interface. */
export const LO_INDEX = 1;

/** The inside of one host; see the head of this file. */
export class HostKernel extends KernelLog implements EngineHost, RuleContext, TrackerListener, FragmentSink, NatHost {
  /** @internal */
  readonly network: HostNetwork;
  /** @internal */
  readonly routing: Routing;
  /** @internal */
  readonly interfaces: readonly (HostInterface | null)[];
  /** @internal */
  readonly tracker: Tracker;
  /** @internal */
  readonly nat: Nat;
  /** @internal */
  readonly helpers: Helpers;
  /** @internal */
  readonly engine: RuleEngine;
  /** @internal Handshakes of -j SYNPROXY. */
  readonly proxy: Synproxy;
  /** @internal Both planes; null while there are no rules of nft's. */
  planes: Planes | null = null;
  private readonly nftFirst: boolean;
  /** What became of the last packet; the same object each time, valid until the next packet. */
  readonly result = new HostResult();

  /* EngineHost */
  /** @internal */
  readonly context: RuleContext = this;
  /** @internal */
  readonly facts: HostFacts;
  /** @internal */
  readonly shared = new Map<string, unknown>();
  /** @internal */
  readonly templates: (Template | null)[];
  /** The host's sets (ipset), for `-m set` and `-j SET`: those of its description to begin with. */
  readonly sets: Sets;
  /** @internal */
  readonly setStore: SetStore;

  /* RuleContext */
  /** The host's clock in ms since the epoch, to be read; `advance` sets it. */
  nowMs = -1;
  /** @internal */
  hook = 0;
  /** @internal */
  hotdrop = false;

  /** Takes each packet that leaves or is delivered, in order; null: nobody does. */
  onEmit: EmitSink | null = null;

  /** @internal */
  readonly fragments: Defragmenter;
  /** @internal Options of the IPv4 packet that is on its way. */
  readonly options: IpOptions;
  private readonly refragmenter = new Refragmenter();
  /** For the packet that is on its way; to be given back when it is done. */
  protected readonly room = new PacketRoom();
  /** One for each level of answers inside answers. */
  private readonly answers: Answers[] = [];
  private readonly answerPackets: Packet[] = [];
  /** null: what is delivered is not answered. */
  private readonly stack: LocalStack | null;
  private readonly copy = new PacketCopy(); // for -j TEE
  /** @internal */
  readonly looped = new LoopedCopy();
  protected readonly loopback: LoopbackQueue = new LoopbackQueue(LOOPBACK_QUEUE);
  /** @internal The packet that is on its way: the arrived one, or what its last fragment completed. */
  current = new Packet();
  /**
   * Above 0 while a packet that the host made by itself is on its way; `answerSocket` is that packet's socket.
   * @internal
   */
  answering = 0;
  /** @internal */
  answerSocket = NO_SOCKET;
  private randomState: number;

  /**
   * A host that has no rules yet and accepts everything. Memory for `nf_conntrack_max` connections is reserved; the system gives
   * it as it is used.
   * @param config Interfaces, routes, sysctls; without one: `lo` alone and the defaults of Linux 6.18.
   * @param options Seed and sizes.
   * @throws HostConfigError with the place of what is wrong.
   */
  constructor(config: HostConfig = {}, options: HostOptions = {}) {
    super();
    const seed = options.seed ?? 1;
    this.randomState = seed | 0;
    this.network = compileHost(config);
    this.routing = this.network.routing;
    this.options = new IpOptions(this.routing);
    this.fragments = new Defragmenter(fragmentLimits(this.network.sysctl));
    this.interfaces = this.network.interfaces;
    const ring = options.eventRing === undefined ? {} : { eventRing: options.eventRing };
    this.tracker = new Tracker({ settings: this.network.settings, seed, listener: this, ...ring });
    for (const [name, policy] of this.network.timeouts) this.tracker.timeoutPolicies.set(name, policy);
    this.nat = new Nat(this.tracker, this);
    this.proxy = new Synproxy(this, seed);
    if (options.foreignCookies) this.proxy.cookies.keepSyns();
    this.helpers = makeHelpers(this, config.modules ?? null);
    this.templates = this.tracker.templates;
    this.sets = new Sets(this);
    this.setStore = this.sets.store;
    fillSets(this.sets, this.network.sets);
    this.facts = hostFacts(this.network, this.tracker, this);
    this.engine = new RuleEngine(this);
    this.nftFirst = options.firstPlane !== 'legacy';
    this.stack = options.answers ? new LocalStack(this.routing, this.network.sysctl, this.options) : null;
    for (let i = 0; i < ANSWER_DEPTH; i++) {
      this.answers.push(new Answers(this.routing, this.network.sysctl, this.options));
      this.answerPackets.push(new Packet());
    }
  }
  /** result.rule of the table walk that ended the packet's way; -1 = none did. */
  protected decided = -1;

  /** Index of an interface by its name, as `receive` and `send` want it; 0 = there is none of that name. */
  interfaceIndex(name: string): number {
    return this.network.interfaceIndex.get(name) ?? 0;
  }

  /**
   * Lets the clock run; connections and fragments that timed out end.
   * @param nowMs Milliseconds since the epoch; a time before the last one changes nothing, the clock never goes back.
   */
  advance(nowMs: number): void {
    if (!(nowMs > this.nowMs)) return;
    this.nowMs = nowMs;
    this.setStore.begin();
    this.tracker.advance(nowMs, EXPIRE_BUDGET);
    if (nowMs >= this.fragments.dueMs) expireFragments(this);
  }

  /** The engine of nft's rules, made when it is asked for first. */
  protected nftEngine(): RuleEngine {
    this.planes ??= new Planes(this, this.nftFirst);
    return this.planes.nft;
  }

  /* steps of the way (path.ts) */

  /**
   * The tables that have a chain in the packet's hook, as bits: few packets meet all five.
   * @internal
   */
  tables(p: Packet): number {
    return this.planes === null ? this.engine.present(p.family, p.hook) : this.planes.present(p.family, p.hook);
  }

  /**
   * Runs a table on the packet's hook, if it is one of `tables`.
   * @internal
   */
  table(tables: number, table: number, p: Packet): number {
    const where = (tables >> table) & IN_ANY;
    if (where === 0) return VERDICT_ACCEPT;
    const isPlain = where === IN_LEGACY;
    const verdict = isPlain ? this.engine.run(table, p.hook, p, this) : this.planes!.run(table, p, this);
    if (verdict === VERDICT_ACCEPT || this.answering > 0) return verdict;
    this.decided = isPlain ? ruleNumber(this.engine) : this.planes!.decided;
    return verdict;
  }

  /**
   * Runs nft's security table in INPUT, if it is one of `tables`.
   * @internal
   */
  nftSecurity(tables: number, p: Packet): number {
    if ((tables & NFT_SECURITY) === 0) return VERDICT_ACCEPT;
    const planes = this.planes!;
    const verdict = planes.runLate(p, this);
    if (verdict !== VERDICT_ACCEPT && this.answering === 0) this.decided = planes.decided;
    return verdict;
  }

  /** @internal Runs the filter table, and notes what it saw and decided. */
  filter(tables: number, table: number, p: Packet): number {
    if (this.answering > 0) return this.table(tables, table, p);
    const r = this.result;
    r.state = p.state;
    r.hook = p.hook;
    this.engine.forget();
    const { planes } = this;
    const verdict = planes === null ? this.engine.run(table, p.hook, p, this) : planes.run(table, p, this);
    r.rule = planes === null ? ruleNumber(this.engine) : planes.decided;
    if (verdict !== VERDICT_ACCEPT) this.decided = r.rule;
    return verdict;
  }

  /**
   * Reads and fills in the options of an arrived IPv4 packet; false: dropped, `p.reason` says why.
   * @internal
   */
  takeOptions(p: Packet, local: boolean): boolean {
    const result = this.options.receive(p, local, this.nowMs);
    if (result === OPTIONS_OK) return true;
    p.reason = result === OPTIONS_SOURCE_ROUTE ? HOST_SOURCE_ROUTE : HOST_BAD_OPTIONS;
    p.reasonArgs[0] = result;
    if (result !== OPTIONS_SOURCE_ROUTE) this.answerError(p, ICMP_PARAMETERPROB, 0, result);
    return false;
  }

  /** @internal */
  hasNat(family: number): boolean {
    if (this.engine.program(family as Family, TABLE_NAT) !== null) return true;
    return this.planes !== null && this.planes.nft.program(family as Family, TABLE_NAT) !== null;
  }

  /**
   * Interface on which a packet of the host's own leaves after OUTPUT: found anew where translation makes its destination another
   * than the connection's, or marks count (ip_route_me_harder), else the one it has. -1: nothing leads there.
   * @internal
   */
  reroute(p: Packet): number {
    const redirected = p.connection >= 0 && this.hasNat(p.family) && this.nat.isRedirected(p);
    if (!redirected && !this.routing.hasMarks) return p.outInterface;
    this.routing.route(p.family, p.tuple, T_DST, p.mark);
    return this.routing.outInterface || (redirected ? -1 : p.outInterface);
  }

  /**
   * Dropped by the host itself, for a HOST_ reason.
   * @internal
   */
  refuse(p: Packet, reason: number): number {
    p.reason = reason;
    return VERDICT_DROP;
  }

  /**
   * Dropped by connection tracking; `p.reason` says why.
   * @internal
   */
  fall(_p: Packet): number {
    return VERDICT_DROP;
  }

  /**
   * What ip_forward and ip6_forward do before the FORWARD hook; false: dropped, and answered where the kernel answers.
   * @internal
   */
  mayForward(p: Packet): boolean {
    return mayForward(this, p);
  }

  /**
   * Length of the largest fragment of the packet that was put together last (IPCB frag_max_size).
   * @internal
   */
  get largestFragment(): number {
    return this.fragments.maxSize;
  }

  /**
   * Interface on which the host sends a packet: by routing, else the one that the capture names. Whoever speaks to a group chooses that
   * himself.
   */
  protected outInterface(p: Packet, dev: number): number {
    const first = p.tuple[T_DST]!;
    if (dev !== 0 && (p.family === AF_INET ? first >>> 28 >= 14 : first >>> 24 === 0xff)) return dev;
    this.routing.route(p.family, p.tuple, T_DST, p.mark);
    return this.routing.outInterface || dev;
  }

  /**
   * A packet has passed every hook: it leaves, or is delivered.
   * @internal
   */
  emit(p: Packet, kind: number): void {
    if (p.outInterface === LO_INDEX && kind !== EMIT_DELIVERED) this.loopback.put(p, this.connectionId(p));
    const hostMade = this.answering > 0;
    if (kind === EMIT_DELIVERED) {
      this.onEmit?.(p.bytes, p.l3Off, p.end, 0, kind, hostMade);
      return;
    }
    const mtu = this.interfaces[p.outInterface]?.mtu ?? 1500;
    // what is too big is answered, whether or not somebody takes what leaves
    if (this.onEmit === null && p.l3Len <= mtu && (p.has & HAS_REASSEMBLED) === 0) return;
    this.emitting = p;
    this.emittingKind = kind;
    const joined = p.l3Len > mtu && isJoined(this, p);
    const cut = joined ? FRAGMENT_WHOLE : this.refragmenter.refragment(p, this.fragments, mtu, this);
    if (cut === FRAGMENT_WHOLE) this.onEmit?.(p.bytes, p.l3Off, p.end, p.outInterface, kind, hostMade);
    else if (cut === FRAGMENT_TOO_BIG) this.answerTooBig(p, mtu);
  }
  private emitting: Packet | null = null;
  private emittingKind = 0;

  /**
   * FragmentSink: a piece of the packet that is being emitted.
   * @internal
   */
  fragment(bytes: Uint8Array, start: number, end: number): void {
    this.onEmit?.(bytes, start, end, this.emitting!.outInterface, this.emittingKind, this.answering > 0);
  }

  private connectionId(p: Packet): number {
    return p.connection < 0 ? 0 : this.tracker.table.words[((p.connection >> 1) << RECORD_SHIFT) + R_ID]!;
  }

  /* what the host makes by itself */

  /**
   * Answers a packet with an ICMP error; `info`: MTU or pointer, else 0. Nothing is sent where the kernel sends none.
   * @internal
   */
  answerError(p: Packet, type: number, code: number, info: number): void {
    const answers = this.nextAnswers();
    if (answers?.icmpError(p, type, code, info)) this.sendAnswer(answers, p, KERNEL_SOCKET);
  }

  private answerTooBig(p: Packet, mtu: number): void {
    if (p.family === AF_INET) this.answerError(p, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
    else this.answerError(p, ICMPV6_PKT_TOOBIG, 0, mtu);
  }

  /** @internal */
  reject(p: Packet, type: number): void {
    const answers = this.nextAnswers();
    if (answers === null) return;
    if (type !== REJECT_TCP_RESET) {
      if (answers.unreachable(p, type & 0xff)) this.sendAnswer(answers, p, KERNEL_SOCKET);
      return;
    }
    if (!answers.tcpReset(p)) return;
    if (p.connection >= 0) this.tracker.setClosing(p.connection);
    this.sendAnswer(answers, p, NO_SOCKET);
  }

  /** @internal */
  duplicate(p: Packet, gateway: Int32Array, dev: number): void {
    const { copy } = this;
    if (copy.busy || !copy.make(p)) return;
    const c = copy.packet;
    this.routing.route(c.family, gateway, 0);
    // a route is demanded only where the rule names no interface (fl4.flowi4_oif)
    if (dev === 0 && this.routing.type !== RTN_UNICAST && this.routing.type !== RTN_LOCAL) return;
    c.outInterface = dev || this.routing.outInterface;
    copy.busy = true;
    this.sendOwn(c, NO_SOCKET);
    copy.busy = false;
  }

  /** @internal */
  synproxy(p: Packet, request: SynproxyRequest): void {
    this.proxy.answer(p, request);
  }

  /**
   * Sends a segment that no socket of the host's has made: of the connection that it says, or tracked by its own tuple.
   * @internal
   */
  sendSegment(p: Packet): void {
    p.has |= HAS_LOCAL_ORIGIN;
    p.inInterface = 0;
    p.outInterface = this.outInterface(p, 0);
    if (p.outInterface === 0) return;
    const isAttached = p.connection >= 0;
    if (!isAttached) this.tracker.prepare(p);
    if (this.sendOwn(p, NO_SOCKET) !== VERDICT_ACCEPT && !isAttached) this.tracker.dropped(p);
  }

  /** Sends a packet that the host makes by itself while another one is on its way. */
  private sendOwn(p: Packet, socket: number): number {
    const outer = this.answerSocket;
    this.answerSocket = socket;
    this.answering++;
    const verdict = make(this, p);
    this.answering--;
    this.answerSocket = outer;
    return verdict;
  }

  /** @internal */
  get arrivedOn(): number {
    return this.current.inInterface;
  }

  /**
   * A packet was delivered to the host itself: sends what a host without sockets answers, if this one is to answer. On `lo` it
   * stays silent: what is sent there arrives only if the capture says so.
   * @internal
   */
  delivered(p: Packet): void {
    if (this.stack === null || p.inInterface === LO_INDEX || isAwaited(p, this.facts.sockets)) return;
    const kind = this.stack.answer(p, this.nowMs);
    const cause = kind === STACK_ANSWERS_ATTACHED ? p : null;
    if (kind !== STACK_SILENT) this.sendAnswer(this.stack, cause, KERNEL_SOCKET);
  }

  /** The buffer for the next answer; null: answers answer answers, too deep. */
  private nextAnswers(): Answers | null {
    return this.answers[this.answering] ?? null;
  }

  /**
   * Sends an answer through OUTPUT and POSTROUTING, inside the way of the packet that it answers. It belongs to the connection of
   * `cause` as RELATED (nf_ct_attach); where there is none it is tracked by its own tuple.
   */
  private sendAnswer(answers: Answers, cause: Packet | null, socket: number): void {
    const connection = cause === null ? -1 : cause.connection;
    const a = this.answerPackets[this.answering]!;
    if (parseNetwork(a, answers.bytes, answers.start, answers.end) !== PARSE_OK) return;
    a.has |= HAS_LOCAL_ORIGIN;
    a.inInterface = 0;
    a.outInterface = this.outInterface(a, 0);
    if (!this.routing.errorLimits.allows(a, this.tracker.nowMs)) return;
    if (connection >= 0) {
      a.connection = connection ^ 1;
      a.state = CT_RELATED;
    } else {
      if (cause?.state === CT_UNTRACKED) a.has |= HAS_UNTRACKED_CAUSE;
      this.tracker.prepare(a);
    }
    const verdict = this.sendOwn(a, socket);
    if (verdict !== VERDICT_ACCEPT && connection < 0) this.tracker.dropped(a);
  }

  /* NatHost */

  /** @internal */
  masqueradeAddress(family: number, dev: number, words: Int32Array, at: number, out: Int32Array): boolean {
    return this.routing.masqueradeAddress(family, dev, words, at, out);
  }

  /** @internal */
  redirectAddress(family: number, dev: number, words: Int32Array, at: number, out: Int32Array): boolean {
    return this.routing.redirectAddress(family, dev, words, at, out);
  }

  /* RuleContext */

  /** @internal */
  random(): number {
    // xorshift32 (Marsaglia 2003); the state is never 0
    let x = this.randomState | 0 || 0x9e3779b9 | 0;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.randomState = x;
    return x;
  }

  /** @internal */
  addressType(family: number, words: Int32Array, at: number, dev: number): number {
    return this.routing.addressType(family, words, at, dev);
  }

  /** @internal */
  checksumOk(p: Packet): boolean {
    return (p.has & HAS_LOCAL_ORIGIN) !== 0 || transportChecksumOk(p);
  }

  /** @internal */
  reparse(p: Packet): void {
    reparseNetwork(p, p.end);
  }

  /** @internal */
  makeRoom(p: Packet, by: number): boolean {
    return this.room.make(p, by);
  }
}
