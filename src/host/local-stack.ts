/**
 * What a host without any open socket answers to what is delivered to it: replies to pings, RST, "port unreachable" and
 * "protocol unreachable" (net/ipv4/icmp.c icmp_echo, icmp_timestamp; tcp_ipv4.c tcp_v4_send_reset; udp.c; ip_input.c
 * ip_protocol_deliver_rcu; and their twins in net/ipv6). Seen on 6.18: of the IPv4 protocols it knows ICMP, IGMP, TCP, UDP,
 * PIM and UDP-Lite, of the IPv6 ones ICMPv6, TCP, UDP, PIM and UDP-Lite.
 *
 * Not answered though Linux does: ICMPv6 queries but echo.
 */
import { writeHeaderChecksum } from '../conntrack/fragment-headers.js';
import { RTN_LOCAL } from '../rules/context.js';
import { foldSum, internetChecksum, sumBytes, transportChecksumOk } from '../wire/checksum.js';
import { IPV6_HEADER_LEN, isExtension } from '../wire/ipv6.js';
import {
  AF_INET,
  AF_INET6,
  HAS_BROKEN_CHAIN,
  HAS_CUT,
  HAS_TCP,
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  PACKET_HOST,
  type Packet,
  T_DST,
  T_SRC,
} from '../wire/packet.js';
import {
  Answers,
  ICMP_DEST_UNREACH,
  ICMP_HEADER_LEN,
  ICMPV6_DEST_UNREACH,
  ICMPV6_PARAMPROB,
  OUT,
  pseudoSum,
} from './answers.js';
import type { IpOptions } from './ip-options.js';
import type { Routing, SysctlReader } from './routing.js';

/** What `answer` returns: there is nothing to send. */
export const STACK_SILENT = 0;
/** The answer is a packet of its own for connection tracking. */
export const STACK_ANSWERS = 1;
/** The answer is an ICMP error of the packet's connection, whatever it quotes (nf_ct_attach). */
export const STACK_ANSWERS_ATTACHED = 2;

/** What #chain returns where the transport header is to be looked at. */
const CHAIN_FINE = -1;

const IPPROTO_PIM = 103;
const IPV4_HEADER_LEN = 20;
const MAX_PACKET = 65535;
const MS_PER_DAY = 86_400_000;

const TCP_RST = 4;
/** All of a TOS byte but the congestion bits. */
const DSCP_MASK = 0xfc;

const ICMP_ECHO_REPLY = 0;
const ICMP_ECHO = 8;
const ICMP_TIMESTAMP = 13;
const ICMP_TIMESTAMP_REPLY = 14;
const TIMESTAMPS_LEN = 12;
const ICMP_PROT_UNREACH = 2;
const ICMP_PORT_UNREACH = 3;
const ICMPV6_ECHO_REQUEST = 128;
const ICMPV6_ECHO_REPLY = 129;
const ICMPV6_PORT_UNREACH = 4;
/** Codes of ICMPv6 "parameter problem": a wrong header field, an unknown next header, an unknown option, not all headers. */
const ICMPV6_HDR_FIELD = 0;
const ICMPV6_UNK_NEXTHDR = 1;
const ICMPV6_UNK_OPTION = 2;
const ICMPV6_HDR_INCOMP = 3;
/** Offset and "more" of a fragment header: 0 in one that is the whole packet. */
const FRAGMENT_FIELD = 0xfff9;
const NEXT_HEADER_AT = 6;
const OPT_PAD1 = 0;
const OPT_PADN = 1;
/** max_dst_opts_number, and how much padding alignment to 8 can need. */
const MAX_OPTIONS = 8;
const MAX_PADDING = 7;
/** Routing headers of segments (RFC 6554, RFC 8754), which are off unless switched on, and then silent. */
const SRCRT_TYPE_3 = 3;
const SRCRT_TYPE_4 = 4;

/** The answer stands in `bytes[start, end)`, as in Answers, until the next one. */
export class LocalStack extends Answers {
  constructor(routing: Routing, sysctl: SysctlReader, options: IpOptions) {
    super(routing, sysctl, options, MAX_PACKET);
  }

