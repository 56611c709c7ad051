/**
 * Connection tracking: which connection a packet belongs to, in which direction and state (nf_conntrack_core.c).
 *
 *   track(p)     at priority -200 of PREROUTING and OUTPUT: finds the connection or reserves one, asks the protocol's tracker.
 *   confirm(p)   at the end of INPUT and POSTROUTING: a reserved connection enters the table, events are delivered.
 *   dropped(p)   instead of confirm, when the packet ended on the way: a reserved connection is given back.
 *   advance(ms)  turns the clock: ends what timed out (lifecycle.ts).
 */
import {
  AF_INET,
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  CT_NONE,
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
} from '../wire/packet.js';
import { TcpOptions } from '../wire/tcp-options.js';
import { IPCT_HELPER, IPCT_NEW, IPCT_RELATED, IPCT_REPLY } from './events.js';
import { genericPacket } from './generic.js';
import { grePacket } from './gre.js';
import { icmpIn, icmpPacket, icmpReplyPorts } from './icmp.js';
import {
  F_EVENTS,
  F_HELP,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_SEEN_REPLY,
  R_DEADLINE,
  R_ID,
  R_ORIG_PORTS,
  R_STATUS,
  RECORD_SHIFT,
} from './layout.js';
import { Lifecycle } from './lifecycle.js';
import { REASON_CLASH, REASON_NO_INVERSE, REASON_NO_TUPLE, REASON_TABLE_FULL, REASON_UNTRACKABLE } from './reasons.js';
import { sctpPacket } from './sctp.js';
import { SET_LOG_INVALID, SET_MAX } from './sysctl.js';
import { tcpPacket } from './tcp.js';
import { TRACK_ACCEPT, TRACK_REPEAT } from './track.js';
import { udpLitePacket, udpPacket } from './udp.js';

/** Verdicts of `track` and `confirm`, as the kernel numbers them. */
export const NF_DROP = 0;
export const NF_ACCEPT = 1;

/** GRE version 1 as far as the receiver's key. */
const GRE_V1_LEN = 8;

/** What `reserve` returns where it reserved nothing. */
const RESERVE_IMPOSSIBLE = -1;
const RESERVE_FULL = -2;

/** The tracker of one host; see the head of this file. */
export class Tracker extends Lifecycle {
  /** The packet quoted in an ICMP error; valid inside icmp.ts. */
  readonly inner = new Packet();
  /** Options of the segment at hand; valid inside tcp-window.ts. */
  readonly tcpOptions = new TcpOptions();
  /** Chunk types seen by sctp.ts, as bits. */
  chunks = 0;

  /** Computes the packet's hash ahead of `track`, for batches. Holds as long as no template changes the zone. */
  prepare(p: Packet): void {
    p.hash = this.table.hash(p.tuple, 0);
  }

