/**
 * The families of made-up scenarios: what each loads, sets and lets talk. Adding one is a row of FAMILIES.
 */

import { GreFlow, HeadersFlow, OtherFlow, QuestionFlow, UdpFlow, UdpLiteFlow } from './flows/datagrams.js';
import type { FlowMaker, Sides } from './flows/flow.js';
import { FragmentFlow } from './flows/fragments.js';
import { EchoFlow, ErrorFlow } from './flows/icmp.js';
import { SctpFlow } from './flows/sctp.js';
import { CleanTcpFlow, LastingTcpFlow, ResetTcpFlow, TcpFlow, WindowTcpFlow } from './flows/tcp.js';
import { HELPER_FAMILIES } from './helper-families.js';
import { MORE } from './more-families.js';
import {
  ALL,
  addresses,
  counted,
  type Family,
  LOCAL,
  MANY_ERRORS,
  natted,
  type Plans,
  STATES,
  sysctls,
} from './plans.js';
import type { Random } from './random.js';
import { counting, firewall, STATEFUL } from './rules.js';

function tcp(
  r: Random,
  flow: FlowMaker,
  isIpv6: boolean,
  fixed: Readonly<Record<string, number>> = {},
): ReturnType<Family['plan']> {
  const set = sysctls(r, 'acct tcp_max_retrans tcp_ignore_invalid_rst', fixed);
  const tables = { filter: counting(r, 12, isIpv6, { hasConnbytes: r.chance(0.3) }) };
  return { isIpv6, tables, sysctls: set, flows: [flow], width: 8 };
}

/** Prefix translation, which connection tracking does not know of. */
function npt(r: Random): ReturnType<Plans> {
  const mangle = `-A POSTROUTING -s fd00:1::/64 -o r1 -j SNPT --src-pfx fd00:1::/64 --dst-pfx fd00:22:5::/64
    -A PREROUTING -i r1 -d fd00:22:5::/64 -j DNPT --src-pfx fd00:22:5::/64 --dst-pfx fd00:1::/64`;
  const raw = r.pick(['', '-A PREROUTING -j CT --notrack']);
  const flows: FlowMaker[] = [CleanTcpFlow, TcpFlow, UdpFlow, EchoFlow, ErrorFlow, FragmentFlow, SctpFlow, HeadersFlow];
  return { isIpv6: true, tables: { raw, mangle, filter: counting(r, 8, true) }, sysctls: sysctls(r, 'acct'), flows };
}

/**
 * A table that fills up with connections that nothing removes (assured, in no closing state): then what happens to others does not
 * depend on the kernel's hash.
 */
function tableLimit(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.3);
  const set = sysctls(r, 'acct tcp_loose', { max: r.range(250, 400) });
  const tables = { filter: counting(r, 6, isIpv6) };
  return { isIpv6, tables, sysctls: set, flows: [LastingTcpFlow], width: 1 };
}

function zones(r: Random): ReturnType<Plans> {
  const raw = r.pick([
    '-A PREROUTING -s 10.11.0.0/16 -j CT --zone 5\n-A PREROUTING -d 10.11.0.0/16 -j CT --zone 5',
    '-A PREROUTING -i r0 -j CT --zone-orig 7\n-A PREROUTING -i r1 -j CT --zone-reply 7',
    '-A PREROUTING -i r0 -j CT --zone 1\n-A PREROUTING -i r1 -j CT --zone 2',
    '-A PREROUTING -p udp -j CT --zone 9\n-A PREROUTING -i r0 -p tcp -j CT --zone-orig 3\n-A PREROUTING -p icmp -j CT --zone 65535',
    '-A PREROUTING -p tcp -m tcp --dport 80 -j CT --zone-orig 4\n-A PREROUTING -p tcp -m tcp --sport 80 -j CT --zone-reply 4',
    '-A PREROUTING -i r0 -j MARK --set-mark 0x6\n-A PREROUTING -i r1 -j MARK --set-mark 0x6\n-A PREROUTING -j CT --zone mark',
  ]);
  const flows: FlowMaker[] = [CleanTcpFlow, TcpFlow, UdpFlow, EchoFlow, ErrorFlow, FragmentFlow, SctpFlow];
  return { tables: { raw, filter: counting(r, 8, false) }, sysctls: sysctls(r, 'acct tcp_loose'), flows };
}

