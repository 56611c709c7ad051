/**
 * The lines of rule text, one at a time: as iptables-restore reads them, or gently, as a file on disk may have them.
 *
 * *Exactly*: a line is at most 10239 bytes long, what is longer goes on as a line of its own; it ends where a NUL byte stands; its
 * line end belongs to it, so that a last line without one is not the same line. *Gently*: no limit, and a NUL byte is a character that no word may have; a byte order mark at the
 * beginning, blanks and CR around a line are passed over, and so is `> ` before it where the text was quoted in a mail.
 */

/** fgets(3) of iptables-restore: a buffer of 10240 bytes with a NUL at its end. */
const MAX_LINE_BYTES = 10239;
const LINE_FEED = 10;

/** Goes through the lines. */
export class RestoreLines {
  /** Exactly: with its line feed, if it has one. Gently: without anything around it. */
  text = '';
  /** From 1. */
  number = 0;
  /** Characters of the line that stood before `text`. */
  indent = 0;
  private at: number;

  constructor(
    private readonly source: string,
    private readonly exact: boolean,
    /** Gently: passes over `> ` before lines. */
    private readonly quoted = false,
  ) {
    this.at = !exact && source.charCodeAt(0) === 0xfeff ? 1 : 0;
  }

  /** Reads the next line; false: there is none. */
  next(): boolean {
    if (this.at >= this.source.length) return false;
    this.number++;
    if (this.exact) this.readExact();
    else this.readGently();
    return true;
  }

  private readExact(): void {
    const { source, at } = this;
    let end = source.indexOf('\n', at) + 1;
    if (end === 0) end = source.length;
    if (end - at > MAX_LINE_BYTES / 3) end = cut(source, at, end);
    this.at = end;
    this.text = source.slice(at, end);
    const nul = this.text.indexOf('\0');
    if (nul >= 0) this.text = this.text.slice(0, nul);
  }

  private readGently(): void {
    const { source } = this;
    const start = this.at;
    let end = source.indexOf('\n', start);
    if (end < 0) end = source.length;
    this.at = end + 1;
    let from = this.skip(start, end);
    if (this.quoted) while (from < end && source.charCodeAt(from) === 62) from = this.skip(from + 1, end);
    while (end > from && isBlank(source.charCodeAt(end - 1))) end--;
    this.indent = from - start;
    this.text = source.slice(from, end);
  }

  private skip(from: number, end: number): number {
    let at = from;
    while (at < end && isBlank(this.source.charCodeAt(at))) at++;
    return at;
  }
}

/** Where a line that begins at `from` and ends at `end` is cut because of its length in bytes. */
function cut(source: string, from: number, end: number): number {
  let bytes = 0;
  for (let at = from; at < end; at++) {
    bytes += byteLength(source.charCodeAt(at));
    if (bytes > MAX_LINE_BYTES) return at;
  }
  return end;
}

/** Bytes that a character takes in UTF-8; half of a pair counts two. */
function byteLength(c: number): number {
  if (c < 0x80) return 1;
  return c < 0x800 || (c >= 0xd800 && c <= 0xdfff) ? 2 : 3;
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) bytes += byteLength(text.charCodeAt(i));
  return bytes;
}

function isBlank(c: number): boolean {
  return c === 32 || c === 9 || c === 13 || c === LINE_FEED;
}
