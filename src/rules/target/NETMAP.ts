/**
 * -j NETMAP: a whole network is mapped on another one, host part by host part (xt_NETMAP.c): the destination in PREROUTING and
 * OUTPUT, the source in POSTROUTING and INPUT.
 */
import { MANIP_DST, MANIP_SRC } from '../../nat/range.js';
import { ADDRESS_WORDS, formatAddress, parseAddress } from '../../wire/address.js';
import { AF_INET, AF_INET6, HOOK_INPUT, HOOK_OUTPUT, HOOK_POSTROUTING, HOOK_PREROUTING } from '../../wire/packet.js';
import { fillMask, prefixLength, readAton } from '../address.js';
import type { OptionContext, TargetExtension } from '../extension.js';
import { hostOption } from '../match/option-values.js';
import type { Family } from '../model.js';
import { readUint } from '../values.js';
import { refusedOutside } from './nat-range.js';

/** `-j NETMAP`. */
export interface NetmapSpec {
  /** Four words, host part 0. */
  network: Int32Array;
  /** Length of the network part in bits. */
  bits: number;
}

const HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_INPUT) | (1 << HOOK_OUTPUT) | (1 << HOOK_POSTROUTING);

/** The `NETMAP` target. */
export const NETMAP: TargetExtension<NetmapSpec> = {
  name: 'NETMAP',
  families: [AF_INET, AF_INET6],
  tables: ['nat'],
  options: [{ name: 'to', args: 1, required: true }],
  init: () => ({ network: new Int32Array(ADDRESS_WORDS), bits: 0 }),
  option(spec, option, value, _inverted, c) {
    const slash = value.indexOf('/');
    const network = hostOption(slash < 0 ? value : value.slice(0, slash), c.family, c);
    spec.bits = slash < 0 ? allBits(c.family) : readBits(option, value.slice(slash + 1), c);
    const mask = new Int32Array(ADDRESS_WORDS);
    fillMask(spec.bits, mask);
    spec.network = network.map((word, i) => word & mask[i]!);
  },
  save: (spec, family) => `--to ${formatAddress(family, spec.network)}/${spec.bits}`,
  list: (spec, family) => ` to:${formatAddress(family, spec.network)}/${spec.bits}`,
  refusedBy: (_spec, around) => refusedOutside(HOOKS, around, 'chains of the nat table'),
  load({ network, bits }) {
    const mask = new Int32Array(ADDRESS_WORDS);
    fillMask(bits, mask);
    return (p, c) => {
      const source = c.hook === HOOK_POSTROUTING || c.hook === HOOK_INPUT;
      return c.nat.netmap(p, source ? MANIP_SRC : MANIP_DST, network, mask);
    };
  },
};

function allBits(family: Family): number {
  return family === AF_INET ? 32 : 128;
}

/** A prefix length or a mask; a mask with holes counts as all ones. */
function readBits(option: string, text: string, c: OptionContext): number {
  const all = allBits(c.family);
  const bits = readUint(text, 0, all);
  if (bits >= 0) return bits;
  const mask = new Int32Array(ADDRESS_WORDS);
  const isMask = c.family === AF_INET ? readAton(text, mask) : parseAddress(text, mask) === AF_INET6;
  if (!isMask) {
    c.fail(`NETMAP: bad value for option "--${option}", neither a valid network mask nor valid CIDR (0-${all}).`, text);
  }
  const length = prefixLength(mask, c.family);
  return length < 0 ? all : length;
}
