import { describe, expect, test } from 'vitest';
import {
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ROUTING,
  Packet,
} from '../wire/packet.js';
import { extensionLen, findHeader, HEADER_ABSENT, HEADER_BROKEN } from './ipv6-headers.js';

/** A packet of an IPv6 header with next header `first` and these bytes behind it. */
function packet(first: number, chain: readonly number[]): Packet {
  const bytes = new Uint8Array(40 + chain.length);
  bytes[0] = 0x60;
  bytes[6] = first;
  bytes.set(chain, 40);
  const p = new Packet();
  p.attach(bytes);
  p.l3Off = 0;
  p.end = bytes.length;
  return p;
}

const OPTIONS = [IPPROTO_FRAGMENT, 0, 1, 4, 0, 0, 0, 0];
const FIRST_FRAGMENT = [IPPROTO_DSTOPTS, 0, 0, 1, 0, 0, 0, 9];
const LATER_FRAGMENT = [IPPROTO_DSTOPTS, 0, 0, 9, 0, 0, 0, 9];
const LAST = [17, 0, 1, 4, 0, 0, 0, 0];

describe('findHeader', () => {
  test.each([
    ['the first header', IPPROTO_HOPOPTS, IPPROTO_HOPOPTS, OPTIONS, 40],
    ['a header behind others', IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, [...OPTIONS, ...FIRST_FRAGMENT, ...LAST], 56],
    ['a later fragment has no headers behind it', IPPROTO_FRAGMENT, IPPROTO_DSTOPTS, LATER_FRAGMENT, HEADER_ABSENT],
    ['but its fragment header', IPPROTO_FRAGMENT, IPPROTO_FRAGMENT, LATER_FRAGMENT, 40],
    ['no such header', IPPROTO_HOPOPTS, IPPROTO_ROUTING, [...OPTIONS, ...FIRST_FRAGMENT, ...LAST], HEADER_ABSENT],
    ['no extension headers', 17, IPPROTO_AH, [], HEADER_ABSENT],
    ['"no next header" ends the chain', 59, IPPROTO_AH, [51, 0], HEADER_ABSENT],
    ['a chain out of the packet', IPPROTO_HOPOPTS, IPPROTO_AH, OPTIONS, HEADER_BROKEN],
    ['a routing header of less than four bytes', IPPROTO_ROUTING, IPPROTO_ROUTING, [17, 0, 0], HEADER_BROKEN],
  ])('%s', (_claim, first, target, chain, expected) => {
    expect(findHeader(packet(first, chain), target)).toBe(expected);
  });

  test('AH counts its length in other units', () => {
    expect([extensionLen(IPPROTO_AH, 4), extensionLen(IPPROTO_DSTOPTS, 4)]).toEqual([24, 40]);
  });
});
