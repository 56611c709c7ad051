/** The TOS byte (RFC 791) or traffic class (RFC 8200): one field in two places. */
import { AF_INET, type Packet } from '../../wire/packet.js';

/** TOS byte of an IPv4 packet, traffic class of an IPv6 packet. */
export function trafficClass(p: Packet): number {
  const at = p.l3Off;
  if (p.family === AF_INET) return p.bytes[at + 1]!;
  return ((p.bytes[at]! & 0x0f) << 4) | (p.bytes[at + 1]! >> 4);
}
