/**
 * The words of a command line as getopt_long(3) of the GNU C library gives them: letters may stand together, long names may be
 * shortened as long as one meaning is left, words that are no options are stepped over, `--` ends the options. What is not known is
 * found by what stands before the place where getopt_long has come to, as conntrack(8) prints it.
 */
import type { OptionRow, ValueKind } from './options.js';

/** What one step gives. */
export type Step =
  | { kind: 'option'; row: OptionRow; value: string | null }
  | { kind: 'unknown'; text: string }
  | { kind: 'incomplete'; text: string }
  | { kind: 'end' };

/** Options that may be added to while the words are read: those of a protocol come with its name. */
export class WordReader {
  private readonly words: readonly string[];
  private readonly program: string;
  private readonly letters = new Map<string, OptionRow>();
  private readonly longs: { name: string; row: OptionRow; value: ValueKind }[] = [];
  /** The next word to look at. */
  private at = 0;
  /** Where in a word of letters the next one is; 0: at a new word. */
  private inWord = 0;

  constructor(words: readonly string[], program: string) {
    this.words = words;
    this.program = program;
  }

  /** Makes options known. A letter or a name that is known already stays what it was. */
  add(rows: readonly OptionRow[]): void {
    for (const row of rows) {
      if (row.letter !== '' && !this.letters.has(row.letter)) this.letters.set(row.letter, row);
      for (const name of row.names) {
        if (!this.longs.some((l) => l.name === name)) this.longs.push({ name, row, value: row.value });
      }
    }
  }

  /**
   * One of `rows` if it is next, by its whole name only; null: it is something else. A value that is missing is null too, where one
   * has to be.
   */
  exact(rows: readonly OptionRow[]): { row: OptionRow; value: string | null } | null {
    if (this.inWord > 0) return null;
    this.skipOperands();
    const word = this.words[this.at] ?? '';
    const row = rows.find(
      (r) => word === `--${r.names[0]}` || (r.value === 'value' && word.startsWith(`--${r.names[0]}=`)),
    );
    if (row === undefined) return null;
    this.at++;
    if (row.value === 'none') return { row, value: null };
    const equals = word.indexOf('=');
    return { row, value: equals < 0 ? (this.words[this.at++] ?? null) : word.slice(equals + 1) };
  }

  /** The next option. */
  next(): Step {
    if (this.inWord > 0) return this.letter();
    this.skipOperands();
    const word = this.words[this.at];
    if (word === undefined || word === '--') return { kind: 'end' };
    if (word.startsWith('--')) return this.long(word);
    this.inWord = 1;
    return this.letter();
  }

  /** The word that comes next, if it is one that may belong to the option before; it stays to be read. */
  peek(): string | null {
    const word = this.words[this.at];
    return word === undefined || word.startsWith('-') || word.startsWith('!') ? null : word;
  }

  /** Takes that word. */
  take(): string | null {
    const word = this.peek();
    if (word !== null) this.at++;
    return word;
  }

  /** Steps over words that are no options; "-" alone is none. */
  private skipOperands(): void {
    while (this.at < this.words.length && !/^-./s.test(this.words[this.at]!)) this.at++;
  }

  private long(word: string): Step {
    this.at++;
    const equals = word.indexOf('=');
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const found = this.find(name);
    if (found === null) return { kind: 'unknown', text: word };
    const { row, value } = found;
    if (equals >= 0) {
      if (value === 'none') return { kind: 'unknown', text: word };
      return { kind: 'option', row, value: word.slice(equals + 1) };
    }
    if (value !== 'value') return { kind: 'option', row, value: null };
    const next = this.words[this.at];
    if (next === undefined) return { kind: 'incomplete', text: word };
    this.at++;
    return { kind: 'option', row, value: next };
  }

  /** A whole name, or the beginning of names that all mean the same. */
  private find(name: string): { row: OptionRow; value: ValueKind } | null {
    const whole = this.longs.find((l) => l.name === name);
    if (whole !== undefined) return whole;
    const [first, ...others] = this.longs.filter((l) => l.name.startsWith(name));
    if (first === undefined || others.some((o) => o.row !== first.row)) return null;
    return first;
  }

  private letter(): Step {
    const word = this.words[this.at]!;
    const row = this.letters.get(word[this.inWord]!);
    const rest = word.slice(++this.inWord);
    if (row === undefined || row.value === 'none') {
      if (rest === '') this.nextWord();
      const text = this.words[this.at - 1] ?? this.program;
      return row === undefined ? { kind: 'unknown', text } : { kind: 'option', row, value: null };
    }
    this.nextWord();
    if (rest !== '' || row.value === 'maybe') return { kind: 'option', row, value: rest === '' ? null : rest };
    const next = this.words[this.at];
    if (next === undefined) return { kind: 'incomplete', text: word };
    this.at++;
    return { kind: 'option', row, value: next };
  }

  private nextWord(): void {
    this.inWord = 0;
    this.at++;
  }
}
