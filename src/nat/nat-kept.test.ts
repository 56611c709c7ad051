/** NAT without room, connections read back from a saved table, and what is not translated. */
import { describe, expect, it } from 'vitest';
import { type Ends, NatBench, packetBytes, parsed, rangeOf, tupleText } from '../../test/support/nat-bench.js';
import { busy, masqueraded, OUT, PUBLIC } from '../../test/support/nat-busy.js';
import { ip4, ip6, u32 } from '../../test/support/wire-frames.js';
import { IPS_CONFIRMED, IPS_DST_NAT, IPS_SRC_NAT, R_PROTO, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import { fillTransportChecksum, transportChecksumOk } from '../wire/checksum.js';
import { CT_RELATED, HAS_LOCAL_ORIGIN, HOOK_PREROUTING, IPPROTO_UDP, type Packet } from '../wire/packet.js';
import { Nat } from './nat.js';
import { MANIP_DST, MANIP_SRC } from './range.js';

const other = (bench: NatBench): Nat =>
  new Nat(bench.tracker, {
    random: () => 0,
    masqueradeAddress: () => false,
    redirectAddress: () => false,
  });

describe('NAT for which no room was made', () => {
  it('makes it for the first mapping', () => {
    const bench = new NatBench();
    const nat = other(bench);
    nat.forgetMasqueraded(OUT, 0, null);
    const p = bench.arrive();
    expect(nat.setup(p.connection >> 1, rangeOf(PUBLIC), MANIP_SRC)).toBe(NF_ACCEPT);
    expect(bench.reply(0)).toBe(`10.2.0.3:80>${PUBLIC}:1000`);
  });
  it('makes it for a mapping that was read back, by which other connections of the source go', () => {
    const bench = new NatBench();
    const nat = other(bench);
    nat.adopt(saved(bench, { destination: '10.2.0.99' }, '203.0.113.200'));
    const p = bench.arrive();
    nat.setup(p.connection >> 1, rangeOf('203.0.113.0-203.0.113.255'), MANIP_SRC);
    expect(bench.reply(p.connection >> 1)).toBe('10.2.0.3:80>203.0.113.200:1000');
  });
});

/** A connection as a saved table has it: of `e`, answered to `address`; its slot. */
function saved(
  bench: NatBench,
  e: Ends,
  address: string,
  port?: number,
  from?: { address: string; port: number },
): number {
  const original = parsed(packetBytes(e)).tuple.slice();
  const { tuple } = parsed(
    packetBytes({
      ...e,
      source: from?.address ?? e.destination ?? '10.2.0.3',
      from: from?.port ?? e.to ?? 80,
      destination: address,
      to: port ?? e.from ?? 1000,
    }),
  );
  return bench.tracker.adopt(original, tuple.slice(), 0, 60_000);
}

describe('a connection that was read back', () => {
  const rows: [string, Ends, string, number, { address: string; port: number } | undefined, number][] = [
    ['neither', {}, '10.1.0.2', 1000, undefined, 0],
    ['source', {}, PUBLIC, 1000, undefined, IPS_SRC_NAT],
    ['source port by its last bit', {}, '10.1.0.2', 1001, undefined, IPS_SRC_NAT],
    ['source port by its first bit', {}, '10.1.0.2', 1000 ^ 0x8000, undefined, IPS_SRC_NAT],
    ['destination', {}, '10.1.0.2', 1000, { address: '10.9.0.1', port: 80 }, IPS_DST_NAT],
    ['destination port by its last bit', {}, '10.1.0.2', 1000, { address: '10.2.0.3', port: 81 }, IPS_DST_NAT],
    [
      'destination port by its first bit',
      {},
      '10.1.0.2',
      1000,
      { address: '10.2.0.3', port: 80 ^ 0x8000 },
      IPS_DST_NAT,
    ],
    [
      'source, IPv6, by its last word',
      { source: 'fd01::2', destination: 'fd02::3' },
      'fd01::9',
      1000,
      undefined,
      IPS_SRC_NAT,
    ],
    [
      'destination, IPv6, by its last word',
      { source: 'fd01::2', destination: 'fd02::3' },
      'fd01::2',
      1000,
      { address: 'fd02::4', port: 80 },
      IPS_DST_NAT,
    ],
    [
      'destination, IPv6, by its second word',
      { source: 'fd01::2', destination: 'fd02:0:0:1::3' },
      'fd01::2',
      1000,
      { address: 'fd02:0:0:2::3', port: 80 },
      IPS_DST_NAT,
    ],
  ];
  it.each(rows)('is mapped: %s', (_, e, address, port, from, status) => {
    const bench = busy(3);
    const slot = saved(bench, e, address, port, from);
    expect(slot).toBe(3);
    bench.nat.adopt(slot);
    expect(bench.status(slot) & (IPS_SRC_NAT | IPS_DST_NAT)).toBe(status);
    const next = bench.arrive(e);
    expect([bench.nat.isOpen(next, MANIP_SRC), bench.nat.isOpen(next, MANIP_DST)]).toEqual([false, false]);
  });

  it('is none that MASQUERADE has made, whatever had its slot', () => {
    const bench = busy(1);
    const slot = masqueraded(bench, {});
    bench.tracker.kill(slot);
    bench.tracker.settle();
    const again = saved(bench, {}, '10.2.0.1');
    expect(again).toBe(slot);
    bench.nat.adopt(again);
    for (const dev of [-1, 1, OUT]) bench.nat.forgetMasqueraded(dev, 0, null);
    expect(bench.tracker.table.count).toBe(2);
  });

  it('is found by its source', () => {
    const bench = busy(2);
    bench.nat.adopt(saved(bench, { destination: '10.2.0.99' }, '203.0.113.200'));
    const slot = bench.connect({}, rangeOf('203.0.113.0-203.0.113.255'), MANIP_SRC);
    expect(bench.reply(slot)).toBe('10.2.0.3:80>203.0.113.200:1000');
  });
});

describe('packets', () => {
  it('of a connection that is not mapped pass as they are, too short as they may be', () => {
    const bench = new NatBench();
    const p = bench.arrive(Uint8Array.from(ip4(47, [0, 0, 8, 0])));
    bench.nat.settle(p, MANIP_SRC);
    expect(bench.nat.translate(p, MANIP_SRC)).toBe(NF_ACCEPT);
  });

  it('with high ports keep their numbers and sums', () => {
    const bench = busy(1);
    bench.connect({ from: 40000 }, rangeOf(PUBLIC), MANIP_SRC);
    const answer = bench.arrive({ source: '10.2.0.3', from: 80, destination: PUBLIC, to: 40000, flags: 18 });
    expect(bench.nat.translate(answer, MANIP_DST)).toBe(NF_ACCEPT);
    expect(tupleText(answer.tuple)).toBe('10.2.0.3:80>10.1.0.2:40000');
    expect(transportChecksumOk(parsed(answer.bytes))).toBe(true);
  });
});

describe('an ICMP error', () => {
  /** A RELATED error about a datagram of a connection that is source-translated, or of one that is not. */
  function about(bench: NatBench, isMapped: boolean, type: number, v6 = false): Packet {
    const e: Ends = { protocol: IPPROTO_UDP, ...(v6 ? { source: 'fd01::2' } : {}) };
    const [to, router] = v6 ? ['fd09::1', 'fd02::fe'] : [PUBLIC, '10.2.0.254'];
    const first = bench.arrive(e);
    if (isMapped) bench.nat.setup(first.connection >> 1, rangeOf(to), MANIP_SRC);
    bench.nat.settle(first, MANIP_DST);
    bench.nat.settle(first, MANIP_SRC);
    bench.nat.translate(first, MANIP_SRC);
    bench.leave(first);
    const quoted = [...first.bytes];
    const ends = { source: router, destination: isMapped ? to : (e.source ?? '10.1.0.2') };
    const message = [type, 1, 0, 0, ...u32(0), ...quoted];
    const bytes = Uint8Array.from(v6 ? ip6(58, message, ends) : ip4(1, message, ends));
    const p = parsed(bytes);
    fillTransportChecksum(p);
    p.connection = (first.connection & ~1) | 1;
    p.state = CT_RELATED;
    p.hook = HOOK_PREROUTING;
    return p;
  }
  const REDIRECT = 5;
  const REDIRECT6 = 137;
  const rows: [string, boolean, number, boolean, number, number][] = [
    ['redirect of a mapped connection is dropped', true, REDIRECT, false, MANIP_SRC, NF_DROP],
    ['IPv6 redirect of a mapped connection, too', true, REDIRECT6, true, MANIP_SRC, NF_DROP],
    ['redirect of another one passes', false, REDIRECT, false, MANIP_DST, NF_ACCEPT],
    ['IPv6 redirect of another one, too', false, REDIRECT6, true, MANIP_DST, NF_ACCEPT],
    ['ICMPv6 type 5 is no redirect', true, REDIRECT, true, MANIP_SRC, NF_ACCEPT],
    ['ICMP type 137 is none', true, REDIRECT6, false, MANIP_SRC, NF_ACCEPT],
  ];
  it.each(rows)('that is a %s', (_, isMapped, type, v6, manip, verdict) => {
    const bench = busy(2);
    expect(bench.nat.translate(about(bench, isMapped, type, v6), manip)).toBe(verdict);
  });

  it('that is a redirect of a connection that is not settled is dropped', () => {
    const bench = new NatBench();
    const p = about(bench, false, REDIRECT);
    const at = ((p.connection >> 1) << RECORD_SHIFT) + R_STATUS;
    bench.tracker.table.words[at] = IPS_CONFIRMED;
    expect(bench.nat.translate(p, MANIP_DST)).toBe(NF_DROP);
    expect(bench.tracker.table.words[at - R_STATUS + R_PROTO]! & 0xff).toBe(IPPROTO_UDP);
  });

  // checksum setting, made by the host, sum is right: verdict
  const sums: [number, boolean, boolean, number][] = [
    [1, false, true, NF_ACCEPT],
    [0, false, true, NF_ACCEPT],
    [0, false, false, NF_DROP],
    [1, true, true, NF_ACCEPT],
    [1, true, false, NF_DROP],
    [0, true, false, NF_DROP],
    // tracking would have found it
    [1, false, false, NF_ACCEPT],
  ];
  it.each(sums)('with nf_conntrack_checksum=%i, made here: %s, sum right: %s', (checksum, made, right, verdict) => {
    const bench = new NatBench(undefined, { checksum });
    const p = about(bench, true, 3);
    if (made) p.has |= HAS_LOCAL_ORIGIN;
    if (!right) p.bytes[p.l4Off + 2]! ^= 1;
    expect(bench.nat.translate(p, MANIP_SRC)).toBe(verdict);
  });
});
