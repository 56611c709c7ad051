/** Families about fragments, labels, policies, the log, and the router's talk with itself. */

import { GreFlow, OtherFlow, QuestionFlow, UdpFlow, UdpLiteFlow } from './flows/datagrams.js';
import type { FlowMaker, Sides } from './flows/flow.js';
import { FragmentFlow } from './flows/fragments.js';
import { EchoFlow, ErrorFlow } from './flows/icmp.js';
import { SctpFlow } from './flows/sctp.js';
import { CleanTcpFlow, TcpFlow } from './flows/tcp.js';
import { ALL, addresses, counted, type Family, natted, type Plans, STATES, sysctls } from './plans.js';
import type { Random } from './random.js';
import { counting, firewall } from './rules.js';

function gre(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.3);
  const filter = counting(r, 8, isIpv6);
  const nat = r.pick([null, '-A POSTROUTING -o r1 -j MASQUERADE']);
  const tables = nat === null ? { filter } : { nat, filter };
  const sides: readonly Sides[] = nat === null ? ['ab', 'ba'] : ['ab'];
  return { isIpv6, tables, sysctls: sysctls(r, 'acct'), flows: [GreFlow, GreFlow, GreFlow, ErrorFlow], sides };
}

function fragmentsNat(r: Random): ReturnType<Plans> {
  const kind = r.pick(['snat', 'masquerade', 'dnat', 'netmap', 'both', 'hairpin'] as const);
  const flows: FlowMaker[] = [FragmentFlow, FragmentFlow, FragmentFlow, ErrorFlow, UdpFlow];
  return { ...natted(kind)(r), flows, width: 3, packets: 1200 };
}

function labels(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.3);
  const bits = r.sample([0, 1, 5, 31, 32, 63, 100, 127], 4);
  const asked = bits.flatMap((n) => [`-m connlabel --label "${n}"`, `-m connlabel ! --label "${n}"`]);
  const protocols = [
    '-p tcp',
    '-p udp',
    isIpv6 ? '-p ipv6-icmp' : '-p icmp',
    '-p sctp',
    '-m conntrack --ctstate ESTABLISHED',
  ];
  const chains = ['PREROUTING', 'FORWARD', 'POSTROUTING'];
  const set = bits.flatMap((n) => [
    `-A ${r.pick(chains)} ${r.pick(protocols)} -m connlabel --label "${n}" --set`,
    `-A ${r.pick(chains)} -m statistic --mode nth --every 7 --packet 0 -m connlabel ! --label "${n}" --set`,
  ]);
  const mangle = [
    ...asked.map((ask) => `-A PREROUTING ${ask}`),
    ...set,
    ...asked.map((ask) => `-A POSTROUTING ${ask}`),
  ];
  const nat = r.chance(0.4) ? { nat: '-A POSTROUTING -o r1 -j MASQUERADE' } : {};
  const tables = { ...nat, mangle: mangle.join('\n'), filter: counting(r, 4, isIpv6) };
  const flows: FlowMaker[] = [CleanTcpFlow, TcpFlow, UdpFlow, EchoFlow, ErrorFlow, QuestionFlow];
  const sides: readonly Sides[] = nat.nat === undefined ? ['ab', 'ab', 'ba'] : ['ab'];
  return { isIpv6, tables, sysctls: sysctls(r, 'acct'), flows, sides };
}

function policies(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.4);
  const end = isIpv6 ? '6' : '4';
  const zone = (): string => r.pick(['', '', '', ' --zone 3', ' --ctevents new,destroy,protoinfo']);
  const raw = [
    `-p tcp -m multiport --dports 80,443 -j CT --timeout t${end}`,
    `-p tcp -j CT --timeout x${end}`,
    `-p udp -m udp --dport 1:1000 -j CT --timeout u${end}`,
    `-p udplite -j CT --timeout l${end}`,
    `-p ${isIpv6 ? 'ipv6-icmp' : 'icmp'} -j CT --timeout i${end}`,
    `-p sctp -j CT --timeout s${end}`,
    `-p gre -j CT --timeout r${end}`,
    `-p ${r.pick([89, 253, 33])} -j CT --timeout g${end}`,
  ];
  const chosen = r.sample(raw, r.range(3, 9)).map((rule) => `-A PREROUTING ${rule}${zone()}`);
  const flows = [TcpFlow, CleanTcpFlow, UdpFlow, UdpLiteFlow, EchoFlow, SctpFlow, GreFlow, OtherFlow];
  return {
    isIpv6,
    tables: { raw: chosen.join('\n'), filter: counting(r, 6, isIpv6) },
    sysctls: sysctls(r, 'acct'),
    flows,
  };
}

