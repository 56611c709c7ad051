/**
 * Errors of rule text: iptables' own words for those who know them, the place in the file, and what would have been right.
 */
import { RuleError } from '../rules/context.js';
import type { Position } from '../rules/model.js';

/** The release whose messages and output are followed. */
export const IPTABLES_VERSION = 'v1.8.9 (legacy)';

/** See ErrorDetails.form. */
export type ErrorForm = 'versioned' | 'named' | 'literal' | 'bare';

/** What RuleTextError takes beside its text. */
export interface ErrorDetails {
  position?: Position | null;
  /** iptables' exit status: 2 (default) parameter problem, 1 the kernel refuses, 3 unknown table. */
  status?: number;
  /**
   * How iptables begins the line: its name and version (default for 2 and 3), its name (default for 1; iptables-restore says
   * `line N failed` in place of these texts, unless 'literal'), or nothing.
   */
  form?: ErrorForm;
  /** What was expected, and the nearest name that exists. */
  hint?: string;
  /** The line that iptables-restore blames where it is not the position's: COMMIT's. */
  line?: number;
}

/** A rule text that cannot be taken. `message` is iptables' text and the hint below it. */
export class RuleTextError extends RuleError {
  /** iptables' message without program and version. */
  readonly text: string;
  readonly hint: string;
  readonly form: ErrorForm;
  readonly line: number;

  constructor(text: string, details: ErrorDetails = {}) {
    const { position = null, status = 2, hint = '' } = details;
    super(hint === '' ? text.trim() : `${text.trim()}\n${hint}`, position, status);
    this.name = 'RuleTextError';
    this.text = text;
    this.hint = hint;
    this.form = details.form ?? (status === 1 ? 'named' : 'versioned');
    this.line = details.line ?? position?.line ?? 0;
  }
}

/** What `program` (iptables, ip6tables-restore ...) says of an error, without an end of line. */
export function errorLine(error: RuleError, program: string): string {
  return errorMessage(error, program).trimEnd();
}

/** The same as the program writes it: some messages have a line end of their own, which shows as an empty line. */
export function errorMessage(error: RuleError, program: string): string {
  if (!(error instanceof RuleTextError)) return `${program} ${IPTABLES_VERSION}: ${error.message}`;
  if (error.form === 'bare') return error.text;
  if (error.form === 'versioned') return `${program} ${IPTABLES_VERSION}: ${error.text}`;
  if (error.form === 'named' && program.endsWith('-restore')) return `${program}: line ${error.line} failed`;
  return `${program}: ${error.text}`;
}

/** A wrong rule as `FILE:LINE:COLUMN: MESSAGE`, as compilers print; further lines of the message are indented. */
export function describeError(error: RuleError): string {
  const at = error.position;
  const place = at === null ? '' : `${at.file}:${at.line}:${at.column}: `;
  return place + error.message.replace(/\n/g, '\n  ');
}

/** `; did you mean "X"?` for the nearest of `names`, or nothing where none is near. */
export function suggest(word: string, names: Iterable<string>): string {
  const lower = word.toLowerCase();
  let best = '';
  let bestDistance = Math.max(2, Math.ceil(word.length / 3)) + 1;
  for (const name of names) {
    const d = distance(lower, name.toLowerCase(), bestDistance);
    if (d < bestDistance) {
      best = name;
      bestDistance = d;
    }
  }
  return best === '' ? '' : `; did you mean "${best}"?`;
}

/** Edits (insert, delete, replace, swap neighbours) between two words; `limit` or more is not told apart. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let d = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        d = Math.min(d, (before[j - 2] as number) + 1);
      row.push(d);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}
