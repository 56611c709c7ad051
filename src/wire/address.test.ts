import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  formatAddress4,
  formatMac,
  parseAddress,
  parseAddress4,
  parseMac,
  parsePrefix,
} from './address.js';
import { AF_INET, AF_INET6 } from './packet.js';

const v6 = (text: string): string => {
  const words = new Int32Array(4);
  return parseAddress(text, words) === AF_INET6 ? formatAddress(AF_INET6, words) : 'none';
};

describe('address text', () => {
  it.each([
    ['lower case, no leading zeros', '2001:0DB8:0:0:0:0:0:0001', '2001:db8::1'],
    ['the first of two longest runs is shortened', '1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['the longer run wins', '1:0:0:2:0:0:0:4', '1:0:0:2::4'],
    ['one zero group stays', '1:2:3:0:5:6:7:8', '1:2:3:0:5:6:7:8'],
    ['all zero', '0:0:0:0:0:0:0:0', '::'],
    ['loopback', '::1', '::1'],
    ['trailing run', 'fd00:1::', 'fd00:1::'],
    ['mapped', '::ffff:10.1.0.1', '::ffff:10.1.0.1'],
    ['compatible', '::10.1.0.1', '::10.1.0.1'],
    ['a dotted tail elsewhere is read', '64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['two shortenings', '1::2::3', 'none'],
    ['too many groups', '1:2:3:4:5:6:7:8:9', 'none'],
    ['too few groups', '1:2:3:4:5:6:7', 'none'],
    [':: for no group at all', '1:2:3:4::5:6:7:8', 'none'],
    ['five digits', '12345::', 'none'],
    ['a lone colon', ':1', 'none'],
    ['blank', ' ::1', 'none'],
  ])('%s: %s', (_claim, text, printed) => {
    expect(v6(text)).toBe(printed);
  });

  it.each([
    ['10.1.0.1', 0x0a010001],
    ['255.255.255.255', -1],
    ['256.1.1.1', null],
    ['1.2.3', null],
    ['01.2.3.4', null],
    ['1.2.3.4 ', null],
  ])('%s is %s', (text, word) => {
    expect(parseAddress4(text)).toBe(word);
  });

  it.each([
    ['10.1.0.1/24', AF_INET, 24],
    ['10.1.0.1', AF_INET, 32],
    ['fd00::1/64', AF_INET6, 64],
    ['::', AF_INET6, 128],
    ['0.0.0.0/0', AF_INET, 0],
  ])('prefix %s', (text, family, length) => {
    expect(parsePrefix(text)).toMatchObject({ family, length });
  });

  it.each(['10.1.0.1/33', 'fd00::/129', '10.0.0.0/', '10.0.0.0/x', 'x/3'])('%s is no prefix', (text) => {
    expect(parsePrefix(text)).toBeNull();
  });

  it('what is printed reads back as the same words', () => {
    const word = fc.oneof(
      fc.constant(0),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.integer({ min: 0, max: 9 }),
    );
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), (w) => {
        const words = Int32Array.from(w);
        const back = new Int32Array(4);
        expect(parseAddress(formatAddress(AF_INET6, words), back)).toBe(AF_INET6);
        expect([...back]).toEqual([...words]);
        expect(parseAddress4(formatAddress4(w[0]))).toBe(w[0]);
      }),
    );
  });

  it('MAC addresses', () => {
    const mac = parseMac('02:00:00:00:01:0a') as Uint8Array;
    expect(formatMac(mac)).toBe('02:00:00:00:01:0a');
    expect(parseMac('02:00:00:00:01')).toBeNull();
  });
});
