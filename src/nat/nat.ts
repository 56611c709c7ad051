/**
 * Network address translation: which mapping a connection gets, and the rewriting of its packets by it (nf_nat_core.c,
 * nf_nat_proto.c, nf_nat_masquerade.c, nf_nat_redirect.c, xt_NETMAP.c). IPv4 and IPv6 go one way.
 *
 * A mapping is nothing but a connection whose reply tuple is not the plain inverse of its original tuple: packets of either
 * direction are made to look like the inverse of the other direction's tuple, the destination before routing (PREROUTING,
 * OUTPUT), the source after it (POSTROUTING, INPUT). Status bits say which half differs (IPS_SRC_NAT, IPS_DST_NAT) and which
 * half is settled (IPS_SRC_NAT_DONE, IPS_DST_NAT_DONE); a mapping is settled before its connection is confirmed, and for good.
 *
 *   isOpen(p, manip)      whether rules are to be asked: the packet begins a connection whose half is not settled
 *   setup(slot, ...)      what a target does: settles a half
 *   settle(p, manip)      after the rules: a half that none of them settled stays as it is, if its tuple is free
 *   translate(p, manip)   rewrites a packet of a connection that is mapped
 *
 * Verdicts are NF_ACCEPT and NF_DROP; they are numbered as the rules' verdicts are.
 */
import type { ExpectFn } from '../conntrack/expect.js';
import { invertTuple } from '../conntrack/icmp.js';
import {
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_DYING,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
  R_ORIG_SRC,
  R_PROTO,
  R_STATUS,
  RECORD_SHIFT,
} from '../conntrack/layout.js';
import { SET_CHECKSUM } from '../conntrack/sysctl.js';
import { NF_ACCEPT, NF_DROP, type Tracker } from '../conntrack/tracker.js';
import { ADDRESS_WORDS } from '../wire/address.js';
import { ICMP_CHECKSUM_AT, icmpChecksumOk, replace16, sumBytes } from '../wire/checksum.js';
import { ICMP_REDIRECT, parseQuoted, QUOTED_OK } from '../wire/icmp.js';
import {
  AF_INET,
  CT_NEW,
  CT_RELATED,
  HAS_LOCAL_ORIGIN,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  Packet,
  T_DST,
  T_PORTS,
  T_SRC,
  TUPLE_WORDS,
} from '../wire/packet.js';
import { BySource } from './by-source.js';
import { sameTuple, TupleChooser } from './choose.js';
import { MANIP_DST, MANIP_SRC, NatRange, RANGE_MAP_IPS, RANGE_PORTS } from './range.js';
import { rewrite } from './rewrite.js';

const NAT_BITS = IPS_SRC_NAT | IPS_DST_NAT;
/** Of a connection that may be ended, and what they must be: it is in the table, and its source is settled. */
const GONE_BITS = IPS_CONFIRMED | IPS_DYING | IPS_SRC_NAT_DONE;
const MASQUERADED = IPS_CONFIRMED | IPS_SRC_NAT_DONE;
const DONE_BITS = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE;
const ICMPV6_REDIRECT = 137;
/** Bytes of a quoted transport header that translation may change. */
const QUOTED_CHANGES = 20;
const LOOPBACK4 = 0x7f000001;

/** What NAT asks of the host. */
export interface NatHost {
  /** The next 32 random bits of the host's seeded source. */
  random(): number;
  /**
   * The address that MASQUERADE gives to what leaves on `dev` for the destination at `words[at..]`, written to `out`;
   * false: there is none.
   */
  masqueradeAddress(family: number, dev: number, words: Int32Array, at: number, out: Int32Array): boolean;
  /**
   * The address of the interface `dev` that REDIRECT sends what arrives there for the destination at `words[at..]` to,
   * written to `out`; false: it has none.
   */
  redirectAddress(family: number, dev: number, words: Int32Array, at: number, out: Int32Array): boolean;
}

export class Nat {
  private readonly tracker: Tracker;
  private readonly host: NatHost;
  private chooser: TupleChooser | null = null;
  private bySource: BySource | null = null;
  /** By slot: the interface whose address MASQUERADE took, 0 = none. */
  private masqueraded = new Int32Array(0);
  /** The packet that an ICMP error quotes. */
  private readonly quoted = new Packet();
  /** The tuple of the direction opposite to a packet's. */
  private readonly opposite = new Int32Array(TUPLE_WORDS);
  private readonly current = new Int32Array(TUPLE_WORDS);
  private readonly chosen = new Int32Array(TUPLE_WORDS);
  private readonly address = new Int32Array(ADDRESS_WORDS);
  /** What a target makes of its range and a packet. */
  private readonly range = new NatRange();

