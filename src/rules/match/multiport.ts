/**
 * -m multiport: up to 15 ports and ranges (a range counts twice) of the first four bytes of a transport header
 * (xt_multiport.c, ports_match_v1).
 */
import {
  AF_INET,
  AF_INET6,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { listedPort } from '../listed.js';
import { not, readPort } from '../values.js';
import { headerOff } from './ports.js';

/** `-m multiport`. */
export interface MultiportSpec {
  which: 'sports' | 'dports' | 'ports' | null;
  /** Pairs from, to (both in); a single port is a pair of equals. */
  ranges: number[];
  invert: boolean;
  /** The rule's protocol, whose services the ports are called after in listings. */
  protocol: number;
}

const MAX_PORTS = 15;
const PROTOCOLS: readonly number[] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP];
const PRINTED = { 'source-ports': 'sports', 'destination-ports': 'dports', ports: 'ports' } as const;

/** The `multiport` match. */
export const multiport: MatchExtension<MultiportSpec> = {
  name: 'multiport',
  families: [AF_INET, AF_INET6],
  options: [
    {
      name: 'source-ports',
      aliases: ['sports'],
      args: 1,
      invert: true,
      excludes: ['destination-ports', 'ports'],
    },
    {
      name: 'destination-ports',
      aliases: ['dports'],
      args: 1,
      invert: true,
      excludes: ['source-ports', 'ports'],
    },
    { name: 'ports', args: 1, invert: true, excludes: ['source-ports', 'destination-ports'] },
  ],
  init: () => ({ which: null, ranges: [], invert: false, protocol: 0 }),
  option(spec, option, value, inverted, c) {
    const protocol = checkProtocol(c);
    spec.which = PRINTED[option as keyof typeof PRINTED];
    spec.ranges = readRanges(value, protocol, c);
    spec.invert = inverted;
    spec.protocol = protocol;
  },
  check(spec, _seen, c) {
    if (spec.which === null) c.fail('multiport expection an option');
  },
  save: ({ which, invert, ranges }) => `${not(invert)}--${which} ${portList(ranges, ranges)}`,
  list({ which, invert, ranges, protocol }, _family, numeric) {
    const ports = ranges.map((port) => listedPort(port, protocol, numeric));
    return ` multiport ${which} ${invert ? ' !' : ''}${portList(ranges, ports)}`;
  },
  refusedBy(_spec, { protocol }) {
    if (protocol !== null && !protocol.invert && PROTOCOLS.includes(protocol.number)) return null;
    return { errno: 22, why: '-m multiport needs -p tcp, udp, udplite, sctp or dccp' };
  },
  load(spec) {
    const ranges = Int32Array.from(spec.ranges);
    const count = ranges.length;
    const source = spec.which !== 'dports';
    const destination = spec.which !== 'sports';
    const invert = spec.invert;
    return (p, c) => {
      const at = headerOff(p, c, 4, false);
      if (at < 0) return false;
      const bytes = p.bytes;
      const from = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      const to = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
      for (let i = 0; i < count; i += 2) {
        const low = ranges[i] as number;
        const high = ranges[i + 1] as number;
        if (source && from >= low && from <= high) return !invert;
        if (destination && to >= low && to <= high) return !invert;
      }
      return invert;
    };
  },
};

/** `22,80:443`; `texts` are the ends as they are printed. */
function portList(ranges: readonly number[], texts: readonly (string | number)[]): string {
  let text = '';
  for (let i = 0; i < ranges.length; i += 2) {
    text += (i === 0 ? '' : ',') + (ranges[i] === ranges[i + 1] ? texts[i] : `${texts[i]}:${texts[i + 1]}`);
  }
  return text;
}

function checkProtocol(c: OptionContext): number {
  if (c.protocol === null) {
    c.fail("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'");
  }
  if (c.protocol.invert || !PROTOCOLS.includes(c.protocol.number)) {
    c.fail('multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP');
  }
  return c.protocol.number;
}

function readRanges(value: string, protocol: number, c: OptionContext): number[] {
  const ranges: number[] = [];
  let count = 0;
  for (const part of value.split(',')) {
    const colon = part.indexOf(':');
    count += colon < 0 ? 1 : 2;
    if (count > MAX_PORTS) c.fail('too many ports specified', value);
    const from = readPort(colon < 0 ? part : part.slice(0, colon), protocol, c, value);
    const to = colon < 0 ? from : readPort(part.slice(colon + 1), protocol, c, value);
    if (colon >= 0 && from >= to) c.fail('invalid portrange specified', value);
    ranges.push(from, to);
  }
  return ranges;
}
