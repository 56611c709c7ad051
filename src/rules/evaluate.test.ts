import { describe, expect, it } from 'vitest';
import * as K from '../../test/support/rules.js';
import {
  AF_INET6,
  HAS_BROKEN_CHAIN,
  HAS_FRAGMENT,
  HAS_LATER_FRAGMENT,
  HOOK_FORWARD,
  HOOK_INPUT,
} from '../wire/packet.js';
import { VERDICT_ACCEPT, VERDICT_CONTINUE, VERDICT_DROP, VERDICT_REJECT } from './context.js';
import { RuleEngine, TABLE_FILTER, TABLE_MANGLE } from './evaluate.js';
import type { Rule, Ruleset } from './model.js';
import { TRACE_POLICY, TRACE_RETURN, TRACE_RULE } from './program.js';

const { rule, ACCEPT, DROP, RETURN, jump, goTo, packet, net } = K;
const hotdrop = K.match((_p, c) => {
  c.hotdrop = true;
  return false;
});
const tcp = { number: 6, invert: false };

function forward(chains: Record<string, Rule[]>, policy: 'ACCEPT' | 'DROP' = 'ACCEPT') {
  const host = K.testHost('eth0', 'eth1', 'ppp0');
  const engine = new RuleEngine(host);
  const rules = K.ruleset('filter', chains, { FORWARD: policy });
  engine.load(rules);
  const run = (p = packet()) => engine.run(TABLE_FILTER, HOOK_FORWARD, p, host.context);
  return { host, engine, rules, run };
}

/** `CHAIN packets:bytes` of the policy, then `p:b` of each rule, for all chains that are not empty. */
function counts(engine: RuleEngine, rules: Ruleset, ...chains: string[]): string[] {
  engine.exportCounters(rules);
  const table = rules.tables.get('filter')!;
  return chains.map((name) => {
    const chain = table.chains.get(name)!;
    return [`${chain.packets}:${chain.bytes}`, ...chain.rules.map((r) => `${r.packets}:${r.bytes}`)].join(' ');
  });
}

