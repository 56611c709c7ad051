/** What is to be said of a value: whether the kernel takes it, and what harm it does. */
import { compareVersions, highest, SLOWEST_HZ, type SysctlReader, type SysctlRow } from './model.js';
import { findRow } from './settings.js';
import { parseNumber } from './store.js';

/** Why the kernel refuses a value, as `expected a whole number from 0 to 1, got "x"`; null: it takes it. */
export function refusal(row: SysctlRow, value: string, read: SysctlReader): string | null {
  const { limit } = row;
  if (limit === null) return null;
  const number = parseNumber(value);
  const most = highest(limit, SLOWEST_HZ);
  if (!(number >= limit.least && number <= most)) {
    return `expected a whole number from ${limit.least} to ${numberText(most)}, got "${value}"`;
  }
  return thresholdRefusal(row, number, read);
}

/** The low threshold of reassembly cannot be above the high one. */
function thresholdRefusal(row: SysctlRow, value: number, read: SysctlReader): string | null {
  const high = row.name.endsWith('_high_thresh');
  if (!high && !row.name.endsWith('_low_thresh')) return null;
  const otherName = row.name.replace(/(high|low)_thresh$/, high ? 'low_thresh' : 'high_thresh');
  const other = read(otherName);
  if (other === undefined || (high ? value >= other : value <= other)) return null;
  return `expected a number of ${high ? 'at least' : 'at most'} ${other} (${otherName}), got "${value}"`;
}

/** What harm a value does that the kernel takes. */
export function harms(row: SysctlRow, value: string, read: SysctlReader): string[] {
  const number = parseNumber(value);
  if (Number.isNaN(number)) return [];
  return row.harms.filter((harm) => harm.when(number, read)).map((harm) => harm.text);
}

/** A number that may be beyond what a double holds exactly. */
export function numberText(value: number): string {
  return value >= 2 ** 63 ? '9223372036854775807' : String(value);
}

/** Whether two values are the same to the kernel. */
export function isSameValue(a: string, b: string): boolean {
  const [left, right] = [parseNumber(a), parseNumber(b)];
  return Number.isNaN(left) || Number.isNaN(right) ? a.trim() === b.trim() : left === right;
}

/** In words: that a kernel of that version has no such setting; null: it has, or nothing is known of the name. */
export function absence(name: string, kernel: string): string | null {
  const row = findRow(name);
  if (row === null) return null;
  if (row.gone !== null && compareVersions(kernel, row.gone) >= 0) {
    return `is gone since Linux ${row.gone}: ${row.instead}`;
  }
  if (compareVersions(kernel, row.since) < 0) return `comes with Linux ${row.since}`;
  return null;
}