function notrack(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.3);
  const raw = `-A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
    -A PREROUTING -p tcp -m tcp --sport 80 -j ${r.pick(['CT --notrack', 'NOTRACK'])}
    -A PREROUTING -p udp -m udp --dport 53 -j NOTRACK`;
  const filter = `-A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT\n${STATEFUL}${counting(r, 6, isIpv6)}`;
  const flows: FlowMaker[] = [CleanTcpFlow, TcpFlow, UdpFlow, QuestionFlow, EchoFlow, ErrorFlow, FragmentFlow];
  return { isIpv6, tables: { raw, filter }, sysctls: sysctls(r, 'acct tcp_loose'), flows };
}

function marks(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.3);
  const set = r.pick(['set-xmark 0x100/0xf00', 'or-mark 0x1000', 'set-mark 0x9', 'and-mark 0xff', 'xor-mark 0x3']);
  const mangle = `-A PREROUTING -j CONNMARK --restore-mark${r.pick(['', ' --nfmask 0xff --ctmask 0xff', ' --nfmask 0xffff --ctmask 0xff0'])}
    -A PREROUTING -m mark ! --mark 0x0 -j ACCEPT
    -A PREROUTING -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x5/0xffffffff
    -A PREROUTING -p udp -j MARK --set-xmark 0x${r.range(1, 255).toString(16)}/0xff
    -A PREROUTING -p tcp -m tcp --dport 22:25 -j MARK --or-mark 0x30
    -A PREROUTING -p sctp -j MARK --xor-mark 0x11
    -A POSTROUTING -j CONNMARK --save-mark${r.pick(['', ' --nfmask 0xf --ctmask 0xff', ' --nfmask 0xff --ctmask 0xff'])}
    -A FORWARD -p tcp -m conntrack --ctstate NEW -j CONNMARK --${set}`;
  const mark = (): string =>
    `-A FORWARD -m ${r.pick(['mark', 'connmark'])} --mark 0x${r.pick(['0', '5', '30', '11', '100'])}${r.pick(['', '/0xff', '/0xf00'])}`;
  const filter = Array.from({ length: 6 }, mark).join('\n');
  const flows: FlowMaker[] = [CleanTcpFlow, TcpFlow, UdpFlow, SctpFlow, EchoFlow, ErrorFlow];
  return { isIpv6, tables: { mangle, filter }, sysctls: sysctls(r, 'acct tcp_loose'), flows };
}

function mangle(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.35);
  const hops = isIpv6
    ? ['HL --hl-set 33', 'HL --hl-dec 1', 'HL --hl-inc 5']
    : ['TTL --ttl-set 33', 'TTL --ttl-dec 1', 'TTL --ttl-inc 5', 'ECN --ecn-tcp-remove'];
  const hop = r.pick(hops);
  const tos = r.pick([
    'DSCP --set-dscp 0x0a',
    'DSCP --set-dscp-class EF',
    'TOS --set-tos 0x10/0xff',
    'TOS --or-tos 0x03',
    'TOS --and-tos 0xf0',
  ]);
  const text = `-A POSTROUTING -p tcp -m tcp --syn -j TCPMSS ${r.pick(['--set-mss 1200', '--clamp-mss-to-pmtu', '--set-mss 500'])}
    -A PREROUTING -p udp -j ${tos}
    -A FORWARD -p ${hop.startsWith('ECN') ? 'tcp' : r.pick(['tcp', 'udp'])} -j ${hop}
    -A PREROUTING -p tcp -m tcp --dport 443 -j TCPOPTSTRIP --strip-options ${r.pick(['wscale', 'sack-permitted,timestamp', 'mss', '3,4'])}
    -N sub
    -A FORWARD -p udp -g sub
    -A sub -m length --length 0:60 -j RETURN
    -A sub -j MARK --set-mark 0x7
    -A FORWARD -m mark --mark 0x7 -j DSCP --set-dscp 0x11`;
  const tables = { mangle: text, hasProbe: r.chance(0.5), filter: '-A FORWARD -m conntrack --ctstate INVALID' };
  const flows: FlowMaker[] = [CleanTcpFlow, TcpFlow, UdpFlow, EchoFlow, FragmentFlow, HeadersFlow];
  return { isIpv6, tables, sysctls: sysctls(r, 'acct'), flows };
}

