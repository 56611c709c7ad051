/**
 * Ctrl-C and its kin while a replay runs: the replay ends as if its captures ended there, and everything is written. The second
 * signal ends the process at once, as it does before and after a replay.
 */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A replay that reads plain files never waits; so often it lets signals through. */
const TURN_EVERY_MS = 50;

/** Watches for signals from `watch` to `end`. */
export class Interruption {
  /** The signal that came; null: none. */
  signal: (typeof SIGNALS)[number] | null = null;
  private readonly came: () => void;
  private nextTurn = 0;
  private readonly take = (signal: NodeJS.Signals): void => {
    this.signal = signal as (typeof SIGNALS)[number];
    this.end();
    this.came();
  };

  /** `came` is called once, from the event loop, when the first signal comes. */
  constructor(came: () => void) {
    this.came = came;
  }

  watch(): void {
    for (const s of SIGNALS) process.on(s, this.take);
  }

  end(): void {
    for (const s of SIGNALS) process.off(s, this.take);
  }

  /** What a shell says of a process that a signal ended: 130 for Ctrl-C. 0: no signal came. */
  get exitStatus(): number {
    return this.signal === null ? 0 : 128 + constants.signals[this.signal];
  }

  /** A turn of the event loop, in which signals are heard; null: not yet again. */
  turn(): Promise<void> | null {
    const now = Date.now();
    if (now < this.nextTurn) return null;
    this.nextTurn = now + TURN_EVERY_MS;
    return new Promise((resolve) => setImmediate(resolve));
  }
}
