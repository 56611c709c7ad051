/** How few rules a packet has to look at, whatever a long chain's rules ask; that they are the right ones: interpret.test.ts. */
import { describe, expect, it, vi } from 'vitest';
import * as K from '../../test/support/rules.js';
import { HAS_LATER_FRAGMENT, HOOK_FORWARD, type Packet } from '../wire/packet.js';
import { Candidates } from './classify.js';
import { RuleEngine, TABLE_FILTER } from './evaluate.js';
import { tcp } from './match/tcp.js';
import type { Rule } from './model.js';
import { TREES } from './program.js';

const any = { from: 0, to: 65535, invert: false };
const protocol = { number: 6, invert: false };
const ports = (from: number, to = from) => ({
  extension: tcp,
  spec: { source: any, destination: { from, to, invert: false }, flags: null, option: null },
});
const COUNT = 3000;
const many = (make: (k: number) => Partial<Rule>): Rule[] =>
  Array.from({ length: COUNT }, (_, k) => K.rule({ target: K.DROP, ...make(k) }));
const host24 = (k: number) => K.net(`10.${(k >> 8) & 255}.${k & 255}.0/24`);

/** Runs a packet and returns how many records lay in the leaves that it came to, and how often a tree was asked. */
function looked(rules: Rule[], packet: Packet) {
  const host = K.testHost('eth0', 'eth1');
  const engine = new RuleEngine(host);
  engine.load(K.ruleset('filter', { FORWARD: rules }));
  let records = 0;
  const collect = vi.spyOn(Candidates.prototype, 'collect').mockImplementation(function (this: Candidates, ...args) {
    original.apply(this, args);
    for (let k = 0; k < this.length; k += 2) records += this.leaves[k + 1]! - this.leaves[k]!;
  });
  engine.run(TABLE_FILTER, HOOK_FORWARD, packet, host.context);
  const asked = collect.mock.calls.length;
  collect.mockRestore();
  return { records, asked };
}
const original = Candidates.prototype.collect;

/** What rule 556 of the rows below asks for. */
const address = K.word('10.2.44.9');
const packet = K.packet({ src: address, dst: address, ports: (4000 << 16) | 556 });

describe('of three thousand rules a packet looks at few', () => {
  const rows: [string, (k: number) => Partial<Rule>, number][] = [
    ['source nets', (k) => ({ source: host24(k) }), 1],
    ['destination nets', (k) => ({ destination: host24(k) }), 1],
    ['ports', (k) => ({ protocol, matches: [ports(k)] }), 1],
    ['ranges of ports, a third of which fits', (k) => ({ protocol, matches: [ports(k, k + 20)] }), 21],
    ['interfaces that the packet is not on', (k) => ({ inInterface: { name: `v${k % 200}`, invert: false } }), 15],
    ['source nets, or ports', (k) => (k % 2 ? { source: host24(k) } : { protocol, matches: [ports(k)] }), 2],
    [
      'a net for each fifty, and ports within',
      (k) => ({ source: host24(556 - 11 + Math.floor(k / 50)), protocol, matches: [ports(550 + (k % 50))] }),
      13,
    ],
    [
      'nets inside nets',
      (k) => ({ source: K.net(`10.0.${k & 255}.0/${8 + (k % 17)}`), protocol, matches: [ports(k)] }),
      13,
    ],
  ];
  it.each(rows)('%s', (_name, make, most) => {
    const { records, asked } = looked(many(make), packet);
    expect(asked).toBe(1);
    expect(records).toBeLessThanOrEqual(most);
  });

  it('a function that many rules ask is asked once', () => {
    let times = 0;
    const ask = () => {
      times++;
      return false;
    };
    const test = Object.assign(() => false, { question: { text: 'x src', ask } });
    expect(
      looked(
        many(() => ({ matches: [K.match(test)] })),
        packet,
      ).records,
    ).toBe(0);
    expect(times).toBe(1);
  });

  it('also a later fragment, by what it has', () => {
    const fragment = K.packet({ src: address, has: HAS_LATER_FRAGMENT, l4Off: -1, payloadOff: -1 });
    const make = (k: number) => ({ source: host24(k), protocol, matches: [ports(k)] });
    expect(looked(many(make), fragment).records).toBe(1);
  });
});

describe('gates', () => {
  const counting = (count: number) => Array.from({ length: count }, () => K.rule());
  it('are in chains that are long enough, and a chain that counts every packet goes on by its tree', () => {
    expect(looked(counting(TREES.least - 1), K.packet()).asked).toBe(0);
    expect(looked(counting(TREES.least), K.packet()).asked).toBe(1);
    expect(looked(counting(1000), K.packet()).asked).toBe(1);
  });

  it('take over again behind a target that goes on', () => {
    const on = K.target(() => -1);
    const rules = Array.from({ length: 500 }, (_, k) => K.rule(k === 100 || k === 300 ? { target: on } : {}));
    expect(looked(rules, K.packet()).asked).toBe(3);
  });

  it('are no rules: numbers, counters and the policy stay as they are', () => {
    const host = K.testHost('eth0');
    const engine = new RuleEngine(host);
    const rules = Array.from({ length: 200 }, (_, k) => K.rule({ source: K.net(`10.0.0.${k}/32`) }));
    const ruleset = K.ruleset('filter', { FORWARD: rules }, { FORWARD: 'DROP' });
    ruleset.tables.get('filter')!.chains.get('FORWARD')!.packets = 5;
    engine.load(ruleset);
    engine.run(TABLE_FILTER, HOOK_FORWARD, K.packet({ src: K.word('10.0.0.150') }), host.context);
    expect(engine.decision()).toMatchObject({ chain: 'FORWARD', number: null });
    engine.exportCounters(ruleset);
    expect(rules.map((r) => r.packets).indexOf(1)).toBe(150);
    expect(rules.reduce((sum, r) => sum + r.packets, 0)).toBe(1);
    expect(ruleset.tables.get('filter')!.chains.get('FORWARD')!.packets).toBe(6);
  });
});