function reject(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.4);
  const reset = '-A FORWARD -p tcp -m tcp --dport 22 -j REJECT --reject-with tcp-reset\n';
  const filter = `-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n${reset}${firewall(r, isIpv6)}
    -A OUTPUT -m conntrack --ctstate RELATED\n-A OUTPUT -m conntrack --ctstate NEW\n-A OUTPUT -m conntrack --ctstate INVALID\n-A OUTPUT -p tcp`;
  return {
    isIpv6,
    tables: { filter },
    sysctls: sysctls(r, 'acct tcp_loose'),
    flows: [...ALL, ...ALL, TcpFlow, ErrorFlow],
  };
}

/** No timeout is a bound of --ctexpire in `counting`: a tick of the kernel may pass between setting and looking. */
function timeouts(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.3);
  const one = (): number => r.pick([1, 3]);
  const set = sysctls(r, 'tcp_loose acct tcp_max_retrans', {
    ...{ tcp_timeout_syn_sent: 1, tcp_timeout_syn_recv: 1, tcp_timeout_established: r.pick([1, 3, 90]) },
    ...{
      tcp_timeout_fin_wait: one(),
      tcp_timeout_close_wait: 1,
      tcp_timeout_last_ack: one(),
      tcp_timeout_time_wait: one(),
    },
    ...{
      tcp_timeout_close: one(),
      tcp_timeout_unacknowledged: r.pick([1, 300]),
      tcp_timeout_max_retrans: r.pick([1, 300]),
    },
    ...{
      udp_timeout: r.pick([1, 5]),
      udp_timeout_stream: r.pick([4, 120]),
      icmp_timeout: 1,
      generic_timeout: r.pick([1, 600]),
    },
    ...{ gre_timeout: r.pick([1, 30]), sctp_timeout_closed: 1, sctp_timeout_established: r.pick([1, 210]) },
  });
  const flows = [...ALL, TcpFlow, TcpFlow, UdpFlow];
  return {
    isIpv6,
    tables: { filter: counting(r, 8, isIpv6) },
    sysctls: set,
    flows,
    width: 60,
    pausesMs: [1400, 1400, 1400],
  };
}

function input(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.4);
  const chains = ['INPUT', 'OUTPUT'];
  const states = chains
    .flatMap((chain) => STATES.map((state) => `-A ${chain} -m conntrack --ctstate ${state}`))
    .join('\n');
  const end = r.pick([
    '',
    '-A INPUT -m conntrack --ctstate INVALID -j DROP',
    '-A INPUT -p tcp -j REJECT --reject-with tcp-reset',
  ]);
  const filter = `${counting(r, 8, isIpv6, { chains })}${states}\n${end}`;
  return {
    isIpv6,
    tables: { filter },
    sysctls: sysctls(r, 'acct tcp_loose'),
    flows: [...ALL, TcpFlow, UdpFlow, EchoFlow],
    sides: ['ar', 'br', 'ab'],
  };
}

function local(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.3);
  const chains = ['INPUT', 'OUTPUT'];
  const drop = r.pick(['', ' -j DROP']);
  const filter = `-A INPUT -m conntrack --ctstate INVALID${drop}
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --syn -m multiport --dports 22,80,443,8080 -m conntrack --ctstate NEW -j ACCEPT
    -A INPUT -p udp -m multiport --dports 53,5000 -m conntrack --ctstate NEW -j ACCEPT
    -A OUTPUT -m conntrack --ctstate INVALID${r.pick(['', ' -j DROP'])}
    -A OUTPUT -m conntrack --ctstate ESTABLISHED
    ${counting(r, 8, isIpv6, { chains })}
    ${r.pick(['', '-A OUTPUT -p udp -m udp --dport 8080 -j DROP', '-A INPUT -p tcp -j REJECT --reject-with tcp-reset'])}`;
  const sides: readonly Sides[] = ['ar', 'ar', 'br', 'rb', 'ra', 'ab'];
  const tables = { filter, policy: { INPUT: r.pick(['DROP', 'ACCEPT']) } };
  return { isIpv6, tables, sysctls: sysctls(r, 'acct tcp_loose'), flows: LOCAL, sides, isDeaf: true };
}

