/**
 * How many IPv4 fragments each source has sent, for sources that have a queue: what ip_frag_too_far compares.
 *
 * Two fragments of one packet with more than ipfrag_max_dist other fragments of the same source between them are likely of
 * different packets: the 16-bit identification has come round.
 */
const PEERS = 4096;
const BUCKETS = 256;
const NONE = -1;

export class FragmentPeers {
  readonly #source = new Int32Array(PEERS);
  readonly #count = new Int32Array(PEERS);
  readonly #users = new Int32Array(PEERS);
  readonly #next = new Int32Array(PEERS);
  readonly #buckets = new Int32Array(BUCKETS).fill(NONE);
  #free = 0;

  constructor() {
    for (let i = 0; i < PEERS; i++) this.#next[i] = i + 1 < PEERS ? i + 1 : NONE;
  }

  /** The peer of a source address, one user more; -1 where there is no room: its distances are not counted. */
  take(source: number): number {
    const bucket = bucketOf(source);
    for (let i = this.#buckets[bucket]!; i !== NONE; i = this.#next[i]!) {
      if (this.#source[i] !== source) continue;
      this.#users[i] = this.#users[i]! + 1;
      return i;
    }
    const i = this.#free;
    if (i === NONE) return NONE;
    this.#free = this.#next[i]!;
    this.#source[i] = source;
    this.#count[i] = 0;
    this.#users[i] = 1;
    this.#next[i] = this.#buckets[bucket]!;
    this.#buckets[bucket] = i;
    return i;
  }

  /** Counts one fragment more and returns the count. */
  count(peer: number): number {
    const n = (this.#count[peer]! + 1) | 0;
    this.#count[peer] = n;
    return n;
  }

  /** One user less; the last one frees the peer. */
  release(peer: number): void {
    const users = this.#users[peer]! - 1;
    this.#users[peer] = users;
    if (users > 0) return;
    const bucket = bucketOf(this.#source[peer]!);
    if (this.#buckets[bucket] === peer) {
      this.#buckets[bucket] = this.#next[peer]!;
    } else {
      let previous = this.#buckets[bucket]!;
      while (this.#next[previous] !== peer) previous = this.#next[previous]!;
      this.#next[previous] = this.#next[peer]!;
    }
    this.#next[peer] = this.#free;
    this.#free = peer;
  }
}

function bucketOf(source: number): number {
  return (Math.imul(source, 0x9e3779b1) >>> 24) & (BUCKETS - 1);
}
