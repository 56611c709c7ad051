import { describe, expect, test } from 'vitest';
import { RestoreLines, utf8Length } from './restore-lines.js';

function read(source: string, exact: boolean, quoted = false): string[] {
  const lines = new RestoreLines(source, exact, quoted);
  const found: string[] = [];
  while (lines.next()) found.push(`${lines.number}+${lines.indent} ${lines.text}`);
  return found;
}

describe('exactly: a line has its end, and ends at a NUL byte', () => {
  test.each([
    ['a\n\n b \n', ['1+0 a\n', '2+0 \n', '3+0  b \n']],
    ['a\r\nb', ['1+0 a\r\n', '2+0 b']],
    ['a\0b\nc\n', ['1+0 a', '2+0 c\n']],
    ['\ufeffa\n', ['1+0 \ufeffa\n']],
    ['', []],
  ])('%j', (source, lines) => expect(read(source, true)).toEqual(lines));

  test('a line goes on as the next one behind its 10239th byte', () => {
    const shape = (source: string): number[] => read(source, true).map((line) => line.replace(/^\d+\+0 /, '').length);
    expect(shape(`${'x'.repeat(10238)}\ny\n`)).toEqual([10239, 2]);
    expect(shape(`${'x'.repeat(10239)}\ny\n`)).toEqual([10239, 1, 2]);
    expect(shape('x'.repeat(25000))).toEqual([10239, 10239, 4522]);
    expect(shape(`${'ü'.repeat(5120)}\n`)).toEqual([5119, 2]);
    expect(shape(`${'€'.repeat(3413)}\n`)).toEqual([3413, 1]);
  });
});

describe('gently: what editors, terminals and mails put around a line does not matter', () => {
  test.each([
    ['\ufeff*filter\r\n', false, ['1+0 *filter']],
    [' \t-A x \t\r\n\n', false, ['1+2 -A x', '2+0 ']],
    ['COMMIT', false, ['1+0 COMMIT']],
    ['a\0b\n', false, ['1+0 a\0b']],
    ['> *filter\n', false, ['1+0 > *filter']],
    ['> *filter\n>> :A - [0:0]\n> >\n x\n', true, ['1+2 *filter', '2+3 :A - [0:0]', '3+3 ', '4+1 x']],
    [`${'x'.repeat(20000)}\n`, false, [`1+0 ${'x'.repeat(20000)}`]],
  ])('%j', (source, quoted, lines) => expect(read(source, false, quoted)).toEqual(lines));
});

test.each(['', 'abc', 'üß', '€', '😀', 'a€b😀'])('utf8Length counts the bytes of %j', (text) => {
  expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
});
