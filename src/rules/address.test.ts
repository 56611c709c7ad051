import { describe, expect, test } from 'vitest';
import { networkText, prefixLength, readHost, readMask } from './address.js';
import type { Family } from './model.js';

function host(text: string, family: Family): string | null {
  const words = new Int32Array(4);
  const full = new Int32Array(4).fill(-1);
  return readHost(text, family, words) ? networkText(words, full, family).replace(/\/\d+$/, '') : null;
}

describe('hosts', () => {
  test.each([
    ['10.1.2.3', 2, '10.1.2.3'],
    ['10.1', 2, '10.1.0.0'],
    ['010.0x10.1.1', 2, '8.16.1.1'],
    ['10.1.300', 2, '10.1.1.44'],
    ['300', 2, '0.0.1.44'],
    ['167772161', 2, '10.0.0.1'],
    ['localhost', 2, '127.0.0.1'],
    ['10.1.', 2, null],
    ['10.1.1.256', 2, null],
    ['1.2.3.4.5', 2, null],
    ['', 2, null],
    ['name', 2, null],
    ['::1', 2, null],
    ['2001:DB8:0:0::1', 10, '2001:db8::1'],
    ['fe80::1%eth0', 10, 'fe80::1'],
    ['10.0.0.1', 10, null],
    ['[::1]', 10, null],
  ] as const)('%j', (text, family, printed) => expect(host(text, family)).toBe(printed));
});

describe('masks', () => {
  test.each([
    ['24', 2, 24],
    ['0x18', 2, 24],
    ['255.255.255.0', 2, 24],
    ['255.0.255.0', 2, -1],
    ['0', 2, 0],
    ['64', 10, 64],
    ['ffff:ffff::', 10, 32],
    ['::1', 10, -1],
  ] as const)('%j', (text, family, bits) => {
    const mask = new Int32Array(4);
    expect(readMask(text, family, mask)).toBe(true);
    expect(prefixLength(mask, family)).toBe(bits);
  });
  test.each([
    ['33', 2],
    ['255.0', 2],
    ['', 2],
    ['129', 10],
  ] as const)('%j is none', (text, family) => expect(readMask(text, family, new Int32Array(4))).toBe(false));
});
