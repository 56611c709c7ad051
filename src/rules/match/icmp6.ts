/**
 * -m icmp6: type and code (xt_tcpudp.c, icmp6_match). There is no type that stands for all.
 */
import { AF_INET6, IPPROTO_ICMPV6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { type IcmpName, type IcmpSpec, icmpText, listedIcmp, loadIcmp, readIcmpType } from './icmp-types.js';
import { needsProtocol } from './ports.js';

const NAMES: readonly IcmpName[] = [
  ['destination-unreachable', 1, 0, 255],
  ['no-route', 1, 0, 0],
  ['communication-prohibited', 1, 1, 1],
  ['beyond-scope', 1, 2, 2],
  ['address-unreachable', 1, 3, 3],
  ['port-unreachable', 1, 4, 4],
  ['failed-policy', 1, 5, 5],
  ['reject-route', 1, 6, 6],
  ['packet-too-big', 2, 0, 255],
  ['time-exceeded', 3, 0, 255],
  ['ttl-exceeded', 3, 0, 255],
  ['ttl-zero-during-transit', 3, 0, 0],
  ['ttl-zero-during-reassembly', 3, 1, 1],
  ['parameter-problem', 4, 0, 255],
  ['bad-header', 4, 0, 0],
  ['unknown-header-type', 4, 1, 1],
  ['unknown-option', 4, 2, 2],
  ['echo-request', 128, 0, 255],
  ['ping', 128, 0, 255],
  ['echo-reply', 129, 0, 255],
  ['pong', 129, 0, 255],
  ['router-solicitation', 133, 0, 255],
  ['router-advertisement', 134, 0, 255],
  ['neighbour-solicitation', 135, 0, 255],
  ['neighbor-solicitation', 135, 0, 255],
  ['neighbour-advertisement', 136, 0, 255],
  ['neighbor-advertisement', 136, 0, 255],
  ['redirect', 137, 0, 255],
];

/** The `icmp6` match; `icmpv6` and `ipv6-icmp` are other names of it. */
export const icmp6: MatchExtension<IcmpSpec> = {
  name: 'icmp6',
  families: [AF_INET6],
  impliedBy: IPPROTO_ICMPV6,
  options: [{ name: 'icmpv6-type', args: 1, invert: true, required: true }],
  init: () => ({ type: 0, codeFrom: 0, codeTo: 255, invert: false }),
  option(spec, _option, value, inverted, c) {
    Object.assign(spec, readIcmpType(value, 'ICMPv6', NAMES, c));
    spec.invert = inverted;
  },
  save: (spec) => icmpText('icmpv6-type', spec),
  list: (spec, _family, numeric) => listedIcmp('ipv6-icmp', spec, numeric ? [] : NAMES),
  refusedBy: (_spec, around) => needsProtocol('icmp6', IPPROTO_ICMPV6, around),
  load: (spec) => loadIcmp(spec, -1),
};
