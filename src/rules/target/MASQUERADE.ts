/**
 * -j MASQUERADE: as SNAT, to the address of the interface that the packet leaves on (xt_MASQUERADE.c, nf_nat_masquerade.c).
 */
import { AF_INET, AF_INET6, HOOK_POSTROUTING } from '../../wire/packet.js';
import type { TargetExtension } from '../extension.js';
import {
  listedNatFlags,
  type NatSpec,
  natFlagsText,
  natPortsText,
  natRangeOf,
  newNatSpec,
  readNatPorts,
  refusedOutside,
} from './nat-range.js';

/** The `MASQUERADE` target. */
export const MASQUERADE: TargetExtension<NatSpec> = {
  name: 'MASQUERADE',
  families: [AF_INET, AF_INET6],
  tables: ['nat'],
  options: [
    { name: 'to-ports', args: 1 },
    { name: 'random', args: 0 },
    { name: 'random-fully', args: 0 },
  ],
  init: newNatSpec,
  option(spec, option, value, _inverted, c) {
    if (option === 'to-ports') readNatPorts(spec, value, 'zero', c);
    else if (option === 'random') spec.random = true;
    else spec.randomFully = true;
  },
  save(spec) {
    const ports = spec.ports === null ? '' : ` --to-ports ${natPortsText(spec)}`;
    return (ports + natFlagsText(spec)).slice(1);
  },
  list: (spec) => (spec.ports === null ? '' : ` masq ports: ${natPortsText(spec)}`) + listedNatFlags(spec),
  refusedBy: (_spec, around) => refusedOutside(1 << HOOK_POSTROUTING, around, 'POSTROUTING'),
  load(spec) {
    const range = natRangeOf(spec);
    return (p, c) => c.nat.masquerade(p, range);
  },
};
