/** Which addresses are the host's own, as the replay asks it of every packet whose capture names no direction. */
import { parseAddress } from '../flow/address.js';
import type { HostConfig } from '../host/config.js';

/** The host's own addresses, compared word by word: hosts have few, and captures many packets. */
export class LocalAddresses {
  private readonly v4: Int32Array;
  /** Four words an address. */
  private readonly v6: Int32Array;

  constructor(config: HostConfig) {
    const v4: number[] = [];
    const v6: number[] = [0, 0, 0, 1];
    for (const i of config.interfaces ?? []) {
      for (const text of i.addresses ?? []) {
        const a = parseAddress(text.split('/')[0]);
        if (a?.family === 2) v4.push(a.words[0]);
        if (a?.family === 10) v6.push(...a.words);
      }
    }
    this.v4 = Int32Array.from(v4);
    this.v6 = Int32Array.from(v6);
  }

  /** Whether one of them stands at `at` (4 or 16 bytes). */
  has(bytes: Uint8Array, at: number, family: 2 | 10): boolean {
    const first = word(bytes, at);
    if (family === 2) {
      if (first >>> 24 === 127) return true;
      for (let k = 0; k < this.v4.length; k++) if (this.v4[k] === first) return true;
      return false;
    }
    const v6 = this.v6;
    for (let k = 0; k < v6.length; k += 4) {
      if (v6[k] !== first || v6[k + 3] !== word(bytes, at + 12)) continue;
      if (v6[k + 1] === word(bytes, at + 4) && v6[k + 2] === word(bytes, at + 8)) return true;
    }
    return false;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
