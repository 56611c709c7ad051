/** Addresses of a command line, as inet_aton(3) and inet_pton(3) read them. */
import { formatAddress, parseAddress } from '../../flow/address.js';
import { readLong } from './number.js';

/** An address in its short form. */
export interface Address {
  family: 2 | 10;
  text: string;
}

/** IPv4 as inet_aton reads it (one to four numbers of any base, what follows a blank does not count), else IPv6; null: neither. */
export function readAddress(text: string): Address | null {
  const word = readIpv4(text);
  if (word !== null) {
    const bytes = [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];
    return { family: 2, text: bytes.join('.') };
  }
  const parsed = text.includes(':') ? parseAddress(text) : null;
  return parsed === null ? null : { family: parsed.family, text: formatAddress(parsed.family, parsed.words) };
}

function readIpv4(text: string): number | null {
  const parts = text.replace(/[ \t-\r].*$/s, '').split('.');
  if (parts.length > 4) return null;
  let word = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    // a sign or a blank in front is no number here
    if (!/^\d/.test(part) || readLong(part, 0).length !== part.length) return null;
    const value = readLong(part, 0).value;
    const isLast = i === parts.length - 1;
    const bits = isLast ? 32 - 8 * i : 8;
    if (value >= 1n << BigInt(bits)) return null;
    word = isLast ? word + Number(value) : word + Number(value) * 2 ** (24 - 8 * i);
  }
  return word;
}

/** The mask of a prefix length, as an address; null where it is none. */
export function maskOfPrefix(text: string, family: 2 | 10): string | null {
  const { value, length } = readLong(text, 10);
  const bits = family === 2 ? 32 : 128;
  if (length !== text.length || value > BigInt(bits)) return null;
  const words = new Int32Array(4);
  for (let i = 0; i < 4; i++) {
    const left = Math.min(Math.max(Number(value) - 32 * i, 0), 32);
    words[i] = left === 0 ? 0 : -1 << (32 - left);
  }
  return formatAddress(family, words);
}

/** An address and the port behind it; IPv6 with a port stands in brackets. A text: what is wrong. */
export function splitPort(text: string): { address: string; port: number | null } | string {
  let address = text;
  let portText: string | null = null;
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    if (close < 0) return "No closing ']' around IPv6 address";
    if (close === 1) return 'No IPv6 address specified';
    if (text[close + 1] !== ':') return { address: text, port: null };
    address = text.slice(1, close);
    portText = text.slice(close + 2);
  } else if (text.split(':').length === 2) {
    const colon = text.indexOf(':');
    address = text.slice(0, colon);
    portText = text.slice(colon + 1);
  }
  if (portText === null) return { address, port: null };
  if (portText === '') return "No port specified after `:'";
  const { value, length } = readLong(portText, 10);
  if (length !== portText.length || value > 0xffffn) return `Invalid port \`${portText}'`;
  return { address, port: Number(value) };
}
