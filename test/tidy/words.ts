/**
 * Words that have no place in the project: it speaks of itself alone, not of how, where or by whom it was made, and what is
 * not finished is not in it.
 */
import { lineOf, type SourceFile } from './source.js';

/** What is not to be written, and why. */
export interface BannedWord {
  pattern: RegExp;
  reason: string;
}

export const BANNED: readonly BannedWord[] = [
  { pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/, reason: 'unfinished work is not committed' },
  {
    pattern: /\b(?:stub(?:bed|s)?|placeholder|lorem ipsum|coming soon)\b/i,
    reason: 'unfinished work is not committed',
  },
  // but for iptables-save's own words about its option -b, and the C library's for ENOSYS
  {
    pattern: /(?<!--binary option is |'[Ff]unction )\bnot (?:yet )?implemented\b|\binterface in progress\b/i,
    reason: 'say "not supported", and where',
  },
  { pattern: /\bissues? #?\d/i, reason: 'the project does not refer to its work list' },
  {
    pattern: /(?<!-)\b(?:session|assistant|agent|sub-?agent|prompt engineer|language model)s?\b/i,
    reason: 'not about its making',
  },
  { pattern: /\btool (?:call|use|result)s?\b/i, reason: 'not about its making' },
  { pattern: /(?<![\w.])\/(?:work|root|home)\//, reason: 'a path of one machine' },
  { pattern: /(?<![\w.])\/tmp\/\w/, reason: 'a path of one machine; use os.tmpdir() or mktemp' },
  {
    pattern: /\bregistry\.(?:npmjs|yarnpkg|\w+\.(?:com|org|net|io))\b|\b(?:artifactory|verdaccio)\b/i,
    reason: 'the name of a registry host',
  },
];

/** Files that hold the words themselves. */
const HOLDS_THE_LIST = new Set(['test/tidy/words.ts', 'test/tidy/checks.test.ts']);

/** Checks every text file, code, comments and documents alike. */
export function checkWords(files: readonly SourceFile[], banned: readonly BannedWord[] = BANNED): string[] {
  const complaints: string[] = [];
  for (const file of files) {
    if (HOLDS_THE_LIST.has(file.path)) continue;
    for (const { pattern, reason } of banned) {
      const match = pattern.exec(file.text);
      if (match !== null) complaints.push(`${file.path}:${lineOf(file.text, match.index)}: "${match[0]}": ${reason}`);
    }
  }
  return complaints;
}
