/**
 * Numbers as the C library's strtoul(3) reads them, which conntrack(8) uses without looking at what is left over: text that is no
 * number is 0, and what is too big is cut to the bits of the field. So `-m x` is mark 0 there, and here.
 */

const ALL_BITS = (1n << 64n) - 1n;

/** Digits of a number text: 10, or 0 for what the text's own prefix says (0x sixteen, 0 eight). */
export type NumberBase = 0 | 10;

/** An unsigned number of `bits` bits. */
export function readUnsigned(text: string, base: NumberBase, bits: number): number {
  return Number(BigInt.asUintN(bits, readLong(text, base).value));
}

/** strtoul(3): 64 bits, and how many characters it took. */
export function readLong(text: string, base: NumberBase): { value: bigint; length: number } {
  const pattern =
    base === 10 ? /^[ \t-\r]*([+-]?)()(\d+)/ : /^[ \t-\r]*([+-]?)(0[xX](?=[0-9a-fA-F])|0(?=[0-7]))?([0-9a-fA-F]+)/;
  const match = pattern.exec(text);
  if (match === null) return { value: 0n, length: 0 };
  const [, sign, prefix = '', rest = ''] = match;
  const radix = prefix === '' ? 10 : prefix === '0' ? 8 : 16;
  const digits = (radix === 8 ? /^[0-7]*/ : radix === 10 ? /^\d*/ : /^[0-9a-fA-F]*/).exec(rest)?.[0] ?? '';
  if (digits === '') return { value: 0n, length: 0 };
  const head = radix === 8 ? '0o' : radix === 16 ? '0x' : '';
  const magnitude = BigInt(head + digits);
  const length = match[0].length - rest.length + digits.length;
  if (magnitude > ALL_BITS) return { value: ALL_BITS, length };
  return { value: sign === '-' ? BigInt.asUintN(64, -magnitude) : magnitude, length };
}
