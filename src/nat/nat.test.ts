import { describe, expect, it } from 'vitest';
import { type Ends, NatBench, packetBytes, parsed, rangeOf, tupleText, words } from '../../test/support/nat-bench.js';
import { ip4, ip6, naiveChecksum, u32 } from '../../test/support/wire-frames.js';
import { IPS_DST_NAT, IPS_DST_NAT_DONE, IPS_SRC_NAT, IPS_SRC_NAT_DONE } from '../conntrack/layout.js';
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import { fillTransportChecksum, ipv4ChecksumOk, transportChecksumOk } from '../wire/checksum.js';
import { parseQuoted } from '../wire/icmp.js';
import {
  CT_ESTABLISHED,
  CT_RELATED,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  Packet,
} from '../wire/packet.js';
import { MANIP_DST, MANIP_SRC, type NatRange } from './range.js';

const SRC = IPS_SRC_NAT | IPS_SRC_NAT_DONE;
const DST = IPS_DST_NAT | IPS_DST_NAT_DONE;
const NAT = SRC | DST;
const PUBLIC = rangeOf('203.0.113.1');
const SERVER = rangeOf('10.9.0.1', [8080, 8080]);

/** Sends a packet through both halves: destination, then source, as a router does; the tuple it leaves with. */
function through(bench: NatBench, p: Packet, dnat: NatRange | null = null, snat: NatRange | null = null): string {
  const { nat } = bench;
  for (const [manip, range] of [
    [MANIP_DST, dnat],
    [MANIP_SRC, snat],
  ] as const) {
    if (nat.isOpen(p, manip)) {
      if (range !== null) nat.setup(p.connection >> 1, range, manip);
      expect(nat.settle(p, manip)).toBe(NF_ACCEPT);
    }
    expect(nat.translate(p, manip)).toBe(NF_ACCEPT);
  }
  bench.leave(p);
  return tupleText(p.tuple);
}

/** What the bytes say after the packet went through, with checksums verified. */
function sent(p: Packet): string {
  const again = parsed(p.bytes);
  expect(transportChecksumOk(again)).toBe(true);
  if (p.view.getUint8(0) >> 4 === 4) expect(ipv4ChecksumOk(again.view, 0)).toBe(true);
  return tupleText(again.tuple);
}

describe('a mapping', () => {
  const protocols: [string, Ends, string, string][] = [
    ['TCP', { protocol: IPPROTO_TCP }, '203.0.113.1:1000>10.9.0.1:8080', '10.9.0.1:8080>203.0.113.1:1000'],
    ['UDP', { protocol: IPPROTO_UDP }, '203.0.113.1:1000>10.9.0.1:8080', '10.9.0.1:8080>203.0.113.1:1000'],
    ['SCTP', { protocol: IPPROTO_SCTP }, '203.0.113.1:1000>10.9.0.1:8080', '10.9.0.1:8080>203.0.113.1:1000'],
  ];
  it.each(protocols)('of both halves of %s is undone for replies', (_, e, out, reply) => {
    const bench = new NatBench();
    const p = bench.arrive(e);
    const slot = p.connection >> 1;
    expect(through(bench, p, SERVER, PUBLIC)).toBe(out);
    expect(sent(p)).toBe(out);
    expect(bench.reply(slot)).toBe(reply);
    expect(bench.status(slot) & NAT).toBe(NAT);
    const back = { ...e, source: '10.9.0.1', from: 8080, destination: '203.0.113.1', to: 1000, flags: 18 };
    const answer = bench.arrive(back);
    expect(answer.connection).toBe((slot << 1) | 1);
    expect(answer.state).toBe(CT_ESTABLISHED);
    expect(through(bench, answer)).toBe('10.2.0.3:80>10.1.0.2:1000');
    expect(sent(answer)).toBe('10.2.0.3:80>10.1.0.2:1000');
    // the next one of the first direction goes the same way, and rules are not asked
    const next = bench.arrive({ ...e, flags: 16 });
    expect(bench.nat.isOpen(next, MANIP_DST) || bench.nat.isOpen(next, MANIP_SRC)).toBe(false);
    expect(through(bench, next, null, null)).toBe(out);
  });

  it.each([
    ['IPv4', { protocol: IPPROTO_ICMP }, '203.0.113.1', '10.2.0.3', '10.1.0.2'],
    ['IPv6', { protocol: IPPROTO_ICMPV6, source: 'fd01::2' }, 'fd09::1', 'fd02::3', 'fd01::2'],
  ] as [string, Ends, string, string, string][])('of an echo (%s), its id taken', (_, e, to, server, client) => {
    const bench = new NatBench(() => 4711);
    const range = rangeOf(to);
    const other = client.includes(':') ? 'fd01::9' : '10.1.0.9';
    bench.connect({ ...e, source: other, from: 77 }, range, MANIP_SRC);
    const p = bench.arrive({ ...e, from: 77 });
    through(bench, p, null, range);
    expect(sent(p)).toMatch(new RegExp(`^${to}:4711>`));
    const answer = bench.arrive({ ...e, source: server, destination: to, from: 4711, reply: true });
    through(bench, answer);
    expect(sent(answer)).toMatch(new RegExp(`^${server}:77>${client}:`));
  });

  it('stays as first settled: a second target changes nothing once confirmed', () => {
    const bench = new NatBench();
    const slot = bench.connect({}, PUBLIC, MANIP_SRC);
    expect(bench.nat.setup(slot, rangeOf('203.0.113.9'), MANIP_SRC)).toBe(NF_ACCEPT);
    expect(bench.reply(slot)).toBe('10.2.0.3:80>203.0.113.1:1000');
  });

  it('to the address that is there already is none', () => {
    const bench = new NatBench();
    const slot = bench.connect({}, rangeOf('10.1.0.2'), MANIP_SRC);
    expect(bench.status(slot) & NAT).toBe(IPS_SRC_NAT_DONE);
  });
});

