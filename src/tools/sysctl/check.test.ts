import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkConf, findingText, nearestName } from './check.js';

const NF = 'net.netfilter.nf_conntrack_';
const IP = 'net.ipv4.netfilter.ip_conntrack_';

function findings(text: string, kernel?: string): string[] {
  return checkConf(text, 'f.conf', kernel).map(findingText);
}

describe('a file', () => {
  test.each<[string, string, string[]]>([
    [
      'is clean',
      `# mine\n${NF}max = 524288\nnet.ipv4.tcp_mem = 1 2 3\nkernel.panic = 1\n${NF}icmp* = 30\n-${NF}acct\n`,
      [],
    ],
    [
      'has the name of 2.4',
      'net.ipv4.ip_conntrack_max = 65536',
      [`f.conf:1:1: error: net.ipv4.ip_conntrack_max is gone since Linux 4.9: use ${NF}max`],
    ],
    [
      'has the names of ip_conntrack',
      `\n ${IP}tcp_timeout_established = 7440\n-net/ipv4/netfilter/ip_conntrack_max=1`,
      [
        `f.conf:2:2: error: ${IP}tcp_timeout_established is gone since Linux 4.9: use ${NF}tcp_timeout_established`,
        `f.conf:3:2: error: ${IP}max is gone since Linux 4.9: use ${NF}max`,
      ],
    ],
    [
      'assigns helpers',
      `${NF}helper = 1`,
      [
        `f.conf:1:1: error: ${NF}helper is gone since Linux 6.0: remove the line, and say in rules which connections get a helper: ` +
          'iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp',
      ],
    ],
    [
      'has DCCP',
      `${NF}dccp_timeout_open = 43200`,
      [
        `f.conf:1:1: error: ${NF}dccp_timeout_open is gone since Linux 6.17: remove the line: connection tracking treats DCCP as any ` +
          'other protocol now (nf_conntrack_generic_timeout)',
      ],
    ],
    [
      'is misspelt',
      `${NF}tcp_timeout_establish = 7440\nnet.netfilter.nonsense_of_some_kind = 1\nnet.nf_contrack_max = 1\nnet.ipv4_conntrack_max = 1`,
      [
        `f.conf:1:1: error: no kernel has ${NF}tcp_timeout_establish; did you mean ${NF}tcp_timeout_established?`,
        'f.conf:2:1: error: no kernel has net.netfilter.nonsense_of_some_kind',
        'f.conf:3:1: error: no kernel has net.nf_contrack_max; did you mean net.nf_conntrack_max?',
        'f.conf:4:1: error: no kernel has net.ipv4_conntrack_max; did you mean net.netfilter.nf_conntrack_max?',
      ],
    ],
    [
      'has what the kernel refuses',
      `${NF}acct = 2\n${NF}tcp_loose = no\n${NF}count = 5\n${NF}expect_max = 0`,
      [
        `f.conf:1:35: error: ${NF}acct: the kernel refuses this: expected a whole number from 0 to 1, got "2"`,
        `f.conf:2:40: error: ${NF}tcp_loose: the kernel refuses this: expected a whole number from 0 to 1, got "no"`,
        `f.conf:3:1: error: ${NF}count cannot be set: it is a count`,
        `f.conf:4:41: error: ${NF}expect_max: the kernel refuses this: expected a whole number from 1 to 2147483647, got "0"`,
      ],
    ],
    [
      'has thresholds the wrong way round',
      `${NF}frag6_high_thresh = 100000\n${NF}frag6_low_thresh = 200000`,
      [
        `f.conf:1:48: error: ${NF}frag6_high_thresh: the kernel refuses this: expected a number of at least 200000 ` +
          `(${NF}frag6_low_thresh), got "100000"`,
        `f.conf:2:47: error: ${NF}frag6_low_thresh: the kernel refuses this: expected a number of at most 100000 ` +
          `(${NF}frag6_high_thresh), got "200000"`,
      ],
    ],
    [
      'has harmful values',
      `${NF}tcp_be_liberal=1\n${NF}max=0\n${NF}tcp_timeout_established=600\nnet.ipv4.conf.eth0.rp_filter=3`,
      [
        expect.stringMatching(/^f.conf:1:43: warning: .*tcp_be_liberal = 1: segments/) as unknown as string,
        expect.stringMatching(/^f.conf:2:32: warning: .*max = 0: 0 is no limit/) as unknown as string,
        expect.stringMatching(/^f.conf:3:52: warning: .*RFC 5382/) as unknown as string,
        'f.conf:4:30: warning: net.ipv4.conf.eth0.rp_filter = 3: there are 0, 1 and 2',
      ],
    ],
    [
      'has many connections on few buckets, in either order',
      `${NF}max = 1000000\n${NF}buckets = 65536`,
      [expect.stringMatching(/^f.conf:1:\d+: warning: .*more than 8 connections a bucket/) as unknown as string],
    ],
    ['has no number of buckets to compare with', `${NF}max = 1000000`, []],
    [
      'sets one twice, under two names',
      `${NF}max = 100000\nnet.nf_conntrack_max = 100000\nnet/nf_conntrack_max = 200000`,
      ['f.conf:3:1: warning: net.nf_conntrack_max was set to 100000 in line 2 already; this line wins'],
    ],
    [
      'has a comment behind a value',
      `${NF}tcp_loose = 1 # yes`,
      [
        `f.conf:1:40: warning: ${NF}tcp_loose: a comment stands on a line of its own; "1 # yes" is taken up to the first blank`,
      ],
    ],
    [
      'has a line that says nothing',
      '  what is this',
      ['f.conf:1:3: error: expected "name = value", got "what is this"'],
    ],
  ])('%s', (_claim, text, expected) => expect(findings(text)).toEqual(expected));

  test('a helper is harmful where there are still such', () => {
    expect(findings(`${NF}helper = 1`, '5.4')).toEqual([
      `f.conf:1:${NF.length + 10}: warning: ${NF}helper = 1: whoever speaks on such a port is believed: what he writes there opens ports ` +
        'in the firewall',
    ]);
  });

  test('for an older kernel: what is not there yet, and what still is', () => {
    const text = `${NF}tcp_ignore_invalid_rst = 0\n${NF}helper = 0\nnet.ipv4.ip_conntrack_max = 65536`;
    expect(findings(text, '4.4')).toEqual([
      `f.conf:1:1: error: ${NF}tcp_ignore_invalid_rst comes with Linux 5.14`,
      `f.conf:3:1: warning: net.ipv4.ip_conntrack_max is gone since Linux 4.9: use ${NF}max`,
    ]);
  });
});

test('any text is checked', () => {
  const name = fc.constantFrom(
    `${NF}max`,
    'net.nf_conntrack_max',
    'net.ipv4.ip_conntrack_max',
    `${NF}helper`,
    'net.ipv4.conf.*.x',
    'a/b',
    '',
  );
  const value = fc.oneof(fc.integer().map(String), fc.string({ maxLength: 5 }));
  const line = fc
    .tuple(fc.constantFrom('', '-', ' '), name, fc.constantFrom('=', ' = ', ' '), value)
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      for (const f of checkConf(lines.join('\n'), 'f')) {
        expect(f.line).toBeLessThanOrEqual(lines.join('\n').split('\n').length);
        expect(findingText(f)).toMatch(/^f:\d+:\d+: (error|warning): ./);
      }
    }),
  );
});

describe('nearestName', () => {
  test.each([
    [`${NF}tcp_lose`, `${NF}tcp_loose`],
    ['nf_conntrack_max', `${NF}max`],
    ['net.ipv4.ip_forwrd', 'net.ipv4.ip_forward'],
    ['something.else.altogether', null],
    ['x'.repeat(100_000), null],
  ])('%s', (name, near) => expect(nearestName(name)).toBe(near));
});
