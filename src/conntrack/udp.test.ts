import { describe, expect, test } from 'vitest';
import { type Odd, packet, ports, type Side, TrackBench } from '../../test/support/track-bench.js';
import { u16, u32 } from '../../test/support/wire-frames.js';
import { HOOK_OUTPUT } from '../wire/packet.js';
import { PROTO_GENERIC, trackerOf } from './generic.js';
import { IPS_ASSURED, IPS_NAT_CLASH, R_COUNTERS, R_DEADLINE, R_STATUS, RECORD_SHIFT } from './layout.js';
import {
  REASON_UDP_CHECKSUM,
  REASON_UDP_LENGTH,
  REASON_UDP_SHORT,
  REASON_UDPLITE_COVERAGE,
  REASON_UDPLITE_NO_CHECKSUM,
} from './reasons.js';

interface Datagram extends Odd {
  data?: number;
  length?: number;
  noSum?: boolean;
  cut?: number;
}

function datagram(side: Side, protocol: number, d: Datagram = {}): Uint8Array {
  const data = Array<number>(d.data ?? 4).fill(9);
  const whole = [...ports(side), ...u16(d.length ?? 8 + data.length), 0, 0, ...data];
  const bytes = packet(side, protocol, whole.slice(0, d.cut ?? whole.length), d);
  if (d.noSum) bytes.fill(0, (d.six ? 40 : 20) + 6, (d.six ? 40 : 20) + 8);
  return bytes;
}
const udp = (side: Side, d?: Datagram) => datagram(side, 17, d);

describe('UDP', () => {
  test('a question and its answer keep 30 seconds; more than 2 seconds after the first packet it is a stream', () => {
    const b = new TrackBench();
    expect(b.send(udp('a')).state).toBe('NEW');
    expect(b.send(udp('b'))).toMatchObject({ state: 'ESTABLISHED', reply: true });
    b.wait(2000);
    b.send(udp('a'));
    expect([b.left, b.status]).toEqual([30, 'replied']);
    b.wait(1);
    b.send(udp('a'));
    expect([b.left, b.status]).toEqual([120, 'replied assured']);
  });
  test('without an answer it is never a stream', () => {
    const b = new TrackBench();
    for (let i = 0; i < 5; i++) {
      expect(b.send(udp('a')).state).toBe('NEW');
      b.wait(1500);
    }
    expect([b.left, b.status]).toEqual([28.5, 'new']);
  });
  test('the late answer itself does not make it one, the packet after it does', () => {
    const b = new TrackBench();
    b.send(udp('a'));
    b.wait(10_000);
    b.send(udp('b'));
    expect([b.left, b.status]).toEqual([30, 'replied']);
    b.send(udp('b'));
    expect([b.left, b.status]).toEqual([120, 'replied assured']);
  });
  test('what is assured is a stream for good, though the time from which it is one lies half the circle of 32 bits back', () => {
    const b = new TrackBench({ udp_timeout_stream: 2_000_000 });
    for (const side of ['a', 'b'] as const) b.send(udp(side));
    b.wait(2001);
    for (let days = 0; days < 60; days += 20) {
      expect(b.send(udp('a')).state).toBe('ESTABLISHED');
      expect([b.left, b.status]).toEqual([2_000_000, 'replied assured']);
      b.wait(20 * 86_400_000);
    }
  });
  test("the table's clock may wrap before a stream is one", () => {
    const b = new TrackBench();
    b.wait(2 ** 31 - 3000 - b.tracker.nowMs);
    for (const side of ['a', 'b'] as const) b.send(udp(side));
    b.wait(4000);
    expect(b.send(udp('a')).state).toBe('ESTABLISHED');
    expect([b.left, b.status]).toEqual([120, 'replied assured']);
  });
  test('both timeouts have a sysctl', () => {
    const b = new TrackBench({ udp_timeout: 7, udp_timeout_stream: 70 });
    b.send(udp('a'));
    expect(b.left).toBe(7);
    b.send(udp('b'));
    b.wait(3000);
    b.send(udp('b'));
    expect(b.left).toBe(70);
  });
  test.each<[string, Datagram, number, number[]]>([
    ['cut in the header', { cut: 7 }, REASON_UDP_SHORT, [7]],
    ['a length beyond the packet', { length: 13 }, REASON_UDP_LENGTH, [13, 12]],
    ['a length below the header', { length: 7 }, REASON_UDP_LENGTH, [7, 12]],
    ['a wrong checksum', { badSum: true }, REASON_UDP_CHECKSUM, [0]],
  ])('%s is INVALID', (_claim, d, reason, args) => {
    for (const six of [false, true]) {
      const seen = new TrackBench().send(udp('a', { ...d, six }));
      expect([seen.state, seen.reason, ...seen.args.slice(0, args.length)]).toEqual(['INVALID', reason, ...args]);
    }
  });
  test.each<[string, Datagram, Record<string, number>]>([
    ['no checksum', { noSum: true }, {}],
    ['nothing behind the header', { data: 0 }, {}],
    ['a length below the packet', { length: 10, noSum: true }, {}],
    ['a wrong checksum with nf_conntrack_checksum=0', { badSum: true }, { checksum: 0 }],
  ])('%s is fine', (_claim, d, sysctl) => {
    expect(new TrackBench(sysctl).send(udp('a', d)).state).toBe('NEW');
  });
});

