/** What a thread says besides the numbers of mutants. */
export const READY = -2;
export const DONE = -1;
