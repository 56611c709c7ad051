import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, icmp, ip4, ip6, tcp, u16, u32, udp } from '../../test/support/wire-frames.js';
import {
  isIcmpError,
  isIcmpv6Error,
  parseQuoted,
  QUOTED_CHAIN,
  QUOTED_FRAGMENT,
  QUOTED_HEADER_LENGTH,
  QUOTED_OK,
  QUOTED_SHORT,
  QUOTED_TEXTS,
  QUOTED_TRANSPORT,
} from './icmp.js';
import { AF_INET, AF_INET6, HAS_CUT, Packet, T_DST, T_PORTS, T_PROTO, T_SRC } from './packet.js';
import { parseFrame } from './parse.js';

function quoted(outer: Bytes, wireLen = outer.length): { code: number; inner: Packet; p: Packet } {
  const bytes = new Uint8Array(outer.length + 60).fill(0xff);
  bytes.set(outer, 30);
  const p = new Packet();
  expect(parseFrame(p, bytes, 30, 30 + outer.length, wireLen, 101)).toBe(0);
  const inner = new Packet();
  inner.tuple.fill(-1);
  return { code: parseQuoted(p, inner), inner, p };
}

const error4 = (inner: Bytes) => ip4(1, icmp(3, 1, [0, 0, 0, 0], inner));
const error6 = (inner: Bytes) => ip6(58, [1, 0, 0, 0, 0, 0, 0, 0, ...inner]);
const U = udp([1, 2, 3]);
const PORTS = (1000 << 16) | 53;

describe('the packet quoted in an ICMP error', () => {
  it('IPv4: tuple, offsets', () => {
    const { code, inner, p } = quoted(error4(ip4(6, tcp())));
    expect(code).toBe(QUOTED_OK);
    expect([...inner.tuple]).toEqual([0x0a010002, 0, 0, 0, 0x0a020003, 0, 0, 0, (1000 << 16) | 80, 6 | (AF_INET << 8)]);
    expect([inner.l3Off, inner.l4Off, inner.end]).toEqual([p.l4Off + 8, p.l4Off + 28, p.end]);
    expect([inner.seq, inner.bytes]).toEqual([-16, p.bytes]);
  });

  it('IPv6: tuple behind extension headers', () => {
    const { code, inner } = quoted(error6(ip6(60, [17, 0, 1, 4, 0, 0, 0, 0, ...U])));
    expect(code).toBe(QUOTED_OK);
    expect([inner.tuple[T_SRC], inner.tuple[T_DST + 3], inner.tuple[T_PORTS]]).toEqual([0xfd010000 | 0, 3, PORTS]);
    expect([inner.tuple[T_PROTO], inner.family]).toEqual([17 | (AF_INET6 << 8), AF_INET6]);
  });

  const fragment6 = (field: number) => [17, 0, ...u16(field), ...u32(1), ...U];
  const rows: [string, Bytes, number][] = [
    ['four bytes of UDP suffice', error4(ip4(17, U).slice(0, 24)), QUOTED_OK],
    ['three do not', error4(ip4(17, U).slice(0, 23)), QUOTED_TRANSPORT],
    ['eight bytes of ICMP suffice', error4(ip4(1, icmp(8, 0, [0, 1, 0, 2]))), QUOTED_OK],
    ['seven do not', error4(ip4(1, icmp(8, 0, [0, 1, 0]))), QUOTED_TRANSPORT],
    ['a protocol without ports', error4(ip4(50, [])), QUOTED_OK],
    ['nineteen bytes of IPv4', error4(ip4(50, []).slice(0, 19)), QUOTED_SHORT],
    ['nothing', error4([]), QUOTED_SHORT],
    ['wrong lengths and checksum do not matter', error4(ip4(17, U, { totalLen: 9999, checksumDelta: 1 })), QUOTED_OK],
    ['the version does not matter', error4(ip4(17, U, { version: 9 })), QUOTED_OK],
    ['a first fragment', error4(ip4(17, U, { fragment: 0x2000 })), QUOTED_OK],
    ['a later fragment', error4(ip4(17, U, { fragment: 0x2001 })), QUOTED_FRAGMENT],
    ['IPv4 options beyond the end', error4(ip4(17, [1, 2, 3], { headerWords: 6 })), QUOTED_HEADER_LENGTH],
    ['IPv6, four bytes of UDP', error6(ip6(17, U).slice(0, 44)), QUOTED_OK],
    ['IPv6, three', error6(ip6(17, U).slice(0, 43)), QUOTED_TRANSPORT],
    ['IPv6 of 39 bytes', error6(ip6(17, U).slice(0, 39)), QUOTED_SHORT],
    ['IPv6 without a next header', error6(ip6(59, U)), QUOTED_CHAIN],
    ['IPv6, a broken chain', error6(ip6(60, [17])), QUOTED_CHAIN],
    ['IPv6, a first fragment', error6(ip6(44, fragment6(1))), QUOTED_OK],
    ['IPv6, a later fragment', error6(ip6(44, fragment6(8))), QUOTED_FRAGMENT],
    ['an ICMP header of 7 bytes', ip4(1, icmp(3, 1, [0, 0, 0])), QUOTED_SHORT],
  ];
  it.each(rows)('%s', (_, outer, code) => {
    expect(quoted(outer).code).toBe(code);
    if (code !== QUOTED_OK) expect(QUOTED_TEXTS[code]).toBeTruthy();
  });

  it('is short where the capture cut it, and says so', () => {
    const outer = error4(ip4(17, U));
    const { code, inner } = quoted(outer.slice(0, 40), outer.length);
    expect([code, inner.has & HAS_CUT]).toEqual([QUOTED_SHORT, HAS_CUT]);
  });

  it('never depends on bytes after the packet, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), fc.boolean(), (content, v6) => {
        const results = [0, 255].map((fill) => {
          const outer = v6 ? error6([...content]) : error4([...content]);
          const bytes = new Uint8Array(outer.length + 200).fill(fill);
          bytes.set(outer);
          const p = new Packet();
          parseFrame(p, bytes, 0, outer.length, outer.length, 101);
          const inner = new Packet();
          const code = parseQuoted(p, inner);
          return [code, inner.has, inner.l4Off, inner.protocol, ...inner.tuple];
        });
        expect(results[0]).toEqual(results[1]);
      }),
      { numRuns: 1000 },
    );
  });

  it('errors are told from other types', () => {
    const errors = [...Array(256).keys()].filter(isIcmpError);
    expect(errors).toEqual([3, 4, 5, 11, 12]);
    expect([1, 2, 3, 4, 127].every(isIcmpv6Error)).toBe(true);
    expect(isIcmpv6Error(128)).toBe(false);
  });
});
