/**
 * Rate estimators, which -j RATEEST feeds and -m rateest reads, by name (net/core/gen_estimator.c, xt_RATEEST.c).
 *
 * Terms: every *interval* (a quarter of a second, doubled up to five times) a timer ticks: what came since the last tick is turned
 * into a rate a second, and the average moves towards it by a 2^-ewmaLog-th of the difference (an exponentially weighted moving
 * average). Averages are kept in 256ths.
 * Life cycle: made when the first rule that names it is loaded, kept from then on; its timer starts with the first packet that
 * any rule asks it about or feeds it with, since what a host does before is not known. The kernel's starts when the rule is
 * loaded: readings can differ by what one tick changes.
 * Invariant: ticks before `nowMs` of the last call are done; the packets since then are counted, not averaged.
 */
import { HZ, JIFFY_MS } from './match/option-values.js';

/** Timer ticks of the kernel in a quarter of a second. */
const QUARTER_JIFFIES = Math.floor(HZ / 4);
/** Bits behind the binary point of an average. */
const FRACTION = 256;

/** Indexes of RateEstimator.state. */
const BYTE_RATE = 0;
const PACKET_RATE = 1;
const BYTES = 2;
const PACKETS = 3;
const NEXT_MS = 4;

/** Where the time is read. */
export interface Clock {
  readonly nowMs: number;
}

/** One estimator. */
export class RateEstimator {
  /** Averages in 256ths, what came since the last tick, the next tick; doubles, for rates beyond 32 bits. */
  private readonly state = new Float64Array(5);
  /** Bytes and packets a second, whole, as of the last tick before the clock of `update`. */
  readonly rates = new Float64Array(2);
  private readonly intervalMs: number;
  /** What a count in one interval makes in 256ths a second. */
  private readonly scale: number;
  private readonly divisor: number;

  /**
   * @param interval log2 of the interval in seconds, -2 to 3
   * @param ewmaLog log2 of the average's inertia in intervals, 1 to 30
   */
  constructor(
    readonly interval: number,
    readonly ewmaLog: number,
  ) {
    this.intervalMs = QUARTER_JIFFIES * JIFFY_MS * 2 ** (interval + 2);
    this.scale = FRACTION / 2 ** interval;
    this.divisor = 2 ** ewmaLog;
  }

  /** Counts a packet of `bytes` bytes. The clock comes as an object: a number with a fraction would be an allocation. */
  add(bytes: number, clock: Clock): void {
    this.update(clock);
    this.state[BYTES] = (this.state[BYTES] as number) + bytes;
    this.state[PACKETS] = (this.state[PACKETS] as number) + 1;
  }

  /** Brings `rates` up to the clock. */
  update(clock: Clock): void {
    const { state } = this;
    const nowMs = clock.nowMs;
    if (state[NEXT_MS] === 0) state[NEXT_MS] = nowMs + this.intervalMs;
    while ((state[NEXT_MS] as number) <= nowMs) {
      this.move(BYTE_RATE, BYTES);
      this.move(PACKET_RATE, PACKETS);
      state[NEXT_MS] = (state[NEXT_MS] as number) + this.intervalMs;
      if ((state[BYTE_RATE] as number) < this.divisor && (state[PACKET_RATE] as number) < this.divisor) {
        // nothing moves any more: the ticks of a long pause at once
        const ticks = Math.floor((nowMs - (state[NEXT_MS] as number)) / this.intervalMs) + 1;
        if (ticks > 0) state[NEXT_MS] = (state[NEXT_MS] as number) + ticks * this.intervalMs;
      }
    }
  }

  private move(rate: number, count: number): void {
    const { state, divisor } = this;
    const average = state[rate] as number;
    const moved = Math.floor(((state[count] as number) * this.scale) / divisor) - Math.floor(average / divisor);
    state[rate] = average + moved;
    state[count] = 0;
    this.rates[rate] = Math.floor((average + moved) / FRACTION);
  }
}

/** What a host keeps for a name: nothing until a RATEEST rule sets the estimator up. */
export interface EstimatorPlace {
  estimator: RateEstimator | null;
}

/** Key of a name for LoadContext.shared. */
export function estimatorKey(name: string): string {
  return `rateest:${name}`;
}

/** A place for an estimator that is to come. */
export function emptyPlace(): EstimatorPlace {
  return { estimator: null };
}

/** A decimal or hexadecimal number of floating point as strtod reads it at the beginning of a text; null: there is none. */
export function scanDouble(text: string): { value: number; end: number } | null {
  const m = /^\s*([-+]?)(?:0x([0-9a-f]+)|(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?)|(inf))/i.exec(text);
  if (m === null) return null;
  const size =
    m[2] !== undefined ? Number.parseInt(m[2], 16) : m[3] !== undefined ? Number(m[3]) : Number.POSITIVE_INFINITY;
  return { value: m[1] === '-' ? -size : size, end: m[0].length };
}

/** A double cast to 32 bits unsigned as C on x86-64 does it; what 64 bits do not hold is 0. */
export function castToUint32(value: number): number {
  if (!(Math.abs(value) < 2 ** 63)) return 0;
  return Number(BigInt.asUintN(32, BigInt(Math.trunc(value))));
}
