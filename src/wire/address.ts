/**
 * Addresses as text: IPv4, IPv6 (RFC 4291 in, RFC 5952 out), prefixes and MAC addresses. Cold: strings are made here.
 *
 * In words an address is four Int32 in network order; an IPv4 address stands in the first, the other three are 0.
 */
import { AF_INET, AF_INET6 } from './packet.js';

/** Words that an address takes. */
export const ADDRESS_WORDS = 4;

/** An address with a prefix length, as '10.1.0.1/24' is read. */
export interface AddressPrefix {
  /** AF_INET or AF_INET6. */
  family: number;
  /** Four words, host bits as written. */
  words: Int32Array;
  /** 0-32 or 0-128; all bits where the text names none. */
  length: number;
}

/** Reads a dotted quad in decimal without leading zeros; the 32 bits as Int32, or null. */
export function parseAddress4(text: string): number | null {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (m === null) return null;
  let word = 0;
  for (let i = 1; i <= 4; i++) {
    const part = m[i] as string;
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return null;
    word = (word << 8) | Number(part);
  }
  return word | 0;
}

/** Writes eight groups' worth of IPv6 text into `out[at..at+3]`; false where the text is none (RFC 4291 section 2.2). */
function parseAddress6(text: string, out: Int32Array, at: number): boolean {
  let body = text;
  const tail = text.lastIndexOf(':') + 1;
  if (text.includes('.')) {
    const v4 = parseAddress4(text.slice(tail));
    if (v4 === null) return false;
    body = `${text.slice(0, tail)}${((v4 >>> 16) & 0xffff).toString(16)}:${(v4 & 0xffff).toString(16)}`;
  }
  const halves = body.split('::');
  if (halves.length > 2) return false;
  const head = halves[0] === '' ? [] : (halves[0] as string).split(':');
  const rest = halves.length === 1 || halves[1] === '' ? [] : (halves[1] as string).split(':');
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return false;
  const groups = [...head, ...new Array<string>(Math.max(missing, 0)).fill('0'), ...rest];
  for (const group of groups) if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return false;
  for (let i = 0; i < 4; i++) {
    out[at + i] =
      (Number.parseInt(groups[2 * i] as string, 16) << 16) | Number.parseInt(groups[2 * i + 1] as string, 16);
  }
  return true;
}

/** Reads an address of either family into four words from `at`; returns AF_INET, AF_INET6, or 0: not an address. */
export function parseAddress(text: string, out: Int32Array, at = 0): number {
  if (text.includes(':')) return parseAddress6(text, out, at) ? AF_INET6 : 0;
  const word = parseAddress4(text);
  if (word === null) return 0;
  out[at] = word;
  out[at + 1] = 0;
  out[at + 2] = 0;
  out[at + 3] = 0;
  return AF_INET;
}

/** Reads ADDRESS or ADDRESS/LENGTH; null where it is neither. */
export function parsePrefix(text: string): AddressPrefix | null {
  const slash = text.indexOf('/');
  const words = new Int32Array(ADDRESS_WORDS);
  const family = parseAddress(slash < 0 ? text : text.slice(0, slash), words);
  if (family === 0) return null;
  const bits = family === AF_INET ? 32 : 128;
  if (slash < 0) return { family, words, length: bits };
  const digits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits) || Number(digits) > bits) return null;
  return { family, words, length: Number(digits) };
}

/** The dotted quad of 32 bits. */
export function formatAddress4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/**
 * An address as inet_ntop prints it: RFC 5952 (lower case, the first longest run of two or more zero groups as `::`),
 * and a dotted tail for ::a.b.c.d and ::ffff:a.b.c.d as glibc does.
 */
export function formatAddress(family: number, words: Int32Array, at = 0): string {
  const first = words[at] as number;
  if (family === AF_INET) return formatAddress4(first);
  const groups: number[] = [];
  for (let i = 0; i < 4; i++) {
    const word = words[at + i] as number;
    groups.push(word >>> 16, word & 0xffff);
  }
  let bestAt = -1;
  let bestLen = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > bestLen) {
      bestAt = i;
      bestLen = n;
    }
    if (n > 0) i += n - 1;
  }
  const dotted = bestAt === 0 && (bestLen === 6 || (bestLen === 5 && groups[5] === 0xffff));
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === bestAt) {
      text += '::';
      i += bestLen - 1;
      continue;
    }
    if (dotted && i === 6) return `${text}${text.endsWith(':') ? '' : ':'}${formatAddress4(words[at + 3] as number)}`;
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += (groups[i] as number).toString(16);
  }
  return text;
}

/** Reads six bytes of two hexadecimal digits with colons or dashes; null where it is none. */
export function parseMac(text: string): Uint8Array | null {
  if (!/^[0-9a-fA-F]{1,2}([:-][0-9a-fA-F]{1,2}){5}$/.test(text)) return null;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

/** Six bytes from `at` as `02:00:00:00:01:01`. */
export function formatMac(bytes: Uint8Array, at = 0): string {
  let text = '';
  for (let i = 0; i < 6; i++)
    text += `${i === 0 ? '' : ':'}${((bytes[at + i] as number) | 0x100).toString(16).slice(1)}`;
  return text;
}
