/**
 * Search for one extension header of an IPv6 packet, as the kernel's ipv6_find_hdr does it for the matches ah, frag, hbh, dst
 * and rt. It differs from the parser's walk: a later fragment ends the search except for the fragment header itself.
 */
import { isExtension } from '../wire/ipv6.js';
import { IPPROTO_AH, IPPROTO_FRAGMENT, IPPROTO_NONE, IPPROTO_ROUTING, type Packet } from '../wire/packet.js';

/** The packet has no such header. */
export const HEADER_ABSENT = -1;
/** The chain leads out of the packet before the header is found: the kernel drops the packet. */
export const HEADER_BROKEN = -2;

const HEADER_LEN = 40;
/** Offset part of a fragment header's third and fourth byte. */
const OFFSET = 0xfff8;

/** Absolute offset of the first header of type `target` in the chain; HEADER_ABSENT or HEADER_BROKEN. */
export function findHeader(p: Packet, target: number): number {
  const view = p.view;
  const end = p.end;
  let next = view.getUint8(p.l3Off + 6);
  let at = p.l3Off + HEADER_LEN;
  while (isExtension(next) && next !== IPPROTO_NONE) {
    if (end - at < (next === IPPROTO_FRAGMENT || next === IPPROTO_ROUTING ? 4 : 2)) return HEADER_BROKEN;
    if (next === target) return at;
    const word = view.getUint16(at);
    if (next === IPPROTO_FRAGMENT) {
      if ((view.getUint16(at + 2) & OFFSET) !== 0) return HEADER_ABSENT;
      at += 8;
    } else {
      at += extensionLen(next, word & 0xff);
    }
    next = word >> 8;
  }
  return HEADER_ABSENT;
}

/** Length in bytes of an extension header other than the fragment header, from its length field. */
export function extensionLen(type: number, field: number): number {
  return type === IPPROTO_AH ? (field + 2) << 2 : (field + 1) << 3;
}
