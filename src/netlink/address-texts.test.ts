/** Texts that are kept are those of their own addresses. */
import { describe, expect, it } from 'vitest';
import { AddressTexts, noAddress } from './address-texts.js';
import { MessageBuffer } from './message.js';

const buffer = (...bytes: number[]) => MessageBuffer.of(Uint8Array.from(bytes));
const v6 = (last: number) => buffer(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last >> 8, last & 255);

describe('texts of addresses', () => {
  it('of IPv4 are dotted quads, whichever came before', () => {
    const texts = new AddressTexts();
    const addresses = [
      [192, 0, 2, 1],
      [192, 0, 2, 2],
      [192, 0, 2, 2],
      [192, 0, 2, 1],
      [0, 0, 0, 0],
      [255, 255, 255, 255],
      [192, 0, 2, 1],
    ];
    expect(addresses.map((bytes) => texts.v4(buffer(...bytes), 0))).toEqual(addresses.map((bytes) => bytes.join('.')));
  });

  it('of IPv6 are the short forms, of more addresses than are kept', () => {
    const texts = new AddressTexts();
    for (const _ of [1, 2]) {
      for (let n = 1; n < 9000; n++) expect(texts.v6(v6(n), 0)).toBe(`2001:db8::${n.toString(16)}`);
    }
    expect(texts.v6(buffer(...new Array<number>(16).fill(0)), 0)).toBe('::');
  });

  it('are there for addresses that a message lacks', () => {
    expect([noAddress(2), noAddress(10)]).toEqual(['0.0.0.0', '::']);
  });
});
