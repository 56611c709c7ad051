import { describe, expect, it } from 'vitest';
import * as K from '../../test/support/rules.js';
import type { Template } from '../conntrack/lifecycle.js';
import { HOOK_FORWARD, HOOK_INPUT, HOOK_OUTPUT } from '../wire/packet.js';
import type { LoadContext } from './context.js';
import { RuleError } from './context.js';
import { interfaceFits, type LoadOptions, loadTable } from './load.js';
import type { Rule, TableName } from './model.js';

const { rule, jump, goTo, ACCEPT } = K;

function load(
  chains: Record<string, Rule[]>,
  options: LoadOptions = {},
  table: TableName = 'filter',
  family: 2 | 10 = 2,
) {
  const host = K.testHost('lo', 'eth0');
  const tables = K.ruleset(table, chains, {}, family).tables;
  return { host, table: loadTable(tables.get(table)!, family, host, options) };
}

/** A target that hands its LoadContext to `see`. */
function watching(see: (c: LoadContext) => void) {
  const use = K.target(() => -1);
  use.extension.load = (_spec: unknown, c: LoadContext) => {
    see(c);
    return () => -1;
  };
  return use;
}

describe('jumps', () => {
  const position = { file: 'rules.v4', line: 7, column: 1 };
  const rows: [string, Record<string, Rule[]>, string][] = [
    ['to itself', { FORWARD: [rule({ target: jump('a') })], a: [rule({ target: jump('a') })] }, 'symbolic links'],
    [
      'in a ring of three, one a goto',
      {
        INPUT: [rule({ target: jump('a') })],
        a: [rule({ target: goTo('b') })],
        b: [rule(), rule({ target: jump('c') })],
        c: [rule({ target: jump('a') })],
      },
      'symbolic links',
    ],
    ['to a chain that is not there', { FORWARD: [rule({ target: jump('x') })] }, 'chain "x" does not exist'],
    ['to a built-in chain', { FORWARD: [rule({ target: jump('INPUT') })] }, 'built-in'],
  ];
  it.each(rows)('%s are refused', (_name, chains, message) => {
    expect(() => load(chains)).toThrow(message);
  });

  it('name the rule that closes the ring', () => {
    const chains = { FORWARD: [rule({ target: jump('a') })], a: [rule({ target: jump('a'), position })] };
    let caught: unknown = null;
    try {
      load(chains);
    } catch (e) {
      caught = e;
    }
    expect(caught).toBeInstanceOf(RuleError);
    expect(caught).toMatchObject({ message: 'Too many levels of symbolic links', position, status: 1 });
  });

  it('in a ring that nothing reaches are taken, as by the kernel', () => {
    const ring = { a: [rule({ target: jump('b') })], b: [rule({ target: jump('a') })] };
    expect(() => load(ring)).not.toThrow();
    const behind = [rule({ target: ACCEPT }), rule({ target: jump('a') })];
    expect(() => load({ FORWARD: behind, ...ring })).not.toThrow();
  });

  it('to one chain from two places are no ring', () => {
    const twice = [rule({ target: jump('a') }), rule({ target: jump('b') })];
    expect(() => load({ FORWARD: twice, a: [rule({ target: jump('b') })], b: [] })).not.toThrow();
  });

  it('nest to a depth that is known; a goto does not count', () => {
    const { table } = load({
      FORWARD: [rule({ target: goTo('a') })],
      a: [rule({ target: jump('b') })],
      b: [rule({ target: jump('c') })],
      c: [],
    });
    expect(table.chains.map((c) => [c.chain.name, c.depth])).toEqual([
      ['INPUT', 0],
      ['FORWARD', 2],
      ['OUTPUT', 0],
      ['a', 2],
      ['b', 1],
      ['c', 0],
    ]);
  });

  it('of ten thousand chains one after the other are followed', () => {
    const chains: Record<string, Rule[]> = { FORWARD: [rule({ target: jump('c0') })] };
    for (let k = 0; k < 10_000; k++) chains[`c${k}`] = k === 9_999 ? [] : [rule({ target: jump(`c${k + 1}`) })];
    expect(load(chains).table.byName.get('FORWARD')!.depth).toBe(10_000);
  });
});

