/** (interface in progress) */
export interface ConnTable {
  readonly words: Int32Array;
  /** IPv6: words 1-3 of the four addresses, 12 words a slot. */
  readonly high: Int32Array;
  /** 4 doubles a slot: packets and bytes of the original, then of the reply direction. Empty unless accounting was ever on. */
  readonly counters: Float64Array;
  /** The helper's name, '' = none. */
  helperName(slot: number): string;
  /** Name of the master's helper where the connection was expected, '' = none. */
  masterHelperName(slot: number): string;
  /** 128-bit connection labels: 4 words, or null where the connection has none. */
  labels(slot: number): Int32Array | null;
  /** Number of connections whose tuples satisfy a key; used by connlimit. Calls back for each live connection. */
  isAlive(slot: number, generation: number): boolean;
}
