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

/** A text in quotes for a message, cut short where it is long. */
export function quoted(text: string): string {
  return text.length > 60 ? `"${text.slice(0, 57)}..."` : `"${text}"`;
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
