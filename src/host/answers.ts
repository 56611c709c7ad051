/**
 * Packets that the host makes by itself: ICMP and ICMPv6 errors (net/ipv4/icmp.c icmp_send, net/ipv6/icmp.c icmp6_send) and
 * REJECT's answers (net/ipv4/netfilter/nf_reject_ipv4.c, net/ipv6/netfilter/nf_reject_ipv6.c).
 *
 * Each function says whether there is anything to send; if so, the packet stands in `bytes[start, end)` from its IP header on,
 * with room for a link-layer header before it, valid until the next answer. It still has to pass OUTPUT and POSTROUTING.
 *
 * Differences from the kernel, which draws or hashes: the IP id counts from 1, the IPv6 flow label of ICMPv6 errors is 0 (the
 * kernel hashes with a key of each boot).
 */
import { writeHeaderChecksum } from '../conntrack/fragment-headers.js';
import {
  REASON_CLASH,
  REASON_ICMP_CHECKSUM,
  REASON_ICMP_SHORT,
  REASON_TCP_CHECKSUM,
  REASON_TCP_TRUNCATED,
  REASON_UDP_CHECKSUM,
  REASON_UDP_LENGTH,
  REASON_UDP_SHORT,
} from '../conntrack/reasons.js';
import { RTN_ANYCAST, RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST } from '../rules/context.js';
import { foldSum, internetChecksum, sumBytes } from '../wire/checksum.js';
import {
  AF_INET,
  AF_INET6,
  CT_INVALID,
  CT_NONE,
  CT_UNTRACKED,
  HAS_BROKEN_CHAIN,
  HAS_CUT,
  HAS_LATER_FRAGMENT,
  HAS_LOCAL_ORIGIN,
  HAS_TCP,
  HOOK_FORWARD,
  IPPROTO_AH,
  IPPROTO_ESP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  PACKET_HOST,
  type Packet,
  T_DST,
  T_SRC,
} from '../wire/packet.js';
import type { IpOptions } from './ip-options.js';
import type { Routing, SysctlReader } from './routing.js';

export const ICMP_DEST_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETERPROB = 12;
export const ICMPV6_DEST_UNREACH = 1;
export const ICMPV6_PKT_TOOBIG = 2;
export const ICMPV6_TIME_EXCEED = 3;
export const ICMPV6_PARAMPROB = 4;

/** Where an answer begins in the buffer. */
export const OUT = 64;
const IPV4_HEADER_LEN = 20;
const IPV6_HEADER_LEN = 40;
/** An ICMP header with id and sequence number, or the unused and MTU fields of an error. */
export const ICMP_HEADER_LEN = 8;
const TCP_HEADER_LEN = 20;
/** RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c): how long an error may get. */
const ICMP_MAX = 576;
const ICMPV6_MAX = 1280;
const DEFAULT_TTL = 64;
/** Delay, throughput, reliability, cost of the offender's TOS; and precedence 6 (internetwork control). */
const TOS_MASK = 0x1e;
const TOS_CONTROL = 0xc0;
const IP_DF = 0x40;
const TCP_FIN = 1;
const TCP_SYN = 2;
const TCP_RST = 4;
const TCP_ACK = 16;

export class Answers {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  start = 0;
  end = 0;

  protected readonly routing: Routing;
  readonly #ttl4: number;
  readonly #ttl6: number;
  protected readonly source = new Int32Array(4);
  protected readonly options: IpOptions | null;
  /** net.netfilter.nf_conntrack_checksum */
  readonly #tracksChecksums: boolean;
  #id = 0;

  /**
   * @param options of the packet that is on its way, for answers to packets that have IPv4 options
   * @param size bytes of the longest answer
   */
  constructor(routing: Routing, sysctl: SysctlReader, options: IpOptions | null = null, size = ICMPV6_MAX) {
    this.bytes = new Uint8Array(OUT + size + 64);
    this.view = new DataView(this.bytes.buffer);
    this.routing = routing;
    this.options = options;
    this.#ttl4 = sysctl.number('net.ipv4.ip_default_ttl', DEFAULT_TTL);
    this.#tracksChecksums = sysctl.number('net.netfilter.nf_conntrack_checksum', 1) !== 0;
    this.#ttl6 = sysctl.number('net.ipv6.conf.all.hop_limit', DEFAULT_TTL);
  }