describe('without a rule', () => {
  it('both halves are settled as they are', () => {
    const bench = new NatBench();
    const p = bench.arrive();
    const before = p.bytes.slice();
    expect(through(bench, p)).toBe('10.1.0.2:1000>10.2.0.3:80');
    expect(p.bytes).toEqual(before);
    expect(bench.status(p.connection >> 1) & NAT).toBe(IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE);
    expect(bench.drawn).toBe(0);
  });
  it('a source whose tuple another connection has is moved out of its way', () => {
    const bench = new NatBench(() => 3);
    bench.connect({ source: '10.1.0.9', from: 5000 }, rangeOf('10.1.0.2'), MANIP_SRC);
    const p = bench.arrive({ from: 5000 });
    expect(through(bench, p)).toBe('10.1.0.2:1027>10.2.0.3:80');
    expect(bench.status(p.connection >> 1) & NAT).toBe(SRC | IPS_DST_NAT_DONE);
  });
  it('a destination is not', () => {
    const bench = new NatBench();
    const p = bench.arrive();
    expect(bench.nat.settle(p, MANIP_DST)).toBe(NF_ACCEPT);
    expect(bench.status(p.connection >> 1) & NAT).toBe(IPS_DST_NAT_DONE);
  });
});

describe('rules are asked', () => {
  it('once for each half, by packets that begin a connection', () => {
    const bench = new NatBench();
    const p = bench.arrive();
    expect([bench.nat.isOpen(p, MANIP_DST), bench.nat.isOpen(p, MANIP_SRC)]).toEqual([true, true]);
    bench.nat.settle(p, MANIP_DST);
    expect([bench.nat.isOpen(p, MANIP_DST), bench.nat.isOpen(p, MANIP_SRC)]).toEqual([false, true]);
  });
  it('not by replies, also where a half is open', () => {
    const bench = new NatBench();
    bench.leave(bench.arrive());
    const answer = bench.arrive({ source: '10.2.0.3', destination: '10.1.0.2', from: 80, to: 1000, flags: 18 });
    expect(bench.nat.isOpen(answer, MANIP_DST)).toBe(false);
  });
});

it('says where a packet is redirected', () => {
  const bench = new NatBench();
  const plain = bench.arrive({ from: 1 });
  bench.nat.setup(plain.connection >> 1, PUBLIC, MANIP_SRC);
  expect(bench.nat.isRedirected(plain)).toBe(false);
  const p = bench.arrive({ from: 2 });
  bench.nat.setup(p.connection >> 1, rangeOf('10.9.0.1'), MANIP_DST);
  expect(bench.nat.isRedirected(p)).toBe(true);
});

