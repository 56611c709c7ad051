import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetBytes, parsed, rangeOf, words } from '../../test/support/nat-bench.js';
import { formatAddress, formatAddress4 } from '../wire/address.js';
import { AF_INET6, T_DST, T_SRC } from '../wire/packet.js';
import { chooseAddress } from './address-choice.js';
import { MANIP_DST, MANIP_SRC, RANGE_PERSISTENT, sourceInRange } from './range.js';

/** What the destination 10.1.0.1 of a packet becomes. */
function destination(source: string, persistent: boolean, from = 1000): string {
  const { tuple } = parsed(packetBytes({ source, destination: '10.1.0.1', from }));
  chooseAddress(tuple, rangeOf('10.2.0.2-10.2.0.5', null, persistent ? RANGE_PERSISTENT : 0), MANIP_DST, 0);
  return formatAddress4(tuple[T_DST]!);
}

/** What a source becomes in an IPv4 range of many addresses. */
function source(to: string, flags: number, zone = 0): string {
  const { tuple } = parsed(packetBytes({ destination: to }));
  chooseAddress(tuple, rangeOf('203.0.113.0-203.0.113.255', null, flags), MANIP_SRC, zone);
  return formatAddress4(tuple[T_SRC]!);
}

describe('the address is the one that Linux takes (recorded)', () => {
  const rows: [string, string, string][] = [
    ['10.11.0.1', '10.2.0.4', '10.2.0.2'],
    ['10.11.0.2', '10.2.0.5', '10.2.0.2'],
    ['10.11.0.3', '10.2.0.2', '10.2.0.4'],
    ['10.11.0.4', '10.2.0.4', '10.2.0.2'],
    ['10.11.0.5', '10.2.0.2', '10.2.0.5'],
    ['10.11.1.1', '10.2.0.2', '10.2.0.3'],
    ['10.11.1.2', '10.2.0.3', '10.2.0.5'],
    ['10.11.1.3', '10.2.0.4', '10.2.0.3'],
    ['10.11.1.4', '10.2.0.5', '10.2.0.2'],
    ['10.11.1.5', '10.2.0.2', '10.2.0.2'],
    ['10.11.2.1', '10.2.0.3', '10.2.0.5'],
    ['10.11.2.2', '10.2.0.3', '10.2.0.4'],
    ['10.11.2.3', '10.2.0.3', '10.2.0.4'],
    ['10.11.2.4', '10.2.0.2', '10.2.0.5'],
    ['10.11.2.5', '10.2.0.4', '10.2.0.3'],
  ];
  it.each(rows)('for %s: %s, with --persistent %s', (from, plain, persistent) => {
    expect(destination(from, false)).toBe(plain);
    expect(destination(from, true)).toBe(persistent);
  });
});

