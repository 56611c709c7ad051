/** -m tos: the TOS or traffic class field under a mask (xt_dscp.c, tos_mt). */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { bang } from '../listed.js';
import { hexByte, not, type Scan, scanUint } from '../values.js';
import { trafficClass } from './traffic-class.js';

/** Names of RFC 1349's values. */
const NAMES: ReadonlyMap<string, number> = new Map([
  ['minimize-delay', 0x10],
  ['maximize-throughput', 0x08],
  ['maximize-reliability', 0x04],
  ['minimize-cost', 0x02],
  ['normal-service', 0x00],
]);
/** What a name is compared under: the bits that DSCP and RFC 1349 share are left out. */
const NAME_MASK = 0x3f;

/** A TOS value and its mask, bytes. */
export interface TosMask {
  value: number;
  mask: number;
}

/** Options of -m tos. */
export interface TosSpec extends TosMask {
  invert: boolean;
}

/**
 * Reads `VALUE[/MASK]` or a name (XTTYPE_TOSMASK).
 * @param bareMask the mask of a value that stands alone
 */
export function tosMaskOption(text: string, bareMask: number, c: OptionContext): TosMask {
  const scan: Scan = { value: -1, end: 0 };
  scanUint(text, 0, 255, scan);
  if (scan.value < 0) {
    const named = NAMES.get(text.toLowerCase());
    if (named === undefined) c.fail(`Symbolic name "${text}" is unknown`, text);
    return { value: named!, mask: NAME_MASK };
  }
  const value = scan.value;
  if (scan.end === text.length) return { value, mask: bareMask };
  if (text[scan.end] === '/') scanUint(text, scan.end + 1, 255, scan);
  else scan.value = -1;
  if (scan.value < 0 || scan.end !== text.length) c.fail(`Illegal value: "${text}"`, text);
  return { value, mask: scan.value };
}

/** The name of a value as listings have it; '' where it has none. */
export function tosName({ value, mask }: TosMask): string {
  if (mask !== NAME_MASK) return '';
  for (const [name, named] of NAMES) {
    if (named === value) return name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
  }
  return '';
}

/** The `tos` match. */
export const tos: MatchExtension<TosSpec> = {
  name: 'tos',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'tos', args: 1, invert: true, required: true }],
  init: () => ({ value: 0, mask: 0xff, invert: false }),
  option(spec, _option, value, inverted, c) {
    const read = tosMaskOption(value, 0xff, c);
    spec.value = read.value;
    spec.mask = read.mask;
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--tos ${hexByte(spec.value)}/${hexByte(spec.mask)}`,
  list(spec, _family, numeric) {
    const name = numeric ? '' : tosName(spec);
    const value = name === '' ? `${hexByte(spec.value)}/${hexByte(spec.mask)}` : ` ${name}`;
    return ` tos match${bang(spec.invert)}${value}`;
  },
  load(spec) {
    const { value, mask, invert } = spec;
    return (p) => ((trafficClass(p) & mask) === value) !== invert;
  },
};
