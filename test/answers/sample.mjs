/**
 * Keeps some rows of many: of those that are answered alike but for numbers and quoted words, the first N of each
 * extension; N more of ip6tables where they are not the same as with iptables.
 *
 *     node test/answers/sample.mjs refused|taken N < ROWS > FEWER
 */
import { readFileSync } from 'node:fs';

const [which, most] = process.argv.slice(2);
const rows = readFileSync(0, 'latin1').split('\n');
const counts = new Map();

const quoted = /'[^']*'|`[^']*'|"[^"-][^"]*"|""/g;
const numbers = /(?:0x)?[0-9a-f]*[0-9.:][0-9a-f.:]*/gi;

function shapeOf(family, line, answer) {
  const extension = /(?:-m|-j) (\S+)/.exec(line)?.[1] ?? '';
  const text = answer
    .join(' ')
    .replace(/^-A \S+/, '')
    .replace('ip6tables', 'iptables');
  return `${family} ${extension} ${text.replace(quoted, 'Q').replace(numbers, 'N')}`;
}

/** What iptables answers to each line. */
const four = new Map();
for (const row of rows) {
  const [family, line, ...answer] = row.split('\t');
  if (family === '4') four.set(line, answer.join('\t'));
}

const kept = rows.filter((row) => {
  const [family, line, ...answer] = row.split('\t');
  if (row.startsWith('#') || answer.length === 0 || row.length > 500) return false;
  const refused = answer[0].startsWith('exit ');
  // a rule, not what is left of a line that the shell could not split; addresses are not told from what follows them
  if (refused !== (which === 'refused') || (!refused && (answer[0] === '' || answer[1] === '[?]'))) return false;
  if (family === '6' && four.get(line) === answer.join('\t').replace('ip6tables', 'iptables')) return false;
  const shape = shapeOf(family, line, answer);
  counts.set(shape, (counts.get(shape) ?? 0) + 1);
  return counts.get(shape) <= Number(most);
});
kept.sort((a, b) => (a < b ? -1 : 1));
process.stdout.write(`${kept.join('\n')}\n`, 'latin1');