  private readonly masterTuple = new Int32Array(TUPLE_WORDS);

  /**
   * An expected connection begins whose master is translated: it gets the same addresses as its master, and the port that was
   * announced (nf_nat_follow_master).
   */
  readonly followMaster: ExpectFn = (slot, e) => {
    const { range, masterTuple } = this;
    this.tracker.table.readTuple(e.master, e.direction ^ 1, masterTuple);
    range.flags = RANGE_MAP_IPS;
    range.setAddress(masterTuple, T_DST);
    this.setup(slot, range, MANIP_SRC);
    range.flags = RANGE_MAP_IPS | RANGE_PORTS;
    range.minPort = range.maxPort = e.savedPort;
    range.setAddress(masterTuple, T_SRC);
    this.setup(slot, range, MANIP_DST);
  };

  constructor(tracker: Tracker, host: NatHost) {
    this.tracker = tracker;
    this.host = host;
  }

  /** Makes room; to be called before the first packet that NAT is to see. */
  enable(): void {
    if (this.chooser !== null) return;
    const table = this.tracker.table;
    this.bySource = new BySource(table);
    this.chooser = new TupleChooser(this.tracker, this.bySource, () => this.host.random());
    this.masqueraded = new Int32Array(table.capacity);
  }

  /** Whether the nat table is to see a packet that has a connection (nf_nat_inet_fn). ICMP errors are never asked about. */
  isOpen(p: Packet, manip: number): boolean {
    if (p.state !== CT_NEW && (p.state !== CT_RELATED || isIcmpError(p))) return false;
    const status = this.tracker.table.words[((p.connection >> 1) << RECORD_SHIFT) + R_STATUS]!;
    return (status & (manip === MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE)) === 0;
  }

  /** Whether a packet's destination differs from what the connection's other direction calls its source. */
  isRedirected(p: Packet): boolean {
    const table = this.tracker.table;
    const direction = p.connection & 1;
    table.readTuple(p.connection >> 1, direction, this.current);
    table.readTuple(p.connection >> 1, direction ^ 1, this.opposite);
    for (let i = 0; i < ADDRESS_WORDS; i++) if (this.current[T_DST + i] !== this.opposite[T_SRC + i]) return true;
    return false;
  }

  /** After the rules: settles a half that none of them did (nf_nat_alloc_null_binding). */
  settle(p: Packet, manip: number): number {
    if (!this.isOpen(p, manip)) return NF_ACCEPT;
    const slot = p.connection >> 1;
    const range = this.range;
    // the reply as it stands: the other half may be translated already
    this.tracker.table.readTuple(slot, 1, this.current);
    range.flags = RANGE_MAP_IPS;
    range.setAddress(this.current, manip === MANIP_SRC ? T_DST : T_SRC);
    return this.setup(slot, range, manip);
  }

  /** Settles one half of a connection that is not confirmed by a range (nf_nat_setup_info). */
  setup(slot: number, range: NatRange, manip: number): number {
    const table = this.tracker.table;
    const w = table.words;
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    let status = w[at]!;
    if ((status & IPS_CONFIRMED) !== 0) return NF_ACCEPT;
    if (this.chooser === null) this.enable();
    const { current, chosen, opposite: reply } = this;
    table.readTuple(slot, 1, reply);
    invertTuple(reply, current);
    this.chooser!.choose(slot, current, range, manip, chosen);
    if (!sameTuple(current, chosen)) {
      invertTuple(chosen, reply);
      table.writeTuple(slot, 1, reply);
      status |= manip === MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
      if (this.tracker.helpersByPort) this.tracker.assignByPort(slot);
      status |= w[at]!;
    }
    w[at] = status | (manip === MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE);
    if (manip === MANIP_SRC) {
      this.masqueraded[slot] = 0;
      if ((status & IPS_SRC_NAT) !== 0) this.bySource!.add(slot);
    }
    return NF_ACCEPT;
  }

