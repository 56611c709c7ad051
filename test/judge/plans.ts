/** What families of scenarios are made of: what each loads, sets and lets talk. */

import { GreFlow, HeadersFlow, OtherFlow, QuestionFlow, UdpFlow, UdpLiteFlow } from './flows/datagrams.js';
import type { FlowMaker, Sides } from './flows/flow.js';
import { FragmentFlow } from './flows/fragments.js';
import { EchoFlow, ErrorFlow } from './flows/icmp.js';
import { SctpFlow } from './flows/sctp.js';
import { StrangeFlow } from './flows/strange.js';
import { CleanTcpFlow, TcpFlow } from './flows/tcp.js';
import * as nat from './nat-rules.js';
import type { Random } from './random.js';
import { counting, ruleset, type TableLines } from './rules.js';
import type { Sysctls } from './world.js';

/** What a scenario of a family begins with. */
export interface Plan {
  isIpv6: boolean;
  tables: TableLines;
  sysctls: Sysctls;
  /** Kinds of conversations; more often what stands there more often. */
  flows: readonly FlowMaker[];
  /** Conversations at a time. */
  width: number;
  /** Sides of client and server; more often what stands there more often. */
  sides: readonly Sides[];
  /** Pauses in milliseconds, spread over the scenario. */
  pausesMs: readonly number[];
  /** At most this many packets in a scenario; null: as many as usual. */
  packets: number | null;
  servers: readonly (readonly [string, number])[];
  /** As Scenario.isDeaf; clients and servers on the router need it. */
  isDeaf: boolean;
  /** As Scenario.hasLog. */
  hasLog: boolean;
}

/** A family of scenarios. */
export interface Family {
  name: string;
  covers: string;
  /** Draws what a scenario begins with. */
  plan(r: Random): Partial<Plan> & Pick<Plan, 'tables' | 'flows'>;
}

/** Where the sysctls of connection tracking are. */
export const CT = 'net.netfilter.nf_conntrack_';
const CHOICES: Readonly<Record<string, readonly number[]>> = {
  acct: [0, 1],
  tcp_loose: [0, 1],
  tcp_be_liberal: [0, 1],
  tcp_max_retrans: [1, 2, 3],
  tcp_ignore_invalid_rst: [0, 1],
  checksum: [0, 1, 1],
};

/** Values of sysctls of connection tracking. */
export function sysctls(r: Random, names: string, fixed: Readonly<Record<string, number>> = {}): Sysctls {
  const drawn = names.split(' ').map((name) => [CT + name, r.pick(CHOICES[name]!)] as const);
  return { ...Object.fromEntries(drawn), ...Object.fromEntries(Object.entries(fixed).map(([k, v]) => [CT + k, v])) };
}

/** Conversations of every kind. */
export const ALL: readonly FlowMaker[] = [
  ...[TcpFlow, CleanTcpFlow, CleanTcpFlow, UdpFlow, QuestionFlow, EchoFlow, ErrorFlow, SctpFlow, GreFlow, OtherFlow],
  ...[FragmentFlow, HeadersFlow, UdpLiteFlow],
];
/** Conversations that errors are about. */
export const MANY_ERRORS: readonly FlowMaker[] = [
  ...[CleanTcpFlow, UdpFlow, EchoFlow, SctpFlow, OtherFlow, ErrorFlow, ErrorFlow, ErrorFlow, ErrorFlow],
];
/** What the router itself may say. */
export const LOCAL: readonly FlowMaker[] = [
  TcpFlow,
  CleanTcpFlow,
  CleanTcpFlow,
  UdpFlow,
  QuestionFlow,
  EchoFlow,
  SctpFlow,
];
/** What --ctstate knows. */
export const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'SNAT', 'DNAT'];

/** Draws a plan. */
export type Plans = Family['plan'];

/** A family of which the filter table only counts. */
export function counted(
  flows: readonly FlowMaker[],
  rules: number,
  names: string,
  o: Partial<Plan> & { six?: number } = {},
): Plans {
  return (r) => {
    const { six = 0.3, ...rest } = o;
    const isIpv6 = r.chance(six);
    return { isIpv6, tables: { filter: counting(r, rules, isIpv6) }, sysctls: sysctls(r, names), flows, ...rest };
  };
}

/** NAT of what is forwarded. */
export function natted(kind: keyof typeof nat.KINDS): Plans {
  return (r) => {
    const isIpv6 = kind !== 'hairpin' && r.chance(0.3);
    const { rules, servers } = nat.KINDS[kind](r, isIpv6);
    const states = '-A FORWARD -m conntrack --ctstate SNAT\n-A FORWARD -m conntrack --ctstate DNAT\n';
    const filter = `${counting(r, 6, isIpv6)}${states}-A FORWARD -m conntrack --ctstate DNAT --ctdir REPLY`;
    const flows: FlowMaker[] = [
      CleanTcpFlow,
      TcpFlow,
      UdpFlow,
      QuestionFlow,
      EchoFlow,
      ErrorFlow,
      ErrorFlow,
      FragmentFlow,
    ];
    if (servers.length === 0) flows.push(SctpFlow, OtherFlow, GreFlow);
    const sides: readonly Sides[] =
      kind === 'hairpin'
        ? ['aa', 'aa', 'ab', 'ba']
        : servers.length > 0
          ? ['ab']
          : ['ab', 'ab', 'ab', 'ab', 'ab', 'ab', 'ab', 'ba'];
    return { isIpv6, tables: { nat: rules, filter }, sysctls: sysctls(r, 'acct tcp_loose'), flows, servers, sides };
  };
}

/** Addresses that no host should use. */
export function addresses(r: Random, isIpv6: boolean): ReturnType<Plans> {
  const chains = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
  const types = ['UNICAST', 'LOCAL', isIpv6 ? 'ANYCAST' : 'BROADCAST', 'MULTICAST'];
  const typed = types.flatMap((t) => [
    `-A PREROUTING -m addrtype --src-type ${t}`,
    `-A PREROUTING -m addrtype --dst-type ${t}`,
  ]);
  const states = chains.flatMap((chain) => STATES.map((state) => `-A ${chain} -m conntrack --ctstate ${state}`));
  const tables = { mangle: [...typed, ...states].join('\n'), filter: counting(r, 6, isIpv6) };
  return { isIpv6, tables, sysctls: sysctls(r, 'acct'), flows: [StrangeFlow, StrangeFlow, UdpFlow, CleanTcpFlow] };
}

/** Everything that a plan does not say. */
export const USUAL: Omit<Plan, 'tables' | 'flows'> = {
  isIpv6: false,
  sysctls: {},
  width: 6,
  sides: ['ab', 'ab', 'ab', 'ab', 'ba'],
  pausesMs: [],
  packets: null,
  servers: [],
  isDeaf: false,
  hasLog: false,
};

/** The rules of both families of a plan: those of the other one are empty. */
export function rulesOf(plan: Plan): { rules4: string; rules6: string } {
  const own = ruleset(plan.tables);
  const idle = ruleset({
    ...(plan.tables.nat === undefined ? {} : { nat: '' }),
    filter: '-A FORWARD -m conntrack --ctstate NEW',
  });
  return plan.isIpv6 ? { rules4: idle, rules6: own } : { rules4: own, rules6: idle };
}