  /**
   * The ICMP or ICMPv6 error about `p`. `info`: MTU of "fragmentation needed" and "packet too big", pointer of "parameter
   * problem", else 0. False: about such a packet no error is sent. Overwrites routing's results.
   */
  icmpError(p: Packet, type: number, code: number, info: number): boolean {
    return p.family === AF_INET ? this.#error4(p, type, code, info) : this.#error6(p, type, code, info);
  }

  /**
   * REJECT with an ICMP error: "destination unreachable" with this code (nf_send_unreach, nf_send_unreach6). Fragments and
   * packets whose checksum is wrong are not answered; which protocols have one to check is nf_reject_verify_csum's idea.
   */
  unreachable(p: Packet, code: number): boolean {
    if (p.family === AF_INET) {
      if ((p.has & HAS_LATER_FRAGMENT) !== 0 || !this.#rejectChecksumOk(p)) return false;
      return this.#error4(p, ICMP_DEST_UNREACH, code, 0);
    }
    if ((p.has & (HAS_LATER_FRAGMENT | HAS_BROKEN_CHAIN)) !== 0 || p.l4Off < 0 || p.l4Off >= p.l3Off + p.l3Len)
      return false;
    return this.#rejectChecksumOk(p) && this.#error6(p, ICMPV6_DEST_UNREACH, code, 0);
  }

  /**
   * REJECT --reject-with tcp-reset (nf_send_reset, nf_send_reset6): a RST that fits the segment as RFC 793 section 3.4 says.
   * None for a RST, for what is no whole TCP header, for a wrong checksum, for broadcasts and groups.
   */
  tcpReset(p: Packet): boolean {
    if ((p.has & HAS_LATER_FRAGMENT) !== 0 || p.protocol !== IPPROTO_TCP || p.l4Off < 0) return false;
    const l4Len = p.l3Off + p.l3Len - p.l4Off;
    // HAS_TCP asks for a sane data offset, which a RST does not need
    if ((p.has & HAS_TCP) === 0 && (l4Len < TCP_HEADER_LEN || p.l4Off + TCP_HEADER_LEN > p.end)) return false;
    const flags = p.view.getUint8(p.l4Off + 13);
    // what tracking found is forgotten on the way through (skb_forward_csum); ICMP errors remember it (csum_valid)
    const remembered = p.hook !== HOOK_FORWARD;
    if ((flags & TCP_RST) !== 0 || !this.#checksumOk(p, IPPROTO_TCP, remembered)) return false;
    if (!this.addressesAnswerable(p)) return false;
    this.writeReset(p, flags, 0, 0);
    return true;
  }

  /** Writes the RST that answers a segment with these flags; the bytes of IP options stand there already. */
  protected writeReset(p: Packet, flags: number, tos: number, optionsLen: number): void {
    const at = this.begin(p, p.tuple, T_DST, IPPROTO_TCP, TCP_HEADER_LEN, optionsLen);
    this.writeTos(p.family, tos);
    if (p.family === AF_INET) this.bytes[OUT + 6] = IP_DF;
    const view = this.view;
    const old = p.view;
    const l4Len = p.l3Off + p.l3Len - p.l4Off;
    view.setUint16(at, old.getUint16(p.l4Off + 2));
    view.setUint16(at + 2, old.getUint16(p.l4Off));
    const acked = (flags & TCP_ACK) !== 0;
    const counted = ((flags & TCP_SYN) >> 1) + (flags & TCP_FIN);
    const ack = old.getInt32(p.l4Off + 4) + counted + l4Len - (old.getUint8(p.l4Off + 12) >> 4) * 4;
    view.setInt32(at + 4, acked ? old.getInt32(p.l4Off + 8) : 0);
    view.setInt32(at + 8, acked ? 0 : ack | 0);
    view.setUint16(at + 12, ((TCP_HEADER_LEN / 4) << 12) | TCP_RST | (acked ? 0 : TCP_ACK));
    view.setUint16(at + 14, 0);
    view.setInt32(at + 16, 0);
    const pseudo = pseudoSum(this.view, OUT, p.family, TCP_HEADER_LEN, IPPROTO_TCP);
    view.setUint16(at + 16, internetChecksum(view, at, at + TCP_HEADER_LEN, pseudo));
    if (p.family === AF_INET) writeHeaderChecksum(this.bytes, OUT, at - OUT);
  }

  /** TOS or traffic class of the answer that `begin` began. */
  protected writeTos(family: number, tos: number): void {
    if (family === AF_INET) this.bytes[OUT + 1] = tos;
    else this.view.setUint16(OUT, 0x6000 | (tos << 4));
  }

  /** The next IP id. */
  protected writeId(): void {
    this.#id = (this.#id + 1) & 0xffff;
    this.view.setUint16(OUT + 4, this.#id);
  }

  #error4(p: Packet, type: number, code: number, info: number): boolean {
    const view = p.view;
    if (p.packetType !== PACKET_HOST || (p.has & HAS_LATER_FRAGMENT) !== 0) return false;
    const headerLen = (view.getUint8(p.l3Off) & 15) * 4;
    if (p.protocol === IPPROTO_ICMP && !isQuery(p, p.l3Off + headerLen)) return false;
    const local = this.routing.addressType(AF_INET, p.tuple, T_DST, 0);
    if (local === RTN_BROADCAST || local === RTN_MULTICAST) return false;
    if (local === RTN_LOCAL) for (let i = 0; i < 4; i++) this.source[i] = p.tuple[T_DST + i]!;
    else if (!this.routing.selectSource(AF_INET, p.tuple, T_SRC, this.source, 0)) return false;
    let optionsLen = 0;
    if (headerLen > IPV4_HEADER_LEN && this.options !== null && (p.has & HAS_LOCAL_ORIGIN) === 0) {
      optionsLen = this.options.echo(p, this.bytes, OUT + IPV4_HEADER_LEN, this.source[0]!);
    }
    if (optionsLen < 0) return false;
    const quoted = Math.min(p.l3Len, ICMP_MAX - IPV4_HEADER_LEN - optionsLen - ICMP_HEADER_LEN);
    const at = this.begin(p, this.source, 0, IPPROTO_ICMP, ICMP_HEADER_LEN + quoted, optionsLen);
    this.bytes[OUT + 1] = (view.getUint8(p.l3Off + 1) & TOS_MASK) | TOS_CONTROL;
    this.writeId();
    // a pointer stands in the first of the four bytes, an MTU in the last two (RFC 792, RFC 1191)
    this.#message(p, at, type, code, type === ICMP_PARAMETERPROB ? info << 24 : info, quoted);
    this.view.setUint16(at + 2, internetChecksum(this.view, at, this.end));
    writeHeaderChecksum(this.bytes, OUT, IPV4_HEADER_LEN + optionsLen);
    return true;
  }

  #error6(p: Packet, type: number, code: number, info: number): boolean {
    const tuple = p.tuple;
    const group = p.packetType !== PACKET_HOST || tuple[T_DST]! >>> 24 === 255;
    // RFC 4443 section 2.4 (e.3): of errors about a group's packets only these two serve anything
    if (group && type !== ICMPV6_PKT_TOOBIG && type !== ICMPV6_PARAMPROB) return false;
    const unspecified = (tuple[T_SRC]! | tuple[T_SRC + 1]! | tuple[T_SRC + 2]! | tuple[T_SRC + 3]!) === 0;
    if (unspecified || tuple[T_SRC]! >>> 24 === 255 || isIneligible(p)) return false;
    if (!this.routing.isOnLink6(tuple, T_SRC, p.inInterface)) return false;
    // nobody in particular: this host would answer itself (icmpv6_route_lookup)
    if (this.routing.addressType(AF_INET6, tuple, T_SRC, 0) === RTN_ANYCAST) return false;
    const local = this.routing.addressType(AF_INET6, tuple, T_DST, 0);
    if (!group && (local === RTN_LOCAL || local === RTN_ANYCAST)) {
      for (let i = 0; i < 4; i++) this.source[i] = tuple[T_DST + i]!;
    } else if (!this.routing.selectSource(AF_INET6, tuple, T_SRC, this.source, 0)) {
      return false;
    } else if (p.inInterface !== 0) {
      // an address of where the packet came from, even if the answer leaves elsewhere (icmp6_send, icmp6_iif)
      this.routing.masqueradeAddress(AF_INET6, p.inInterface, tuple, T_SRC, this.source);
    }
    const quoted = Math.min(p.l3Len, ICMPV6_MAX - IPV6_HEADER_LEN - ICMP_HEADER_LEN);
    const at = this.begin(p, this.source, 0, IPPROTO_ICMPV6, ICMP_HEADER_LEN + quoted, 0);
    this.#message(p, at, type, code, info, quoted);
    const pseudo = pseudoSum(this.view, OUT, AF_INET6, ICMP_HEADER_LEN + quoted, IPPROTO_ICMPV6);
    this.view.setUint16(at + 2, internetChecksum(this.view, at, this.end, pseudo));
    return true;
  }

  /** ICMP header, checksum 0, and the quoted packet; what the capture did not hold is zero. */
  #message(p: Packet, at: number, type: number, code: number, info: number, quoted: number): void {
    const bytes = this.bytes;
    bytes[at] = type;
    bytes[at + 1] = code;
    bytes[at + 2] = 0;
    bytes[at + 3] = 0;
    this.view.setInt32(at + 4, info);
    const from = p.l3Off;
    const held = Math.min(quoted, p.end - from);
    const to = at + ICMP_HEADER_LEN;
    for (let i = 0; i < held; i++) bytes[to + i] = p.bytes[from + i]!;
    for (let i = held; i < quoted; i++) bytes[to + i] = 0;
  }

