/** -m ecn: the ECN bits of the IP header and of the TCP header (RFC 3168). */
import { AF_INET, IPPROTO_TCP } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { transportOff } from '../kernel-checks.js';
import { bang } from '../listed.js';
import { not, uintOption } from '../values.js';
import { needsProtocol } from './ports.js';

/** Bits of TCP's fourteenth byte. */
const ECE = 0x40;
const CWR = 0x80;
const TCP_HEADER_LEN = 20;

/** Options of -m ecn. */
export interface EcnSpec {
  /** Codepoint 0-3 of the IP header; -1 = not tested. */
  ip: number;
  ipInvert: boolean;
  /** Flag tested, ECE | CWR of byte 13. */
  tcp: number;
  /** Those of `tcp` that must not be set. */
  tcpInvert: number;
}

/** -m ecn. Behaviour: net/netfilter/xt_ecn.c. */
export const ecn: MatchExtension<EcnSpec> = {
  name: 'ecn',
  families: [2, 10],
  options: [
    { name: 'ecn-tcp-cwr', args: 0, invert: true },
    { name: 'ecn-tcp-ece', args: 0, invert: true },
    { name: 'ecn-ip-ect', args: 1, invert: true },
  ],
  init: () => ({ ip: -1, ipInvert: false, tcp: 0, tcpInvert: 0 }),
  option(spec, option, value, invert, c) {
    if (option === 'ecn-ip-ect') {
      spec.ip = uintOption('ecn', option, value, 0, 3, c);
      spec.ipInvert = invert;
      return;
    }
    const bit = option === 'ecn-tcp-cwr' ? CWR : ECE;
    spec.tcp |= bit;
    if (invert) spec.tcpInvert |= bit;
  },
  check(spec, _seen, c) {
    if (spec.ip < 0 && spec.tcp === 0) c.fail('ECN match: some option required');
  },
  save(spec) {
    const parts: string[] = [];
    if ((spec.tcp & ECE) !== 0) parts.push(not((spec.tcpInvert & ECE) !== 0) + '--ecn-tcp-ece');
    if ((spec.tcp & CWR) !== 0) parts.push(not((spec.tcpInvert & CWR) !== 0) + '--ecn-tcp-cwr');
    if (spec.ip >= 0) parts.push(`${not(spec.ipInvert)}--ecn-ip-ect ${spec.ip}`);
    return parts.join(' ');
  },
  list(spec) {
    let text = ' ECN match';
    if ((spec.tcp & ECE) !== 0) text += ` ${bang((spec.tcpInvert & ECE) !== 0)}ECE`;
    if ((spec.tcp & CWR) !== 0) text += ` ${bang((spec.tcpInvert & CWR) !== 0)}CWR`;
    return spec.ip < 0 ? text : `${text} ${bang(spec.ipInvert)}ECT=${spec.ip}`;
  },
  refusedBy: (spec, around) => (spec.tcp === 0 ? null : needsProtocol('ecn', IPPROTO_TCP, around)),
  load(spec) {
    const { ip, ipInvert, tcp } = spec;
    const wanted = tcp & ~spec.tcpInvert;
    return (p) => {
      if (ip >= 0) {
        // IPv4: the type-of-service byte. IPv6: the traffic class lies across bytes 0 and 1.
        const at = p.l3Off + 1;
        const codepoint = p.family === AF_INET ? (p.bytes[at] as number) & 3 : ((p.bytes[at] as number) >> 4) & 3;
        if ((codepoint === ip) === ipInvert) return false;
      }
      if (tcp === 0) return true;
      const at = transportOff(p);
      if (p.end - at < TCP_HEADER_LEN) return false;
      return ((p.bytes[at + 13] as number) & tcp) === wanted;
    };
  },
};