  /**
   * Finds or reserves the packet's connection and sets `p.connection` and `p.state`; INVALID packets get `p.reason`. Returns
   * NF_ACCEPT, or NF_DROP where the table is full. `p.hash` must be set by `prepare`.
   */
  track(p: Packet): number {
    // on `lo` the packet that arrives was tracked when it was sent, and has its state even if the connection has ended since;
    // NOTRACK took the other ones out
    if (p.connection >= 0 || (p.state !== CT_NONE && p.state !== CT_INVALID)) return NF_ACCEPT;
    p.state = CT_INVALID;
    if (p.l4Off < 0 || (p.has & HAS_LATER_FRAGMENT) !== 0) {
      this.invalidQuietly(p, REASON_UNTRACKABLE);
      this.statistics.invalid++;
      return NF_ACCEPT;
    }
    const protocol = p.protocol;
    // the other family's ICMP has no errors (nf_conntrack_handle_icmp)
    if (protocol === (p.family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
      if (icmpIn(this, p) !== TRACK_ACCEPT) {
        this.statistics.error++;
        return NF_ACCEPT;
      }
      if (p.connection >= 0 || p.state === CT_UNTRACKED) return NF_ACCEPT;
    } else if ((p.has & HAS_TUPLE) === 0) {
      this.invalidQuietly(p, REASON_NO_TUPLE);
      this.statistics.invalid++;
      return NF_ACCEPT;
    }
    if (protocol === IPPROTO_GRE && this.greKeys.count !== 0) this.completeGre(p);
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

  /** Fills in what a PPTP helper knows of a GRE packet: its sender's key. */
  completeGre(p: Packet): void {
    if (p.end - p.l4Off < GRE_V1_LEN || (p.view.getUint8(p.l4Off + 1) & 7) !== 1) return;
    const key = this.greKeys.find(p.tuple);
    p.tuple[T_PORTS] = (key << 16) | (p.tuple[T_PORTS]! & 0xffff);
    this.prepare(p);
  }

  private protocolPacket(p: Packet, protocol: number, slot: number, direction: number): number {
    if (protocol === IPPROTO_TCP) return tcpPacket(this, p, slot, direction);
    return this.otherPacket(p, protocol, slot, direction);
  }

  /** Apart, so that what TCP needs is small enough to be inlined. */
  private otherPacket(p: Packet, protocol: number, slot: number, direction: number): number {
    switch (protocol) {
      case IPPROTO_UDP:
        return udpPacket(this, p, slot, direction);
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
    p.state = CT_ESTABLISHED;
    if ((status & IPS_SEEN_REPLY) !== 0) return;
    if ((ref & 1) === 0) p.state = (status & IPS_EXPECTED) !== 0 ? CT_RELATED : CT_NEW;
    else {
      w[at] = status | IPS_SEEN_REPLY;
      this.note(ref >> 1, IPCT_REPLY);
    }
  }

  /** The connection of the packet's own tuple, -1 = none. */
  private resolve(p: Packet): number {
    if (p.template !== 0) return this.lookup(p, p.tuple);
    const ref = this.table.findAt(p.candidate, p.tuple);
    return ref >= 0 && !this.isOver(ref >> 1) ? ref : this.search(p.tuple, p.hash, 0, 0);
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
  search(tuple: Int32Array, hash: number, zoneOriginal: number, zoneReply: number): number {
    for (;;) {
      const ref = this.table.find(tuple, hash, zoneOriginal, zoneReply);
      if (ref < 0 || !this.isOver(ref >> 1)) return ref;
      this.kill(ref >> 1);
    }
  }

  /** Whether a confirmed connection has timed out. */
  private isOver(slot: number): boolean {
    return ((this.table.words[(slot << RECORD_SHIFT) + R_DEADLINE]! - this.nowMs) | 0) <= 0;
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
        this.invalidQuietly(p, REASON_NO_INVERSE, (ports >> 8) & 0xff);
        return RESERVE_IMPOSSIBLE;
      }
    }
    const max = this.settings.value[SET_MAX]!;
    if (max !== 0 && table.count >= max && !this.earlyDrop(p.hash)) return this.full(p, max);
    const zones = p.template === 0 ? 0 : this.zoneId(p, 1) | (this.zoneId(p, 2) << 16);
    const slot = table.reserve(p.tuple, reply, zones);
    if (slot < 0) return this.full(p, max);
    this.begin(slot);
    if (p.template !== 0 || this.helping || this.helpersByPort) this.prepareHelp(p, slot, zones);
    return slot << 1;
  }

  /** What a rule, a helper or the ports say of a connection that begins. */
  private prepareHelp(p: Packet, slot: number, zones: number): void {
    const { expectations } = this;
    const expected = expectations.count === 0 ? null : expectations.find(p.tuple, zones & 0xffff || zones >>> 16);
    if (expected !== null) this.beginExpected(slot, expected);
    if (p.template !== 0) this.applyTemplate(this.templates[p.template]!, slot, p.protocol, expected !== null);
    if (expected === null && this.helpersByPort) this.assignByPort(slot);
    if (expected?.expectfn) expected.expectfn(slot, expected);
  }

  private full(p: Packet, max: number): number {
    this.invalidQuietly(p, REASON_TABLE_FULL, this.table.count, max);
    this.listener?.tableFull();
    return RESERVE_FULL;
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
      if ((status & F_HELP) !== 0) this.note(slot, IPCT_HELPER);
      this.note(slot, (status & IPS_EXPECTED) !== 0 ? IPCT_RELATED : IPCT_NEW);
    }
    return true;
  }

  /** A packet ended on its way: what it reserved is given back. */
  dropped(p: Packet): void {
    if (p.connection < 0) return;
    this.giveBack(p.connection >> 1);
  }

  /** ICMP type of the packet that began a connection. */
  originalIcmpType(slot: number): number {
    return (this.table.words[(slot << RECORD_SHIFT) + R_ORIG_PORTS]! >> 8) & 0xff;
  }

  /** The packet is INVALID: notes why and tells the kernel log if asked to. Always true. */
  invalid(p: Packet, code: number, a = 0, b = 0, c = 0, d = 0): boolean {
    p.reason = code;
    this.remark(p, code, a, b, c, d);
    return true;
  }

  /** As `invalid`, where the kernel logs nothing. */
  invalidQuietly(p: Packet, code: number, a = 0, b = 0): void {
    p.reason = code;
    p.reasonArgs[0] = a;
    p.reasonArgs[1] = b;
  }

  /** The packet passes, but the kernel would log a word about it. */
  remark(p: Packet, code: number, a = 0, b = 0, c = 0, d = 0): void {
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
