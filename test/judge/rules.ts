/** Rules of made-up scenarios: the probe that writes a packet's state into it, and rules that only count. */
import type { Random } from './random.js';

/** Rule lines (`-A CHAIN ...`, `-N CHAIN`) by table, policies of the filter table by chain. */
export interface TableLines {
  raw?: string;
  mangle?: string;
  nat?: string;
  filter?: string;
  security?: string;
  policy?: Readonly<Record<string, string>>;
  /** Default true. */
  hasProbe?: boolean;
}

const CHAINS = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const;

/** What the conntrack match says, written into TOS: bits 7-5 state, 4 reply direction, 3 ASSURED, 2 SEEN_REPLY. */
const PROBE = [
  '-N probe',
  '-A FORWARD -j probe',
  ...['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'].map(
    (state, i) => `-A probe -m conntrack --ctstate ${state} -j TOS --set-tos 0x${((i + 1) << 5).toString(16)}/0xe0`,
  ),
  '-A probe -m conntrack --ctdir REPLY -j TOS --set-tos 0x10/0x10',
  '-A probe -m conntrack --ctstatus ASSURED -j TOS --set-tos 0x08/0x08',
  '-A probe -m conntrack --ctstatus SEEN_REPLY -j TOS --set-tos 0x04/0x04',
].join('\n');

/**
 * iptables-save text with all tables but nat, which is there only if it has rules: a namespace never loses a table, so that what is
 * loaded must not depend on what ran before.
 */
export function ruleset(lines: TableLines): string {
  const mangle = `${lines.mangle ?? ''}\n${lines.hasProbe === false ? '' : PROBE}`;
  let text = '';
  for (const table of ['raw', 'mangle', 'nat', 'filter', 'security'] as const) {
    const body = (table === 'mangle' ? mangle : (lines[table] ?? '')).split('\n').map((line) => line.trim());
    if (table === 'nat' && lines.nat === undefined) continue;
    text += `*${table}\n`;
    for (const chain of CHAINS[table])
      text += `:${chain} ${(table === 'filter' ? lines.policy?.[chain] : undefined) ?? 'ACCEPT'} [0:0]\n`;
    for (const line of body) if (line.startsWith('-N ')) text += `:${line.slice(3)} - [0:0]\n`;
    for (const line of body) if (line !== '' && !line.startsWith('-N ')) text += `${line}\n`;
    text += 'COMMIT\n';
  }
  return text;
}

