import { describe, expect, test } from 'vitest';
import * as F from '../../test/support/wire-frames.js';
import { loadRules } from '../iptables/restore.js';
import { printRuleset } from '../iptables/save.js';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../rules/context.js';
import { type Family, type Ruleset, TABLE_NAMES } from '../rules/model.js';
import { Host } from './host.js';
import type { HostOptions } from './host-options.js';

const NETWORK = {
  interfaces: [
    { name: 'r0', addresses: ['10.1.0.1/24'] },
    { name: 'r1', addresses: ['10.2.0.1/24'] },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1 },
};
const LINKTYPE_RAW = 101;

interface Planes {
  host: Host;
  legacy: Ruleset | null;
  nft: Ruleset;
}

function planes(legacy: string | null, nft: string, options: HostOptions = {}, family: Family = 2): Planes {
  const host = new Host(NETWORK, options);
  host.advance(1000);
  const rules = legacy === null ? null : loadRules(legacy, 'legacy', family);
  if (rules !== null) host.load(rules);
  const nftRules = loadRules(nft, 'nft', family);
  host.load(nftRules, { plane: 'nft' });
  return { host, legacy: rules, nft: nftRules };
}

/** One UDP packet through the host. */
function pass(host: Host, port: number): number {
  const datagram = [...F.u16(1000 + port), ...F.u16(port), ...F.u16(9), 0, 0, 1];
  const packet = Uint8Array.from(F.ip4(17, datagram));
  return host.receive(packet, 0, packet.length, packet.length, LINKTYPE_RAW, host.interfaceIndex('r0'));
}

const filter = (rules: string, policy = 'ACCEPT'): string => `*filter\n:FORWARD ${policy} [0:0]\n${rules}\nCOMMIT\n`;
const counters = (host: Host, rules: Ruleset): string[] => {
  host.exportCounters(rules);
  return printRuleset(rules, { counters: true })
    .split('\n')
    .filter((line) => /^(\[|:FORWARD)/.test(line));
};

describe('two planes', () => {
  test('the order is that of the option, nft first without one', () => {
    const drop = filter('-A FORWARD -j DROP');
    for (const [options, legacy, nft] of [
      [{}, 0, 1],
      [{ firstPlane: 'nft' }, 0, 1],
      [{ firstPlane: 'legacy' }, 1, 0],
    ] as [HostOptions, number, number][]) {
      const p = planes(drop, drop, options);
      expect(pass(p.host, 1)).toBe(VERDICT_DROP);
      expect(counters(p.host, p.legacy as Ruleset)[1]).toBe(`[${legacy}:${legacy * 29}] -A FORWARD -j DROP`);
      expect(counters(p.host, p.nft)[1]).toBe(`[${nft}:${nft * 29}] -A FORWARD -j DROP`);
      expect(p.host.decision(p.host.result.rule)).toMatchObject({ plane: legacy ? 'legacy' : 'nft', number: 1 });
    }
  });

  test('of two that accept, a rule decides rather than a policy, and else the last', () => {
    const accept = filter('-A FORWARD -j ACCEPT');
    const nothing = filter('');
    const decided = (legacy: string, nft: string): string => {
      const { host } = planes(legacy, nft);
      expect(pass(host, 1)).toBe(VERDICT_ACCEPT);
      const d = host.decision(host.result.rule);
      return `${d?.plane} ${d?.number}`;
    };
    expect(decided(accept, accept)).toBe('legacy 1');
    expect(decided(nothing, accept)).toBe('nft 1');
    expect(decided(nothing, nothing)).toBe('legacy null');
  });

  test('nft alone decides and counts', () => {
    const { host, nft } = planes(null, filter('-A FORWARD -p udp --dport 2 -j DROP', 'ACCEPT'));
    expect([pass(host, 1), pass(host, 2)]).toEqual([VERDICT_ACCEPT, VERDICT_DROP]);
    expect(host.decision(host.result.rule)).toMatchObject({ plane: 'nft', table: 'filter', number: 1 });
    expect(counters(host, nft)).toEqual([
      ':FORWARD ACCEPT [1:29]',
      '[1:29] -A FORWARD -p udp -m udp --dport 2 -j DROP',
    ]);
  });

  test('every table of nft’s is asked in its hook', () => {
    for (const table of TABLE_NAMES) {
      const chain = table === 'filter' || table === 'security' ? 'FORWARD' : 'PREROUTING';
      const target = table === 'nat' ? '-j DNAT --to-destination 10.2.0.9' : '-j DROP';
      const { host, nft } = planes(filter(''), `*${table}\n-A ${chain} -p udp ${target}\nCOMMIT\n`);
      expect(pass(host, 1)).toBe(table === 'nat' ? VERDICT_ACCEPT : VERDICT_DROP);
      expect(counters(host, nft).some((line) => line.startsWith(`[1:29] -A ${chain} -p udp`))).toBe(true);
    }
  });

  test('without rules of nft’s nothing names a plane', () => {
    const host = new Host(NETWORK);
    host.advance(1000);
    host.load(loadRules(filter('-A FORWARD -j DROP'), 'f', 2));
    expect(pass(host, 1)).toBe(VERDICT_DROP);
    expect(host.decision(host.result.rule)).not.toHaveProperty('plane');
  });

  test('a ruleset that is refused leaves the former one', () => {
    const { host } = planes(filter(''), filter('-A FORWARD -j DROP'));
    const looping = loadRules(filter('-A FORWARD -j ACCEPT'), 'f', 2);
    const rule = looping.tables.get('filter')?.chains.get('FORWARD')?.rules[0];
    if (rule) rule.target = { kind: 'jump', chain: 'nowhere' };
    expect(() => host.load(looping, { plane: 'nft' })).toThrow();
    expect(pass(host, 1)).toBe(VERDICT_DROP);
  });
});
