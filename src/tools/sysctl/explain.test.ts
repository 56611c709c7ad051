import { describe, expect, test } from 'vitest';
import { parseConf } from './conf.js';
import { PLENTIFUL } from './defaults.js';
import { confOf, explain, isChanged, jsonOf, limitText, valueText, wrap } from './explain.js';
import { findRow, SYSCTLS } from './settings.js';

const NF = 'net.netfilter.nf_conntrack_';
const nothing = (): undefined => undefined;

describe('explain', () => {
  test('says it all', () => {
    expect(explain(`${NF}events`, '0', PLENTIFUL, nothing)).toBe(
      `${NF}events = 0
  Whether programs can hear of connections over netlink (conntrack -E, conntrackd, ulogd): 0 no, 1
    always, 2 for connections that begin while somebody listens.
  Default: 2.
  Takes: a choice, from 0 to 2; each network namespace has its own.
  Since Linux 2.6.31. Needs CONFIG_NF_CONNTRACK_EVENTS.
  Linux 5.19: 2, and the default is 2; before there were 0 and 1, and the default was 1.
  Warning: conntrack -E, conntrackd and ulogd hear nothing.
`,
    );
  });

  test('of an older kernel: its default', () => {
    expect(explain(`${NF}events`, '0', { ...PLENTIFUL, kernel: '5.4' }, nothing)).toContain('  Default: 1.\n');
  });

  test.each([
    ['a name of before', 'net.ipv4.ip_conntrack_max', `  Gone since Linux 4.9: use ${NF}max.\n`],
    [
      'one that is gone',
      `${NF}udplite_timeout`,
      `  Gone since Linux 4.16: use ${NF}udp_timeout: it is for UDP-Lite, too.\n`,
    ],
    ['one that was renamed', `${NF}buckets`, '  Was named net.ipv4.netfilter.ip_conntrack_buckets.\n'],
    ['a rule for the default', `${NF}max`, '  Default: 262144 entries; as many as nf_conntrack_buckets had at boot.\n'],
    ['none of ours', 'kernel.panic', '  Nothing is known of it here: connection tracking does not depend on it.\n'],
  ])('%s', (_claim, name, line) => expect(explain(name, null, PLENTIFUL, nothing)).toContain(line));

  test.each(SYSCTLS.map((row) => [row.name, row] as const))('%s: lines of readable length', (name, row) => {
    const text = explain(name, String(row.limit?.least ?? 'x'), PLENTIFUL, nothing);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(limitText(row)).not.toContain('undefined');
  });
});

describe('valueText', () => {
  test.each([
    [`${NF}acct`, '1', '1 (on)'],
    [`${NF}acct`, '0', '0 (off)'],
    [`${NF}tcp_timeout_established`, '432000', '432000 seconds (5 days)'],
    [`${NF}tcp_timeout_established`, '100000', '100000 seconds (about 28 hours)'],
    [`${NF}udp_timeout`, '30', '30 seconds'],
    [`${NF}udp_timeout_stream`, '120', '120 seconds (2 minutes)'],
    [`${NF}frag6_high_thresh`, '4194304', '4194304 bytes (4 MiB)'],
    [`${NF}frag6_high_thresh`, '100', '100 bytes'],
    [`${NF}frag6_high_thresh`, '5000000', '5000000 bytes (about 5 MiB)'],
    [`${NF}log_invalid`, '6', '6'],
    ['net.netfilter.nf_log.2', 'NONE', 'NONE'],
  ])('%s = %s', (name, value, text) => expect(valueText(findRow(name)!, value)).toBe(text));
});

describe('isChanged', () => {
  test.each([
    [`${NF}max`, '262144', false],
    [`${NF}max`, '0x40000', false],
    [`${NF}max`, '65536', true],
    [`${NF}count`, '5', false],
    ['net.netfilter.nf_log.2', 'nf_log_ipv4', false],
    ['net.ipv4.conf.eth0.rp_filter', '2', true],
  ])('%s = %s: %s', (name, value, is) => expect(isChanged(findRow(name)!, value, PLENTIFUL)).toBe(is));
});

describe('jsonOf', () => {
  test('has all', () => {
    expect(jsonOf({ name: `${NF}tcp_be_liberal`, value: '1' }, PLENTIFUL, nothing)).toMatchObject({
      ...{ name: `${NF}tcp_be_liberal`, value: 1, default: 0, changed: true, unit: 'switch', least: 0, most: 1 },
      ...{
        access: 'namespace',
        since: '2.6.15',
        gone: null,
        wasNamed: ['net.ipv4.netfilter.ip_conntrack_tcp_be_liberal'],
      },
      warnings: [expect.stringContaining('inject')],
    });
  });

  test('of a name that it does not know it has the value, as text where no number can hold it', () => {
    expect(jsonOf({ name: 'a.b', value: '1\t2' }, PLENTIFUL, nothing)).toEqual({ name: 'a.b', value: '1\t2' });
    expect(jsonOf({ name: 'a.b', value: '9223372036854775807' }, PLENTIFUL, nothing).value).toBe('9223372036854775807');
  });
});

describe('confOf', () => {
  const text = confOf(
    [
      { name: `${NF}max`, value: '0' },
      { name: 'net.ipv4.tcp_mem', value: '1 2 3' },
    ],
    PLENTIFUL,
    nothing,
  );

  test('says what each does, and is read back', () => {
    expect(text).toContain('# Warning: 0 is no limit: whoever opens connections fast enough takes all memory.\n');
    expect(text).toContain('# Default: 262144 entries.\n');
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      `${NF}max = 0`,
      'net.ipv4.tcp_mem = 1 2 3',
    ]);
    expect(parseConf(text).map((l) => [l.name, l.value])).toEqual([
      [`${NF}max`, '0'],
      ['net.ipv4.tcp_mem', '1 2 3'],
    ]);
  });
});

describe('wrap', () => {
  test('breaks at blanks; a word that is too long stands alone', () => {
    expect(wrap('aa bb ccccccc d', 5)).toEqual(['aa bb', 'ccccccc', 'd']);
  });
});
