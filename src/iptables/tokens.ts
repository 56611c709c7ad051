/**
 * Lines to words, as iptables-restore splits them and as a POSIX shell does. Columns begin at 1 and count UTF-16 units.
 */
import { RuleTextError } from './errors.js';

/** The words of one command; one object serves many lines. */
export class Words {
  readonly text: string[] = [];
  /** Column of each word's first character, quotes counted. */
  readonly column: number[] = [];
  /** Line of each word (a shell command may go over several). */
  readonly line: number[] = [];
  /** Whether a quote stood in it: such a word is never taken for `-t`. */
  readonly quoted: boolean[] = [];

  /** Number of words; what lies behind is left from before. */
  count = 0;

  /** Forgets all words. */
  clear(): void {
    this.count = 0;
  }

  /** Adds a word. */
  push(text: string, line: number, column: number, quoted = false): void {
    const i = this.count++;
    this.text[i] = text;
    this.column[i] = column;
    this.line[i] = line;
    this.quoted[i] = quoted;
  }

  /** Words of an argument vector; each one's column is its number. */
  static of(argv: readonly string[]): Words {
    const words = new Words();
    argv.forEach((word, i) => {
      words.push(word, 1, i + 1);
    });
    return words;
  }
}

/**
 * Splits one line of iptables-save text from `from` on: blanks, tabs and line feeds part words, a double quote opens a part in which
 * only backslash is special (it takes the next character as it is); the closing quote ends the word. Single quotes mean nothing.
 * Without a closing quote all that is left of the line, its line feed included, is one word.
 * @returns Column of a quote that nothing closes; 0 = there is none.
 */
export function splitRestoreLine(line: string, from: number, lineNumber: number, words: Words): number {
  const n = line.length;
  let i = from;
  while (i < n) {
    let c = line.charCodeAt(i);
    if (c === 32 || c === 9 || c === 10) {
      i++;
      continue;
    }
    const start = i;
    while (i < n && c !== 32 && c !== 9 && c !== 34 && c !== 10) c = line.charCodeAt(++i);
    if (i >= n || c !== 34) {
      words.push(line.slice(start, i), lineNumber, start + 1);
      continue;
    }
    const quote = i;
    let text = line.slice(start, i);
    let plain = i + 1;
    for (i++; i < n; i++) {
      c = line.charCodeAt(i);
      if (c === 34) break;
      if (c !== 92 || i + 1 >= n) continue;
      text += line.slice(plain, i);
      plain = ++i;
    }
    text += line.slice(plain, i);
    // what an open quote leaves is a word only if there is something in it
    if (i < n || text !== '') words.push(text, lineNumber, start + 1, true);
    if (i >= n) return quote + 1;
    i++;
  }
  return 0;
}

/** Names that a shell script has set. */
export type Variables = Map<string, string>;

/** Reads the commands of a shell script one by one. Only what a plain list of commands needs is known; the rest is refused. */
export class ShellReader {
  readonly words = new Words();
  private at = 0;
  private line = 1;
  private lineStart = 0;
  private current = '';
  private open = false;
  private quoted = false;
  private wordLine = 0;
  private wordColumn = 0;

  constructor(
    private readonly script: string,
    private readonly file: string,
    private readonly variables: Variables = new Map(),
    /** Only blanks, quotes and backslashes are special. */
    private readonly plain = false,
  ) {}

  /**
   * Reads the next command into `words`; false at the end of the script.
   * @throws RuleTextError at anything but words, quotes, variables, comments, `;` and line ends. The reader then stands on it:
   * `skipLine` goes on behind.
   */
  next(): boolean {
    const { script, words } = this;
    words.clear();
    this.open = false;
    this.current = '';
    while (this.at < script.length) {
      const c = script[this.at] as string;
      if (c === '\n' || (c === ';' && !this.plain)) {
        this.endWord();
        this.step();
        if (words.count > 0) return true;
      } else if (c === ' ' || c === '\t' || c === '\r') {
        this.endWord();
        this.step();
      } else if (c === '#' && !this.open && !this.plain) {
        while (this.at < script.length && script[this.at] !== '\n') this.at++;
      } else {
        this.readPart(c);
      }
    }
    this.endWord();
    return words.count > 0;
  }

