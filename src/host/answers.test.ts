import { describe, expect, it } from 'vitest';
import { REASON_NO_TUPLE, REASON_TCP_CHECKSUM, REASON_TCP_FLAGS } from '../conntrack/reasons.js';
import {
  fillIpv4Checksum,
  fillTransportChecksum,
  internetChecksum,
  ipv4ChecksumOk,
  transportChecksumOk,
} from '../wire/checksum.js';
import {
  CT_INVALID,
  CT_NEW,
  CT_NONE,
  CT_UNTRACKED,
  HOOK_FORWARD,
  HOOK_INPUT,
  PACKET_BROADCAST,
  PARSE_OK,
  Packet,
  T_SRC,
} from '../wire/packet.js';
import { LINKTYPE_RAW, parseFrame } from '../wire/parse.js';
import { Answers } from './answers.js';
import { compileHost } from './config.js';
import { IpOptions, OPTIONS_OK, OPTIONS_SOURCE_ROUTE } from './ip-options.js';

const NETWORK = compileHost({
  interfaces: [
    { name: 'r0', addresses: ['10.1.0.1/24', 'fd00:1::1/64'] },
    { name: 'r1', addresses: ['10.2.0.1/24', 'fd00:2::1/64'] },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 },
});

interface Shape {
  protocol?: number;
  /** The transport part; its checksum is filled in unless `raw`. */
  body?: number[];
  raw?: boolean;
  tos?: number;
  field?: number;
  options?: number[];
  source?: number;
  destination?: number;
  packetType?: number;
}

const TCP_SYN = tcp(0x02);

function tcp(
  flags: number,
  more: { seq?: number; ack?: number; dataOffset?: number; payload?: number } = {},
): number[] {
  const view = new DataView(new ArrayBuffer(20 + (more.payload ?? 0)));
  view.setUint32(0, (1 << 16) | 2);
  view.setUint32(4, more.seq ?? 0);
  view.setUint32(8, more.ack ?? 0);
  view.setUint16(12, ((more.dataOffset ?? 5) << 12) | flags);
  view.setUint16(14, 65535);
  return [...new Uint8Array(view.buffer)];
}

function packet4(s: Shape): Packet {
  const options = s.options ?? [];
  const body = s.body ?? TCP_SYN;
  const headerLen = 20 + options.length;
  const bytes = new Uint8Array(headerLen + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ((0x40 | (headerLen / 4)) << 8) | (s.tos ?? 0));
  view.setUint16(2, bytes.length);
  view.setUint16(6, s.field ?? 0);
  view.setUint16(8, (64 << 8) | (s.protocol ?? 6));
  view.setInt32(12, s.source ?? 0x0a010002);
  view.setInt32(16, s.destination ?? 0x0a020008);
  bytes.set(options, 20);
  bytes.set(body, headerLen);
  fillIpv4Checksum(view, 0);
  return parsed(bytes, s);
}

function packet6(s: Shape): Packet {
  const body = s.body ?? TCP_SYN;
  const bytes = new Uint8Array(40 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x6000 | ((s.tos ?? 0) << 4));
  view.setUint16(4, body.length);
  view.setUint16(6, ((s.protocol ?? 6) << 8) | 64);
  view.setInt32(8, s.source === 0 ? 0 : 0xfd000001);
  view.setInt32(20, s.source ?? 2);
  view.setInt32(24, s.destination ?? 0xfd000002);
  view.setInt32(36, 8);
  bytes.set(body, 40);
  return parsed(bytes, s);
}

/** From fd00:1::, which all routers of that network have. */
function fromSubnetRouters(): Packet {
  const p = packet6({ protocol: 17, body: [0, 1, 0, 2, 0, 8, 0, 0] });
  p.tuple[T_SRC + 3] = 0;
  return p;
}

function parsed(bytes: Uint8Array, s: Shape): Packet {
  const p = new Packet();
  expect(parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW)).toBe(PARSE_OK);
  p.inInterface = 2;
  p.packetType = s.packetType ?? 0;
  if (!s.raw) fillTransportChecksum(p);
  return p;
}

const options = new IpOptions(NETWORK.routing);
const answers = new Answers(NETWORK.routing, NETWORK.sysctl, options);

/** The answer in hexadecimal, its checksums verified; '' = none. */
function hex(sent: boolean): string {
  if (!sent) return '';
  const bytes = answers.bytes.slice(answers.start, answers.end);
  const p = new Packet();
  expect(parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW)).toBe(PARSE_OK);
  expect(transportChecksumOk(p)).toBe(true);
  if (p.family === 2) expect(ipv4ChecksumOk(p.view, 0)).toBe(true);
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

const RST4 = '4500002800004000400626c40a0200080a01000200020001';
const RST6 = '6000000000140640fd000002000000000000000000000008fd00000100000000000000000000000200020001';

