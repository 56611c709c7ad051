import { describe, expect, it } from 'vitest';
import { readLong, readUnsigned } from './number.js';

/** Asked of strtoul(3). */
const ROWS: readonly (readonly [claim: string, text: string, base: 0 | 10, value: bigint, length: number])[] = [
  ['decimal', '12', 10, 12n, 2],
  ['what follows is left', '12x', 10, 12n, 2],
  ['no number is 0 and takes nothing', 'x', 10, 0n, 0],
  ['so is nothing', '', 0, 0n, 0],
  ['blanks before it', ' \t7', 10, 7n, 3],
  ['a plus', '+7', 0, 7n, 2],
  ['minus goes round', '-1', 10, (1n << 64n) - 1n, 2],
  ['sixteen', '0x1F', 0, 31n, 4],
  ['sixteen is not for base 10', '0x1F', 10, 0n, 1],
  ['0x without a digit is 0', '0xg', 0, 0n, 1],
  ['eight', '010', 0, 8n, 3],
  ['eight is not for base 10', '010', 10, 10n, 3],
  ['eight ends at 8', '078', 0, 7n, 2],
  ['0', '0', 0, 0n, 1],
  ['too much is the most', '99999999999999999999999', 10, (1n << 64n) - 1n, 23],
];

describe('numbers as the C library reads them', () => {
  it.each(ROWS)('%s', (_, text, base, value, length) => {
    expect(readLong(text, base)).toEqual({ value, length });
  });

  it('are cut to the bits of their field', () => {
    expect(readUnsigned('65541', 0, 16)).toBe(5);
    expect(readUnsigned('-1', 10, 32)).toBe(0xffffffff);
    expect(readUnsigned('264', 10, 8)).toBe(8);
  });
});
