/**
 * -j REJECT: drops the packet and answers it with an ICMP error or a TCP reset (ipt_REJECT.c, ip6t_REJECT.c).
 */
import { AF_INET, AF_INET6, HOOK_FORWARD, HOOK_INPUT, HOOK_OUTPUT, IPPROTO_TCP } from '../../wire/packet.js';
import { VERDICT_REJECT } from '../context.js';
import type { TargetExtension } from '../extension.js';
import type { Family } from '../model.js';

/**
 * What RuleContext.reject answers with. ICMP errors: type << 8 | code of the ICMP or ICMPv6 message; the packet's family tells
 * which (`REJECT_PORT_UNREACH` etc. for IPv4, `REJECT6_` for IPv6). 0: a TCP reset.
 */
export const REJECT_TCP_RESET = 0;
export const REJECT_NET_UNREACH = (3 << 8) | 0;
export const REJECT_HOST_UNREACH = (3 << 8) | 1;
export const REJECT_PROTO_UNREACH = (3 << 8) | 2;
export const REJECT_PORT_UNREACH = (3 << 8) | 3;
export const REJECT_NET_PROHIBITED = (3 << 8) | 9;
export const REJECT_HOST_PROHIBITED = (3 << 8) | 10;
export const REJECT_ADMIN_PROHIBITED = (3 << 8) | 13;
export const REJECT6_NO_ROUTE = (1 << 8) | 0;
export const REJECT6_ADM_PROHIBITED = (1 << 8) | 1;
export const REJECT6_ADDR_UNREACH = (1 << 8) | 3;
export const REJECT6_PORT_UNREACH = (1 << 8) | 4;
export const REJECT6_POLICY_FAIL = (1 << 8) | 5;
export const REJECT6_REJECT_ROUTE = (1 << 8) | 6;

/** `-j REJECT`. */
export interface RejectSpec {
  /** A REJECT_ constant. */
  type: number;
}

type Row = readonly [name: string, alias: string, type: number];

/** In the order in which a beginning of a name is looked up. */
const TYPES4: readonly Row[] = [
  ['icmp-net-unreachable', 'net-unreach', REJECT_NET_UNREACH],
  ['icmp-host-unreachable', 'host-unreach', REJECT_HOST_UNREACH],
  ['icmp-proto-unreachable', 'proto-unreach', REJECT_PROTO_UNREACH],
  ['icmp-port-unreachable', 'port-unreach', REJECT_PORT_UNREACH],
  ['icmp-net-prohibited', 'net-prohib', REJECT_NET_PROHIBITED],
  ['icmp-host-prohibited', 'host-prohib', REJECT_HOST_PROHIBITED],
  ['tcp-reset', 'tcp-rst', REJECT_TCP_RESET],
  ['icmp-admin-prohibited', 'admin-prohib', REJECT_ADMIN_PROHIBITED],
];
const TYPES6: readonly Row[] = [
  ['icmp6-no-route', 'no-route', REJECT6_NO_ROUTE],
  ['icmp6-adm-prohibited', 'adm-prohibited', REJECT6_ADM_PROHIBITED],
  ['icmp6-addr-unreachable', 'addr-unreach', REJECT6_ADDR_UNREACH],
  ['icmp6-port-unreachable', 'port-unreach', REJECT6_PORT_UNREACH],
  ['tcp-reset', 'tcp-reset', REJECT_TCP_RESET],
  ['icmp6-policy-fail', 'policy-fail', REJECT6_POLICY_FAIL],
  ['icmp6-reject-route', 'reject-route', REJECT6_REJECT_ROUTE],
];

const HOOKS = (1 << HOOK_INPUT) | (1 << HOOK_FORWARD) | (1 << HOOK_OUTPUT);

/** The `REJECT` target. */
export const REJECT: TargetExtension<RejectSpec> = {
  name: 'REJECT',
  families: [AF_INET, AF_INET6],
  tables: ['filter'],
  options: [{ name: 'reject-with', args: 1 }],
  init: (family) => ({ type: family === AF_INET ? REJECT_PORT_UNREACH : REJECT6_PORT_UNREACH }),
  option(spec, _option, value, _inverted, c) {
    const wanted = value.toLowerCase();
    for (const [name, alias, type] of typesOf(c.family)) {
      if (name.startsWith(wanted) || alias.startsWith(wanted)) {
        spec.type = type;
        return;
      }
    }
    if ('echo-reply'.startsWith(wanted) || 'echoreply'.startsWith(wanted)) {
      c.fail('--reject-with echo-reply no longer supported', value);
    }
    c.fail(`unknown reject type "${value}"`, value);
  },
  save(spec, family) {
    const row = typesOf(family).find(([, , type]) => type === spec.type);
    return row === undefined ? '' : `--reject-with ${row[0]}`;
  },
  list(spec, family) {
    const row = typesOf(family).find(([, , type]) => type === spec.type);
    return row === undefined ? '' : ` reject-with ${row[0]}`;
  },
  refusedBy(spec, { hooks, protocol }) {
    if ((hooks & ~HOOKS) !== 0) return { errno: 22, why: 'REJECT answers in INPUT, FORWARD and OUTPUT only' };
    if (spec.type !== REJECT_TCP_RESET) return null;
    if (protocol !== null && protocol.number === IPPROTO_TCP && !protocol.invert) return null;
    return { errno: 22, why: '--reject-with tcp-reset needs -p tcp' };
  },
  load({ type }) {
    return (p, c) => {
      c.reject(p, type);
      return VERDICT_REJECT;
    };
  },
};

function typesOf(family: Family): readonly Row[] {
  return family === AF_INET ? TYPES4 : TYPES6;
}
