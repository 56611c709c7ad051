import { describe, expect, it } from 'vitest';
import { address4, address6, type Bytes, icmp, ip4, ip6, u16, u32 } from '../../test/support/wire-frames.js';
import { loadRules } from '../iptables/restore.js';
import { fillTransportChecksum, ipv4ChecksumOk, transportChecksumOk } from '../wire/checksum.js';
import { CT_RELATED, Packet } from '../wire/packet.js';
import { LINKTYPE_RAW, parseNetwork } from '../wire/parse.js';
import { Host } from './host.js';

const NOON = 1_760_000_400_000;
const CONFIG = {
  interfaces: [
    { name: 'r0', addresses: ['10.1.0.1/24', 'fd00:1::1/64'] },
    { name: 'r1', addresses: ['10.2.0.1/24'] },
  ],
  sysctl: { 'net.netfilter.nf_conntrack_max': 100 },
};
const V4 = { source: '10.1.0.2', destination: '10.1.0.1' };
const V6 = { source: 'fd00:1::2', destination: 'fd00:1::1' };

function host(answers = true): Host {
  const h = new Host(CONFIG, { answers });
  h.load(loadRules('*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n', 'rules', 2));
  h.advance(NOON);
  return h;
}

/** What the host sends when a packet arrives: its bytes, IP id, flow label and header checksum zero; '' = nothing. */
function answered(packet: Bytes, h = host(), filled = true): string {
  const sent: string[] = [];
  h.onEmit = (bytes, start, end, _dev, _kind, made) => {
    if (!made) return;
    const copy = bytes.slice(start, end);
    const p = new Packet();
    expect(parseNetwork(p, copy, 0, copy.length)).toBe(0);
    expect(transportChecksumOk(p)).toBe(true);
    if (p.family === 2) {
      expect(ipv4ChecksumOk(p.view, 0)).toBe(true);
      p.view.setUint16(4, 0);
      p.view.setUint16(10, 0);
    } else p.view.setUint16(2, 0);
    sent.push([...copy].map((b) => b.toString(16).padStart(2, '0')).join(''));
  };
  const bytes = Uint8Array.from(packet);
  const p = new Packet();
  parseNetwork(p, bytes, 0, bytes.length);
  if (filled) fillTransportChecksum(p);
  h.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, h.interfaceIndex('r0'));
  h.onEmit = null;
  return sent.join(' ');
}

function segment(flags: number, data: Bytes = [], words = 5): Bytes {
  return [...u16(3002), ...u16(81), ...u32(1000), ...u32(77), words << 4, flags, ...u16(65535), 0, 0, 0, 0, ...data];
}
const datagram = (length = 11): Bytes => [...u16(3503), ...u16(81), ...u16(length), 0, 0, 97, 98, 99];
const four = (protocol: number, payload: Bytes, tos = 0, options: Bytes = []): Bytes => {
  const bytes = ip4(protocol, payload, { ...V4, options });
  bytes[1] = tos;
  const sum = (bytes[10]! << 8) + bytes[11]! - tos;
  bytes[10] = (sum >> 8) & 255;
  bytes[11] = sum & 255;
  return bytes;
};
const six = (next: number, payload: Bytes, trafficClass = 0): Bytes => {
  const bytes = ip6(next, payload, V6);
  bytes[0] = 0x60 | (trafficClass >> 4);
  bytes[1] = (trafficClass & 15) << 4;
  return bytes;
};
const hex = (bytes: Bytes): string => bytes.map((b) => b.toString(16).padStart(2, '0')).join('');
const TO4 = hex([...address4('10.1.0.1'), ...address4('10.1.0.2')]);
const TO6 = hex([...address6('fd00:1::1'), ...address6('fd00:1::2')]);
const RST4 = `45fc00280000400040060000${TO4}00510bba`;
const RST6 = `6fc0000000140640${TO6}00510bba`;

describe('TCP, as a 6.18 kernel was seen to answer', () => {
  it.each([
    ['SYN', segment(2), '000000000000' + '03e950140000'],
    ['SYN with data', segment(2, [1, 2, 3]), '000000000000' + '03ec50140000'],
    ['ACK', segment(16), '0000004d0000000050040000'],
    ['FIN', segment(1), '00000000000003e950140000'],
    ['no flag', segment(0), '00000000000003e850140000'],
    ['SYN FIN', segment(3), '00000000000003ea50140000'],
  ])('%s: RST', (_, payload, fields) => {
    expect(answered(four(6, payload, 0xff)).slice(0, 72)).toBe(RST4 + fields);
    expect(answered(six(6, payload, 0xff)).slice(0, 112)).toBe(RST6 + fields);
  });
  it.each([
    ['a RST', segment(4), true],
    ['a RST with ACK', segment(20), true],
    ['a wrong checksum', segment(2), false],
    ['a data offset inside the header', segment(2, [], 4), true],
    ['a data offset behind the end', segment(2, [], 15), true],
  ])('none for %s', (_, payload, filled) => {
    expect(answered(four(6, payload), host(), filled)).toBe('');
    expect(answered(six(6, payload), host(), filled)).toBe('');
  });
});

