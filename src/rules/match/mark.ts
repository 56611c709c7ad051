/**
 * -m mark: the packet's mark (xt_mark.c, mark_mt).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { markOption, markText, not } from '../values.js';

/** A mark and its mask, both Int32; -m mark and -m connmark. */
export interface MarkSpec {
  mark: number;
  mask: number;
  invert: boolean;
}

/** The `mark` match. */
export const mark: MatchExtension<MarkSpec> = {
  name: 'mark',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'mark', args: 1, invert: true, required: true }],
  init: () => ({ mark: 0, mask: -1, invert: false }),
  option(spec, option, value, inverted, c) {
    Object.assign(spec, markOption('mark', option, value, c));
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--mark ${markText(spec.mark, spec.mask)}`,
  list: (spec) => ` mark match ${not(spec.invert)}${markText(spec.mark, spec.mask)}`,
  load(spec) {
    const { mark: wanted, mask, invert } = spec;
    return (p) => ((p.mark & mask) === wanted) !== invert;
  },
};
