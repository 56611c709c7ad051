/**
 * The IPv6 header and its chain of extension headers.
 *
 * The header is checked as net/ipv6/ip6_input.c ip6_rcv_core does before any hook; the chain is walked as connection tracking
 * does (net/ipv6/exthdrs_core.c ipv6_skip_exthdr): a chain that cannot be read is no reason to refuse the packet, it only makes
 * it untrackable.
 *
 * Two tests of ip6_rcv_core depend on the interface and are the host's: see `ipv6LoopbackOnly`.
 */
import { ipShort } from './ipv4.js';
import { readHopOptions } from './ipv6-hop.js';
import {
  AF_INET6,
  HAS_BROKEN_CHAIN,
  HAS_CUT,
  HAS_FRAGMENT,
  HAS_LATER_FRAGMENT,
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  PARSE_OK,
  type Packet,
  T_DST,
  T_PROTO,
  T_SRC,
} from './packet.js';
import { PARSE_IP_TRUNCATED, PARSE_IP_VERSION, PARSE_IP6_SCOPE, PARSE_IP6_SOURCE } from './parse-reasons.js';
import { readTransport } from './transport.js';

export const IPV6_HEADER_LEN = 40;

/** Fragment header field: offset in the high 13 bits, M in bit 0. */
const OFFSET = 0xfff8;

/** As `readIpv4`: reads the IPv6 header at `l3Off`, the extension headers and the transport header into `p`. */
export function readIpv6(p: Packet, l3Off: number, end: number, wireEnd: number): number {
  p.l3Off = l3Off;
  p.family = AF_INET6;
  if (end - l3Off < IPV6_HEADER_LEN) return ipShort(p, l3Off, end, wireEnd, IPV6_HEADER_LEN);
  const view = p.view;
  const version = view.getUint8(l3Off) >> 4;
  if (version !== 6) {
    p.reasonArgs[0] = version;
    p.reasonArgs[1] = 6;
    return PARSE_IP_VERSION;
  }
  readIpv6Addresses(p, l3Off);
  const word1 = view.getInt32(l3Off + 4);
  const payloadLen = word1 >>> 16;
  const next = (word1 >> 8) & 0xff;
  p.tuple[T_PROTO] = next | (AF_INET6 << 8);
  p.protocol = next;
  // Byte 0 of the addresses: 0xff is multicast; the low half of byte 1 is then the scope.
  if (p.tuple[T_DST] >>> 24 === 0xff && (p.tuple[T_DST] & 0x000f0000) === 0) return PARSE_IP6_SCOPE;
  if (p.tuple[T_SRC] >>> 24 === 0xff) return PARSE_IP6_SOURCE;

  // Length 0 with hop-by-hop options: a jumbo payload option has the length; without one the frame's own length holds.
  const l3Len = payloadLen !== 0 || next !== IPPROTO_HOPOPTS ? payloadLen + IPV6_HEADER_LEN : wireEnd - l3Off;
  const packetEnd = l3Off + l3Len;
  p.l3Len = l3Len;
  if (packetEnd > wireEnd) {
    p.reasonArgs[0] = l3Len;
    p.reasonArgs[1] = wireEnd - l3Off;
    return PARSE_IP_TRUNCATED;
  }
  p.end = packetEnd;
  if (packetEnd > end) {
    p.end = end;
    p.has |= HAS_CUT;
  }
  p.l4Off = l3Off + IPV6_HEADER_LEN;
  if (isExtension(next)) {
    if (next === IPPROTO_HOPOPTS) {
      const reason = readHopOptions(p, payloadLen);
      if (reason !== PARSE_OK) return reason;
    }
    walkChain(p, l3Off + IPV6_HEADER_LEN, next);
  }
  readTransport(p, p.l4Off);
  return PARSE_OK;
}

