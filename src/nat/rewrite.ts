/**
 * Writes a translated address and port into a packet's headers, and keeps checksums and `Packet.tuple` right
 * (nf_nat_proto.c, nf_nat_manip_pkt and what it calls). Works on a packet and on the one that an ICMP error quotes.
 */
import {
  fillTransportChecksum,
  ICMP_CHECKSUM_AT,
  IPV4_CHECKSUM_AT,
  mangleUdpZero,
  replace16,
  replaceAddress,
  TCP_CHECKSUM_AT,
  UDP_CHECKSUM_AT,
} from '../wire/checksum.js';
import {
  AF_INET,
  HAS_PULLED,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
  T_DST,
  T_PORTS,
  T_SRC,
} from '../wire/packet.js';
import { MANIP_DST, MANIP_SRC } from './range.js';

/** What every transport header with ports begins with: an ICMP error quotes at least that (RFC 792). */
const QUOTED_LEN = 8;
const TCP_HEADER_LEN = 20;
const SCTP_HEADER_LEN = 12;
const ICMP_ID_AT = 4;
const GRE_KEY_AT = 6;
const IPV6_SRC_AT = 8;
const IPV4_SRC_AT = 12;
/** ICMP types that have an id: echo, timestamp, information, address mask and their replies. */
const ICMP_WITH_ID = (1 << 0) | (1 << 8) | (0x3f << 13);
const ICMPV6_ECHO_REQUEST = 128;
const ICMPV6_ECHO_REPLY = 129;

/**
 * Gives a packet another source or destination: the address at `words[at..]` and the port, ICMP id or GRE key `port`.
 * False: a header is too short for that, or of a version that cannot be translated; the packet is to be dropped.
 */
export function rewrite(p: Packet, manip: number, words: Int32Array, at: number, port: number): boolean {
  if (p.l4Off >= 0) {
    p.has |= HAS_PULLED;
    if (!rewriteTransport(p, manip, words, at, port)) return false;
  } else if (p.family === AF_INET) return false;
  rewriteAddress(p, manip, words, at);
  return true;
}

function rewriteAddress(p: Packet, manip: number, words: Int32Array, at: number): void {
  const own = manip === MANIP_SRC ? T_SRC : T_DST;
  if (p.family === AF_INET) {
    const word = words[at]!;
    replaceAddress(p.bytes, p.l3Off + IPV4_CHECKSUM_AT, AF_INET, p.tuple, own, words, at);
    p.view.setInt32(p.l3Off + IPV4_SRC_AT + (manip === MANIP_SRC ? 0 : 4), word);
    p.tuple[own] = word;
    return;
  }
  const to = p.l3Off + IPV6_SRC_AT + (manip === MANIP_SRC ? 0 : 16);
  for (let i = 0; i < 4; i++) {
    p.view.setInt32(to + i * 4, words[at + i]!);
    p.tuple[own + i] = words[at + i]!;
  }
}

function rewriteTransport(p: Packet, manip: number, words: Int32Array, at: number, port: number): boolean {
  switch (p.protocol) {
    case IPPROTO_TCP:
      return rewriteTcp(p, manip, words, at, port);
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      return rewriteUdp(p, manip, words, at, port);
    case IPPROTO_ICMP:
      return rewriteIcmp(p, port);
    case IPPROTO_ICMPV6:
      return rewriteIcmpv6(p, manip, words, at, port);
    case IPPROTO_SCTP:
      return rewriteSctp(p, manip, port);
    case IPPROTO_GRE:
      return rewriteGre(p, manip, port);
    default:
      return true;
  }
}

/** Bytes of the transport packet, as far as the IP header tells. */
function lengthOf(p: Packet): number {
  return p.l3Off + p.l3Len - p.l4Off;
}

/** Whether the transport header's bytes up to `length` are there: a capture may have cut the packet. */
function holds(p: Packet, length: number): boolean {
  return p.end - p.l4Off >= length;
}

function rewriteTcp(p: Packet, manip: number, words: Int32Array, at: number, port: number): boolean {
  const length = lengthOf(p);
  if (length < QUOTED_LEN) return false;
  const checksum = length >= TCP_HEADER_LEN && holds(p, TCP_CHECKSUM_AT + 2) ? p.l4Off + TCP_CHECKSUM_AT : -1;
  rewritePort(p, manip, words, at, port, checksum);
  return true;
}

