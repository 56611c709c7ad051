/**
 * -j TOS: the type of service or traffic class becomes (old & ~mask) ^ value (xt_DSCP.c, tos_tg).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { OptionSpec, TargetExtension } from '../extension.js';
import { tosMaskOption, tosName } from '../match/tos.js';
import { hexByte, uintOption } from '../values.js';
import { dsField, setDsField } from './ip-bytes.js';

/** Eight bits each. */
export interface TosTargetSpec {
  value: number;
  mask: number;
}

const OPTIONS = ['set-tos', 'and-tos', 'or-tos', 'xor-tos'] as const;

/** The `TOS` target. */
export const TOS: TargetExtension<TosTargetSpec> = {
  name: 'TOS',
  families: [AF_INET, AF_INET6],
  tables: ['mangle'],
  options: OPTIONS.map((name): OptionSpec => ({ name, args: 1, excludes: OPTIONS.filter((other) => other !== name) })),
  init: () => ({ value: 0, mask: 0 }),
  option(spec, option, text, _inverted, c) {
    if (option === 'set-tos') {
      Object.assign(spec, tosMaskOption(text, 0xff, c));
      return;
    }
    const bits = uintOption('TOS', option, text, 0, 255, c);
    spec.value = option === 'and-tos' ? 0 : bits;
    spec.mask = option === 'and-tos' ? ~bits & 0xff : option === 'or-tos' ? bits : 0;
  },
  check(_spec, seen, c) {
    if (seen.size === 0) c.fail('TOS: An action is required');
  },
  save: (spec) => `--set-tos ${hexByte(spec.value)}/${hexByte(spec.mask)}`,
  list(spec, _family, numeric) {
    const { value, mask } = spec;
    if (!numeric) {
      const name = tosName(spec);
      if (name !== '') return `  TOS set${name}`;
      if (value === 0) return ` TOS and ${hexByte(~mask & 0xff)}`;
      if (value === mask) return ` TOS or ${hexByte(value)}`;
      if (mask === 0) return ` TOS xor ${hexByte(value)}`;
    }
    return ` TOS set ${hexByte(value)}/${hexByte(mask)}`;
  },
  load({ value, mask }) {
    return (p) => {
      const old = dsField(p);
      const wanted = (old & ~mask) ^ value;
      if (wanted !== old) setDsField(p, wanted);
      return VERDICT_CONTINUE;
    };
  },
};
