import { expect, test } from 'vitest';
import { AF_INET, IPPROTO_UDP, T_DST, T_PROTO, T_SRC, TUPLE_WORDS } from '../wire/packet.js';
import { F_COUNTERS, R_STATUS, RECORD_SHIFT } from './layout.js';
import { ConnTable } from './table.js';

function reserved(table: ConnTable, zones = 0): number {
  const tuple = new Int32Array(TUPLE_WORDS);
  tuple[T_SRC] = 0x0a000001;
  tuple[T_DST] = 0x0a000002;
  tuple[T_PROTO] = IPPROTO_UDP | (AF_INET << 8);
  return table.reserve(tuple, 0, zones);
}

const all = (table: ConnTable, slot: number) => [0, 1, 2, 3].map((which) => table.counter(slot, which));

test.each([
  ['small numbers', [0, 0, 0, 0], 1, [1, 1500, 0, 0]],
  ['the last below 2^32', [2 ** 32 - 2, 2 ** 32 - 1501, 7, 8], 1, [2 ** 32 - 1, 2 ** 32 - 1, 7, 8]],
  ['bytes pass 2^32', [5, 2 ** 32 - 1500, 7, 8], 1, [6, 2 ** 32, 7, 8]],
  ['packets pass 2^32', [2 ** 32 - 1, 10, 7, 8], 1, [2 ** 32, 1510, 7, 8]],
  [
    'both, far beyond',
    [2 ** 40 - 1, 2 ** 50 - 1, 2 ** 33, 2 ** 34 + 1],
    1,
    [2 ** 40, 2 ** 50 + 1499, 2 ** 33, 2 ** 34 + 1],
  ],
])('counters are exact: %s', (_name, before, packets, after) => {
  const table = new ConnTable(4, 1);
  const slot = reserved(table);
  table.words[(slot << RECORD_SHIFT) + R_STATUS] = F_COUNTERS;
  before.forEach((value, which) => {
    table.setCounter(slot, which, value);
  });
  for (let i = 0; i < packets; i++) table.countPacket(slot, 0, 1500);
  expect(all(table, slot)).toEqual(after);
});

test('each direction is counted by itself', () => {
  const table = new ConnTable(4, 1);
  const slot = reserved(table);
  table.countPacket(slot, 0, 100);
  table.countPacket(slot, 1, 60);
  table.countPacket(slot, 1, 65535);
  expect(all(table, slot)).toEqual([1, 100, 2, 65595]);
});

test('a slot that is used again begins at 0, carries and zones too', () => {
  const table = new ConnTable(4, 1);
  const slot = reserved(table, (9 << 16) | 7);
  expect(table.zonesOf(slot)).toBe((9 << 16) | 7);
  table.setCounter(slot, 1, 2 ** 40);
  table.free(slot);
  expect(reserved(table)).toBe(slot);
  expect(all(table, slot)).toEqual([0, 0, 0, 0]);
  expect(table.zonesOf(slot)).toBe(0);
});
