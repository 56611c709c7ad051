/**
 * -m length: the IP packet's length, headers in (xt_length.c).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { bang } from '../listed.js';
import { not, readUint } from '../values.js';

/** `-m length`, bytes; `from` above `to` is taken and matches nothing. */
export interface LengthSpec {
  from: number;
  to: number;
  invert: boolean;
}

/** The `length` match. */
export const length: MatchExtension<LengthSpec> = {
  name: 'length',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'length', args: 1, invert: true, required: true }],
  init: () => ({ from: 0, to: 65535, invert: false }),
  option(spec, _option, value, inverted, c) {
    const parts = value.split(':');
    spec.from = readLength(parts[0] as string, parts.length > 1 ? 0 : -1, c);
    spec.to = parts.length > 1 ? readLength(parts[1] as string, 65535, c) : spec.from;
    if (parts.length > 2) c.fail('length: Too many components for option "--length" (max: 2)', value);
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--length ${rangeText(spec)}`,
  list: (spec) => ` length ${bang(spec.invert)}${rangeText(spec)}`,
  load(spec) {
    const { from, to, invert } = spec;
    return (p) => (p.l3Len >= from && p.l3Len <= to) !== invert;
  },
};

function rangeText({ from, to }: LengthSpec): string {
  return from === to ? `${from}` : `${from}:${to}`;
}

function readLength(text: string, ifEmpty: number, c: OptionContext): number {
  if (text === '' && ifEmpty >= 0) return ifEmpty;
  const n = readUint(text, 0, 65535);
  if (n < 0) c.fail(`length: bad value for option "--length" near "${text}", or out of range (0-65535).`);
  return n;
}
