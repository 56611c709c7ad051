/**
 * Bob Jenkins' lookup3 (public domain, 2006) as the kernel uses it on words (include/linux/jhash.h), and how it scales hashes.
 * All numbers are Int32. What is hashed without a key or with one from a rule comes out as in the kernel.
 */

/** Start value (JHASH_INITVAL). */
const HASH_START = 0xdeadbeef | 0;
/** Words of an address. */
const ADDRESS_WORDS = 4;

/** A big-endian word as a little-endian machine reads it from a packet: what the kernel hashes. */
export function swap32(word: number): number {
  return ((word >>> 24) & 0xff) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** The last mixing of three words. */
function finish(first: number, second: number, third: number): number {
  let a = first;
  let b = second;
  let c = third;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c;
}

/** One word (jhash_1word). */
export function hashWord(word: number, initial: number): number {
  const start = (HASH_START + (1 << 2) + initial) | 0;
  return finish((start + word) | 0, start, start);
}

/** Three words (jhash_3words). */
export function hashThree(first: number, second: number, third: number, initial: number): number {
  const start = (HASH_START + (3 << 2) + initial) | 0;
  return finish((start + first) | 0, (start + second) | 0, (start + third) | 0);
}

/** The four words of an address from `at` on, as they lie in a packet (jhash2). */
export function hashAddress(words: Int32Array, at: number, initial: number): number {
  let a = (HASH_START + (ADDRESS_WORDS << 2) + initial) | 0;
  let b = a;
  let c = a;
  a = (a + swap32(words[at]!)) | 0;
  b = (b + swap32(words[at + 1]!)) | 0;
  c = (c + swap32(words[at + 2]!)) | 0;
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
  return finish((a + swap32(words[at + 3]!)) | 0, b, c);
}

/** The upper 32 bits of the product of two unsigned words: scales a hash to 0 ... count - 1 (reciprocal_scale). */
export function scaleHash(hash: number, count: number): number {
  const hashLow = hash & 0xffff;
  const hashHigh = hash >>> 16;
  const low = count & 0xffff;
  const high = count >>> 16;
  // every sum stays below 2^34: exact
  const middle = hashHigh * low + Math.floor((hashLow * low) / 65536);
  const carry = hashLow * high + (middle % 65536);
  return (hashHigh * high + Math.floor(middle / 65536) + Math.floor(carry / 65536)) | 0;
}
