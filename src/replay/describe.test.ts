import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeFrame, LINK_ETHERNET, LINK_NULL, LINK_RAW, LINK_SLL, networkOffset } from './describe.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const eth = (type: string, rest: string): string => `020000000102 020000000101 ${type} ${rest}`;
const ip = (proto: string, len: string, rest: string): string =>
  `4500${len} 0001 0000 40 ${proto} 0000 0a000001 0a000002 ${rest}`;
const ip6 = (next: string, len: string, rest: string): string =>
  `60000000 ${len} ${next} 40 fd000000000000000000000000000001 fd000000000000000000000000000002 ${rest}`;

describe('frames as tcpdump shows them', () => {
  const syn = '03e80050 00000001 00000000 5002faf0 00000000';
  const rows: [string, number, string, string][] = [
    [
      'a SYN',
      1,
      eth('0800', ip('06', '0028', syn)),
      'IP 10.0.0.1.1000 > 10.0.0.2.80: Flags [S], seq 1, win 64240, length 0',
    ],
    [
      'data',
      1,
      eth('0800', ip('06', '002b', '03e80050 00000001 00000009 5018faf0 00000000 616263')),
      'IP 10.0.0.1.1000 > 10.0.0.2.80: Flags [P.], seq 1:4, ack 9, win 64240, length 3',
    ],
    [
      'a VLAN tag',
      1,
      eth('8100', `0005 0800 ${ip('06', '0028', syn)}`),
      'IP 10.0.0.1.1000 > 10.0.0.2.80: Flags [S], seq 1, win 64240, length 0',
    ],
    [
      'UDP on raw IP',
      LINK_RAW,
      ip('11', '001f', '03e80035 000b0000 616263'),
      'IP 10.0.0.1.1000 > 10.0.0.2.53: UDP, length 3',
    ],
    [
      'a ping',
      LINK_RAW,
      ip('01', '0020', '0800 0000 0007 0002 00000000'),
      'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 2, length 12',
    ],
    [
      'unreachable',
      LINK_RAW,
      ip('01', '001c', '0303 0000 00000000'),
      'IP 10.0.0.1 > 10.0.0.2: ICMP unreachable, code 3, length 8',
    ],
    [
      'IPv6 on loopback',
      LINK_NULL,
      `1e000000 ${ip6('11', '0008', '03e80035 00080000')}`,
      'IP6 fd00::1.1000 > fd00::2.53: UDP, length 0',
    ],
    [
      'behind IPv6 options',
      LINK_RAW,
      ip6('00', '0010', '1100000000000000 03e80035 00080000'),
      'IP6 fd00::1.1000 > fd00::2.53: UDP, length 0',
    ],
    [
      'a later IPv6 fragment',
      LINK_RAW,
      ip6('2c', '0010', '11 00 05a8 00000001 0000000000000000'),
      'IP6 fd00::1 > fd00::2: UDP fragment at 1448, length 8',
    ],
    [
      'SCTP',
      LINK_RAW,
      ip('84', '0030', '03e80050 00000000 00000000 01000010 00000000 00000000 00000000'),
      'IP 10.0.0.1.1000 > 10.0.0.2.80: sctp (1) [INIT], length 28',
    ],
    ['ESP', LINK_RAW, ip('32', '001c', '0000000000000000'), 'IP 10.0.0.1 > 10.0.0.2: ESP, length 8'],
    [
      'cooked',
      LINK_SLL,
      `0000 0001 0006 020000000101 0000 0800 ${ip('11', '001c', '03e80035 00080000')}`,
      'IP 10.0.0.1.1000 > 10.0.0.2.53: UDP, length 0',
    ],
    ['ARP', 1, eth('0806', '0001'), 'ARP, length 16'],
    ['an unknown ethertype', 1, eth('1234', '0001'), 'ethertype 0x1234, length 16'],
    ['IP cut short', 1, eth('0800', '4500'), 'IP, cut short, length 16'],
  ];
  test.each(rows)('%s', (_, link, hex, text) => {
    const b = bytes(hex);
    expect(describeFrame(b, 0, b.length, b.length, link)).toBe(text);
  });

  test('a fragment says where it belongs', () => {
    const b = bytes('4500001c 0001 20b9 40 11 0000 0a000001 0a000002 0000000000000000');
    expect(describeFrame(b, 0, b.length, b.length, LINK_RAW)).toBe(
      'IP 10.0.0.1 > 10.0.0.2: UDP fragment at 1480+, length 8',
    );
  });
});

test('any bytes at all give a line, and no offset beyond the frame', () => {
  const links = fc.constantFrom(LINK_ETHERNET, LINK_RAW, LINK_SLL, LINK_NULL, 276, 108, 999);
  const versions = fc.constantFrom(0x45, 0x4f, 0x60, 0x00);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), links, versions, fc.nat(40), (b, link, first, at) => {
      if (at < b.length) b[at] = first;
      expect(networkOffset(b, 0, b.length, link)).toBeLessThan(Math.max(1, b.length));
      expect(describeFrame(b, 0, b.length, b.length, link)).not.toBe('');
    }),
    { numRuns: 2000 },
  );
});
