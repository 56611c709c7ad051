/**
 * Which prefix lengths may be there for an address: a large set has tens of lengths, an address few networks around it.
 *
 * Lengths are cut into levels; for each there is a table of words, found by a hash of as many bits of the address as the level's
 * shortest prefix has. Bit n of a word: an element of the level's shortest length + n begins with these bits (or with others of the same
 * hash). A level is looked up once, and only lengths whose bit is set are tried:
 *
 *   inet    0-7  8-11  12-15  16-19  20-23  24-27  28-32
 *   inet6   0-15  16-23  24-31  32-39  40-47  48-55  56-63  64-79  80-96  97-128
 *
 * A bit that is not set is certain; one that is set need not be: removed elements leave theirs behind until the tables grow.
 */
import { prefixWord } from './prefix-lengths.js';

const LEVELS4 = [0, 8, 12, 16, 20, 24, 28];
const LEVELS6 = [0, 16, 24, 32, 40, 48, 56, 64, 80, 97];
const FIRST_BITS = 10;
const MOST_BITS = 17;

/** See the head of this file. */
export class PrefixIndex {
  /** Shortest length of each level. */
  readonly bases: readonly number[];
  /** Elements for which the tables are large enough. */
  capacity: number;
  private readonly tables: Int32Array[];
  /** Whether a level has any element: its table need not be looked at otherwise. */
  private readonly used: Uint8Array;
  /** Hash bits that are not used. */
  private readonly shift: number;

  /** @param elements How many there will be at least. */
  constructor(
    private readonly addressWords: number,
    elements: number,
  ) {
    let bits = FIRST_BITS;
    while (bits < MOST_BITS && 1 << bits < elements) bits++;
    this.capacity = bits === MOST_BITS ? Number.POSITIVE_INFINITY : 1 << bits;
    this.shift = 32 - bits;
    this.bases = addressWords === 1 ? LEVELS4 : LEVELS6;
    this.used = new Uint8Array(this.bases.length);
    this.tables = this.bases.map((base) => new Int32Array(base === 0 ? 1 : 1 << bits));
  }

  /** An element with the address at `off` of `key` and this prefix length is there. */
  add(key: Int32Array, off: number, length: number): void {
    let level = this.bases.length - 1;
    while (this.bases[level]! > length) level--;
    this.used[level] = 1;
    this.tables[level]![this.slot(level, key, off)]! |= 1 << (length - this.bases[level]!);
  }

  /** Lengths of a level that may be there for an address, as bits from the level's shortest on. */
  lengths(level: number, key: Int32Array, off: number): number {
    return this.used[level] === 0 ? 0 : this.tables[level]![this.slot(level, key, off)]!;
  }

  private slot(level: number, key: Int32Array, off: number): number {
    const base = this.bases[level]!;
    if (base === 0) return 0;
    let h = 0;
    for (let w = 0; w < this.addressWords && base > w * 32; w++) {
      h = Math.imul(h ^ (key[off + w]! & prefixWord(base, w)), 0x9e3779b1 | 0);
      h ^= h >>> 15;
    }
    return Math.imul(h, 0x85ebca6b | 0) >>> this.shift;
  }
}
