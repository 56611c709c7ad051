/**
 * The simulated Linux host: interfaces, routes, rules of both families and a connection table behind the five hooks.
 *
 *   const host = new Host({ interfaces: [{ name: 'eth0', addresses: ['192.0.2.1/24'] }] });
 *   host.load(ruleset);
 *   host.advance(timeMs);
 *   host.receive(bytes, start, end, end - start, LINKTYPE_ETHERNET, host.interfaceIndex('eth0'));
 *   host.result.verdict ...
 *
 * Bytes given to it are borrowed for the call and rewritten in place where rules mangle packets. What leaves the host, what is
 * delivered to it, and what it makes itself goes to `onEmit`. Clock and randomness come from outside: `advance` and the seed;
 * two hosts in one process share nothing, and the same input gives the same output.
 */
import { EventView } from '../conntrack/events.js';
import { R_ID, R_STATUS, RECORD_SHIFT, STATUS_MASK } from '../conntrack/layout.js';
import type { Statistics } from '../conntrack/statistics.js';
import type { ExpectationEvent, ExpectationRecord, FlowEvent, FlowRecord } from '../flow/record.js';
import { VERDICT_ACCEPT } from '../rules/context.js';
import type { Doubt, LoadOptions } from '../rules/load.js';
import type { Ruleset } from '../rules/model.js';
import { IPV6_HEADER_LEN, ipv6LoopbackOnly, readIpv6Addresses, walkChain } from '../wire/ipv6.js';
import {
  AF_INET6,
  CT_NONE,
  HAS_LOCAL_ORIGIN,
  HOOK_PREROUTING,
  IPPROTO_HOPOPTS,
  PARSE_OK,
  Packet,
} from '../wire/packet.js';
import { parseFrame, parseNetwork } from '../wire/parse.js';
import {
  PARSE_IP_CHECKSUM,
  PARSE_IP6_HOP_OPTIONS,
  PARSE_IP6_JUMBO,
  PARSE_REASON_TEXTS,
} from '../wire/parse-reasons.js';
import { ICMPV6_PARAMPROB } from './answers.js';
import { HostConfigError } from './config.js';
import { expectationEventOf, expectationOf } from './expectations.js';
import { addFlow, eventOf, flowOf } from './flows.js';
import { HostKernel, LO_INDEX } from './kernel.js';
import { Links } from './links.js';
import { arrive, make, VERDICT_QUEUED } from './path.js';
import { type Plane, type PlaneDecision, RULE_SHIFT } from './planes.js';
import { reasonName, reasonText } from './reason-texts.js';
import { HOST_LINK_GROUP, HOST_MARTIAN_SOURCE, HOST_REASON_NAMES, HOST_REASON_TEXTS } from './reasons.js';
import { FRAME_ARRIVES, FRAME_MADE, type Frames, type Results, VERDICT_SKIPPED } from './results.js';
import type { SynproxyStatistics } from './synproxy.js';

/** A rule whose answers may be wrong (`Host.doubts`). */
export interface HostDoubt extends Doubt {
  /** The plane that the rule is in; absent while only one is loaded. */
  plane?: Plane;
}

/** Codes of ICMPv6 parameter problem. */
const ICMPV6_HDR_FIELD = 0;
const ICMPV6_UNK_OPTION = 2;
/** Packets parsed ahead in one go: 32 to 256 measured equal. */
const BATCH = 64;

/** How rules are loaded. */
export interface HostLoadOptions extends LoadOptions {
  /** 'nft': beside the rules of iptables-legacy, those of iptables-nft. Default: 'legacy'. */
  plane?: Plane;
}

/**
 * One simulated Linux host: interfaces, routes, rules of both families and a connection table behind the five hooks. Its clock is what
 * `advance` says and its chance comes from a seed, so that the same input gives the same output; two hosts share nothing.
 */
export class Host extends HostKernel {
  private readonly packets: Packet[] = Array.from({ length: BATCH }, () => new Packet());
  private readonly event = new EventView();
  private readonly links = new Links(this.network, this.nat);