describe('UDP', () => {
  it('port unreachable, from the address that was meant', () => {
    const sent = answered(four(17, datagram()));
    expect(sent).toMatch(new RegExp(`^45c0003b0000000040010000${TO4}0303`));
    expect(sent.slice(56)).toMatch(/^4500001f12340000/);
    expect(answered(six(17, datagram()))).toMatch(new RegExp(`^60000000003b3a40${TO6}0104....000000006000`));
    expect(answered(six(136, datagram(11)))).toMatch(new RegExp(`^60000000003b3a40${TO6}0104`));
    expect(answered(four(136, datagram(11)))).toMatch(new RegExp(`^45c0003b0000000040010000${TO4}0303`));
  });
  it('without a checksum: IPv4 is answered, IPv6 and UDP-Lite are not', () => {
    expect(answered(four(17, datagram()), host(), false)).not.toBe('');
    expect(answered(six(17, datagram()), host(), false)).toBe('');
    expect(answered(four(136, datagram(8)), host(), false)).toBe('');
  });
  it.each([4, 12, 40])('not with a length of %i', (length) => expect(answered(four(17, datagram(length)))).toBe(''));
  it('what is behind the datagram is not quoted', () => {
    const whole = answered(four(17, [...datagram(), 7, 7]), host(), false);
    expect(whole.length).toBe(answered(four(17, datagram()), host(), false).length);
    expect(whole).toMatch(/616263$/);
  });
  it('not with a wrong checksum', () => {
    const payload = datagram();
    payload[6] = 1;
    for (const protocol of [17, 136]) {
      expect(answered(four(protocol, payload), host(), false)).toBe('');
      expect(answered(six(protocol, payload), host(), false)).toBe('');
    }
  });
});

describe('ICMP', () => {
  const rest = [0x1b, 0x60, 0, 1];
  it('an echo comes back with its code, TOS and data', () => {
    const echo = icmp(8, 9, rest, [1, 2, 3]);
    const reply = hex(icmp(0, 9, rest, [1, 2, 3]));
    expect(answered(four(1, echo, 0x1b))).toBe(`451b001f0000000040010000${TO4}${reply}`);
    const sent6 = answered(six(58, [128, 9, 0, 0, ...rest, 1, 2, 3], 0x1b));
    expect(sent6.replace(/8109..../, '8109')).toBe(`61b00000000b3a40${TO6}8109${hex(rest)}010203`);
  });
  it('a timestamp with the time of day', () => {
    const query = icmp(13, 0, rest, [97, 98, 99, 100, 0, 0, 0, 0, 0, 0, 0, 0]);
    const time = hex(u32(NOON % 86_400_000));
    const sent = answered(four(1, query));
    expect(sent.slice(0, 44)).toBe(`450000280000000040010000${TO4}0e00`);
    expect(sent.slice(48)).toBe(`${hex(rest)}61626364${time}${time}`);
  });
  it('nothing else of ICMP', () => {
    const types = Array.from({ length: 256 }, (_, i) => i);
    expect(types.filter((t) => answered(four(1, icmp(t, 0, rest, new Array<number>(20).fill(0)))) !== '')).toEqual([
      8, 13,
    ]);
    expect(types.filter((t) => answered(six(58, [t, 0, 0, 0, ...rest, 1, 2, 3, 4])) !== '')).toEqual([128]);
  });
  it('not with a wrong checksum, nor to all', () => {
    const echo = icmp(8, 0, rest);
    expect(answered(four(1, [...echo.slice(0, 2), 1, 1, ...rest]), host(), false)).toBe('');
    expect(answered(ip4(1, echo, { ...V4, destination: '10.1.0.255' }))).toBe('');
    expect(answered(ip4(1, echo, { ...V4, destination: '224.0.0.1' }))).toBe('');
  });
  it('an IPv6 group is answered by an address of the host', () => {
    const bytes = ip6(58, [128, 0, 0, 0, ...rest], { ...V6, destination: 'ff02::1' });
    expect(answered(bytes)).toMatch(new RegExp(`^6000000000083a40${TO6}8100`));
  });
  it.each([
    ['IPv4', (data: Bytes) => four(1, icmp(8, 0, rest, data)), [1500, 1500, 68]],
    ['IPv6', (data: Bytes) => six(58, [128, 0, 0, 0, ...rest, ...data]), [1496, 1496, 160]],
  ])('a large echo is cut on its way out, %s', (_, echo, lengths) => {
    const data = Array.from({ length: 3000 }, (_, i) => i & 255);
    const pieces: number[] = [];
    const h = host();
    h.onEmit = (_bytes, start, end, _dev, _kind, made) => made && pieces.push(end - start);
    const bytes = Uint8Array.from(echo(data));
    const p = new Packet();
    parseNetwork(p, bytes, 0, bytes.length);
    fillTransportChecksum(p);
    h.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, h.interfaceIndex('r0'));
    expect(pieces).toEqual(lengths);
  });
});

