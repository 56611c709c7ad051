/**
 * Finds the tuple that a connection gets: the nearest to the one it has that the range allows and no other connection uses
 * (nf_nat_core.c, get_unique_tuple and nf_nat_l4proto_unique_tuple).
 *
 * Where the kernel draws a port at random (a clash, --random) this takes the host's seeded source.
 */
import { invertTuple } from '../conntrack/icmp.js';
import {
  IPS_DST_NAT,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HW_OFFLOAD,
  IPS_OFFLOAD,
  IPS_SEQ_ADJUST,
  IPS_SRC_NAT,
  R_PROTO,
  R_STATE,
  R_STATUS,
  R_WINDOW,
  RECORD_SHIFT,
  STATE_MASK,
  TCP_CONNTRACK_SYN_SENT,
  TCP_CONNTRACK_TIME_WAIT,
  W_END,
} from '../conntrack/layout.js';
import type { Tracker } from '../conntrack/tracker.js';
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  T_PORTS,
  T_PROTO,
  TUPLE_WORDS,
} from '../wire/packet.js';
import { chooseAddress } from './address-choice.js';
import type { BySource } from './by-source.js';
import {
  MANIP_DST,
  MANIP_SRC,
  type NatRange,
  portInRange,
  RANGE_OFFSET,
  RANGE_PORTS,
  RANGE_RANDOM_ALL,
  sourceInRange,
} from './range.js';

/** Ports tried in one go (NF_NAT_MAX_ATTEMPTS) ... */
const MAX_ATTEMPTS = 128;
/** ... fewer in each further round, down to this. */
const MIN_ATTEMPTS = 16;
/** With so many attempts left, connections in TIME_WAIT may be ended for their port (NF_NAT_HARDER_THRESH). */
const HARDER_ATTEMPTS = 32;
/** Source ports below this are replaced by such: they are privileged, the lower half of them more so. */
const PRIVILEGED = 1024;
const PRIVILEGED_LOW = 512;
/** First of the privileged ports that stand for 512 to 1023. */
const PRIVILEGED_HIGH_FROM = 600;

export class TupleChooser {
  private readonly tracker: Tracker;
  private readonly bySource: BySource;
  private readonly random: () => number;
  private readonly reply = new Int32Array(TUPLE_WORDS);
  private readonly other = new Int32Array(TUPLE_WORDS);
  /** First port of the range that `findPort` searches, and how many there are. */
  private firstPort = 0;
  private portCount = 0;

  /** @param random the next 32 random bits */
  constructor(tracker: Tracker, bySource: BySource, random: () => number) {
    this.tracker = tracker;
    this.bySource = bySource;
    this.random = random;
  }

  /**
   * Writes into `out` what `current` becomes. `slot`: the connection, reserved and not confirmed. The result may be taken all
   * the same where nothing is free: confirmation then refuses the connection.
   */
  choose(slot: number, current: Int32Array, range: NatRange, manip: number, out: Int32Array): void {
    const zones = this.tracker.table.zonesOf(slot);
    const drawn = (range.flags & RANGE_RANDOM_ALL) !== 0;
    if (manip === MANIP_SRC && !drawn) {
      if (sourceInRange(current, range)) {
        const ref = this.taker(current, slot);
        if (ref < 0 || this.isCrossed(ref >> 1, slot)) {
          copyTuple(current, out);
          return;
        }
      } else if (this.bySource.find(current, zones, range, out) && !this.isTaken(out, slot)) return;
    }
    copyTuple(current, out);
    chooseAddress(out, range, manip, (zones & 0xffff) | (zones >>> 16));
    if (!drawn && this.portFits(out, range, manip, slot)) return;
    this.findPort(out, range, manip, slot);
  }

  /** Whether the port may stay. A single port is taken unseen: there is no other one. */
  private portFits(tuple: Int32Array, range: NatRange, manip: number, slot: number): boolean {
    if ((range.flags & RANGE_PORTS) === 0) return !this.isTaken(tuple, slot);
    if ((range.flags & RANGE_OFFSET) !== 0 || !portInRange(tuple, manip, range)) return false;
    return range.minPort === range.maxPort || !this.isTaken(tuple, slot);
  }

  /** Changes the port, ICMP id or key of a tuple until nobody uses it. */
  private findPort(tuple: Int32Array, range: NatRange, manip: number, slot: number): void {
    const protocol = tuple[T_PROTO]! & 0xff;
    const icmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
    const half = icmp ? MANIP_SRC : manip;
    const port = half === MANIP_SRC ? tuple[T_PORTS]! >>> 16 : tuple[T_PORTS]! & 0xffff;
    if (!this.setSpan(protocol, port, range, manip, slot)) return;
    let offset = 0;
    if ((range.flags & RANGE_OFFSET) !== 0) offset = (port - range.basePort) & 0xffff;
    else if ((range.flags & RANGE_RANDOM_ALL) !== 0 || manip === MANIP_SRC) offset = this.random() & 0xffff;
    for (let attempts = Math.min(this.portCount, MAX_ATTEMPTS); ; ) {
      for (let i = 0; i < attempts; i++) {
        setPort(tuple, half, this.firstPort + (offset % this.portCount));
        if (!this.isTakenHarder(tuple, slot, attempts - i)) return;
        offset = (offset + 1) & 0xffff;
      }
      if (attempts >= this.portCount || attempts < MIN_ATTEMPTS) return;
      attempts >>= 1;
      offset = this.random() & 0xffff;
    }
  }

