import { describe, expect, test } from 'vitest';
import { hashAddress, hashThree, hashWord, scaleHash, swap32 } from './jhash.js';

const hex = (word: number) => (word >>> 0).toString(16);

describe('lookup3 over words', () => {
  test('bytes are turned round as a little-endian machine reads them', () => {
    expect(hex(swap32(0x01020384))).toBe('84030201');
  });

  test('a change of any bit of any word changes the hash', () => {
    const seen = new Set<number>();
    for (let bit = 0; bit < 32; bit++) {
      for (let at = 0; at < 4; at++) {
        const words = new Int32Array(4);
        words[at] = 1 << bit;
        seen.add(hashAddress(words, 0, 0));
      }
      seen
        .add(hashWord(1 << bit, 0))
        .add(hashThree(1 << bit, 0, 0, 0))
        .add(hashThree(0, 1 << bit, 0, 0));
      seen.add(hashThree(0, 0, 1 << bit, 0)).add(hashWord(0, 1 << bit));
    }
    expect(seen.size).toBe(32 * 9);
  });

  test.each([
    [-1, 5, 4],
    [0, 5, 0],
    [0x80000000 | 0, 5, 2],
    [-1, -1, 0xfffffffe],
    [0x12345678, 0x9abcdef0 | 0, Number((0x12345678n * 0x9abcdef0n) >> 32n)],
  ])('hash %i scaled to %i values is %i', (hash, count, expected) => {
    expect(scaleHash(hash, count) >>> 0).toBe(expected);
  });
});
