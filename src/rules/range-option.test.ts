import { describe, expect, test } from 'vitest';
import type { OptionContext } from './extension.js';
import { isWhole, rangeText, readRange, SIGN } from './range-option.js';

const context: OptionContext = {
  family: 2,
  protocol: null,
  table: 'filter',
  fail(message) {
    throw new Error(message);
  },
};

describe('ranges of numbers', () => {
  test.each([
    ['5', '5'],
    ['5:7', '5:7'],
    ['5:', '5:4294967295'],
    [':7', '0:7'],
    ['', '0'],
    ['7:5', '7:5'],
    ['0x10:020', '16'],
  ])('"%s" is %s', (text, expected) => {
    expect(rangeText(readRange('x', 'y', text, 0xffffffff, context))).toBe(expected);
  });

  test('all numbers are the whole range', () => {
    expect(isWhole(readRange('x', 'y', ':', 0xffffffff, context))).toBe(true);
    expect(isWhole(readRange('x', 'y', ':', 0xffff, context))).toBe(false);
  });

  test('with the sign bit flipped unsigned numbers compare as Int32', () => {
    const words = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff].map((n) => n ^ SIGN);
    expect([...words].sort((a, b) => a - b)).toEqual(words);
  });
});
