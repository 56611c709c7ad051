/** What our iptables-restore makes of a text, in the terms of real.ts. */

import { emptyRuleset } from '../../src/iptables/edit.js';
import { errorLine } from '../../src/iptables/errors.js';
import { restoreRules } from '../../src/iptables/restore.js';
import { printRuleset } from '../../src/iptables/save.js';
import { RuleError } from '../../src/rules/context.js';
import type { Family } from '../../src/rules/model.js';
import { type Restored, withoutEmptyTables } from './real.js';

/** iptables-restore on what is there before. */
export function ourRestore(text: string, family: Family, args: readonly string[], before: string): Restored {
  const into = emptyRuleset(family);
  if (before !== '') restoreRules(before, 'before', family, { into, counters: true });
  // every commit sets the policies' counters anew
  let status = 0;
  let error = '';
  const only = args.indexOf('-T');
  try {
    restoreRules(text, 'text', family, {
      into,
      counters: args.includes('-c'),
      noflush: args.includes('-n'),
      test: args.includes('-t'),
      ...(only < 0 ? {} : { table: args[only + 1] as string }),
    });
  } catch (e) {
    if (!(e instanceof RuleError)) throw e;
    status = e.status;
    error = errorLine(e, family === 2 ? 'iptables-restore' : 'ip6tables-restore');
  }
  return { status, error, save: withoutEmptyTables(printRuleset(into, { counters: true })) };
}
