/** A dump of any form is a host's start state: what the form tells of each connection, the host has. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { flowToJson } from '../../src/flow/json.js';
import { formatIpConntrackLine } from '../../src/flow/line.js';
import {
  type FlowRecord,
  type FlowTuple,
  newRecord,
  PROTO_DCCP,
  PROTO_ICMP,
  plainTuple,
  STATUS_CONFIRMED,
} from '../../src/flow/record.js';
import { parseTable } from '../../src/flow/table.js';
import { Host } from '../../src/host/host.js';

const fixture = (name: string): string => readFileSync(new URL(`fixtures/both/${name}.txt`, import.meta.url), 'utf8');
const NOW = 1_795_300_000_000;
/** The names that the recorded system had. */
const LABELS = { 'eth0-in': 0, 'eth0-out': 1, db: 5, 'web-2': 64, last: 77, top: 127 };

function host(): Host {
  const h = new Host({
    interfaces: [{ name: 'eth0', addresses: ['192.0.2.1/24'] }],
    sysctl: { 'net.netfilter.nf_conntrack_acct': 1, 'net.netfilter.nf_conntrack_timestamp': 1 },
    labels: LABELS,
  });
  h.advance(NOW);
  return h;
}

/** /proc shows no ports of DCCP, which are always 0. */
const ported = (t: FlowTuple, protocol: number): FlowTuple =>
  protocol === PROTO_DCCP ? { ...t, ports: { source: 0, destination: 0 } } : t;
const key = (r: FlowRecord): string =>
  JSON.stringify([
    r.protocol,
    ported(r.original, r.protocol),
    ported(r.reply, r.protocol),
    r.zoneOriginal,
    r.zoneReply,
  ]);
/** Bits that texts tell, those that the host's NAT derives, and those that every connection has once it is there. */
const TOLD = 0b111;

function compare(name: string, told: FlowRecord[]): void {
  test(`${name}: all that it tells is there`, () => {
    const h = host();
    for (const r of told) expect(h.addFlow(r), JSON.stringify(r.original)).toBe(true);
    const there = new Map([...h.flows()].map((r) => [key(r), r]));
    expect(there.size).toBe(told.length);
    for (const r of told) {
      const got = there.get(key(r)) ?? newRecord(2, 0, plainTuple('', ''), plainTuple('', ''));
      // The kernel's longest timeout is 2^31 ticks of a clock of 1000 a second.
      expect(got.timeout).toBe(Math.min(r.timeout ?? -1, 2_147_483));
      expect(got.status & TOLD).toBe(r.status & TOLD);
      expect(got.status & STATUS_CONFIRMED).toBe(STATUS_CONFIRMED);
      expect(got.mark).toBe(r.mark ?? 0);
      expect(got.helper).toBe(r.helper);
      if (r.state !== null) expect(got.state).toBe(r.state);
      if (r.counters !== null) expect(got.counters).toEqual(r.counters);
      if (r.vtags !== null) expect(got.vtags).toEqual(r.vtags);
      const bits = (r.labels ?? []).filter((l) => l !== '').map((l) => String(LABELS[l as keyof typeof LABELS]));
      expect(got.labels ?? []).toEqual(bits);
      if (r.startNs !== null) expect(Number((got.startNs ?? 0n) - r.startNs)).toBeLessThan(1_000_000);
      else expect(got.startNs).toBe(BigInt(NOW - (r.ageSeconds ?? 0) * 1000) * 1_000_000n);
    }
  });
}

describe('a saved table of each form', () => {
  for (const name of ['list-default', 'list-all', 'list-save', 'proc']) compare(name, parseTable(fixture(name), name));
  const all = parseTable(fixture('list-all'), 'list-all');
  compare('JSON', parseTable(all.map((r) => `${JSON.stringify(flowToJson(r))}\n`).join(''), 'json'));
  // ICMP's numbers are not in XML: all pings of two hosts are one connection there.
  const xml = parseTable(fixture('list-xml-all'), 'xml');
  compare(
    'XML',
    xml.filter((r) => r.original.icmp === null),
  );
  test('a ping read from XML', () => {
    const pings = xml.filter((r) => r.protocol === PROTO_ICMP);
    expect(pings.length).toBeGreaterThan(5);
    expect(host().addFlow(pings[0])).toBe(true);
  });
  const old = all.filter((r) => r.zoneOriginal === 0 && r.zoneReply === 0).map((r) => `${formatIpConntrackLine(r)}\n`);
  compare('ip_conntrack', parseTable(old.join(''), 'old'));

  test('the kinds that the table has', () => {
    expect(all.filter((r) => r.helper !== null).length).toBeGreaterThan(8);
    expect(all.filter((r) => (r.labels?.length ?? 0) > 0).length).toBeGreaterThan(4);
    expect(all.filter((r) => r.zoneOriginal !== 0 || r.zoneReply !== 0).length).toBeGreaterThan(8);
    expect(parseTable(fixture('list-save'), 's').filter((r) => r.vtags !== null).length).toBeGreaterThan(8);
  });
  test('an entry without a timeout, as offloaded ones are listed, has a day', () => {
    const h = host();
    const [r] = all;
    h.addFlow({ ...r, timeout: null });
    expect([...h.flows()][0].timeout).toBe(86_400);
    expect(host().addFlow({ ...r, timeout: 0 })).toBe(false);
  });
});
