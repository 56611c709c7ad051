import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packet, TrackBench } from '../../test/support/track-bench.js';
import { u16 } from '../../test/support/wire-frames.js';
import type { Nat } from '../nat/nat.js';
import { formatAddress, parseAddress } from '../wire/address.js';
import { ipv4ChecksumOk, transportChecksumOk } from '../wire/checksum.js';
import type { Packet } from '../wire/packet.js';
import { HelpContext } from './helper.js';
import { HelperParameters } from './parameters.js';

/** A context with a datagram of this payload at hand; `room`: bytes behind it that may be had. */
function context(payload: number[], room = 2000, checksum = true): HelpContext {
  const b = new TrackBench();
  b.send(packet('a', 17, [...u16(1000), ...u16(69), ...u16(8 + payload.length), 0, 0, ...payload]));
  const p = b.packet;
  if (!checksum) p.view.setUint16(p.l4Off + 6, 0);
  b.tracker.assignHelper(p.connection >> 1, 'x');
  const makeRoom = (q: Packet, by: number): boolean => {
    const bytes = new Uint8Array(q.bytes.length + by);
    bytes.set(q.bytes);
    q.attach(bytes);
    return by <= room;
  };
  const c = new HelpContext(
    b.tracker,
    null as unknown as Nat,
    { makeRoom, random: () => 0, broadcastMask: () => 0, interfaceTo: () => 0 },
    new HelperParameters(),
  );
  c.attach(p, b.tracker.table.coldOf(p.connection >> 1).help!);
  return c;
}

function payloadOf(c: HelpContext): string {
  return String.fromCharCode(...c.p.bytes.subarray(c.from, c.to));
}

describe('texts', () => {
  /** What a text becomes. */
  const written = (write: (c: HelpContext) => unknown): string => {
    const c = context([]);
    c.mangler.begin();
    write(c);
    c.mangler.replace(c.from, 0);
    return payloadOf(c);
  };
  test('numbers are decimal', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), (n) => {
        expect(written((c) => c.mangler.decimal(n))).toBe(String(n));
      }),
    );
    expect(written((c) => c.mangler.decimal(0).byte(0x2c).decimal(4294967295))).toBe('0,4294967295');
  });
  test('IPv6 addresses, short and long, are those of the kernel', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 1, 0xabcd, 0xffff), { minLength: 8, maxLength: 8 }), (groups) => {
        const words = Int32Array.from({ length: 4 }, (_, i) => (groups[2 * i]! << 16) | groups[2 * i + 1]!);
        const short = formatAddress(10, words);
        // IPv4 inside of IPv6 has a form of its own there
        if (!short.includes('.')) expect(written((c) => c.mangler.shortAddress6(words, 0))).toBe(short);
        const long = groups.map((g) => g.toString(16).padStart(4, '0')).join(':');
        expect(written((c) => c.mangler.address6(words, 0))).toBe(long);
      }),
    );
  });
  test('IPv4 addresses with any separator', () => {
    const words = new Int32Array(4);
    parseAddress('10.200.0.255', words);
    expect(written((c) => c.mangler.address4(words[0]!).byte(0x20).address4(words[0]!, 0x2c))).toBe(
      '10.200.0.255 10,200,0,255',
    );
  });
});

describe('replacing', () => {
  test('lengths and checksums follow, whatever takes the place of what', () => {
    const text = fc.array(fc.integer({ min: 32, max: 126 }), { maxLength: 40 });
    fc.assert(
      fc.property(text, text, fc.nat(40), fc.nat(40), (payload, wanted, a, b) => {
        const from = Math.min(a, b, payload.length);
        const to = Math.min(Math.max(a, b), payload.length);
        const c = context(payload);
        c.mangler.begin();
        for (const byte of wanted) c.mangler.byte(byte);
        expect(c.mangler.replace(c.from + from, to - from)).toBe(true);
        const expected = [...payload.slice(0, from), ...wanted, ...payload.slice(to)];
        expect(payloadOf(c)).toBe(String.fromCharCode(...expected));
        const { p } = c;
        expect(p.l3Len).toBe(28 + expected.length);
        expect([p.view.getUint16(p.l3Off + 2), p.view.getUint16(p.l4Off + 4)]).toEqual([p.l3Len, p.l3Len - 20]);
        expect([ipv4ChecksumOk(p.view, p.l3Off), transportChecksumOk(p)]).toEqual([true, true]);
      }),
    );
  });
  test('a datagram without a checksum keeps none', () => {
    const c = context([1, 2, 3], 100, false);
    c.mangler.begin().byte(9);
    c.mangler.replace(c.from, 3);
    expect(c.p.view.getUint16(c.p.l4Off + 6)).toBe(0);
  });
  test('no room: nothing has changed', () => {
    const c = context([1, 2, 3], 0);
    c.mangler.begin().ascii('longer');
    expect([c.mangler.replace(c.from, 3), c.to - c.from, c.p.l3Len]).toEqual([false, 3, 31]);
  });
});
