import { describe, expect, test } from 'vitest';
import { type Odd, packet, ports, type Side, TrackBench, tcpSegment } from '../../test/support/track-bench.js';
import { type Bytes, ip4, u16, u32 } from '../../test/support/wire-frames.js';
import { HOOK_OUTPUT, T_PORTS } from '../wire/packet.js';
import {
  REASON_ICMP_CHECKSUM,
  REASON_ICMP_NOT_A_QUERY,
  REASON_ICMP_OUTER_ADDRESS,
  REASON_ICMP_QUOTED_UNKNOWN,
  REASON_ICMP_QUOTED_UNREADABLE,
  REASON_ICMP_SHORT,
  REASON_ICMP_TYPE,
  REASON_ICMPV6_REDIRECT,
  REASON_NO_INVERSE,
} from './reasons.js';

interface Message extends Odd {
  code?: number;
  id?: number;
  body?: Bytes;
  cut?: number;
  hopLimit?: number;
}

function icmp(side: Side, type: number, m: Message = {}): Uint8Array {
  const whole = [type, m.code ?? 0, 0, 0, ...u16(m.id ?? 7), 0, 1, ...(m.body ?? [1, 2, 3, 4])];
  const bytes = packet(side, m.six ? 58 : 1, whole.slice(0, m.cut ?? whole.length), m);
  if (m.hopLimit !== undefined) bytes[7] = m.hopLimit;
  return bytes;
}

/** An ICMP error that quotes a packet (`four` bytes between header and quoted packet are unused). */
function error(side: Side, type: number, quoted: Uint8Array | Bytes, m: Message = {}): Uint8Array {
  const whole = [type, m.code ?? 1, 0, 0, 0, 0, 0, 0, ...quoted];
  return packet(side, m.six ? 58 : 1, whole, m);
}

const udp = (side: Side, odd: Odd = {}) => packet(side, 17, [...ports(side), ...u16(12), 0, 0, 1, 2, 3, 4], odd);

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('queries', () => {
  test.each([
    ['echo', false, 8, 0],
    ['timestamp', false, 13, 14],
    ['information', false, 15, 16],
    ['address mask', false, 17, 18],
    ['echo (ICMPv6)', true, 128, 129],
    ['node information (ICMPv6)', true, 139, 140],
  ])('%s: the reply is ESTABLISHED, one with another id or code is INVALID', (_claim, six, query, reply) => {
    const b = new TrackBench();
    expect(b.send(icmp('a', query, { six })).state).toBe('NEW');
    expect(b.send(icmp('b', reply, { six }))).toMatchObject({ state: 'ESTABLISHED', reply: true });
    expect(b.send(icmp('a', query, { six })).state).toBe('ESTABLISHED');
    expect([b.left, b.status]).toEqual([30, 'replied']);
    for (const odd of [{ id: 8 }, { code: 1 }])
      expect(b.send(icmp('b', reply, { six, ...odd }))).toMatchObject({
        state: 'INVALID',
        reason: REASON_ICMP_NOT_A_QUERY,
      });
    expect(b.slots.length).toBe(1);
  });
  test('the code belongs to the tuple', () => {
    const b = new TrackBench();
    b.send(icmp('a', 8));
    expect(b.send(icmp('a', 8, { code: 1 })).state).toBe('NEW');
    expect(b.slots.length).toBe(2);
  });
  test('each family has its timeout', () => {
    for (const six of [false, true]) {
      const b = new TrackBench({ icmp_timeout: 5, icmpv6_timeout: 6 });
      b.send(icmp('a', six ? 128 : 8, { six }));
      expect(b.left).toBe(six ? 6 : 5);
    }
  });
  test.each<[boolean, Record<string, number[]>]>([
    [
      false,
      {
        'NEW 0': [8, 13, 15, 17],
        [`INVALID ${REASON_ICMP_NOT_A_QUERY}`]: [0, 14, 16, 18],
        [`INVALID ${REASON_NO_INVERSE}`]: [1, 2, 6, 7, 9, 10],
        [`INVALID ${REASON_ICMP_QUOTED_UNREADABLE}`]: [3, 4, 5, 11, 12],
        [`INVALID ${REASON_ICMP_TYPE}`]: range(19, 255),
      },
    ],
    [
      true,
      {
        'NEW 0': [128, 139],
        [`INVALID ${REASON_ICMP_NOT_A_QUERY}`]: [129, 140],
        [`INVALID ${REASON_NO_INVERSE}`]: [138, 141, 142, ...range(144, 150), ...range(153, 255)],
        [`INVALID ${REASON_ICMP_QUOTED_UNREADABLE}`]: range(0, 127),
        [`INVALID ${REASON_ICMPV6_REDIRECT}`]: [137],
        // MLD, neighbour discovery, multicast router discovery
        'UNTRACKED 0': [130, 131, 132, 133, 134, 135, 136, 143, 151, 152],
      },
    ],
  ])('every type, IPv6 %s: what is NEW, what has no reply, what is unknown', (six, expected) => {
    const by: Record<string, number[]> = {};
    for (let type = 0; type < 256; type++) {
      const seen = new TrackBench().send(icmp('a', type, { six, body: [] }));
      by[`${seen.state} ${seen.reason}`] ??= [];
      by[`${seen.state} ${seen.reason}`]!.push(type);
    }
    expect(by).toEqual(expected);
  });
  test('nothing behind the header is fine', () => {
    for (const six of [false, true])
      expect(new TrackBench().send(icmp('a', six ? 128 : 8, { six, body: [] })).state).toBe('NEW');
  });
  test('the checksum of what the host itself makes is not looked at', () => {
    const b = new TrackBench();
    b.hook = HOOK_OUTPUT;
    expect(b.send(icmp('a', 8, { badSum: true })).state).toBe('NEW');
  });
  test.each([false, true])('a timeout policy of its protocol (IPv6: %s)', (six) => {
    const b = new TrackBench();
    b.usePolicy(six ? 58 : 1, 4000);
    b.send(icmp('a', six ? 128 : 8, { six }));
    expect(b.left).toBe(4);
  });
  test('ICMP over IPv6 and ICMPv6 over IPv4 are nothing', () => {
    const b = new TrackBench();
    const four = packet('a', 58, [128, 0, 0, 0, 0, 7, 0, 1]);
    const six = packet('a', 1, [8, 0, 0, 0, 0, 7, 0, 1], { six: true });
    expect([b.send(four).state, b.send(six).state, b.slots]).toEqual(['INVALID', 'INVALID', []]);
  });
});

