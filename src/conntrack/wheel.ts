/**
 * The timing wheel: 4096 slots of one second, each the head of a doubly linked list through the records (R_NEXT, R_PREV).
 *
 * A record stays where it was linked while its deadline moves away; it is linked anew when the wheel reaches it too early, or
 * when its deadline comes before its place on the wheel. Its place stands in the upper bits of R_STATE. So an established
 * connection costs the wheel nothing for minutes, whatever its packets do to its timeout.
 */
import { R_DEADLINE, R_NEXT, R_PREV, R_STATE, RECORD_SHIFT, STATE_WITHOUT_WHEEL, WHEEL_SHIFT } from './layout.js';

const WHEEL_SLOTS = 4096;
const WHEEL_MASK = WHEEL_SLOTS - 1;

/** The wheel of one table. */
export class Wheel {
  private readonly words: Int32Array;
  /** First record of each list + 1; 0 = empty. */
  private readonly heads = new Int32Array(WHEEL_SLOTS);
  /** Second that the wheel has been turned to. */
  private second = 0;

  /** @param words the records, as layout.ts draws them */
  constructor(words: Int32Array) {
    this.words = words;
  }

  /** Links a record into the wheel for `timeoutMs` from now; the record is on no list. */
  link(slot: number, timeoutMs: number): void {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    // whole seconds up, and one more because a part of the current second is over; timeouts beyond the wheel come round again
    const seconds = Math.min(((timeoutMs / 1000) | 0) + 1, WHEEL_MASK);
    const position = (this.second + seconds) & WHEEL_MASK;
    const next = this.heads[position]!;
    w[base + R_NEXT] = next;
    w[base + R_PREV] = 0;
    if (next !== 0) w[((next - 1) << RECORD_SHIFT) + R_PREV] = slot + 1;
    this.heads[position] = slot + 1;
    w[base + R_STATE] = (w[base + R_STATE]! & STATE_WITHOUT_WHEEL) | (position << WHEEL_SHIFT);
  }

  /** Takes a record off its wheel list. */
  unlink(slot: number): void {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    const next = w[base + R_NEXT]!;
    const previous = w[base + R_PREV]!;
    if (previous !== 0) w[((previous - 1) << RECORD_SHIFT) + R_NEXT] = next;
    else this.heads[w[base + R_STATE]! >>> WHEEL_SHIFT] = next;
    if (next !== 0) w[((next - 1) << RECORD_SHIFT) + R_PREV] = previous;
  }

  /** Sets the deadline of a confirmed record and links it anew if its place on the wheel would come too late. */
  setDeadline(slot: number, nowMs: number, timeoutMs: number): void {
    const w = this.words;
    const base = slot << RECORD_SHIFT;
    w[base + R_DEADLINE] = (nowMs + timeoutMs) | 0;
    const firesIn = ((w[base + R_STATE]! >>> WHEEL_SHIFT) - this.second) & WHEEL_MASK;
    if (((timeoutMs / 1000) | 0) + 1 < firesIn) {
      this.unlink(slot);
      this.link(slot, timeoutMs);
    }
  }

  /**
   * Turns the wheel one second on if `second` has not been reached yet, and returns the first slot of the list that came up
   * (+ 1, taken off the wheel as a whole, chained by R_NEXT); 0 = empty; -1 = nothing to turn.
   */
  turn(second: number): number {
    if (this.second >= second) return -1;
    // after a gap longer than the wheel once around is enough
    if (second - this.second > WHEEL_SLOTS) this.second = second - WHEEL_SLOTS;
    this.second++;
    const position = this.second & WHEEL_MASK;
    const first = this.heads[position]!;
    this.heads[position] = 0;
    return first;
  }

  /** Sets the wheel's clock; only while the table is empty. */
  startClock(second: number): void {
    this.second = second;
  }
}