  /**
   * A connection entered the table without a packet, with tuples that say how it is mapped (a saved table): sets the status
   * bits that its packets are translated by.
   */
  adopt(slot: number): void {
    const table = this.tracker.table;
    const { current, chosen } = this;
    table.readTuple(slot, 1, chosen);
    invertTuple(chosen, current);
    table.readTuple(slot, 0, chosen);
    let status = DONE_BITS;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      if (current[T_SRC + i] !== chosen[T_SRC + i]) status |= IPS_SRC_NAT;
      if (current[T_DST + i] !== chosen[T_DST + i]) status |= IPS_DST_NAT;
    }
    const ports = current[T_PORTS]! ^ chosen[T_PORTS]!;
    if (ports >>> 16 !== 0) status |= IPS_SRC_NAT;
    if ((ports & 0xffff) !== 0) status |= IPS_DST_NAT;
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    table.words[at] = table.words[at]! | status;
    if (this.chooser !== null) this.masqueraded[slot] = 0;
    if ((status & IPS_SRC_NAT) === 0) return;
    this.enable();
    this.bySource!.add(slot);
  }

  /* targets */

  /** -j MASQUERADE: the source becomes an address of the interface that the packet leaves on; `from` has ports and flags. */
  masquerade(p: Packet, from: NatRange): number {
    const slot = p.connection >> 1;
    // a host that has no address yet asks for one (DHCP)
    if (p.family === AF_INET && this.tracker.table.words[(slot << RECORD_SHIFT) + R_ORIG_SRC] === 0) return NF_ACCEPT;
    if (!this.host.masqueradeAddress(p.family, p.outInterface, p.tuple, T_DST, this.address)) return NF_DROP;
    this.range.takePorts(from);
    this.range.setAddress(this.address, 0);
    const verdict = this.setup(slot, this.range, MANIP_SRC);
    this.masqueraded[slot] = p.outInterface;
    return verdict;
  }

  /** -j REDIRECT: to the host itself, by an address of the interface where the packet arrived. */
  redirect(p: Packet, from: NatRange): number {
    const to = this.address;
    if (p.hook === HOOK_OUTPUT) {
      to.fill(0);
      if (p.family === AF_INET) to[0] = LOOPBACK4;
      else to[3] = 1;
    } else if (!this.host.redirectAddress(p.family, p.inInterface, p.tuple, T_DST, to)) return NF_DROP;
    this.range.takePorts(from);
    this.range.setAddress(to, 0);
    return this.setup(p.connection >> 1, this.range, MANIP_DST);
  }

  /** -j NETMAP: the network part of the address is replaced, `network` in the bits of `mask`. */
  netmap(p: Packet, manip: number, network: Int32Array, mask: Int32Array): number {
    const at = manip === MANIP_SRC ? T_SRC : T_DST;
    const to = this.address;
    for (let i = 0; i < ADDRESS_WORDS; i++) to[i] = (p.tuple[at + i]! & ~mask[i]!) | (network[i]! & mask[i]!);
    this.range.flags = RANGE_MAP_IPS;
    this.range.setAddress(to, 0);
    return this.setup(p.connection >> 1, this.range, manip);
  }

  /* packets */

  /** Rewrites one half of a packet that has a connection, if that is mapped (nf_nat_packet). */
  translate(p: Packet, manip: number): number {
    const slot = p.connection >> 1;
    const direction = p.connection & 1;
    const status = this.tracker.table.words[(slot << RECORD_SHIFT) + R_STATUS]!;
    if (p.state === CT_RELATED && isIcmpError(p)) return this.translateError(p, manip, status);
    if (manip === MANIP_SRC && direction === 0 && this.wayChanged(p, slot, status)) return NF_DROP;
    // what is the source one way is the destination the other way
    const bit = manip === direction ? IPS_SRC_NAT : IPS_DST_NAT;
    if ((status & bit) === 0) return NF_ACCEPT;
    return rewrite(p, manip, this.opposite, this.readOpposite(p, manip), this.port(p, manip)) ? NF_ACCEPT : NF_DROP;
  }

  /** Reads the opposite direction's tuple; where in it the half stands that `manip` gets. */
  private readOpposite(p: Packet, manip: number): number {
    this.tracker.table.readTuple(p.connection >> 1, (p.connection & 1) ^ 1, this.opposite);
    return manip === MANIP_SRC ? T_DST : T_SRC;
  }

  /** The port, ICMP id or key for the half `manip`, from the opposite direction's tuple. */
  private port(p: Packet, manip: number): number {
    const ports = this.opposite[T_PORTS]!;
    const id = p.protocol === IPPROTO_ICMP || p.protocol === IPPROTO_ICMPV6;
    return manip === MANIP_DST || id ? ports >>> 16 : ports & 0xffff;
  }

  /** A masqueraded connection ends when a packet of its first direction would leave on another interface: its source is wrong there. */
  private wayChanged(p: Packet, slot: number, status: number): boolean {
    if (p.hook !== HOOK_POSTROUTING || (status & IPS_SRC_NAT_DONE) === 0) return false;
    const dev = this.masqueraded[slot]!;
    if (dev === 0 || dev === p.outInterface) return false;
    this.tracker.account(slot, 0, p.l3Len);
    this.tracker.kill(slot);
    return true;
  }

  /**
   * Ends the connections that MASQUERADE gave an address of the interface `dev`: those with the address at `words`, null: all of
   * both families (nf_nat_masq_schedule). What SNAT gave such an address stays.
   */
  forgetMasqueraded(dev: number, family: number, words: Int32Array | null): void {
    const table = this.tracker.table;
    if (this.chooser === null) return;
    for (let slot = table.nextInUse(0); slot >= 0; slot = table.nextInUse(slot + 1)) {
      const base = slot << RECORD_SHIFT;
      if (this.masqueraded[slot] !== dev || (table.words[base + R_STATUS]! & GONE_BITS) !== MASQUERADED) continue;
      if (words !== null && !this.answersTo(slot, family, words)) continue;
      this.tracker.kill(slot);
    }
    this.tracker.settle();
  }

  /** Whether a connection's answers go to that address. */
  private answersTo(slot: number, family: number, words: Int32Array): boolean {
    const { table } = this.tracker;
    if (table.words[(slot << RECORD_SHIFT) + R_PROTO]! >> 8 !== family) return false;
    table.readTuple(slot, 1, this.current);
    for (let i = 0; i < ADDRESS_WORDS; i++) if (this.current[T_DST + i] !== words[i]) return false;
    return true;
  }

  /**
   * An ICMP error about a connection: its own address and the packet that it quotes, which went the other way, are translated
   * together (nf_nat_icmp_reply_translation, nf_nat_icmpv6_reply_translation).
   */
  private translateError(p: Packet, manip: number, status: number): number {
    // connection tracking has verified the checksum of what arrived, unless it was told not to
    const isVerified = this.tracker.settings.value[SET_CHECKSUM] !== 0 && (p.has & HAS_LOCAL_ORIGIN) === 0;
    if (!isVerified && !icmpChecksumOk(p)) return NF_DROP;
    const type = p.view.getUint8(p.l4Off);
    if (type === (p.family === AF_INET ? ICMP_REDIRECT : ICMPV6_REDIRECT)) {
      // a redirect names a gateway that only who sees the untranslated addresses can use
      if ((status & DONE_BITS) !== DONE_BITS || (status & NAT_BITS) !== 0) return NF_DROP;
    }
    const bit = manip === (p.connection & 1) ? IPS_SRC_NAT : IPS_DST_NAT;
    if ((status & bit) === 0) return NF_ACCEPT;
    const quoted = this.quoted;
    if (parseQuoted(p, quoted) !== QUOTED_OK) return NF_DROP;
    const at = this.readOpposite(p, manip);
    const port = this.port(quoted, manip);
    const from = quoted.l3Off;
    const to = Math.min(p.end, quoted.l4Off + QUOTED_CHANGES);
    const before = sumBytes(p.view, from, to);
    if (!rewrite(quoted, manip ^ 1, this.opposite, at, port)) return NF_DROP;
    replace16(p.bytes, p.l4Off + ICMP_CHECKSUM_AT, before, sumBytes(p.view, from, to));
    return rewrite(p, manip, this.opposite, at, port) ? NF_ACCEPT : NF_DROP;
  }
}

/** Whether a RELATED packet is an ICMP error (of its family): those are translated by what they quote. */
function isIcmpError(p: Packet): boolean {
  return p.protocol === (p.family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}
