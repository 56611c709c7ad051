/** What the connection table's memory and hash are made of: sizes, alignment, folded IPv6 addresses. */

/**
 * Where a view must begin in a large ArrayBuffer so that its records do not straddle cache lines: the allocator of Node on Linux
 * puts large buffers 16 bytes behind a page. Elsewhere it only costs time.
 */
export const LINE_OFFSET = 48;

/** A buffer with room for a view that begins at LINE_OFFSET. */
export function lineAligned(bytes: number): ArrayBuffer {
  return new ArrayBuffer(bytes + 64);
}

/** The least power of two that is `atLeast` or more, and 16. */
export function powerOfTwo(atLeast: number): number {
  let n = 16;
  while (n < atLeast) n *= 2;
  return n;
}

/** Four words of an IPv6 address as one, which stands in the place of IPv4's address in the hash. */
export function fold(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a ^ 0x2545f491, 0x85ebca6b) ^ b;
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ c;
  h = Math.imul(h ^ (h >>> 13), 0x9e3779b1) ^ d;
  return h ^ (h >>> 16);
}
