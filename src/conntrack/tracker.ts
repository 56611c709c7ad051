/**
 * Connection tracking: which connection a packet belongs to, in which direction and state (nf_conntrack_core.c).
 *
 *   track(p)     at priority -200 of PREROUTING and OUTPUT: finds the connection or reserves one, asks the protocol's tracker.
 *   confirm(p)   at the end of INPUT and POSTROUTING: a reserved connection enters the table, events are delivered.
 *   dropped(p)   instead of confirm, when the packet ended on the way: a reserved connection is given back.
 *   advance(ms)  turns the clock: ends what timed out.
 *
 * A connection that a packet itself ends (RST answering a SYN) is taken out of the table at once, but its record stays
 * readable until `settle()`, which the host calls when the packet is done.
 *
 * Time: ms; deadlines are Int32 against `nowMs`, an Int32 that wraps, as the kernel's 32-bit jiffies do at HZ=1000.
 */
import {
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  CT_RELATED,
  CT_UNTRACKED,
  HAS_LATER_FRAGMENT,
  HAS_TUPLE,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  Packet,
  T_PORTS,
  TUPLE_WORDS,
} from '../wire/packet.js';
import { TcpOptions } from '../wire/tcp-options.js';
import {
  EventRing,
  IPCT_ASSURED,
  IPCT_DESTROY,
  IPCT_HELPER,
  IPCT_LABEL,
  IPCT_MARK,
  IPCT_NEW,
  IPCT_PROTOINFO,
  IPCT_RELATED,
  IPCT_REPLY,
} from './events.js';
import { genericPacket } from './generic.js';
import { grePacket } from './gre.js';
import { icmpIn, icmpPacket, icmpReplyPorts } from './icmp.js';
import {
  F_COUNTERS,
  F_EVENTS,
  F_TIMESTAMP,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HELPER,
  IPS_SEEN_REPLY,
  R_COLD,
  R_DEADLINE,
  R_ID,
  R_NEXT,
  R_ORIG_PORTS,
  R_PROTO,
  R_STATE,
  R_STATUS,
  RECORD_SHIFT,
  STATE_MASK,
  TCP_CONNTRACK_CLOSE,
} from './layout.js';
import { REASON_CLASH, REASON_NO_INVERSE, REASON_NO_TUPLE, REASON_TABLE_FULL, REASON_UNTRACKABLE } from './reasons.js';
import { sctpPacket } from './sctp.js';
import { Statistics } from './statistics.js';
import {
  MAX_TIMEOUT_MS,
  SET_ACCT,
  SET_BUCKETS,
  SET_EVENTS,
  SET_LOG_INVALID,
  SET_MAX,
  SET_TIMESTAMP,
  type Settings,
} from './sysctl.js';
import { ConnTable } from './table.js';
import { tcpPacket } from './tcp.js';
import { udpLitePacket, udpPacket } from './udp.js';

/** What a protocol's tracker says of a packet. */
export const TRACK_ACCEPT = 1;
export const TRACK_INVALID = -1;
/** The connection was ended so that this packet can begin a new one: look up again. */
export const TRACK_REPEAT = -2;

/** Verdicts of `track` and `confirm`, as the kernel numbers them. */
export const NF_DROP = 0;
export const NF_ACCEPT = 1;

/** Slots beyond nf_conntrack_max: records that end with their packet, and the one reserved before early drop. */
const SPARE_SLOTS = 64;
/** Records ended by packets that are still on their way. */
const MAX_ENDED = 32;
/** NF_CT_EVICTION_RANGE: hash buckets that early drop looks at. */
const EVICTION_BUCKETS = 8;
const MS = 1000;

/** What -j CT attached to a packet: how a connection made from it begins. */
export interface Template {
  zone: number;
  /** Directions in which the zone holds: 1 original, 2 reply, 3 both. */
  zoneDirection: number;
  /** The zone is the packet's mark. */
  zoneFromMark: boolean;
  helper: string;
  /** Name of a timeout policy. */
  timeout: string;
  ctevents: number;
  expevents: number;
}

/** Timeouts of one protocol in ms by its states, as `nfct add timeout` makes them. */
export interface TimeoutPolicy {
  protocol: number;
  timeouts: Int32Array;
}

/** Cold notices of the tracker to its host. */
export interface TrackerListener {
  /** A line for the kernel log about a packet, without its fields (nf_conntrack_log_invalid). */
  invalid(p: Packet, code: number): void;
  /** "nf_conntrack: table full, dropping packet". */
  tableFull(): void;
}

