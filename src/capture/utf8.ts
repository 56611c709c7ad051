/** UTF-8 without TextDecoder, which the core has not: names and comments of pcapng. Cold. */

const REPLACEMENT = 0xfffd;

/** Text of the bytes [from, to); what is not UTF-8 becomes U+FFFD, a byte at a time. */
export function decodeUtf8(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  let at = from;
  while (at < to) {
    const len = sequenceLen(bytes[at]);
    const point = len > 0 && at + len <= to ? codePoint(bytes, at, len) : -1;
    text += String.fromCodePoint(point < 0 ? REPLACEMENT : point);
    at += point < 0 ? 1 : len;
  }
  return text;
}

/** Length of the sequence that a byte begins; 0 = it begins none. */
function sequenceLen(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

function codePoint(bytes: Uint8Array, at: number, len: number): number {
  if (len === 1) return bytes[at];
  let point = bytes[at] & (0x7f >> len);
  for (let i = 1; i < len; i++) {
    const byte = bytes[at + i];
    if ((byte & 0xc0) !== 0x80) return -1;
    point = (point << 6) | (byte & 0x3f);
  }
  const overlong = (len === 3 && point < 0x800) || (len === 4 && point < 0x10000);
  const surrogate = point >= 0xd800 && point < 0xe000;
  return overlong || surrogate || point > 0x10ffff ? -1 : point;
}

/** Bytes of a text in UTF-8, `maxLen` at most: cut between characters. Lone surrogates become U+FFFD. */
export function encodeUtf8(text: string, maxLen: number): Uint8Array {
  const out = new Uint8Array(Math.min(maxLen, text.length * 3));
  let at = 0;
  for (const character of text) {
    const raw = character.codePointAt(0) ?? REPLACEMENT;
    const point = raw >= 0xd800 && raw < 0xe000 ? REPLACEMENT : raw;
    const len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (at + len > out.length) break;
    putCodePoint(out, at, point, len);
    at += len;
  }
  return out.slice(0, at);
}

function putCodePoint(out: Uint8Array, at: number, point: number, len: number): void {
  if (len === 1) {
    out[at] = point;
    return;
  }
  let rest = point;
  for (let i = len - 1; i > 0; i--) {
    out[at + i] = 0x80 | (rest & 0x3f);
    rest >>= 6;
  }
  out[at] = ((0xf00 >> len) & 0xff) | rest;
}