describe('UDP-Lite', () => {
  // the kernel sums the pseudo header with UDP's number: right checksums are wrong to it (see wire/checksum.ts)
  const off = { checksum: 0 };
  const lite = (side: Side, d?: Datagram) => datagram(side, 136, d);
  test('is a stream with the first answer', () => {
    const b = new TrackBench(off);
    b.send(lite('a'));
    b.send(lite('b'));
    expect([b.left, b.status]).toEqual([30, 'replied']);
    b.send(lite('a'));
    expect([b.left, b.status]).toEqual([120, 'replied assured']);
  });
  test.each<[string, Datagram, number, number[]]>([
    ['cut in the header', { cut: 7 }, REASON_UDP_SHORT, [7]],
    ['a coverage beyond the packet', { length: 13 }, REASON_UDPLITE_COVERAGE, [13, 12]],
    ['a coverage inside the header', { length: 7 }, REASON_UDPLITE_COVERAGE, [7, 12]],
    ['no checksum', { noSum: true }, REASON_UDPLITE_NO_CHECKSUM, [0]],
  ])('%s is INVALID', (_claim, d, reason, args) => {
    const seen = new TrackBench(off).send(lite('a', d));
    expect([seen.state, seen.reason, ...seen.args.slice(0, args.length)]).toEqual(['INVALID', reason, ...args]);
  });
  test('a right checksum is wrong to the kernel', () => {
    expect(new TrackBench().send(lite('a'))).toMatchObject({ state: 'INVALID', reason: REASON_UDP_CHECKSUM });
  });
  test.each<[string, Datagram]>([
    ['a coverage of 0 is the whole packet', { length: 0 }],
    ['one of 8 is the header', { length: 8 }],
    ['nothing behind the header is fine', { data: 0 }],
  ])('%s', (_claim, d) => expect(new TrackBench(off).send(lite('a', d)).state).toBe('NEW'));
});

describe('UDP and UDP-Lite', () => {
  test.each([17, 136])('%i: the checksum of what the host itself makes is not looked at', (protocol) => {
    const b = new TrackBench();
    b.hook = HOOK_OUTPUT;
    expect(b.send(datagram('a', protocol, { badSum: true })).state).toBe('NEW');
  });
  test.each([17, 136])('%i: a header of which the capture has a part is INVALID', (protocol) => {
    const seen = new TrackBench({ checksum: 0 }).begin(datagram('a', protocol), 20 + 7);
    expect([seen.state, seen.reason]).toEqual(['INVALID', REASON_UDP_SHORT]);
  });
  test.each([17, 136])('%i: an entry that clashed is a stream, but never assured', (protocol) => {
    const b = new TrackBench({ checksum: 0 });
    for (const side of ['a', 'b'] as const) b.send(datagram(side, protocol));
    const at = (b.slots[0]! << RECORD_SHIFT) + R_STATUS;
    b.tracker.table.words[at] = b.tracker.table.words[at]! | IPS_NAT_CLASH;
    b.wait(3000);
    b.send(datagram('a', protocol));
    expect([b.left, b.status]).toEqual([120, 'replied']);
  });
  test.each([17, 136])('%i: every connection of a table is like the first', (protocol) => {
    const b = new TrackBench({ checksum: 0 });
    b.send(datagram('a', 17, { source: '10.1.0.9' }));
    for (const side of ['a', 'b', 'a'] as const) b.send(datagram(side, protocol));
    b.wait(3000);
    b.send(datagram('a', protocol));
    expect([b.word(b.slots[0]!, R_STATUS) & IPS_ASSURED, b.word(b.slots[1]!, R_STATUS) & IPS_ASSURED]).toEqual([
      0,
      IPS_ASSURED,
    ]);
  });
});

