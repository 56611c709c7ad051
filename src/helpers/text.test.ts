import { describe, expect, test } from 'vitest';
import { beginsWith, beginsWithAnyCase, find, NumberReader, readAddress6, word } from './text.js';

describe('words', () => {
  test.each([
    ['abc', 'ab', true, true],
    ['ABC', 'ab', false, true],
    ['a', 'ab', false, false],
    ['xab', 'ab', false, false],
  ])('%j begins with %j', (text, start, exactly, anyCase) => {
    const bytes = word(text);
    expect([
      beginsWith(bytes, 0, bytes.length, word(start)),
      beginsWithAnyCase(bytes, 0, bytes.length, word(start)),
    ]).toEqual([exactly, anyCase]);
  });
  test.each([
    ['xxabxab', 0, 7, 2],
    ['xxabxab', 3, 7, 5],
    ['xxabxab', 3, 6, -1],
    ['', 0, 0, -1],
  ])('ab in %j from %d to %d', (text, from, to, at) => expect(find(word(text), from, to, word('ab'))).toBe(at));
});

test.each([
  ['123x', 123, 3, false],
  ['x', 0, 0, false],
  ['4294967295', 4294967295, 10, false],
  ['4294967296', 0, 10, true],
  ['4294967303', 7, 10, true],
])('the number in %j', (text, value, end, isTooLong) => {
  const reader = new NumberReader();
  expect([reader.read(word(text), 0, text.length), reader.value, reader.isTooLong]).toEqual([end, value, isTooLong]);
});

describe('IPv6 addresses', () => {
  test.each([
    ['fd00::1|', 0x7c, 7],
    ['fd00::1]', 0x7c, 0],
    ['fd00::1]', -1, 7],
    ['fd00::1', 0x7c, 0],
    ['fd00::1', -1, 7],
    ['::ffff:10.0.0.1|', 0x7c, 15],
    ['fd00:0::0000001|', 0x7c, 15],
    ['fd00::0010001|', 0x7c, 0],
    ['10.0.0.1|', 0x7c, 0],
    ['fd00::1::2|', 0x7c, 0],
    [`${'0'.repeat(60)}:|`, 0x7c, 0],
  ])('%j before %d', (text, stop, length) => {
    const out = new Int32Array(4);
    expect(readAddress6(word(text), 0, text.length, stop, out)).toBe(length);
    if (text.startsWith('fd00') && length > 0) expect([...out]).toEqual([0xfd000000 | 0, 0, 0, 1]);
  });
});
