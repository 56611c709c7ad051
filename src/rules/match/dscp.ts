/** -m dscp: the six high bits of the TOS or traffic class field (xt_dscp.c, dscp_mt). */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { bang } from '../listed.js';
import { hexByte, not, uintOption } from '../values.js';
import { trafficClass } from './traffic-class.js';

/** DSCP classes by name, RFC 2474, 2597 and 3246. */
const CLASSES: ReadonlyMap<string, number> = new Map([
  ['CS0', 0x00],
  ['CS1', 0x08],
  ['CS2', 0x10],
  ['CS3', 0x18],
  ['CS4', 0x20],
  ['CS5', 0x28],
  ['CS6', 0x30],
  ['CS7', 0x38],
  ['BE', 0x00],
  ['AF11', 0x0a],
  ['AF12', 0x0c],
  ['AF13', 0x0e],
  ['AF21', 0x12],
  ['AF22', 0x14],
  ['AF23', 0x16],
  ['AF31', 0x1a],
  ['AF32', 0x1c],
  ['AF33', 0x1e],
  ['AF41', 0x22],
  ['AF42', 0x24],
  ['AF43', 0x26],
  ['EF', 0x2e],
]);

/** Options of -m dscp: `value` is 0-63; -1 before an option was read. */
export interface DscpSpec {
  value: number;
  invert: boolean;
}

/** A DSCP class's value by its name in any case, whatever follows it; -1 where there is none. */
export function dscpClass(name: string): number {
  const upper = name.toUpperCase();
  for (const [known, value] of CLASSES) if (upper.startsWith(known)) return value;
  return -1;
}

/** The `dscp` match. */
export const dscp: MatchExtension<DscpSpec> = {
  name: 'dscp',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'dscp', args: 1, invert: true, excludes: ['dscp-class'] },
    { name: 'dscp-class', args: 1, invert: true, excludes: ['dscp'] },
  ],
  init: () => ({ value: -1, invert: false }),
  option(spec, option, value, inverted, c) {
    if (option === 'dscp') spec.value = uintOption('dscp', 'dscp', value, 0, 63, c);
    else {
      spec.value = dscpClass(value);
      if (spec.value < 0) c.fail(`Invalid DSCP value \`${value}'`, value);
    }
    spec.invert = inverted;
  },
  check(_spec, seen, c) {
    if (seen.size === 0) c.fail('DSCP match: Parameter --dscp is required');
  },
  save: (spec) => `${not(spec.invert)}--dscp ${hexByte(spec.value)}`,
  list: (spec) => ` DSCP match ${bang(spec.invert)}${hexByte(spec.value)}`,
  load(spec) {
    const { value, invert } = spec;
    return (p) => (trafficClass(p) >> 2 === value) !== invert;
  },
};
