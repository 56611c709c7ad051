/** Reading text in payloads: by place in a byte array, without strings. */
import { parseAddress } from '../wire/address.js';
import { AF_INET6 } from '../wire/packet.js';

const ZERO = 0x30;
const NINE = 0x39;
const CASE = 0x20;
const TWO_32 = 2 ** 32;

/** Whether a byte is a decimal digit. */
export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

/** A byte as lower case. */
export function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | CASE : byte;
}

/** A constant word as bytes, in lower case where `anyCase` compares with it. */
export function word(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** Whether the bytes at `at` begin with a word of `word()`. */
export function beginsWith(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** The same without regard to upper and lower case; the word is given in lower case. */
export function beginsWithAnyCase(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  return end - at >= text.length && sameAnyCase(bytes, at, text, text.length);
}

/** Whether the first `count` bytes are those of a word, given in lower case. */
export function sameAnyCase(bytes: Uint8Array, at: number, text: Uint8Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (lower(bytes[at + i]!) !== text[i]) return false;
  return true;
}

/** Place of the first occurrence of a word in bytes[at, end), -1 = none. */
export function find(bytes: Uint8Array, at: number, end: number, text: Uint8Array): number {
  for (let i = at; i <= end - text.length; i++) if (beginsWith(bytes, i, end, text)) return i;
  return -1;
}

/** Decimal numbers of a text; one object a helper's call after the other. */
export class NumberReader {
  /** The last number that was read; modulo 2^32. */
  value = 0;
  /** Whether it was more than 32 bits. */
  isTooLong = false;

  /** Reads the digits at `at`; the place behind them. Without any, `value` is 0. */
  read(bytes: Uint8Array, at: number, end: number): number {
    let value = 0;
    let i = at;
    this.isTooLong = false;
    for (; i < end && isDigit(bytes[i]); i++) {
      value = value * 10 + bytes[i]! - ZERO;
      if (value >= TWO_32) this.isTooLong = true;
      value %= TWO_32;
    }
    this.value = value;
    return i;
  }
}

/** Longest text that is looked at: groups may begin with any number of zeros (in6_pton). */
const MAX_ADDRESS6 = 255;
const DOT = 0x2e;
const COLON = 0x3a;

/**
 * Reads an IPv6 address at `at` into `out`; its length, 0 = there is none. `stop`: the byte that has to follow, -1: any that is not
 * of an address. Makes a string: for packets that announce something.
 */
export function readAddress6(bytes: Uint8Array, at: number, end: number, stop: number, out: Int32Array): number {
  let text = '';
  let i = at;
  for (; i < end && isOfAddress6(bytes[i]!); i++) {
    if (i - at === MAX_ADDRESS6) return 0;
    text += String.fromCharCode(bytes[i]!);
  }
  if (stop >= 0 && (i >= end || bytes[i] !== stop)) return 0;
  const plain = text.replace(/(^|:)0+(?=[\da-f])/gi, '$1');
  return text.includes(':') && parseAddress(plain, out, 0) === AF_INET6 ? text.length : 0;
}

function isOfAddress6(byte: number): boolean {
  const c = lower(byte);
  return isDigit(byte) || byte === COLON || byte === DOT || (c >= 0x61 && c <= 0x66);
}
