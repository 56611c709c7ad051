/**
 * Option values that several match extensions share: hosts with masks, ranges, lists of names. The messages are those of
 * iptables 1.8.9 (libxtables' option parser).
 */
import { ADDRESS_WORDS, parseAddress } from '../../wire/address.js';
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { fillMask, prefixLength, readAton } from '../address.js';
import type { OptionContext } from '../extension.js';
import type { Family } from '../model.js';
import { resolvedPortOption } from '../resolved-port.js';
import { readUint, type Scan, scanUint } from '../values.js';
import type { PortRange } from './ports.js';

/** Errno values of a refusal (KernelRefusal). */
export const EINVAL = 22;
export const ERANGE = 34;

/** Ticks a second of the kernel that is simulated; rates and recent lists count in these. */
export const HZ = 250;
/** Milliseconds of one tick. */
export const JIFFY_MS = 1000 / HZ;

/** An address and the mask that it is compared under. */
export interface MaskedHost {
  address: Int32Array;
  mask: Int32Array;
}

/** A prefix length that stands for a mask whose ones are not contiguous, as libxtables stores it. */
export const NOT_A_PREFIX = 255;

function readNumericHost(text: string, family: Family, out: Int32Array): boolean {
  out.fill(0);
  return family === AF_INET ? readAton(text, out) : parseAddress(text, out) === family;
}

/** A host's address (XTTYPE_HOST), four words. Names other than localhost are not looked up. */
export function hostOption(value: string, family: Family, c: OptionContext): Int32Array {
  const out = new Int32Array(ADDRESS_WORDS);
  if (family === AF_INET && value === 'localhost') {
    out[0] = 0x7f000001;
    return out;
  }
  if (!readNumericHost(value, family, out)) {
    const other = readNumericHost(value, family === AF_INET ? AF_INET6 : AF_INET, out);
    c.fail(`getaddrinfo: ${other ? 'Address family for hostname not supported' : 'Name or service not known'}`, value);
  }
  return out;
}

function maskInto(extension: string, option: string, text: string, family: Family, out: Int32Array, c: OptionContext) {
  const bits = family === AF_INET ? 32 : 128;
  const length = readUint(text, 0, bits);
  if (length >= 0) fillMask(length, out);
  else if (!readNumericHost(text, family, out)) {
    c.fail(
      `${extension}: bad value for option "--${option}", neither a valid network mask nor valid CIDR (0-${bits}).`,
      text,
    );
  }
}

/** `HOST[/MASK]` (XTTYPE_HOSTMASK); the address keeps its host bits. */
export function maskedHostOption(
  extension: string,
  option: string,
  value: string,
  family: Family,
  c: OptionContext,
): MaskedHost {
  const slash = value.indexOf('/');
  const mask = new Int32Array(ADDRESS_WORDS);
  if (slash < 0) {
    fillMask(family === AF_INET ? 32 : 128, mask);
    return { address: hostOption(value, family, c), mask };
  }
  const address = hostOption(value.slice(0, slash), family, c);
  maskInto(extension, option, value.slice(slash + 1), family, mask, c);
  return { address, mask };
}

/** A mask or a prefix length (XTTYPE_PLENMASK) as a prefix length; NOT_A_PREFIX where it is none. */
export function prefixOption(
  extension: string,
  option: string,
  value: string,
  family: Family,
  c: OptionContext,
): number {
  const mask = new Int32Array(ADDRESS_WORDS);
  maskInto(extension, option, value, family, mask, c);
  const bits = prefixLength(mask, family);
  return bits < 0 ? NOT_A_PREFIX : bits;
}

/** Both ends of a range, inclusive; `from` > `to` is kept as written. */
export interface Range {
  from: bigint;
  to: bigint;
}

/**
 * `FROM[:TO]` (XTTYPE_UINT32RC, UINT64RC); either side may be empty.
 * @param openEnd what a value without a colon has as its end: itself, or the greatest number
 */
export function rangeOption(
  extension: string,
  option: string,
  value: string,
  max: bigint,
  openEnd: boolean,
  c: OptionContext,
): Range {
  const ends: bigint[] = [];
  let rest = value;
  for (;;) {
    if (ends.length === 2) c.fail(`${extension}: Too many components for option "--${option}" (max: 2)`, value);
    const number = /^\s*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|\d+)/.exec(rest);
    if (rest === '' || rest.startsWith(':')) {
      ends.push(ends.length === 0 ? 0n : max);
    } else {
      const n = number === null ? max + 1n : BigInt(number[1]!.replace(/^0(?=\d)/, '0o'));
      if (number === null || n > max)
        c.fail(`${extension}: bad value for option "--${option}" near "${rest}", or out of range (0-${max}).`, value);
      ends.push(n);
      rest = rest.slice(number[0].length);
      if (rest !== '' && !rest.startsWith(':'))
        c.fail(`${extension}: Argument to "--${option}" has unexpected characters near "${rest}".`, value);
    }
    if (rest === '') break;
    rest = rest.slice(1);
  }
  return { from: ends[0]!, to: ends.length === 2 ? ends[1]! : openEnd ? max : ends[0]! };
}

