import { expect, test } from 'vitest';
import { readable } from './message.js';

test.each([
  ['lines stay lines', 'a:1:2: no\n  expected yes', 'a:1:2: no\n  expected yes'],
  ['a terminal sequence of a file is shown, not obeyed', 'no "\x1b[31mred\x9b1m"', 'no "\\x1b[31mred\\x9b1m"'],
  ['NUL, carriage return, DEL', '\0\r\x7f', '\\x00\\x0d\\x7f'],
  ['a byte order mark can be seen', '\ufeff*filter', '\\ufeff*filter'],
  ['tabs and letters of any script stay', '\tZürich 東京', '\tZürich 東京'],
  ['600 characters are a line', 'x'.repeat(600), 'x'.repeat(600)],
  ['more are cut in the middle', `a${'x'.repeat(10_000_000)}b`, `a${'x'.repeat(299)} ... ${'x'.repeat(299)}b`],
])('%s', (_, text, shown) => {
  expect(readable(text)).toBe(shown);
});
