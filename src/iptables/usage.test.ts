import { expect, test } from 'vitest';
import { registryOf } from '../rules/registry.js';
import { BASE_OPTIONS } from './base-options.js';
import { restoreUsage, saveUsage, usage } from './usage.js';

test('help names every command and option of iptables', () => {
  const text = usage('iptables');
  const missing = [...BASE_OPTIONS.values()].filter(({ letter }) => letter !== '0' && !text.includes(`-${letter}`));
  expect(missing).toEqual([]);
  expect(usage('ip6tables')).not.toContain('--fragments');
});

test('help of an extension has its options', () => {
  const { matches, targets } = registryOf(2);
  const extensions = ['conntrack', 'socket'].map((name) => matches.get(name)!.extension);
  const text = usage('iptables', [...extensions, targets.get('TRACE')!.extension]);
  expect(text).toContain('Options of conntrack:\n  [!] --ctstate VALUE\n');
  expect(text).toContain('Options of TRACE:\n  none\n');
});

test('lines fit a terminal', () => {
  const text = usage('ip6tables') + saveUsage('ip6tables-save') + restoreUsage('ip6tables-restore');
  expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
});