  /** Which ports may be tried; false: the port is not NAT's to change. */
  private setSpan(protocol: number, port: number, range: NatRange, manip: number, slot: number): boolean {
    const given = (range.flags & RANGE_PORTS) !== 0;
    switch (protocol) {
      case IPPROTO_ICMP:
      case IPPROTO_ICMPV6:
        return given ? this.spanOfRange(range) : this.span(0, 0xffff);
      case IPPROTO_GRE:
        // only calls that a control connection has announced have keys of their own
        if ((this.tracker.table.words[(slot << RECORD_SHIFT) + R_STATUS]! & IPS_EXPECTED) === 0) return false;
        return given ? this.spanOfRange(range) : this.span(1, 0xffff);
      case IPPROTO_TCP:
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
      case IPPROTO_SCTP:
        break;
      default:
        return false;
    }
    if (given) return this.spanOfRange(range);
    if (manip === MANIP_DST) return false;
    if (port >= PRIVILEGED) return this.span(PRIVILEGED, 0xffff);
    if (port < PRIVILEGED_LOW) return this.span(1, PRIVILEGED_LOW - 1);
    return this.span(PRIVILEGED_HIGH_FROM, PRIVILEGED - 1);
  }

  private span(first: number, last: number): boolean {
    this.firstPort = first;
    this.portCount = last - first + 1;
    return true;
  }

  private spanOfRange(range: NatRange): boolean {
    return range.minPort <= range.maxPort
      ? this.span(range.minPort, range.maxPort)
      : this.span(range.maxPort, range.minPort);
  }

  private isTaken(tuple: Int32Array, slot: number): boolean {
    return this.taker(tuple, slot) >= 0;
  }

  /**
   * The ref of another connection that has the tuple that answers to this one, -1 = none (nf_nat_used_tuple,
   * nf_conntrack_tuple_taken). One with the same original tuple does not count: confirmation will see to that.
   */
  private taker(tuple: Int32Array, slot: number): number {
    const ref = this.holder(tuple, slot);
    if (ref < 0) return -1;
    const table = this.tracker.table;
    const zone = table.zonesOf(ref >> 1) & 0xffff;
    if (this.sharesTuple(ref >> 1, 0, slot) && zone === (table.zonesOf(slot) & 0xffff)) return -1;
    this.tracker.statistics.found++;
    return ref;
  }

  /**
   * Whether the packet that began `slot` looks like an answer of `other`, which is not translated, but is in no zone to be one: that
   * is how two datagrams look that crossed, and another port would help neither (nf_nat_used_tuple_new). Confirmation then
   * refuses the connection.
   */
  private isCrossed(other: number, slot: number): boolean {
    const w = this.tracker.table.words;
    const protocol = w[(slot << RECORD_SHIFT) + R_PROTO]! & 0xff;
    if (protocol !== IPPROTO_UDP && protocol !== IPPROTO_UDPLITE) return false;
    if ((w[(other << RECORD_SHIFT) + R_STATUS]! & (IPS_SRC_NAT | IPS_DST_NAT | IPS_SEQ_ADJUST)) !== 0) return false;
    return this.sharesTuple(other, 1, slot);
  }

  /** Whether a direction's tuple of one connection is the original one of another. */
  private sharesTuple(slot: number, direction: number, other: number): boolean {
    const table = this.tracker.table;
    table.readTuple(slot, direction, this.other);
    table.readTuple(other, 0, this.reply);
    return sameTuple(this.other, this.reply);
  }

  /** The ref of the connection that has the answer to a tuple, -1 = none. */
  private holder(tuple: Int32Array, slot: number): number {
    invertTuple(tuple, this.reply);
    const table = this.tracker.table;
    const zones = table.zonesOf(slot);
    const hash = table.hash(this.reply, zones >>> 16);
    return this.tracker.search(this.reply, hash, zones & 0xffff, zones >>> 16);
  }

  /**
   * The same when ports run out: a connection that is over but for its TIME_WAIT loses its port to a SYN with a later sequence
   * number, which its peer will take for a new connection (nf_nat_used_tuple_harder).
   */
  private isTakenHarder(tuple: Int32Array, slot: number, attemptsLeft: number): boolean {
    const w = this.tracker.table.words;
    const own = slot << RECORD_SHIFT;
    if (attemptsLeft > HARDER_ATTEMPTS || (tuple[T_PROTO]! & 0xff) !== IPPROTO_TCP) return this.isTaken(tuple, slot);
    if ((w[own + R_STATE]! & STATE_MASK) !== TCP_CONNTRACK_SYN_SENT) return this.isTaken(tuple, slot);
    const ref = this.holder(tuple, slot);
    if (ref < 0) return false;
    const base = (ref >> 1) << RECORD_SHIFT;
    if ((ref & 1) === 0 || (w[base + R_STATE]! & STATE_MASK) < TCP_CONNTRACK_TIME_WAIT) return true;
    const status = w[base + R_STATUS]!;
    if ((status & (IPS_FIXED_TIMEOUT | IPS_DYING | IPS_SRC_NAT)) !== IPS_SRC_NAT) return true;
    if (((w[own + R_WINDOW + W_END]! - w[base + R_WINDOW + W_END]!) | 0) <= 0) return true;
    this.tracker.kill(ref >> 1);
    return (status & (IPS_OFFLOAD | IPS_HW_OFFLOAD)) !== 0;
  }
}

function copyTuple(from: Int32Array, to: Int32Array): void {
  for (let i = 0; i < TUPLE_WORDS; i++) to[i] = from[i]!;
}

/** Whether two tuples are equal in every word. */
export function sameTuple(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < TUPLE_WORDS; i++) if (a[i] !== b[i]) return false;
  return true;
}

function setPort(tuple: Int32Array, half: number, port: number): void {
  const ports = tuple[T_PORTS]!;
  tuple[T_PORTS] = half === MANIP_SRC ? (port << 16) | (ports & 0xffff) : (ports & ~0xffff) | port;
}
