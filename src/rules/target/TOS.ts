/**
 * -j TOS: the type of service or traffic class becomes (old & ~mask) ^ value (xt_DSCP.c, tos_tg).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { OptionContext, OptionSpec, TargetExtension } from '../extension.js';
import { tosName } from '../match/tos.js';
import { hexByte, type Scan, scanUint, uintOption } from '../values.js';
import { dsField, setDsField } from './ip-bytes.js';

/** Eight bits each. */
export interface TosTargetSpec {
  value: number;
  mask: number;
}

const OPTIONS = ['set-tos', 'and-tos', 'or-tos', 'xor-tos'] as const;

/** Symbolic names of RFC 1349; with one the mask is 0x3f. */
const NAMES: ReadonlyMap<string, number> = new Map([
  ['minimize-delay', 0x10],
  ['maximize-throughput', 0x08],
  ['maximize-reliability', 0x04],
  ['minimize-cost', 0x02],
  ['normal-service', 0x00],
]);

/** The `TOS` target. */
export const TOS: TargetExtension<TosTargetSpec> = {
  name: 'TOS',
  families: [AF_INET, AF_INET6],
  tables: ['mangle'],
  options: OPTIONS.map((name): OptionSpec => ({ name, args: 1, excludes: OPTIONS.filter((other) => other !== name) })),
  init: () => ({ value: 0, mask: 0 }),
  option(spec, option, text, _inverted, c) {
    if (option === 'set-tos') {
      Object.assign(spec, readTos(text, c));
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

/** `value[/mask]` or a name (XTTYPE_TOSMASK). */
function readTos(text: string, c: OptionContext): TosTargetSpec {
  const scan: Scan = { value: -1, end: 0 };
  scanUint(text, 0, 255, scan);
  const value = scan.value;
  if (value >= 0 && scan.end === text.length) return { value, mask: 0xff };
  if (value >= 0 && text.charCodeAt(scan.end) === 47) {
    scanUint(text, scan.end + 1, 255, scan);
    if (scan.value < 0 || scan.end !== text.length) c.fail(`Illegal value: "${text}"`, text);
    return { value, mask: scan.value };
  }
  const named = NAMES.get(text.toLowerCase());
  if (named === undefined) c.fail(`Symbolic name "${text}" is unknown`, text);
  return { value: named, mask: 0x3f };
}