  /**
   * Checks and compiles a ruleset of one family, then puts it in the place of the former one. Connections, and what rules share
   * by name (`recent` lists), stay. The host keeps the object: `exportCounters` writes into it.
   * @param ruleset The rules.
   * @param options How strictly, and into which plane: packets pass the rules of both (planes.ts).
   * @throws RuleError with file, line and column; the former rules stay then.
   */
  load(ruleset: Ruleset, options: HostLoadOptions = {}): void {
    const isNft = options.plane === 'nft';
    let taken = false;
    try {
      (isNft ? this.nftEngine() : this.engine).load(ruleset, options);
      taken = true;
    } finally {
      this.setStore.rulesLoaded(isNft ? -ruleset.family : ruleset.family, taken);
    }
    if (ruleset.tables.has('nat')) this.nat.enable();
  }

  /**
   * Somebody listens to events: connections made from now on have them, for `nextEvent`. Without a call of this the host keeps
   * none, as the kernel does while no program listens (`nf_conntrack_events=2`).
   */
  listen(): void {
    this.tracker.listen();
  }

  /**
   * Gives an interface other addresses. Connections that MASQUERADE gave one that is gone end, as in the kernel; routes of the
   * host's description stay.
   * @param name Of the interface.
   * @param addresses All that it has from now on: `10.1.0.1/24`, `fd00:1::1/64`.
   * @throws HostConfigError with the place of what is wrong; nothing has changed then.
   */
  setAddresses(name: string, addresses: readonly string[]): void {
    this.links.setAddresses(this.known(name), addresses, `interfaces.${name}.addresses`);
  }

  /**
   * Takes an interface down, or up again. While it is down it has no routes; connections that MASQUERADE gave one of its
   * addresses end. Packets that are said to arrive on it are taken all the same.
   * @param name Of the interface.
   * @param up false: down.
   * @throws HostConfigError if there is none of that name.
   */
  setUp(name: string, up: boolean): void {
    this.links.setUp(this.known(name), up);
  }

  private known(name: string): number {
    const index = this.interfaceIndex(name);
    if (index === 0) throw new HostConfigError(`interfaces.${name}`, 'there is no such interface');
    return index;
  }

  /* packets */

  /**
   * A frame that arrives on an interface.
   * @param bytes The frame is `bytes[start, end)`. Borrowed for the call, and rewritten in place where rules mangle packets; a
   *   packet that grows moves elsewhere, no byte outside of the frame is written.
   * @param start First byte of the frame in `bytes`.
   * @param end One past its last captured byte.
   * @param wireLen Bytes that the frame had on the wire; more than `end - start` where the capture cut it.
   * @param linkType LINKTYPE_ constant.
   * @param inInterface Of `interfaceIndex`.
   * @returns VERDICT_ constant; `result` says more. Never throws, whatever the bytes are.
   */
  receive(
    bytes: Uint8Array,
    start: number,
    end: number,
    wireLen: number,
    linkType: number,
    inInterface: number,
  ): number {
    return this.one(bytes, start, end, wireLen, linkType, FRAME_ARRIVES, inInterface);
  }

  /**
   * A frame that the host itself makes; its link-layer header is passed over, its checksums are taken as right.
   * @param bytes The frame is `bytes[start, end)`, borrowed and rewritten as in `receive`.
   * @param start First byte of the frame in `bytes`.
   * @param end One past its last captured byte.
   * @param wireLen Bytes that the frame had; more than `end - start` where the capture cut it.
   * @param linkType LINKTYPE_ constant.
   * @param outInterface Where it leaves if no route leads to its destination; 0 = nowhere in particular.
   * @returns VERDICT_ constant; `result` says more. Never throws, whatever the bytes are.
   */
  send(bytes: Uint8Array, start: number, end: number, wireLen: number, linkType: number, outInterface = 0): number {
    return this.one(bytes, start, end, wireLen, linkType, FRAME_MADE, outInterface);
  }

