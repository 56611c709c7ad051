/** -m state: the connection state of a packet, a subset of -m conntrack --ctstate (xt_conntrack.c; xt_state.c of old). */
import {
  AF_INET,
  AF_INET6,
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  CT_NONE,
  CT_RELATED,
  CT_UNTRACKED,
  type Packet,
} from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { not } from '../values.js';
import { nameBits } from './option-values.js';

/** State names in the order in which a prefix is looked for, and their bits in a mask. */
const NAMES = ['INVALID', 'NEW', 'ESTABLISHED', 'RELATED', 'UNTRACKED', 'SNAT', 'DNAT'];
/** Bits of NAMES: `1 << CT_...`; source and destination NAT come after them. */
const BITS = [1 << CT_INVALID, 1 << CT_NEW, 1 << CT_ESTABLISHED, 1 << CT_RELATED, 1 << CT_UNTRACKED, 1 << 6, 1 << 7];
/** Indexes into NAMES in the order in which they are printed. */
const PRINTED = [0, 1, 3, 2, 4, 5, 6];
/** Names that -m state knows. */
const STATES = 5;

/** Bit of a --ctstate mask: the source address is translated. */
export const STATE_SNAT = 1 << 6;
/** Bit of a --ctstate mask: the destination address is translated. */
export const STATE_DNAT = 1 << 7;

/** Reads state names into a mask of `1 << CT_...` bits (and STATE_SNAT, STATE_DNAT where `nat`). */
export function stateOption(value: string, word: string, nat: boolean, c: OptionContext): number {
  const bad = { text: '' };
  const found = nameBits(value, nat ? NAMES : NAMES.slice(0, STATES), bad);
  if (found < 0) {
    if (!nat && bad.text === '')
      c.fail('"--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED', value);
    c.fail(`Bad ${word} "${bad.text}"`, value);
  }
  let mask = 0;
  for (let i = 0; i < NAMES.length; i++) if (((found >>> i) & 1) !== 0) mask |= BITS[i]!;
  return mask;
}

/** Names of a mask's states with commas. */
export function stateText(mask: number): string {
  return PRINTED.filter((i) => (mask & BITS[i]!) !== 0)
    .map((i) => NAMES[i]!)
    .join(',');
}

/** A mask for `stateBit`: a packet that tracking has not seen yet counts as INVALID. */
export function stateMask(mask: number): number {
  return (mask & (1 << CT_INVALID)) !== 0 ? mask | (1 << CT_NONE) : mask;
}

/** Whether the packet carries a template of -j CT and was not tracked yet: raw table, behind that rule. */
export function isTemplate(p: Packet): boolean {
  return p.state === CT_NONE && p.template !== 0;
}

/** The bit of a packet's state. A template stands for a new connection, as in the kernel (nf_ct_get returns it). */
export function stateBit(p: Packet): number {
  return isTemplate(p) ? 1 << CT_NEW : 1 << p.state;
}

/** Options of -m state. */
export interface StateSpec {
  /** `1 << CT_...` bits. */
  mask: number;
  invert: boolean;
}

/** The `state` match. */
export const state: MatchExtension<StateSpec> = {
  name: 'state',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'state', args: 1, invert: true, required: true }],
  init: () => ({ mask: 0, invert: false }),
  option(spec, _option, value, inverted, c) {
    spec.mask = stateOption(value, 'state', false, c);
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--state ${stateText(spec.mask)}`,
  list: (spec) => ` ${not(spec.invert)}state ${stateText(spec.mask)}`,
  load(spec) {
    const mask = stateMask(spec.mask);
    const invert = spec.invert;
    return (p) => ((mask & stateBit(p)) !== 0) !== invert;
  },
};
