import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MATCHES, MATCHES_TO_COME, registryOf, TARGETS, TARGETS_TO_COME } from './registry.js';

test('every extension stands in the list, under its own name', () => {
  const files = (folder: string) =>
    readdirSync(new URL(`./${folder}/`, import.meta.url)).map((f) => f.replace(/\.ts$/, ''));
  for (const { name } of MATCHES) expect(files('match')).toContain(name);
  for (const { name } of TARGETS) expect(files('target')).toContain(name);
  expect(new Set(MATCHES.map((m) => m.name)).size).toBe(MATCHES.length);
  const upper = files('target').filter((name) => /^[A-Z]+$/.test(name));
  expect(TARGETS.map((t) => t.name).sort()).toEqual(upper.sort());
});

test('what is to come is not here yet', () => {
  expect(MATCHES.filter((m) => MATCHES_TO_COME.has(m.name))).toEqual([]);
  expect(TARGETS.filter((t) => TARGETS_TO_COME.has(t.name))).toEqual([]);
});

test('a family has its own extensions, aliases and implied matches', () => {
  const [four, six] = [registryOf(2), registryOf(10)];
  expect([four.matches.has('ttl'), six.matches.has('ttl'), six.matches.has('hl')]).toEqual([true, false, true]);
  expect(six.matches.get('icmpv6')?.extension.name).toBe('icmp6');
  expect([four.implied.get(1)?.extension.name, six.implied.get(1)?.extension.name]).toEqual(['icmp', undefined]);
  expect(four.matches.get('tcp')?.options.get('dport')?.name).toBe('destination-port');
});

test('no option excludes, or is named as, one that is not there', () => {
  for (const { name, options } of [...MATCHES, ...TARGETS]) {
    const names = options.map((o) => o.name);
    for (const option of options) {
      for (const other of option.excludes ?? []) expect(names, `${name} --${option.name}`).toContain(other);
    }
    expect(new Set(names).size, name).toBe(names.length);
  }
});