  private one(
    bytes: Uint8Array,
    start: number,
    end: number,
    wireLen: number,
    linkType: number,
    direction: number,
    dev: number,
  ): number {
    const p = this.packets[0]!;
    const parsed = parseFrame(p, bytes, start, end, wireLen, linkType);
    if (parsed === PARSE_OK) this.tracker.prepare(p);
    this.process(p, parsed, direction, dev);
    return this.result.verdict;
  }

  /**
   * Runs rows [from, to) of a batch in order, each at its own time, and fills the same rows of `results`. `direction`, `dev` (the
   * interface where it arrives, or where the host sends it) and `linkType` are indexed like the batch. Parses, hashes and touches
   * the table for many packets ahead, because waiting for memory is what costs (docs/decisions). `advance` is called for each row.
   * @param frames Borrowed for the call; packets are rewritten in place.
   * @param from First row.
   * @param to One past the last row.
   * @param direction FRAME_ARRIVES or FRAME_MADE.
   * @param dev Interface indexes (`interfaceIndex`).
   * @param linkType LINKTYPE_ constants.
   * @param results Filled.
   */
  run(
    frames: Frames,
    from: number,
    to: number,
    direction: Uint8Array,
    dev: Int32Array,
    linkType: Int32Array,
    results: Results,
  ): void {
    for (let at = from; at < to; at += BATCH) {
      const end = Math.min(to, at + BATCH);
      this.lookAhead(frames, at, end, linkType);
      for (let i = at; i < end; i++) {
        const ms = frames.seconds[i]! * 1000 + ((frames.nanos[i]! / 1_000_000) | 0);
        if (ms > this.nowMs) this.advance(ms);
        const p = this.packets[i - at]!;
        p.candidate = this.hashes[i - at]!;
        this.process(p, this.parsed[i - at]!, direction[i]!, dev[i]!);
        this.store(results, i);
      }
    }
  }

  /** Parses and hashes a batch, then touches the table's memory for all of it, each in a loop of its own. */
  private lookAhead(frames: Frames, from: number, to: number, linkType: Int32Array): void {
    const packets = this.packets;
    const tracker = this.tracker;
    const hashes = this.hashes;
    const parsed = this.parsed;
    for (let i = from; i < to; i++) {
      const p = packets[i - from]!;
      parsed[i - from] = parseFrame(
        p,
        frames.bytes,
        frames.start[i]!,
        frames.end[i]!,
        frames.wireLen[i]!,
        linkType[i]!,
      );
      if (parsed[i - from] === PARSE_OK) tracker.prepare(p);
      hashes[i - from] = p.hash;
    }
    tracker.table.touch(hashes, to - from);
  }
  private readonly parsed = new Int32Array(BATCH);
  private readonly hashes = new Int32Array(BATCH);

  private store(results: Results, i: number): void {
    const r = this.result;
    results.verdict[i] = r.verdict;
    results.state[i] = r.state;
    results.hook[i] = r.hook;
    results.rule[i] = r.rule;
    results.reason[i] = r.reason;
    results.connection[i] = r.connection;
    results.inInterface[i] = r.inInterface;
    results.outInterface[i] = r.outInterface;
  }

  private process(p: Packet, result: number, direction: number, dev: number): void {
    const r = this.result;
    let parsed = result;
    if (parsed === PARSE_IP_CHECKSUM && direction === FRAME_MADE) {
      // captured before the network card filled it in
      parsed = parseNetwork(p, p.bytes, p.l3Off, p.end);
      if (parsed === PARSE_OK) this.tracker.prepare(p);
    }
    this.current = p;
    r.rule = -1;
    r.state = CT_NONE;
    if (parsed !== PARSE_OK) {
      r.verdict = VERDICT_SKIPPED;
      r.reason = parsed;
      r.connection = -1;
      r.connectionId = r.status = 0;
      r.inInterface = dev;
      r.outInterface = 0;
      if (parsed === PARSE_IP6_HOP_OPTIONS || parsed === PARSE_IP6_JUMBO) this.answerOption(p, parsed, direction, dev);
      return;
    }
    let verdict: number;
    if (direction === FRAME_ARRIVES) {
      p.inInterface = dev;
      if (dev === LO_INDEX) this.comeBack(p);
      const reason = dev === LO_INDEX ? 0 : this.refusedAtOnce(p, dev);
      verdict = reason === 0 ? arrive(this, p) : this.refuse(p, reason);
    } else {
      p.inInterface = 0;
      p.has |= HAS_LOCAL_ORIGIN;
      if (this.facts.sockets?.hasMarks) p.mark = this.facts.sockets.mark(this.facts.sockets.sender(p));
      p.outInterface = this.outInterface(p, dev);
      verdict = make(this, p);
    }
    this.finish(verdict);
  }

