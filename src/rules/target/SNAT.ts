/**
 * -j SNAT: the connection gets another source, once and for all its packets (xt_nat.c, xt_snat_target_v1).
 */
import { MANIP_SRC } from '../../nat/range.js';
import { AF_INET, AF_INET6, HOOK_INPUT, HOOK_POSTROUTING } from '../../wire/packet.js';
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

const HOOKS = (1 << HOOK_POSTROUTING) | (1 << HOOK_INPUT);

/** The `SNAT` target. */
export const SNAT: TargetExtension<NatSpec> = {
  name: 'SNAT',
  families: [AF_INET, AF_INET6],
  tables: ['nat'],
  options: [
    { name: 'to-source', args: 1, required: true },
    { name: 'random', args: 0 },
    { name: 'random-fully', args: 0 },
    { name: 'persistent', args: 0 },
  ],
  init: newNatSpec,
  option(spec, option, value, _inverted, c) {
    if (option === 'to-source') readNatRange(spec, value, 'zero', c);
    else if (option === 'random') spec.random = true;
    else if (option === 'random-fully') spec.randomFully = true;
    else spec.persistent = true;
  },
  save: (spec, family) => `--to-source ${natRangeText(spec, family)}${natFlagsText(spec)}`,
  list: (spec, family) => ` to:${natRangeText(spec, family)}${listedNatFlags(spec)}`,
  refusedBy: (_spec, around) => refusedOutside(HOOKS, around, 'INPUT and POSTROUTING'),
  load(spec) {
    const range = natRangeOf(spec);
    return (p, c) => c.nat.setup(p.connection >> 1, range, MANIP_SRC);
  },
};
