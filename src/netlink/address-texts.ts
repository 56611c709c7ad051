/**
 * Texts of addresses, made once for each address that is around: a table has few addresses and many connections, and in a
 * connection without NAT the reply's addresses are the original's.
 *
 * A direct-mapped cache: `SLOTS` texts with the words they stand for; a text that is not there is made and takes the slot.
 */
import { formatAddress } from '../flow/address.js';
import { be32, type MessageBuffer } from './message.js';

const SLOTS = 4096;
const V4 = 2;
const V6 = 10;

/** Makes texts of addresses in network order. */
export class AddressTexts {
  private readonly keys4 = new Int32Array(SLOTS);
  private readonly texts4: string[] = new Array<string>(SLOTS).fill('');
  private readonly keys6 = new Int32Array(4 * SLOTS);
  private readonly texts6: string[] = new Array<string>(SLOTS).fill('');
  private readonly words = new Int32Array(4);
  /** `a.b.` and `c.d` of the two halves of an address. */
  private readonly heads: string[] = new Array<string>(0x10000).fill('');
  private readonly tails: string[] = new Array<string>(0x10000).fill('');

  /** The dotted quad of the four bytes at a multiple of 4. */
  v4(buffer: MessageBuffer, at: number): string {
    const word = be32(buffer, at);
    const slot = (Math.imul(word, 0x9e3779b1) >>> 20) & (SLOTS - 1);
    if (this.keys4[slot] === word && this.texts4[slot] !== '') return this.texts4[slot];
    const text = this.head(word >>> 16) + this.tail(word & 0xffff);
    this.keys4[slot] = word;
    this.texts4[slot] = text;
    return text;
  }

  /** The short form of the 16 bytes at a multiple of 4. */
  v6(buffer: MessageBuffer, at: number): string {
    const { words, keys6 } = this;
    let hash = 0;
    for (let i = 0; i < 4; i++) {
      words[i] = be32(buffer, at + 4 * i);
      hash = Math.imul(hash ^ words[i], 0x9e3779b1) ^ (hash >>> 15);
    }
    const slot = (hash >>> 20) & (SLOTS - 1);
    const key = 4 * slot;
    if (
      keys6[key] === words[0] &&
      keys6[key + 1] === words[1] &&
      keys6[key + 2] === words[2] &&
      keys6[key + 3] === words[3] &&
      this.texts6[slot] !== ''
    )
      return this.texts6[slot];
    const text = formatAddress(V6, words);
    keys6.set(words, key);
    this.texts6[slot] = text;
    return text;
  }

  private head(half: number): string {
    if (this.heads[half] === '') this.heads[half] = `${half >>> 8}.${half & 255}.`;
    return this.heads[half];
  }

  private tail(half: number): string {
    if (this.tails[half] === '') this.tails[half] = `${half >>> 8}.${half & 255}`;
    return this.tails[half];
  }
}

/** The address of a family that has no bytes in a message. */
export function noAddress(family: number): string {
  return family === V4 ? '0.0.0.0' : '::';
}
