import fc from 'fast-check';
import { expect, it } from 'vitest';
import '../../../test/support/seed.js';
import { Elements, NO_ELEMENT } from './elements.js';
import { PrefixIndex } from './prefix-index.js';
import { PrefixLengths, prefixWord } from './prefix-lengths.js';
import { rangeLength } from './spread.js';

const NONE = { timeout: false, counters: false, comment: false, skbinfo: false };

it('elements come, go and are found as in a Map', () => {
  const step = fc.record({ add: fc.boolean(), a: fc.integer({ min: -3, max: 30 }), b: fc.integer({ min: 0, max: 3 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const elements = new Elements(2, 2, NONE);
      const model = new Map<string, number>();
      const key = new Int32Array(2);
      for (const { add, a, b } of steps) {
        key[0] = a;
        key[1] = b;
        const name = `${a},${b}`;
        const hash = elements.hash(key);
        const e = elements.find(key, hash);
        expect(e).toBe(model.get(name) ?? NO_ELEMENT);
        if (add && e === NO_ELEMENT) model.set(name, elements.insert(key, hash));
        if (!add && e !== NO_ELEMENT) {
          elements.remove(e);
          model.delete(name);
        }
        expect(elements.count).toBe(model.size);
      }
      for (const [name, e] of model) {
        key.set(name.split(',').map(Number));
        expect(elements.find(key, elements.hash(key))).toBe(e);
      }
    }),
  );
});

it('prefix lengths are listed longest first, each as long as an element has it', () => {
  const lengths = new PrefixLengths();
  for (const n of [24, 8, 32, 24]) lengths.add(n);
  expect([...lengths.present.subarray(0, lengths.count)]).toEqual([32, 24, 8]);
  lengths.remove(24);
  lengths.remove(8);
  expect([...lengths.present.subarray(0, lengths.count)]).toEqual([32, 24]);
  lengths.remove(24);
  expect([...lengths.present.subarray(0, lengths.count)]).toEqual([32]);
});

it.each([1, 4])('the index of prefixes knows every length that fits an address (%i words)', (words) => {
  const bits = words * 32;
  const prefix = fc.tuple(fc.array(fc.integer(), { minLength: words, maxLength: words }), fc.nat(bits));
  fc.assert(
    fc.property(fc.array(prefix, { minLength: 1, maxLength: 60 }), fc.nat(59), (prefixes, pick) => {
      const index = new PrefixIndex(words, 100);
      for (const [address, length] of prefixes) index.add(Int32Array.from(address), 0, length);
      const [address] = prefixes[pick % prefixes.length]!;
      const key = Int32Array.from(address);
      const told = new Set<number>();
      for (const [level, base] of index.bases.entries()) {
        const found = index.lengths(level, key, 0);
        for (let bit = 0; bit < 32; bit++) if ((found & (1 << bit)) !== 0) told.add(base + bit);
      }
      for (const [other, length] of prefixes) {
        const same = other.every((w, i) => ((w ^ key[i]!) & prefixWord(length, i)) === 0);
        if (same) expect(told.has(length), `/${length}`).toBe(true);
      }
    }),
  );
});

it.each([
  [0x0a000000, 0x0a0000ff, 24],
  [0x0a000001, 0x0a0000ff, 32],
  [0x0a000000, 0x0a000009, 29],
  [0, 0xffffffff, 0],
  [0xfffffffe, 0xffffffff, 31],
])('the largest network from %i within %i has the length %i', (from, to, length) => {
  expect(rangeLength(from, to)).toBe(length);
});