describe("the other family's ICMP is INVALID", () => {
  test.each([
    ['an echo request', 58, [128, 0, 0, 0, 0, 7, 0, 1], false],
    ['a neighbour solicitation, which IPv6 does not track', 58, [135, 0, 0, 0, 0, 0, 0, 0], false],
    ['an error', 58, [1, 4, 0, 0, 0, 0, 0, 0], false],
    ['an ICMP error in IPv6', 1, [3, 3, 0, 0, 0, 0, 0, 0], true],
  ])('%s', (_claim, protocol, bytes, six) => {
    const b = new TrackBench();
    expect([b.send(packet('a', protocol, bytes, { six })).state, b.slots]).toEqual(['INVALID', []]);
  });
});

describe('packets that are no ICMP', () => {
  test.each<[string, number, Message, number, number[]]>([
    ['cut in the header', 8, { cut: 7 }, REASON_ICMP_SHORT, [7]],
    ['nothing there', 8, { cut: 0 }, REASON_ICMP_SHORT, [0]],
    ['a wrong checksum', 8, { badSum: true }, REASON_ICMP_CHECKSUM, [1]],
    ['a wrong ICMPv6 checksum', 128, { badSum: true, six: true }, REASON_ICMP_CHECKSUM, [58]],
    ['an unknown type', 19, {}, REASON_ICMP_TYPE, [19]],
    ['a reply to nothing', 0, {}, REASON_ICMP_NOT_A_QUERY, [0]],
    ['a type without reply', 9, {}, REASON_NO_INVERSE, [9]],
  ])('%s', (_claim, type, m, reason, args) => {
    const seen = new TrackBench().send(icmp('a', type, m));
    expect([seen.state, seen.reason, ...seen.args.slice(0, args.length)]).toEqual(['INVALID', reason, ...args]);
  });
  test('a wrong checksum does not matter with nf_conntrack_checksum=0', () => {
    expect(new TrackBench({ checksum: 0 }).send(icmp('a', 8, { badSum: true })).state).toBe('NEW');
  });
});