function rewriteUdp(p: Packet, manip: number, words: Int32Array, at: number, port: number): boolean {
  if (lengthOf(p) < QUOTED_LEN) return false;
  let checksum = holds(p, UDP_CHECKSUM_AT + 2) ? p.l4Off + UDP_CHECKSUM_AT : -1;
  // RFC 768: 0 says that there is none
  if (checksum >= 0 && p.protocol === IPPROTO_UDP && p.view.getUint16(checksum) === 0) checksum = -1;
  rewritePort(p, manip, words, at, port, checksum);
  if (checksum >= 0) mangleUdpZero(p.bytes, checksum);
  return true;
}

/** Port and the checksum over it and the pseudo header; `checksum`: where that stands, -1 = nowhere. */
function rewritePort(p: Packet, manip: number, words: Int32Array, at: number, port: number, checksum: number): void {
  const before = manip === MANIP_SRC ? p.tuple[T_PORTS]! >>> 16 : p.tuple[T_PORTS]! & 0xffff;
  if (checksum >= 0) {
    replaceAddress(p.bytes, checksum, p.family, p.tuple, manip === MANIP_SRC ? T_SRC : T_DST, words, at);
    replace16(p.bytes, checksum, before, port);
  }
  writePort(p, manip, port);
}

function writePort(p: Packet, manip: number, port: number): void {
  const ports = p.tuple[T_PORTS]!;
  p.tuple[T_PORTS] = manip === MANIP_SRC ? (port << 16) | (ports & 0xffff) : (ports & ~0xffff) | port;
  p.view.setUint16(p.l4Off + (manip === MANIP_SRC ? 0 : 2), port);
}

/** The CRC covers ports only; where an ICMP error quotes less than the header it is out of reach. */
function rewriteSctp(p: Packet, manip: number, port: number): boolean {
  const length = lengthOf(p);
  if (length < QUOTED_LEN) return false;
  writePort(p, manip, port);
  if (length >= SCTP_HEADER_LEN) fillTransportChecksum(p);
  return true;
}

/** An ICMP id belongs to both directions: whichever half is translated, it is written. */
function rewriteIcmp(p: Packet, id: number): boolean {
  if (lengthOf(p) < QUOTED_LEN) return false;
  const type = p.view.getUint8(p.l4Off);
  if (type < 32 && ((ICMP_WITH_ID >> type) & 1) !== 0) writeId(p, id);
  return true;
}

function rewriteIcmpv6(p: Packet, manip: number, words: Int32Array, at: number, id: number): boolean {
  if (lengthOf(p) < QUOTED_LEN) return false;
  const checksum = p.l4Off + ICMP_CHECKSUM_AT;
  replaceAddress(p.bytes, checksum, p.family, p.tuple, manip === MANIP_SRC ? T_SRC : T_DST, words, at);
  const type = p.view.getUint8(p.l4Off);
  if (type === ICMPV6_ECHO_REQUEST || type === ICMPV6_ECHO_REPLY) writeId(p, id);
  return true;
}

function writeId(p: Packet, id: number): void {
  const at = p.l4Off + ICMP_ID_AT;
  replace16(p.bytes, p.l4Off + ICMP_CHECKSUM_AT, p.view.getUint16(at), id);
  p.view.setUint16(at, id);
  p.tuple[T_PORTS] = (id << 16) | (p.tuple[T_PORTS]! & 0xffff);
}

/** Only the receiver's key is in the packet, and only in version 1 (RFC 2637 section 4.1: the call id). */
function rewriteGre(p: Packet, manip: number, key: number): boolean {
  if (lengthOf(p) < QUOTED_LEN) return false;
  if (manip !== MANIP_DST) return true;
  const version = p.view.getUint8(p.l4Off + 1) & 7;
  if (version === 0) return true;
  if (version !== 1) return false;
  if (holds(p, GRE_KEY_AT + 2)) p.view.setUint16(p.l4Off + GRE_KEY_AT, key);
  p.tuple[T_PORTS] = (p.tuple[T_PORTS]! & ~0xffff) | key;
  return true;
}