/** What a tracker is made from. */
export interface TrackerOptions {
  settings: Settings;
  /** Key of the hash. */
  seed: number;
  listener?: TrackerListener | null;
  /** Events that wait to be read at most. */
  eventRing?: number;
}

export class Tracker {
  readonly table: ConnTable;
  readonly settings: Settings;
  readonly statistics = new Statistics();
  readonly events: EventRing;
  readonly timeoutPolicies = new Map<string, TimeoutPolicy>();
  /** What -j CT attaches, by Packet.template; [0] is not used. Rules add to it when they are loaded. */
  readonly templates: (Template | null)[] = [null];
  /** Whether anybody listens to events: connections made while nobody does have none (nf_conntrack_events=2). */
  listening = false;

  /** ms of the table's clock, wrapping Int32. */
  nowMs = 0;
  /** The same clock, not wrapped: ms since the epoch. */
  clockMs = 0;

  /** The packet quoted in an ICMP error; valid inside icmp.ts. */
  readonly inner = new Packet();
  /** A tuple to compute with. */
  readonly scratch = new Int32Array(TUPLE_WORDS);
  /** Options of the segment at hand; valid inside tcp-window.ts. */
  readonly tcpOptions = new TcpOptions();
  /** Chunk types seen by sctp.ts, as bits. */
  chunks = 0;

  private readonly listener: TrackerListener | null;

  private readonly ended = new Int32Array(MAX_ENDED);
  private endedCount = 0;
  private started = false;
  /** The wheel has been turned up to here. */
  private nextTurnMs = 0;

  constructor(options: TrackerOptions) {
    this.settings = options.settings;
    const max = this.settings.value[SET_MAX]!;
    this.table = new ConnTable((max === 0 ? 262144 : max) + SPARE_SLOTS, options.seed);
    this.listener = options.listener ?? null;
    this.events = new EventRing(options.eventRing ?? 4096);
    if (this.settings.value[SET_ACCT] !== 0) this.table.needCounters();
    if (this.settings.value[SET_TIMESTAMP] !== 0) this.table.needStamps();
  }

  /** Turns accounting on for connections made from now on (connbytes does that when it is loaded). */
  enableAccounting(): void {
    this.settings.value[SET_ACCT] = 1;
    this.table.needCounters();
  }

  /** Somebody listens to events from now on. */
  listen(): void {
    this.listening = true;
    this.table.needPending();
  }

  /* the packet's way */

  /** Computes the packet's hash ahead of `track`, for batches. Holds as long as no template changes the zone. */
  prepare(p: Packet): void {
    p.hash = this.table.hash(p.tuple, 0);
  }