  /** Builds the answer to a packet that has passed INPUT; a STACK_ constant. Overwrites routing's results. */
  answer(p: Packet, nowMs: number): number {
    if (p.family === AF_INET6 && p.l4Off !== p.l3Off + IPV6_HEADER_LEN) {
      const found = this.#chain(p);
      if (found !== CHAIN_FINE) return found;
    }
    switch (p.protocol) {
      case IPPROTO_TCP:
        return this.#segment(p);
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
        return this.#datagram(p);
      case IPPROTO_PIM:
        return STACK_SILENT;
      default:
        return p.family === AF_INET ? this.#other4(p, nowMs) : this.#other6(p);
    }
  }

  #other4(p: Packet, nowMs: number): number {
    if (p.protocol === IPPROTO_ICMP) return this.#icmp(p, nowMs);
    if (p.protocol === IPPROTO_IGMP) return STACK_SILENT;
    // RFC 1122 section 3.2.2.1
    return this.icmpError(p, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0) ? STACK_ANSWERS_ATTACHED : STACK_SILENT;
  }

  #other6(p: Packet): number {
    return p.protocol === IPPROTO_ICMPV6 ? this.#icmpv6(p) : this.#problem(p, ICMPV6_UNK_NEXTHDR, NEXT_HEADER_AT);
  }

  /** No socket listens: RFC 9293 section 3.10.7.1. A RST is never answered. */
  #segment(p: Packet): number {
    if (p.packetType !== PACKET_HOST || (p.has & HAS_TCP) === 0 || (p.tcpFlags & TCP_RST) !== 0) return STACK_SILENT;
    if (!transportChecksumOk(p)) return STACK_SILENT;
    // IPv6: even to nobody's address, but only from one that is this host's alone (ipv6_unicast_destination)
    const isOwn =
      p.family === AF_INET
        ? this.addressesAnswerable(p)
        : this.routing.addressType(AF_INET6, p.tuple, T_DST, 0) === RTN_LOCAL && this.#reaches(p);
    if (!isOwn) return STACK_SILENT;
    const optionsLen = this.#options(p, p.tuple[T_DST]!);
    if (optionsLen < 0) return STACK_SILENT;
    this.writeReset(p, p.tcpFlags, tosOf(p) & DSCP_MASK, optionsLen);
    return STACK_ANSWERS;
  }

  #reaches(p: Packet): boolean {
    return p.family !== AF_INET6 || this.routing.isOnLink6(p.tuple, T_SRC, p.inInterface);
  }

  /** RFC 1122 section 4.1.3.1, RFC 4443 section 3.1. */
  #datagram(p: Packet): number {
    if (!datagramOk(p)) return STACK_SILENT;
    const four = p.family === AF_INET;
    // what is behind the datagram is gone when its error is made (pskb_trim_rcsum in __udp4_lib_rcv)
    const { l3Len } = p;
    if (p.protocol === IPPROTO_UDP) p.l3Len = p.l4Off - p.l3Off + p.view.getUint16(p.l4Off + 4);
    const sent = four
      ? this.icmpError(p, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0)
      : this.icmpError(p, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
    p.l3Len = l3Len;
    return sent ? STACK_ANSWERS : STACK_SILENT;
  }

  /** RFC 1122 sections 3.2.2.6 and 3.2.2.8; broadcasts and groups are not answered (icmp_echo_ignore_broadcasts). */
  #icmp(p: Packet, nowMs: number): number {
    const length = p.l3Off + p.l3Len - p.l4Off;
    if (length < ICMP_HEADER_LEN || p.end - p.l4Off < ICMP_HEADER_LEN || !transportChecksumOk(p)) return STACK_SILENT;
    const type = p.view.getUint8(p.l4Off);
    if (type !== ICMP_ECHO && type !== ICMP_TIMESTAMP) return STACK_SILENT;
    if (type === ICMP_TIMESTAMP && p.end - p.l4Off < ICMP_HEADER_LEN + 4) return STACK_SILENT;
    if (!this.addressesAnswerable(p)) return STACK_SILENT;
    const optionsLen = this.#options(p, p.tuple[T_DST]!);
    if (optionsLen < 0) return STACK_SILENT;
    const echo = type === ICMP_ECHO;
    const replyLen = echo ? length : ICMP_HEADER_LEN + TIMESTAMPS_LEN;
    if (IPV4_HEADER_LEN + optionsLen + replyLen > MAX_PACKET) return STACK_SILENT;
    const at = this.begin(p, p.tuple, T_DST, IPPROTO_ICMP, replyLen, optionsLen);
    this.writeTos(AF_INET, tosOf(p));
    this.writeId();
    this.#copyMessage(p, at, Math.min(length, replyLen));
    if (echo) this.bytes[at] = ICMP_ECHO_REPLY;
    else this.#timestamps(at, nowMs);
    this.view.setUint16(at + 2, internetChecksum(this.view, at, this.end));
    writeHeaderChecksum(this.bytes, OUT, at - OUT);
    return STACK_ANSWERS;
  }

  /** When the query came and when the reply went, in ms since midnight UTC (RFC 792). */
  #timestamps(at: number, nowMs: number): void {
    this.bytes[at] = ICMP_TIMESTAMP_REPLY;
    this.bytes[at + 1] = 0;
    const ms = Math.floor(nowMs % MS_PER_DAY);
    this.view.setInt32(at + ICMP_HEADER_LEN + 4, ms);
    this.view.setInt32(at + ICMP_HEADER_LEN + 8, ms);
  }

  /** RFC 4443 section 4.2: the ping of a group, or of an anycast address, is answered by an address of one's own. */
  #icmpv6(p: Packet): number {
    const length = p.l3Off + p.l3Len - p.l4Off;
    if (p.l4Off < 0 || length < ICMP_HEADER_LEN || p.end - p.l4Off < ICMP_HEADER_LEN) return STACK_SILENT;
    if (!transportChecksumOk(p) || p.view.getUint8(p.l4Off) !== ICMPV6_ECHO_REQUEST) return STACK_SILENT;
    if (p.tuple[T_SRC]! >>> 24 === 255) return STACK_SILENT;
    if (!this.#reaches(p)) return STACK_SILENT;
    const isOwn = this.routing.addressType(AF_INET6, p.tuple, T_DST, 0) === RTN_LOCAL;
    if (isOwn) for (let i = 0; i < 4; i++) this.source[i] = p.tuple[T_DST + i]!;
    else if (!this.routing.selectSource(AF_INET6, p.tuple, T_SRC, this.source, 0)) return STACK_SILENT;
    // where the source is to be chosen, the answer leaves where the question came in (ip6_route_output_flags)
    else if (this.routing.outInterface !== p.inInterface) return STACK_SILENT;
    const at = this.begin(p, this.source, 0, IPPROTO_ICMPV6, length, 0);
    this.writeTos(AF_INET6, tosOf(p));
    this.#copyMessage(p, at, length);
    this.bytes[at] = ICMPV6_ECHO_REPLY;
    const pseudo = pseudoSum(this.view, OUT, AF_INET6, length, IPPROTO_ICMPV6);
    this.view.setUint16(at + 2, internetChecksum(this.view, at, this.end, pseudo));
    return STACK_ANSWERS;
  }

  /** ICMP message to `at`, checksum 0; what the capture did not hold is zero. */
  #copyMessage(p: Packet, at: number, length: number): void {
    const held = Math.min(length, p.end - p.l4Off);
    for (let i = 0; i < held; i++) this.bytes[at + i] = p.bytes[p.l4Off + i]!;
    this.bytes.fill(0, at + held, this.end);
    this.view.setUint16(at + 2, 0);
  }

  /** IPv4 options that the answer carries back, written to their place; their length, -1 = no answer can be built. */
  #options(p: Packet, source: number): number {
    if (p.family !== AF_INET || (p.view.getUint8(p.l3Off) & 15) === 5 || this.options === null) return 0;
    return this.options.echo(p, this.bytes, OUT + IPV4_HEADER_LEN, source);
  }

  /** Extension headers, one after the other as the host takes them; CHAIN_FINE, or what becomes of the packet. */
  #chain(p: Packet): number {
    if ((p.has & HAS_BROKEN_CHAIN) !== 0 || p.l4Off < 0) return STACK_SILENT;
    let next = p.view.getUint8(p.l3Off + NEXT_HEADER_AT);
    let nextAt = NEXT_HEADER_AT;
    let at = IPV6_HEADER_LEN;
    while (isExtension(next) && next !== IPPROTO_AH) {
      if (next === IPPROTO_NONE || p.l3Off + at + 8 > p.end) return STACK_SILENT;
      // hop-by-hop options are known in the first place only
      if (next === IPPROTO_HOPOPTS && nextAt !== NEXT_HEADER_AT) break;
      // what reassembly has passed on ends inside of its headers (RFC 8200 section 4.5)
      if (next === IPPROTO_FRAGMENT && (p.view.getUint16(p.l3Off + at + 2) & FRAGMENT_FIELD) !== 0)
        return this.#problem(p, ICMPV6_HDR_INCOMP, 0);
      if (next === IPPROTO_DSTOPTS) {
        const wrong = destinationOption(p, p.l3Off + at);
        if (wrong < 0) return STACK_SILENT;
        if (wrong > 0) return this.#problem(p, ICMPV6_UNK_OPTION, wrong - p.l3Off);
      }
      if (next === IPPROTO_ROUTING) {
        const type = p.view.getUint8(p.l3Off + at + 2);
        if (type === SRCRT_TYPE_3 || type === SRCRT_TYPE_4) return STACK_SILENT;
        // ipv6_rthdr_rcv: one that is at its end is passed over, whatever it is
        if (p.view.getUint8(p.l3Off + at + 3) !== 0) return this.#problem(p, ICMPV6_HDR_FIELD, at + 2);
      }
      const length = next === IPPROTO_FRAGMENT ? 8 : (p.view.getUint8(p.l3Off + at + 1) + 1) * 8;
      next = p.view.getUint8(p.l3Off + at);
      nextAt = at;
      at += length;
    }
    if (next === IPPROTO_TCP || next === IPPROTO_UDP || next === IPPROTO_UDPLITE || next === IPPROTO_ICMPV6)
      return CHAIN_FINE;
    return next === IPPROTO_PIM ? STACK_SILENT : this.#problem(p, ICMPV6_UNK_NEXTHDR, nextAt);
  }

  #problem(p: Packet, code: number, pointer: number): number {
    return this.icmpError(p, ICMPV6_PARAMPROB, code, pointer) ? STACK_ANSWERS_ATTACHED : STACK_SILENT;
  }
}

