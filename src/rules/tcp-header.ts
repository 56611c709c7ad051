/** The TCP header as targets that rewrite it find it. */
import { AF_INET, HAS_LATER_FRAGMENT, type Packet } from '../wire/packet.js';

const TCP_HEADER_LEN = 20;
const NOP = 1;

/** A fragment without a TCP header: the target leaves it alone. */
export const TCP_NOT_HERE = -1;
/** A header that is cut short or malformed: the kernel drops the packet. */
export const TCP_BROKEN = -2;

/** Offset of a whole TCP header, options included; TCP_NOT_HERE or TCP_BROKEN. */
export function tcpHeaderOff(p: Packet): number {
  if ((p.has & HAS_LATER_FRAGMENT) !== 0) return TCP_NOT_HERE;
  const at = p.l4Off;
  if (at < 0 || p.end - at < TCP_HEADER_LEN) return TCP_BROKEN;
  const len = tcpHeaderLen(p, at);
  return len < TCP_HEADER_LEN || at + len > p.end ? TCP_BROKEN : at;
}

/** Length of the header at `at` with its options, in bytes, as its data offset says. */
export function tcpHeaderLen(p: Packet, at: number): number {
  return ((p.bytes[at + 12] as number) >> 4) * 4;
}

/**
 * Length of the option at `at`: 1 for "end of list", "no operation" and a length field of 0, which the kernel steps over.
 * The byte behind `at` is inside the buffer.
 */
export function tcpOptionLen(bytes: Uint8Array, at: number): number {
  const len = bytes[at + 1] as number;
  return (bytes[at] as number) <= NOP || len === 0 ? 1 : len;
}

/** Bytes of the smallest IP header and TCP header: what is taken off an MTU to get a segment size. */
export function headersLen(family: number): number {
  return family === AF_INET ? 40 : 60;
}
