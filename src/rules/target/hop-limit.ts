/**
 * One target under two names: `TTL` for IPv4 and `HL` for IPv6 (xt_HL.c).
 */
import { VERDICT_CONTINUE } from '../context.js';
import type { OptionSpec, TargetExtension } from '../extension.js';
import type { Family } from '../model.js';
import { uintOption } from '../values.js';
import { hopLimit, setHopLimit } from './ip-bytes.js';

/** What happens to the hop limit; null only while options are read. */
export interface HopLimitTargetSpec {
  action: 'set' | 'inc' | 'dec' | null;
  value: number;
}

const ACTIONS = ['set', 'dec', 'inc'] as const;
/** The order in which an option's conflicts are looked for. */
const CONFLICTS = ['set', 'inc', 'dec'] as const;

const ACTION_TEXTS = { set: 'set to', dec: 'decrement by', inc: 'increment by' };

/** Makes the target. */
export function hopLimitTarget(name: 'TTL' | 'HL', family: Family): TargetExtension<HopLimitTargetSpec> {
  const prefix = name.toLowerCase();
  const names = ACTIONS.map((action) => `${prefix}-${action}`);
  const conflicts = CONFLICTS.map((action) => `${prefix}-${action}`);
  return {
    name,
    families: [family],
    tables: ['mangle'],
    options: names.map(
      (option): OptionSpec => ({ name: option, args: 1, excludes: conflicts.filter((o) => o !== option) }),
    ),
    init: () => ({ action: null, value: 0 }),
    option(spec, option, value, _inverted, c) {
      spec.action = option.slice(prefix.length + 1) as 'set' | 'inc' | 'dec';
      spec.value = uintOption(name, option, value, spec.action === 'set' ? 0 : 1, 255, c);
    },
    check(spec, _seen, c) {
      if (spec.action === null) c.fail(`${name}: You must specify an action`);
    },
    save: (spec) => `--${prefix}-${spec.action} ${spec.value}`,
    list: (spec) => ` ${name} ${ACTION_TEXTS[spec.action ?? 'set']} ${spec.value}`,
    load({ action, value }) {
      return (p) => {
        const old = hopLimit(p);
        const wanted =
          action === 'set' ? value : action === 'inc' ? Math.min(old + value, 255) : Math.max(old - value, 0);
        if (wanted !== old) setHopLimit(p, wanted);
        return VERDICT_CONTINUE;
      };
    },
  };
}