describe('REJECT --reject-with tcp-reset, as a 6.18 kernel was seen to answer', () => {
  it.each([
    ['SYN', tcp(2), '000000000000000150140000'],
    ['ACK', tcp(16, { ack: 77 }), '0000004d0000000050040000'],
    ['SYN FIN with data', tcp(3, { payload: 3 }), '000000000000000550140000'],
    ['no flag, sequence number at the end', tcp(0, { seq: 0xffffffff, payload: 2 }), '000000000000000150140000'],
    ['data offset too small', tcp(2, { dataOffset: 4 }), '000000000000000550140000'],
    ['data offset too large', tcp(2, { dataOffset: 15 }), '00000000ffffffd950140000'],
  ])('%s', (_claim, body, fields) => {
    const four = hex(answers.tcpReset(packet4({ body: summed4(body), raw: true })));
    expect(four.slice(0, 72)).toBe(RST4 + fields);
    const six = hex(answers.tcpReset(packet6({ body: summed6(body), raw: true })));
    expect(six.slice(0, 112)).toBe(RST6 + fields);
  });

  it.each<[string, Shape]>([
    ['a RST', { body: tcp(4) }],
    ['a wrong checksum', { raw: true }],
    ['UDP', { protocol: 17, body: [0, 1, 0, 2, 0, 8, 0, 0] }],
    ['half a header', { body: TCP_SYN.slice(0, 16), raw: true }],
    ['a later fragment', { field: 8, raw: true }],
    ['a broadcast', { destination: 0x0a0200ff }],
    ['a group', { destination: 0xe0000001 | 0 }],
  ])('none for %s', (_claim, shape) => {
    expect(answers.tcpReset(packet4(shape))).toBe(false);
  });
});

/** The TCP body with the checksum of the addresses above: a data offset that is wrong keeps the parser from filling it in. */
function summed4(body: number[]): number[] {
  return summed(body, 0x0a01 + 0x0002 + 0x0a02 + 0x0008);
}
function summed6(body: number[]): number[] {
  return summed(body, 0xfd00 + 1 + 2 + 0xfd00 + 2 + 8);
}
function summed(body: number[], addresses: number): number[] {
  const view = new DataView(Uint8Array.from(body).buffer);
  view.setUint16(16, internetChecksum(view, 0, body.length, addresses + 6 + body.length));
  return [...new Uint8Array(view.buffer)];
}

const UDP = { protocol: 17, body: [0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4] };

describe('ICMP errors', () => {
  it.each([
    [0x00, 'c0'],
    [0x01, 'c0'],
    [0x02, 'c2'],
    [0x0f, 'ce'],
    [0x10, 'd0'],
    [0x3f, 'de'],
    [0xff, 'de'],
  ])('TOS %i is answered with %s', (tos, answered) => {
    expect(hex(answers.icmpError(packet4({ ...UDP, tos }), 11, 0, 0)).slice(2, 4)).toBe(answered);
  });

  it.each([
    ['forwarded: the address of the way back', 0x0a020008, '0a010001'],
    ['for the host: the address that was meant', 0x0a020001, '0a020001'],
  ])('%s', (_claim, destination, source) => {
    expect(hex(answers.icmpError(packet4({ ...UDP, destination }), 3, 3, 0)).slice(24, 32)).toBe(source);
  });

  it.each([
    ['where the answer leaves', 2, 'fd000001000000000000000000000001'],
    ['elsewhere', 3, 'fd000002000000000000000000000001'],
  ])('an IPv6 packet that came in %s: an address of that interface', (_claim, inInterface, source) => {
    const p = packet6(UDP);
    p.inInterface = inInterface;
    expect(hex(answers.icmpError(p, 3, 0, 0)).slice(16, 48)).toBe(source);
  });

  it.each([
    ['has no type, nor any other fragment', 0, false],
    ['begins in another fragment', 1, true],
  ])('about ICMPv6 that %s', (_claim, field, sent) => {
    const p = packet6({ protocol: 44, body: [58, 0, 0, field, 0, 0, 0, 7], raw: true });
    expect(answers.icmpError(p, 3, 0, 0)).toBe(sent);
  });

  it('are at most 576 bytes long, ICMPv6 errors 1280', () => {
    const body = new Array<number>(1400).fill(1);
    expect(hex(answers.icmpError(packet4({ protocol: 50, body }), 11, 0, 0)).length / 2).toBe(576);
    expect(hex(answers.icmpError(packet6({ protocol: 50, body }), 3, 0, 0)).length / 2).toBe(1280);
  });

  it('tell the MTU, or where the wrong byte is', () => {
    expect(hex(answers.icmpError(packet4(UDP), 3, 4, 1400)).slice(40, 56)).toMatch(/^0304....00000578$/);
    expect(hex(answers.icmpError(packet4(UDP), 12, 0, 20)).slice(40, 56)).toMatch(/^0c00....14000000$/);
    expect(hex(answers.icmpError(packet6(UDP), 2, 0, 1280)).slice(80, 96)).toMatch(/^0200....00000500$/);
  });

  it('are sent about queries and replies of ICMP only', () => {
    const body = (type: number) => ({ protocol: 1, body: [type, 0, 0, 0, 0, 0, 0, 0] });
    const types = Array.from({ length: 45 }, (_, i) => i);
    expect(types.filter((t) => answers.icmpError(packet4(body(t)), 11, 0, 0))).toEqual([0, 8, 13, 14, 15, 16, 17, 18]);
    const six = (type: number) => ({ protocol: 58, body: [type, 0, 0, 0, 0, 0, 0, 0] });
    expect([1, 3, 99, 127, 128, 129, 135, 155].filter((t) => answers.icmpError(packet6(six(t)), 3, 0, 0))).toEqual([
      128, 129, 135, 155,
    ]);
  });

  it.each<[string, Packet]>([
    ['later fragments', packet4({ field: 8, raw: true })],
    ['what the link layer sent to all', packet4({ ...UDP, packetType: PACKET_BROADCAST })],
    ['broadcasts', packet4({ ...UDP, destination: 0x0a0200ff })],
    ['groups', packet4({ ...UDP, destination: 0xe0000001 | 0 })],
    ['IPv6 groups', packet6({ ...UDP, destination: 0xff020000 | 0 })],
    ['the unspecified source', packet6({ ...UDP, source: 0 })],
    ["an anycast address of the host's own", fromSubnetRouters()],
  ])('are not sent about %s', (_claim, p) => {
    expect(answers.icmpError(p, p.family === 2 ? 11 : 3, 0, 0)).toBe(false);
  });

  it('about an IPv6 group: packet too big', () => {
    expect(answers.icmpError(packet6({ ...UDP, destination: 0xff020000 | 0 }), 2, 0, 1280)).toBe(true);
  });
});

