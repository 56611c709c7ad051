/** -m iprange: addresses between two others (xt_iprange.c). */
import { ADDRESS_WORDS, formatAddress } from '../../wire/address.js';
import { AF_INET, AF_INET6, T_DST, T_SRC } from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import type { Family } from '../model.js';
import { not } from '../values.js';
import { readNumericAddress } from './option-values.js';

/** Both ends belong to it; four words each. */
export interface AddressRange {
  from: Int32Array;
  to: Int32Array;
  invert: boolean;
}

/** Options of -m iprange. */
export interface IprangeSpec {
  source: AddressRange | null;
  destination: AddressRange | null;
}

const SIGN = 0x80000000 | 0;

function readEnd(option: string, text: string, family: Family, c: OptionContext): Int32Array {
  const out = new Int32Array(ADDRESS_WORDS);
  if (!readNumericAddress(text, family, out)) c.fail(`iprange: Bad value for "--${option}" option: "${text}"`, text);
  return out;
}

function rangeText(name: string, range: AddressRange | null, family: Family): string {
  if (range === null) return '';
  return `${not(range.invert)}--${name} ${formatAddress(family, range.from)}-${formatAddress(family, range.to)}`;
}

function listedRange(end: string, range: AddressRange | null, family: Family): string {
  if (range === null) return '';
  const { from, to, invert } = range;
  return ` ${end} IP range ${not(invert)}${formatAddress(family, from)}-${formatAddress(family, to)}`;
}

function isReversed(from: Int32Array, to: Int32Array): boolean {
  const at = from.findIndex((word, i) => word !== to[i]);
  return at >= 0 && (from[at]! ^ SIGN) > (to[at]! ^ SIGN);
}

/** Whether the address at `at` lies in the range; compares words without sign, the first that differs decides. */
function inRange(words: Int32Array, at: number, range: AddressRange, count: number): boolean {
  for (let i = 0; i < count; i++) {
    const word = words[at + i]! ^ SIGN;
    const from = range.from[i]! ^ SIGN;
    if (word !== from) {
      if (word < from) return false;
      break;
    }
  }
  for (let i = 0; i < count; i++) {
    const word = words[at + i]! ^ SIGN;
    const to = range.to[i]! ^ SIGN;
    if (word !== to) return word < to;
  }
  return true;
}

/** The `iprange` match. */
export const iprange: MatchExtension<IprangeSpec> = {
  name: 'iprange',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'src-range', args: 1, invert: true },
    { name: 'dst-range', args: 1, invert: true },
  ],
  init: () => ({ source: null, destination: null }),
  option(spec, option, value, inverted, c) {
    const dash = value.indexOf('-');
    const from = readEnd(option, dash < 0 ? value : value.slice(0, dash), c.family, c);
    const to = dash < 0 ? from : readEnd(option, value.slice(dash + 1), c.family, c);
    if (isReversed(from, to)) c.warn?.(`xt_iprange: range ${value} is reversed and will never match`);
    const range = { from, to, invert: inverted };
    if (option === 'src-range') spec.source = range;
    else spec.destination = range;
  },
  check(_spec, seen, c) {
    if (seen.size === 0) c.fail("iprange match: You must specify `--src-range' or `--dst-range'");
  },
  save: (spec, family) =>
    [rangeText('src-range', spec.source, family), rangeText('dst-range', spec.destination, family)]
      .filter((text) => text !== '')
      .join(' '),
  list: (spec, family) =>
    listedRange('source', spec.source, family) + listedRange('destination', spec.destination, family),
  load(spec, c) {
    const { source, destination } = spec;
    const count = c.family === AF_INET ? 1 : ADDRESS_WORDS;
    return (p) =>
      (source === null || inRange(p.tuple, T_SRC, source, count) !== source.invert) &&
      (destination === null || inRange(p.tuple, T_DST, destination, count) !== destination.invert);
  },
};
