import { describe, expect, it } from 'vitest';
import { parse } from '../../test/support/parse.js';
import { type Bytes, ip4, udp } from '../../test/support/wire-frames.js';
import { HAS_FRAGMENT, HAS_LATER_FRAGMENT, PARSE_OK, T_PORTS } from './packet.js';
import * as reasons from './parse-reasons.js';

const PORTS = (1000 << 16) | 53;
const U = udp([1, 2, 3]);

describe('the IPv4 header', () => {
  const rows: [string, Bytes, number][] = [
    ['IPv4 header checksum wrong', ip4(17, U, { checksumDelta: 1 }), reasons.PARSE_IP_CHECKSUM],
    [
      'checksum wrong counts before a wrong length',
      ip4(17, U, { checksumDelta: 1, totalLen: 9 }),
      reasons.PARSE_IP_CHECKSUM,
    ],
    ['IPv4 header length 16', ip4(17, U, { headerWords: 4 }), reasons.PARSE_IP_HEADER_LENGTH],
    ['IPv4 options beyond the frame', ip4(17, [], { headerWords: 6 }), reasons.PARSE_IP_SHORT],
    ['IPv4 of 19 bytes', ip4(17, U).slice(0, 19), reasons.PARSE_IP_SHORT],
    ['IPv4 total length one too long', ip4(17, U, { totalLen: 20 + U.length + 1 }), reasons.PARSE_IP_TRUNCATED],
    ['IPv4 total length 0', ip4(17, U, { totalLen: 0 }), reasons.PARSE_IP_LENGTH],
    ['IPv4 total length 19', ip4(17, U, { totalLen: 19 }), reasons.PARSE_IP_LENGTH],
    ['IPv4 total length 20', ip4(17, U, { totalLen: 20 }), PARSE_OK],
    ['IPv4 options', ip4(17, U, { options: [7, 7, 4, 0, 0, 0, 0, 0] }), PARSE_OK],
  ];
  it.each(rows)('%s', (_, packet, code) => expect(parse(packet, 101).code).toBe(code));

  it("more fragments, later fragment, don't fragment", () => {
    const first = parse(ip4(17, U, { fragment: 0x2000 }), 101).p;
    expect([first.has & HAS_FRAGMENT, first.has & HAS_LATER_FRAGMENT, first.fragment]).toEqual([
      HAS_FRAGMENT,
      0,
      0x2000,
    ]);
    expect(first.tuple[T_PORTS]).toBe(PORTS);
    const later = parse(ip4(17, U, { fragment: 0x6001 }), 101).p;
    expect([later.has, later.fragment, later.l4Off]).toEqual([HAS_FRAGMENT | HAS_LATER_FRAGMENT, 0x6001, -1]);
    expect([later.tuple[T_PORTS], later.protocol]).toEqual([0, 17]);
    const whole = parse(ip4(17, U, { fragment: 0x4000 }), 101).p;
    expect([whole.has & HAS_FRAGMENT, whole.fragment]).toEqual([0, 0]);
  });
});