describe('errors', () => {
  test.each([3, 4, 5, 11, 12])('type %i about a known connection is RELATED, and changes nothing in it', (type) => {
    const b = new TrackBench();
    b.send(udp('a'));
    b.wait(1000);
    expect(b.send(error('b', type, udp('a')))).toMatchObject({ state: 'RELATED', reply: true });
    expect([b.left, b.status]).toEqual([29, 'new']);
    expect(b.send(error('a', type, udp('b')))).toMatchObject({ state: 'RELATED', reply: false });
  });
  test('ICMPv6 errors are those below 128', () => {
    const b = new TrackBench();
    b.send(udp('a', { six: true }));
    for (const type of [1, 2, 3, 4, 100, 127])
      expect(b.send(error('b', type, udp('a', { six: true }), { six: true })).state).toBe('RELATED');
  });
  const segment = tcpSegment('a', { flags: 'S', seq: 1000 });
  test.each<[string, () => Uint8Array, number]>([
    ['about a packet of no connection', () => error('b', 3, segment), REASON_ICMP_QUOTED_UNKNOWN],
    ['that quotes too little', () => error('b', 3, [...udp('a')].slice(0, 23)), REASON_ICMP_QUOTED_UNREADABLE],
    ['that quotes a later fragment', () => error('b', 3, udp('a', { fragment: 100 })), REASON_ICMP_QUOTED_UNREADABLE],
    ['about an error', () => error('b', 3, error('a', 3, udp('b'))), REASON_ICMP_NOT_A_QUERY],
    ['with a wrong checksum', () => error('b', 3, udp('a'), { badSum: true }), REASON_ICMP_CHECKSUM],
    ['to somebody else', () => error('b', 3, udp('a'), { destination: '10.1.0.9' }), REASON_ICMP_OUTER_ADDRESS],
    ['the wrong way', () => error('a', 3, udp('a')), REASON_ICMP_OUTER_ADDRESS],
  ])('%s is INVALID', (_claim, make, reason) => {
    const b = new TrackBench();
    b.send(udp('a'));
    expect(b.send(make())).toMatchObject({ state: 'INVALID', reason, reply: false });
  });
  test.each([3, 255])('about ICMP type %i says which', (type) => {
    const b = new TrackBench();
    const seen = b.send(error('b', 3, icmp('a', type)));
    expect([seen.reason, seen.args]).toEqual([REASON_ICMP_NOT_A_QUERY, [type, 0, 0, 0]]);
  });
  test('each bit of an IPv6 address counts', () => {
    const b = new TrackBench();
    b.send(udp('a', { six: true, source: 'fd01:2:3:4:5:6:7:8' }));
    const quoted = udp('a', { six: true, source: 'fd01:2:3:4:5:6:7:8' });
    const to = (destination: string) => b.send(error('b', 1, quoted, { six: true, destination }));
    expect(to('fd01:2:3:4:5:6:7:8').state).toBe('RELATED');
    for (const destination of ['fd00:2:3:4:5:6:7:8', 'fd01:2:2:4:5:6:7:8', 'fd01:2:3:4:5:7:7:8', 'fd01:2:3:4:5:6:7:9'])
      expect(to(destination)).toMatchObject({
        reason: REASON_ICMP_OUTER_ADDRESS,
        args: [0xfd010002 | 0, 0x00030004, 0x00050006, 0x00070008],
      });
  });
  test('ports of all bits may be quoted', () => {
    const b = new TrackBench();
    const quoted = packet('a', 17, [...u16(40009), ...u16(50009), ...u16(12), 0, 0, 1, 2, 3, 4]);
    b.send(quoted);
    expect(b.send(error('b', 3, quoted)).state).toBe('RELATED');
  });
  test('a quoted PPTP call is found by the key that its sender has', () => {
    const b = new TrackBench();
    const quoted = packet('a', 47, [0x20, 1, 0x88, 0x0b, 0, 4, ...u16(7), 1, 2, 3, 4]);
    b.begin(quoted);
    b.finish(false);
    const tuple = Int32Array.from(b.packet.tuple);
    tuple[T_PORTS] = (0x1234 << 16) | 7;
    b.tracker.greKeys.add(9, 0, tuple);
    expect(b.send(quoted).state).toBe('NEW');
    expect(b.send(error('b', 3, quoted)).state).toBe('RELATED');
  });
  test('one to somebody else says whose packet it quotes', () => {
    const b = new TrackBench();
    b.send(udp('a'));
    const seen = b.send(error('b', 3, udp('a'), { destination: '10.1.0.9' }));
    expect(seen.args.map((n) => n >>> 0)).toEqual([0x0a010002, 0, 0, 0]);
  });
  test('from a router on the way it is RELATED too', () => {
    const b = new TrackBench();
    b.send(udp('a'));
    expect(b.send(error('b', 11, udp('a'), { source: '192.0.2.1' })).state).toBe('RELATED');
  });
  const sctpInit = [
    ...ports('a'),
    ...u32(0),
    0,
    0,
    0,
    0,
    1,
    0,
    ...u16(20),
    ...u32(7),
    ...u32(9),
    0,
    1,
    0,
    1,
    ...u32(5),
  ];
  test.each<[string, Uint8Array]>([
    ['TCP', segment],
    ['ICMP', icmp('a', 8)],
    ['SCTP', packet('a', 132, sctpInit)],
    ['GRE', packet('a', 47, [0, 0, 8, 0, 1, 2, 3, 4])],
    ['a protocol without ports', packet('a', 50, [1, 2, 3, 4])],
  ])('%s may be quoted', (_claim, quoted) => {
    const b = new TrackBench();
    expect(b.send(quoted).state).toBe('NEW');
    expect(b.send(error('b', 3, quoted)).state).toBe('RELATED');
  });
  test('the quoted header may be cut after its ports', () => {
    const b = new TrackBench();
    b.send(segment);
    expect(b.send(error('b', 3, [...segment].slice(0, 24))).state).toBe('RELATED');
  });
  test('the quoted lengths and checksums do not matter', () => {
    const b = new TrackBench();
    b.send(udp('a'));
    const quoted = ip4(17, [...ports('a'), ...u16(9999), 0, 0], { totalLen: 4000, checksumDelta: 5 });
    expect(b.send(error('b', 3, quoted)).state).toBe('RELATED');
  });
});