  /** Goes to the beginning of the next line. */
  skipLine(): void {
    while (this.at < this.script.length && this.script[this.at] !== '\n') this.at++;
    if (this.at < this.script.length) this.step();
  }

  private step(): void {
    if (this.script[this.at] === '\n') {
      this.line++;
      this.lineStart = this.at + 1;
    }
    this.at++;
  }

  private begin(): void {
    if (this.open) return;
    this.open = true;
    this.quoted = false;
    this.wordLine = this.line;
    this.wordColumn = this.at - this.lineStart + 1;
  }

  private endWord(): void {
    if (this.open) this.words.push(this.current, this.wordLine, this.wordColumn, this.quoted);
    this.open = false;
    this.current = '';
  }

  private readPart(c: string): void {
    const { script } = this;
    if (c === '\\') {
      const next = script[this.at + 1];
      const newline = next === '\n' || (next === '\r' && script[this.at + 2] === '\n');
      if (!newline) this.begin();
      this.at++;
      if (next === '\r' && newline) this.at++;
      if (this.at >= script.length) return;
      if (!newline) this.current += script[this.at];
      this.step();
    } else if (c === "'") {
      this.begin();
      this.quoted = true;
      this.readQuoted("'");
    } else if (c === '"') {
      this.begin();
      this.quoted = true;
      this.readQuoted('"');
    } else if (c === '$' && !this.plain) {
      this.begin();
      this.substitute(false);
    } else if (!this.plain && '|&<>()`'.includes(c)) {
      this.refuse(`a plain list of iptables commands cannot have "${c}" in it`);
    } else {
      this.begin();
      this.current += c;
      this.at++;
    }
  }

  private readQuoted(quote: string): void {
    const { script, line } = this;
    const column = this.at - this.lineStart + 1;
    for (this.step(); this.at < script.length && script[this.at] !== quote; ) {
      const c = script[this.at] as string;
      if (quote === '"' && c === '\\') {
        const next = script[this.at + 1] ?? '';
        if (next === '\n' || '"\\$`'.includes(next)) this.step();
        if (next !== '\n') this.current += script[this.at] ?? '';
        this.step();
      } else if (quote === '"' && c === '$' && !this.plain) {
        this.substitute(true);
      } else if (quote === '"' && c === '`' && !this.plain) {
        this.refuse('a plain list of iptables commands cannot have "`" in it');
      } else {
        this.current += c;
        this.step();
      }
    }
    if (this.at >= script.length) {
      const position = { file: this.file, line, column };
      throw new RuleTextError(`no closing ${quote}`, { position, form: 'bare' });
    }
    this.at++;
  }

  /** `$NAME` or `${NAME}`; outside quotes its value falls into words at blanks. */
  private substitute(inQuotes: boolean): void {
    const m = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/.exec(this.script.slice(this.at, this.at + 200));
    const after = this.script[this.at + 1] ?? '';
    if (m === null && !'({'.includes(after) && !/[\w@*#?!$-]/.test(after)) {
      this.current += '$';
      this.at++;
      return;
    }
    const value = m === null ? undefined : this.variables.get((m[1] ?? m[2]) as string);
    if (m === null || value === undefined) {
      const what = m === null ? 'only $NAME and ${NAME} are known here' : `variable "${m[1] ?? m[2]}" is not set`;
      this.refuse(what);
    }
    if (inQuotes) {
      this.current += value;
    } else {
      const parts = value.split(/[ \t\n]+/);
      parts.forEach((part, i) => {
        if (i > 0) {
          if (this.current !== '' || this.quoted) this.endWord();
          this.open = false;
          this.begin();
        }
        this.current += part;
      });
      if (this.current === '' && !this.quoted) this.open = false;
    }
    this.at += m[0].length;
  }

  private refuse(message: string): never {
    const position = { file: this.file, line: this.line, column: this.at - this.lineStart + 1 };
    throw new RuleTextError(message, { position, form: 'bare' });
  }
}

/** Splits one command line as a POSIX shell does, without variables; for batches. */
export function splitShellLine(line: string, file = ''): Words {
  const reader = new ShellReader(line, file, new Map(), true);
  reader.next();
  return reader.words;
}
