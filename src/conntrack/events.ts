/**
 * Events of connections: a fixed ring of snapshots, written on the packet path, read when the owner likes.
 *
 * As in the kernel (nf_conntrack_ecache.c) what happens to a connection while a packet is on its way is collected in a mask
 * and delivered once, when the packet has passed every hook: one NEW or one UPDATE. If the packet is dropped, the mask waits
 * for the next packet that passes. DESTROY is delivered at once. A full ring loses the event and counts it (`lost`), as a
 * netlink socket answers ENOBUFS.
 */
import { F_COLD, R_STATUS, RECORD_SHIFT, RECORD_WORDS } from './layout.js';
import type { ConnTable } from './table.js';

/** include/uapi/linux/netfilter/nf_conntrack_common.h: enum ip_conntrack_events, as bits. */
export const IPCT_NEW = 1 << 0;
export const IPCT_RELATED = 1 << 1;
export const IPCT_DESTROY = 1 << 2;
export const IPCT_REPLY = 1 << 3;
export const IPCT_ASSURED = 1 << 4;
export const IPCT_PROTOINFO = 1 << 5;
export const IPCT_HELPER = 1 << 6;
export const IPCT_MARK = 1 << 7;
export const IPCT_SEQADJ = 1 << 8;
export const IPCT_SECMARK = 1 << 9;
export const IPCT_LABEL = 1 << 10;
export const IPCT_SYNPROXY = 1 << 11;

const HIGH_WORDS = 12;
/** Words of an event: the record, its IPv6 words, then mask, slot, ms left, zones. */
const EVENT_WORDS = 48;
const E_MASK = 44;
const E_SLOT = 45;
const E_LEFT = 46;
const E_ZONES = 47;
/** Doubles of an event: four counters, start and stop, time of the event. */
const EVENT_DOUBLES = 8;

/** A ring position's parts, for the reader; valid until the ring writes over it. */
export class EventView {
  /** The record as it was; offsets as in layout.ts from `base`. */
  words!: Int32Array;
  base = 0;
  /** First of the 12 IPv6 words in `words`. */
  highBase = 0;
  mask = 0;
  slot = 0;
  /** ms to the deadline. */
  leftMs = 0;
  /** As ConnTable.zonesOf. */
  zones = 0;
  doubles!: Float64Array;
  /** First of: packets and bytes original, packets and bytes reply, start, stop, time of the event (ms since the epoch). */
  doublesBase = 0;
  helper = '';
  masterHelper = '';
  /** 128 bits in 4 words; null = none was set. */
  labels: Int32Array | null = null;
}

/** The ring itself; one a tracker. */
export class EventRing {
  private readonly capacity: number;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly helpers: string[];
  private readonly masterHelpers: string[];
  /** 4 words an event where `labelled` says so; made when the first connection with labels comes. */
  private labels = new Int32Array(0);
  private readonly labelled: Uint8Array;
  private head = 0;
  private tail = 0;
  /** Events that found the ring full. */
  lost = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.words = new Int32Array(capacity * EVENT_WORDS);
    this.doubles = new Float64Array(capacity * EVENT_DOUBLES);
    this.helpers = new Array<string>(capacity).fill('');
    this.masterHelpers = new Array<string>(capacity).fill('');
    this.labelled = new Uint8Array(capacity);
  }

  /** Events waiting to be read. */
  get length(): number {
    return this.head - this.tail;
  }

  /** Takes a snapshot of a connection; `leftMs` is what is left of its timeout, `timeMs` the wall clock. */
  push(table: ConnTable, slot: number, mask: number, leftMs: number, timeMs: number): void {
    if (this.head - this.tail === this.capacity) {
      this.lost++;
      return;
    }
    const at = this.head % this.capacity;
    this.head++;
    const w = this.words;
    const base = at * EVENT_WORDS;
    const from = slot << RECORD_SHIFT;
    for (let i = 0; i < RECORD_WORDS; i++) w[base + i] = table.words[from + i]!;
    for (let i = 0; i < HIGH_WORDS; i++) w[base + RECORD_WORDS + i] = table.high[slot * HIGH_WORDS + i]!;
    w[base + E_MASK] = mask;
    w[base + E_SLOT] = slot;
    w[base + E_LEFT] = leftMs;
    w[base + E_ZONES] = table.zonesOf(slot);
    const d = this.doubles;
    const db = at * EVENT_DOUBLES;
    for (let i = 0; i < 4; i++) d[db + i] = table.counter(slot, i);
    d[db + 4] = table.stamps.length === 0 ? 0 : table.stamps[slot * 2]!;
    d[db + 5] = table.stamps.length === 0 ? 0 : table.stamps[slot * 2 + 1]!;
    d[db + 6] = timeMs;
    if ((table.words[from + R_STATUS]! & F_COLD) !== 0) this.keepCold(table, slot, at);
    else this.forgetCold(at);
  }

  private keepCold(table: ConnTable, slot: number, at: number): void {
    this.helpers[at] = table.helperName(slot);
    this.masterHelpers[at] = table.masterHelperName(slot);
    const labels = table.labels(slot);
    this.labelled[at] = labels === null ? 0 : 1;
    if (labels === null) return;
    if (this.labels.length === 0) this.labels = new Int32Array(this.capacity * 4);
    for (let i = 0; i < 4; i++) this.labels[at * 4 + i] = labels[i]!;
  }

  private forgetCold(at: number): void {
    this.helpers[at] = '';
    this.masterHelpers[at] = '';
    this.labelled[at] = 0;
  }

  /** Fills `view` with the oldest event and takes it off the ring; false: none. */
  shift(view: EventView): boolean {
    if (this.head === this.tail) return false;
    const at = this.tail % this.capacity;
    this.tail++;
    const base = at * EVENT_WORDS;
    view.words = this.words;
    view.base = base;
    view.highBase = base + RECORD_WORDS;
    view.mask = this.words[base + E_MASK]!;
    view.slot = this.words[base + E_SLOT]!;
    view.leftMs = this.words[base + E_LEFT]!;
    view.zones = this.words[base + E_ZONES]!;
    view.doubles = this.doubles;
    view.doublesBase = at * EVENT_DOUBLES;
    view.helper = this.helpers[at]!;
    view.masterHelper = this.masterHelpers[at]!;
    view.labels = this.labelled[at] === 1 ? this.labels.slice(at * 4, at * 4 + 4) : null;
    return true;
  }
}
