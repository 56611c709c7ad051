/**
 * Packets that left on `lo` and have not arrived yet: on loopback a packet is tracked once, and what arrives keeps the
 * connection, the state and the mark that it left with (net/core: loopback_xmit hands over the same buffer).
 */
import { type Packet, T_DST, T_PORTS, T_PROTO, T_SRC, TUPLE_WORDS } from '../wire/packet.js';

/** Columns beside the tuple. */
const CONNECTION = TUPLE_WORDS;
const STATE = TUPLE_WORDS + 1;
const MARK = TUPLE_WORDS + 2;
const ID = TUPLE_WORDS + 3;
const ROW = TUPLE_WORDS + 4;

export class LoopbackQueue {
  private readonly rows: Int32Array;
  private readonly capacity: number;
  private head = 0;
  private tail = 0;

  /** @param capacity packets kept; beyond that the oldest is forgotten and will be tracked anew when it arrives */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.rows = new Int32Array(capacity * ROW);
  }

  /** A packet left on lo. `id`: its connection's number, to tell whether the connection is still the same. */
  put(p: Packet, id: number): void {
    if (this.head - this.tail === this.capacity) this.tail++;
    const at = (this.head++ % this.capacity) * ROW;
    for (let i = 0; i < TUPLE_WORDS; i++) this.rows[at + i] = p.tuple[i]!;
    this.rows[at + CONNECTION] = p.connection;
    this.rows[at + STATE] = p.state;
    this.rows[at + MARK] = p.mark;
    this.rows[at + ID] = id;
  }

  /** A packet arrives on lo: gives it back what it left with; returns its connection's number, -1: it was not sent here. */
  take(p: Packet): number {
    while (this.tail < this.head) {
      const at = (this.tail++ % this.capacity) * ROW;
      if (!this.same(at, p)) continue;
      p.connection = this.rows[at + CONNECTION]!;
      p.state = this.rows[at + STATE]!;
      p.mark = this.rows[at + MARK]!;
      return this.rows[at + ID]!;
    }
    return -1;
  }

  private same(at: number, p: Packet): boolean {
    const r = this.rows;
    const t = p.tuple;
    for (let i = 0; i < 4; i++) {
      if (r[at + T_SRC + i] !== t[T_SRC + i] || r[at + T_DST + i] !== t[T_DST + i]) return false;
    }
    return r[at + T_PORTS] === t[T_PORTS] && r[at + T_PROTO] === t[T_PROTO];
  }
}
