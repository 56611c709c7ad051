/**
 * -m connmark: the connection's mark (xt_connmark.c, connmark_mt). A packet without a connection never matches, inverted or not.
 */
import { R_MARK, RECORD_SHIFT } from '../../conntrack/layout.js';
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { bang } from '../listed.js';
import { markOption, markText, not } from '../values.js';
import type { MarkSpec } from './mark.js';

/** The `connmark` match. */
export const connmark: MatchExtension<MarkSpec> = {
  name: 'connmark',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'mark', args: 1, invert: true, required: true }],
  init: () => ({ mark: 0, mask: -1, invert: false }),
  option(spec, option, value, inverted, c) {
    Object.assign(spec, markOption('connmark', option, value, c));
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--mark ${markText(spec.mark, spec.mask)}`,
  list: (spec) => ` connmark match ${bang(spec.invert)} ${markText(spec.mark, spec.mask)}`,
  load(spec) {
    const { mark, mask, invert } = spec;
    return (p, c) => {
      const ref = p.connection;
      if (ref < 0) return false;
      const word = c.tracker.table.words[((ref >> 1) << RECORD_SHIFT) + R_MARK] as number;
      return ((word & mask) === mark) !== invert;
    };
  },
};
