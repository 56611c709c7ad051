/**
 * The router that all scenarios are about, as data: for the kernel (`ip -batch`), for the host file and for the simulated host.
 *
 *     A (a0) ---- (r0) router (r1) ---- (b0) B
 */
import type { HostConfig } from '../../src/host/config.js';

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

/** What every scenario sets; the rest has the kernel's defaults. */
export const BASE_SYSCTLS: Sysctls = { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 };

/** Addresses of the router itself. */
export const OWN_ADDRESSES: ReadonlySet<string> = new Set(
  INTERFACES.flatMap((device) => device.addresses.map((address) => address.split('/')[0]!)),
);

/** The router for the simulated host. */
export function hostConfig(sysctls: Sysctls): HostConfig {
  return { interfaces: INTERFACES, routes: ROUTES, neighbours: NEIGHBOURS, sysctl: { ...BASE_SYSCTLS, ...sysctls } };
}

/** The same as a host file. */
export function hostFile(sysctls: Sysctls): string {
  const rows = (items: readonly object[]): string => items.map((item) => `  - ${JSON.stringify(item)}\n`).join('');
  const settings = Object.entries({ ...BASE_SYSCTLS, ...sysctls });
  const values = settings.map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`).join('');
  return `interfaces:\n${rows(INTERFACES)}routes:\n${rows(ROUTES)}neighbours:\n${rows(NEIGHBOURS)}sysctl:\n${values}`;
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
