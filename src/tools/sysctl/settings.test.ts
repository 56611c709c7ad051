import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SETTINGS, Settings } from '../../conntrack/sysctl.js';
import { isSysctlKnown, sysctlProblem } from '../../host/sysctl-values.js';
import { defaultOf, defaultRule, PLENTIFUL } from './defaults.js';
import { compareVersions, highest, isIn, type SysctlRow } from './model.js';
import {
  aliasesOf,
  byPath,
  changesAfter,
  dotted,
  findRenamed,
  findRow,
  namesOf,
  SYSCTLS,
  toName,
  toPath,
} from './settings.js';
import { CONNTRACK_SETTINGS } from './settings-conntrack.js';
import { GONE_SETTINGS } from './settings-gone.js';
import { IP_SETTINGS } from './settings-ip.js';
import { TIMEOUT_SETTINGS } from './settings-timeouts.js';

const GIB = 2 ** 30;
const NF = 'net.netfilter.nf_conntrack_';

function rowOf(name: string): SysctlRow {
  const row = findRow(name);
  if (row === null) throw new Error(`no row ${name}`);
  return row;
}

describe('the table', () => {
  test.each(SYSCTLS.map((row) => [row.name, row] as const))('%s: its row holds together', (_name, row) => {
    expect(row.text).toMatch(/^[A-Z].*\.$/s);
    expect(row.since).toMatch(/^\d+\.\d+(\.\d+)?$/);
    expect(row.instead === null).toBe(row.gone === null);
    expect(row.limit === null).toBe(row.unit === 'word');
    if (row.gone !== null) expect(compareVersions(row.gone, row.since)).toBeGreaterThan(0);
    if (row.limit !== null && typeof row.initial === 'number') {
      expect(row.initial).toBeGreaterThanOrEqual(row.limit.least);
      expect(row.initial).toBeLessThanOrEqual(row.limit.most);
      // nobody is warned of a default
      expect(row.harms.filter((h) => h.when(row.initial as number, () => undefined))).toEqual([]);
    }
    for (const change of row.changes) {
      expect(compareVersions(change.since, row.since)).toBeGreaterThan(0);
      expect(change.text).not.toMatch(/\.$/);
    }
    expect([...row.changes].sort((a, b) => compareVersions(a.since, b.since))).toEqual(row.changes);
  });

  test('each part is in the whole', () => {
    const parts = [CONNTRACK_SETTINGS, TIMEOUT_SETTINGS, IP_SETTINGS, GONE_SETTINGS];
    expect(new Set(parts.flat())).toEqual(new Set(SYSCTLS));
    expect(SYSCTLS).toHaveLength(parts.flat().length);
    expect(TIMEOUT_SETTINGS.every((row) => row.unit === 'seconds' && row.limit?.isTicks)).toBe(true);
    expect(GONE_SETTINGS.every((row) => row.gone !== null)).toBe(true);
  });

  const harms = SYSCTLS.flatMap((row) => row.harms.map((harm) => [row.name, harm.at, harm] as const));
  test.each(harms)('%s: the harm of %s is there, and not beside', (_name, at, harm) => {
    const is = (v: number): boolean => harm.when(v, (name) => (name.endsWith('buckets') ? 100 : 5));
    const below = /^below (\d+)$/.exec(at)?.[1];
    const allBut = /^all but ([0-9, and]+)$/.exec(at)?.[1];
    if (below !== undefined) expect([is(Number(below) - 1), is(Number(below))]).toEqual([true, false]);
    else if (allBut !== undefined) {
      const fine = allBut.split(/, | and /).map(Number);
      expect([...fine, fine.at(-1)! + 1, -1].map(is)).toEqual([...fine.map(() => false), true, true]);
    } else if (/^\d+$/.test(at)) expect([is(Number(at)), is(Number(at) + 1)]).toEqual([true, false]);
    else if (at === '0 or less') expect([-1, 0, 1].map(is)).toEqual([true, true, false]);
    else if (at === 'above 0') expect([0, 1].map(is)).toEqual([false, true]);
    else if (at === 'more than 8 times nf_conntrack_buckets') expect([800, 801].map(is)).toEqual([false, true]);
    else expect([at, [5, 6].map(is)]).toEqual(['no more than nf_conntrack_count', [true, false]]);
  });

  test('no name stands twice', () => {
    const names = SYSCTLS.flatMap((row) => [row.name, ...row.wasNamed]);
    expect(names.length).toBe(new Set(names).size);
    expect(SYSCTLS.length).toBeGreaterThan(70);
  });

  test("has every setting of the engine, with the engine's default", () => {
    for (const { name, initial } of SETTINGS) {
      expect([name, defaultOf(rowOf(NF + name), PLENTIFUL)]).toEqual([name, initial]);
    }
    const settings = new Settings();
    for (const row of SYSCTLS.filter((r) => r.gone === null && settings.get(r.name) !== undefined)) {
      expect([row.name, settings.get(row.name)]).toEqual([row.name, defaultOf(row, PLENTIFUL)]);
    }
  });

  test('has every setting that the simulated host reads', () => {
    const folder = fileURLToPath(new URL('../../host', import.meta.url));
    const sources = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    const text = sources.map((name) => readFileSync(`${folder}/${name}`, 'utf8')).join('');
    const names = [...text.matchAll(/number\(\s*['`](net\.[^'`]+)['`]|text\(\s*['`](net\.[^'`]+)['`]/g)].map(
      (m) => m[1] ?? m[2]!,
    );
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => findRow(name.replace(/\$\{[^}]*\}/, 'eth0')) === null)).toEqual([]);
  });

  test('has every setting that a host file may have, and its limits', () => {
    const known = SYSCTLS.map((r) => r.name.replace('*', 'all').replace(/N$/, '2')).filter(isSysctlKnown);
    expect(known.length).toBeGreaterThan(50);
    for (const name of known) {
      const { limit } = rowOf(name);
      if (limit === null) continue;
      const least = limit.isTicks ? 0 : Math.max(0, limit.least);
      const most = Math.min(Number.MAX_SAFE_INTEGER, limit.most);
      expect([name, sysctlProblem(name, least), sysctlProblem(name, most)]).toEqual([name, null, null]);
      expect([name, sysctlProblem(name, least - 1) === null]).toEqual([name, false]);
      if (most < Number.MAX_SAFE_INTEGER) expect([name, sysctlProblem(name, most + 1) === null]).toEqual([name, false]);
    }
  });
});

