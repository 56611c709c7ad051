import { describe, expect, test } from 'vitest';
import { type Bytes, ip4, u16, u32 } from '../../test/support/wire-frames.js';
import { Packet } from '../wire/packet.js';
import { parseNetwork } from '../wire/parse.js';
import { FingerprintError, Fingerprints, OSF_TTL_ANY, OSF_TTL_EXACT, OSF_TTL_LESS } from './fingerprints.js';

const MSS = [2, 4, 5, 0xb4];
const LINUX = [...MSS, 4, 2, 8, 10, ...u32(5), ...u32(0), 1, 3, 3, 7];

/** A SYN, by default as Linux sends it. */
function syn(
  f: { window?: number; options?: Bytes; ttl?: number; df?: boolean; flags?: number; mss?: number } = {},
): Packet {
  const options = [...(f.options ?? LINUX)];
  if (f.mss !== undefined) options.splice(2, 2, ...u16(f.mss));
  const words = 5 + options.length / 4;
  const head = [
    ...u16(1),
    ...u16(80),
    ...u32(1),
    ...u32(0),
    words << 4,
    f.flags ?? 2,
    ...u16(f.window ?? 5840),
    0,
    0,
    0,
    0,
  ];
  const bytes = ip4(6, [...head, ...options], { ttl: f.ttl ?? 64, fragment: f.df === false ? 0 : 0x4000 });
  const p = new Packet();
  expect(parseNetwork(p, Uint8Array.from(bytes), 0, bytes.length)).toBe(0);
  return p;
}

const is = (line: string, p: Packet, ttl = OSF_TTL_EXACT, genre = '') => new Fingerprints(line).match(p, genre, ttl);

describe('a fingerprint', () => {
  test.each([
    ['of the same window', '5840:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn(), true],
    ['of four times the MSS', 'S4:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn(), true],
    ['of four times an MSS that a modem lowered', 'S4:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn({ mss: 536 }), true],
    ['of another multiple of the MSS', 'S5:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn(), false],
    ['of four times the MTU', 'T4:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn({ window: 6000 }), true],
    ['of a multiple', '%1460:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn(), true],
    ['of no multiple', '%1000:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn(), false],
    ['of any window', '*:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn({ window: 1 }), true],
    ['of another length', '*:64:1:64:M*,S,T,N,W7:Linux:2.6::Linux', syn(), false],
    ['of a packet that may be fragmented', '*:64:0:60:M*,S,T,N,W7:Linux:2.6::Linux', syn(), false],
    ['of options in another order', '*:64:1:60:S,M*,T,N,W7:Linux:2.6::Linux', syn(), false],
    ['of other values of options', '*:64:1:60:M5,S,T0,N,W%9:Linux:2.6::Linux', syn(), true],
    ['of no options', '*:64:1:40:.:Odd:1::none', syn({ options: [] }), true],
    ['of an end of options', '*:64:1:44:N,N,N,E:Odd:1::end', syn({ options: [1, 1, 1, 0] }), true],
    ['of what is no SYN', '*:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn({ flags: 16 }), false],
    ['of a SYN-ACK', '*:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn({ flags: 18 }), true],
  ])('%s', (_, line, p, expected) => {
    expect(is(line, p)).toBe(expected);
  });

  test.each([
    [64, OSF_TTL_EXACT, true],
    [63, OSF_TTL_EXACT, false],
    [63, OSF_TTL_LESS, true],
    [64, OSF_TTL_LESS, true],
    [65, OSF_TTL_LESS, false],
    [65, OSF_TTL_ANY, true],
  ])('TTL %i, --ttl %i', (ttl, compare, expected) => {
    expect(is('*:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux', syn({ ttl }), compare)).toBe(expected);
  });

  test('is of a genre, to the letter, without a mark before it; blanks and comments count for nothing', () => {
    const text = '# two\n\n*:64:1:60:M*,S,T,N,W7:\t@Solaris:8::x # one\n*:64:1:60:M*,S,T,N,W7:Linux:2.6::y\r\n';
    expect(is(text, syn(), OSF_TTL_EXACT, 'Solaris')).toBe(true);
    expect(is(text, syn(), OSF_TTL_EXACT, 'Linux')).toBe(true);
    expect(is(text, syn(), OSF_TTL_EXACT, 'linux')).toBe(false);
  });
});

test.each([
  ['5840:64:1:60', 1, 'expected 9 fields with ":" between, got 4'],
  ['# a\n*:64:1:60:M*:A:1:2:3:4', 2, 'expected 9 fields with ":" between, got 10'],
  ['%0:64:1:60:M*:A:1::x', 1, 'a window that is a multiple of 0'],
  ['*:64:1:60:T,T,T,T,T:A:1::x', 1, '50 bytes of options, at most 40'],
])('%j is refused', (text, line, message) => {
  expect(() => new Fingerprints(text)).toThrow(message);
  try {
    new Fingerprints(text);
  } catch (error) {
    expect((error as FingerprintError).line).toBe(line);
    expect(error).toBeInstanceOf(FingerprintError);
  }
});
