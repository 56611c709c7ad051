/**
 * The IPv4 header, checked as net/ipv4/ip_input.c ip_rcv_core checks it before any hook sees the packet.
 */

import { AF_INET, HAS_CUT, HAS_FRAGMENT, HAS_LATER_FRAGMENT, PARSE_OK, type Packet, T_PROTO } from './packet.js';
import {
  PARSE_CUT,
  PARSE_IP_CHECKSUM,
  PARSE_IP_HEADER_LENGTH,
  PARSE_IP_LENGTH,
  PARSE_IP_SHORT,
  PARSE_IP_TRUNCATED,
  PARSE_IP_VERSION,
} from './parse-reasons.js';
import { readTransport } from './transport.js';

export const IPV4_HEADER_LEN = 20;

/** Flags and offset field: everything but "don't fragment". */
const MORE_OR_OFFSET = 0x3fff;
const OFFSET = 0x1fff;

/**
 * Reads the IPv4 header at `l3Off` and the transport header behind it into `p`, whose `has` is 0 but for bits that the caller
 * wants kept. `end`: one past the last byte there is; `wireEnd` >= `end`: where the frame ended on the wire.
 * `verify`: whether a wrong header checksum is refused. Returns PARSE_OK or a PARSE_ reason.
 */
export function readIpv4(p: Packet, l3Off: number, end: number, wireEnd: number, verify: boolean): number {
  p.l3Off = l3Off;
  p.family = AF_INET;
  if (end - l3Off < IPV4_HEADER_LEN) return ipShort(p, l3Off, end, wireEnd, IPV4_HEADER_LEN);
  const view = p.view;
  const word0 = view.getInt32(l3Off);
  const headerLen = (word0 >> 22) & 0x3c;
  if (word0 >>> 28 !== 4 || headerLen < IPV4_HEADER_LEN) return badVersion(p, word0);
  const l4Off = l3Off + headerLen;
  if (l4Off > end) return ipShort(p, l3Off, end, wireEnd, headerLen);
  const word1 = view.getInt32(l3Off + 4);
  const word2 = view.getInt32(l3Off + 8);
  const source = view.getInt32(l3Off + 12);
  const destination = view.getInt32(l3Off + 16);
  const protocol = (word2 >> 16) & 0xff;

  const tuple = p.tuple;
  tuple[0] = source;
  tuple[1] = 0;
  tuple[2] = 0;
  tuple[3] = 0;
  tuple[4] = destination;
  tuple[5] = 0;
  tuple[6] = 0;
  tuple[7] = 0;
  tuple[T_PROTO] = protocol | (AF_INET << 8);
  p.protocol = protocol;

  if (verify) {
    let sum =
      (word0 >>> 16) +
      (word0 & 0xffff) +
      (word1 >>> 16) +
      (word1 & 0xffff) +
      (word2 >>> 16) +
      (word2 & 0xffff) +
      (source >>> 16) +
      (source & 0xffff) +
      (destination >>> 16) +
      (destination & 0xffff);
    if (headerLen > IPV4_HEADER_LEN) sum += optionsSum(view, l3Off + IPV4_HEADER_LEN, l4Off);
    if ((sum & 0xffff) + (sum >>> 16) !== 0xffff) return PARSE_IP_CHECKSUM;
  }

  const l3Len = word0 & 0xffff;
  const packetEnd = l3Off + l3Len;
  p.l3Len = l3Len;
  if (packetEnd > wireEnd || l3Len < headerLen) return badLength(p, l3Len, headerLen, wireEnd - l3Off);
  if (packetEnd > end) {
    p.end = end;
    p.has |= HAS_CUT;
  } else {
    p.end = packetEnd;
  }

  p.l4Off = l4Off;
  if ((word1 & MORE_OR_OFFSET) !== 0) readFragment(p, word1 & 0xffff);
  readTransport(p, p.l4Off);
  return PARSE_OK;
}

function readFragment(p: Packet, field: number): void {
  p.fragment = field;
  p.has |= HAS_FRAGMENT;
  if ((field & OFFSET) !== 0) {
    p.has |= HAS_LATER_FRAGMENT;
    p.l4Off = -1;
  }
}

/** Sum of the 16-bit words of a range of 40 bytes at most; an even number of bytes. */
function optionsSum(view: DataView, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 4) {
    const word = view.getInt32(at);
    sum = (sum + (word >>> 16) + (word & 0xffff)) | 0;
  }
  return sum;
}

function badVersion(p: Packet, word0: number): number {
  const version = word0 >>> 28;
  p.reasonArgs[0] = version === 4 ? (word0 >> 22) & 0x3c : version;
  p.reasonArgs[1] = 4;
  return version === 4 ? PARSE_IP_HEADER_LENGTH : PARSE_IP_VERSION;
}

function badLength(p: Packet, l3Len: number, headerLen: number, there: number): number {
  p.reasonArgs[0] = l3Len;
  p.reasonArgs[1] = l3Len > there ? there : headerLen;
  return l3Len > there ? PARSE_IP_TRUNCATED : PARSE_IP_LENGTH;
}

/** The header does not fit in what there is: the wire's fault or the snap length's. Used by IPv6 too. */
export function ipShort(p: Packet, l3Off: number, end: number, wireEnd: number, headerLen: number): number {
  p.reasonArgs[0] = end - l3Off;
  p.reasonArgs[1] = headerLen;
  return wireEnd - l3Off >= headerLen ? PARSE_CUT : PARSE_IP_SHORT;
}
