/**
 * Addresses as text. Words are big-endian 32-bit values: one for IPv4, four for IPv6, as packets' tuples have them.
 */

/** An address's words, or null where the text is no address. IPv4 fills the first word, the others are 0. */
export function parseAddress(text: string): { family: 2 | 10; words: Int32Array } | null {
  const words = new Int32Array(4);
  if (!text.includes(':')) {
    const v4 = parseIpv4(text);
    if (v4 === null) return null;
    words[0] = v4;
    return { family: 2, words };
  }
  const groups = parseIpv6(text);
  if (groups === null) return null;
  for (let i = 0; i < 4; i++) words[i] = (groups[2 * i] << 16) | groups[2 * i + 1];
  return { family: 10, words };
}

/** Four decimal octets without leading zeros (as inet_pton takes them), or null. */
function parseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let word = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    word = (word << 8) | Number(part);
  }
  return word;
}

/** Eight 16-bit groups, or null; a dotted quad may stand in the place of the last two (RFC 4291 section 2.2). */
function parseIpv6(text: string): number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === null || tail === null) return null;
  if (halves.length === 1) return head.length === 8 ? head : null;
  const gap = 8 - head.length - tail.length;
  if (gap < 1) return null;
  return [...head, ...new Array<number>(gap).fill(0), ...tail];
}

function parseGroups(text: string, last: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (let i = 0; i < parts.length; i++) {
    if (last && i === parts.length - 1 && parts[i].includes('.')) {
      const v4 = parseIpv4(parts[i]);
      if (v4 === null) return null;
      groups.push(v4 >>> 16, v4 & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(parts[i])) return null;
      groups.push(Number.parseInt(parts[i], 16));
    }
  }
  return groups.length > 8 ? null : groups;
}

/** Dotted quad of a word. */
export function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/**
 * An address's text from `words[at]` on. IPv6 as inet_ntop of the C library prints it: the longest run of two and more
 * zero groups shortened (RFC 5952), an embedded IPv4 address as a dotted quad.
 */
export function formatAddress(family: number, words: Int32Array, at = 0): string {
  if (family !== 10) return formatIpv4(words[at]);
  const groups: number[] = [];
  for (let i = 0; i < 4; i++) groups.push(words[at + i] >>> 16, words[at + i] & 0xffff);
  let best = -1;
  let bestLen = 1;
  for (let i = 0; i < 8; i++) {
    let len = 0;
    while (i + len < 8 && groups[i + len] === 0) len++;
    if (len > bestLen) {
      best = i;
      bestLen = len;
    }
    i += len;
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((g) => g.toString(16))
      .join(':');
  if (best === 0 && bestLen === 6) return `::${formatIpv4(words[at + 3])}`;
  if (best === 0 && bestLen === 5 && groups[5] === 0xffff) return `::ffff:${formatIpv4(words[at + 3])}`;
  if (best < 0) return hex(0, 8);
  return `${hex(0, best)}::${hex(best + bestLen, 8)}`;
}

/** IPv6 with all digits of all groups, as /proc/net/nf_conntrack prints it. */
export function formatIpv6Full(words: Int32Array, at = 0): string {
  const groups: string[] = [];
  for (let i = 0; i < 4; i++) {
    const hex = (words[at + i] >>> 0).toString(16).padStart(8, '0');
    groups.push(hex.slice(0, 4), hex.slice(4));
  }
  return groups.join(':');
}

/** The text that `formatAddress` gives for the same address; null where `text` is no address. */
export function canonicalAddress(text: string): string | null {
  const parsed = parseAddress(text);
  return parsed === null ? null : formatAddress(parsed.family, parsed.words);
}
