/** Lists behind -u, -e and -o: words with commas between them, which may be shortened and written in any case. */
import {
  STATUS_ASSURED,
  STATUS_EXPECTED,
  STATUS_FIXED_TIMEOUT,
  STATUS_HW_OFFLOAD,
  STATUS_OFFLOAD,
  STATUS_SEEN_REPLY,
} from '../../flow/record.js';
import type { OutputForm } from './line.js';

/** Names of -u, in the order in which a shortened one is looked up. */
export const STATUS_WORDS: readonly (readonly [string, number])[] = [
  ['ASSURED', STATUS_ASSURED],
  ['SEEN_REPLY', STATUS_SEEN_REPLY],
  ['UNSET', 0],
  ['FIXED_TIMEOUT', STATUS_FIXED_TIMEOUT],
  ['EXPECTED', STATUS_EXPECTED],
  ['OFFLOAD', STATUS_OFFLOAD],
  ['HW_OFFLOAD', STATUS_HW_OFFLOAD],
];

/** Names of -e: 1 new, 2 changed, 4 gone. */
export const EVENT_WORDS: readonly (readonly [string, number])[] = [
  ['ALL', 7],
  ['NEW', 1],
  ['UPDATES', 2],
  ['DESTROY', 4],
];

/** Names of -o. */
export const OUTPUT_WORDS: readonly (readonly [string, keyof OutputForm])[] = [
  ['xml', 'xml'],
  ['extended', 'extended'],
  ['timestamp', 'timestamp'],
  ['id', 'id'],
  ['ktimestamp', 'ktimestamp'],
  ['labels', 'labels'],
  ['userspace', 'userspace'],
  ['save', 'save'],
];

/** The meaning of the first name that begins with the word; null: there is none. */
export function lookUp<T>(names: readonly (readonly [string, T])[], word: string): T | null {
  const found = names.find(([name]) => beginsWith(name, word));
  return found === undefined ? null : found[1];
}

/** Words of a list that belong to other options now, whatever list they stand in: which one. */
const MOVED = [
  ['SRC_NAT', 'src-nat'],
  ['DST_NAT', 'dst-nat'],
] as const;

/**
 * Calls `use` with each word; it says whether it knows it. `bad` is the list from the first unknown word on (of all words but the last
 * one the original tells no more), null: all are known.
 */
export function readList(text: string, use: (word: string) => boolean): { bad: string | null; warnings: string } {
  let rest = text;
  let warnings = '';
  for (let isLast = false; !isLast; ) {
    const comma = rest.indexOf(',');
    isLast = comma <= 0;
    const word = isLast ? rest : rest.slice(0, comma);
    const moved = word === '' ? undefined : MOVED.find(([name]) => beginsWith(name, word));
    if (moved !== undefined) warnings += `WARNING: ignoring ${moved[0]}, use --${moved[1]} instead\n`;
    else if (word === '' || !use(word)) return { bad: rest, warnings };
    if (!isLast) rest = rest.slice(comma + 1);
  }
  return { bad: null, warnings };
}

/** Whether `word` is `name`, or its beginning; case does not count. */
function beginsWith(name: string, word: string): boolean {
  return word !== '' && name.toLowerCase().startsWith(word.toLowerCase());
}