function localNat(r: Random): ReturnType<Plans> {
  const natRules = `-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080
    -A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353
    -A OUTPUT -p tcp -m tcp --dport 443 -j DNAT --to-destination 10.2.0.4:8443
    -A OUTPUT -d 10.2.0.3 -p udp -j DNAT --to-destination 10.2.0.5
    -A POSTROUTING -o r1 -p tcp -m tcp --dport 22 -j SNAT --to-source 10.2.0.9
    -A INPUT -p tcp -m tcp --dport 22 -s 10.11.0.0/16 -j SNAT --to-source 10.1.0.9`;
  const untracked =
    '-A OUTPUT -p udp -m udp --sport 5000 -j CT --notrack\n-A PREROUTING -p udp -m udp --dport 5000 -j CT --notrack';
  const raw = r.pick(['', untracked]);
  const filter = ['INPUT', 'OUTPUT']
    .flatMap((chain) => STATES.map((state) => `-A ${chain} -m conntrack --ctstate ${state}`))
    .join('\n');
  const flows: FlowMaker[] = [CleanTcpFlow, CleanTcpFlow, QuestionFlow, UdpFlow, EchoFlow];
  const sides: readonly Sides[] = ['ar', 'ar', 'rb', 'rb', 'br', 'ab'];
  return { tables: { nat: natRules, raw, filter }, sysctls: sysctls(r, 'acct'), flows, sides, isDeaf: true };
}

function everything(r: Random): ReturnType<Plans> {
  const short = { udp_timeout: 1, icmp_timeout: 1, tcp_timeout_close: 1 };
  const set = sysctls(r, 'tcp_loose tcp_be_liberal acct tcp_max_retrans tcp_ignore_invalid_rst', short);
  const tables = {
    raw: '-A PREROUTING -p udp -m udp --dport 5000 -j CT --notrack',
    mangle:
      '-A PREROUTING -j CONNMARK --restore-mark\n-A PREROUTING -p tcp -m mark --mark 0x0 -j MARK --set-mark 0x2\n-A POSTROUTING -j CONNMARK --save-mark',
    nat: '-A POSTROUTING -o r1 -p tcp -j SNAT --to-source 10.2.0.9',
    filter: firewall(r, false),
    policy: { FORWARD: 'DROP' },
  };
  return { tables, sysctls: set, flows: ALL, width: 30, pausesMs: [1500], sides: ['ab'] };
}

