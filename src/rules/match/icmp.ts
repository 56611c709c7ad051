/**
 * -m icmp: type and code (xt_tcpudp.c, icmp_match).
 */
import { AF_INET, IPPROTO_ICMP } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { not } from '../values.js';
import { type IcmpName, type IcmpSpec, icmpText, listedIcmp, loadIcmp, readIcmpType } from './icmp-types.js';
import { needsProtocol } from './ports.js';

/** Type 255 stands for every type. */
const ANY = 255;

const NAMES: readonly IcmpName[] = [
  ['any', ANY, 0, 255],
  ['echo-reply', 0, 0, 255],
  ['pong', 0, 0, 255],
  ['destination-unreachable', 3, 0, 255],
  ['network-unreachable', 3, 0, 0],
  ['host-unreachable', 3, 1, 1],
  ['protocol-unreachable', 3, 2, 2],
  ['port-unreachable', 3, 3, 3],
  ['fragmentation-needed', 3, 4, 4],
  ['source-route-failed', 3, 5, 5],
  ['network-unknown', 3, 6, 6],
  ['host-unknown', 3, 7, 7],
  ['network-prohibited', 3, 9, 9],
  ['host-prohibited', 3, 10, 10],
  ['TOS-network-unreachable', 3, 11, 11],
  ['TOS-host-unreachable', 3, 12, 12],
  ['communication-prohibited', 3, 13, 13],
  ['host-precedence-violation', 3, 14, 14],
  ['precedence-cutoff', 3, 15, 15],
  ['source-quench', 4, 0, 255],
  ['redirect', 5, 0, 255],
  ['network-redirect', 5, 0, 0],
  ['host-redirect', 5, 1, 1],
  ['TOS-network-redirect', 5, 2, 2],
  ['TOS-host-redirect', 5, 3, 3],
  ['echo-request', 8, 0, 255],
  ['ping', 8, 0, 255],
  ['router-advertisement', 9, 0, 255],
  ['router-solicitation', 10, 0, 255],
  ['time-exceeded', 11, 0, 255],
  ['ttl-exceeded', 11, 0, 255],
  ['ttl-zero-during-transit', 11, 0, 0],
  ['ttl-zero-during-reassembly', 11, 1, 1],
  ['parameter-problem', 12, 0, 255],
  ['ip-header-bad', 12, 0, 0],
  ['required-option-missing', 12, 1, 1],
  ['timestamp-request', 13, 0, 255],
  ['timestamp-reply', 14, 0, 255],
  ['address-mask-request', 17, 0, 255],
  ['address-mask-reply', 18, 0, 255],
];

/** The `icmp` match. */
export const icmp: MatchExtension<IcmpSpec> = {
  name: 'icmp',
  families: [AF_INET],
  impliedBy: IPPROTO_ICMP,
  options: [{ name: 'icmp-type', args: 1, invert: true, required: true }],
  init: () => ({ type: ANY, codeFrom: 0, codeTo: 255, invert: false }),
  option(spec, _option, value, inverted, c) {
    const read = readIcmpType(value, 'ICMP', NAMES, c);
    spec.type = read.type;
    // the code of type 255 is listed and means nothing
    spec.codeFrom = read.codeFrom;
    spec.codeTo = read.codeTo;
    spec.invert = inverted;
  },
  save: (spec) => (spec.type === ANY ? `${not(spec.invert)}--icmp-type any` : icmpText('icmp-type', spec)),
  list: (spec, _family, numeric) => listedIcmp('icmp', spec, numeric ? [] : NAMES),
  refusedBy: (_spec, around) => needsProtocol('icmp', IPPROTO_ICMP, around),
  load: (spec) => loadIcmp(spec, ANY),
};
