/** Addresses in the texts of connections: wire/address reads and prints them; here is what only conntrack's forms want. */
import { formatAddress, parseAddress as parseWords } from '../wire/address.js';

export { formatAddress, parseAddress as parseInto } from '../wire/address.js';

/** An address's words (as Packet.tuple has them), or null where the text is no address. */
export function parseAddress(text: string): { family: 2 | 10; words: Int32Array } | null {
  const words = new Int32Array(4);
  const family = parseWords(text, words);
  return family === 0 ? null : { family: family === 2 ? 2 : 10, words };
}

/** IPv6 with all digits of all groups, as /proc/net/nf_conntrack and the kernel's %pI6 print it. */
export function formatIpv6Full(words: Int32Array, at = 0): string {
  const groups: string[] = [];
  for (let i = 0; i < 4; i++) {
    const hex = (words[at + i]! >>> 0).toString(16).padStart(8, '0');
    groups.push(hex.slice(0, 4), hex.slice(4));
  }
  return groups.join(':');
}

/** The text that `formatAddress` gives for the same address; null where `text` is no address. */
export function canonicalAddress(text: string): string | null {
  const parsed = parseAddress(text);
  return parsed === null ? null : formatAddress(parsed.family, parsed.words);
}

/** Words with the first `length` of `bits` bits set; IPv4's 32 are in the first word, and the others are 0. */
export function prefixMask(length: number, bits: number): Int32Array {
  return Int32Array.from([0, 1, 2, 3], (i) => {
    const left = Math.min(32, length - 32 * i);
    return 32 * i >= bits || left <= 0 ? 0 : -1 << (32 - left);
  });
}