describe('findRow', () => {
  test.each([
    ['an exact name', `${NF}max`, `${NF}max`],
    ['an interface', 'net.ipv4.conf.eth0.rp_filter', 'net.ipv4.conf.*.rp_filter'],
    ['an interface with a dot, which is a slash here', 'net.ipv4.conf.eth0/5.rp_filter', 'net.ipv4.conf.*.rp_filter'],
    ['two parts are no interface', 'net.ipv4.conf.eth0.5.rp_filter', null],
    ['no interface at all', 'net.ipv4.conf..rp_filter', null],
    ['a number', 'net.netfilter.nf_log.10', 'net.netfilter.nf_log.N'],
    ['a letter is no number', 'net.netfilter.nf_log.x', null],
    ['one that is gone', `${NF}helper`, `${NF}helper`],
    ['none of ours', 'net.ipv4.tcp_mem', null],
    ['a name of before is no row', 'net.ipv4.ip_conntrack_max', null],
  ])('%s', (_claim, name, row) => expect(findRow(name)?.name ?? null).toBe(row));

  test.each([
    ['net.ipv4.ip_conntrack_max', `${NF}max`],
    ['net.ipv4.netfilter.ip_conntrack_max', `${NF}max`],
    ['net.ipv4.netfilter.ip_conntrack_tcp_timeout_established', `${NF}tcp_timeout_established`],
    ['net.ipv4.netfilter.ip_conntrack_udp_timeout', `${NF}udp_timeout`],
    ['net.ipv4.netfilter.ip_conntrack_sctp_timeout_closed', `${NF}sctp_timeout_closed`],
    ['net.ipv4.netfilter.ip_conntrack_nothing', undefined],
  ])('%s was renamed', (name, row) => expect(findRenamed(name)?.row.name).toBe(row));
});