describe('a walk', () => {
  it('ends at the first rule with a verdict and counts the rules that matched on the way', () => {
    const { engine, rules, run } = forward({
      FORWARD: [rule({ source: net('10.9.0.0/16') }), rule(), rule({ target: DROP }), rule({ target: ACCEPT })],
    });
    expect(run()).toBe(VERDICT_DROP);
    expect(counts(engine, rules, 'FORWARD')).toEqual(['0:0 0:0 1:60 1:60 0:0']);
    expect(engine.decision()).toMatchObject({ family: 2, table: 'filter', chain: 'FORWARD', number: 3 });
  });

  it('comes to the policy, which counts, when no rule decides', () => {
    const { engine, rules, run } = forward({ FORWARD: [rule()] }, 'DROP');
    expect(run()).toBe(VERDICT_DROP);
    expect(counts(engine, rules, 'FORWARD', 'INPUT')).toEqual(['1:60 1:60', '0:0']);
    expect(engine.decision()).toMatchObject({ chain: 'FORWARD', number: null, rule: null });
  });

  it('returns from a user chain at its end and at RETURN, behind the rule that jumped', () => {
    const { engine, rules, run } = forward(
      {
        FORWARD: [rule({ target: jump('a') }), rule({ target: jump('b') }), rule()],
        a: [rule({ target: jump('b') }), rule(), rule({ target: RETURN }), rule({ target: ACCEPT })],
        b: [rule()],
      },
      'DROP',
    );
    expect(run()).toBe(VERDICT_DROP);
    expect(counts(engine, rules, 'FORWARD', 'a', 'b')).toEqual([
      '1:60 1:60 1:60 1:60',
      '0:0 1:60 1:60 1:60 0:0',
      '0:0 2:120',
    ]);
  });

  it('does not come back from a goto, but to the caller of the chain that went', () => {
    const { engine, rules, run } = forward({
      FORWARD: [rule({ target: jump('a') }), rule(), rule({ target: goTo('b') }), rule({ target: DROP })],
      a: [rule({ target: goTo('b') }), rule({ target: DROP })],
      b: [rule()],
    });
    expect(run()).toBe(VERDICT_ACCEPT);
    expect(counts(engine, rules, 'FORWARD', 'a', 'b')).toEqual([
      '1:60 1:60 1:60 1:60 0:0',
      '0:0 1:60 0:0',
      '0:0 2:120',
    ]);
  });

  it('takes RETURN in a built-in chain as the policy', () => {
    const { engine, rules, run } = forward({ FORWARD: [rule({ target: RETURN }), rule({ target: ACCEPT })] }, 'DROP');
    expect(run()).toBe(VERDICT_DROP);
    expect(counts(engine, rules, 'FORWARD')).toEqual(['1:60 1:60 0:0']);
    expect(engine.decision()).toMatchObject({ number: null });
  });

  it('drops at once when a match says so, and the rule does not count', () => {
    const { engine, rules, run } = forward({
      FORWARD: [rule({ matches: [hotdrop], target: ACCEPT }), rule({ target: ACCEPT })],
    });
    expect(run()).toBe(VERDICT_DROP);
    expect(counts(engine, rules, 'FORWARD')).toEqual(['0:0 0:0 0:0']);
    expect(engine.decision()).toMatchObject({ number: 1 });
  });

  it('runs the matches of a rule in order, up to the first that fails', () => {
    const order: string[] = [];
    const say = (name: string, result: boolean) => K.match(() => order.push(name) > 0 && result);
    const { run } = forward({ FORWARD: [rule({ matches: [say('a', true), say('b', false), say('c', true)] })] });
    run();
    expect(order).toEqual(['a', 'b']);
  });

  it('sees what a target changed', () => {
    const change = K.target((p) => {
      p.tuple[0] = K.word('10.7.7.7');
      p.l3Len = 100;
      return VERDICT_CONTINUE;
    });
    const { engine, rules, run } = forward({
      FORWARD: [rule({ target: change }), rule({ source: net('10.7.7.7') })],
    });
    run();
    expect(counts(engine, rules, 'FORWARD')).toEqual(['1:100 1:60 1:100']);
  });

  it('gives the verdict of a target', () => {
    const { engine, run } = forward({ FORWARD: [rule({ target: K.target(() => VERDICT_REJECT) })] });
    expect(run()).toBe(VERDICT_REJECT);
    expect(engine.decision()).toMatchObject({ number: 1 });
  });

  it('survives a target that walks tables itself', () => {
    const { engine, rules, run, host } = forward({
      FORWARD: [rule({ target: jump('a') }), rule()],
      a: [
        rule({
          target: K.target((_p, c) => {
            expect(engine.run(TABLE_FILTER, HOOK_INPUT, packet(), c)).toBe(VERDICT_DROP);
            return VERDICT_CONTINUE;
          }),
        }),
      ],
      INPUT: [rule({ target: jump('b') })],
      b: [rule({ target: jump('c') })],
      c: [rule({ matches: [hotdrop] })],
    });
    host.context.hook = 4;
    expect(run()).toBe(VERDICT_ACCEPT);
    expect(host.context.hook).toBe(4);
    expect(counts(engine, rules, 'FORWARD')).toEqual(['1:60 1:60 1:60']);
    expect(engine.decision()).toMatchObject({ chain: 'FORWARD', number: null });
  });

  it('accepts in a table that is not loaded and leaves the decision as it was', () => {
    const { engine, run, host } = forward({ FORWARD: [rule({ target: DROP })] });
    run();
    expect(engine.run(TABLE_MANGLE, HOOK_FORWARD, packet(), host.context)).toBe(VERDICT_ACCEPT);
    expect(engine.run(TABLE_FILTER, HOOK_FORWARD, packet({ family: AF_INET6 }), host.context)).toBe(VERDICT_ACCEPT);
    expect(engine.decision()).toMatchObject({ table: 'filter', number: 1 });
    engine.forget();
    expect(engine.decision()).toBeNull();
  });
});

