import { describe, expect, test } from 'vitest';
import { hexByte, markText, quote, readUint } from './values.js';

describe('numbers are read as strtoul with base 0 reads them', () => {
  test.each([
    ['0', 0],
    ['10', 10],
    ['0x1F', 31],
    ['022', 18],
    ['4294967295', 4294967295],
    ['4294967296', -1],
    ['08', -1],
    ['0x', -1],
    ['', -1],
    ['-1', -1],
    ['1x', -1],
    ['0xg', -1],
    [' +1', 1],
    ['\t 0x1f', 31],
    ['+ 1', -1],
    ['++1', -1],
    ['-0', -1],
    ['+', -1],
    ['1 ', -1],
  ])('%j', (text, value) => expect(readUint(text, 0, 0xffffffff)).toBe(value));
  test('out of range is none', () => expect([readUint('0', 1, 9), readUint('10', 1, 9)]).toEqual([-1, -1]));
});

describe('values are printed as iptables-save prints them', () => {
  test.each([
    ['plain-word_1', 'plain-word_1'],
    ['two words', '"two words"'],
    ['', '""'],
    ['a.b', '"a.b"'],
    [`it's "x" \\`, `"it\\'s \\"x\\" \\\\"`],
  ])('%j', (text, printed) => expect(quote(text)).toBe(printed));
  test('marks and bytes', () => {
    expect([markText(-1, -1), markText(1, 0xff), hexByte(10), hexByte(255)]).toEqual([
      '0xffffffff',
      '0x1/0xff',
      '0x0a',
      '0xff',
    ]);
  });
});
