import { describe, expect, test } from 'vitest';
import { formatCtime, formatExpectationStamp, formatStamp, parseCtime, parseStamp } from './time.js';

describe('times', () => {
  test.each([
    [0n, 'Thu Jan  1 00:00:00 1970'],
    [1_795_260_987_999_999_999n, 'Sat Nov 21 11:36:27 2026'],
    [4_102_444_799_000_000_000n, 'Thu Dec 31 23:59:59 2099'],
  ])('%s is %s', (ns, text) => {
    expect(formatCtime(ns)).toBe(text);
    expect(parseCtime(text)).toBe((ns / 1_000_000_000n) * 1_000_000_000n);
  });
  test('of the machine, as its own clock has it', () => {
    for (const month of [0, 6]) {
      const d = new Date(2026, month, 3, 4, 5, 6);
      const name = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul'][month];
      const expected = `${name}  3 04:05:06 2026`;
      expect(formatCtime(BigInt(d.getTime()) * 1_000_000n, true).slice(4)).toBe(expected);
    }
  });
  test.each([
    '',
    'Sat Nov 21',
    'Sat Xyz 21 11:36:27 2026',
    'Sat Nov 21 11:36:27 26',
    'Sat Nov 21 11:36:27 6026',
    'Sat Nov 21 11:36:27 1926',
    'x'.repeat(1000),
  ])('"%s" is none', (text) => expect(parseCtime(text)).toBeNull());
  test('stamps of flows have zeros in front, those of expectations blanks behind', () => {
    expect(formatStamp(1_795_260_987_000_070)).toBe('[1795260987.000070]\t');
    expect(formatExpectationStamp(1_795_260_987_000_070)).toBe('[1795260987.70    ]\t');
    expect(parseStamp('[1795260987.000070]')).toBe(1_795_260_987_000_070);
    expect(parseStamp('[1795260987.70    ]')).toBe(1_795_260_987_000_070);
    for (const text of [
      '',
      '[]',
      '[1]',
      '[1.]',
      '[1.2',
      '[1.2x]',
      '[12345678901.1]',
      '[4294967296.0]',
      '[1.1234567]',
    ]) {
      expect(parseStamp(text), text).toBeNull();
    }
  });
});