describe('targets', () => {
  const IN = 3;
  const OUT = 4;
  function ready(e: Ends, hook: number): { bench: NatBench; p: Packet; slot: number } {
    const bench = new NatBench();
    bench.addresses.set(IN, e.source?.includes(':') ? 'fd01::1' : '10.1.0.1');
    bench.addresses.set(OUT, e.source?.includes(':') ? 'fd02::1' : '10.2.0.1');
    const p = bench.arrive(e);
    p.hook = hook;
    p.inInterface = IN;
    p.outInterface = OUT;
    return { bench, p, slot: p.connection >> 1 };
  }
  const ports = rangeOf('', [7000, 7999]);
  const none = rangeOf('');

  it.each([
    ['IPv4', {}, '10.2.0.3:80>10.2.0.1:1000'],
    ['IPv6', { source: 'fd01::2' }, 'fd02::3:80>fd02::1:1000'],
  ])('MASQUERADE takes the address of the interface, %s', (_, e, reply) => {
    const { bench, p, slot } = ready(e, HOOK_POSTROUTING);
    expect(bench.nat.masquerade(p, none)).toBe(NF_ACCEPT);
    expect(bench.reply(slot)).toBe(reply);
  });
  it('MASQUERADE --to-ports', () => {
    const { bench, p, slot } = ready({}, HOOK_POSTROUTING);
    bench.nat.masquerade(p, ports);
    expect(bench.reply(slot)).toBe('10.2.0.3:80>10.2.0.1:7000');
  });
  it('MASQUERADE without an address drops; a client without one passes as it is', () => {
    const { bench, p } = ready({}, HOOK_POSTROUTING);
    bench.addresses.clear();
    expect(bench.nat.masquerade(p, none)).toBe(NF_DROP);
    const dhcp = ready({ source: '0.0.0.0', protocol: IPPROTO_UDP }, HOOK_POSTROUTING);
    expect(dhcp.bench.nat.masquerade(dhcp.p, none)).toBe(NF_ACCEPT);
    expect(dhcp.bench.status(dhcp.slot) & NAT).toBe(0);
  });
  it('a masqueraded connection ends where it would leave on another interface', () => {
    const { bench, p } = ready({}, HOOK_POSTROUTING);
    bench.nat.masquerade(p, none);
    bench.nat.translate(p, MANIP_SRC);
    bench.leave(p);
    const send = (out: number) => {
      const next = bench.arrive();
      next.hook = HOOK_POSTROUTING;
      next.outInterface = out;
      return bench.nat.translate(next, MANIP_SRC);
    };
    expect(send(OUT)).toBe(NF_ACCEPT);
    expect(send(IN)).toBe(NF_DROP);
    bench.tracker.settle();
    expect(bench.tracker.table.count).toBe(0);
  });
  it('REDIRECT goes to the interface where the packet came in, or to loopback', () => {
    const a = ready({}, HOOK_PREROUTING);
    expect(a.bench.nat.redirect(a.p, ports)).toBe(NF_ACCEPT);
    expect(a.bench.reply(a.slot)).toBe('10.1.0.1:7000>10.1.0.2:1000');
    const b = ready({}, HOOK_OUTPUT);
    b.bench.nat.redirect(b.p, none);
    expect(b.bench.reply(b.slot)).toBe('127.0.0.1:80>10.1.0.2:1000');
    const c = ready({ source: 'fd01::2' }, HOOK_OUTPUT);
    c.bench.nat.redirect(c.p, none);
    expect(c.bench.reply(c.slot)).toBe('::1:80>fd01::2:1000');
  });
  it('REDIRECT drops where the interface has no address', () => {
    const { bench, p } = ready({}, HOOK_PREROUTING);
    bench.addresses.clear();
    expect(bench.nat.redirect(p, none)).toBe(NF_DROP);
  });
  it.each([
    ['source', {}, MANIP_SRC, '172.16.0.0', '255.240.0.0', '10.2.0.3:80>172.17.0.2:1000'],
    ['destination', {}, MANIP_DST, '172.16.0.0', '255.240.0.0', '172.18.0.3:80>10.1.0.2:1000'],
    ['a whole address', {}, MANIP_DST, '172.16.0.9', '255.255.255.255', '172.16.0.9:80>10.1.0.2:1000'],
    [
      'bits of the network outside the mask do not count',
      {},
      MANIP_DST,
      '172.16.9.9',
      '255.255.0.0',
      '172.16.0.3:80>10.1.0.2:1000',
    ],
    ['IPv6', { source: 'fd01::2' }, MANIP_SRC, 'fd0a:b::', 'ffff:ffff::', 'fd02::3:80>fd0a:b::2:1000'],
  ] as [string, Ends, number, string, string, string][])(
    'NETMAP of the network part: %s',
    (_, e, manip, network, mask, reply) => {
      const { bench, p, slot } = ready(e, HOOK_PREROUTING);
      expect(bench.nat.netmap(p, manip, words(network), words(mask))).toBe(NF_ACCEPT);
      expect(bench.reply(slot)).toBe(reply);
    },
  );
});

