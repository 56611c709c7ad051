/**
 * -j CLASSIFY: the class that a queueing discipline puts the packet into (xt_CLASSIFY.c), in Packet.priority. No rule can ask
 * for it, and a simulated host queues nothing.
 */
import { AF_INET, AF_INET6, HOOK_FORWARD, HOOK_OUTPUT, HOOK_POSTROUTING } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { wantsHooks } from '../kernel-checks.js';

/** `-j CLASSIFY`. */
export interface ClassifySpec {
  /** 16 bits. */
  major: number;
  minor: number;
}

const HOOKS = (1 << HOOK_FORWARD) | (1 << HOOK_OUTPUT) | (1 << HOOK_POSTROUTING);

/** The `CLASSIFY` target. */
export const CLASSIFY: TargetExtension<ClassifySpec> = {
  name: 'CLASSIFY',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'set-class', args: 1, required: true }],
  init: () => ({ major: 0, minor: 0 }),
  option(spec, _option, text, _inverted, c) {
    const m = /^\s*([-+]?(?:0x)?[0-9a-f]+):\s*([-+]?(?:0x)?[0-9a-f]+)/i.exec(text);
    if (m === null) c.fail(`Bad class value "${text}"`, text);
    spec.major = lowHalf(m![1]!);
    spec.minor = lowHalf(m![2]!);
  },
  save: (spec) => `--set-class ${hex4(spec.major)}:${hex4(spec.minor)}`,
  list: (spec) => ` CLASSIFY set ${spec.major.toString(16)}:${spec.minor.toString(16)}`,
  refusedBy: (_spec, around) => wantsHooks('CLASSIFY', HOOKS, around, 'FORWARD, OUTPUT and POSTROUTING'),
  load({ major, minor }) {
    const priority = (major << 16) | minor;
    return (p) => {
      p.priority = priority;
      return VERDICT_CONTINUE;
    };
  },
};

/** A hexadecimal number of any length: its low 16 bits, as scanf's %x and the class's fields leave them. */
function lowHalf(text: string): number {
  const digits = text.replace(/^[-+]?(0x)?/i, '');
  // beyond 64 bits strtoul saturates
  const low = digits.replace(/^0+/, '').length > 16 ? 0xffff : Number.parseInt(digits.slice(-4), 16);
  return text.startsWith('-') ? -low & 0xffff : low;
}

function hex4(half: number): string {
  return half.toString(16).padStart(4, '0');
}
