/**
 * The headers that -j HMARK hashes: the packet's own, or those of the packet that an ICMP error quotes (xt_HMARK.c,
 * hmark_pkt_set_htuple_ipv4 and _ipv6). Hot: fills a caller's object.
 */
import { isIcmpError } from '../../wire/icmp.js';
import { IPV4_HEADER_LEN } from '../../wire/ipv4.js';
import { IPV6_HEADER_LEN, isExtension } from '../../wire/ipv6.js';
import {
  AF_INET,
  IPPROTO_AH,
  IPPROTO_DCCP,
  IPPROTO_ESP,
  IPPROTO_FRAGMENT,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
} from '../../wire/packet.js';
import { extensionLen } from '../ipv6-headers.js';

/** Absolute offsets of what is hashed. */
export interface HashedHeaders {
  /** The source address, the destination behind it; -1: the header chain is broken and nothing but 0 is hashed. */
  addressesOff: number;
  protocol: number;
  /** Both ports, or the SPI; -1 = none: ICMP, a fragment, another protocol, or cut off. */
  portsOff: number;
}

const V4_SOURCE_OFF = 12;
const V6_SOURCE_OFF = 8;
const V6_NEXT_OFF = 6;
const ICMP_HEADER_LEN = 8;
/** More fragments, and the offset. */
const V4_FRAGMENT = 0x3fff;
const V6_FRAGMENT_OFF = 0xfff8;
/** Where the SPI stands in an authentication header. */
const AH_SPI_OFF = 4;

/** Fills `out`; false: an ICMP error quotes too little, and the packet is not marked. */
export function readHashedHeaders(p: Packet, out: HashedHeaders): boolean {
  return p.family === AF_INET ? readIpv4Headers(p, out) : readIpv6Headers(p, out);
}

function readIpv4Headers(p: Packet, out: HashedHeaders): boolean {
  const { bytes } = p;
  let at = p.l3Off;
  if (bytes[at + 9] === IPPROTO_ICMP) {
    const icmp = at + headerLen(p, at);
    if (icmp + ICMP_HEADER_LEN <= p.end && isIcmpError(bytes[icmp] as number)) {
      at = icmp + ICMP_HEADER_LEN;
      if (at + IPV4_HEADER_LEN > p.end) return false;
    }
  }
  out.addressesOff = at + V4_SOURCE_OFF;
  out.protocol = bytes[at + 9] as number;
  const whole = (p.view.getUint16(at + 6) & V4_FRAGMENT) === 0;
  out.portsOff = whole ? portsOff(p, at + headerLen(p, at), out.protocol) : -1;
  return true;
}

function headerLen(p: Packet, at: number): number {
  return ((p.bytes[at] as number) & 15) << 2;
}

function readIpv6Headers(p: Packet, out: HashedHeaders): boolean {
  readChain(p, p.l3Off, out);
  if (out.protocol < 0) {
    out.addressesOff = -1;
    out.protocol = 0;
    return true;
  }
  const at = out.portsOff;
  if (at < 0 || out.protocol !== IPPROTO_ICMPV6) {
    if (at >= 0) out.portsOff = portsOff(p, at, out.protocol);
    return true;
  }
  out.portsOff = -1;
  if (at + ICMP_HEADER_LEN > p.end || !isQuoting(p.bytes[at] as number)) return true;
  const inner = at + ICMP_HEADER_LEN;
  if (inner + IPV6_HEADER_LEN > p.end || (p.bytes[inner] as number) >> 4 !== 6) return false;
  readChain(p, inner, out);
  if (out.protocol < 0) return false;
  out.portsOff = out.portsOff < 0 || out.protocol === IPPROTO_ICMPV6 ? -1 : portsOff(p, out.portsOff, out.protocol);
  return true;
}

/** ICMPv6 errors are the types below 128, but 0 does not count here. */
function isQuoting(type: number): boolean {
  return type !== 0 && type < 128;
}

/**
 * Follows the header chain to the transport header or an authentication header (ipv6_find_hdr with IP6_FH_F_AUTH): its type
 * (-1 = the chain is broken) in `protocol`, its place in `portsOff` (-1 in a fragment).
 */
function readChain(p: Packet, from: number, out: HashedHeaders): void {
  out.addressesOff = from + V6_SOURCE_OFF;
  let next = p.bytes[from + V6_NEXT_OFF] as number;
  let at = from + IPV6_HEADER_LEN;
  let isFragment = false;
  out.protocol = -1;
  out.portsOff = -1;
  while (isExtension(next) && next !== IPPROTO_NONE) {
    if (p.end - at < (next === IPPROTO_FRAGMENT || next === IPPROTO_ROUTING ? 4 : 2)) return;
    const word = p.view.getUint16(at);
    if (next === IPPROTO_FRAGMENT) {
      isFragment = true;
      if ((p.view.getUint16(at + 2) & V6_FRAGMENT_OFF) !== 0) {
        if (!isExtension(word >> 8) || word >> 8 === IPPROTO_NONE) out.protocol = word >> 8;
        return;
      }
      at += 8;
    } else {
      if (next === IPPROTO_AH) break;
      at += extensionLen(next, word & 0xff);
    }
    next = word >> 8;
  }
  out.protocol = next;
  if (!isFragment) out.portsOff = at;
}

/** Where ports or SPI of a header at `at` stand; -1 = there are none. */
function portsOff(p: Packet, at: number, protocol: number): number {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_ESP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      return at + 4 <= p.end ? at : -1;
    case IPPROTO_AH:
      return at + AH_SPI_OFF + 4 <= p.end ? at + AH_SPI_OFF : -1;
    default:
      return -1;
  }
}
