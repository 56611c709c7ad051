/**
 * Values of options as iptables reads and prints them. Messages are iptables 1.8.9's (libxtables' option parser), which its
 * users know and search for.
 */
import type { OptionContext } from './extension.js';
import { servicePort } from './names.js';

/** Result of a scan that found no number. */
const NONE = -1;

/** A number read by `scanUint` and where it ended. */
export interface Scan {
  value: number;
  end: number;
}

/**
 * Reads an unsigned number as strtoul with base 0 does (`0x` hexadecimal, leading `0` octal, blanks and a plus sign before it) from
 * `at`. Leaves value -1 where there is none or it exceeds `max`.
 */
export function scanUint(text: string, at: number, max: number, scan: Scan): void {
  let base = 10;
  let i = startOfDigits(text, at);
  scan.value = NONE;
  scan.end = at;
  if (text.charCodeAt(i) === 48) {
    const x = text.charCodeAt(i + 1) | 32;
    if (x === 120 && digit(text, i + 2, 16) >= 0) {
      base = 16;
      i += 2;
    } else {
      base = 8;
    }
  }
  let value = 0;
  const first = i;
  for (let d = digit(text, i, base); d >= 0; d = digit(text, ++i, base)) value = value * base + d;
  if (i === first) return;
  scan.end = i;
  if (value <= max) scan.value = value;
}

/** Steps over what strtoul takes before the digits. */
function startOfDigits(text: string, at: number): number {
  let i = at;
  let c = text.charCodeAt(i);
  if (c >= 48) return i;
  while (c === 32 || (c >= 9 && c <= 13)) c = text.charCodeAt(++i);
  return c === 43 ? i + 1 : i;
}

function digit(text: string, at: number, base: number): number {
  const c = text.charCodeAt(at);
  let d = -1;
  if (c >= 48 && c <= 57) d = c - 48;
  else if (c >= 97 && c <= 102) d = c - 87;
  else if (c >= 65 && c <= 70) d = c - 55;
  return d < base ? d : -1;
}

/** The whole of `text` as a number of `min` to `max`; -1 where it is none (NaN never). */
export function readUint(text: string, min: number, max: number): number {
  const scan: Scan = { value: NONE, end: 0 };
  scanUint(text, 0, max, scan);
  return scan.end === text.length && scan.value >= min ? scan.value : NONE;
}

const UINT64_MAX = 18446744073709551615n;

/** The whole of `text` as a number of 64 bits, read as strtoull with base 0 does; null where it is none. */
export function readUint64(text: string): bigint | null {
  const m = /^\s*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (m === null) return null;
  const digits = m[1] as string;
  const number = BigInt(/^0[0-7]+$/.test(digits) ? '0o' + digits.slice(1) : digits);
  return number > UINT64_MAX ? null : number;
}

/** A number option (XTTYPE_UINT8 ... UINT64). `name` is the extension's. */
export function uintOption(
  name: string,
  option: string,
  value: string,
  min: number,
  max: number,
  c: OptionContext,
): number {
  const n = readUint(value, min, max);
  if (n < 0) c.fail(`${name}: bad value for option "--${option}", or out of range (${min}-${max}).`, value);
  return n;
}

/** A value with an optional mask (XTTYPE_MARKMASK32), both Int32; the mask is all ones where none is given. */
export interface MarkMask {
  mark: number;
  mask: number;
}

/** Reads `value[/mask]`. */
export function markOption(name: string, option: string, value: string, c: OptionContext): MarkMask {
  const scan: Scan = { value: NONE, end: 0 };
  scanUint(value, 0, 0xffffffff, scan);
  const mark = scan.value;
  let mask = 0xffffffff;
  if (mark >= 0 && value.charCodeAt(scan.end) === 47) {
    scanUint(value, scan.end + 1, 0xffffffff, scan);
    mask = scan.value;
  }
  if (mark < 0 || mask < 0) c.fail(`${name}: bad integer value for option "--${option}", or out of range.`, value);
  if (scan.end !== value.length) c.fail(`${name}: trailing garbage after value for option "--${option}".`, value);
  return { mark: mark | 0, mask: mask | 0 };
}

/** 32 bits as `0x1f`. */
export function hex(word: number): string {
  return '0x' + (word >>> 0).toString(16);
}

/** A byte as `0x0a`. */
export function hexByte(byte: number): string {
  return (byte < 16 ? '0x0' : '0x') + byte.toString(16);
}

/** `0x1` or `0x1/0xff`: a mark whose mask is all ones prints alone. */
export function markText(mark: number, mask: number): string {
  return mask === -1 ? hex(mark) : `${hex(mark)}/${hex(mask)}`;
}

/** A port number or a service's name; `protocol` as servicePort takes it. */
export function readPort(text: string, protocol: number | null, c: OptionContext, word = text): number {
  let port = readUint(text, 0, 65535);
  if (port < 0) port = servicePort(text, protocol);
  if (port < 0) c.fail(`invalid port/service \`${text}' specified`, word);
  return port;
}

/** Text as iptables-save prints it: bare where it is a plain word, else quoted (xtables_save_string). */
export function quote(text: string): string {
  let plain = text !== '';
  for (let i = 0; plain && i < text.length; i++) {
    const c = text.charCodeAt(i);
    plain = (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 48 && c <= 57) || c === 45 || c === 95;
  }
  return plain ? text : `"${text.replace(/["'\\]/g, '\\$&')}"`;
}

/** `! ` or nothing. */
export function not(invert: boolean): string {
  return invert ? '! ' : '';
}
