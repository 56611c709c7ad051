import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as K from '../../test/support/rules.js';
import { FIELD_DESTINATION_PORT, FIELD_QUESTION, FIELD_SOURCE, FLIP } from './classify.js';
import { FieldKeys } from './classify-keys.js';

const left = (...rules: number[]) => Int32Array.from(rules);

/** The prefixes of a group of keys as `first value/length`. */
function sources(nets: (string | null)[]) {
  const field = new FieldKeys(FIELD_SOURCE, 0, 1, nets.length);
  for (const [k, text] of nets.entries()) field.addAddress(k, text === null ? null : K.net(text), 2);
  field.sort();
  return field;
}

describe('keys', () => {
  it('ascend with the value, and a prefix comes before those that lie in it', () => {
    const field = sources(['10.0.1.0/24', '10.0.0.0/8', null, '9.0.0.0/8', '10.0.1.0/24']);
    const { keys, start, rules, rest } = field.group(left(0, 1, 2, 3, 4));
    expect([...keys]).toEqual([0, 1, 2]);
    expect(Array.from(keys, (_, g) => [...rules.subarray(start[g]!, start[g + 1])])).toEqual([[3], [1], [0, 4]]);
    expect([...rest]).toEqual([2]);
    expect(field.contains(1, 2)).toBe(true);
    expect(field.contains(2, 1)).toBe(false);
    expect(field.contains(0, 1)).toBe(false);
  });

  it('are only those of the rules that are left', () => {
    const field = sources(Array.from({ length: 100 }, (_, k) => `10.0.${k}.0/24`));
    const { keys, rules } = field.group(left(70, 3));
    expect([...keys]).toEqual([3, 70]);
    expect([...rules]).toEqual([3, 70]);
    // nothing is left behind for the next use
    expect([...field.group(left(5)).keys]).toEqual([5]);
  });

  it.each([
    ['inverted', { ...K.net('10.0.0.0/8'), invert: true }],
    ['with a hole', { ...K.net('10.0.0.0/8'), mask: Int32Array.of(0x00ff00ff, 0, 0, 0) }],
    ['of all addresses', K.net('0.0.0.0/0')],
  ])('an address %s does not ask', (_name, match) => {
    const field = new FieldKeys(FIELD_SOURCE, 0, 1, 1);
    field.addAddress(0, match, 2);
    field.sort();
    expect(field.count).toBe(0);
    expect([...field.group(left(0)).rest]).toEqual([0]);
  });

  it('know the bound of their first value and the one behind', () => {
    const field = sources(['10.0.0.0/8', '255.255.255.0/24']);
    const out = new Int32Array(2);
    field.firstOf(0, out, 0);
    expect(field.behind(0, out, 1)).toBe(true);
    expect(out.map((word) => word ^ FLIP)).toEqual(Int32Array.of(K.word('10.0.0.0'), K.word('11.0.0.0')));
    expect(field.behind(1, out, 1)).toBe(false);
  });

  it('of IPv6 carry over words', () => {
    const field = new FieldKeys(FIELD_SOURCE, 0, 4, 2);
    const address = Int32Array.of(0x20010db8, -1, -1, 0);
    field.addAddress(0, { address, mask: Int32Array.of(-1, -1, -1, 0), invert: false }, 10);
    field.addAddress(1, { address, mask: Int32Array.of(-1, -1, -1, -1), invert: false }, 10);
    field.sort();
    const out = new Int32Array(4);
    expect(field.contains(0, 1)).toBe(true);
    expect(field.behind(0, out, 0)).toBe(true);
    expect(out.map((word) => word ^ FLIP)).toEqual(Int32Array.of(0x20010db9, 0, 0, 0));
    expect(field.behind(1, out, 0)).toBe(true);
    expect(out.map((word) => word ^ FLIP)).toEqual(Int32Array.of(0x20010db8, -1, -1, 1));
  });
});

describe('ports', () => {
  /** The ports that the prefixes of a rule have in them. */
  function covered(ranges: number[]): number[] | null {
    const field = new FieldKeys(FIELD_DESTINATION_PORT, 0, 1, 1);
    field.addPorts(0, ranges);
    field.sort();
    if (field.count === 0) return null;
    const ports: number[] = [];
    const out = new Int32Array(2);
    for (let key = 0; key < field.count; key++) {
      field.firstOf(key, out, 0);
      field.behind(key, out, 1);
      for (let port = (out[0]! ^ FLIP) >>> 0; port < (out[1]! ^ FLIP) >>> 0; port++) ports.push(port);
    }
    return ports;
  }
  const range = (from: number, to: number) => from | (to << 16);

  it('of ranges, overlapping or not, are in prefixes once each', () => {
    const bounds = fc.tuple(fc.nat(2000), fc.nat(200)).map(([from, more]) => [from, from + more] as const);
    const property = fc.property(fc.array(bounds, { minLength: 1, maxLength: 4 }), (list) => {
      const wanted = new Set<number>();
      for (const [from, to] of list) for (let port = from; port <= to; port++) wanted.add(port);
      expect(covered(list.map(([from, to]) => range(from, to)))).toEqual([...wanted].sort((a, b) => a - b));
    });
    fc.assert(property, { numRuns: 300, seed: 3 });
  });

  it('reach to the last one', () => expect(covered([range(65_530, 65_535)])).toHaveLength(6));
  it('in too many prefixes do not ask', () => {
    expect(covered(Array.from({ length: 15 }, (_, k) => range(4000 * k + 1, 4000 * k + 2000)))).toBeNull();
  });
});

describe('what a packet has to look at', () => {
  it('is what does not ask, and the average of the others', () => {
    const field = sources(['10.0.0.0/24', '10.0.0.0/24', '10.0.1.0/24', null]);
    expect(field.visited(left(0, 1, 2, 3))).toBeCloseTo(1 + 5 / 3);
    expect(field.visited(left(3))).toBe(Number.POSITIVE_INFINITY);
  });

  it('is more where all questions are to be asked', () => {
    const field = new FieldKeys(FIELD_QUESTION, 0, 1, 40);
    for (let k = 0; k < 40; k++) field.addValue(k, k % 2);
    field.sort();
    expect(field.visited(Int32Array.from({ length: 40 }, (_, k) => k))).toBe(2 * 4 + 10);
    expect(field.valueOf(1)).toBe(1);
  });
});
