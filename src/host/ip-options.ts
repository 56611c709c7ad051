/**
 * IPv4 options on a router (RFC 791 section 3.1): what the kernel does to them when a packet arrives (net/ipv4/ip_options.c
 * __ip_options_compile), when it is forwarded (ip_forward_options) and when an ICMP error answers it (__ip_options_echo).
 *
 * Record route and timestamps are filled in; source routes are refused (accept_source_route is off); security, router alert
 * and unknown options pass untouched. One object a host: what `receive` found holds until the next `receive`.
 */
import { writeHeaderChecksum } from '../conntrack/fragment-headers.js';
import { RTN_UNICAST } from '../rules/context.js';
import { AF_INET, type Packet, T_DST, T_SRC } from '../wire/packet.js';
import type { Routing } from './routing.js';

/** `receive`: all is well. */
export const OPTIONS_OK = -1;
/** `receive`: a source route; the packet is dropped without an answer. */
export const OPTIONS_SOURCE_ROUTE = -2;

const IPV4_HEADER_LEN = 20;
const IPOPT_END = 0;
const IPOPT_NOOP = 1;
const IPOPT_RR = 7;
const IPOPT_TS = 68;
const IPOPT_LSRR = 131;
const IPOPT_SSRR = 137;
const IPOPT_RA = 148;
/** Timestamp flags: time only, address and time, time where the address is ours. */
const TS_ONLY = 0;
const TS_AND_ADDRESS = 1;
const TS_PRESPECIFIED = 3;
const MS_PER_DAY = 86400000;

export class IpOptions {
  readonly #routing: Routing;
  readonly #source = new Int32Array(4);
  readonly #asked = new Int32Array(4);
  /** Offsets of the options in the header, 0 = none; whether the way out still has to be entered. */
  #rr = 0;
  #rrOpen = false;
  #ts = 0;
  #tsAddress = false;
  #tsTime = false;
  #srr = 0;
  #changed = false;
  #now = 0;

  constructor(routing: Routing) {
    this.#routing = routing;
  }

  /**
   * Reads and fills in the options of an arrived IPv4 packet that has any, after routing has decided about it (ip_rcv_options);
   * `local`: it is for this host. OPTIONS_OK, OPTIONS_SOURCE_ROUTE, or the offset of the byte that is wrong: the packet is
   * dropped and answered with "parameter problem" (12/0) and that pointer. Routing's results are those of routeInput again.
   * The header checksum is left as it was, as the kernel leaves it: `forward` makes it right.
   */
  receive(p: Packet, local: boolean, nowMs: number): number {
    this.#rr = this.#ts = this.#srr = 0;
    this.#rrOpen = this.#tsAddress = this.#tsTime = this.#changed = false;
    this.#now = Math.floor(nowMs % MS_PER_DAY);
    if (local) this.#source[0] = p.tuple[T_DST]!;
    else this.#routing.selectSource(AF_INET, p.tuple, T_SRC, this.#source, 0);
    const wrong = this.#compile(p);
    this.#routing.routeInput(p);
    if (wrong !== OPTIONS_OK) return wrong;
    return this.#srr > 0 ? OPTIONS_SOURCE_ROUTE : OPTIONS_OK;
  }

