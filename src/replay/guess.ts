/**
 * Whose capture is it? The address that takes part in most conversations, found in a first pass, for replays that have
 * neither --host nor --local.
 */
import { formatAddress } from '../flow/address.js';
import { networkOffset } from './describe.js';
import type { FrameSource } from './frames.js';

/** Conversations looked at; a capture with more has told its owner long before. */
const MAX_CONVERSATIONS = 200_000;
const SEEN_SLOTS = 1 << 20;

/** The address, and how many of the conversations it takes part in; null: no IP packet. */
export interface Guess {
  address: string;
  conversations: number;
  of: number;
}

/** Reads captures (and leaves them at their end). A conversation is two addresses, two ports and a protocol. */
export async function guessLocalAddress(sources: readonly FrameSource[]): Promise<Guess | null> {
  const counts = new Map<string, number>();
  // Conversations by a hash of their two ends: a clash hides one, which does not matter to a majority.
  const seen = new Int32Array(SEEN_SLOTS);
  let conversations = 0;
  for (const source of sources) {
    for (let batch = await source.read(); batch !== null; batch = await source.read()) {
      for (let i = 0; i < batch.count && conversations < MAX_CONVERSATIONS; i++) {
        const linkType = source.interfaces[batch.interfaceId[i]].linkType;
        const at = networkOffset(batch.bytes, batch.start[i], batch.end[i], linkType);
        if (at < 0) continue;
        const hash = conversationHash(batch.bytes, at, batch.end[i]);
        const slot = hash & (SEEN_SLOTS - 1);
        if (seen[slot] === hash) continue;
        seen[slot] = hash;
        conversations++;
        for (const end of ends(batch.bytes, at)) counts.set(end, (counts.get(end) ?? 0) + 1);
      }
      if (conversations >= MAX_CONVERSATIONS) break;
    }
  }
  let best: Guess | null = null;
  for (const [address, n] of counts) {
    if (isNobody(address)) continue;
    if (best === null || n > best.conversations) best = { address, conversations: n, of: conversations };
  }
  return best;
}

/** The same for both directions; never 0. */
function conversationHash(bytes: Uint8Array, at: number, end: number): number {
  const v4 = bytes[at] >> 4 === 4;
  const from = at + (v4 ? 12 : 8);
  const len = v4 ? 4 : 16;
  const protocol = bytes[at + (v4 ? 9 : 6)];
  const l4 = v4 ? at + (bytes[at] & 15) * 4 : at + 40;
  const ports = (protocol === 6 || protocol === 17 || protocol === 132) && l4 + 4 <= end;
  let a = protocol;
  let b = protocol;
  for (let k = 0; k < len; k++) {
    a = (Math.imul(a, 31) + bytes[from + k]) | 0;
    b = (Math.imul(b, 31) + bytes[from + len + k]) | 0;
  }
  if (ports) {
    a = Math.imul(a ^ ((bytes[l4] << 8) | bytes[l4 + 1]), 0x9e3779b1);
    b = Math.imul(b ^ ((bytes[l4 + 2] << 8) | bytes[l4 + 3]), 0x9e3779b1);
  }
  return (Math.imul(a ^ (a >>> 15), 0x85ebca6b) + Math.imul(b ^ (b >>> 15), 0x85ebca6b)) | 1;
}

function ends(bytes: Uint8Array, at: number): [string, string] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const v4 = bytes[at] >> 4 === 4;
  const read = (off: number): string => {
    const words = new Int32Array(4);
    for (let k = 0; k < (v4 ? 1 : 4); k++) words[k] = view.getInt32(off + 4 * k);
    return formatAddress(v4 ? 2 : 10, words);
  };
  return v4 ? [read(12), read(16)] : [read(8), read(24)];
}

/** Addresses that no host has: multicast, broadcast, unspecified. */
function isNobody(address: string): boolean {
  if (address.includes(':')) return address.startsWith('ff') || address === '::';
  const first = Number(address.split('.', 1)[0]);
  return first >= 224 || first === 0;
}