function log(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.4);
  const option = (): string =>
    r
      .sample(
        ['--log-tcp-sequence', '--log-tcp-options', '--log-ip-options', '--log-macdecode', '--log-level 6'],
        r.range(0, 4),
      )
      .join(' ');
  const chain = (): string => r.pick(['PREROUTING', 'FORWARD', 'POSTROUTING', 'INPUT', 'OUTPUT']);
  const rule = (i: number): string =>
    `-A ${chain()} ${r.pick(['', '-p tcp ', '-p udp ', '! -p tcp '])}-j LOG --log-prefix "l${i}: " ${option()}`;
  const mangle = Array.from({ length: r.range(1, 4) }, (_, i) => rule(i)).join('\n');
  const set = sysctls(r, 'acct tcp_loose checksum', { log_invalid: r.pick([0, 6, 17, 255, 255]) });
  const filter = r.chance(0.4) ? firewall(r, isIpv6) : counting(r, 4, isIpv6);
  const flows = [...ALL, TcpFlow, TcpFlow, ErrorFlow];
  return { isIpv6, tables: { mangle, filter }, sysctls: set, flows, packets: 500, hasLog: true };
}

function loopback(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.4);
  const own = isIpv6 ? '[fd00:1::1]' : '10.1.0.1';
  const nat = `-A OUTPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353
    -A OUTPUT -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080
    -A OUTPUT -p tcp -m tcp --dport 443 -j DNAT --to-destination ${own}:8443
    -A INPUT -p tcp -m tcp --dport 22 -j SNAT --to-source ${isIpv6 ? 'fd00:2::1' : '10.2.0.1'}`;
  const chains = ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'];
  const states = chains.flatMap((chain) => STATES.map((state) => `-A ${chain} -m conntrack --ctstate ${state}`));
  const devices = ['-A PREROUTING -i lo', '-A POSTROUTING -o lo', '-A PREROUTING ! -i lo'];
  const raw = r.pick([
    '',
    '',
    '-A OUTPUT -p udp -m udp --dport 5000 -j CT --notrack',
    '-A OUTPUT -o lo -j CT --zone 4',
  ]);
  const drop = r.pick([
    '',
    '-A INPUT -m conntrack --ctstate INVALID -j DROP',
    '-A OUTPUT -p udp -m udp --dport 8080 -j DROP',
  ]);
  const filter = `${counting(r, 6, isIpv6, { chains: ['INPUT', 'OUTPUT'] })}${drop}`;
  const mangle = [...states, ...devices].join('\n');
  const tables = { raw, mangle, filter, ...(r.chance(0.5) ? { nat } : {}) };
  // no RST that ends its connection before it arrives (docs/kernel-differences.md)
  const flows: FlowMaker[] = [CleanTcpFlow, CleanTcpFlow, UdpFlow, QuestionFlow, EchoFlow, SctpFlow];
  const sides: readonly Sides[] = ['rr', 'rr', 'rr', 'rb', 'ar'];
  return { isIpv6, tables, sysctls: sysctls(r, 'acct tcp_loose'), flows, sides, isDeaf: true };
}

/** See the head of this file. */
export const MORE: readonly Family[] = [
  { name: 'addresses6', covers: 'IPv6 addresses that no host should use', plan: (r) => addresses(r, true) },
  {
    name: 'icmp6',
    covers: 'ICMPv6: queries of every type, errors',
    plan: counted([EchoFlow, EchoFlow, ErrorFlow, UdpFlow, CleanTcpFlow], 10, 'acct checksum', { six: 1 }),
  },
  { name: 'gre', covers: 'GRE of all versions, with NAT and without', plan: gre },
  { name: 'fragments-nat', covers: 'fragments, and errors about them, under every kind of NAT', plan: fragmentsNat },
  { name: 'labels', covers: 'labels of connections', plan: labels },
  { name: 'policies', covers: 'CT --timeout with a policy of each protocol', plan: policies },
  { name: 'log', covers: 'LOG with every option, and what is logged as invalid', plan: log },
  { name: 'loopback', covers: 'the router talks to itself', plan: loopback },
];
