/**
 * -j MARK: sets bits of the packet's mark: mark = (mark & ~mask) ^ value (xt_mark.c, mark_tg).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { OptionContext, OptionSpec, TargetExtension } from '../extension.js';
import { hex, markOption, uintOption } from '../values.js';

/** What the mark becomes, both Int32; mask 0 and value 0 only before an option was read. */
export interface MarkTargetSpec {
  value: number;
  mask: number;
}

/** Options that set bits of a mark, shared with CONNMARK. */
export const MARK_OPTIONS = ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'] as const;

/** Reads one of MARK_OPTIONS into a value and mask. */
export function readMarkBits(name: string, option: string, text: string, c: OptionContext): MarkTargetSpec {
  if (option === 'set-xmark' || option === 'set-mark') {
    const { mark, mask } = markOption(name, option, text, c);
    return { value: mark, mask: option === 'set-mark' ? mask | mark : mask };
  }
  const bits = uintOption(name, option, text, 0, 0xffffffff, c) | 0;
  if (option === 'and-mark') return { value: 0, mask: ~bits };
  return { value: bits, mask: option === 'or-mark' ? bits : 0 };
}

/** What happens to the bits, as listings have it: `set 0x1`, `and 0xff` ... */
export function markChangeText(value: number, mask: number): string {
  if (value === 0) return `and ${hex(~mask)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  return mask === -1 ? `set ${hex(value)}` : `xset ${hex(value)}/${hex(mask)}`;
}

/** The `MARK` target. */
export const MARK: TargetExtension<MarkTargetSpec> = {
  name: 'MARK',
  families: [AF_INET, AF_INET6],
  options: MARK_OPTIONS.map(
    (name): OptionSpec => ({ name, args: 1, excludes: MARK_OPTIONS.filter((other) => other !== name) }),
  ),
  init: () => ({ value: 0, mask: 0 }),
  option(spec, option, value, _inverted, c) {
    Object.assign(spec, readMarkBits('MARK', option, value, c));
  },
  check(_spec, seen, c) {
    if (seen.size === 0) c.fail('MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required');
  },
  save: (spec) => `--set-xmark ${hex(spec.value)}/${hex(spec.mask)}`,
  list: (spec) => ` MARK ${markChangeText(spec.value, spec.mask)}`,
  load(spec) {
    const keep = ~spec.mask;
    const value = spec.value;
    return (p) => {
      p.mark = (p.mark & keep) ^ value;
      return VERDICT_CONTINUE;
    };
  },
};