describe('base matches', () => {
  const eth = (name: string, invert = false) => ({ name, invert });
  const later = packet({ has: HAS_FRAGMENT | HAS_LATER_FRAGMENT, l4Off: -1, payloadOff: -1 });
  const rows: [string, Partial<Rule>, ReturnType<typeof packet>, boolean][] = [
    ['-s fits', { source: net('10.0.0.0/24') }, packet(), true],
    ['-s does not fit', { source: net('10.0.1.0/24') }, packet(), false],
    ['! -s fits', { source: net('10.0.1.0/24', true) }, packet(), true],
    ['! -s does not fit', { source: net('10.0.0.0/24', true) }, packet(), false],
    ['! -s 0/0 never fits', { source: net('0.0.0.0/0', true) }, packet(), false],
    ['-d fits', { destination: net('10.0.0.2') }, packet(), true],
    ['-d does not fit', { destination: net('10.0.0.1') }, packet(), false],
    ['! -d does not fit', { destination: net('10.0.0.2', true) }, packet(), false],
    ['-i by name', { inInterface: eth('eth1') }, packet({ inInterface: 2 }), true],
    ['-i another', { inInterface: eth('eth1') }, packet({ inInterface: 1 }), false],
    ['-i where there is none', { inInterface: eth('eth1') }, packet(), false],
    ['-i unknown to the host', { inInterface: eth('wlan0') }, packet({ inInterface: 1 }), false],
    ['! -i unknown to the host', { inInterface: eth('wlan0', true) }, packet({ inInterface: 1 }), true],
    ['! -i where there is none', { inInterface: eth('eth0', true) }, packet(), true],
    ['-i with +', { inInterface: eth('eth+') }, packet({ inInterface: 2 }), true],
    ['-i with + does not fit', { inInterface: eth('eth+') }, packet({ inInterface: 3 }), false],
    ['! -i with +', { inInterface: eth('eth+', true) }, packet({ inInterface: 3 }), true],
    ['-i + fits even none', { inInterface: eth('+') }, packet(), true],
    ['-o fits', { outInterface: eth('ppp0') }, packet({ outInterface: 3 }), true],
    ['-o is not -i', { outInterface: eth('ppp0') }, packet({ inInterface: 3, outInterface: 1 }), false],
    ['-p fits', { protocol: tcp }, packet(), true],
    ['-p another', { protocol: tcp }, packet({ protocol: 17 }), false],
    ['! -p', { protocol: { number: 6, invert: true } }, packet({ protocol: 17 }), true],
    ['! -p does not fit', { protocol: { number: 6, invert: true } }, packet(), false],
    ['-p 0 is every protocol', { protocol: { number: 0, invert: false } }, packet(), true],
    ['-f a later fragment', { fragment: { invert: false } }, later, true],
    ['-f a whole packet', { fragment: { invert: false } }, packet(), false],
    ['-f a first fragment', { fragment: { invert: false } }, packet({ has: HAS_FRAGMENT }), false],
    ['! -f a later fragment', { fragment: { invert: true } }, later, false],
    ['! -f a whole packet', { fragment: { invert: true } }, packet(), true],
  ];
  it.each(rows)('%s', (_name, part, p, fits) => {
    const { run } = forward({ FORWARD: [rule({ ...part, target: DROP })] });
    expect(run(p)).toBe(fits ? VERDICT_DROP : VERDICT_ACCEPT);
  });

  it('know interfaces that came after the rules', () => {
    const { engine, host, run } = forward({ FORWARD: [rule({ inInterface: eth('wg0'), target: DROP })] });
    expect(run(packet({ inInterface: 3 }))).toBe(VERDICT_ACCEPT);
    (host.interfaces as unknown[]).push(K.testInterface('wg0', 4));
    engine.interfacesChanged();
    expect(run(packet({ inInterface: 4 }))).toBe(VERDICT_DROP);
  });

  it('work beyond what fits into the class word', () => {
    const many: Rule[] = [];
    for (let k = 0; k < 300; k++) {
      many.push(rule({ inInterface: eth(`veth${k}`), outInterface: eth(`veth${k}`, true) }));
      if (k < 255) many.push(rule({ protocol: { number: k + 1, invert: k % 2 === 1 } }));
    }
    many.push(
      rule({ inInterface: eth('eth1'), outInterface: eth('eth0', true), fragment: { invert: true }, target: DROP }),
    );
    const { run } = forward({ FORWARD: many });
    expect(run(packet({ inInterface: 2, outInterface: 3 }))).toBe(VERDICT_DROP);
    expect(run(packet({ inInterface: 2, outInterface: 1 }))).toBe(VERDICT_ACCEPT);
    expect(run(packet({ inInterface: 1, outInterface: 3 }))).toBe(VERDICT_ACCEPT);
  });
});

