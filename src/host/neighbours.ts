/**
 * Who sits behind which MAC address: the host's neighbour (ARP, ND) table, filled from the configuration only.
 */
import { ADDRESS_WORDS } from '../wire/address.js';
import { AF_INET } from '../wire/packet.js';

/** `resolve`: nobody listed any neighbour on that interface; a frame is sent to an unknown MAC (all zero). */
export const NEIGHBOUR_UNKNOWN = -1;
/** `resolve`: neighbours are listed on that interface, and this address is not among them: nothing is sent. */
export const NEIGHBOUR_MISSING = -2;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** Bytes that writeEthernet writes. */
export const ETHERNET_LEN = 14;

export class NeighbourTable {
  #count = 0;
  #words = new Int32Array(ADDRESS_WORDS * 16);
  /** Interface of each entry. */
  #devs = new Int32Array(16);
  #macs = new Uint8Array(6 * 16);
  #listed = new Uint8Array(64);

  /** Adds an entry (cold); a second one for the same address and interface replaces the first. */
  set(family: number, words: Int32Array, dev: number, mac: Uint8Array): void {
    let at = this.resolve(family, words, 0, dev);
    if (at < 0) {
      at = this.#count++;
      if (at === this.#devs.length) this.#grow();
      this.#words.set(words.subarray(0, ADDRESS_WORDS), at * ADDRESS_WORDS);
      this.#devs[at] = dev;
    }
    this.#macs.set(mac, at * 6);
    if (dev >= this.#listed.length) {
      const listed = new Uint8Array(dev * 2);
      listed.set(this.#listed);
      this.#listed = listed;
    }
    this.#listed[dev] = 1;
  }

  /** The entry of an address on an interface, or NEIGHBOUR_UNKNOWN, NEIGHBOUR_MISSING. */
  resolve(_family: number, words: Int32Array, at: number, dev: number): number {
    const own = this.#words;
    for (let i = 0, w = 0; i < this.#count; i++, w += ADDRESS_WORDS) {
      if (
        own[w] === words[at] &&
        this.#devs[i] === dev &&
        own[w + 1] === words[at + 1] &&
        own[w + 2] === words[at + 2] &&
        own[w + 3] === words[at + 3]
      ) {
        return i;
      }
    }
    return this.#listed[dev] === 1 ? NEIGHBOUR_MISSING : NEIGHBOUR_UNKNOWN;
  }

  /**
   * Writes an Ethernet header at `out[off..off+13]`. `entry` as from `resolve`; a negative one writes the group address of
   * a multicast next hop (RFC 1112 section 6.4, RFC 2464 section 7), else broadcast for `broadcast`, else zero.
   */
  writeEthernet(
    out: Uint8Array,
    off: number,
    source: Uint8Array,
    entry: number,
    family: number,
    words: Int32Array,
    at: number,
    broadcast: boolean,
  ): void {
    const word = words[at] as number;
    for (let i = 0; i < 6; i++) {
      out[off + i] = entry >= 0 ? (this.#macs[entry * 6 + i] as number) : broadcast ? 255 : 0;
      out[off + 6 + i] = source[i] as number;
    }
    if (entry < 0 && family === AF_INET && word >>> 28 === 14) {
      out[off] = 1;
      out[off + 1] = 0;
      out[off + 2] = 0x5e;
      out[off + 3] = (word >>> 16) & 0x7f;
      out[off + 4] = (word >>> 8) & 255;
      out[off + 5] = word & 255;
    } else if (entry < 0 && family !== AF_INET && word >>> 24 === 255) {
      const low = words[at + 3] as number;
      out[off] = 0x33;
      out[off + 1] = 0x33;
      for (let i = 0; i < 4; i++) out[off + 2 + i] = (low >>> (24 - 8 * i)) & 255;
    }
    const type = family === AF_INET ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    out[off + 12] = type >> 8;
    out[off + 13] = type & 255;
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    const devs = new Int32Array(this.#devs.length * 2);
    devs.set(this.#devs);
    this.#devs = devs;
    const macs = new Uint8Array(this.#macs.length * 2);
    macs.set(this.#macs);
    this.#macs = macs;
  }
}
