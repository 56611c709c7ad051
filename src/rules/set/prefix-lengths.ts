/**
 * Which prefix lengths the elements of a set have, longest first: a look-up tries each of them once (the kernel's `nets` of
 * ip_set_hash_gen.h).
 */

const LENGTHS = 129;

/** Lengths of one dimension. */
export class PrefixLengths {
  /** The lengths present, longest first; the first `count` are valid. */
  readonly present = new Uint8Array(LENGTHS);
  count = 0;
  private readonly elements = new Int32Array(LENGTHS);

  /** An element of this length came. */
  add(length: number): void {
    if (this.elements[length]!++ > 0) return;
    let at = this.count++;
    while (at > 0 && this.present[at - 1]! < length) {
      this.present[at] = this.present[at - 1]!;
      at--;
    }
    this.present[at] = length;
  }

  /** One went. */
  remove(length: number): void {
    if (--this.elements[length]! > 0) return;
    const at = this.present.indexOf(length);
    this.present.copyWithin(at, at + 1, this.count--);
  }

  clear(): void {
    this.elements.fill(0);
    this.count = 0;
  }
}

/** The part of an address's word `at` that a prefix length keeps. */
export function prefixWord(length: number, at: number): number {
  const bits = length - 32 * at;
  return bits >= 32 ? -1 : bits <= 0 ? 0 : -1 << (32 - bits);
}