describe('IPv6', () => {
  function run6(rules: Rule[], p: ReturnType<typeof packet>) {
    const host = K.testHost('eth0');
    const engine = new RuleEngine(host);
    engine.load(K.ruleset('filter', { FORWARD: rules }, {}, 10));
    return engine.run(TABLE_FILTER, HOOK_FORWARD, p, host.context);
  }
  const address = (...words: number[]) => Int32Array.from(words);
  const from = (last: number) => {
    const p = packet({ family: AF_INET6 });
    p.tuple.set([0x20010db8, 1, 2, last], 0);
    return p;
  };
  const rows: [string, number[], number[], boolean, number, boolean][] = [
    ['all 128 bits', [0x20010db8, 1, 2, 3], [-1, -1, -1, -1], false, 3, true],
    ['the last word differs', [0x20010db8, 1, 2, 3], [-1, -1, -1, -1], false, 4, false],
    ['/64', [0x20010db8, 1, 0, 0], [-1, -1, 0, 0], false, 4, true],
    ['another /64', [0x20010db8, 2, 0, 0], [-1, -1, 0, 0], false, 4, false],
    ['! and the last word differs', [0x20010db8, 1, 2, 3], [-1, -1, -1, -1], true, 4, true],
    ['! and all the same', [0x20010db8, 1, 2, 3], [-1, -1, -1, -1], true, 3, false],
  ];
  it.each(rows)('-s: %s', (_name, a, m, invert, last, fits) => {
    const source = { address: address(...a), mask: address(...m), invert };
    expect(run6([rule({ source, target: DROP })], from(last))).toBe(fits ? VERDICT_DROP : VERDICT_ACCEPT);
  });

  it('-p drops a packet whose extension headers cannot be followed; without -p it passes', () => {
    const broken = packet({ family: AF_INET6, protocol: 60, has: HAS_BROKEN_CHAIN, l4Off: -1, payloadOff: -1 });
    expect(run6([rule({ protocol: { number: 17, invert: false }, target: ACCEPT })], broken)).toBe(VERDICT_DROP);
    expect(run6([rule({ protocol: { number: 17, invert: true }, target: ACCEPT })], broken)).toBe(VERDICT_DROP);
    expect(run6([rule({ target: ACCEPT })], broken)).toBe(VERDICT_ACCEPT);
    const elsewhere = { source: { ...net('10.0.0.0/8'), invert: true }, protocol: { number: 17, invert: false } };
    expect(run6([rule({ ...elsewhere, target: ACCEPT })], broken)).toBe(VERDICT_ACCEPT);
  });
});

describe('a traced packet', () => {
  it('reports rules, ends of user chains and the policy, each with its number', () => {
    const trace = K.target((p) => {
      p.traced = true;
      return VERDICT_CONTINUE;
    });
    const { run, host } = forward({
      FORWARD: [
        rule({ target: trace }),
        rule({ source: net('1.2.3.4') }),
        rule({ target: jump('a') }),
        rule({ target: jump('b') }),
      ],
      a: [rule({ protocol: tcp })],
      b: [rule({ protocol: tcp, target: RETURN })],
    });
    run();
    // Chains in the table's order: INPUT 0, FORWARD 1, OUTPUT 2, a 3, b 4.
    expect(host.traced).toEqual([
      [TABLE_FILTER, 1, 3, TRACE_RULE],
      [TABLE_FILTER, 3, 1, TRACE_RULE],
      [TABLE_FILTER, 3, 2, TRACE_RETURN],
      [TABLE_FILTER, 1, 4, TRACE_RULE],
      [TABLE_FILTER, 4, 1, TRACE_RULE],
      [TABLE_FILTER, 1, 5, TRACE_POLICY],
    ]);
  });

  it('calls a verdict without any match policy or return, as the kernel does', () => {
    const { run, host } = forward({
      FORWARD: [rule({ target: jump('a') }), rule({ target: ACCEPT })],
      a: [rule({ target: RETURN })],
    });
    run(packet({ traced: true }));
    expect(host.traced).toEqual([
      [TABLE_FILTER, 1, 1, TRACE_RULE],
      [TABLE_FILTER, 3, 1, TRACE_RETURN],
      [TABLE_FILTER, 1, 2, TRACE_POLICY],
    ]);
  });
});

describe('loading', () => {
  it('keeps the former rules when it refuses the new ones', () => {
    const { engine, run } = forward({ FORWARD: [rule({ target: DROP })] });
    const loop = K.ruleset('filter', { FORWARD: [rule({ target: jump('a') })], a: [rule({ target: jump('a') })] });
    expect(() => engine.load(loop)).toThrow('Too many levels of symbolic links');
    expect(run()).toBe(VERDICT_DROP);
  });

  it('goes on from the counters that the rules had', () => {
    const { engine, rules, run } = forward({ FORWARD: [rule({ packets: 5, bytes: 500 })] });
    run();
    expect(counts(engine, rules, 'FORWARD')).toEqual(['1:60 6:560']);
  });

  it('replaces all tables of the family and none of the other', () => {
    const { engine, run, host } = forward({ FORWARD: [rule({ target: DROP })] });
    engine.load(K.ruleset('filter', {}, { FORWARD: 'DROP' }, 10));
    engine.load(K.ruleset('mangle', {}));
    expect(run()).toBe(VERDICT_ACCEPT);
    expect(engine.run(TABLE_FILTER, HOOK_FORWARD, packet({ family: AF_INET6 }), host.context)).toBe(VERDICT_DROP);
  });
});
