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
  const [lead = '', sign = ''] = /^[ \t-\r]*([+-]?)/.exec(text) ?? [];
  const rest = text.slice(lead.length);
  // "0x" without a digit behind it is 0 and an x
  const isHex = base === 0 && /^0[xX][0-9a-fA-F]/.test(rest);
  const isOctal = base === 0 && !isHex && rest.startsWith('0');
  const pattern = isHex ? /^0[xX][0-9a-fA-F]+/ : isOctal ? /^[0-7]+/ : /^\d+/;
  const digits = pattern.exec(rest)?.[0] ?? '';
  if (digits === '') return { value: 0n, length: 0 };
  const magnitude = BigInt(isOctal ? `0o${digits}` : digits);
  const length = lead.length + digits.length;
  if (magnitude > ALL_BITS) return { value: ALL_BITS, length };
  return { value: sign === '-' ? BigInt.asUintN(64, -magnitude) : magnitude, length };
}