describe('GRE', () => {
  const v1 = (side: Side, call: number) => packet(side, 47, [0x20, 1, 0x88, 0x0b, 0, 4, ...u16(call), 1, 2, 3, 4]);
  const v0 = (side: Side, key?: number) =>
    packet(side, 47, key === undefined ? [0, 0, 8, 0, 1, 2] : [0x20, 0, 8, 0, ...u32(key), 1, 2]);
  test('version 0 is one connection, whatever its key', () => {
    const b = new TrackBench();
    expect(b.send(v0('a')).state).toBe('NEW');
    expect(b.send(v0('b', 5)).state).toBe('ESTABLISHED');
    expect(b.send(v0('a', 6)).state).toBe('ESTABLISHED');
    expect([b.slots.length, b.left, b.status]).toEqual([1, 180, 'replied assured']);
  });
  test('version 1 by call ids, each side by its own: an answer without a PPTP helper is a connection of its own', () => {
    const b = new TrackBench();
    expect([b.send(v1('a', 7)).state, b.send(v1('b', 7)).state, b.send(v1('a', 8)).state]).toEqual([
      'NEW',
      'NEW',
      'NEW',
    ]);
    expect(b.send(v1('a', 7)).state).toBe('NEW');
    expect(b.slots.length).toBe(3);
  });
  test('its timeouts are beside its counters, in each connection of a table', () => {
    const b = new TrackBench({ acct: 1 });
    b.send(packet('a', 17, [...ports('a'), ...u16(8), 0, 0]));
    for (const side of ['a', 'b', 'a'] as const) b.send(v0(side));
    const slot = b.slots[1]!;
    expect((b.word(slot, R_DEADLINE) - b.tracker.nowMs) / 1000).toBe(180);
    expect([0, 1, 2, 3].map((i) => b.word(slot, R_COUNTERS + i))).toEqual([2, 52, 1, 26]);
  });
  test('its timeouts are those of its beginning', () => {
    const b = new TrackBench({ gre_timeout: 5, gre_timeout_stream: 50 });
    b.send(v0('a'));
    b.settings.set('net.netfilter.nf_conntrack_gre_timeout_stream', 500);
    b.send(v0('b'));
    expect(b.left).toBe(5);
    b.send(v0('a'));
    expect(b.left).toBe(50);
  });
});

describe('protocols without a tracker', () => {
  test('addresses and number are the connection, for 600 seconds, never ASSURED', () => {
    const b = new TrackBench();
    const esp = (side: Side, six = false) => packet(side, 50, [1, 2, 3, 4], { six });
    expect([b.send(esp('a')).state, b.send(esp('b')).state, b.send(esp('a')).state]).toEqual([
      'NEW',
      'ESTABLISHED',
      'ESTABLISHED',
    ]);
    expect([b.left, b.status]).toEqual([600, 'replied']);
    expect(b.send(packet('a', 51, [1, 2, 3, 4])).state).toBe('NEW');
    expect(b.send(esp('b', true)).state).toBe('NEW');
  });
  test('with a timeout policy', () => {
    const b = new TrackBench();
    b.usePolicy(PROTO_GENERIC, 9000);
    b.send(packet('a', 50, [1, 2, 3, 4]));
    expect(b.left).toBe(9);
  });
  test.each([
    [6, 6],
    [17, 17],
    [1, 1],
    [58, 58],
    [132, 132],
    [47, 47],
    [136, 136],
    [0, 255],
    [33, 255],
    [50, 255],
    [255, 255],
  ])('protocol %i has the tracker of %i', (protocol, tracker) => expect(trackerOf(protocol)).toBe(tracker));
  test('nothing behind the IP header is fine', () => {
    expect(new TrackBench({ generic_timeout: 9 }).send(packet('a', 50, [])).state).toBe('NEW');
  });
});
