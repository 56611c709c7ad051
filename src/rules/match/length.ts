/**
 * -m length: the IP packet's length, headers in (xt_length.c).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { bang } from '../listed.js';
import { not } from '../values.js';
import { rangeOption } from './option-values.js';

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
    const { from, to } = rangeOption('length', 'length', value, 65535n, false, c);
    spec.from = Number(from);
    spec.to = Number(to);
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