const COUNT4 = `-p tcp|-p udp|-p icmp|-p sctp|! -p tcp|-i r0|-o r0|-i r+|! -i r1|-f|! -f|-s 10.1.0.0/24|-d 10.2.0.0/16
! -s 10.11.0.0/16|-s 10.11.0.3|-m iprange --src-range 10.1.0.2-10.1.0.3|-m iprange ! --dst-range 10.2.0.3-10.22.1.200
-m ttl --ttl-eq 64|-m ttl --ttl-lt 3|-m ttl --ttl-gt 63|-p icmp -m icmp --icmp-type 8|-p icmp -m icmp --icmp-type 3/4
-p icmp -m icmp ! --icmp-type echo-reply|-p icmp -m icmp --icmp-type destination-unreachable|-m ecn --ecn-ip-ect 2
-m addrtype --dst-type UNICAST|-m addrtype --src-type LOCAL|-m conntrack --ctorigsrc 10.1.0.0/24
-m conntrack --ctreplsrc 10.2.0.0/16|-m conntrack ! --ctorigdst 10.2.0.0/24|-m conntrack --ctrepldst 10.1.0.2
-m u32 --u32 "0 >> 28 = 4 && 0 & 0xffff = 40:100"`;
const COUNT6 = `-p tcp|-p udp|-p ipv6-icmp|-p sctp|! -p tcp|-i r0|-o r0|-s fd00:1::/64|-d fd00:2::/64|! -s fd00:11::/32
-m hl --hl-eq 64|-m hl --hl-lt 3|-p ipv6-icmp -m icmp6 --icmpv6-type 128
-p ipv6-icmp -m icmp6 --icmpv6-type packet-too-big|-m frag --fragmore|-m ipv6header --header hop-by-hop --soft
-m iprange --src-range fd00:1::2-fd00:1::3|-m conntrack --ctorigsrc fd00:1::/64|-m conntrack --ctreplsrc fd00:2::/64
-m conntrack ! --ctorigdst fd00:2::/64|-m dst|-m hbh|-m rt --rt-type 0`;
const COUNT = `-m conntrack --ctstate NEW|-m conntrack --ctstate INVALID|-m conntrack ! --ctstate ESTABLISHED
-m conntrack --ctstate RELATED|-m state --state NEW|-m state --state ESTABLISHED,RELATED|-m state ! --state INVALID
-m conntrack --ctstate SNAT|-m conntrack --ctstate DNAT|-m conntrack --ctstate NEW,SNAT|-m conntrack ! --ctstate DNAT
-m conntrack --ctstate UNTRACKED|-m conntrack --ctproto 6|-m conntrack --ctproto 17|-m conntrack ! --ctproto 6
-m conntrack --ctproto 6 --ctorigdstport 80|-m conntrack --ctproto 17 --ctorigsrcport 20000:25000
-m conntrack --ctproto 6 ! --ctorigdstport 22:80|-m conntrack --ctproto 6 --ctreplsrcport 443
-m conntrack --ctproto 17 --ctrepldstport 20000:30000|-m conntrack --ctstatus NONE|-m conntrack --ctstatus SEEN_REPLY
-m conntrack --ctstatus ASSURED|-m conntrack --ctstatus CONFIRMED|-m conntrack --ctstatus EXPECTED
-m conntrack ! --ctstatus ASSURED|-m conntrack --ctstatus ASSURED,EXPECTED|-m conntrack --ctexpire 0:40
-m conntrack --ctexpire 100:1000|-m conntrack ! --ctexpire 20:200|-m conntrack --ctexpire 430000:432000
-m conntrack --ctdir ORIGINAL|-m conntrack --ctdir REPLY|-m conntrack --ctstate ESTABLISHED --ctdir REPLY --ctproto 6
-p tcp -m tcp --tcp-flags SYN,RST,ACK,FIN SYN|-p tcp -m tcp ! --tcp-flags SYN,ACK SYN|-p tcp -m tcp --tcp-flags ALL NONE
-p tcp -m tcp --tcp-flags ALL FIN,PSH,URG|-p tcp -m tcp --tcp-option 3|-p tcp -m tcp ! --tcp-option 8
-p tcp -m tcp --dport 22:443|-p tcp -m tcp ! --sport 80|-p udp -m udp --dport 53|-p udp -m udp ! --sport 0:1023
-p tcp -m multiport --dports 22,80,443|-p udp -m multiport --ports 53,5000:6000|-p tcp -m multiport ! --sports 80,8080
-p sctp -m multiport --dports 80,443|-p tcp -m tcpmss --mss 1000:1500|-p tcp -m tcpmss ! --mss 536
-m length --length 0:100|-m length ! --length 40|-m length --length 1000:65535|-m mark --mark 0x0
-m mark ! --mark 0x1/0xff|-m connmark --mark 0x5|-m connmark ! --mark 0x0/0xf0|-m tos --tos 0x10|-m dscp --dscp 0x00
-m dscp ! --dscp-class AF11|-m statistic --mode nth --every 3 --packet 0|-m statistic --mode nth --every 5 --packet 2
-m statistic --mode nth ! --every 4 --packet 1|-m limit --limit 1/hour --limit-burst 10
-m limit --limit 2/day --limit-burst 55|-m quota --quota 5000|-m quota ! --quota 2500|-m pkttype --pkt-type unicast
-m comment --comment "a comment"|-m mac --mac-source 02:00:00:00:01:02|-m mac ! --mac-source 02:00:00:00:02:02
-p sctp -m sctp --chunk-types any DATA,INIT|-p sctp -m sctp --chunk-types only DATA
-p sctp -m sctp --chunk-types all DATA,SACK|-p sctp -m sctp --dport 80|-m string --algo bm --string "aaaa"
-m string --algo kmp --hex-string "|6262|" --from 40 --to 200|-p esp -m esp --espspi 4096:4100|-m devgroup --src-group 0
-m policy --dir in --pol none|-m recent --name seen --set|-m recent --name seen --rcheck
-m recent --name seen --rcheck --hitcount 3|-m recent --name dst --rdest --set
-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 3 --hashlimit-mode srcip --hashlimit-name h1 --hashlimit-htable-expire 100000
-m hashlimit --hashlimit-above 1/hour --hashlimit-burst 5 --hashlimit-mode srcip,dstport --hashlimit-name h2 --hashlimit-htable-expire 100000`;
const CONNBYTES = `-m connbytes --connbytes 3 --connbytes-dir both --connbytes-mode packets
-m connbytes --connbytes 0:500 --connbytes-dir original --connbytes-mode bytes
-m connbytes --connbytes 100:2000 --connbytes-dir reply --connbytes-mode bytes
-m connbytes ! --connbytes 2:5 --connbytes-dir original --connbytes-mode packets
-m connbytes --connbytes 60:200 --connbytes-dir both --connbytes-mode avgpkt
-m connbytes --connbytes 1000 --connbytes-dir reply --connbytes-mode avgpkt`;
/** A bar between patterns; none inside of the hex string that begins with one. */
const listed = (text: string): string[] => text.split(/\n|\|(?=-|!)/);

/** Rules without a target: a random choice of matches, spread over chains. */
export function counting(
  r: Random,
  count: number,
  isIpv6: boolean,
  o: { chains?: readonly string[]; hasConnbytes?: boolean } = {},
): string {
  const pool = [
    ...listed(COUNT),
    ...listed(isIpv6 ? COUNT6 : COUNT4),
    ...(o.hasConnbytes === true ? listed(CONNBYTES) : []),
  ];
  const lines = r.sample(pool, count).map((match) => {
    const chain = r.pick(o.chains ?? ['FORWARD']);
    if (chain !== 'FORWARD' && /(?:^| )(?:-i|-o) |-m (?:mac|devgroup|policy)/.test(match)) return `-A FORWARD ${match}`;
    return `-A ${chain} ${match}`;
  });
  return `${lines.join('\n')}\n`;
}

/** Drops INVALID, accepts what is known. */
export const STATEFUL = `-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
`;

const REJECT4 =
  'icmp-port-unreachable icmp-net-unreachable icmp-host-unreachable icmp-proto-unreachable icmp-net-prohibited icmp-host-prohibited icmp-admin-prohibited';
const REJECT6 =
  'icmp6-no-route icmp6-adm-prohibited icmp6-addr-unreachable icmp6-port-unreachable icmp6-policy-fail icmp6-reject-route';

/** A usual stateful ruleset of a router. */
export function firewall(r: Random, isIpv6: boolean): string {
  const ping = isIpv6 ? '-p ipv6-icmp -m icmp6 --icmpv6-type echo-request' : '-p icmp -m icmp --icmp-type echo-request';
  return `${STATEFUL}-A FORWARD -p tcp -m tcp --syn -m multiport --dports 22,80,443 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -p udp -m udp --dport 53 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD ${ping} -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -p tcp -j REJECT --reject-with tcp-reset
-A FORWARD -j REJECT --reject-with ${r.pick((isIpv6 ? REJECT6 : REJECT4).split(' '))}
`;
}
