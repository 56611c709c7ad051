/** The claims are what `sysctl -w` of Linux 6.18 says: taken, or EINVAL. */
import { describe, expect, test } from 'vitest';
import { compileHost, HostConfigError } from './config.js';
import { isSysctlKnown, sysctlProblem } from './sysctl-values.js';

const CT = 'net.netfilter.nf_conntrack_';

describe('a value', () => {
  test.each([
    [`${CT}acct`, 1],
    [`${CT}acct`, '0'],
    [`${CT}events`, 2],
    [`${CT}log_invalid`, 255],
    [`${CT}log_invalid`, '0x10'],
    [`${CT}tcp_max_retrans`, 255],
    [`${CT}udp_timeout`, 0],
    [`${CT}udp_timeout`, 2_147_484],
    [`${CT}max`, 0],
    [`${CT}frag6_high_thresh`, 4_294_967_296],
    ['net.ipv4.ip_forward', 2],
    ['net.ipv4.ip_default_ttl', 255],
    ['net.ipv6.conf.eth0.forwarding', 1],
    ['net.core.somaxconn', 'anything, nothing depends on it'],
  ])('%s = %s is taken', (name, value) => {
    expect(sysctlProblem(name, value)).toBeNull();
  });
  test.each([
    [`${CT}acct`, 2, '0 to 1'],
    [`${CT}tcp_loose`, 'yes', '0 to 1'],
    [`${CT}events`, 3, '0 to 2'],
    [`${CT}log_invalid`, 256, '0 to 255'],
    [`${CT}tcp_max_retrans`, -1, '0 to 255'],
    [`${CT}udp_timeout`, 2_147_483_647, '0 to 21474836'],
    [`${CT}udp_timeout`, 1.5, '0 to 21474836'],
    [`${CT}max`, -1, '0 to 2147483647'],
    ['net.nf_conntrack_max', 'many', '0 to 2147483647'],
    [`${CT}buckets`, 0, '1 to 2147483647'],
    [`${CT}expect_max`, 0, '1 to 2147483647'],
    [`${CT}max`, 'abc', '0 to 2147483647'],
    [`${CT}max`, 4_294_967_296, '0 to 2147483647'],
    [`${CT}max`, '', '0 to 2147483647'],
    ['net.ipv4.ip_default_ttl', 0, '1 to 255'],
    ['net.ipv4.conf.r0.rp_filter', 'strict', '0 to 2147483647'],
  ])('%s = %s is refused', (name, value, range) => {
    expect(sysctlProblem(name, value)).toBe(`expected a whole number from ${range}, got "${value}"`);
  });
});

test('a host with a wrong value is refused, by the name that it was given', () => {
  for (const name of ['net.ipv4.ip_default_ttl', 'net/ipv4/ip_default_ttl']) {
    expect(() => compileHost({ sysctl: { [name]: 0 } })).toThrow(HostConfigError);
    expect(() => compileHost({ sysctl: { [name]: 0 } })).toThrow(`sysctl.${name}: expected a whole number from 1`);
  }
});

test.each([
  ['net.netfilter.nf_conntrack_tcp_loose', true],
  ['net.netfilter.nf_conntrack_tcp_lose', false],
  ['net.ipv4.conf.eth0.5.rp_filter', true],
  ['net.core.somaxconn', false],
])('%s is known: %s', (name, known) => {
  expect(isSysctlKnown(name)).toBe(known);
});
