import { expect, test } from 'vitest';
import { fold, LINE_OFFSET, lineAligned, powerOfTwo } from './table-memory.js';

test.each([
  [0, 16],
  [16, 16],
  [17, 32],
  [262144, 262144],
])('the least power of two for %i is %i', (n, power) => {
  expect(powerOfTwo(n)).toBe(power);
});

test('a buffer has room behind the offset', () => {
  expect(lineAligned(256).byteLength - LINE_OFFSET).toBeGreaterThanOrEqual(256);
});

test('each word of an address counts', () => {
  const words = [1, 2, 3, 4];
  const folded = words.map((_, i) =>
    fold(...(words.map((w, k) => (k === i ? w + 9 : w)) as [number, number, number, number])),
  );
  expect(new Set([...folded, fold(1, 2, 3, 4)]).size).toBe(5);
});
