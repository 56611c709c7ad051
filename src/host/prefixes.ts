/**
 * Longest-prefix match over IPv4 and IPv6 in one structure.
 *
 * Prefixes are grouped by family and length; the groups of a family are looked at from the longest to the shortest, each an
 * open-addressing table of six words a slot: four address words (masked), length | family << 8, value + 1 (0 = empty).
 * A host has some ten prefixes of five lengths: five probes. Built once; a look-up allocates nothing.
 */
import { ADDRESS_WORDS } from '../wire/address.js';
import { AF_INET } from '../wire/packet.js';

const SLOT_WORDS = 6;
const S_KEY = 4;
const S_VALUE = 5;
const MAX_BITS = 128;

/** The mask of word `word` (0-3) of a prefix of `length` bits, as Int32. */
export function maskWord(length: number, word: number): number {
  const bits = length - word * 32;
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

export class PrefixTable {
  /** Lengths in use, longest first: IPv4's, then IPv6's. */
  #lengths4: Uint8Array = new Uint8Array(0);
  #lengths6: Uint8Array = new Uint8Array(0);
  #slots = new Int32Array(SLOT_WORDS * 8);
  #mask = 7;
  #count = 0;

  /** Adds a prefix (cold); host bits are ignored. Where it is there already the first value stays: returns false. */
  add(family: number, words: Int32Array, length: number, value: number): boolean {
    const masked = new Int32Array(ADDRESS_WORDS);
    for (let i = 0; i < ADDRESS_WORDS; i++) masked[i] = (words[i] as number) & maskWord(length, i);
    const at = this.#probe(length | (family << 8), masked[0]!, masked[1]!, masked[2]!, masked[3]!);
    if (this.#slots[at + S_VALUE] !== 0) return false;
    this.#slots.set(masked, at);
    this.#slots[at + S_KEY] = length | (family << 8);
    this.#slots[at + S_VALUE] = value + 1;
    this.#count++;
    if (family === AF_INET) this.#lengths4 = withLength(this.#lengths4, length);
    else this.#lengths6 = withLength(this.#lengths6, length);
    if (this.#count * 2 > this.#mask) this.#grow();
    return true;
  }

  /** The value of the longest prefix that holds the address at `words[at..at+3]`; -1 = none. */
  find(family: number, words: Int32Array, at: number): number {
    const lengths = family === AF_INET ? this.#lengths4 : this.#lengths6;
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!;
      const slot = this.#probe(
        length | (family << 8),
        words[at]! & maskWord(length, 0),
        words[at + 1]! & maskWord(length, 1),
        words[at + 2]! & maskWord(length, 2),
        words[at + 3]! & maskWord(length, 3),
      );
      const value = this.#slots[slot + S_VALUE]!;
      if (value !== 0) return value - 1;
    }
    return -1;
  }

  /** The slot of a key, or the empty one where it would go. */
  #probe(key: number, w0: number, w1: number, w2: number, w3: number): number {
    const slots = this.#slots;
    let hash = Math.imul(w0 ^ Math.imul(w1, 0x2c1b3c6d) ^ Math.imul(w2, 0x297a2d39) ^ w3 ^ (key << 7), 0x9e3779b1);
    hash ^= hash >>> 15;
    for (let i = hash & this.#mask; ; i = (i + 1) & this.#mask) {
      const at = i * SLOT_WORDS;
      if (slots[at + S_VALUE] === 0) return at;
      if (
        slots[at] === w0 &&
        slots[at + S_KEY] === key &&
        slots[at + 1] === w1 &&
        slots[at + 2] === w2 &&
        slots[at + 3] === w3
      ) {
        return at;
      }
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#mask = this.#mask * 2 + 1;
    this.#slots = new Int32Array(SLOT_WORDS * (this.#mask + 1));
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (old[at + S_VALUE] === 0) continue;
      const to = this.#probe(old[at + S_KEY]!, old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!);
      for (let i = 0; i < SLOT_WORDS; i++) this.#slots[to + i] = old[at + i]!;
    }
  }
}

function withLength(lengths: Uint8Array, length: number): Uint8Array {
  if (length > MAX_BITS || lengths.includes(length)) return lengths;
  return Uint8Array.from([...lengths, length]).sort((a, b) => b - a);
}
