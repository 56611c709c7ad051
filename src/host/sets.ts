/** Sets of a host's description: made as `ipset create` and `ipset add` would make them. */
import { RuleError } from '../rules/context.js';
import type { Sets } from '../rules/set/sets.js';
import { HostConfigError, type SetConfig } from './config.js';

/** Options of a set that are flags; all others have a value. */
const FLAGS: readonly string[] = ['counters', 'comment', 'skbinfo', 'forceadd'];

/** Makes all sets, then fills them, lists last. @throws HostConfigError with the place of the first thing that is wrong. */
export function fillSets(sets: Sets, config: ReadonlyMap<string, SetConfig>): void {
  for (const [name, set] of config) {
    const words: string[] = [];
    for (const [option, value] of Object.entries(set)) {
      if (option === 'type' || option === 'entries' || value === undefined || value === false) continue;
      words.push(FLAGS.includes(option) ? option : `${option} ${value}`);
    }
    told(`sets.${name}`, () => sets.create(name, set.type, words.join(' ')));
  }
  for (const [name, set] of config) {
    for (const [n, entry] of (set.entries ?? []).entries()) {
      told(`sets.${name}.entries[${n}]`, () => sets.add(name, String(entry)));
    }
  }
}

function told(path: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw error instanceof RuleError ? new HostConfigError(path, error.message) : error;
  }
}
