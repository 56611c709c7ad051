import { expect, test } from 'vitest';
import type { OptionContext } from './extension.js';
import { resolvedPortOption } from './resolved-port.js';

const c = {
  fail(message: string): never {
    throw new Error(message);
  },
} as unknown as OptionContext;

test.each([
  ['80', 80],
  ['080', 80],
  [' +80', 80],
  ['', 0],
  ['65536', 0],
  ['99999', 34463],
  ['4294967297', 1],
  ['http', 80],
  ['tftp', 69],
])('%j is port %i', (text, port) => {
  expect(resolvedPortOption(text, c)).toBe(port);
});

test.each(['nosuch', '-1', '0x50', '80x', '18446744073709551617'])('%j is none', (text) => {
  expect(() => resolvedPortOption(text, c)).toThrow(`Port "${text}" does not resolve to anything.`);
});
