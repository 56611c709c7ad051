/**
 * -j REDIRECT: as DNAT, to the host itself (xt_REDIRECT.c, nf_nat_redirect.c).
 */
import { AF_INET, AF_INET6, HOOK_OUTPUT, HOOK_PREROUTING } from '../../wire/packet.js';
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

const HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_OUTPUT);

/** The `REDIRECT` target. */
export const REDIRECT: TargetExtension<NatSpec> = {
  name: 'REDIRECT',
  families: [AF_INET, AF_INET6],
  tables: ['nat'],
  options: [
    { name: 'to-ports', args: 1 },
    { name: 'random', args: 0 },
  ],
  init: newNatSpec,
  option(spec, option, value, _inverted, c) {
    if (option === 'to-ports') readNatPorts(spec, value, 'refused', c);
    else spec.random = true;
  },
  save(spec) {
    const ports = spec.ports === null ? '' : ` --to-ports ${natPortsText(spec)}`;
    return (ports + natFlagsText(spec)).slice(1);
  },
  list: (spec) => (spec.ports === null ? '' : ` redir ports ${natPortsText(spec)}`) + listedNatFlags(spec),
  refusedBy: (_spec, around) => refusedOutside(HOOKS, around, 'PREROUTING and OUTPUT'),
  load(spec) {
    const range = natRangeOf(spec);
    return (p, c) => c.nat.redirect(p, range);
  },
};
