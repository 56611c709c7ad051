/**
 * Connections with a translated source, by the source they had: a client keeps its address and port towards every
 * destination (nf_nat_core.c, nf_nat_bysource and find_appropriate_src).
 *
 * A chained hash over slots: heads[bucket] and next[slot] hold slot + 1, 0 = none; previous[slot] holds the slot before + 1,
 * -(bucket + 1) at a head, 0 where the slot is on no chain. The newest comes first. A slot stays on its chain after its
 * connection has ended, until the slot is used anew: look-ups skip what is not confirmed, not translated, or has another source.
 */
import {
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_SRC_NAT,
  R_ORIG_PORTS,
  R_ORIG_SRC,
  R_PROTO,
  R_REPLY_DST,
  R_REPLY_PORTS,
  R_STATUS,
  RECORD_SHIFT,
} from '../conntrack/layout.js';
import type { ConnTable } from '../conntrack/table.js';
import { AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, T_PORTS, T_PROTO, T_SRC, TUPLE_WORDS } from '../wire/packet.js';
import { type NatRange, sourceInRange } from './range.js';

/** Words of ConnTable.high a slot, and where those of the reply's destination lie among them. */
const HIGH_WORDS = 12;
const HIGH_REPLY_DST = 9;

export class BySource {
  private readonly table: ConnTable;
  private readonly heads: Int32Array;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;

  constructor(table: ConnTable) {
    this.table = table;
    let buckets = 16;
    while (buckets < table.capacity) buckets *= 2;
    this.heads = new Int32Array(buckets);
    this.next = new Int32Array(table.capacity);
    this.previous = new Int32Array(table.capacity);
  }

  /** A connection's source has been translated. */
  add(slot: number): void {
    this.remove(slot);
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const h = this.table.high;
    const high = slot * HIGH_WORDS;
    const six = w[base + R_PROTO]! >> 8 === AF_INET6;
    const bucket = this.bucket(
      w[base + R_ORIG_SRC]!,
      six ? h[high]! : 0,
      six ? h[high + 1]! : 0,
      six ? h[high + 2]! : 0,
      w[base + R_ORIG_PORTS]! >>> 16,
      w[base + R_PROTO]!,
    );
    const first = this.heads[bucket]!;
    this.next[slot] = first;
    this.previous[slot] = -(bucket + 1);
    if (first !== 0) this.previous[first - 1] = slot + 1;
    this.heads[bucket] = slot + 1;
  }

  /** Takes a slot off its chain, to be put on another one. */
  private remove(slot: number): void {
    const before = this.previous[slot]!;
    if (before === 0) return;
    const after = this.next[slot]!;
    if (before > 0) this.next[before - 1] = after;
    else this.heads[-before - 1] = after;
    if (after !== 0) this.previous[after - 1] = before;
  }

  /**
   * Writes into `out` what `tuple` becomes if its source is translated as another connection of the same source is already and
   * the range has that; false: there is none. `zones`: as in ConnTable.zonesOf.
   */
  find(tuple: Int32Array, zones: number, range: NatRange, out: Int32Array): boolean {
    const port = tuple[T_PORTS]! >>> 16;
    const protocol = tuple[T_PROTO]!;
    const bucket = this.bucket(tuple[T_SRC]!, tuple[T_SRC + 1]!, tuple[T_SRC + 2]!, tuple[T_SRC + 3]!, port, protocol);
    for (let entry = this.heads[bucket]!; entry !== 0; entry = this.next[entry - 1]!) {
      if (!this.sameSource(entry - 1, tuple, port, protocol, zones)) continue;
      this.translated(entry - 1, tuple, out);
      if (sourceInRange(out, range)) return true;
    }
    return false;
  }

  private bucket(a: number, b: number, c: number, d: number, port: number, protocol: number): number {
    let h = Math.imul(a ^ protocol, 0x85ebca6b) ^ b;
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ c;
    h = Math.imul(h ^ (h >>> 13), 0x9e3779b1) ^ d;
    h = Math.imul(h ^ (h >>> 15) ^ port, 0x85ebca6b);
    return (h ^ (h >>> 16)) & (this.heads.length - 1);
  }

  private sameSource(slot: number, tuple: Int32Array, port: number, protocol: number, zones: number): boolean {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    if (w[base + R_ORIG_SRC] !== tuple[T_SRC] || w[base + R_PROTO] !== protocol) return false;
    if (w[base + R_ORIG_PORTS]! >>> 16 !== port || sourceZone(this.table.zonesOf(slot)) !== sourceZone(zones))
      return false;
    const living = IPS_CONFIRMED | IPS_SRC_NAT;
    if ((w[base + R_STATUS]! & (living | IPS_DYING)) !== living) return false;
    if (protocol >> 8 !== AF_INET6) return true;
    const h = this.table.high;
    const high = slot * HIGH_WORDS;
    return h[high] === tuple[T_SRC + 1] && h[high + 1] === tuple[T_SRC + 2] && h[high + 2] === tuple[T_SRC + 3];
  }

  /** `tuple` with the source that the connection in `slot` shows to the other side. */
  private translated(slot: number, tuple: Int32Array, out: Int32Array): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    for (let i = 0; i < TUPLE_WORDS; i++) out[i] = tuple[i]!;
    out[T_SRC] = w[base + R_REPLY_DST]!;
    // a reply that NAT has written has them in IPv4, too: 0
    const high = slot * HIGH_WORDS + HIGH_REPLY_DST;
    for (let i = 0; i < 3; i++) out[T_SRC + 1 + i] = this.table.high[high + i]!;
    const number = tuple[T_PROTO]! & 0xff;
    const ports = w[base + R_REPLY_PORTS]!;
    // an ICMP id is the same in both directions
    const port = number === IPPROTO_ICMP || number === IPPROTO_ICMPV6 ? ports >>> 16 : ports & 0xffff;
    out[T_PORTS] = (port << 16) | (tuple[T_PORTS]! & 0xffff);
  }
}

/**
 * The same number for zones in which a source is the same: the first direction's zone, and whether both directions have that
 * one (nf_ct_zone_equal, hash_by_src).
 */
function sourceZone(zones: number): number {
  const original = zones & 0xffff;
  return original === zones >>> 16 ? zones : original;
}
