/** A text that is not what it should be. Prints as `FILE:LINE:COLUMN: MESSAGE`. */
export class FlowError extends Error {
  readonly file: string;
  /** Line and column begin at 1. */
  readonly line: number;
  readonly column: number;
  /** The message without the position. */
  readonly reason: string;

  constructor(reason: string, file: string, line: number, column: number) {
    super(`${file}:${line}:${column}: ${reason}`);
    this.name = 'FlowError';
    this.file = file;
    this.line = line;
    this.column = column;
    this.reason = reason;
  }
}

/** Where a line of text comes from, for messages. */
export interface LinePlace {
  file: string;
  /** Number of the line, from 1. */
  line: number;
}

/** A word of a line and the column (from 1) at which it begins. */
export interface Word {
  text: string;
  column: number;
}

/** A text in quotes for a message, cut short where it is long. */
export function quoted(text: string): string {
  return text.length > 60 ? `"${text.slice(0, 57)}..."` : `"${text}"`;
}

/** Splits a line at blanks; what stands in square brackets stays one word (`[start=Sat Nov 21 11:36:27 2026]`). */
export function splitWords(line: string, firstColumn = 1): Word[] {
  const words: Word[] = [];
  for (const m of line.matchAll(/\[[^\]]*\]\S*|\S+/g)) words.push({ text: m[0], column: m.index + firstColumn });
  return words;
}

/** An unsigned decimal (or, with 0x, hexadecimal) number of at most `max`, or a FlowError at `column`. */
export function parseUnsigned(text: string, max: number, what: string, place: LinePlace, column: number): number {
  const ok = /^(\d+|0[xX][0-9a-fA-F]+)$/.test(text);
  const value = ok ? Number(text) : Number.NaN;
  if (!ok || value > max) {
    throw new FlowError(
      `expected ${what} as a number from 0 to ${max}, got ${quoted(text)}`,
      place.file,
      place.line,
      column,
    );
  }
  return value;
}