/** TOS or traffic class. */
function tosOf(p: Packet): number {
  return p.family === AF_INET ? p.view.getUint8(p.l3Off + 1) : (p.view.getUint16(p.l3Off) >> 4) & 0xff;
}

/** Length and checksum of UDP (RFC 768; RFC 8200 section 8.1: IPv6 needs one) and UDP-Lite (RFC 3828). */
function datagramOk(p: Packet): boolean {
  const length = p.l3Off + p.l3Len - p.l4Off;
  if (p.l4Off < 0 || length < 8 || p.end - p.l4Off < 8) return false;
  const lite = p.protocol === IPPROTO_UDPLITE;
  let covered = p.view.getUint16(p.l4Off + 4);
  if (lite && covered === 0) covered = length;
  if (covered < 8 || covered > length) return false;
  if (p.view.getUint16(p.l4Off + 6) === 0) return !lite && p.family === AF_INET;
  if ((p.has & HAS_CUT) !== 0) return true;
  const pseudo = pseudoSum(p.view, p.l3Off, p.family, lite ? length : covered, p.protocol);
  return foldSum(sumBytes(p.view, p.l4Off, p.l4Off + covered) + pseudo) === 0xffff;
}

/**
 * Reads the destination options header at `header`; the host knows none of them. 0: they can be skipped; -1: the packet is to
 * be dropped; else the place of the option that its sender is to be told of (ip6_parse_tlv, ip6_tlvopt_unknown).
 */
function destinationOption(p: Packet, header: number): number {
  const bytes = p.bytes;
  const end = header + (bytes[header + 1]! + 1) * 8;
  if (end > p.end) return -1;
  let padding = 0;
  let count = 0;
  for (let at = header + 2; at < end; ) {
    const type = bytes[at]!;
    const length = type === OPT_PAD1 ? 1 : at + 1 < end ? bytes[at + 1]! + 2 : end;
    if (at + length > end) return -1;
    if (type === OPT_PAD1 || type === OPT_PADN) {
      padding += length;
      if (padding > MAX_PADDING) return -1;
      for (let i = 2; i < length; i++) if (bytes[at + i] !== 0) return -1;
    } else {
      // RFC 8200 section 4.2: the two high bits say what one who does not know the option does
      const action = type >> 6;
      if (++count > MAX_OPTIONS || action === 1 || (action === 3 && p.tuple[T_DST]! >>> 24 === 255)) return -1;
      if (action !== 0) return at;
      padding = 0;
    }
    at += length;
  }
  return 0;
}
