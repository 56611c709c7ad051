/** Families about connection helpers, which `CT --helper` gives to connections. */

import { AmandaFlow, IrcFlow, NoiseFlow, SaneFlow, TftpFlow } from './flows/announced.js';
import type { FlowMaker } from './flows/flow.js';
import { FtpFlow } from './flows/ftp.js';
import { ErrorFlow } from './flows/icmp.js';
import { PptpFlow } from './flows/pptp.js';
import { SipFlow } from './flows/sip.js';
import type { Family, Plan } from './plans.js';
import type { Random } from './random.js';

interface Helper {
  name: string;
  protocols: readonly string[];
  port: number;
  flow: FlowMaker;
  hasIpv6: boolean;
}

const HELPERS: readonly Helper[] = [
  { name: 'ftp', protocols: ['tcp'], port: 21, flow: FtpFlow, hasIpv6: true },
  { name: 'irc', protocols: ['tcp'], port: 6667, flow: IrcFlow, hasIpv6: false },
  { name: 'tftp', protocols: ['udp'], port: 69, flow: TftpFlow, hasIpv6: true },
  { name: 'sane', protocols: ['tcp'], port: 6566, flow: SaneFlow, hasIpv6: true },
  { name: 'amanda', protocols: ['udp'], port: 10080, flow: AmandaFlow, hasIpv6: true },
  { name: 'pptp', protocols: ['tcp'], port: 1723, flow: PptpFlow, hasIpv6: false },
  { name: 'sip', protocols: ['udp', 'tcp'], port: 5060, flow: SipFlow, hasIpv6: true },
];

/** Packets of a scenario: payloads are read and written on six hosts. */
const PACKETS = 1200;

/** Rules of the nat table; null: none. The outer addresses are shorter, longer and as long as the inner ones. */
function natRules(r: Random, isIpv6: boolean): { nat: string | null; isPublished: boolean } {
  const front = isIpv6 ? 'fd00:1::1' : '10.1.0.1';
  const out = isIpv6 ? ['fd00:2::9', 'fd00:22:1234:5678:9abc:def0:1234:5678'] : ['10.2.0.9', '10.22.122.133'];
  const source = r.pick([
    '-A POSTROUTING -o r1 -j MASQUERADE',
    ...out.map((a) => `-A POSTROUTING -o r1 -j SNAT --to-source ${a}`),
  ]);
  const inside = `-A PREROUTING -i r0 -d ${front} -j DNAT --to-destination ${isIpv6 ? 'fd00:2::3' : '10.2.0.3'}`;
  const k = r.real();
  if (k < 0.35) return { nat: null, isPublished: false };
  if (k < 0.7) return { nat: source, isPublished: false };
  return k < 0.85 ? { nat: inside, isPublished: true } : { nat: `${inside}\n${source}`, isPublished: true };
}

function plan(h: Helper, r: Random): Partial<Plan> & Pick<Plan, 'tables' | 'flows'> {
  const isIpv6 = h.hasIpv6 && r.chance(0.35);
  const { nat, isPublished } = natRules(r, isIpv6);
  const zone = nat === null && r.chance(0.15);
  const given = r.pick([
    '',
    '',
    '',
    '',
    ' --expevents new',
    ' --ctevents new,related,helper',
    ' --expevents new --ctevents destroy',
  ]);
  const raw = h.protocols.map(
    (p) => `-A PREROUTING -p ${p} -m ${p} --dport ${h.port} -j CT --helper ${h.name}${zone ? ' --zone 7' : ''}${given}`,
  );
  if (zone) raw.push('-A PREROUTING -j CT --zone 7');
  const states = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID'].map((s) => `-A FORWARD -m conntrack --ctstate ${s}`);
  const filter = [
    ...states,
    `-A FORWARD -m helper --helper ${h.name}`,
    '-A FORWARD -m conntrack --ctstatus EXPECTED',
    ...(r.chance(0.5)
      ? [
          '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
          '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
          ...h.protocols.map((p) => `-A FORWARD -p ${p} -m ${p} --dport ${h.port} -j ACCEPT`),
          '-A FORWARD -j DROP',
        ]
      : []),
  ].join('\n');
  const servers: [string, number][] = isPublished ? [[isIpv6 ? 'fd00:1::1' : '10.1.0.1', h.port]] : [];
  const ct = 'net.netfilter.nf_conntrack_';
  return {
    isIpv6,
    tables: { raw: raw.join('\n'), ...(nat === null ? {} : { nat }), filter },
    sysctls: { [`${ct}acct`]: r.pick([0, 1]) },
    flows: [h.flow, h.flow, h.flow, h.flow, h.flow, h.flow, ErrorFlow, NoiseFlow],
    sides: isPublished ? ['ab'] : nat === null ? ['ab', 'ab', 'ab', 'ba'] : ['ab'],
    servers,
    packets: PACKETS,
  };
}

/** One family a helper. */
export const HELPER_FAMILIES: readonly Family[] = HELPERS.map((h) => ({
  name: `helper-${h.name}`,
  covers: `the ${h.name} helper: announcements right and wrong, what they announce, under NAT and not`,
  plan: (r) => plan(h, r),
}));
