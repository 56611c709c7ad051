/**
 * -j DNAT: the connection gets another destination, once and for all its packets (xt_nat.c, xt_dnat_target_v2).
 */
import { MANIP_DST } from '../../nat/range.js';
import { AF_INET, AF_INET6, HOOK_OUTPUT, HOOK_PREROUTING } from '../../wire/packet.js';
import type { TargetExtension } from '../extension.js';
import {
  listedNatFlags,
  type NatSpec,
  natFlagsText,
  natRangeOf,
  natRangeText,
  newNatSpec,
  readNatRange,
  refusedOutside,
} from './nat-range.js';

const HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_OUTPUT);

/** The `DNAT` target. */
export const DNAT: TargetExtension<NatSpec> = {
  name: 'DNAT',
  families: [AF_INET, AF_INET6],
  tables: ['nat'],
  options: [
    { name: 'to-destination', args: 1, required: true },
    { name: 'random', args: 0 },
    { name: 'persistent', args: 0 },
  ],
  init: newNatSpec,
  option(spec, option, value, _inverted, c) {
    if (option === 'to-destination') readNatRange(spec, value, 'taken', c);
    else if (option === 'random') spec.random = true;
    else spec.persistent = true;
  },
  save: (spec, family) => `--to-destination ${natRangeText(spec, family)}${natFlagsText(spec)}`,
  list: (spec, family) => ` to:${natRangeText(spec, family)}${listedNatFlags(spec)}`,
  refusedBy: (_spec, around) => refusedOutside(HOOKS, around, 'PREROUTING and OUTPUT'),
  load(spec) {
    const range = natRangeOf(spec);
    return (p, c) => c.nat.setup(p.connection >> 1, range, MANIP_DST);
  },
};
