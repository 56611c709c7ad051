/**
 * Writes into a packet's payload (nf_nat_helper.c): text is put together in a buffer, then takes the place of some bytes; lengths,
 * checksums and the connection's sequence numbers follow.
 */
import { IPS_SEQ_ADJUST, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import { noteLength } from '../conntrack/seqadj.js';
import { fillIpv4Checksum, fillTransportChecksum, UDP_CHECKSUM_AT } from '../wire/checksum.js';
import { AF_INET, HAS_LINEAR, IPPROTO_TCP, IPPROTO_UDP, type Packet } from '../wire/packet.js';
import type { HelpContext } from './helper.js';

const BUFFER = 512;
const LONGEST = 65535;
const UDP_LEN_AT = 4;
const ZERO = 0x30;
const DOT = 0x2e;
const COLON = 0x3a;

/** A buffer of text and what writes it into packets; one a host. */
export class Mangler {
  private readonly c: HelpContext;
  private readonly text = new Uint8Array(BUFFER);
  /** Whether `replace` notes a changed length itself; else `count` has to be called. */
  isCounted = true;
  /** Bytes of text so far. */
  length = 0;

  constructor(c: HelpContext) {
    this.c = c;
  }

  /** An empty text. */
  begin(): this {
    this.length = 0;
    return this;
  }

  /** One byte; what does not fit is lost. */
  byte(value: number): this {
    if (this.length < BUFFER) this.text[this.length++] = value;
    return this;
  }

  /** A word of ASCII, constants only. */
  ascii(word: string): this {
    for (let i = 0; i < word.length; i++) this.byte(word.charCodeAt(i));
    return this;
  }

  /** An unsigned number in decimal. */
  decimal(value: number): this {
    let divisor = 1;
    while (Math.floor(value / divisor) >= 10) divisor *= 10;
    for (; divisor >= 1; divisor = Math.floor(divisor / 10)) this.byte(ZERO + (Math.floor(value / divisor) % 10));
    return this;
  }

  /** The four bytes of an IPv4 address in decimal, with a separator between them. */
  address4(word: number, separator = DOT): this {
    for (let shift = 24; shift >= 0; shift -= 8) {
      this.decimal((word >>> shift) & 0xff);
      if (shift > 0) this.byte(separator);
    }
    return this;
  }

  /** An IPv6 address in eight groups of four digits, as the kernel's %pI6 has it. */
  address6(words: Int32Array, at: number): this {
    for (let group = 0; group < 8; group++) {
      const value = (words[at + (group >> 1)]! >>> ((group & 1) === 0 ? 16 : 0)) & 0xffff;
      if (group > 0) this.byte(COLON);
      for (let shift = 12; shift >= 0; shift -= 4) this.hex((value >> shift) & 15);
    }
    return this;
  }

  /** An IPv6 address in its short form (RFC 5952), as the kernel's %pI6c has it. */
  shortAddress6(words: Int32Array, at: number): this {
    let best = -1;
    let bestLen = 1;
    for (let g = 0; g < 8; g++) {
      let n = 0;
      while (g + n < 8 && group(words, at, g + n) === 0) n++;
      if (n > bestLen) {
        best = g;
        bestLen = n;
      }
    }
    for (let g = 0; g < 8; g++) {
      if (g === best) {
        this.byte(COLON).byte(COLON);
        g += bestLen - 1;
        continue;
      }
      if (g > 0 && g !== best + bestLen) this.byte(COLON);
      const value = group(words, at, g);
      let shift = 12;
      while (shift > 0 && value >> shift === 0) shift -= 4;
      for (; shift >= 0; shift -= 4) this.hex((value >> shift) & 15);
    }
    return this;
  }

  private hex(digit: number): void {
    this.byte(digit < 10 ? ZERO + digit : 0x57 + digit);
  }

  /**
   * Puts the text in the place of `length` bytes at `at` (absolute) of the payload. False: the packet would become too long, or
   * there is no room. `c.from` and `c.to` follow; other places that were kept have to be taken again from `c.from`.
   */
  replace(at: number, length: number): boolean {
    const { c } = this;
    const { p } = c;
    const by = this.length - length;
    const offset = at - c.from;
    if (by > 0) {
      if (p.l3Len + by > LONGEST || !c.host.makeRoom(p, by)) return false;
    }
    c.from = p.payloadOff;
    const place = c.from + offset;
    p.bytes.copyWithin(place + this.length, place + length, p.end);
    for (let i = 0; i < this.length; i++) p.bytes[place + i] = this.text[i]!;
    changeLength(p, by);
    c.to = p.end;
    p.has |= HAS_LINEAR;
    if (p.protocol === IPPROTO_TCP && by !== 0 && this.isCounted) this.count(by);
    return true;
  }

  /** The segment at hand became `by` bytes longer: what follows has other sequence numbers. */
  count(by: number): void {
    const { p, help, direction, slot, tracker } = this.c;
    noteLength(help, direction, p.view.getInt32(p.l4Off + 4), by);
    const w = tracker.table.words;
    const status = (slot << RECORD_SHIFT) + R_STATUS;
    w[status] = w[status]! | IPS_SEQ_ADJUST;
  }
}

function group(words: Int32Array, at: number, g: number): number {
  return (words[at + (g >> 1)]! >>> ((g & 1) === 0 ? 16 : 0)) & 0xffff;
}

/** The payload is `by` bytes longer: lengths and checksums follow. */
function changeLength(p: Packet, by: number): void {
  p.end += by;
  p.l3Len += by;
  const at = p.l3Off + (p.family === AF_INET ? 2 : 4);
  p.view.setUint16(at, p.view.getUint16(at) + by);
  if (p.family === AF_INET) fillIpv4Checksum(p.view, p.l3Off);
  if (p.protocol !== IPPROTO_TCP) {
    p.view.setUint16(p.l4Off + UDP_LEN_AT, p.l3Off + p.l3Len - p.l4Off);
    // RFC 768: 0 says that there is none
    if (p.view.getUint16(p.l4Off + UDP_CHECKSUM_AT) === 0) return;
  }
  // an ICMP error about a UDP connection is taken for a datagram of it
  const { protocol } = p;
  if (protocol !== IPPROTO_TCP) p.protocol = IPPROTO_UDP;
  fillTransportChecksum(p);
  p.protocol = protocol;
}