  /** Why a packet is dropped before any hook sees it; 0: it is not. */
  private refusedAtOnce(p: Packet, dev: number): number {
    p.hook = HOOK_PREROUTING;
    if (this.network.linkAddresses.isElsewhere(p, dev)) return HOST_LINK_GROUP;
    return p.family === AF_INET6 && ipv6LoopbackOnly(p) ? HOST_MARTIAN_SOURCE : 0;
  }

  /** A packet that left on lo arrives there with what it left with; a connection that has ended since is not there any more. */
  private comeBack(p: Packet): void {
    const id = this.loopback.take(p);
    if (p.connection < 0) return;
    if (id !== 0 && this.tracker.table.words[((p.connection >> 1) << RECORD_SHIFT) + R_ID] === id) return;
    p.connection = -1;
  }

  /** An IPv6 packet that is dropped for its hop-by-hop options, before any hook: its sender may be told. */
  private answerOption(p: Packet, parsed: number, direction: number, dev: number): void {
    const pointer = p.reasonArgs[1]!;
    if (pointer === 0 || direction !== FRAME_ARRIVES) return;
    readIpv6Addresses(p, p.l3Off);
    if (ipv6LoopbackOnly(p) || this.network.linkAddresses.isElsewhere(p, dev)) return;
    // errors about errors are not sent: what is behind the options counts
    walkChain(p, p.l3Off + IPV6_HEADER_LEN, IPPROTO_HOPOPTS);
    p.inInterface = dev;
    this.answerError(p, ICMPV6_PARAMPROB, parsed === PARSE_IP6_JUMBO ? ICMPV6_HDR_FIELD : ICMPV6_UNK_OPTION, pointer);
    this.tracker.settle();
    this.room.giveBack();
  }

  private finish(verdict: number): void {
    const p = this.current;
    const r = this.result;
    const tracker = this.tracker;
    r.verdict = verdict;
    if (verdict !== VERDICT_ACCEPT || r.state === CT_NONE) {
      // the filter table was not reached: as the hook of the end saw it
      r.state = p.state;
      r.hook = p.hook;
      if (verdict !== VERDICT_ACCEPT) r.rule = this.decided;
    }
    this.decided = -1;
    r.reason = p.reason;
    r.connection = p.connection;
    r.inInterface = p.inInterface;
    r.outInterface = p.outInterface;
    if (p.connection >= 0) {
      const base = (p.connection >> 1) << RECORD_SHIFT;
      r.connectionId = tracker.table.words[base + R_ID]!;
      r.status = tracker.table.words[base + R_STATUS]! & STATUS_MASK;
    } else r.connectionId = r.status = 0;
    if (verdict !== VERDICT_ACCEPT && verdict !== VERDICT_QUEUED) tracker.dropped(p);
    tracker.settle();
    this.room.giveBack();
  }

  /* looking */

  /** Counters of connection tracking since the host was made, as /proc/net/stat/nf_conntrack has them; live, not a copy. */
  get statistics(): Statistics {
    return this.tracker.statistics;
  }

  /** Counters of -j SYNPROXY since the host was made, as /proc/net/stat/synproxy has them; live, not a copy. */
  get synproxyStatistics(): SynproxyStatistics {
    return this.proxy.statistics;
  }

