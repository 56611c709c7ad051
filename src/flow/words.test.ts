import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownText, splitWords } from './words.js';

describe('words of a line', () => {
  test.each<[string, [string, number][]]>([
    ['', []],
    ['  \t ', []],
    ['a', [['a', 1]]],
    [
      '  a\tb  ',
      [
        ['a', 3],
        ['b', 5],
      ],
    ],
    [
      '[a b] c',
      [
        ['[a b]', 1],
        ['c', 7],
      ],
    ],
    [
      '[a b]c d',
      [
        ['[a b]c', 1],
        ['d', 8],
      ],
    ],
    [
      'x[a b]',
      [
        ['x[a', 1],
        ['b]', 5],
      ],
    ],
    [
      '[a b',
      [
        ['[a', 1],
        ['b', 4],
      ],
    ],
    [
      '[a [b c] d',
      [
        ['[a [b c]', 1],
        ['d', 10],
      ],
    ],
    [
      '] [ b',
      [
        [']', 1],
        ['[', 3],
        ['b', 5],
      ],
    ],
    [
      '[] []',
      [
        ['[]', 1],
        ['[]', 4],
      ],
    ],
  ])('"%s"', (line, words) => {
    expect(splitWords(line).map((w) => [w.text, w.column])).toEqual(words);
  });
  test('columns begin where they are told to', () => expect(splitWords('a b', 5).map((w) => w.column)).toEqual([5, 7]));
  test('a line of brackets that nothing closes is read once', () => {
    expect(splitWords('[ '.repeat(200_000))).toHaveLength(200_000);
    expect(splitWords('[ ] '.repeat(100_000))).toHaveLength(100_000);
  });
  test('words and what is between them are the line', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('[', ']', ' ', 'a', '=', '\t')), (parts) => {
        const line = parts.join('');
        for (const { text, column } of splitWords(line)) expect(line.slice(column - 1).startsWith(text)).toBe(true);
        const blanks = (s: string): string => s.replace(/[ \t]/g, '');
        expect(
          blanks(
            splitWords(line)
              .map((w) => w.text)
              .join(''),
          ),
        ).toBe(blanks(line));
      }),
    );
  });
  test.each(['', 'a', '123456789012', '1234567890123', 'x'.repeat(100)])('a text of its own: "%s"', (text) => {
    expect(ownText(text)).toBe(text);
  });
});
