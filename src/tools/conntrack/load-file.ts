/** -R: a file of command lines, all of which are read before any is done. */
import type { CommandLine, OutputForm } from './line.js';
import { emptyOutput } from './line.js';
import type { SystemNames } from './names.js';
import { parseLine } from './parse.js';
import { ConntrackError } from './usage-error.js';

/** Words that a line may have, and characters that a word may have. */
const MOST_WORDS = 254;
const MOST_CHARACTERS = 1023;

/** Commands that may stand in a file. */
const ALLOWED = ['I', 'I expect', 'A', 'D', 'U', 'F'];

/** The file that a command line wants loaded; null: it is no such line. Only the first word can ask for it. */
export function loadFileOf(words: readonly string[]): string | null {
  return (words[0] === '-R' || words[0] === '--load-file') && words[1] !== undefined ? words[1] : null;
}

/** Reads a file's text. Throws a ConntrackError at the first line that is wrong. */
export function parseLoadFile(text: string, names: SystemNames): CommandLine[] {
  const lines: CommandLine[] = [];
  // -o of one line holds for those that follow
  const output: OutputForm = emptyOutput();
  for (const raw of text.split('\n')) {
    const words = splitLine(raw);
    if (words.length === 0) continue;
    const line = parseLine(words, names, { output, isInFile: true });
    const name =
      (line.command === 'h' && !words.includes('-h') && !words.includes('--help') ? '' : line.command) + suffix(line);
    if (!ALLOWED.includes(name)) {
      throw new ConntrackError(`Cannot use command \`${name === '' ? 'unknown' : `-${name}`}' with --load-file`);
    }
    lines.push(line);
  }
  return lines;
}

function suffix(line: CommandLine): string {
  return line.table === 'expect' ? ' expect' : '';
}

/** Words of a line: blanks part them, double quotes hold them together; a line may begin with `#`. */
export function splitLine(raw: string): string[] {
  if (raw.trimStart().startsWith('#')) return [];
  const words: string[] = [];
  let word = '';
  let isQuoted = false;
  for (const c of raw) {
    if (c === '"') isQuoted = !isQuoted;
    else if (!isQuoted && /\s/.test(c)) {
      if (word !== '') words.push(word);
      word = '';
    } else word += c;
    if (word.length > MOST_CHARACTERS) throw new ConntrackError('Parameter too long!');
  }
  if (word !== '') words.push(word);
  if (words.length > MOST_WORDS) throw new ConntrackError('too many arguments');
  return words;
}