describe('the IPv6 address is the one that Linux takes (recorded)', () => {
  const rows: [number, string, number, string, string, string][] = [
    [MANIP_DST, '2001:db8::6-2001:db8::9', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::9'],
    [MANIP_SRC, '2001:db8::6-2001:db8::9', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::7'],
    [MANIP_DST, '2001:db8::6-2001:db8::9', 0, 'fd00:11::1', 'fd00:22:1:2:3:4:5:6', '2001:db8::6'],
    [MANIP_SRC, '2001:db8::6-2001:db8::9', 0, 'fd00:11::1', 'fd00:22:1:2:3:4:5:6', '2001:db8::8'],
    [MANIP_DST, '2001:db8::6-2001:db8::9', RANGE_PERSISTENT, 'fd00:11::1', 'fd00:2::2', '2001:db8::6'],
    [MANIP_SRC, '2001:db8::6-2001:db8::9', RANGE_PERSISTENT, 'fd00:11::1', 'fd00:2::2', '2001:db8::6'],
    [MANIP_DST, '2001:db8::1:0:5-2001:db8::3:0:7', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::3:0:7'],
    [MANIP_SRC, '2001:db8::1:0:5-2001:db8::3:0:7', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::2:7bed:bd99'],
    [MANIP_DST, '2001:db8::1:0:5-2001:db8::3:0:7', 0, 'fd00:11::1', 'fd00:22:1:2:3:4:5:6', '2001:db8::1:2a28:ef9c'],
    [MANIP_SRC, '2001:db8::1:0:5-2001:db8::3:0:7', 0, 'fd00:11::1', 'fd00:22:1:2:3:4:5:6', '2001:db8::3:0:7'],
    [MANIP_DST, '2001:db8::1:0:5-2001:db8::3:0:7', RANGE_PERSISTENT, 'fd00:11::1', 'fd00:2::2', '2001:db8::1:b6e:e77b'],
    [MANIP_SRC, '2001:db8::1:0:5-2001:db8::3:0:7', RANGE_PERSISTENT, 'fd00:11::1', 'fd00:2::2', '2001:db8::1:b6e:e77b'],
    [MANIP_DST, '2001:db8:1::2-2001:db8:4:5::9', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8:3:45a6:67a5:bf46:211a:1a1f'],
    [MANIP_SRC, '2001:db8:1::2-2001:db8:4:5::9', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8:2:73cc:7bed:bd99:7bed:bd99'],
    [
      MANIP_DST,
      '2001:db8:1::2-2001:db8:4:5::9',
      0,
      'fd00:11::1',
      'fd00:22:1:2:3:4:5:6',
      '2001:db8:1:817b:50a9:ee9c:cc47:47cc',
    ],
    [
      MANIP_SRC,
      '2001:db8:1::2-2001:db8:4:5::9',
      0,
      'fd00:11::1',
      'fd00:22:1:2:3:4:5:6',
      '2001:db8:3:1375:b325:ef3f:b725:ec3f',
    ],
    [
      MANIP_DST,
      '2001:db8:1::2-2001:db8:4:5::9',
      RANGE_PERSISTENT,
      'fd00:11::1',
      'fd00:2::2',
      '2001:db8:1:224c:b6e:e77b:b6e:e77b',
    ],
    [
      MANIP_SRC,
      '2001:db8:1::2-2001:db8:4:5::9',
      RANGE_PERSISTENT,
      'fd00:11::1',
      'fd00:2::2',
      '2001:db8:1:224c:b6e:e77b:b6e:e77b',
    ],
    [MANIP_DST, '2001:db8::-2001:dbf:ffff::3', 0, 'fd00:11::1', 'fd00:2::2', '2001:dbb:c2e0:bc46:845c:5c84::'],
    [MANIP_SRC, '2001:db8::-2001:dbf:ffff::3', 0, 'fd00:11::1', 'fd00:2::2', '2001:dbb:7bed:bd99:7bed:bd99:7bed:bd99'],
    [
      MANIP_DST,
      '2001:db8::-2001:dbf:ffff::3',
      0,
      'fd00:11::1',
      'fd00:22:1:2:3:4:5:6',
      '2001:dbc:2f28:ef9c:b3c7:c7b1:200:0',
    ],
    [
      MANIP_SRC,
      '2001:db8::-2001:dbf:ffff::3',
      0,
      'fd00:11::1',
      'fd00:22:1:2:3:4:5:6',
      '2001:dbc:b125:ee3f:b325:ef3f:b725:ec3f',
    ],
    [
      MANIP_DST,
      '2001:db8::-2001:dbf:ffff::3',
      RANGE_PERSISTENT,
      'fd00:11::1',
      'fd00:2::2',
      '2001:db8:b6e:e77b:b6e:e77b:b6e:e77b',
    ],
    [
      MANIP_SRC,
      '2001:db8::-2001:dbf:ffff::3',
      RANGE_PERSISTENT,
      'fd00:11::1',
      'fd00:2::2',
      '2001:db8:b6e:e77b:b6e:e77b:b6e:e77b',
    ],
    [MANIP_DST, '2001:db8::5-2001:db8::1:0:0', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::1:c0e0:bc48'],
    [MANIP_SRC, '2001:db8::5-2001:db8::1:0:0', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::7bed:bd99'],
    [MANIP_DST, '2001:db8::5-2001:db8::1:0:0', 0, 'fd00:11::1', 'fd00:22:1:2:3:4:5:6', '2001:db8::2b28:ef9c'],
    [MANIP_SRC, '2001:db8::5-2001:db8::1:0:0', 0, 'fd00:11::1', 'fd00:22:1:2:3:4:5:6', '2001:db8::1:b725:ec42'],
    [MANIP_DST, '2001:db8::5-2001:db8::1:0:0', RANGE_PERSISTENT, 'fd00:11::1', 'fd00:2::2', '2001:db8::b6e:e77b'],
    [MANIP_SRC, '2001:db8::5-2001:db8::1:0:0', RANGE_PERSISTENT, 'fd00:11::1', 'fd00:2::2', '2001:db8::b6e:e77b'],
    [MANIP_DST, '2001:db8::8000:0-2001:db8::ffff:ffff', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::e0f0:5e23'],
    [MANIP_SRC, '2001:db8::8000:0-2001:db8::ffff:ffff', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::bdf6:decd'],
    [MANIP_DST, '2001:db8::8000:0-2001:db8::ffff:ffff', 0, 'fd00:11::1', 'fd00:22:1:2:3:4:5:6', '2001:db8::9594:77ce'],
    [MANIP_SRC, '2001:db8::8000:0-2001:db8::ffff:ffff', 0, 'fd00:11::1', 'fd00:22:1:2:3:4:5:6', '2001:db8::db92:f620'],
    [
      MANIP_DST,
      '2001:db8::8000:0-2001:db8::ffff:ffff',
      RANGE_PERSISTENT,
      'fd00:11::1',
      'fd00:2::2',
      '2001:db8::85b7:73be',
    ],
    [
      MANIP_SRC,
      '2001:db8::8000:0-2001:db8::ffff:ffff',
      RANGE_PERSISTENT,
      'fd00:11::1',
      'fd00:2::2',
      '2001:db8::85b7:73be',
    ],
    [
      MANIP_DST,
      '::-2fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      0,
      'fd00:11::1',
      'fd00:2::2',
      '16dc:9383:fa7e:6170:8a1f:1f8a::',
    ],
    [
      MANIP_SRC,
      '::-2fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      0,
      'fd00:11::1',
      'fd00:2::2',
      '16dc:9383:7bed:bd99:7bed:bd99:7bed:bd99',
    ],
    [
      MANIP_DST,
      '::-2fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      0,
      'fd00:11::1',
      'fd00:22:1:2:3:4:5:6',
      '1b97:1cc3:5039:79a5:f540:40f5:0:2',
    ],
    [
      MANIP_SRC,
      '::-2fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      0,
      'fd00:11::1',
      'fd00:22:1:2:3:4:5:6',
      '1b97:1cc3:b125:ee3f:b325:ef3f:b725:ec3f',
    ],
    [
      MANIP_DST,
      '::-2fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      RANGE_PERSISTENT,
      'fd00:11::1',
      'fd00:2::2',
      '224:cb67:b6e:e77b:b6e:e77b:b6e:e77b',
    ],
    [
      MANIP_SRC,
      '::-2fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      RANGE_PERSISTENT,
      'fd00:11::1',
      'fd00:2::2',
      '224:cb67:b6e:e77b:b6e:e77b:b6e:e77b',
    ],
    [MANIP_DST, '2001:db8::7-2001:dbf::7', 0, 'fd00:11::1', 'fd00:2::2', '2001:dbb:c2e0:bc46:845c:5c84::'],
    [MANIP_SRC, '2001:db8::7-2001:dbf::7', 0, 'fd00:11::1', 'fd00:2::2', '2001:dbb:7bed:bd99:7bed:bd99:7bed:bd99'],
    [MANIP_DST, '2001:db8:1::7-2001:db8:4::7', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8:3:45a2:63a5:bf46:251a:1a23'],
    [MANIP_SRC, '2001:db8:1::7-2001:db8:4::7', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8:2:73c9:7bed:bd99:7bed:bd99'],
    [MANIP_DST, '2001:db8::1:0:5-2001:db8::3:0:5', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::3:0:5'],
    [MANIP_SRC, '2001:db8::1:0:5-2001:db8::3:0:5', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::2:7bed:bd99'],
    [MANIP_DST, '2001:db8:1:2:3:4:5:6-2001:db8:1:2:3:4:5:9', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8:1:2:3:4:5:9'],
    [MANIP_SRC, '2001:db8:1:2:3:4:5:6-2001:db8:1:2:3:4:5:9', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8:1:2:3:4:5:7'],
    [MANIP_DST, '2001:db8::8-2001:db8::8', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::8'],
    [MANIP_SRC, '2001:db8::8-2001:db8::8', 0, 'fd00:11::1', 'fd00:2::2', '2001:db8::8'],
  ];
  it.each(rows)('half %i in %s, flags %i, of %s > %s: %s', (manip, range, flags, source, destination, expected) => {
    const { tuple } = parsed(packetBytes({ source, destination }));
    chooseAddress(tuple, rangeOf(range, null, flags), manip, 0);
    expect(formatAddress(AF_INET6, tuple, manip === MANIP_SRC ? T_SRC : T_DST)).toBe(expected);
  });
});

it('ports do not count: a client is seen coming from one address', () => {
  expect(new Set([1, 80, 1000, 65535].map((from) => destination('10.11.0.1', false, from))).size).toBe(1);
});

it('the destination counts, but not with --persistent; nor does the zone then', () => {
  const many = Array.from({ length: 40 }, (_, i) => `10.2.1.${i}`);
  expect(new Set(many.map((to) => source(to, 0))).size).toBeGreaterThan(20);
  expect(new Set(many.map((to) => source(to, RANGE_PERSISTENT))).size).toBe(1);
  expect(new Set(many.map((_, zone) => source('10.2.1.1', 0, zone))).size).toBeGreaterThan(20);
  expect(new Set(many.map((_, zone) => source('10.2.1.1', RANGE_PERSISTENT, zone))).size).toBe(1);
});

it('one address is taken as it is; without addresses nothing changes', () => {
  const { tuple } = parsed(packetBytes({ source: 'fd01::2' }));
  chooseAddress(tuple, rangeOf('fd09::8'), MANIP_DST, 0);
  expect(formatAddress(AF_INET6, tuple, T_DST)).toBe('fd09::8');
  const before = tuple.slice();
  chooseAddress(tuple, rangeOf('', [1, 2]), MANIP_SRC, 0);
  expect(tuple).toEqual(before);
});

it('the address lies in the range where that begins at the start of a prefix', () => {
  const word = fc.integer();
  const four = fc.tuple(word, word, word, word);
  const text = (w: Int32Array) => formatAddress(AF_INET6, w);
  fc.assert(
    fc.property(four, word, fc.nat(3), four, fc.boolean(), (end, lower, at, client, persistent) => {
      const range = rangeOf('::', null, persistent ? RANGE_PERSISTENT : 0);
      range.maxAddress.set(end);
      // below a lower word the kernel lets the following ones be anything
      for (let i = 0; i < 4; i++) range.minAddress[i] = i < at ? end[i]! : 0;
      if (lower >>> 0 < end[at]! >>> 0) range.minAddress[at] = lower;
      const { tuple } = parsed(packetBytes({ source: 'fd01::2' }));
      tuple.set(client, T_SRC);
      chooseAddress(tuple, range, MANIP_SRC, 0);
      expect(sourceInRange(tuple, range), `${text(tuple)} in ${text(range.minAddress)}-${text(range.maxAddress)}`).toBe(
        true,
      );
      expect(tuple.subarray(T_DST, T_DST + 4)).toEqual(words('fd02::3'));
    }),
  );
});
