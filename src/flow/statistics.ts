/**
 * Statistics of connection tracking as text: `conntrack -S` (and -S expect), and /proc/net/stat/nf_conntrack. Both name their
 * counters; which ones there are depends on the kernel, so the names are kept as they came.
 */
import { FlowError, type LinePlace, parseUnsigned, quoted } from './error.js';
import type { FlowStatistics } from './source.js';
import { splitWords } from './words.js';

const U32 = 0xffffffff;

/** Columns of /proc/net/stat/nf_conntrack in Linux 6.18, and the name that `conntrack -S` has for the same counter. */
const PROC_COLUMNS: readonly (readonly [column: string, name: string])[] = [
  ['entries', 'entries'],
  ['clashres', 'clash_resolve'],
  ['found', 'found'],
  ['new', 'new'],
  ['invalid', 'invalid'],
  ['ignore', 'ignore'],
  ['delete', 'delete'],
  ['chainlength', 'chaintoolong'],
  ['insert', 'insert'],
  ['insert_failed', 'insert_failed'],
  ['drop', 'drop'],
  ['early_drop', 'early_drop'],
  ['icmp_error', 'error'],
  ['expect_new', 'expect_new'],
  ['expect_create', 'expect_create'],
  ['expect_delete', 'expect_delete'],
  ['search_restart', 'search_restart'],
];

/** One CPU's counters as `conntrack -S` prints them, without the line end: `cpu=0`, and each counter with a blank behind. */
export function formatStatistics(s: FlowStatistics): string {
  let line = s.cpu === null ? '' : `cpu=${String(s.cpu).padEnd(4)}\t`;
  for (const [name, count] of s.counts) line += `${name}=${count} `;
  return line;
}

/** One CPU's counters from a line of `conntrack -S`; FlowError says what is wrong and where. */
export function parseStatistics(text: string, place: LinePlace): FlowStatistics {
  const counts: [string, number][] = [];
  let cpu: number | null = null;
  for (const { text: word, column } of splitWords(text)) {
    const eq = word.indexOf('=');
    if (eq <= 0) throw new FlowError(`expected NAME=COUNT, got ${quoted(word)}`, place.file, place.line, column);
    const name = word.slice(0, eq);
    const count = parseUnsigned(word.slice(eq + 1), Number.MAX_SAFE_INTEGER, name, place, column + eq + 1);
    if (name === 'cpu' && cpu === null && counts.length === 0) cpu = count;
    else counts.push([name, count]);
  }
  if (counts.length === 0) throw new FlowError('expected NAME=COUNT', place.file, place.line, 1);
  return { cpu, counts };
}

/** Every CPU's counters as /proc/net/stat/nf_conntrack shows them; the columns are those of the first CPU's counters. */
export function formatProcStatistics(all: readonly FlowStatistics[]): string {
  const names = all.length === 0 ? PROC_COLUMNS.map((c) => c[0]) : all[0].counts.map((c) => c[0]);
  let text = names.reduce((s, name, i) => s + gap(names, i) + name, '');
  for (const { counts } of all) {
    text += '\n';
    counts.forEach(([, count], i) => {
      text += gap(names, i) + (count >>> 0).toString(16).padStart(8, '0');
    });
  }
  return `${text}\n`;
}

/** Two blanks stand behind the first column and before those of expectations. */
function gap(names: readonly string[], i: number): string {
  if (i === 0) return '';
  return i === 1 || names[i] === 'expect_new' ? '  ' : ' ';
}

/** Every CPU's counters from the text of /proc/net/stat/nf_conntrack; CPUs are numbered as they come. */
export function parseProcStatistics(text: string, file: string): FlowStatistics[] {
  const lines = text.split('\n');
  const names = splitWords(lines[0]);
  if (names[0]?.text !== 'entries') throw new FlowError('expected the names of the counters', file, 1, 1);
  const all: FlowStatistics[] = [];
  lines.forEach((line, i) => {
    if (i === 0 || line.trim() === '') return;
    const words = splitWords(line);
    const end = line.length + 1;
    if (words.length !== names.length) {
      throw new FlowError(`expected ${names.length} counters, got ${words.length}`, file, i + 1, end);
    }
    const counts = words.map(({ text: word, column }, n): [string, number] => {
      if (!/^[0-9a-f]{1,8}$/.test(word)) {
        throw new FlowError(`expected a hexadecimal number, got ${quoted(word)}`, file, i + 1, column);
      }
      return [names[n].text, Number.parseInt(word, 16)];
    });
    all.push({ cpu: all.length, counts });
  });
  return all;
}

/**
 * What /proc/net/stat/nf_conntrack of Linux 6.18 shows for a CPU, from what `conntrack -S` and -S expect tell of it. `entries`:
 * connections in the whole table. Counters that the kernel no longer keeps are 0.
 */
export function procStatistics(
  entries: number,
  conntrack: FlowStatistics,
  expect: FlowStatistics | null,
): FlowStatistics {
  const known = new Map([...conntrack.counts, ...(expect?.counts ?? [])]);
  known.set('entries', entries);
  return {
    cpu: conntrack.cpu,
    counts: PROC_COLUMNS.map(([column, name]) => [column, Math.min(known.get(name) ?? 0, U32)]),
  };
}