describe('REJECT with an ICMP error', () => {
  const odd = [0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1];
  /** Sums to all ones by itself. */
  const even = [0x12, 0x34, 0xed, 0xcb, 0, 0, 0, 0];
  it.each([
    ['unknown protocol that does not sum up', 253, odd, false],
    ['unknown protocol that does', 253, even, true],
    ['IGMP', 2, odd, false],
    ['DCCP', 33, odd, false],
    ['GRE', 47, odd, true],
    ['ESP', 50, odd, true],
    ['AH', 51, odd, true],
    ['SCTP', 132, odd, true],
    ['UDP-Lite', 136, odd, true],
    ['UDP without a checksum', 17, [0, 1, 0, 2, 0, 8, 0, 0], true],
    ['UDP with a wrong one', 17, [0, 1, 0, 2, 0, 8, 1, 1], false],
    ['UDP with a wrong length', 17, [0, 1, 0, 2, 0, 9, 1, 1], false],
    ['ICMP echo with a wrong checksum', 1, [8, 0, 1, 1, 0, 0, 0, 0], false],
  ])('%s', (_claim, protocol, body, answered) => {
    expect(answers.unreachable(packet4({ protocol, body, raw: true }), 3)).toBe(answered);
  });

  it.each([
    ['UDP that connection tracking has looked at', CT_NEW, UDP.protocol, UDP.body, true],
    ['UDP that it has not', CT_UNTRACKED, UDP.protocol, UDP.body, false],
    ['UDP in the raw table', CT_NONE, UDP.protocol, UDP.body, false],
    ['UDP without a checksum', CT_UNTRACKED, 17, [0, 1, 0, 2, 0, 8, 0, 0], true],
    ['a protocol that it does not check', CT_NEW, 253, even, false],
    ['ICMPv6 in IPv4', CT_NEW, 58, even, false],
  ])('a header changed by record route: %s', (_claim, state, protocol, body, answered) => {
    const p = packet4({ protocol, body, raw: body !== UDP.body, options: [7, 7, 4, 0, 0, 0, 0, 0] });
    p.state = state;
    expect(answers.unreachable(p, 3)).toBe(true);
    options.receive(p, false, 0);
    expect(answers.unreachable(p, 3)).toBe(answered);
  });

  it.each([
    ['looked at', CT_NEW, 0, true],
    ['not looked at', CT_UNTRACKED, 0, false],
    ['INVALID by its flags, after its checksum was looked at', CT_INVALID, REASON_TCP_FLAGS, true],
    ['INVALID by its checksum', CT_INVALID, REASON_TCP_CHECKSUM, false],
    ['INVALID before that', CT_INVALID, REASON_NO_TUPLE, false],
  ])('a checksum that a rule has made wrong, of a segment that tracking has %s', (_claim, state, reason, answered) => {
    for (const p of [packet4({ raw: true }), packet6({ raw: true })]) {
      p.state = state;
      p.reason = reason;
      expect(answers.unreachable(p, 3)).toBe(answered);
      p.hook = HOOK_FORWARD;
      expect(answers.tcpReset(p)).toBe(false);
    }
  });

  it.each([
    ['on its way through', HOOK_FORWARD, CT_NEW, false],
    ['for the host, looked at by connection tracking', HOOK_INPUT, CT_NEW, true],
    ['for the host, not looked at', HOOK_INPUT, CT_UNTRACKED, false],
  ])('a header changed by record route, TCP %s', (_claim, hook, state, answered) => {
    const p = packet4({ options: [7, 7, 4, 0, 0, 0, 0, 0] });
    p.hook = hook;
    p.state = state;
    expect(answers.tcpReset(p)).toBe(true);
    options.receive(p, false, 0);
    expect(answers.tcpReset(p)).toBe(answered);
  });

  it.each([
    ['no next header', 59, []],
    ['nothing behind the header', 17, []],
    ['unknown protocol without the pseudo header in its sum', 253, even],
  ])('IPv6, none: %s', (_claim, protocol, body) => {
    expect(answers.unreachable(packet6({ protocol, body, raw: true }), 4)).toBe(false);
  });

  it('IPv6: what the pseudo header makes sum up', () => {
    const sum = 0xfd00 + 1 + 2 + 0xfd00 + 2 + 8 + 253 + 2;
    const rest = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
    expect(answers.unreachable(packet6({ protocol: 253, body: [rest >> 8, rest & 255], raw: true }), 4)).toBe(true);
  });
});