describe('ICMPv6 redirects (RFC 4861 section 8.1)', () => {
  const addresses = Array<number>(32).fill(0);
  const quoted = [...udp('b', { six: true })];
  const about = [...addresses, 4, 7, 0, 0, 0, 0, 0, 0, ...quoted];
  const neighbour = { six: true, source: 'fe80::1', hopLimit: 255 };
  test.each<[string, Bytes, Message, number]>([
    ['cut in its addresses', addresses.slice(1), neighbour, 0],
    ['that ends after them', addresses, neighbour, 1],
    ['that ends in the option', [...addresses, 4, 7, 0, 0, 0, 0, 0], neighbour, 1],
    ['without an option', [...addresses, 4, 7, 0], neighbour, 1],
    ['with an option of no length', [...addresses, 4, 0, 0, 0, 0, 0, 0, 0], neighbour, 1],
    ['from an address that is not link-local', about, { ...neighbour, source: 'fd01::1' }, 2],
    ['from a site-local one', about, { ...neighbour, source: 'fec0::1' }, 2],
    ['that has passed a router', about, { ...neighbour, hopLimit: 254 }, 2],
  ])('%s is INVALID', (_claim, body, odd, which) => {
    const b = new TrackBench();
    b.send(udp('b', { six: true }));
    const whole = [137, 0, 0, 0, 0, 0, 0, 0, ...body];
    const bytes = packet('a', 58, whole, { ...odd, destination: 'fd02::3' });
    bytes[7] = odd.hopLimit!;
    expect(b.send(bytes)).toMatchObject({ state: 'INVALID', reason: REASON_ICMPV6_REDIRECT, args: [which, 0, 0, 0] });
  });
  function redirect(body: Bytes, source: string): Uint8Array {
    const bytes = packet('a', 58, [137, 0, 0, 0, 0, 0, 0, 0, ...body], { six: true, source, destination: 'fd02::3' });
    bytes[7] = 255;
    return bytes;
  }
  test.each(['fe80::1', 'fe81::1', 'febf::1'])(
    'a right one (from %s) belongs to the connection of the packet that it quotes',
    (source) => {
      const b = new TrackBench();
      b.send(udp('b', { six: true }));
      expect(b.send(redirect(about, source)).state).toBe('RELATED');
      expect([b.packet.payloadOff, b.tracker.statistics.error]).toEqual([48, 0]);
    },
  );
  test.each([
    ['another option', [...addresses, 2, 7, 0, 0, 0, 0, 0, 0, ...quoted], REASON_NO_INVERSE],
    ['an option that is empty', [...addresses, 4, 1, 0, 0, 0, 0, 0, 0], REASON_ICMP_QUOTED_UNREADABLE],
  ])('%s quotes nothing', (_claim, body, reason) => {
    const b = new TrackBench();
    b.send(udp('b', { six: true }));
    expect(b.send(redirect(body, 'fe80::1'))).toMatchObject({ state: 'INVALID', reason });
  });
});

test('statistics: what does not get past the first tests is an error, not invalid', () => {
  const b = new TrackBench();
  b.send(icmp('a', 99));
  b.send(icmp('a', 8, { badSum: true }));
  b.send(error('b', 3, udp('a')));
  b.send(icmp('a', 0));
  expect([b.tracker.statistics.error, b.tracker.statistics.invalid]).toEqual([3, 1]);
});

test('statistics: neither an error about a known connection nor what is not tracked is an error', () => {
  const b = new TrackBench();
  b.send(udp('a'));
  expect([b.send(error('b', 3, udp('a'))).state, b.send(icmp('a', 135, { six: true })).state]).toEqual([
    'RELATED',
    'UNTRACKED',
  ]);
  expect([b.tracker.statistics.error, b.tracker.statistics.invalid]).toEqual([0, 0]);
});
