/** Words of a line: what stands between blanks, or in square brackets, and where. */

/** A word of a line and the column (from 1) at which it begins. */
export interface Word {
  text: string;
  column: number;
}

const OPEN = 91; // [
const BLANK = 32;

/** Goes through a line word by word; what stands in square brackets stays one word (`[start=Sat Nov 21 11:36:27 2026]`). */
export class WordScanner {
  readonly text: string;
  /** Where the word begins. */
  start = 0;
  /** Where it ends: the first character behind it. */
  end: number;
  /** No closing bracket comes from here on: a line of opening ones is not searched for each of them. */
  private unclosedFrom: number;

  constructor(text: string, from = 0) {
    this.text = text;
    this.end = from;
    this.unclosedFrom = text.length;
  }

  /** Goes to the next word; false: there is none, and the word is an empty one at the end of the line. */
  next(): boolean {
    const { text } = this;
    const { length } = text;
    let at = this.end;
    while (at < length && text.charCodeAt(at) <= BLANK) at++;
    this.start = at;
    if (at < length && text.charCodeAt(at) === OPEN && at < this.unclosedFrom) {
      const close = text.indexOf(']', at);
      if (close < 0) this.unclosedFrom = at;
      else at = close;
    }
    while (at < length && text.charCodeAt(at) > BLANK) at++;
    this.end = at;
    return this.start < length;
  }

  /** The word. */
  word(): string {
    return this.text.slice(this.start, this.end);
  }
}

/** All words of a line. */
export function splitWords(line: string, firstColumn = 1): Word[] {
  const words: Word[] = [];
  const scan = new WordScanner(line);
  while (scan.next()) words.push({ text: scan.word(), column: scan.start + firstColumn });
  return words;
}

/** Shorter texts are copied when they are cut out of another; longer ones hold on to all of it (V8's sliced strings). */
const COPIED = 12;

/** A text that does not keep the line and the part of the file that it was cut from in memory. */
export function ownText(text: string): string {
  if (text.length <= COPIED) return text;
  let own = '';
  for (let at = 0; at < text.length; at += COPIED) own += text.slice(at, at + COPIED);
  return own;
}
