/** That every match and target was hit in some recording, and that each rule of those made for them (`ext-`) was hit and missed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MATCHES, registryOf, TARGETS } from '../../src/rules/registry.js';
import { CASES } from './case.js';

/** Extensions without a recording, and why. */
const NOT_RECORDED: Readonly<Record<string, string>> = {
  '-m frag':
    'fragments are put together before any rule; packets without tracking are in fixtures/rules/match-packets.tsv',
  '-m ipvs': 'the kernel that was recorded is built without IPVS',
  '-j CLUSTERIP': 'gone from the kernel since 6.3',
  '-j LED': 'the kernel that was recorded is built without it',
  '-j SECMARK': 'taken only where SELinux runs',
  '-j ULOG': 'gone from the kernel since 3.17',
};

/** A rule of a recorded ruleset with its packets. */
interface Counted {
  /** `v4` or `v6`, table, chain. */
  place: string;
  table: string;
  /** Without `-A CHAIN `. */
  text: string;
  packets: number;
}

/** What a case says of rules that cannot be hit and missed: a pattern that stands in `TABLE RULE`, and why. */
interface Odd {
  rule: string;
  why: string;
}

function rulesOf(folder: string): Counted[] {
  const rules: Counted[] = [];
  for (const version of ['v4', 'v6']) {
    const path = join(folder, 'expect', `rules.${version}`);
    if (!existsSync(path)) continue;
    let table = '';
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (line.startsWith('*')) table = line.slice(1);
      const rule = /^\[(\d+):\d+\] -A (\S+) ?(.*)$/.exec(line);
      if (rule === null) continue;
      rules.push({ place: `${version} ${table} ${rule[2]}`, table, text: rule[3]!, packets: Number(rule[1]) });
    }
  }
  return rules;
}

/** Rules of chains that begin with a rule for everything, which all packets of the chain have passed or none has. */
function unproven(rules: readonly Counted[], odd: readonly Odd[]): string[] {
  const totals = new Map<string, number | null>();
  const complaints: string[] = [];
  const needed = new Set<Odd>();
  for (const { place, table, text, packets } of rules) {
    if (!totals.has(place)) {
      totals.set(place, text === '' ? packets : null);
      continue;
    }
    const total = totals.get(place)!;
    if (total === null || (packets > 0 && packets < total)) continue;
    const reasons = odd.filter((o) => new RegExp(o.rule).test(`${table} ${text}`));
    for (const reason of reasons) needed.add(reason);
    if (reasons.length === 0) complaints.push(`${place}: ${text} [${packets} of ${total}]`);
  }
  for (const o of odd) if (!needed.has(o)) complaints.push(`not odd at all: ${o.rule}`);
  return complaints;
}

const all = readdirSync(CASES);
const cases = all.filter((name) => name.startsWith('ext-'));

describe('recordings of matches and targets', () => {
  it.each(cases)('%s: each rule was hit and missed', (name) => {
    const folder = join(CASES, name);
    const { odd } = parse(readFileSync(join(folder, 'case.yaml'), 'utf8')) as { odd?: Odd[] };
    const rules = rulesOf(folder);
    expect(rules.length).toBeGreaterThan(1);
    expect(unproven(rules, odd ?? [])).toEqual([]);
  });

  const used = { 2: usedIn('v4'), 10: usedIn('v6') };

  for (const family of [2, 10] as const) {
    const { matches, targets } = registryOf(family);
    it.each([
      ...[...matches.values()].map(({ extension }) => `-m ${extension.name}`),
      ...[...targets.values()].map(({ extension }) => `-j ${extension.name}`),
    ])(`family ${family}: %s was hit`, (use) => {
      if (NOT_RECORDED[use] !== undefined) expect(used[family].has(use)).toBe(false);
      else expect([...used[family]]).toContain(use);
    });
  }

  it('all extensions that have none are there', () => {
    const known = [...MATCHES.map(({ name }) => `-m ${name}`), ...TARGETS.map(({ name }) => `-j ${name}`)];
    expect(Object.keys(NOT_RECORDED).filter((use) => !known.includes(use))).toEqual([]);
  });

  it('a rule that was never hit, or always, is seen', () => {
    const rule = (text: string, packets: number) => ({ place: 'v4 raw t', table: 'raw', text, packets });
    const rules = [rule('', 3), rule('-p tcp', 0), rule('-p udp', 3), rule('-p icmp', 1)];
    expect(unproven(rules, [])).toEqual(['v4 raw t: -p tcp [0 of 3]', 'v4 raw t: -p udp [3 of 3]']);
    expect(unproven(rules, [{ rule: '^raw -p (tcp|udp)$', why: '' }])).toEqual([]);
    expect(unproven(rules.slice(2), [{ rule: 'icmp', why: '' }])).toEqual(['not odd at all: icmp']);
  });
});

/** `-m NAME` and `-j NAME` of all rules of one family that a packet has passed. */
function usedIn(version: string): Set<string> {
  const used = new Set<string>();
  for (const name of all) {
    for (const { place, text, packets } of rulesOf(join(CASES, name))) {
      if (!place.startsWith(version) || packets === 0) continue;
      for (const [use] of text.matchAll(/(?<!\S)-[mj] [\w-]+/g)) used.add(use);
    }
  }
  return used;
}
