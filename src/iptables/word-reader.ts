/**
 * The words of one command and the place in them: what reading options stands on.
 */
import type { Family, Position } from '../rules/model.js';
import type { Scope } from './command.js';
import { type ErrorDetails, RuleTextError } from './errors.js';
import type { Words } from './tokens.js';

/** Walks over words. */
export class WordReader {
  protected words!: Words;
  /** The next word. */
  protected at = 0;
  /** Word that an error points at. */
  protected blame = 0;
  /** The command's first word. */
  protected first = 0;

  constructor(
    protected readonly family: Family,
    protected readonly file: string,
    protected readonly scope: Scope,
  ) {}

  /** The word after an option that needs one. */
  protected argumentOf(): string {
    if (this.at >= this.words.count) {
      const option = this.words.text[this.words.count - 1] as string;
      this.fail(`option "${option}" requires an argument`);
    }
    this.blame = this.at;
    return this.words.text[this.at++] as string;
  }

  /** Whether a word follows that is neither an option nor `!`. */
  protected hasWord(): boolean {
    if (this.at >= this.words.count) return false;
    const next = this.words.text[this.at] as string;
    return next.charCodeAt(0) !== 45 && next.charCodeAt(0) !== 33;
  }

  /** Where a word of the command stands. */
  positionOf(word: number): Position {
    const last = this.words.count - 1;
    const i = Math.min(word, last);
    return { file: this.file, line: this.words.line[i] ?? 1, column: this.words.column[i] ?? 1 };
  }

  protected fail(text: string, details: ErrorDetails = {}): never {
    throw new RuleTextError(text, { position: this.positionOf(this.blame), ...details });
  }

  protected warn(message: string): void {
    this.scope.warn(message, this.positionOf(this.blame));
  }
}
