/**
 * Addresses as `-s`, `-d` and options of extensions take them and iptables-save prints them.
 */
import { ADDRESS_WORDS, formatAddress, parseAddress } from '../wire/address.js';
import { AF_INET } from '../wire/packet.js';
import type { Family } from './model.js';
import { readUint, type Scan, scanUint } from './values.js';

/**
 * Reads a host's address into four words: IPv4 in every form that inet_aton takes (`10.1` is 10.1.0.0 first, as iptables has it;
 * `300` is 0.0.1.44), IPv6 as inet_pton does, and `localhost`. False where the text is none of these: names are not looked up.
 */
export function readHost(text: string, family: Family, out: Int32Array): boolean {
  if (family !== AF_INET) {
    if (text === 'localhost') {
      out.fill(0);
      out[3] = 1;
      return true;
    }
    const zone = text.indexOf('%');
    return parseAddress(zone > 0 ? text.slice(0, zone) : text, out) === family;
  }
  out.fill(0);
  if (text === 'localhost') {
    out[0] = 0x7f000001;
    return true;
  }
  return readOctets(text, out) || readAton(text, out);
}

/** One to four numbers below 256 with dots between; those that lack are zero, on the right. */
function readOctets(text: string, out: Int32Array): boolean {
  const scan: Scan = { value: -1, end: -1 };
  let word = 0;
  let at = 0;
  for (let i = 0; i < 4; i++) {
    scanUint(text, at, 255, scan);
    if (scan.value < 0) return false;
    word |= scan.value << (24 - 8 * i);
    if (scan.end === text.length) {
      out[0] = word;
      return true;
    }
    if (text.charCodeAt(scan.end) !== 46) return false;
    at = scan.end + 1;
  }
  return false;
}

/** inet_aton(3): the last number fills all the octets that are left. */
export function readAton(text: string, out: Int32Array): boolean {
  const parts = text.split('.');
  // no blanks or signs, which numbers elsewhere may have
  if (parts.length > 4 || !/^[0-9a-fx.]+$/i.test(text)) return false;
  let word = 0;
  for (let i = 0; i < parts.length - 1; i++) {
    const octet = readUint(parts[i] as string, 0, 255);
    if (octet < 0) return false;
    word |= octet << (24 - 8 * i);
  }
  const rest = readUint(parts[parts.length - 1] as string, 0, 2 ** (8 * (5 - parts.length)) - 1);
  if (rest < 0) return false;
  out[0] = word | rest;
  return true;
}

/** Reads a mask: a prefix length or an address; false where it is neither. */
export function readMask(text: string, family: Family, out: Int32Array): boolean {
  out.fill(0);
  const bits = readUint(text, 0, family === AF_INET ? 32 : 128);
  if (bits >= 0) {
    fillMask(bits, out);
    return true;
  }
  if (family !== AF_INET) return parseAddress(text, out) === family;
  return text.split('.').length === 4 && readOctets(text, out);
}

/** Sets the first `bits` bits of four words and clears the rest. */
export function fillMask(bits: number, out: Int32Array): void {
  for (let i = 0; i < ADDRESS_WORDS; i++) {
    const n = bits - 32 * i;
    out[i] = n >= 32 ? -1 : n <= 0 ? 0 : -1 << (32 - n);
  }
}

/** Number of leading ones if nothing but zeros follows, else -1 (or the words hold more than the family has). */
export function prefixLength(mask: Int32Array, family: Family): number {
  const words = family === AF_INET ? 1 : ADDRESS_WORDS;
  let bits = 0;
  let ended = false;
  for (let i = 0; i < words; i++) {
    const word = mask[i] as number;
    const ones = Math.clz32(~word);
    if (ended ? word !== 0 : ones < 32 && word << ones !== 0) return -1;
    bits += ones;
    if (ones < 32) ended = true;
  }
  return bits;
}

/** `10.0.0.0/8`, `10.0.12.0/255.0.12.0`, `fe80::/10`: always with a mask, as iptables-save prints -s and -d. */
export function networkText(address: Int32Array, mask: Int32Array, family: Family): string {
  const bits = prefixLength(mask, family);
  return formatAddress(family, address) + '/' + (bits < 0 ? formatAddress(family, mask) : bits);
}

/** One address, without a mask. */
export function hostText(address: Int32Array, family: Family): string {
  return formatAddress(family, address);
}
