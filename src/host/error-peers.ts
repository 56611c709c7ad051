/**
 * How often the host tells a sender that there is no route for its packets: five times, then once a second (net/ipv4/route.c
 * ip_error, with its sysctls error_burst and error_cost at their defaults). IPv6 has no such limit.
 *
 * A row a sender: tokens (ms, one message costs 1000, at most 5000) and when they were counted. New senders have all of them. Rows
 * lie near their hash; where eight are taken, the one that was silent longest is forgotten: it has all of its tokens again soonest.
 */

const COST_MS = 1000;
const BURST_MS = 5000;
/** Senders that are remembered, a power of two. */
const ROWS = 1024;
const PROBES = 8;

export class ErrorPeers {
  private readonly addresses = new Int32Array(ROWS);
  private readonly tokensMs = new Int32Array(ROWS);
  private readonly countedMs = new Int32Array(ROWS);
  private readonly used = new Uint8Array(ROWS);

  /** Whether a sender may be told at `nowMs` (Int32 that wraps); takes its tokens if so. */
  allows(address: number, nowMs: number): boolean {
    const row = this.rowOf(address, nowMs);
    const passed = (nowMs - this.countedMs[row]!) | 0;
    // what wrapped is weeks ago
    const tokens = passed < 0 || passed > BURST_MS ? BURST_MS : Math.min(BURST_MS, this.tokensMs[row]! + passed);
    this.countedMs[row] = nowMs;
    this.tokensMs[row] = tokens < COST_MS ? tokens : tokens - COST_MS;
    return tokens >= COST_MS;
  }

  private rowOf(address: number, nowMs: number): number {
    const home = Math.imul(address, 0x9e3779b1) >>> 22;
    let oldest = home;
    let longest = -1;
    for (let i = 0; i < PROBES; i++) {
      const row = (home + i) & (ROWS - 1);
      if (this.used[row] === 0) return this.begin(row, address, nowMs);
      if (this.addresses[row] === address) return row;
      const silent = (nowMs - this.countedMs[row]!) >>> 0;
      if (silent > longest) {
        longest = silent;
        oldest = row;
      }
    }
    return this.begin(oldest, address, nowMs);
  }

  private begin(row: number, address: number, nowMs: number): number {
    this.used[row] = 1;
    this.addresses[row] = address;
    this.tokensMs[row] = BURST_MS;
    this.countedMs[row] = nowMs;
    return row;
  }
}