describe('what an extension is told', () => {
  it('the hooks from which its rule can be reached', () => {
    const seen: [string, number][] = [];
    const watch = () => rule({ target: watching((c) => seen.push([c.chain, c.hooks])) });
    load({
      INPUT: [rule({ target: jump('a') })],
      FORWARD: [watch(), rule({ target: jump('a') }), rule({ target: jump('b') })],
      OUTPUT: [rule({ target: ACCEPT }), watch()],
      a: [rule({ target: goTo('b') }), watch()],
      b: [watch()],
      unused: [watch()],
    });
    expect(seen).toEqual([
      ['FORWARD', 1 << HOOK_FORWARD],
      ['OUTPUT', 0],
      ['a', (1 << HOOK_INPUT) | (1 << HOOK_FORWARD)],
      ['b', (1 << HOOK_INPUT) | (1 << HOOK_FORWARD)],
      ['unused', 0],
    ]);
    expect(seen.every(([, hooks]) => (hooks & (1 << HOOK_OUTPUT)) === 0)).toBe(true);
  });

  it('interfaces, what others share, and one number for equal templates', () => {
    const template: Template = {
      zone: 1,
      zoneDirection: 3,
      zoneFromMark: false,
      helper: '',
      timeout: '',
      ctevents: -1,
      expevents: -1,
    };
    const numbers: number[] = [];
    const lists: unknown[] = [];
    const watch = (zone: number) =>
      rule({
        target: watching((c) => {
          expect([c.interfaceIndex('eth0'), c.interfaceIndex('wg0')]).toEqual([2, 0]);
          lists.push(c.shared('recent:ssh', () => []));
          numbers.push(c.template({ ...template, zone }));
        }),
      });
    const { host } = load({ PREROUTING: [watch(1), watch(1), watch(2)] }, {}, 'raw');
    expect(numbers).toEqual([1, 1, 2]);
    expect(lists[0]).toBe(lists[2]);
    expect(host.templates[2]).toMatchObject({ zone: 2 });
  });

  it('its refusal carries the position of its rule', () => {
    const position = { file: 'f', line: 3, column: 4 };
    const target = watching((c) => c.fail('no', 2));
    expect(() => load({ FORWARD: [rule({ target, position })] })).toThrow(
      expect.objectContaining({ position, status: 2 }),
    );
  });
});

describe('an extension that cannot be evaluated', () => {
  const unsupported = () => {
    const use = K.match(() => true, 'odd');
    delete use.extension.load;
    return rule({ matches: [use], position: { file: 'f', line: 9, column: 1 } });
  };

  it('is refused', () => {
    expect(() => load({ FORWARD: [unsupported()] })).toThrow('match "odd" is not supported');
  });

  it('is skipped with a warning when lenient; the others keep their numbers', () => {
    const warnings: string[] = [];
    const warn: LoadOptions['warn'] = (message, position) => warnings.push(`${position?.line}: ${message}`);
    const { table } = load({ FORWARD: [rule(), unsupported(), rule()] }, { lenient: true, warn });
    expect(warnings).toEqual(['9: rule skipped: match "odd" is not supported']);
    expect(table.byName.get('FORWARD')!.rules.map((r) => r.number)).toEqual([1, 3]);
  });

  it('is skipped alike if the extension itself refuses it', () => {
    const target = K.target(() => -1, 'CT');
    target.extension.load = (_spec, c) => c.fail('no such policy', 1);
    const warnings: string[] = [];
    const { table } = load({ FORWARD: [rule({ target }), rule()] }, { lenient: true, warn: (m) => warnings.push(m) });
    expect(warnings).toEqual(['rule skipped: no such policy']);
    expect(table.byName.get('FORWARD')!.rules.map((r) => r.number)).toEqual([2]);
    expect(() => load({ FORWARD: [rule({ target })] })).toThrow('no such policy');
  });
  it('is refused in a table where it may not stand, also when lenient', () => {
    const target = K.target(() => -1, 'CT');
    target.extension.tables = ['raw'];
    expect(() => load({ FORWARD: [rule({ target })] }, { lenient: true })).toThrow('"CT" may stand in table raw only');
  });

  it('is refused for a family that it does not know', () => {
    const use = K.match(() => true, 'ttl');
    use.extension.families = [2];
    expect(() => load({ FORWARD: [rule({ matches: [use] })] }, {}, 'filter', 10)).toThrow('does not exist for IPv6');
  });
});

it('a rule that asks what the host cannot know counts the packets that come to it', () => {
  const asked = K.match(() => true, 'ipvs');
  asked.extension.unsupported = 'there are no virtual services';
  const sure = K.match(() => true, 'policy');
  sure.extension.unsupported = 'there is no IPsec';
  sure.extension.isDoubtful = () => false;
  const matches = [asked, sure];
  const { host, table } = load({ FORWARD: [rule(), rule({ matches })] });
  const functions = table.byName.get('FORWARD')!.rules[1]!.matches;
  for (const f of functions) expect(f(K.packet(), host.context)).toBe(true);
  const [doubt] = table.doubts;
  expect(table.doubts).toHaveLength(1);
  expect(doubt).toMatchObject({ chain: 'FORWARD', number: 2, extension: '-m ipvs', packets: 1 });
});

it.each([
  ['eth0', 'eth0', true],
  ['eth0', 'eth01', false],
  ['eth+', 'eth', true],
  ['eth+', 'et', false],
  ['+', '', true],
  ['eth0', '', false],
])('interface %s and %s: %s', (pattern, name, fits) => {
  expect(interfaceFits(pattern, name)).toBe(fits);
});