/** `FROM[:TO]` of ports (XTTYPE_PORTRC); either side may be empty, a range may be the wrong way round. */
export function portRangeOption(
  extension: string,
  option: string,
  value: string,
  invert: boolean,
  c: OptionContext,
): PortRange {
  const ends: number[] = [];
  for (const part of value.split(':')) {
    if (ends.length === 2) c.fail(`${extension}: Too many components for option "--${option}" (max: 2)`, value);
    ends.push(part === '' ? ends.length * 0xffff : resolvedPortOption(part, c, value));
  }
  return { from: ends[0]!, to: ends[1] ?? ends[0]!, invert };
}

/**
 * A list of names with commas, each a prefix of one of `names` in any case, as the bits `1 << index`; a name that is ''
 * in `names` has no bit. Returns null where nothing matches, with what is left of the text in `bad.text`.
 */
export function nameBits(value: string, names: readonly string[], bad: { text: string }): number {
  let bits = 0;
  let rest = value;
  for (;;) {
    const comma = rest.indexOf(',');
    const word = (comma < 0 ? rest : rest.slice(0, comma)).toUpperCase();
    const at = word === '' ? -1 : names.findIndex((name) => name.startsWith(word));
    bad.text = rest;
    if (at < 0) return -1;
    bits |= 1 << at;
    if (comma < 0) return bits;
    rest = rest.slice(comma + 1);
  }
}

/** Names of the bits `1 << index` that are set, with commas. */
export function bitNames(bits: number, names: readonly string[]): string {
  return names.filter((_, i) => ((bits >>> i) & 1) !== 0).join(',');
}

/** atoi(3): leading blanks, a sign, digits, anything; a 32-bit result as C casts it. */
export function atoi(text: string): number {
  const m = /^\s*([-+]?\d+)/.exec(text);
  if (m === null) return 0;
  const wide = BigInt(m[1]!.replace('+', ''));
  const max = 0x7fffffffffffffffn;
  return Number(BigInt.asIntN(32, wide > max ? max : wide < -max ? -max - 1n : wide));
}

/** Seconds in the unit of a rate, by a prefix of its name in any case (`s`, `min`, `Hour`); 0 = no such unit. */
export function rateUnit(text: string): number {
  const word = text.toLowerCase();
  if (word === '') return 0;
  if ('second'.startsWith(word)) return 1;
  if ('minute'.startsWith(word)) return 60;
  if ('hour'.startsWith(word)) return 3600;
  return 'day'.startsWith(word) ? 86400 : 0;
}

const RATE_UNITS: readonly (readonly [string, number])[] = [
  ['day', 86400],
  ['hour', 3600],
  ['min', 60],
  ['sec', 1],
];

/** A rate as iptables prints it and the unit that it took. */
export interface RateText {
  text: string;
  /** Seconds of the unit. */
  unit: number;
}

/**
 * `5/min` for a period of `period` parts of which `scale` make a second: the smallest unit that gives a whole number,
 * or nearly so.
 */
export function rateText(period: number, scale: number): RateText {
  let at = 0;
  while (at + 1 < RATE_UNITS.length) {
    const parts = RATE_UNITS[at + 1]![1] * scale;
    if (period > parts || Math.floor(parts / period) < parts % period) break;
    at++;
  }
  const [name, unit] = RATE_UNITS[at]!;
  return { text: `${Math.floor((unit * scale) / period)}/${name}`, unit };
}

/** Whether the kernel takes a name for a file in /proc (lib: xt_check_proc_name). */
export function isProcName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}

/** An IPv4 address of one to four dotted numbers, missing ones zero, or an IPv6 address; false where it is neither. */
export function readNumericAddress(text: string, family: Family, out: Int32Array): boolean {
  if (family !== AF_INET) return parseAddress(text, out) === family;
  const scan: Scan = { value: -1, end: 0 };
  let word = 0;
  let at = 0;
  for (let i = 0; i < 4; i++) {
    scanUint(text, at, 255, scan);
    if (scan.value < 0) return false;
    word |= scan.value << (24 - 8 * i);
    at = scan.end + 1;
    if (scan.end === text.length) {
      out.fill(0);
      out[0] = word;
      return true;
    }
    if (text[scan.end] !== '.') return false;
  }
  return false;
}
