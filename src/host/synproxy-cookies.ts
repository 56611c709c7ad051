/**
 * The cookies of -j SYNPROXY (net/ipv4/syncookies.c, net/ipv6/syncookies.c; RFC 4987 section 3.6): the sequence number of a SYN/ACK says
 * under a secret which connection it is for, in which minute it was made, and which maximum segment size the client has.
 *
 *   cookie = hash(connection) + the client's number + (minute << 24) + ((hash(connection, minute) + index of the size) & 0xffffff)
 *
 * Nothing is kept: the ACK brings the cookie back. In a capture of another host the cookies are of that host's secret. For those
 * the SYNs that were answered can be remembered instead, and an ACK that follows its SYN is taken as right (`remember`, `recall`).
 */
import { hashAddress, hashThree, hashWord } from '../wire/jhash.js';
import { AF_INET, type Packet, T_DST, T_PORTS, T_PROTO, T_SRC, TUPLE_WORDS } from '../wire/packet.js';

/** Maximum segment sizes that a cookie can tell: the largest that is not more than the client's (msstab). */
const SIZES4 = Int32Array.of(536, 1300, 1440, 1460);
const SIZES6 = Int32Array.of(1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60);
/** A cookie is good in its own minute and in the next one (MAX_SYNCOOKIE_AGE). */
const MINUTE_MS = 60_000;
const AGE_MINUTES = 2;
const MINUTE_SHIFT = 24;
const INDEX_MASK = 0xffffff;

/** A remembered SYN: its tuple, its sequence number, the index of its size, the minute; whether its cookie is known, and the cookie. */
const SEEN_NUMBER = TUPLE_WORDS;
const SEEN_INDEX = TUPLE_WORDS + 1;
const SEEN_MINUTE = TUPLE_WORDS + 2;
const SEEN_KNOWN = TUPLE_WORDS + 3;
const SEEN_COOKIE = TUPLE_WORDS + 4;
const SEEN_WORDS = TUPLE_WORDS + 5;
/** SYNs that are remembered at most; where two meet, the younger stays. */
const SEEN_ROWS = 4096;

/** Cookies under the secret of one host; see the head of this file. */
export class SynproxyCookies {
  private readonly keys = new Int32Array(4);
  /** null until `keepSyns`. */
  private seen: Int32Array | null = null;

  /** @param seed the host's */
  constructor(seed: number) {
    for (let i = 0; i < this.keys.length; i++) this.keys[i] = hashWord(i, seed | 0);
  }

  /** The sequence number of the SYN/ACK that answers a SYN; `mss`: what the client asks for, 0 = nothing. */
  make(p: Packet, mss: number, nowMs: number): number {
    const minute = Math.floor(nowMs / MINUTE_MS) | 0;
    const data = (this.hash(p, minute, 2) + sizeIndex(p.family, mss)) & INDEX_MASK;
    return (this.hash(p, 0, 0) + p.seq + (minute << MINUTE_SHIFT) + data) | 0;
  }

  /** The size that the cookie of a client's ACK tells, in bytes; 0: it is none of this host's, or too old. */
  check(p: Packet, nowMs: number): number {
    const minute = Math.floor(nowMs / MINUTE_MS) | 0;
    const rest = (p.ack - 1 - this.hash(p, 0, 0) - (p.seq - 1)) | 0;
    const age = (minute - (rest >>> MINUTE_SHIFT)) & 0xff;
    if (age >= AGE_MINUTES) return 0;
    return sizeAt(p.family, (rest - this.hash(p, (minute - age) | 0, 2)) & INDEX_MASK);
  }

  /** From now on SYNs are remembered. */
  keepSyns(): void {
    this.seen ??= new Int32Array(SEEN_ROWS * SEEN_WORDS);
  }

  /** A SYN was answered. */
  remember(p: Packet, mss: number, nowMs: number): void {
    const { seen } = this;
    if (seen === null) return;
    const at = this.row(p);
    for (let i = 0; i < TUPLE_WORDS; i++) seen[at + i] = p.tuple[i]!;
    seen[at + SEEN_NUMBER] = p.seq;
    seen[at + SEEN_INDEX] = sizeIndex(p.family, mss);
    seen[at + SEEN_MINUTE] = Math.floor(nowMs / MINUTE_MS) | 0;
    seen[at + SEEN_KNOWN] = 0;
  }

  /**
   * As `check`, for an ACK whose cookie another host made: the first one after a SYN that was answered less than two minutes ago is
   * right, and shows the cookie. Numbers that are off change the size as they would under a secret.
   */
  recall(p: Packet, nowMs: number): number {
    const { seen } = this;
    if (seen === null) return 0;
    const at = this.row(p);
    for (let i = 0; i < TUPLE_WORDS; i++) if (seen[at + i] !== p.tuple[i]) return 0;
    if (((Math.floor(nowMs / MINUTE_MS) | 0) - seen[at + SEEN_MINUTE]!) >>> 0 >= AGE_MINUTES) return 0;
    const cookie = seen[at + SEEN_KNOWN] === 0 ? (p.ack - 1) | 0 : seen[at + SEEN_COOKIE]!;
    const off = p.ack - 1 - cookie - (p.seq - 1 - seen[at + SEEN_NUMBER]!);
    const size = sizeAt(p.family, (seen[at + SEEN_INDEX]! + off) & INDEX_MASK);
    if (size === 0) return 0;
    seen[at + SEEN_KNOWN] = 1;
    seen[at + SEEN_COOKIE] = cookie;
    return size;
  }

  private row(p: Packet): number {
    return (this.hash(p, 0, 0) & (SEEN_ROWS - 1)) * SEEN_WORDS;
  }

  /** Of the packet's addresses and ports, under the keys from `key` on. */
  private hash(p: Packet, minute: number, key: number): number {
    const source = hashAddress(p.tuple, T_SRC, this.keys[key]!);
    const destination = hashAddress(p.tuple, T_DST, source);
    return hashThree(destination, p.tuple[T_PORTS]!, (p.tuple[T_PROTO]! + minute) | 0, this.keys[key + 1]!);
  }
}

function sizeIndex(family: number, mss: number): number {
  const sizes = family === AF_INET ? SIZES4 : SIZES6;
  let index = sizes.length - 1;
  while (index > 0 && mss < sizes[index]!) index--;
  return index;
}

function sizeAt(family: number, index: number): number {
  return index < SIZES4.length ? (family === AF_INET ? SIZES4 : SIZES6)[index]! : 0;
}
