/**
 * Texts of addresses. In a connection without NAT the reply's addresses are the original's: the last two texts are kept, which is half
 * of the work. IPv6 texts take longer to make, so that some thousands of them are kept, each in the slot that its words hash to.
 *
 * Tables of parts of IPv4 texts were tried: they are larger than the cache between two receives, and made a listing slower.
 */
import { formatAddress } from '../flow/address.js';
import { be32, type MessageBuffer } from './message.js';

const SLOTS = 4096;
const V4 = 2;
const V6 = 10;

/** Makes texts of addresses in network order. */
export class AddressTexts {
  private lastWord = 0;
  private lastText = '0.0.0.0';
  private secondWord = 0;
  private secondText = '0.0.0.0';
  private readonly keys6 = new Int32Array(4 * SLOTS);
  private readonly texts6: string[] = new Array<string>(SLOTS).fill('');
  private readonly words = new Int32Array(4);

  /** The dotted quad of the four bytes at a multiple of 4. */
  v4(buffer: MessageBuffer, at: number): string {
    const word = be32(buffer, at);
    if (word === this.lastWord) return this.lastText;
    if (word === this.secondWord) return this.secondText;
    const { bytes } = buffer;
    const text = `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
    this.secondWord = this.lastWord;
    this.secondText = this.lastText;
    this.lastWord = word;
    this.lastText = text;
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
    const slot = hash >>> 20;
    const key = 4 * slot;
    const isKept =
      keys6[key] === words[0] &&
      keys6[key + 1] === words[1] &&
      keys6[key + 2] === words[2] &&
      keys6[key + 3] === words[3];
    if (isKept && this.texts6[slot] !== '') return this.texts6[slot];
    const text = formatAddress(V6, words);
    keys6.set(words, key);
    this.texts6[slot] = text;
    return text;
  }
}

/** The address of a family that has no bytes in a message. */
export function noAddress(family: number): string {
  return family === V4 ? '0.0.0.0' : '::';
}
