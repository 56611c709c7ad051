/**
 * Changing one byte of an IP header in place, with IPv4's header checksum kept right as the kernel keeps it. Hot: no allocation.
 */
import { IPV4_CHECKSUM_AT, replace16 } from '../../wire/checksum.js';
import { AF_INET, type Packet } from '../../wire/packet.js';

const V4_TTL = 8;
const V6_HOP_LIMIT = 7;

/** IPv4's time to live or IPv6's hop limit. */
export function hopLimit(p: Packet): number {
  return p.bytes[p.l3Off + (p.family === AF_INET ? V4_TTL : V6_HOP_LIMIT)] as number;
}

/** Sets it; the checksum as csum_replace2 keeps it (RFC 1624 equation 3). */
export function setHopLimit(p: Packet, value: number): void {
  const bytes = p.bytes;
  if (p.family !== AF_INET) {
    bytes[p.l3Off + V6_HOP_LIMIT] = value;
    return;
  }
  const at = p.l3Off + V4_TTL;
  replace16(bytes, p.l3Off + IPV4_CHECKSUM_AT, (bytes[at] as number) << 8, value << 8);
  bytes[at] = value;
}

/** IPv4's type of service or IPv6's traffic class: eight bits. */
export function dsField(p: Packet): number {
  const bytes = p.bytes;
  const at = p.l3Off;
  if (p.family === AF_INET) return bytes[at + 1] as number;
  return (((bytes[at] as number) << 4) | ((bytes[at + 1] as number) >> 4)) & 0xff;
}

/**
 * Sets it. IPv4's checksum goes as ipv4_change_dsfield does it, which adds and subtracts on the complemented sum: where the sum
 * has two forms of zero the result differs from RFC 1624's.
 */
export function setDsField(p: Packet, value: number): void {
  const bytes = p.bytes;
  const at = p.l3Off;
  if (p.family !== AF_INET) {
    bytes[at] = ((bytes[at] as number) & 0xf0) | (value >> 4);
    bytes[at + 1] = ((bytes[at + 1] as number) & 0x0f) | ((value & 0x0f) << 4);
    return;
  }
  let check = ((bytes[at + IPV4_CHECKSUM_AT] as number) << 8) | (bytes[at + IPV4_CHECKSUM_AT + 1] as number);
  check += bytes[at + 1] as number;
  if (check + 1 > 0xffff) check = (check + 1) & 0xffff;
  check = (check - value) | 0;
  check = (check + (check >>> 16)) & 0xffff;
  bytes[at + 1] = value;
  bytes[at + IPV4_CHECKSUM_AT] = check >> 8;
  bytes[at + IPV4_CHECKSUM_AT + 1] = check & 0xff;
}
