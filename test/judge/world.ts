/**
 * The router that all scenarios are about, as data: for the kernel (`ip -batch`), for the host file and for the simulated host.
 *
 *     A (a0) ---- (r0) router (r1) ---- (b0) B
 */
import type { HostConfig } from '../../src/host/config.js';
import type { TimeoutConfig } from '../../src/host/timeouts.js';

export const MACS = {
  r0: '02:00:00:00:01:01',
  a0: '02:00:00:00:01:02',
  r1: '02:00:00:00:02:01',
  b0: '02:00:00:00:02:02',
};

/** A value of a sysctl. */
export type Sysctls = Readonly<Record<string, number | string>>;

const INTERFACES = [
  { name: 'lo', addresses: ['127.0.0.1/8', '::1/128'] },
  { name: 'r0', mac: MACS.r0, addresses: ['10.1.0.1/24', 'fd00:1::1/64'] },
  { name: 'r1', mac: MACS.r1, addresses: ['10.2.0.1/24', 'fd00:2::1/64'] },
];

const ROUTES = [
  { to: 'default', via: '10.2.0.2', dev: 'r1' },
  { to: '10.11.0.0/16', via: '10.1.0.2', dev: 'r0' },
  { to: '10.22.0.0/16', via: '10.2.0.2', dev: 'r1' },
  { to: '::/0', via: 'fd00:2::2', dev: 'r1' },
  { to: 'fd00:11::/32', via: 'fd00:1::2', dev: 'r0' },
  { to: 'fd00:22::/32', via: 'fd00:2::2', dev: 'r1' },
];

const NEIGHBOURS = [2, 3, 4, 5, 6, 7, 8, 9].flatMap((n) => [
  { address: `10.1.0.${n}`, mac: MACS.a0, dev: 'r0' },
  { address: `10.2.0.${n}`, mac: MACS.b0, dev: 'r1' },
  { address: `fd00:1::${n}`, mac: MACS.a0, dev: 'r0' },
  { address: `fd00:2::${n}`, mac: MACS.b0, dev: 'r1' },
]);

/** Timeout policies by name, one of each protocol and family: what `CT --timeout` gives. Their values end nothing during a scenario. */
export const POLICIES: Readonly<Record<string, TimeoutConfig>> = Object.fromEntries(
  (['inet', 'inet6'] as const).flatMap((family) => {
    const end = family === 'inet' ? '4' : '6';
    const all: Record<string, TimeoutConfig> = {
      u: { protocol: 'udp', unreplied: 20, replied: 45 },
      l: { protocol: 'udplite', unreplied: 25 },
      t: { protocol: 'tcp', syn_sent: 90, syn_recv: 80, established: 700, fin_wait: 33, close_wait: 22, close: 15 },
      x: { protocol: 'tcp', last_ack: 21, time_wait: 44, retrans: 35, unacknowledged: 55 },
      i: { protocol: family === 'inet' ? 'icmp' : 'icmpv6', timeout: 77 },
      s: { protocol: 'sctp', closed: 27, cookie_wait: 36, cookie_echoed: 25, established: 500, shutdown_sent: 17 },
      g: { protocol: 'generic', timeout: 88 },
      r: { protocol: 'gre', unreplied: 66, replied: 99 },
    };
    return Object.entries(all).map(([name, policy]) => [name + end, { ...policy, family }] as const);
  }),
);

/** Whether rules name timeout policies. */
export function hasPolicies(scenario: { rules4: string; rules6: string }): boolean {
  return /--timeout /.test(scenario.rules4 + scenario.rules6);
}

/** Commands that make the policies. */
export function policyCommands(): string[] {
  return Object.entries(POLICIES).map(([name, { protocol, family, ...states }]) => {
    const values = Object.entries(states).map(([state, seconds]) => `${state} ${seconds}`);
    return `nfct add timeout ${name} ${family} ${protocol} ${values.join(' ')}`;
  });
}

/** What every scenario sets; the rest has the kernel's defaults. */
export const BASE_SYSCTLS: Sysctls = { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 };

/** Addresses of the router itself. */
export const OWN_ADDRESSES: ReadonlySet<string> = new Set(
  INTERFACES.flatMap((device) => device.addresses.map((address) => address.split('/')[0]!)),
);

/** The router for the simulated host. */
export function hostConfig(sysctls: Sysctls, withPolicies: boolean): HostConfig {
  const sysctl = { ...BASE_SYSCTLS, ...sysctls };
  const timeouts = withPolicies ? { timeouts: POLICIES } : {};
  return { interfaces: INTERFACES, routes: ROUTES, neighbours: NEIGHBOURS, sysctl, ...timeouts };
}

/** The same as a host file. */
export function hostFile(sysctls: Sysctls, withPolicies: boolean): string {
  const rows = (items: readonly object[]): string => items.map((item) => `  - ${JSON.stringify(item)}\n`).join('');
  const settings = Object.entries({ ...BASE_SYSCTLS, ...sysctls });
  const values = settings.map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`).join('');
  const named = Object.entries(POLICIES).map(([name, policy]) => `  ${name}: ${JSON.stringify(policy)}\n`);
  const policies = withPolicies ? `timeouts:\n${named.join('')}` : '';
  return `interfaces:\n${rows(INTERFACES)}routes:\n${rows(ROUTES)}neighbours:\n${rows(NEIGHBOURS)}sysctl:\n${values}${policies}`;
}

/** `ip -batch` for the namespace of the router, whose interfaces are there. */
export function ipBatch(): string {
  const lines = [
    'link set lo mtu 1500 gso_max_segs 1 up',
    'link set r0 gso_max_segs 1 up',
    'link set r1 gso_max_segs 1 up',
  ];
  for (const { name, addresses } of INTERFACES.slice(1))
    for (const address of addresses)
      lines.push(`addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`);
  for (const { address, mac, dev } of NEIGHBOURS)
    lines.push(`neigh replace ${address} lladdr ${mac} dev ${dev} nud permanent`);
  for (const { to, via, dev } of ROUTES) lines.push(`route add ${to} via ${via} dev ${dev}`);
  return `${lines.join('\n')}\n`;
}

/** Sysctls that keep the router from saying anything of its own accord, and from counting or limiting its answers. */
export const QUIET_SYSCTLS: Sysctls = {
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv6.conf.default.dad_transmits': 0,
  'net.ipv6.conf.default.accept_ra': 0,
  'net.ipv6.conf.default.router_solicitations': 0,
  'net.ipv6.conf.default.mldv2_unsolicited_report_interval': 5,
  'net.ipv6.conf.default.addr_gen_mode': 1,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
  'net.ipv4.conf.all.accept_redirects': 0,
  'net.ipv4.conf.default.accept_redirects': 0,
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv4.icmp_ratemask': 0,
  'net.ipv6.icmp.ratelimit': 0,
  'net.ipv6.icmp.ratemask': '',
};