  /**
   * Enters the address of the way out into the recorded route after FORWARD, for a packet that `receive` has read, and makes the
   * header checksum right if anything changed. (Timestamps keep the address of the way in: the kernel has those of source routes only.) Overwrites routing's results with the route to the destination.
   */
  forward(p: Packet): void {
    if (!this.#changed) return;
    this.#routing.selectSource(AF_INET, p.tuple, T_DST, this.#source, 0);
    const rr = p.l3Off + this.#rr;
    if (this.#rrOpen) writeWord(p.bytes, rr + p.bytes[rr + 2]! - 5, this.#source[0]!);
    writeHeaderChecksum(p.bytes, p.l3Off, headerLenOf(p));
  }

  /**
   * Writes the options that an ICMP error about `p` carries to `out[at..]`, padded; `source` is the error's source address.
   * Returns their length, or -1: no error can be built.
   */
  echo(p: Packet, out: Uint8Array, at: number, source: number): number {
    let to = at;
    if (this.#rr > 0) {
      const from = p.l3Off + this.#rr;
      const length = p.bytes[from + 1]!;
      const pointer = p.bytes[from + 2]!;
      for (let i = 0; i < length; i++) out[to + i] = p.bytes[from + i]!;
      if (this.#rrOpen && pointer <= length) {
        if (pointer + 3 > length) return -1;
        out[to + 2] = pointer + 4;
        writeWord(out, to + pointer - 1, source);
      }
      to += length;
    }
    if (this.#ts > 0) {
      const length = this.#echoTimestamp(p, out, to, source);
      if (length < 0) return -1;
      to += length;
    }
    while (((to - at) & 3) !== 0) out[to++] = IPOPT_END;
    return to - at;
  }

  #echoTimestamp(p: Packet, out: Uint8Array, to: number, source: number): number {
    const from = p.l3Off + this.#ts;
    const length = p.bytes[from + 1]!;
    let pointer = p.bytes[from + 2]!;
    for (let i = 0; i < length; i++) out[to + i] = p.bytes[from + i]!;
    if (pointer > length) return length;
    if (this.#tsAddress) {
      if (pointer + 3 > length) return -1;
      writeWord(out, to + pointer - 1, source);
      pointer += 4;
    }
    if (this.#tsTime) {
      if (pointer + 3 > length) return -1;
      if ((out[to + 3]! & 15) !== TS_PRESPECIFIED) {
        writeWord(out, to + pointer - 1, this.#now);
        pointer += 4;
      }
    }
    out[to + 2] = pointer;
    return length;
  }

  #compile(p: Packet): number {
    const bytes = p.bytes;
    const end = p.l3Off + headerLenOf(p);
    let at = p.l3Off + IPV4_HEADER_LEN;
    while (at < end) {
      const type = bytes[at]!;
      if (type === IPOPT_NOOP) {
        at++;
        continue;
      }
      if (type === IPOPT_END) {
        this.#clear(bytes, at + 1, end);
        break;
      }
      const length = at + 1 < end ? bytes[at + 1]! : 0;
      let wrong = length < 2 || at + length > end ? 0 : OPTIONS_OK;
      if (wrong === OPTIONS_OK) wrong = this.#one(bytes, at, at - p.l3Off, type, length);
      if (wrong !== OPTIONS_OK) return at - p.l3Off + wrong;
      at += length;
    }
    return OPTIONS_OK;
  }

  /** One option at `at` (`off` in the header): OPTIONS_OK or the index of the byte in it that is wrong. */
  #one(bytes: Uint8Array, at: number, off: number, type: number, length: number): number {
    if (type === IPOPT_RR) return this.#recordRoute(bytes, at, off, length);
    if (type === IPOPT_TS) return this.#timestamp(bytes, at, off, length);
    if (type === IPOPT_LSRR || type === IPOPT_SSRR) {
      if (length < 3) return 1;
      if (bytes[at + 2]! < 4) return 2;
      if (this.#srr > 0) return 0;
      this.#srr = off;
    }
    return type === IPOPT_RA && length < 4 ? 1 : OPTIONS_OK;
  }

  #recordRoute(bytes: Uint8Array, at: number, off: number, length: number): number {
    if (this.#rr > 0) return 0;
    if (length < 3) return 1;
    const pointer = bytes[at + 2]!;
    if (pointer < 4) return 2;
    if (pointer <= length) {
      if (pointer + 3 > length) return 2;
      writeWord(bytes, at + pointer - 1, this.#source[0]!);
      bytes[at + 2] = pointer + 4;
      this.#rrOpen = true;
      this.#changed = true;
    }
    this.#rr = off;
    return OPTIONS_OK;
  }

  #timestamp(bytes: Uint8Array, at: number, off: number, length: number): number {
    if (this.#ts > 0) return 0;
    if (length < 4) return 1;
    const pointer = bytes[at + 2]!;
    if (pointer < 5) return 2;
    const kind = bytes[at + 3]! & 15;
    const overflow = bytes[at + 3]! >> 4;
    const full = pointer > length;
    if (full && kind !== TS_PRESPECIFIED && overflow === 15) return 3;
    const room = kind === TS_AND_ADDRESS || kind === TS_PRESPECIFIED ? 8 : 4;
    if (!full && pointer + room - 1 > length) return 2;
    // only now: an error about the option does not bear it
    this.#ts = off;
    if (full) {
      if (kind === TS_PRESPECIFIED) return OPTIONS_OK;
      bytes[at + 3] = kind | ((overflow + 1) << 4);
      this.#changed = true;
      return OPTIONS_OK;
    }
    if (kind === TS_ONLY) {
      this.#stamp(bytes, at + pointer - 1, at, pointer + 4);
    } else if (kind === TS_AND_ADDRESS) {
      writeWord(bytes, at + pointer - 1, this.#source[0]!);
      this.#tsAddress = true;
      this.#stamp(bytes, at + pointer + 3, at, pointer + 8);
    } else if (kind === TS_PRESPECIFIED) {
      this.#asked[0] = readWord(bytes, at + pointer - 1);
      if (this.#routing.addressType(AF_INET, this.#asked, 0, 0) !== RTN_UNICAST) {
        this.#stamp(bytes, at + pointer + 3, at, pointer + 8);
      }
    }
    return OPTIONS_OK;
  }

  #stamp(bytes: Uint8Array, at: number, option: number, pointer: number): void {
    writeWord(bytes, at, this.#now);
    bytes[option + 2] = pointer;
    this.#tsTime = true;
    this.#changed = true;
  }

  /** What follows the end of options is made zero. */
  #clear(bytes: Uint8Array, from: number, end: number): void {
    for (let i = from; i < end; i++) {
      if (bytes[i] === IPOPT_END) continue;
      bytes[i] = IPOPT_END;
      this.#changed = true;
    }
  }
}

function headerLenOf(p: Packet): number {
  return (p.bytes[p.l3Off]! & 15) * 4;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = (word >>> 16) & 255;
  bytes[at + 2] = (word >>> 8) & 255;
  bytes[at + 3] = word & 255;
}

function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
