/** -m helper: connections that another connection's helper expected (xt_helper.c). */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { not, quote } from '../values.js';

/** Bytes of a name that the kernel's structure holds. */
const NAME_MAX = 29;

/** Options of -m helper. */
export interface HelperSpec {
  /** '' = any helper. */
  name: string;
  invert: boolean;
}

/** The `helper` match. */
export const helper: MatchExtension<HelperSpec> = {
  name: 'helper',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'helper', args: 1, invert: true, required: true }],
  init: () => ({ name: '', invert: false }),
  option(spec, _option, value, inverted) {
    spec.name = value.slice(0, NAME_MAX);
    spec.invert = inverted;
  },
  save: (spec) => `${not(spec.invert)}--helper ${quote(spec.name)}`,
  list: (spec) => ` helper match ${not(spec.invert)}"${spec.name}"`,
  load(spec) {
    const { name, invert } = spec;
    return (p, c) => {
      if (p.connection < 0) return invert;
      const master = c.tracker.table.masterHelperName(p.connection >> 1);
      if (master === '') return invert;
      // the kernel compares as many bytes as the helper's own name has: `ftp` serves for a rule that says `ftp-2121`
      return (name === '' || name.startsWith(master)) !== invert;
    };
  },
};
