/**
 * Mutants that no test can notice, or that need not be noticed, with the reason. `run.mjs` complains of a row that is no longer
 * needed, the test beside this of one that names no mutant.
 */

/** Keys of mutants (see mutants.ts) that share a reason. */
export interface Equivalent {
  why: string;
  keys: readonly string[];
}

export const EQUIVALENT: Readonly<Record<string, readonly Equivalent[]>> = {};
