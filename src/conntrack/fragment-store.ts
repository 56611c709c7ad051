/**
 * Where fragments wait: blocks of bytes and one record a fragment, from fixed pools.
 *
 *   fragment f, base of 9 words:  offset | end | prefix length | captured length | first block | next in its run |
 *                                 next run (head of a run only) | run's last fragment (head of a run only) | link-layer length
 *
 * The bytes of a fragment (from its Ethernet header, if any, to its last byte) lie in a chain of 512-byte blocks. Memory is
 * charged as the kernel charges it (skb truesize), so that the pools cannot run out before the limit is met.
 */
export const F_OFFSET = 0;
export const F_END = 1;
/** Bytes before the fragment's payload: link-layer and IP headers. */
export const F_PREFIX = 2;
export const F_BYTES = 3;
export const F_BLOCK = 4;
export const F_NEXT = 5;
export const F_NEXT_RUN = 6;
export const F_LAST = 7;
/** Bytes of link-layer header at the beginning of the prefix. */
export const F_MAC = 8;
const FRAGMENT_WORDS = 9;

const BLOCK_SHIFT = 9;
const BLOCK_BYTES = 1 << BLOCK_SHIFT;
/** struct sk_buff and struct skb_shared_info, aligned. */
const SKB_OVERHEAD = 576;
const MIN_SKB = 768;
/** No pointer. */
export const NONE = -1;

/** What a received packet of `bytes` bytes is charged: about the kernel's skb->truesize, never less than its blocks. */
export function truesize(bytes: number): number {
  let room = BLOCK_BYTES;
  while (room < bytes + 64) room *= 2;
  return Math.max(MIN_SKB, room + SKB_OVERHEAD - 320);
}

export class FragmentStore {
  readonly words: Int32Array;
  readonly #bytes: Uint8Array;
  /** Next block of the chain, or of the free list. */
  readonly #nextBlock: Int32Array;
  #freeBlock = 0;
  #freeFragment = 0;

  /** Room for what `limitBytes` of truesize can hold, and one packet more. */
  constructor(limitBytes: number) {
    const blocks = Math.ceil((limitBytes + 2 * 131072) / BLOCK_BYTES);
    const fragments = Math.ceil(limitBytes / MIN_SKB) + 2;
    this.#bytes = new Uint8Array(blocks * BLOCK_BYTES);
    this.#nextBlock = new Int32Array(blocks);
    this.words = new Int32Array(fragments * FRAGMENT_WORDS);
    for (let i = 0; i < blocks; i++) this.#nextBlock[i] = i + 1 < blocks ? i + 1 : NONE;
    for (let i = 0; i < fragments; i++) {
      this.words[i * FRAGMENT_WORDS + F_NEXT] = i + 1 < fragments ? (i + 1) * FRAGMENT_WORDS : NONE;
    }
  }

  /** Copies `bytes[from, to)` into a new fragment and returns its base in `words`; NONE where the pools are empty. */
  take(bytes: Uint8Array, from: number, to: number): number {
    const f = this.#freeFragment;
    if (f === NONE) return NONE;
    const words = this.words;
    this.#freeFragment = words[f + F_NEXT]!;
    words[f + F_NEXT] = NONE;
    words[f + F_NEXT_RUN] = NONE;
    words[f + F_LAST] = f;
    words[f + F_BYTES] = to - from;
    words[f + F_BLOCK] = NONE;
    let previous = NONE;
    for (let at = from; at < to; at += BLOCK_BYTES) {
      const block = this.#freeBlock;
      if (block === NONE) {
        this.release(f);
        return NONE;
      }
      this.#freeBlock = this.#nextBlock[block]!;
      this.#nextBlock[block] = NONE;
      if (previous === NONE) words[f + F_BLOCK] = block;
      else this.#nextBlock[previous] = block;
      previous = block;
      const stop = Math.min(at + BLOCK_BYTES, to);
      const base = (block << BLOCK_SHIFT) - at;
      for (let i = at; i < stop; i++) this.#bytes[base + i] = bytes[i]!;
    }
    return f;
  }

  /** Copies the fragment's bytes `[from, to)` to `out[at..]`; bytes that were not captured are left as they are. */
  copy(f: number, from: number, to: number, out: Uint8Array, at: number): void {
    const stop = Math.min(to, this.words[f + F_BYTES]!);
    let block = this.words[f + F_BLOCK]!;
    for (let base = 0; base < stop; base += BLOCK_BYTES) {
      const last = Math.min(stop, base + BLOCK_BYTES);
      const shift = (block << BLOCK_SHIFT) - base;
      for (let i = Math.max(from, base); i < last; i++) out[at + i - from] = this.#bytes[shift + i]!;
      block = this.#nextBlock[block]!;
    }
  }

  /** Gives one fragment back. */
  release(f: number): void {
    let block = this.words[f + F_BLOCK]!;
    while (block !== NONE) {
      const next = this.#nextBlock[block]!;
      this.#nextBlock[block] = this.#freeBlock;
      this.#freeBlock = block;
      block = next;
    }
    this.words[f + F_BLOCK] = NONE;
    this.words[f + F_NEXT] = this.#freeFragment;
    this.#freeFragment = f;
  }
}
