/**
 * What each peer of the host may still be told (struct inet_peer of net/ipv4/inetpeer.c): tokens, in ms, which grow with time.
 *
 * A row a peer: tokens and when they were counted. A new one has been silent for a minute. Rows lie near their hash; where eight are taken, the
 * one that was silent longest is forgotten: it has all of its tokens again soonest.
 */
import { ADDRESS_WORDS } from '../wire/address.js';

/** CONFIG_HZ=250. */
const TICK_MS = 4;
const START_MS = 60_000;
const MAX_TOKENS_MS = 0x7fffffff;
/** Peers that are remembered, a power of two. */
const ROWS = 1024;
const ROW_SHIFT = 22;
const PROBES = 8;

export class ErrorPeers {
  private readonly addresses = new Int32Array(ROWS * ADDRESS_WORDS);
  /** Address family of a row; 0: free. */
  private readonly families = new Uint8Array(ROWS);
  private readonly tokensMs = new Int32Array(ROWS);
  private readonly countedMs = new Int32Array(ROWS);

  /**
   * Whether the peer at `words[at..]` may be told something at `nowMs` (Int32 that wraps) that costs `costMs`, of which at most
   * `burst` are saved up; takes the tokens if so. Time is counted in the kernel's ticks; with `lazy`, what is too much goes only
   * when one has passed (inet_peer_xrlim_allow), else at once (ip_error).
   */
  allows(
    words: Int32Array,
    at: number,
    family: number,
    nowMs: number,
    costMs: number,
    burst: number,
    lazy: boolean,
  ): boolean {
    const tickMs = nowMs & ~(TICK_MS - 1);
    const row = this.rowOf(words, at, family, tickMs);
    const passed = (tickMs - this.countedMs[row]!) | 0;
    const most = Math.min(costMs * burst, MAX_TOKENS_MS);
    // what wrapped is weeks ago
    const saved = passed < 0 ? most : this.tokensMs[row]! + passed;
    const tokens = lazy && passed === 0 ? saved : Math.min(most, saved);
    this.countedMs[row] = tickMs;
    this.tokensMs[row] = tokens < costMs ? tokens : tokens - costMs;
    return tokens >= costMs;
  }

  private rowOf(words: Int32Array, at: number, family: number, nowMs: number): number {
    const mixed =
      words[at]! ^ Math.imul(words[at + 1]! ^ Math.imul(words[at + 2]! ^ words[at + 3]!, 0x85ebca6b), 0xc2b2ae35);
    const home = Math.imul(mixed ^ (mixed >>> 15), 0x9e3779b1) >>> ROW_SHIFT;
    let oldest = home;
    let longest = -1;
    for (let i = 0; i < PROBES; i++) {
      const row = (home + i) & (ROWS - 1);
      if (this.families[row] === 0) return this.begin(row, words, at, family, nowMs);
      if (this.families[row] === family && this.isOf(row, words, at)) return row;
      const silent = (nowMs - this.countedMs[row]!) >>> 0;
      if (silent > longest) {
        longest = silent;
        oldest = row;
      }
    }
    return this.begin(oldest, words, at, family, nowMs);
  }

  private isOf(row: number, words: Int32Array, at: number): boolean {
    const { addresses } = this;
    const from = row * ADDRESS_WORDS;
    for (let i = 0; i < ADDRESS_WORDS; i++) if (addresses[from + i] !== words[at + i]) return false;
    return true;
  }

  private begin(row: number, words: Int32Array, at: number, family: number, nowMs: number): number {
    for (let i = 0; i < ADDRESS_WORDS; i++) this.addresses[row * ADDRESS_WORDS + i] = words[at + i]!;
    this.families[row] = family;
    this.tokensMs[row] = 0;
    this.countedMs[row] = nowMs - START_MS;
    return row;
  }
}
