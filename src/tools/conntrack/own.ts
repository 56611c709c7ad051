/** Options that conntrack(8) does not have. They are never shortened, so that all of its own shortened names go on meaning what they do. */
import type { OwnOptions, TopKey } from './line.js';
import type { OptionRow } from './options.js';
import { ConntrackError } from './usage-error.js';

/** What --top counts by. */
export const TOP_KEYS: readonly TopKey[] = ['src', 'dst', 'sport', 'dport', 'pair', 'state', 'zone'];

/** Their names; of --help only the whole word is meant here. */
export const OWN_OPTIONS: readonly OptionRow[] = [
  { key: 'json', letter: '', names: ['json'], value: 'none' },
  { key: 'top', letter: '', names: ['top'], value: 'value' },
  { key: 'dryRun', letter: '', names: ['dry-run'], value: 'none' },
  { key: 'explain', letter: '', names: ['explain'], value: 'none' },
  { key: 'undo', letter: '', names: ['undo'], value: 'value' },
  { key: 'table', letter: '', names: ['table'], value: 'value' },
  { key: 'write', letter: '', names: ['write'], value: 'none' },
  { key: 'namespace', letter: '', names: ['namespace'], value: 'value' },
];

/** Which commands each of them goes with. */
const USED_WITH: Partial<Record<keyof OwnOptions, string>> = {
  json: 'LGDUECSF',
  top: 'L',
  dryRun: 'DF',
  undo: 'DF',
  explain: 'LGDUEF',
  write: 'DUIAF',
};

/** Commands that change a table. */
const CHANGES = 'DUIAF';

/** Takes one of them into `own`. */
export function readOwnOption(key: string, value: string | null, own: OwnOptions): void {
  switch (key) {
    case 'json':
    case 'dryRun':
    case 'explain':
    case 'write':
      own[key] = true;
      return;
    case 'undo':
    case 'table':
    case 'namespace':
      if (value === '' || value === null) throw new ConntrackError(`--${key} needs a file`);
      own[key] = value;
      return;
    case 'top': {
      const found = TOP_KEYS.find((k) => k === value);
      if (found === undefined) {
        const got = value === null ? 'nothing' : `"${value}"`;
        throw new ConntrackError(`--top counts by ${TOP_KEYS.join(', ')}; got ${got}`);
      }
      own.top = found;
    }
  }
}

/** What is wrong with them on a command line that is right otherwise, as a message; null: nothing. */
export function checkOwn(own: OwnOptions, command: string, table: string): string | null {
  for (const row of OWN_OPTIONS) {
    const key = row.key as keyof OwnOptions;
    const given = own[key] !== null && own[key] !== false;
    if (given && !(USED_WITH[key]?.includes(command) ?? true)) return `--${row.names[0]} does not go with this command`;
  }
  if (table === 'expect' && (own.top !== null || own.undo !== null)) {
    return `--${own.top !== null ? 'top' : 'undo'} is for connections, not for expectations`;
  }
  if (own.write && own.table === null) return '--write goes with --table FILE';
  if (own.table !== null && CHANGES.includes(command) && !own.write && !own.dryRun && !own.explain) {
    return `${own.table} is changed only with --write`;
  }
  if (own.table !== null && own.namespace !== null) return '--table and --namespace exclude each other';
  if (own.top !== null && own.explain) return '--top and --explain exclude each other';
  return null;
}
