/**
 * The packet quoted in an ICMP or ICMPv6 error, as connection tracking reads it to find the connection that the error is about
 * (net/netfilter/nf_conntrack_proto_icmp.c nf_conntrack_inet_error, nf_ct_get_tuplepr).
 *
 * The kernel looks at no more than it needs: neither the quoted version, nor its lengths, nor any checksum. IPv4 needs 20 bytes
 * and a first fragment, IPv6 its chain of extension headers; then the tuple of the transport protocol (4 bytes for ports, 8
 * for ICMP).
 */
import { IPV4_HEADER_LEN } from './ipv4.js';
import { IPV6_HEADER_LEN, readIpv6Addresses, walkChain } from './ipv6.js';
import {
  AF_INET,
  AF_INET6,
  HAS_CUT,
  HAS_LATER_FRAGMENT,
  HAS_TUPLE,
  type Packet,
  T_DST,
  T_PORTS,
  T_PROTO,
  T_SRC,
} from './packet.js';
import { readTransport } from './transport.js';

/** ICMP types that are errors and quote a packet (RFC 792). */
export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

/** Results of `parseQuoted`. */
export const QUOTED_OK = 0;
/** Less than an IP header is quoted. */
export const QUOTED_SHORT = 1;
/** A later fragment is quoted: no ports in it. */
export const QUOTED_FRAGMENT = 2;
/** The quoted IPv4 header length reaches beyond the packet. */
export const QUOTED_HEADER_LENGTH = 3;
/** The quoted IPv6 extension headers cannot be read to their end. */
export const QUOTED_CHAIN = 4;
/** The quoted transport header is too short for a tuple. */
export const QUOTED_TRANSPORT = 5;

/** A sentence for each QUOTED_ code. */
export const QUOTED_TEXTS: readonly string[] = [
  '',
  'the quoted packet is shorter than an IP header',
  'the quoted packet is a later fragment',
  'the quoted IPv4 header reaches beyond the packet',
  'the quoted IPv6 extension headers cannot be read',
  'the quoted transport header is too short for a tuple',
];

/** Whether an ICMP type (IPv4) is an error that quotes a packet (icmp_is_err). */
export function isIcmpError(type: number): boolean {
  return (
    type === ICMP_DEST_UNREACH ||
    type === ICMP_SOURCE_QUENCH ||
    type === ICMP_REDIRECT ||
    type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETER_PROBLEM
  );
}

/** Whether an ICMPv6 type is an error (RFC 4443 section 2.1: the high bit is clear). */
export function isIcmpv6Error(type: number): boolean {
  return type < 128;
}

/**
 * Reads the packet that the ICMP error `p` quotes into `inner`, which borrows the same bytes: l3Off, l3Len (what is left of
 * the outer packet), l4Off, end, family (the outer one's), protocol, fragment, tuple, has; TCP fields where quoted. The rest
 * of `inner` is untouched. `p` is an ICMP or ICMPv6 packet with payloadOff >= 0. Returns a QUOTED_ code.
 */
export function parseQuoted(p: Packet, inner: Packet): number {
  const l3Off = p.payloadOff;
  inner.attach(p.bytes);
  inner.start = l3Off;
  inner.end = p.end;
  inner.macOff = -1;
  inner.l3Off = l3Off;
  inner.l3Len = p.l3Off + p.l3Len - l3Off;
  inner.l4Off = -1;
  inner.payloadOff = -1;
  inner.family = p.family;
  inner.protocol = 0;
  inner.fragment = 0;
  inner.fragmentOff = -1;
  inner.has = p.has & HAS_CUT;
  inner.tuple[T_PORTS] = 0;
  if (l3Off < 0 || p.end - l3Off < (p.family === AF_INET ? IPV4_HEADER_LEN : IPV6_HEADER_LEN)) return QUOTED_SHORT;
  const result = p.family === AF_INET ? quotedIpv4(inner, l3Off) : quotedIpv6(inner, l3Off);
  if (result !== QUOTED_OK) return result;
  readTransport(inner, inner.l4Off);
  return (inner.has & HAS_TUPLE) !== 0 ? QUOTED_OK : QUOTED_TRANSPORT;
}

function quotedIpv4(inner: Packet, l3Off: number): number {
  const view = inner.view;
  const tuple = inner.tuple;
  const protocol = view.getUint8(l3Off + 9);
  for (let i = 0; i < T_PORTS; i++) tuple[i] = 0;
  tuple[T_SRC] = view.getInt32(l3Off + 12);
  tuple[T_DST] = view.getInt32(l3Off + 16);
  tuple[T_PROTO] = protocol | (AF_INET << 8);
  inner.protocol = protocol;
  inner.fragment = view.getUint16(l3Off + 6) & 0x3fff;
  if ((inner.fragment & 0x1fff) !== 0) {
    inner.has |= HAS_LATER_FRAGMENT;
    return QUOTED_FRAGMENT;
  }
  const l4Off = l3Off + ((view.getUint8(l3Off) & 15) << 2);
  if (l4Off > inner.end) return QUOTED_HEADER_LENGTH;
  inner.l4Off = l4Off;
  return QUOTED_OK;
}

function quotedIpv6(inner: Packet, l3Off: number): number {
  const next = inner.view.getUint8(l3Off + 6);
  readIpv6Addresses(inner, l3Off);
  inner.protocol = next;
  inner.tuple[T_PROTO] = next | (AF_INET6 << 8);
  walkChain(inner, l3Off + IPV6_HEADER_LEN, next);
  if ((inner.has & HAS_LATER_FRAGMENT) !== 0) return QUOTED_FRAGMENT;
  return inner.l4Off < 0 ? QUOTED_CHAIN : QUOTED_OK;
}
