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
