/**
 * What a text of rules is, and what it says about itself in its comments.
 */
import type { Position } from '../rules/model.js';

/** A line `*table`. */
const TABLE_LINE = /^[ \t]*\*[ \t]*[A-Za-z]+[ \t\r]*$/m;
/** The same in a mail that quotes it. */
const QUOTED_TABLE_LINE = /^[ \t]*(?:>[ \t]*)+\*[A-Za-z]+[ \t\r]*$/m;

/**
 * Whether a text is in iptables-save's format: some line is `*table`.
 * @param quoted Also where `> ` stands before it.
 */
export function isSaveText(text: string, quoted = false): boolean {
  return TABLE_LINE.test(text) || (quoted && isQuotedText(text));
}

/** Whether the lines of a text in iptables-save's format have `> ` before them. */
export function isQuotedText(text: string): boolean {
  return !TABLE_LINE.test(text) && QUOTED_TABLE_LINE.test(text);
}

/** Told of a text of iptables-nft-save that names the other plane. */
export const LEGACY_TOO = 'the host has rules of iptables-legacy too, which this text does not hold';

/**
 * What the program that wrote the text says is not in it: tables that hold what iptables cannot print, rules of the other plane. A
 * ruleset without them is not all that the host has.
 */
export function* missingFrom(text: string, file: string): Generator<{ text: string; position: Position }> {
  const comment =
    /^#[ \t]*(?:Table `([^']*)' is incompatible, use 'nft' tool|Warning: iptables-legacy tables present)/gm;
  for (const m of text.matchAll(comment)) {
    const line = text.slice(0, m.index).split('\n').length;
    const table = m[1];
    yield {
      text:
        table === undefined
          ? LEGACY_TOO
          : `table ${table} of the host is not in this text: iptables could not print it`,
      position: { file, line, column: 1 },
    };
  }
}