/** Source and destination into the tuple; the 40 bytes are there. */
export function readIpv6Addresses(p: Packet, l3Off: number): void {
  const view = p.view;
  const tuple = p.tuple;
  tuple[0] = view.getInt32(l3Off + 8);
  tuple[1] = view.getInt32(l3Off + 12);
  tuple[2] = view.getInt32(l3Off + 16);
  tuple[3] = view.getInt32(l3Off + 20);
  tuple[4] = view.getInt32(l3Off + 24);
  tuple[5] = view.getInt32(l3Off + 28);
  tuple[6] = view.getInt32(l3Off + 32);
  tuple[7] = view.getInt32(l3Off + 36);
}

/** The next-header values that ipv6_ext_hdr counts as extension headers; ESP and mobility are transport protocols to it. */
export function isExtension(next: number): boolean {
  return (
    next === IPPROTO_HOPOPTS ||
    next === IPPROTO_ROUTING ||
    next === IPPROTO_FRAGMENT ||
    next === IPPROTO_DSTOPTS ||
    next === IPPROTO_AH ||
    next === IPPROTO_NONE
  );
}

/**
 * Walks from the extension header `next` at `from` and leaves protocol, l4Off, fragment and has as they follow from the chain:
 * - a later fragment: protocol = what the fragment header names, l4Off -1;
 * - "no next header" (59): protocol 59, l4Off -1;
 * - an unreadable header: its own number as protocol, l4Off -1, HAS_BROKEN_CHAIN unless the capture cut it off; a fragment header
 *   counts as one all the same, which defragmentation refuses.
 * The end of the chain may lie after `p.end`: l4Off then points there and nothing can be read.
 */
export function walkChain(p: Packet, from: number, first: number): void {
  const view = p.view;
  const end = p.end;
  let next = first;
  let at = from;
  while (isExtension(next)) {
    // ipv6_find_hdr reads four bytes of a routing header, to see whether it is done with
    if (next === IPPROTO_NONE || end - at < (next === IPPROTO_FRAGMENT || next === IPPROTO_ROUTING ? 4 : 2)) {
      if (next !== IPPROTO_NONE && (p.has & HAS_CUT) === 0) breakChain(p, next, at);
      at = -1;
      break;
    }
    const word = view.getUint16(at);
    const len = word & 0xff;
    if (next === IPPROTO_FRAGMENT) {
      readFragment(p, at);
      if ((view.getUint16(at + 2) & OFFSET) !== 0) {
        next = word >> 8;
        at = -1;
        break;
      }
      at += 8;
    } else if (next === IPPROTO_AH) {
      at += (len + 2) << 2;
    } else {
      at += (len + 1) << 3;
    }
    next = word >> 8;
  }
  p.l4Off = at;
  p.protocol = next;
  p.tuple[T_PROTO] = next | (AF_INET6 << 8);
}

function breakChain(p: Packet, header: number, at: number): void {
  p.has |= HAS_BROKEN_CHAIN;
  if (header !== IPPROTO_FRAGMENT || (p.has & HAS_FRAGMENT) !== 0) return;
  p.has |= HAS_FRAGMENT;
  p.fragmentOff = at;
  p.fragment = 0;
}

/** The first fragment header of a packet is the one that defragmentation goes by. */
function readFragment(p: Packet, at: number): void {
  const field = p.view.getUint16(at + 2) & (OFFSET | 1);
  if ((p.has & HAS_FRAGMENT) === 0) {
    p.fragmentOff = at;
    p.fragment = field;
  }
  p.has |= HAS_FRAGMENT;
  if ((field & OFFSET) !== 0) p.has |= HAS_LATER_FRAGMENT;
}

/**
 * Whether an IPv6 packet may appear on a loopback interface only: ::1 as source or destination (RFC 4291 section 2.5.3) or an
 * interface-local multicast destination (errata 3480). ip6_rcv_core drops it on any other interface, before the hooks.
 */
export function ipv6LoopbackOnly(p: Packet): boolean {
  const tuple = p.tuple;
  return isLoopback(tuple, T_SRC) || isLoopback(tuple, T_DST) || (tuple[T_DST] & 0xff0f0000) === (0xff010000 | 0);
}

function isLoopback(words: Int32Array, at: number): boolean {
  return words[at + 3] === 1 && words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0;
}
