/**
 * Events of expectations: a fixed ring of snapshots, as events.ts has it for connections. Told only where somebody listened when the
 * master began, and the master's `--expevents` allow it.
 */
import { TUPLE_WORDS } from '../wire/packet.js';
import type { Expectation } from './expect.js';
import { F_EVENTS, R_STATUS, RECORD_SHIFT } from './layout.js';
import type { ConnTable } from './table.js';

/** Bits of `--expevents` (enum ip_conntrack_expect_events). */
export const IPEXP_NEW = 1 << 0;
export const IPEXP_DESTROY = 1 << 1;

/** Expectations as they were; the same objects again and again. */
export class ExpectEventView {
  /** IPEXP_ bit. */
  event = 0;
  readonly tuple = new Int32Array(TUPLE_WORDS);
  readonly mask = new Int32Array(TUPLE_WORDS);
  /** The master's original tuple. */
  readonly master = new Int32Array(TUPLE_WORDS);
  /** EXPECT_ bits. */
  flags = 0;
  class = 0;
  /** The master's helper; '' = none. */
  helper = '';
  /** ms to the deadline. */
  leftMs = 0;
  /** ms since the epoch. */
  timeMs = 0;
}

/** The ring; one a tracker. Made when somebody begins to listen. */
export class ExpectEventRing {
  /** Of the events: ms since the epoch; set by the tracker. */
  clockMs = 0;
  /** Events that found the ring full. */
  lost = 0;
  private readonly capacity: number;
  private ring: ExpectEventView[] = [];
  private head = 0;
  private tail = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Notes what happens to an expectation, unless its master has no events. */
  push(table: ConnTable, e: Expectation, event: number): void {
    if ((table.words[(e.master << RECORD_SHIFT) + R_STATUS]! & F_EVENTS) === 0) return;
    const cold = table.coldOf(e.master);
    if ((cold.expmask & event) === 0) return;
    if (this.head - this.tail === this.capacity) {
      this.lost++;
      return;
    }
    const at = this.head % this.capacity;
    this.head++;
    if (at === this.ring.length) this.ring.push(new ExpectEventView());
    const view = this.ring[at]!;
    view.event = event;
    for (let i = 0; i < TUPLE_WORDS; i++) {
      view.tuple[i] = e.tuple[i]!;
      view.mask[i] = e.mask[i]!;
    }
    table.readTuple(e.master, 0, view.master);
    view.flags = e.flags;
    view.class = e.class;
    view.helper = cold.helper;
    view.leftMs = e.deadlineMs - this.clockMs;
    view.timeMs = this.clockMs;
  }

  /** The oldest event that has not been read, null = none; borrowed until the next one is pushed. */
  shift(): ExpectEventView | null {
    if (this.head === this.tail) return null;
    return this.ring[this.tail++ % this.capacity]!;
  }
}