const OWN: readonly Family[] = [
  {
    name: 'tcp',
    covers: 'TCP over IPv4: handshakes, windows, resets, illegal flags, orders of closing',
    plan: (r) => tcp(r, TcpFlow, false),
  },
  { name: 'tcp6', covers: 'TCP over IPv6', plan: (r) => tcp(r, TcpFlow, true) },
  { name: 'tcp-strict', covers: 'TCP with tcp_loose=0', plan: (r) => tcp(r, TcpFlow, r.chance(0.3), { tcp_loose: 0 }) },
  {
    name: 'tcp-liberal',
    covers: 'TCP with tcp_be_liberal=1',
    plan: (r) => tcp(r, TcpFlow, r.chance(0.3), { tcp_be_liberal: 1 }),
  },
  { name: 'tcp-window', covers: 'edges of TCP windows', plan: (r) => tcp(r, WindowTcpFlow, r.chance(0.3)) },
  { name: 'tcp-reset', covers: 'resets, and SYNs in connections', plan: (r) => tcp(r, ResetTcpFlow, r.chance(0.3)) },
  { name: 'tcp-clean', covers: 'well-behaved TCP', plan: (r) => tcp(r, CleanTcpFlow, r.chance(0.3)) },
  {
    name: 'udp',
    covers: 'UDP and UDP-Lite',
    plan: counted([UdpFlow, UdpFlow, UdpFlow, QuestionFlow, UdpLiteFlow], 10, 'acct checksum', { width: 16 }),
  },
  {
    name: 'icmp',
    covers: 'ICMP and ICMPv6 queries of every type',
    plan: counted([EchoFlow], 10, 'acct checksum', { six: 0.4 }),
  },
  {
    name: 'icmp-error',
    covers: 'ICMP errors about known, unknown, reversed and cut packets',
    plan: counted(MANY_ERRORS, 10, 'acct checksum', { six: 0.4, width: 9 }),
  },
  { name: 'sctp', covers: 'SCTP associations, wrong tags, odd chunks', plan: counted([SctpFlow], 8, 'acct checksum') },
  {
    name: 'protocols',
    covers: 'GRE, ESP, AH, OSPF, DCCP and unknown protocols; IPv4 options, IPv6 extension headers',
    plan: counted([GreFlow, OtherFlow, HeadersFlow, OtherFlow], 8, 'acct', { width: 12 }),
  },
  {
    name: 'fragments',
    covers: 'fragments in every order, overlapping, missing',
    plan: counted([FragmentFlow], 8, 'acct', { six: 0.5, width: 3, packets: 1200 }),
  },
  { name: 'matches', covers: 'forty counting rules with every kind of match', plan: matches },
  {
    name: 'firewall',
    covers: 'everything through a stateful firewall with REJECT',
    plan: (r) => {
      const isIpv6 = r.chance(0.4);
      return {
        isIpv6,
        tables: { filter: firewall(r, isIpv6), policy: { FORWARD: 'DROP', INPUT: 'DROP' } },
        sysctls: sysctls(r, 'acct tcp_loose'),
        flows: ALL,
      };
    },
  },
  { name: 'reject', covers: 'REJECT of all kinds of packets, and what the router says of it', plan: reject },
  { name: 'nat-snat', covers: 'SNAT', plan: natted('snat') },
  { name: 'nat-masquerade', covers: 'MASQUERADE', plan: natted('masquerade') },
  { name: 'nat-dnat', covers: 'DNAT to addresses and ports', plan: natted('dnat') },
  { name: 'nat-netmap', covers: 'NETMAP', plan: natted('netmap') },
  { name: 'nat-both', covers: 'DNAT and SNAT of the same connection', plan: natted('both') },
  { name: 'nat-ports', covers: 'NAT to few ports, which clash', plan: natted('ports') },
  { name: 'nat-hairpin', covers: 'NAT between two of the same side', plan: natted('hairpin') },
  { name: 'npt', covers: 'SNPT and DNPT', plan: npt },
  { name: 'table-limit', covers: 'a full connection table', plan: tableLimit },
  { name: 'zones', covers: 'zones of both and of one direction', plan: zones },
  { name: 'addresses', covers: 'addresses that no host should use', plan: (r) => addresses(r, false) },
  { name: 'notrack', covers: 'packets without tracking', plan: notrack },
  { name: 'marks', covers: 'MARK and CONNMARK, saved and restored', plan: marks },
  { name: 'mangle', covers: 'targets that change packets; user chains', plan: mangle },
  { name: 'timeouts', covers: 'timeouts of 1 to 3 s and pauses: connections end and begin again', plan: timeouts },
  { name: 'input', covers: 'packets for the router itself, which answers', plan: input },
  { name: 'local', covers: 'connections of the router itself', plan: local },
  { name: 'local-nat', covers: 'REDIRECT, DNAT in OUTPUT, SNAT in INPUT', plan: localNat },
  { name: 'everything', covers: 'all protocols, NAT, marks, firewall and short timeouts together', plan: everything },
];

/** All of them. */
export const FAMILIES: readonly Family[] = [...OWN, ...MORE, ...HELPER_FAMILIES];

function matches(r: Random): ReturnType<Plans> {
  const isIpv6 = r.chance(0.35);
  const chains = ['PREROUTING', 'POSTROUTING', 'FORWARD'];
  const tables = {
    filter: counting(r, 40, isIpv6, { hasConnbytes: true }),
    mangle: counting(r, 10, isIpv6, { chains }),
  };
  return { isIpv6, tables, sysctls: sysctls(r, 'tcp_loose', { acct: 1 }), flows: ALL };
}