  /**
   * Writes the IP header of an answer to p's sender from the address at `words[wordsAt..]`; sets `start` and `end`. TOS, id and
   * checksum are 0. Returns where the payload begins.
   */
  protected begin(
    p: Packet,
    words: Int32Array,
    wordsAt: number,
    protocol: number,
    payloadLen: number,
    optionsLen: number,
  ): number {
    const view = this.view;
    this.start = OUT;
    if (p.family === AF_INET) {
      const headerLen = IPV4_HEADER_LEN + optionsLen;
      view.setUint16(OUT, (0x40 | (headerLen / 4)) << 8);
      view.setUint16(OUT + 2, headerLen + payloadLen);
      view.setInt32(OUT + 4, 0);
      view.setUint16(OUT + 8, (this.#ttl4 << 8) | protocol);
      view.setUint16(OUT + 10, 0);
      view.setInt32(OUT + 12, words[wordsAt]!);
      view.setInt32(OUT + 16, p.tuple[T_SRC]!);
      this.end = OUT + headerLen + payloadLen;
      return OUT + headerLen;
    }
    view.setInt32(OUT, 0x60000000);
    view.setUint16(OUT + 4, payloadLen);
    view.setUint16(OUT + 6, (protocol << 8) | this.#ttl6);
    for (let i = 0; i < 4; i++) {
      view.setInt32(OUT + 8 + i * 4, words[wordsAt + i]!);
      view.setInt32(OUT + 24 + i * 4, p.tuple[T_SRC + i]!);
    }
    this.end = OUT + IPV6_HEADER_LEN + payloadLen;
    return OUT + IPV6_HEADER_LEN;
  }

  /** A RST goes to and comes from one host each. */
  protected addressesAnswerable(p: Packet): boolean {
    if (p.family === AF_INET) {
      const type = this.routing.addressType(AF_INET, p.tuple, T_DST, 0);
      return type !== RTN_BROADCAST && type !== RTN_MULTICAST;
    }
    return isUnicast6(p.tuple, T_SRC) && isUnicast6(p.tuple, T_DST);
  }

  #rejectChecksumOk(p: Packet): boolean {
    switch (p.protocol) {
      case IPPROTO_UDP:
        if (p.l4Off >= 0 && p.l4Off + 8 <= p.end && p.view.getUint16(p.l4Off + 6) === 0) return true;
        return this.#checksumOk(p, IPPROTO_UDP, true);
      case IPPROTO_GRE:
      case IPPROTO_AH:
      case IPPROTO_ESP:
      case IPPROTO_SCTP:
      case IPPROTO_UDPLITE:
        return true;
      default:
        return this.#checksumOk(p, p.protocol, true);
    }
  }

  /**
   * nf_ip_checksum, nf_ip6_checksum: the whole transport part must sum to all ones, whatever the protocol; with a pseudo header
   * for TCP and UDP, in IPv6 for everything. Packets of the host's own and those that the capture cut are believed.
   *
   * The kernel sums IPv4 from the IP header on, which adds nothing as long as the header's own checksum is right. It is not
   * between INPUT or FORWARD and the end of the way where the host entered its address into an option: such packets get no
   * answer. But what connection tracking has found right is right, if that is `remembered`, whatever rules did to it since.
   */
  #checksumOk(p: Packet, protocol: number, remembered: boolean): boolean {
    if ((p.has & (HAS_LOCAL_ORIGIN | HAS_CUT)) !== 0) return true;
    if (remembered && this.#tracksChecksums && hasGoodChecksum(p)) return true;
    const view = p.view;
    const end = p.l3Off + p.l3Len;
    if (p.family !== AF_INET) {
      const sum = sumBytes(view, p.l4Off, end) + pseudoSum(view, p.l3Off, p.family, end - p.l4Off, protocol);
      return foldSum(sum) === 0xffff;
    }
    const l4Off = p.l3Off + (view.getUint8(p.l3Off) & 15) * 4;
    const ports = protocol === IPPROTO_TCP || protocol === IPPROTO_UDP;
    const pseudo = ports ? pseudoSum(view, p.l3Off, p.family, end - l4Off, protocol) : 0;
    return foldSum(sumBytes(view, p.l3Off, end) + pseudo) === 0xffff;
  }
}

/** Whether connection tracking has looked at a packet's checksum and found it right; it is its first question but for lengths. */
function hasGoodChecksum(p: Packet): boolean {
  const { protocol } = p;
  const icmp = p.family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP && protocol !== icmp) return false;
  if (p.state !== CT_INVALID) return p.state !== CT_UNTRACKED && p.state !== CT_NONE;
  switch (p.reason) {
    case REASON_TCP_TRUNCATED:
    case REASON_TCP_CHECKSUM:
    case REASON_UDP_SHORT:
    case REASON_UDP_LENGTH:
    case REASON_UDP_CHECKSUM:
    case REASON_ICMP_SHORT:
    case REASON_ICMP_CHECKSUM:
      return false;
    default:
      // those of all protocols come before
      return p.reason > REASON_CLASH;
  }
}

/** Sum of the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1) from the addresses of the IP header at `l3Off`. */
export function pseudoSum(view: DataView, l3Off: number, family: number, length: number, protocol: number): number {
  const addresses = family === AF_INET ? sumBytes(view, l3Off + 12, l3Off + 20) : sumBytes(view, l3Off + 8, l3Off + 40);
  return addresses + length + protocol;
}

/** ICMP types about which errors are sent: queries and replies. RFC 1122 section 3.2.2 forbids errors about errors. */
function isQuery(p: Packet, at: number): boolean {
  if (at >= p.end) return false;
  const type = p.view.getUint8(at);
  return type === 0 || type === 8 || (type >= 13 && type <= 18);
}

/**
 * RFC 4443 section 2.4 (e.1): no error about an ICMPv6 error, nor about one whose type cannot be read, unless it may stand in another
 * fragment (is_ineligible).
 */
function isIneligible(p: Packet): boolean {
  if (p.protocol !== IPPROTO_ICMPV6 || (p.has & (HAS_BROKEN_CHAIN | HAS_LATER_FRAGMENT)) !== 0 || p.l4Off < 0)
    return false;
  return p.l4Off >= p.end ? p.fragment === 0 : p.view.getUint8(p.l4Off) < 128;
}

function isUnicast6(words: Int32Array, at: number): boolean {
  return words[at]! >>> 24 !== 255 && (words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!) !== 0;
}