describe('other protocols', () => {
  const numbers = Array.from({ length: 256 }, (_, i) => i).filter((n) => ![1, 6, 17, 58].includes(n));
  // of 40 bytes, as no header of theirs looks like
  const payload = Array.from({ length: 40 }, (_, i) => i);
  it('IPv4: unreachable, but for IGMP, PIM and UDP-Lite', () => {
    const silent = numbers.filter((n) => answered(four(n, payload)) === '');
    expect(silent).toEqual([2, 103, 136]);
    expect(answered(four(253, payload))).toMatch(new RegExp(`^45c000580000000040010000${TO4}0302`));
  });
  it('IPv6: parameter problem at the number, but for PIM, UDP-Lite and what is malformed', () => {
    const sent = numbers.map((n) => [n, answered(six(n, payload))] as const);
    expect(sent.filter(([, s]) => s === '').map(([n]) => n)).toEqual([0, 44, 59, 60, 103, 136]);
    for (const [n, s] of sent.filter(([, s]) => s !== ''))
      expect(s.slice(80, 96).replace(/^(....)..../, '$1'), `protocol ${n}`).toBe(
        n === 43 ? '04000000002a' : '040100000006',
      );
  });
  it.each([
    ['skipped', [0x1e, 2, 1, 2], /^.{80}0401....00000028/],
    ['dropped', [0x5e, 2, 1, 2], /^$/],
    ['told of', [0x9e, 2, 1, 2], /^.{80}0402....0000002c/],
    ['told of, unless it went to a group', [0xde, 2, 1, 2], /^.{80}0402....0000002c/],
    ['reaching beyond the header', [0x1e, 3, 1, 2], /^$/],
    ['padding that says something', [1, 2, 0, 1], /^$/],
    ['padding', [1, 2, 0, 0], /^.{80}0401....00000028/],
  ])('IPv6: an unknown destination option is %s', (_, option, expected) => {
    expect(answered(six(60, [253, 0, 0, 0, ...option, ...payload]))).toMatch(expected);
  });
  it('IPv6: the number may stand in an extension header', () => {
    const options = (next: number): Bytes => [next, 0, 1, 4, 0, 0, 0, 0];
    expect(answered(six(60, [...options(253), ...payload]))).toMatch(/^.{80}0401....00000028/);
    expect(answered(six(60, [...options(60), ...options(253), ...payload]))).toMatch(/^.{80}0401....00000030/);
    expect(answered(six(60, [...options(6), ...segment(2)]))).toMatch(new RegExp(`^6000000000140640${TO6}`));
    expect(answered(six(60, [...options(59), ...payload]))).toBe('');
    expect(answered(six(60, [...options(0), ...options(17), ...datagram()]))).toMatch(/^.{80}0401....00000028/);
    expect(answered(six(0, [...options(17), ...datagram()]))).toMatch(/^.{80}0104/);
    const routing = (type: number, left: number): Bytes => [253, 0, type, left, 0, 0, 0, 0, ...payload];
    expect(answered(six(43, routing(0, 0)))).toMatch(/^.{80}0401....00000028/);
    expect(answered(six(43, routing(0, 1)))).toMatch(/^.{80}0400....0000002a/);
    expect(answered(six(43, routing(4, 0)))).toBe('');
    expect(answered(six(43, routing(4, 1)))).toBe('');
    expect(answered(six(51, [6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...segment(2)]))).toMatch(/^.{80}0401....00000006/);
  });
});

it('a ping of the anycast address of a subnet is answered by an address of the host', () => {
  const ping = ip6(58, icmp(128, 0, [0, 1, 0, 7]), { source: 'fd00:1::2', destination: 'fd00:1::' });
  // only a router has that address
  const router = new Host({ ...CONFIG, sysctl: { 'net.ipv6.conf.all.forwarding': 1 } }, { answers: true });
  expect(answered(ping, router).slice(16, 48)).toBe('fd000001000000000000000000000001');
});

