/**
 * Where the parts of an element stand in its key. A key is the element's parts one after another, then what is not hashed:
 *
 *   ip, net   1 word (inet) or 4 (inet6), in network order, host bits cleared
 *   port      protocol << 16 | port; bitmap:port the port alone
 *   mac       2 words: two bytes, four bytes. bitmap:ip,mac does not hash them, because one address has one MAC there
 *   mark      1 word
 *   lengths   1 word where there are prefixes: length of the first net | length of the second << 8
 *   iface     1 word, not hashed: number of the name << 1 | physdev
 */
import { ADDRESS_WORDS } from '../../wire/address.js';
import { AF_INET6 } from '../../wire/packet.js';
import type { SetOptions } from './ip-set.js';
import type { Part, SetKind } from './kinds.js';
import { prefixWord } from './prefix-lengths.js';

/** See the head of this file. */
export class KeyLayout {
  readonly parts: readonly Part[];
  /** First word of each part. */
  readonly offsets: readonly number[];
  /** Words of an address. */
  readonly addressWords: number;
  /** Bits of an address. */
  readonly addressBits: number;
  /** -1: no part has a prefix. */
  readonly lengthsOff: number;
  readonly nets: number;
  /** The word of each net's address, in order. */
  readonly netOffs: readonly number[];
  readonly keyWords: number;
  readonly hashWords: number;
  /** `netmask` or `bitmask` of create: bits of `ip` parts that count; null = all. */
  readonly mask: Int32Array | null;

  constructor(
    readonly kind: SetKind,
    readonly options: SetOptions,
  ) {
    this.parts = kind.parts;
    this.addressWords = options.family === AF_INET6 ? ADDRESS_WORDS : 1;
    this.addressBits = this.addressWords * 32;
    const offsets: number[] = [];
    const netOffs: number[] = [];
    let at = 0;
    let hashed = 0;
    for (const part of kind.parts) {
      if (part === 'iface') continue;
      if (part === 'net') netOffs.push(at);
      offsets.push(at);
      at += part === 'ip' || part === 'net' ? this.addressWords : part === 'mac' ? 2 : 1;
      if (kind.storage !== 'bitmap' || part !== 'mac') hashed = at;
    }
    this.nets = netOffs.length;
    this.netOffs = netOffs;
    this.lengthsOff = this.nets === 0 ? -1 : at;
    if (this.nets > 0) hashed = ++at;
    if (kind.parts.includes('iface')) offsets.push(at++);
    this.offsets = offsets;
    this.keyWords = at;
    this.hashWords = hashed;
    this.mask = maskOf(options, this.addressWords);
  }

  /** Clears what `mask` does not keep of the address at `off`. */
  applyMask(key: Int32Array, off: number): void {
    const { mask } = this;
    if (mask === null) return;
    for (let i = 0; i < this.addressWords; i++) key[off + i]! &= mask[i]!;
  }

  /** Clears the host bits of the address at `off`. */
  applyLength(key: Int32Array, off: number, length: number): void {
    for (let i = 0; i < this.addressWords; i++) key[off + i]! &= prefixWord(length, i);
  }

  /** Whether the address at `off` is 0.0.0.0 or ::. */
  isZero(key: Int32Array, off: number): boolean {
    for (let i = 0; i < this.addressWords; i++) if (key[off + i] !== 0) return false;
    return true;
  }
}

function maskOf(options: SetOptions, words: number): Int32Array | null {
  if (options.bitmask !== null) return options.bitmask;
  if (options.netmask === 0) return null;
  return Int32Array.from({ length: words }, (_, i) => prefixWord(options.netmask, i));
}