describe('an ICMP error about a mapped connection', () => {
  /** An unreachable error from a router that quotes `bytes`; `keep` of its bytes. */
  function error(quotes: Uint8Array, from: string, to: string, keep = quotes.length, type = -1): Uint8Array {
    const six = from.includes(':');
    const kind = type >= 0 ? type : six ? 1 : 3;
    const message = [kind, 1, 0, 0, ...u32(0), ...quotes.subarray(0, keep)];
    const ends = { source: from, destination: to };
    const bytes = Uint8Array.from(six ? ip6(58, message, ends) : ip4(1, message, ends));
    fillTransportChecksum(parsed(bytes));
    return bytes;
  }
  function quotedIn(p: Packet): { tuple: string; inner: Packet } {
    const outer = parsed(p.bytes);
    expect(transportChecksumOk(outer)).toBe(true);
    const inner = new Packet();
    expect(parseQuoted(outer, inner)).toBe(0);
    return { tuple: tupleText(inner.tuple), inner };
  }

  const kinds: [string, Ends, string, string][] = [
    ['TCP', { protocol: IPPROTO_TCP }, '203.0.113.1', '10.2.0.254'],
    ['UDP', { protocol: IPPROTO_UDP }, '203.0.113.1', '10.2.0.254'],
    ['SCTP', { protocol: IPPROTO_SCTP }, '203.0.113.1', '10.2.0.254'],
    ['TCP, IPv6', { protocol: IPPROTO_TCP, source: 'fd01::2' }, 'fd09::1', 'fd02::fe'],
    ['UDP, IPv6', { protocol: IPPROTO_UDP, source: 'fd01::2' }, 'fd09::1', 'fd02::fe'],
  ];
  it.each(kinds)('quotes what the client sent, byte for byte: %s', (_, e, to, router) => {
    for (const keep of [1000, 48 + 20, 28 + 20]) {
      const bench = new NatBench(() => 7);
      const range = rangeOf(to, [4000, 4999]);
      const original = packetBytes(e);
      const p = bench.arrive(e);
      through(bench, p, null, range);
      const sentBytes = p.bytes.slice();
      const err = bench.arrive(error(sentBytes, router, to, Math.min(keep, sentBytes.length)));
      expect(err.state).toBe(CT_RELATED);
      through(bench, err);
      const { inner } = quotedIn(err);
      const client = e.source ?? '10.1.0.2';
      expect(tupleText(parsed(err.bytes).tuple)).toContain(`>${client}:`);
      const quote = err.bytes.slice(inner.l3Off);
      const whole = quote.length === original.length;
      // SCTP's CRC is computed anew, of what is there
      if (e.protocol === IPPROTO_SCTP && !whole) quote.set(original.subarray(28, 32), 28);
      expect([...quote]).toEqual([...original.subarray(0, quote.length)]);
    }
  });

  it('quotes an echo by its own id', () => {
    const bench = new NatBench(() => 4711);
    const e = { protocol: IPPROTO_ICMP, from: 77 };
    bench.connect({ ...e, source: '10.1.0.9' }, PUBLIC, MANIP_SRC);
    const original = packetBytes(e);
    const p = bench.arrive(e);
    through(bench, p, null, PUBLIC);
    const err = bench.arrive(error(p.bytes.slice(), '10.2.0.254', '203.0.113.1'));
    through(bench, err);
    expect([...err.bytes.subarray(28)]).toEqual([...original]);
    expect(naiveChecksum(err.bytes.subarray(20))).toBe(0);
  });

  it('of a server about a reply is sent by the address that the client knows', () => {
    const bench = new NatBench();
    through(bench, bench.arrive({ protocol: IPPROTO_UDP }), SERVER, null);
    const back = { protocol: IPPROTO_UDP, source: '10.9.0.1', from: 8080, destination: '10.1.0.2', to: 1000 };
    const answer = bench.arrive(back);
    through(bench, answer);
    const err = bench.arrive(error(answer.bytes.slice(), '10.1.0.2', '10.2.0.3'));
    through(bench, err);
    expect(tupleText(parsed(err.bytes).tuple)).toContain('10.1.0.2:0>10.9.0.1:');
    expect(quotedIn(err).tuple).toBe('10.9.0.1:8080>10.1.0.2:1000');
  });

  it('by the mapped host itself has its own address translated', () => {
    const bench = new NatBench();
    const p = bench.arrive({ protocol: IPPROTO_UDP });
    through(bench, p, SERVER, null);
    const err = bench.arrive(error(p.bytes.slice(), '10.9.0.1', '10.1.0.2'));
    through(bench, err);
    expect(tupleText(parsed(err.bytes).tuple)).toContain('10.2.0.3:0>10.1.0.2:');
    expect(quotedIn(err).tuple).toBe('10.1.0.2:1000>10.2.0.3:80');
  });

  it('is left alone where nothing is mapped', () => {
    const bench = new NatBench();
    const p = bench.arrive({ protocol: IPPROTO_UDP });
    through(bench, p);
    const bytes = error(p.bytes.slice(), '10.2.0.254', '10.1.0.2');
    const before = bytes.slice();
    through(bench, bench.arrive(bytes));
    expect(bytes).toEqual(before);
  });

  it('that is a redirect is dropped, for its gateway means nothing to the client', () => {
    const bench = new NatBench();
    const p = bench.arrive({ protocol: IPPROTO_UDP });
    through(bench, p, null, PUBLIC);
    const err = bench.arrive(error(p.bytes.slice(), '10.2.0.254', '203.0.113.1', 1000, 5));
    expect(bench.nat.translate(err, MANIP_DST)).toBe(NF_DROP);
  });

  it('with a wrong checksum is dropped where connection tracking was told not to look', () => {
    const bench = new NatBench(undefined, { checksum: 0 });
    const p = bench.arrive({ protocol: IPPROTO_UDP });
    through(bench, p, null, PUBLIC);
    const bytes = error(p.bytes.slice(), '10.2.0.254', '203.0.113.1');
    bytes[22]! ^= 1;
    expect(bench.nat.translate(bench.arrive(bytes), MANIP_DST)).toBe(NF_DROP);
  });
});

