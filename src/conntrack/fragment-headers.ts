/**
 * What reassembly does to the first fragment's header.
 */
import { IPPROTO_FRAGMENT, type Packet } from '../wire/packet.js';

const IP_DF = 0x4000;
const IPPROTO_AH = 51;

/** IPv4: total length, flags and offset (DF only if the largest fragment had it), ECN bits, header checksum (RFC 791). */
export function finishHeader4(
  out: Uint8Array,
  l3Off: number,
  headerLen: number,
  total: number,
  ecn: number,
  df: boolean,
): void {
  out[l3Off + 1] = out[l3Off + 1]! | ecn;
  out[l3Off + 2] = total >> 8;
  out[l3Off + 3] = total & 255;
  out[l3Off + 6] = df ? IP_DF >> 8 : 0;
  out[l3Off + 7] = 0;
  writeHeaderChecksum(out, l3Off, headerLen);
}

/** Computes and writes the checksum of the IPv4 header of `headerLen` bytes at `l3Off` (RFC 791 section 3.1). */
export function writeHeaderChecksum(out: Uint8Array, l3Off: number, headerLen: number): void {
  out[l3Off + 10] = 0;
  out[l3Off + 11] = 0;
  let sum = 0;
  for (let i = 0; i < headerLen; i += 2) sum += (out[l3Off + i]! << 8) | out[l3Off + i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  out[l3Off + 10] = (~sum >> 8) & 255;
  out[l3Off + 11] = ~sum & 255;
}

/** IPv6: the next header field at `fieldOff` (counted from the IP header) takes the fragment header's; payload length; ECN. */
export function finishHeader6(
  out: Uint8Array,
  l3Off: number,
  fieldOff: number,
  protocol: number,
  payloadLen: number,
  ecn: number,
): void {
  out[l3Off + fieldOff] = protocol;
  out[l3Off + 4] = payloadLen >> 8;
  out[l3Off + 5] = payloadLen & 255;
  out[l3Off + 1] = out[l3Off + 1]! | (ecn << 4);
}

/** Offset from the IPv6 header of the next-header field that names the fragment header; -1 where the chain is broken. */
export function nextHeaderField(p: Packet): number {
  const view = p.view;
  const end = p.end;
  let field = p.l3Off + 6;
  let at = p.l3Off + 40;
  while (view.getUint8(field) !== IPPROTO_FRAGMENT) {
    const type = view.getUint8(field);
    if (at >= p.fragmentOff || at + 8 > end) return -1;
    field = at;
    at += type === IPPROTO_AH ? (view.getUint8(at + 1) + 2) * 4 : (view.getUint8(at + 1) + 1) * 8;
  }
  return at === p.fragmentOff && at <= end ? field - p.l3Off : -1;
}
