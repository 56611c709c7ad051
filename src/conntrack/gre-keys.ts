/**
 * Which key the sender of a GRE packet has: the packet itself names the receiver's call only (RFC 2637 section 4.1). A PPTP helper
 * reads both in the control connection and enters them here, one way and the other (nf_conntrack_proto_gre.c, the key map).
 */
import { AF_INET, T_DST, T_PORTS, T_PROTO, T_SRC, TUPLE_WORDS } from '../wire/packet.js';

interface GreKey {
  readonly tuple: Int32Array;
  /** The control connection. */
  slot: number;
  direction: number;
}

/** The key map of one host, in the order in which calls were announced. */
export class GreKeys {
  private readonly keys: GreKey[] = [];

  /** How many there are. */
  get count(): number {
    return this.keys.length;
  }

  /** Enters the tuple of a call; false: the control connection has another one for this direction already. */
  add(slot: number, direction: number, tuple: Int32Array): boolean {
    for (const key of this.keys) if (key.slot === slot && key.direction === direction) return isSame(key.tuple, tuple);
    const copy = new Int32Array(TUPLE_WORDS);
    copy.set(tuple);
    this.keys.push({ tuple: copy, slot, direction });
    return true;
  }

  /** A control connection's calls are over. */
  removeOf(slot: number): void {
    for (let i = this.keys.length - 1; i >= 0; i--) if (this.keys[i]!.slot === slot) this.keys.splice(i, 1);
  }

  /** The sender's key of a packet with this tuple, whose source key is not known yet; 0 = of no call. */
  find(tuple: Int32Array): number {
    for (let i = 0; i < this.keys.length; i++) {
      const known = this.keys[i]!.tuple;
      if (isSame(known, tuple)) return known[T_PORTS]! >>> 16;
    }
    return 0;
  }
}

/** Addresses and the receiver's key. */
function isSame(a: Int32Array, b: Int32Array): boolean {
  if (a[T_PROTO] !== b[T_PROTO] || (a[T_PORTS]! & 0xffff) !== (b[T_PORTS]! & 0xffff)) return false;
  const words = a[T_PROTO]! >> 8 === AF_INET ? 1 : 4;
  for (let i = 0; i < words; i++) if (a[T_SRC + i] !== b[T_SRC + i] || a[T_DST + i] !== b[T_DST + i]) return false;
  return true;
}
