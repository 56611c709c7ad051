/** Pairs of numbers, `low[:high]`, of 32 bits at most. */
import type { OptionContext } from './extension.js';
import { rangeOption } from './match/option-values.js';

/** Both ends belong to the range; unsigned numbers. A range whose low end is above its high end is taken and matches nothing. */
export interface Range {
  low: number;
  high: number;
}

/** The sign bit: two unsigned 32-bit numbers compare as their Int32 values do once it is flipped in both. */
export const SIGN = 0x80000000 | 0;

/** Reads `low`, `low:high`, `low:`, `:high` or `:`; an empty text is 0. `name` is the extension's, for messages. */
export function readRange(name: string, option: string, text: string, max: number, c: OptionContext): Range {
  const { from, to } = rangeOption(name, option, text, BigInt(max), false, c);
  return { low: Number(from), high: Number(to) };
}

/** `5` or `5:7`. */
export function rangeText(r: Range): string {
  return r.low === r.high ? String(r.low) : `${r.low}:${r.high}`;
}

/** Whether a range says anything: extensions do not print 0 to 4294967295, even inverted. */
export function isWhole(r: Range): boolean {
  return r.low === 0 && r.high === 0xffffffff;
}
