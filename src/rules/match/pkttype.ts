/** -m pkttype: how the link layer addressed the packet (xt_pkttype.c). */
import {
  AF_INET,
  AF_INET6,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_LOOPBACK,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  T_DST,
} from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { not } from '../values.js';

/** Names of packet types; the first of a type is the one that is printed. */
const NAMES: readonly (readonly [string, number])[] = [
  ['unicast', PACKET_HOST],
  ['broadcast', PACKET_BROADCAST],
  ['multicast', PACKET_MULTICAST],
  ['otherhost', PACKET_OTHERHOST],
  ['host', PACKET_HOST],
];

/** Options of -m pkttype. */
export interface PkttypeSpec {
  /** PACKET_ constant. */
  type: number;
  invert: boolean;
}

function nameOf(type: number): string {
  return NAMES.find((entry) => entry[1] === type)![0];
}

/** The `pkttype` match. */
export const pkttype: MatchExtension<PkttypeSpec> = {
  name: 'pkttype',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'pkt-type', args: 1, invert: true, required: true }],
  init: () => ({ type: PACKET_HOST, invert: false }),
  option(spec, _option, value, inverted, c) {
    const found = NAMES.find((entry) => entry[0] === value.toLowerCase());
    if (found === undefined) c.fail(`Bad packet type '${value}'`, value);
    spec.type = found![1];
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--pkt-type ${nameOf(spec.type)}`,
  list: (spec) => ` PKTTYPE ${spec.invert ? '!=' : '='} ${nameOf(spec.type)}`,
  load(spec) {
    const { type, invert } = spec;
    return (p) => {
      let is = p.packetType;
      // what the host sent to a group and hears itself is told apart by its destination
      if (is === PACKET_LOOPBACK) {
        const first = p.tuple[T_DST]!;
        const group = p.family === AF_INET ? first >>> 28 === 0xe : first >>> 24 === 0xff;
        is = group ? PACKET_MULTICAST : PACKET_BROADCAST;
      }
      return (is === type) !== invert;
    };
  },
};
