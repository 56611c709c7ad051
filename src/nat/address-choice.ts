/**
 * Which address of a range a connection gets (nf_nat_core.c, find_best_ips_proto): a hash of its addresses picks it, so that a
 * server sees a client coming from one address. The hash has no key: the kernel makes the same choice after every boot, and so
 * does this.
 */
import { ADDRESS_WORDS } from '../wire/address.js';
import { AF_INET, T_DST, T_PROTO, T_SRC } from '../wire/packet.js';
import { MANIP_SRC, type NatRange, RANGE_MAP_IPS, RANGE_PERSISTENT } from './range.js';

/** Start value of Jenkins' lookup3 as the kernel has it (include/linux/jhash.h, JHASH_INITVAL). */
const HASH_START = 0xdeadbeef | 0;

/** Words are hashed as the kernel on a little-endian machine reads them from the packet. */
function swap(word: number): number {
  return ((word >>> 24) & 0xff) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Bob Jenkins' lookup3 hashword (public domain, 2006) of an address's four words. */
function hashAddress(words: Int32Array, at: number, initial: number): number {
  let a = (HASH_START + (ADDRESS_WORDS << 2) + initial) | 0;
  let b = a;
  let c = a;
  a = (a + swap(words[at]!)) | 0;
  b = (b + swap(words[at + 1]!)) | 0;
  c = (c + swap(words[at + 2]!)) | 0;
  // mix
  a = ((a - c) | 0) ^ rotate(c, 4);
  c = (c + b) | 0;
  b = ((b - a) | 0) ^ rotate(a, 6);
  a = (a + c) | 0;
  c = ((c - b) | 0) ^ rotate(b, 8);
  b = (b + a) | 0;
  a = ((a - c) | 0) ^ rotate(c, 16);
  c = (c + b) | 0;
  b = ((b - a) | 0) ^ rotate(a, 19);
  a = (a + c) | 0;
  c = ((c - b) | 0) ^ rotate(b, 4);
  b = (b + a) | 0;
  a = (a + swap(words[at + 3]!)) | 0;
  // final
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c;
}

/** The upper 32 bits of the product of two unsigned words: scales a hash to 0 ... count - 1 (reciprocal_scale). */
function scale(hash: number, count: number): number {
  const hashLow = hash & 0xffff;
  const hashHigh = hash >>> 16;
  const low = count & 0xffff;
  const high = count >>> 16;
  // every sum stays below 2^34: exact
  const middle = hashHigh * low + Math.floor((hashLow * low) / 65536);
  const carry = hashLow * high + (middle % 65536);
  return (hashHigh * high + Math.floor(middle / 65536) + Math.floor(carry / 65536)) | 0;
}

/**
 * Writes the address of the range that the connection of `tuple` gets into the tuple's half that `manip` names. `zone`: its
 * zone's number. Nothing changes where the range has no addresses.
 */
export function chooseAddress(tuple: Int32Array, range: NatRange, manip: number, zone: number): void {
  if ((range.flags & RANGE_MAP_IPS) === 0) return;
  const at = manip === MANIP_SRC ? T_SRC : T_DST;
  const { minAddress: min, maxAddress: max } = range;
  if (min[0] === max[0] && min[1] === max[1] && min[2] === max[2] && min[3] === max[3]) {
    for (let i = 0; i < ADDRESS_WORDS; i++) tuple[at + i] = min[i]!;
    return;
  }
  const last = tuple[T_PROTO]! >> 8 === AF_INET ? 0 : ADDRESS_WORDS - 1;
  const persistent = (range.flags & RANGE_PERSISTENT) !== 0;
  let hash = hashAddress(tuple, T_SRC, persistent ? 0 : swap(tuple[T_DST + last]!) ^ zone);
  // once a word is below the upper end's, the words after it may be anything
  let free = false;
  for (let i = 0; i <= last; i++) {
    const from = free ? 0 : min[i]!;
    const count = free ? -1 : (max[i]! - from + 1) | 0;
    tuple[at + i] = (from + scale(hash, count)) | 0;
    if (tuple[at + i] !== max[i]) free = true;
    // the destination as it stands now, chosen or not
    if (!persistent) hash ^= swap(tuple[T_DST + i]!);
  }
}