describe('names and paths', () => {
  test.each([
    ['net.ipv4.ip_forward', 'net/ipv4/ip_forward'],
    ['net/ipv4/ip_forward', 'net/ipv4/ip_forward'],
    ['net.ipv4.conf.eth0/100.rp_filter', 'net/ipv4/conf/eth0.100/rp_filter'],
    ['net/ipv4/conf/eth0.100/rp_filter', 'net/ipv4/conf/eth0.100/rp_filter'],
    ['nothing', 'nothing'],
    ['', ''],
  ])('%s is at %s', (name, path) => {
    expect(toPath(name)).toBe(path);
    expect(toPath(toName(path))).toBe(path);
  });

  test('either separator is one name', () => expect(dotted(' net/ipv4/ip_forward ')).toBe('net.ipv4.ip_forward'));

  test('two names of one setting know each other', () => {
    expect(aliasesOf('net.nf_conntrack_max')).toContain(`${NF}max`);
    expect(aliasesOf(`${NF}acct`)).toEqual([`${NF}acct`]);
  });

  test('names of a host, in the order of folders', () => {
    const names = namesOf(['lo', 'eth0.100']);
    expect(names).toContain('net.ipv4.conf.eth0/100.rp_filter');
    expect(names.filter((n) => n === 'net.ipv4.conf.lo.rp_filter')).toHaveLength(1);
    expect(names.filter((n) => n.startsWith('net.netfilter.nf_log'))).toEqual([
      ...['0', '1', '10', '2', '3', '4', '5', '6', '7', '8', '9'].map((n) => `net.netfilter.nf_log.${n}`),
      'net.netfilter.nf_log_all_netns',
    ]);
    expect(names).not.toContain(`${NF}helper`);
    expect(namesOf([], '5.4')).toContain(`${NF}helper`);
    expect(namesOf([], '5.4')).not.toContain(`${NF}tcp_ignore_invalid_rst`);
  });

  test('byPath compares part by part, not the whole', () => {
    expect(byPath('a.b', 'a-b')).toBeLessThan(0);
    expect(byPath('a.b', 'a.b.c')).toBeLessThan(0);
    expect(byPath('a.b', 'a.b')).toBe(0);
  });
});

describe('versions', () => {
  test.each([
    ['6.18', '6.18', 0],
    ['6.18.44-fc', '6.18', 44],
    ['5.4', '5.15', -11],
    ['6.0', '5.19', 1],
    ['2.6.31', '2.6.9', 22],
    ['nonsense', '0.0', 0],
  ])('%s and %s', (a, b, sign) => expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(sign)));

  test('a setting is in the releases from its first to the one without it', () => {
    const helper = rowOf(`${NF}helper`);
    expect(['3.4', '3.5', '5.19.17', '6.0'].map((v) => isIn(helper, v))).toEqual([false, true, true, false]);
    expect(changesAfter(helper, '4.6').map((c) => c.since)).toEqual(['4.7']);
    expect(changesAfter(helper, '4.7')).toEqual([]);
  });

  test('the longest timeout depends on the clock', () => {
    const { limit } = rowOf(`${NF}udp_timeout`);
    expect([100, 250, 1000].map((hz) => highest(limit!, hz))).toEqual([21474836, 8589934, 2147483]);
    expect(highest(rowOf(`${NF}acct`).limit!, 1000)).toBe(1);
  });
});

describe('defaults', () => {
  test.each([
    ['6.18', 8 * GIB, 262144, 262144, 4096],
    ['6.18', 4 * GIB, 65536, 65536, 1024],
    ['6.18', 2 * GIB, 65536, 65536, 1024],
    ['6.18', GIB, 8192, 8192, 128],
    ['6.18', 64 * 2 ** 20, 1024, 1024, 16],
    ['5.14', 8 * GIB, 65536, 262144, 1024],
    ['5.14', 2 * GIB, 16384, 65536, 256],
    ['5.14', 2 ** 20, 512, 2048, 8],
  ])('Linux %s with %d bytes of memory', (kernel, memoryBytes, buckets, max, expectMax) => {
    const host = { kernel, memoryBytes };
    expect(['buckets', 'max', 'expect_max'].map((n) => defaultOf(rowOf(NF + n), host))).toEqual([
      buckets,
      max,
      expectMax,
    ]);
    expect(defaultOf(rowOf('net.nf_conntrack_max'), host)).toBe(max);
  });

  test.each([
    ['events', '5.18', 1],
    ['events', '5.19', 2],
    ['helper', '4.6', 1],
    ['helper', '4.7', 0],
    ['udp_timeout_stream', '4.19', 180],
    ['udp_timeout_stream', '5.0', 120],
    ['sctp_timeout_established', '6.1', 432000],
    ['sctp_timeout_established', '6.2', 210],
    ['frag6_high_thresh', '3.8', 262144],
    ['frag6_high_thresh', '3.9', 4194304],
  ])('%s in Linux %s', (name, kernel, value) => {
    expect(defaultOf(rowOf(NF + name), { kernel, memoryBytes: GIB })).toBe(value);
  });

  test('a count has none; rules say what they depend on', () => {
    expect(defaultOf(rowOf(`${NF}count`), PLENTIFUL)).toBeNull();
    expect(['buckets', 'max', 'expect_max', 'count', 'acct'].map((n) => defaultRule(rowOf(NF + n)) !== '')).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
  });
});
