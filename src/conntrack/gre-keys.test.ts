import { describe, expect, test } from 'vitest';
import { T_DST, T_PORTS, T_PROTO, T_SRC } from '../wire/packet.js';
import { GreKeys } from './gre-keys.js';

function tuple(source: number, destination: number, from: number, to: number): Int32Array {
  const t = new Int32Array(10);
  t[T_SRC] = source;
  t[T_DST] = destination;
  t[T_PORTS] = (from << 16) | to;
  t[T_PROTO] = 47 | (2 << 8);
  return t;
}

describe('the key map', () => {
  test('a packet is known by its addresses and the receiver’s key', () => {
    const keys = new GreKeys();
    keys.add(1, 0, tuple(1, 2, 0xabcd, 7));
    expect(keys.find(tuple(1, 2, 0, 7))).toBe(0xabcd);
    for (const other of [tuple(1, 3, 0, 7), tuple(3, 2, 0, 7), tuple(1, 2, 0, 8)]) expect(keys.find(other)).toBe(0);
  });
  test('of IPv6 addresses every word counts, of IPv4 ones the first, whatever lies behind it', () => {
    const keys = new GreKeys();
    const v6 = (from: number) => Int32Array.from([1, 2, 3, 4, 5, 6, 7, 8, (from << 16) | 7, 47 | (10 << 8)]);
    keys.add(1, 0, v6(0xabcd));
    expect(keys.find(v6(0))).toBe(0xabcd);
    for (let i = 0; i < 8; i++) {
      const other = v6(0);
      other[T_SRC + i] = 9;
      expect([i, keys.find(other)]).toEqual([i, 0]);
    }
    const other = v6(0);
    other[T_PROTO] = 47 | (2 << 8);
    expect(keys.find(other)).toBe(0);
    keys.add(2, 0, tuple(1, 5, 6, 7));
    expect(keys.find(other)).toBe(6);
  });
  test('a connection has one for each direction; the same again is fine, another one is not', () => {
    const keys = new GreKeys();
    expect(keys.add(1, 0, tuple(1, 2, 5, 7))).toBe(true);
    expect(keys.add(1, 1, tuple(2, 1, 7, 5))).toBe(true);
    expect(keys.add(1, 0, tuple(1, 2, 6, 7))).toBe(true);
    expect(keys.find(tuple(1, 2, 0, 7))).toBe(5);
    expect(keys.add(1, 0, tuple(1, 2, 5, 8))).toBe(false);
    expect(keys.count).toBe(2);
  });
  test('they go with their connection', () => {
    const keys = new GreKeys();
    keys.add(1, 0, tuple(1, 2, 5, 7));
    keys.add(2, 0, tuple(1, 2, 6, 8));
    keys.removeOf(1);
    expect([keys.count, keys.find(tuple(1, 2, 0, 7)), keys.find(tuple(1, 2, 0, 8))]).toEqual([1, 0, 6]);
    keys.removeOf(2);
    expect(keys.count).toBe(0);
  });
});
