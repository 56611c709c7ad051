/**
 * Known differences from the kernel: case name, category, and why. docs/kernel-differences.md has the long form.
 * A row that no case needs any more fails the test, so that the list can only shrink by itself.
 */
import type { Category } from './compare.js';

/** One accepted difference. */
export interface KnownDifference {
  name: string;
  category: Category;
  reason: string;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [];