  /** Events that were lost because nobody drained them in time. */
  get lostEvents(): number {
    return this.tracker.events.lost;
  }

  /** Writes the packet and byte counters of all rules and policies into the ruleset that was loaded (for `printRuleset`). */
  exportCounters(ruleset: Ruleset): void {
    if (this.planes?.nft.holds(ruleset)) this.planes.nft.exportCounters(ruleset);
    else this.engine.exportCounters(ruleset);
  }

  /** What a number in `result.rule` or `Results.rule` means, in words; null for -1. */
  decision(rule: number): PlaneDecision | null {
    if (this.planes !== null) return rule < 0 ? null : this.planes.decision(rule);
    return rule < 0 ? null : this.engine.decision(rule >> RULE_SHIFT, rule & ((1 << RULE_SHIFT) - 1));
  }

  /**
   * A short name of a reason code (`tcp-flags`), the same for every packet that has it, for counting; '' for 0. Not for packets
   * with VERDICT_SKIPPED, whose codes are others.
   */
  reasonName(code: number): string {
    return code >= HOST_MARTIAN_SOURCE ? HOST_REASON_NAMES[code - HOST_MARTIAN_SOURCE]! : reasonName(code);
  }

  /**
   * Why the last packet was INVALID, was dropped outside of the rules, or was no packet at all: a sentence with its numbers;
   * '' = it was none of these.
   */
  reasonText(): string {
    const { reasonArgs } = this.current;
    const { reason, verdict } = this.result;
    if (verdict === VERDICT_SKIPPED) return fill(PARSE_REASON_TEXTS[reason]!, reasonArgs);
    if (reason < HOST_MARTIAN_SOURCE) return reasonText(reason, reasonArgs);
    return fill(HOST_REASON_TEXTS[reason - HOST_MARTIAN_SOURCE]!, reasonArgs);
  }

  /**
   * Rules whose answers rested on what a simulated host cannot know, or was not told: the sockets of a host whose description names
   * none, for instance. Each with the packets that it was asked about since it was loaded; what was decided may be wrong for them.
   */
  doubts(): HostDoubt[] {
    const legacy: HostDoubt[] = this.engine.doubts();
    if (this.planes === null) return legacy;
    const plane = (name: Plane) => (doubt: Doubt) => ({ ...doubt, plane: name });
    return [...legacy.map(plane('legacy')), ...this.planes.nft.doubts().map(plane('nft'))];
  }

  /** Takes the oldest event that has not been taken yet; null: there is none. `listen` first. */
  nextEvent(): FlowEvent | null {
    return this.tracker.events.shift(this.event) ? eventOf(this.event) : null;
  }

  /**
   * Enters a connection of a saved table, as `flows` gives it or a text form was read; its `timeout` runs from the clock's time on.
   * @returns false: its tuple is taken, its time is over, or the table is full.
   */
  addFlow(flow: FlowRecord): boolean {
    return addFlow(this.tracker, flow, this.nat, this.network.labels);
  }

  /** Expectations that wait, in no order. */
  *expectations(): Generator<ExpectationRecord> {
    for (const e of this.tracker.expectations.list()) yield expectationOf(this.tracker, e);
  }

  /** Takes the oldest event of an expectation that has not been taken yet; null: there is none. `listen` first. */
  nextExpectationEvent(): ExpectationEvent | null {
    const view = this.tracker.expectEvents.shift();
    return view === null ? null : expectationEventOf(view);
  }

  /** Confirmed connections that have not timed out, in slot order. */
  *flows(): Generator<FlowRecord> {
    const table = this.tracker.table;
    for (let slot = table.nextInUse(0); slot >= 0; slot = table.nextInUse(slot + 1)) {
      const flow = flowOf(this.tracker, slot);
      if (flow !== null) yield flow;
    }
  }
}

/** Puts numbers where a text has %0, %1 ... */
function fill(text: string, args: ArrayLike<number>): string {
  return text.replace(/%(\d)/g, (_, n) => String(args[Number(n)]));
}