const NOON = 12 * 3600 * 1000;

/** What the router makes of options: at arrival, and in the packet that leaves. */
function routed(list: number[]): string {
  const p = packet4({ ...UDP, destination: 0x0a020002, options: list });
  const result = options.receive(p, false, NOON + 86400000 * 3);
  if (result !== OPTIONS_OK) return result === OPTIONS_SOURCE_ROUTE ? 'source route' : `wrong at ${result}`;
  options.forward(p);
  expect(ipv4ChecksumOk(p.view, p.l3Off)).toBe(true);
  return [...p.bytes.slice(20, 20 + list.length)].map((b) => b.toString(16).padStart(2, '0')).join('');
}

describe('IPv4 options on the way through', () => {
  it.each([
    ['record route', [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0], '070b080a0200010000000000'],
    ['record route that is full', [7, 7, 8, 9, 9, 9, 9, 0], '0707080909090900'],
    ['time', [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0], '440c090002932e0000000000'],
    ['time and address', [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0], '440c0d010a01000102932e00'],
    ['time and address, without room for both', [68, 8, 5, 1, 0, 0, 0, 0], 'wrong at 22'],
    ['a timestamp of an unknown kind, without room', [68, 7, 7, 7, 0, 0, 0, 0], 'wrong at 22'],
    ['a count of lost timestamps that is full', [68, 4, 5, 0xf0], 'wrong at 23'],
    ['timestamps that are full count on', [68, 8, 9, 0, 1, 2, 3, 4], '4408091001020304'],
    ['router alert and padding', [148, 4, 0, 0, 1, 1, 1, 1], '9404000001010101'],
    ['what follows the end is made zero', [0, 5, 6, 7], '00000000'],
    ['a length beyond the header', [7, 40, 4, 0], 'wrong at 20'],
    ['a pointer into the head', [1, 7, 7, 3, 0, 0, 0, 0], 'wrong at 23'],
    ['a record route twice', [7, 3, 4, 7, 3, 4, 0, 0], 'wrong at 23'],
    ['a loose source route', [131, 7, 4, 10, 2, 0, 2, 0], 'source route'],
  ])('%s', (_claim, list, result) => {
    expect(routed(list)).toBe(result);
  });

  it('an ICMP error carries record route and timestamps on', () => {
    const error = (list: number[]): string => {
      const p = packet4({ ...UDP, destination: 0x0a020002, options: list });
      options.receive(p, false, NOON);
      return hex(answers.icmpError(p, 11, 0, 0)).slice(0, 2) + hex(answers.icmpError(p, 11, 0, 0)).slice(40, 64);
    };
    expect(error([7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toBe('48070b0c0a0100010a01000100');
    expect(error([68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toBe('48440c0d0002932e0002932e00');
    expect(error([7, 7, 4, 0, 0, 0, 0, 0]).slice(0, 18)).toBe('470707080a01000100');
    expect(error([148, 4, 0, 0]).slice(0, 2)).toBe('45');
    // but not one that is wrong
    expect(error([68, 7, 7, 0, 0, 0, 0, 0]).slice(0, 2)).toBe('45');
  });
});
