import { expect, test } from 'vitest';
import { match, packet, rule, ruleset, testHost } from '../../test/support/rules.js';
import { RuleEngine } from './evaluate.js';
import { NO_FACTS } from './host-facts.js';
import { cpu } from './match/cpu.js';
import { realm } from './match/realm.js';
import { rpfilter } from './match/rpfilter.js';

test.each([
  [rpfilter, 0],
  [realm, 1],
  [cpu, 1],
] as const)('%o: a host that tells nothing of itself has no route, no realm, and one CPU', (extension, expected) => {
  const host = testHost('eth0');
  const engine = new RuleEngine(host);
  const rules = ruleset('mangle', { FORWARD: [rule({ matches: [{ extension, spec: extension.init(2) }] })] });
  engine.load(rules);
  engine.run(1, 2, packet({ inInterface: 1, hook: 2 }), host.context);
  engine.exportCounters(rules);
  expect(rules.tables.get('mangle')!.chains.get('FORWARD')!.rules[0]!.packets).toBe(expected);
});

test('a rule learns of its host when it is loaded', () => {
  const host = testHost('eth0');
  let seen: unknown;
  const use = match(() => true);
  use.extension.load = (_spec, c) => {
    seen = c.facts;
    return () => true;
  };
  new RuleEngine(host).load(ruleset('filter', { FORWARD: [rule({ matches: [use] })] }));
  expect(seen).toBe(NO_FACTS);
  const facts = { ...NO_FACTS, labels: new Map([['web', 1]]) };
  new RuleEngine({ ...host, facts }).load(ruleset('filter', { FORWARD: [rule({ matches: [use] })] }));
  expect(seen).toBe(facts);
});