describe('IPv6 addresses that are not one host’s', () => {
  const sysctl = { 'net.ipv6.conf.all.forwarding': 1 };
  const routes = [{ to: '::/0', dev: 'r1' }];
  const [, r1] = CONFIG.interfaces;
  const r0 = (addresses: string[]) => ({ name: 'r0', addresses: ['fd00:1::1/64', ...addresses] });
  const router = (own: string[] = []) => new Host({ interfaces: [r0(own), r1!], sysctl, routes }, { answers: true });
  const ping = icmp(128, 0, [0, 1, 0, 7]);
  it.each([
    ['a ping of an own address from nobody: answered', 58, ping, '::', 'fd00:1::1', true],
    ['a ping of a group by somebody elsewhere', 58, ping, '::ffff:10.1.0.2', 'ff02::1', false],
    ['a ping of a group by a neighbour', 58, ping, 'fd00:1::2', 'ff02::1', true],
    ['a ping of the anycast address by somebody elsewhere', 58, ping, '2001:db8::1', 'fd00:1::', false],
    ['a ping of an own address by somebody elsewhere', 58, ping, '2001:db8::1', 'fd00:1::1', true],
    ['a SYN from nobody: RST', 6, segment(2), '::', 'fd00:1::1', true],
    ['a SYN to the anycast address', 6, segment(2), 'fd00:1::2', 'fd00:1::', false],
    ['a datagram to the anycast address: unreachable', 17, datagram(), 'fd00:1::2', 'fd00:1::', true],
  ])('%s', (_claim, protocol, payload, source, destination, isAnswered) => {
    expect(answered(ip6(protocol, payload, { source, destination }), router()) !== '').toBe(isAnswered);
  });
  it.each([
    ['a ping', 58, ping],
    ['a SYN', 6, segment(2)],
    ['a datagram', 17, datagram()],
  ])('%s from the link is answered if the link has such addresses', (_claim, protocol, payload) => {
    const packet = ip6(protocol, payload, { source: 'fe80::2', destination: 'fd00:1::1' });
    expect(answered(packet, router())).toBe('');
    expect(answered(packet, router(['fe80::1/64']))).not.toBe('');
  });
});

it('a first IPv6 fragment that ends inside of its headers: RFC 8200 section 4.5', () => {
  const cut = (field: number): Bytes => ip6(44, [6, 0, ...u16(field), ...u32(5), ...segment(2).slice(0, 8)], V6);
  expect(answered(cut(1))).toMatch(/^.{80}0403....000000006000/);
  // the whole packet in one piece: a TCP header cut short
  expect(answered(cut(0))).toBe('');
});

it('record route comes back in echo replies and RSTs', () => {
  const rr = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const back = `070b0c0a0100010a0100010000`.slice(0, 24);
  expect(answered(four(1, icmp(8, 0, [0, 1, 0, 7]), 0, rr)).slice(40, 64)).toBe(back);
  expect(answered(four(6, segment(2), 0, rr)).slice(40, 64)).toBe(back);
  expect(answered(four(6, segment(2), 0, [148, 4, 0, 0])).slice(0, 8)).toBe('45000028');
});

describe('a host', () => {
  it('is silent unless it is to answer', () =>
    expect(answered(four(1, icmp(8, 0, [0, 1, 0, 1])), host(false))).toBe(''));
  it('is silent about what rules drop', () => {
    const h = host();
    h.load(loadRules('*filter\n:INPUT DROP [0:0]\nCOMMIT\n', 'rules', 2));
    expect(answered(four(1, icmp(8, 0, [0, 1, 0, 1])), h)).toBe('');
  });
  it('answers through OUTPUT, inside the connection', () => {
    const h = host();
    const states =
      '-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A OUTPUT -m conntrack --ctstate RELATED -j ACCEPT';
    h.load(loadRules(`*filter\n:INPUT ACCEPT\n:OUTPUT DROP\n${states}\nCOMMIT\n`, 'rules', 2));
    expect(answered(four(1, icmp(8, 0, [0, 1, 0, 1])), h)).not.toBe('');
    expect(answered(four(17, datagram()), h)).not.toBe('');
    expect(answered(four(253, [1, 2, 3, 4]), h)).not.toBe('');
    expect(answered(four(6, segment(2)), h)).not.toBe('');
    // the RST has ended the last one
    const flows = [...h.flows()];
    expect(flows.length).toBe(3);
    expect(h.result.state).not.toBe(CT_RELATED);
  });
});