describe('a connection that was saved and read back', () => {
  const rows: [string, NatRange | null, NatRange | null, number][] = [
    ['not mapped', null, null, 0],
    ['source', null, PUBLIC, IPS_SRC_NAT],
    ['source port alone', null, rangeOf('10.1.0.2', [4000, 4000]), IPS_SRC_NAT],
    ['destination', SERVER, null, IPS_DST_NAT],
    ['destination port alone', rangeOf('10.2.0.3', [4000, 4000]), null, IPS_DST_NAT],
    ['both', SERVER, PUBLIC, IPS_SRC_NAT | IPS_DST_NAT],
  ];
  it.each(rows)('knows which halves are mapped: %s', (_, dnat, snat, status) => {
    const first = new NatBench();
    const p = first.arrive();
    const slot = p.connection >> 1;
    const out = through(first, p, dnat, snat);
    const original = new Int32Array(10);
    const reply = new Int32Array(10);
    first.tracker.table.readTuple(slot, 0, original);
    first.tracker.table.readTuple(slot, 1, reply);
    const bench = new NatBench();
    const adopted = bench.tracker.adopt(original, reply, 0, 60_000);
    bench.nat.adopt(adopted);
    expect(bench.status(adopted) & NAT).toBe(status | IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE);
    expect(through(bench, bench.arrive({ flags: 16 }))).toBe(out);
  });
});
