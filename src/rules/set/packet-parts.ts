/** The parts of a packet that set elements are made of (ip_set_getport.c and the types' kadt functions). */
import {
  AF_INET,
  HAS_BROKEN_CHAIN,
  HAS_LATER_FRAGMENT,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_NONE,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  type Packet,
} from '../../wire/packet.js';
import type { HostInterface } from '../context.js';

/** A packet without ports where a set wants some. */
export const NO_PORT = -1;

/** Bytes of a transport header that must be there before the kernel reads ports out of it; 0: it has none. */
function headerBytes(protocol: number): number {
  switch (protocol) {
    case IPPROTO_TCP:
      return 20;
    case IPPROTO_SCTP:
      return 12;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return 8;
    default:
      return 0;
  }
}

/** protocol << 16 | port of one side; ICMP: type << 8 | code as the port, other protocols 0. NO_PORT: it cannot be read. */
export function packetPort(p: Packet, source: boolean): number {
  const { protocol } = p;
  if (p.family === AF_INET) {
    // an IPv4 packet of protocol 0 has no port
    if (protocol === 0) return NO_PORT;
  } else if ((p.has & (HAS_BROKEN_CHAIN | HAS_LATER_FRAGMENT)) !== 0 || protocol === IPPROTO_NONE) return NO_PORT;
  const need = headerBytes(protocol);
  if (need === 0 || (p.family === AF_INET && protocol === IPPROTO_ICMPV6 && (p.has & HAS_LATER_FRAGMENT) !== 0))
    return protocol << 16;
  const at = p.l4Off;
  if ((p.has & HAS_LATER_FRAGMENT) !== 0 || at < 0 || at + need > p.end) return NO_PORT;
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6 || source)
    return (protocol << 16) | p.view.getUint16(at);
  return (protocol << 16) | p.view.getUint16(at + 2);
}

/**
 * Puts the first two and the last four bytes of the frame's Ethernet address into `key`; false: the packet did not come with one, or it
 * is zero.
 */
export function packetMac(
  p: Packet,
  source: boolean,
  interfaces: readonly (HostInterface | null)[],
  key: Int32Array,
  at: number,
): boolean {
  if (p.macOff < 0) return false;
  const dev = interfaces[p.inInterface];
  if (dev === undefined || dev === null || dev.loopback) return false;
  const from = p.macOff + (source ? 6 : 0);
  key[at] = p.view.getUint16(from);
  key[at + 1] = p.view.getInt32(from + 2);
  return key[at] !== 0 || key[at + 1] !== 0;
}
