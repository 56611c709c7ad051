/** What is wrong in the text of a set or element, before it is known where the text stands. */

/** Thrown by the readers of this room and turned into a RuleError with its place by script.ts. */
export class SetFault extends Error {
  constructor(
    /** ipset's words. */
    message: string,
    /** The word that is wrong; '' = the whole line. */
    readonly word = '',
    /** ipset's exit status: 1, or 2 where the command line itself is wrong. */
    readonly status: 1 | 2 = 1,
    /** What was expected; '' = the message says it. */
    readonly hint = '',
  ) {
    super(message);
    this.name = 'SetFault';
  }
}

/** Throws a syntax error. */
export function syntax(message: string, word = '', hint = ''): never {
  throw new SetFault(`Syntax error: ${message}`, word, 1, hint);
}

/** A number as strtoull with base 0 reads it. */
export function readNumber(text: string, min: number, max: number, word = text): number {
  if (!/^[+-]?(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.test(text)) syntax(`'${text}' is invalid as number`, word);
  const octal = /^0[0-7]+$/.test(text);
  const value = octal ? Number.parseInt(text, 8) : Number(text);
  // 64 bits are told as the kernel's headers write them
  const top = max === MAX_COUNTER ? '18446744073709551614' : String(max);
  if (!(value >= min && value <= max) || text.startsWith('-')) syntax(`'${text}' is out of range ${min}-${top}`, word);
  return value;
}

/** Largest counter that may be given: 2^64 - 2; a double just below it. */
export const MAX_COUNTER = 2 ** 64 - 2048;