  /**
   * Finds or reserves the packet's connection and sets `p.connection` and `p.state`; INVALID packets get `p.reason`. Returns
   * NF_ACCEPT, or NF_DROP where the table is full. `p.hash` must be set by `prepare`.
   */
  track(p: Packet): number {
    // on `lo` the packet that arrives was tracked when it was sent; NOTRACK took the other ones out
    if (p.connection >= 0 || p.state === CT_UNTRACKED) return NF_ACCEPT;
    p.state = CT_INVALID;
    if (p.l4Off < 0 || (p.has & HAS_LATER_FRAGMENT) !== 0) {
      this.invalidQuietly(p, REASON_UNTRACKABLE, 0, 0);
      this.statistics.invalid++;
      return NF_ACCEPT;
    }
    const protocol = p.protocol;
    if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
      if (icmpIn(this, p) !== TRACK_ACCEPT) {
        this.statistics.error++;
        return NF_ACCEPT;
      }
      if (p.connection >= 0 || p.state === CT_UNTRACKED) return NF_ACCEPT;
    } else if ((p.has & HAS_TUPLE) === 0) {
      this.invalidQuietly(p, REASON_NO_TUPLE, 0, 0);
      this.statistics.invalid++;
      return NF_ACCEPT;
    }
    for (;;) {
      let ref = this.resolve(p);
      if (ref < 0) {
        ref = this.reserve(p);
        if (ref === RESERVE_FULL) {
          this.statistics.drop++;
          return NF_DROP;
        }
        if (ref < 0) {
          this.statistics.invalid++;
          return NF_ACCEPT;
        }
      }
      const result = this.protocolPacket(p, protocol, ref >> 1, ref & 1);
      if (result === TRACK_ACCEPT) {
        this.found(p, ref);
        return NF_ACCEPT;
      }
      this.giveBack(ref >> 1);
      if (result !== TRACK_REPEAT) {
        this.statistics.invalid++;
        return NF_ACCEPT;
      }
    }
  }

  private protocolPacket(p: Packet, protocol: number, slot: number, direction: number): number {
    if (protocol === IPPROTO_TCP) return tcpPacket(this, p, slot, direction);
    if (protocol === IPPROTO_UDP) return udpPacket(this, p, slot, direction);
    switch (protocol) {
      case IPPROTO_ICMP:
      case IPPROTO_ICMPV6:
        return icmpPacket(this, p, slot, direction);
      case IPPROTO_SCTP:
        return sctpPacket(this, p, slot, direction);
      case IPPROTO_GRE:
        return grePacket(this, p, slot, direction);
      case IPPROTO_UDPLITE:
        return udpLitePacket(this, p, slot, direction);
      default:
        return genericPacket(this, p, slot, direction);
    }
  }

  /** The packet belongs to `ref`: its state by what the connection has seen. */
  private found(p: Packet, ref: number): void {
    const w = this.table.words;
    const at = ((ref >> 1) << RECORD_SHIFT) + R_STATUS;
    const status = w[at]!;
    p.connection = ref;
    if ((ref & 1) === 1) {
      p.state = CT_ESTABLISHED;
      if ((status & IPS_SEEN_REPLY) === 0) {
        w[at] = status | IPS_SEEN_REPLY;
        this.note(ref >> 1, IPCT_REPLY);
      }
    } else if ((status & IPS_SEEN_REPLY) !== 0) p.state = CT_ESTABLISHED;
    else p.state = (status & IPS_EXPECTED) !== 0 ? CT_RELATED : CT_NEW;
  }

  /** The connection of the packet's own tuple, -1 = none. */
  private resolve(p: Packet): number {
    return p.template === 0 ? this.search(p.tuple, p.hash, 0, 0) : this.lookup(p, p.tuple);
  }

  /** The ref of the confirmed, living connection of any tuple in the packet's zone, -1 = none. */
  lookup(p: Packet, tuple: Int32Array): number {
    const original = this.zoneId(p, 1);
    const reply = this.zoneId(p, 2);
    const ref = this.search(tuple, this.table.hash(tuple, original), original, reply);
    if (ref >= 0 || original === reply) return ref;
    return this.search(tuple, this.table.hash(tuple, reply), original, reply);
  }

  /** ConnTable.find, ending what has expired on the way. */
  private search(tuple: Int32Array, hash: number, zoneOriginal: number, zoneReply: number): number {
    for (;;) {
      const ref = this.table.find(tuple, hash, zoneOriginal, zoneReply);
      if (ref < 0) return -1;
      const deadline = this.table.words[((ref >> 1) << RECORD_SHIFT) + R_DEADLINE]!;
      if (((deadline - this.nowMs) | 0) > 0) return ref;
      this.kill(ref >> 1);
    }
  }

  private zoneId(p: Packet, direction: number): number {
    if (p.template === 0) return 0;
    const t = this.templates[p.template]!;
    if ((t.zoneDirection & direction) === 0) return 0;
    return t.zoneFromMark ? p.mark & 0xffff : t.zone;
  }

  /** Reserves a connection for a packet that begins one. */
  private reserve(p: Packet): number {
    const table = this.table;
    const ports = p.tuple[T_PORTS]!;
    const protocol = p.protocol;
    let reply = (ports << 16) | (ports >>> 16);
    if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
      reply = icmpReplyPorts(protocol, ports);
      if (reply === -1) {
        this.invalidQuietly(p, REASON_NO_INVERSE, (ports >> 8) & 0xff, 0);
        return RESERVE_IMPOSSIBLE;
      }
    }
    const max = this.settings.value[SET_MAX]!;
    if (max !== 0 && table.count >= max && !this.earlyDrop(p.hash)) return this.full(p, max);
    const zones = p.template === 0 ? 0 : this.zoneId(p, 1) | (this.zoneId(p, 2) << 16);
    const slot = table.reserve(p.tuple, reply, zones);
    if (slot < 0) return this.full(p, max);
    this.begin(slot);
    if (p.template !== 0) this.applyTemplate(this.templates[p.template]!, slot, p.protocol);
    return slot << 1;
  }

  private full(p: Packet, max: number): number {
    this.invalidQuietly(p, REASON_TABLE_FULL, this.table.count, max);
    this.listener?.tableFull();
    return RESERVE_FULL;
  }

  /** What a new connection has from the start (init_conntrack). */
  private begin(slot: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const value = this.settings.value;
    let status = 0;
    if (value[SET_ACCT] !== 0) {
      this.table.needCounters();
      this.table.counters.fill(0, slot * 4, slot * 4 + 4);
      status |= F_COUNTERS;
    }
    if (value[SET_TIMESTAMP] !== 0) {
      this.table.needStamps();
      this.table.stamps.fill(0, slot * 2, slot * 2 + 2);
      status |= F_TIMESTAMP;
    }
    if (this.listening && value[SET_EVENTS] !== 0) {
      this.table.pending[slot] = 0;
      status |= F_EVENTS;
    }
    w[base + R_STATUS] = status;
  }

  private applyTemplate(t: Template, slot: number, protocol: number): void {
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    const w = this.table.words;
    if (t.helper !== '') {
      this.table.coldFor(slot).helper = t.helper;
      w[at] = w[at]! | IPS_HELPER;
    }
    const policy = t.timeout === '' ? undefined : this.timeoutPolicies.get(t.timeout);
    if (policy !== undefined && policy.protocol === protocol) this.table.coldFor(slot).timeouts = policy.timeouts;
    if (t.ctevents !== -1 && t.ctevents !== 0) this.table.coldFor(slot).ctmask = t.ctevents;
  }

  /**
   * A packet has passed every hook. A reserved connection enters the table, unless its tuple has been taken meanwhile:
   * NF_DROP. Pending events are delivered.
   */
  confirm(p: Packet): number {
    if (p.connection < 0) return NF_ACCEPT;
    const slot = p.connection >> 1;
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const status = w[base + R_STATUS]!;
    if ((status & IPS_CONFIRMED) === 0) {
      // an answer that the host made to a packet on its way carries that packet's connection in the reply direction
      if ((p.connection & 1) === 1 || w[base + R_ID] === 0) return NF_ACCEPT;
      if (!this.enter(p, slot)) return NF_DROP;
    }
    if ((status & (F_EVENTS | IPS_DYING)) === F_EVENTS && this.table.pending[slot] !== 0) this.deliver(slot);
    return NF_ACCEPT;
  }

  private enter(p: Packet, slot: number): boolean {
    const table = this.table;
    const w = table.words;
    const base = slot << RECORD_SHIFT;
    if (table.clashes(slot, this.scratch)) {
      this.statistics.insertFailed++;
      this.statistics.drop++;
      this.giveBack(slot);
      p.connection = -1;
      p.reason = REASON_CLASH;
      return false;
    }
    this.insert(slot, w[base + R_DEADLINE]!);
    const status = w[base + R_STATUS]!;
    if ((status & F_EVENTS) !== 0) {
      if ((status & IPS_HELPER) !== 0) this.note(slot, IPCT_HELPER);
      this.note(slot, (status & IPS_EXPECTED) !== 0 ? IPCT_RELATED : IPCT_NEW);
    }
    return true;
  }

  /** Enters a connection that no packet began (a saved table); its slot, -1: no room, tuple taken or timeout over. */
  adopt(original: Int32Array, reply: Int32Array, zones: number, timeoutMs: number): number {
    if (timeoutMs <= 0) return -1;
    const slot = this.table.reserve(original, 0, zones);
    if (slot < 0) return -1;
    this.table.writeTuple(slot, 1, reply);
    this.begin(slot);
    if (this.table.clashes(slot, this.scratch)) {
      this.table.free(slot);
      return -1;
    }
    this.insert(slot, Math.min(timeoutMs, MAX_TIMEOUT_MS));
    this.statistics.insert++; // the kernel counts only those that programs enter
    return slot;
  }

  private insert(slot: number, timeoutMs: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    w[base + R_STATUS] = w[base + R_STATUS]! | IPS_CONFIRMED;
    this.table.insert(slot);
    w[base + R_DEADLINE] = (this.nowMs + timeoutMs) | 0;
    this.table.link(slot, timeoutMs);
    if ((w[base + R_STATUS]! & F_TIMESTAMP) !== 0) this.table.stamps[slot * 2] = this.clockMs;
  }

  /** A packet ended on its way: what it reserved is given back. */
  dropped(p: Packet): void {
    if (p.connection < 0) return;
    this.giveBack(p.connection >> 1);
  }

  /** Frees a slot that was reserved and never confirmed. */
  private giveBack(slot: number): void {
    const base = slot << RECORD_SHIFT;
    const w = this.table.words;
    if (w[base + R_ID] !== 0 && (w[base + R_STATUS]! & (IPS_CONFIRMED | IPS_DYING)) === 0) this.table.free(slot);
  }

  /** Frees the records of connections that packets ended; to be called when no packet is on its way. */
  settle(): void {
    for (let i = 0; i < this.endedCount; i++) this.table.free(this.ended[i]!);
    this.endedCount = 0;
  }

  /* what protocol trackers do to a connection */

  /** The timeouts of a connection: its policy's, or the protocol's. */
  timeoutsOf(slot: number, initial: Int32Array): Int32Array {
    return this.table.words[(slot << RECORD_SHIFT) + R_COLD] === 0
      ? initial
      : (this.table.coldOf(slot).timeouts ?? initial);
  }

  /** Counts a packet and moves the deadline to `timeoutMs` from now (nf_ct_refresh_acct). */
  refresh(slot: number, direction: number, bytes: number, timeoutMs: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const status = w[base + R_STATUS]!;
    if ((status & IPS_FIXED_TIMEOUT) === 0) {
      if ((status & IPS_CONFIRMED) !== 0) this.table.setDeadline(slot, this.nowMs, timeoutMs);
      else w[base + R_DEADLINE] = timeoutMs;
    }
    if ((status & F_COUNTERS) !== 0) this.account(slot, direction, bytes);
  }

  /** Counts a packet. */
  account(slot: number, direction: number, bytes: number): void {
    if ((this.table.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_COUNTERS) === 0) return;
    const at = slot * 4 + direction * 2;
    const counters = this.table.counters;
    counters[at] = counters[at]! + 1;
    counters[at + 1] = counters[at + 1]! + bytes;
  }

  /** The host answered a segment with a reset of its own: the connection closes (nf_conntrack_tcp_set_closing). */
  setClosing(ref: number): void {
    const slot = ref >> 1;
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    if ((w[base + R_PROTO]! & 0xff) !== IPPROTO_TCP) return;
    const closed = (w[base + R_STATE]! & STATE_MASK) === TCP_CONNTRACK_CLOSE;
    w[base + R_STATE] = (w[base + R_STATE]! & ~STATE_MASK) | TCP_CONNTRACK_CLOSE;
    const status = w[base + R_STATUS]!;
    if (closed || (status & (IPS_FIXED_TIMEOUT | IPS_CONFIRMED)) !== IPS_CONFIRMED) return;
    this.table.setDeadline(slot, this.nowMs, this.timeoutsOf(slot, this.settings.tcp)[TCP_CONNTRACK_CLOSE]!);
    this.note(slot, IPCT_PROTOINFO);
  }

  /** Sets ASSURED, once. */
  setAssured(slot: number): void {
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    const w = this.table.words;
    if ((w[at]! & IPS_ASSURED) !== 0) return;
    w[at] = w[at]! | IPS_ASSURED;
    this.note(slot, IPCT_ASSURED);
  }

  /** ICMP type of the packet that began a connection. */
  originalIcmpType(slot: number): number {
    return (this.table.words[(slot << RECORD_SHIFT) + R_ORIG_PORTS]! >> 8) & 0xff;
  }

  /** Adds to the events that are delivered when the packet has passed. */
  note(slot: number, mask: number): void {
    if ((this.table.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_EVENTS) === 0) return;
    this.table.pending[slot] = this.table.pending[slot]! | mask;
  }

  /** A rule changed the connection's mark. */
  markChanged(ref: number): void {
    this.note(ref >> 1, IPCT_MARK);
  }

  /** A rule changed the connection's labels. */
  labelsChanged(ref: number): void {
    this.note(ref >> 1, IPCT_LABEL);
  }

  private deliver(slot: number): void {
    const mask = this.table.pending[slot]!;
    this.table.pending[slot] = 0;
    if ((mask & this.table.coldOf(slot).ctmask) !== 0) this.push(slot, mask);
  }

  private push(slot: number, mask: number): void {
    const left = (this.table.words[(slot << RECORD_SHIFT) + R_DEADLINE]! - this.nowMs) | 0;
    this.events.push(this.table, slot, mask, left, this.clockMs);
  }

  /** Ends a confirmed connection; its record stays readable until `settle`. */
  kill(slot: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const status = w[base + R_STATUS]!;
    if ((status & IPS_DYING) !== 0) return;
    if ((status & IPS_CONFIRMED) === 0) {
      // refused before it was confirmed: nothing is known of it anywhere
      w[base + R_STATUS] = status | IPS_DYING;
      this.end(slot);
      return;
    }
    this.table.unlink(slot);
    this.takeOut(slot);
  }

  /** Out of the index, DESTROY told; the record is off the wheel already. */
  private takeOut(slot: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    this.table.remove(slot);
    const status = w[base + R_STATUS]! | IPS_DYING;
    w[base + R_STATUS] = status;
    if ((status & F_TIMESTAMP) !== 0) this.table.stamps[slot * 2 + 1] = this.clockMs;
    if ((status & F_EVENTS) !== 0 && (this.table.coldOf(slot).ctmask & IPCT_DESTROY) !== 0)
      this.push(slot, IPCT_DESTROY);
    this.end(slot);
  }

  private end(slot: number): void {
    if (this.endedCount === MAX_ENDED) this.settle();
    this.ended[this.endedCount++] = slot;
  }

  /* time and room */

  /**
   * Turns the clock to `nowMs` (ms since the epoch, never back) and ends at most `budget` connections that timed out.
   * Returns how many it ended: equal to the budget means that there may be more.
   */
  advance(nowMs: number, budget: number): number {
    if (!this.started) {
      this.started = true;
      this.table.startClock(Math.floor(nowMs / MS));
      this.clockMs = nowMs;
      this.nowMs = nowMs | 0;
    }
    if (nowMs > this.clockMs) {
      this.clockMs = nowMs;
      this.nowMs = nowMs | 0;
    }
    if (this.clockMs < this.nextTurnMs) return 0;
    const second = Math.floor(this.clockMs / MS);
    let ended = 0;
    for (;;) {
      const first = this.table.turn(second);
      if (first < 0) {
        this.nextTurnMs = (second + 1) * MS;
        return ended;
      }
      ended += this.expire(first, budget - ended);
      if (ended >= budget) return ended;
    }
  }

  /** Goes through a list of the wheel: ends what is due, links the rest anew. */
  private expire(first: number, budget: number): number {
    const w = this.table.words;
    let ended = 0;
    for (let slot = first - 1; slot >= 0; ) {
      const base = slot << RECORD_SHIFT;
      const next = w[base + R_NEXT]! - 1;
      const left = (w[base + R_DEADLINE]! - this.nowMs) | 0;
      if (left > 0) this.table.link(slot, left);
      else if (ended === budget) this.table.link(slot, 0);
      else {
        this.takeOut(slot);
        this.settle();
        ended++;
      }
      slot = next;
    }
    return ended;
  }

  /** Ends one unassured connection near a hash, as early_drop does; false: none there. */
  private earlyDrop(hash: number): boolean {
    const table = this.table;
    const places = table.placesPerBucket(this.settings.value[SET_BUCKETS]!);
    const span = places * EVICTION_BUCKETS;
    for (let k = table.nearby(hash, span, -1); k >= 0; k = table.nearby(hash, span, k)) {
      const slot = table.slotNear(hash, k);
      const status = table.words[(slot << RECORD_SHIFT) + R_STATUS]!;
      if ((status & (IPS_ASSURED | IPS_DYING)) !== 0) continue;
      this.kill(slot);
      this.settle();
      this.statistics.earlyDrop++;
      return true;
    }
    return false;
  }

  /* reasons */

  /** The packet is INVALID: notes why and tells the kernel log if asked to. Always true. */
  invalid(p: Packet, code: number, a: number, b: number, c: number): boolean {
    p.reason = code;
    p.reasonArgs[0] = a;
    p.reasonArgs[1] = b;
    p.reasonArgs[2] = c;
    this.tell(p, code);
    return true;
  }

  /** As `invalid`, where the kernel logs nothing. */
  invalidQuietly(p: Packet, code: number, a: number, b: number): void {
    p.reason = code;
    p.reasonArgs[0] = a;
    p.reasonArgs[1] = b;
  }

  /** The packet passes, but the kernel would log a word about it. */
  remark(p: Packet, code: number, a: number, b: number, c: number, d: number): void {
    p.reasonArgs[0] = a;
    p.reasonArgs[1] = b;
    p.reasonArgs[2] = c;
    p.reasonArgs[3] = d;
    this.tell(p, code);
  }

  private tell(p: Packet, code: number): void {
    const logged = this.settings.value[SET_LOG_INVALID]!;
    if (logged !== 0 && this.listener !== null && (logged === 255 || logged === p.protocol))
      this.listener.invalid(p, code);
  }
}

const RESERVE_IMPOSSIBLE = -1;
const RESERVE_FULL = -2;
