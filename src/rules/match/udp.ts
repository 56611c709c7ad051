/**
 * -m udp: ports of the UDP header (xt_tcpudp.c, udp_mt).
 */
import { AF_INET, AF_INET6, IPPROTO_UDP } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { listedPorts } from '../listed.js';
import { portRangeOption } from './option-values.js';
import { allPorts, headerOff, needsProtocol, type PortRange, portText } from './ports.js';

/** `-m udp`. A range whose start is above its end is taken and matches nothing. */
export interface UdpSpec {
  source: PortRange;
  destination: PortRange;
}

const UDP_HEADER = 8;

/** The `udp` match. */
export const udp: MatchExtension<UdpSpec> = {
  name: 'udp',
  families: [AF_INET, AF_INET6],
  impliedBy: IPPROTO_UDP,
  options: [
    { name: 'source-port', aliases: ['sport'], args: 1, invert: true },
    { name: 'destination-port', aliases: ['dport'], args: 1, invert: true },
  ],
  init: () => ({ source: allPorts(), destination: allPorts() }),
  option(spec, option, value, inverted, c) {
    const range = portRangeOption('udp', option, value, inverted, c);
    if (option === 'source-port') spec.source = range;
    else spec.destination = range;
  },
  save: (spec) => (portText('sport', spec.source) + portText('dport', spec.destination)).slice(1),
  list: (spec, _family, numeric) =>
    ` udp${listedPorts('spt', spec.source, IPPROTO_UDP, numeric)}${listedPorts('dpt', spec.destination, IPPROTO_UDP, numeric)}`,
  refusedBy: (_spec, around) => needsProtocol('udp', IPPROTO_UDP, around),
  load(spec) {
    const { source, destination } = spec;
    return (p, c) => {
      const at = headerOff(p, c, UDP_HEADER, false);
      if (at < 0) return false;
      const bytes = p.bytes;
      const from = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      if ((from >= source.from && from <= source.to) === source.invert) return false;
      const to = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
      return (to >= destination.from && to <= destination.to) !== destination.invert;
    };
  },
};
