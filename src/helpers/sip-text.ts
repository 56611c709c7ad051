/**
 * Reading SIP messages and the SDP texts in them (RFC 3261, RFC 4566; the parsing half of nf_conntrack_sip.c): one header or
 * line at a time, by place in the packet.
 *
 * Places are counted from the message's first byte, because a packet that grows may move. What a method found stands in `at` and `length`,
 * an address with its port in `address` and `port`.
 */
import { AF_INET, IPPROTO_TCP, IPPROTO_UDP } from '../wire/packet.js';
import type { HelpContext } from './helper.js';
import { beginsWith, isDigit, lower, readAddress6, sameAnyCase, word } from './text.js';

/** A thing was found, is not there, or cannot be read. */
export const FOUND = 1;
export const ABSENT = 0;
export const MALFORMED = -1;

const SIP_PORT = 5060;
const LEAST_PORT = 1024;
const MAX_PORT = 65535;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const BLANK = 0x20;
const DOT = 0x2e;
const COLON = 0x3a;
const AT = 0x40;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const COMMA = word(',');
const SEMICOLON = word(';');
const SIP = word('sip:');
const TCP = word('tcp');
const UDP = word('udp');
const TRANSPORT = word('transport=');

/** What a header has behind its colon that is wanted. */
type Wanted = 'digits' | 'address' | 'uri';

/** A header by its name and its short name, in lower case. */
export interface SipHeader {
  name: Uint8Array;
  short: Uint8Array | null;
  /** The text behind which the wanted part stands. */
  search: Uint8Array | null;
  wanted: Wanted;
}

function header(name: string, short: string, search: string, wanted: Wanted): SipHeader {
  return {
    name: word(name),
    short: short === '' ? null : word(short),
    search: search === '' ? null : word(search),
    wanted,
  };
}

export const CSEQ = header('cseq', '', '', 'digits');
export const FROM = header('from', 'f', 'sip:', 'uri');
export const TO = header('to', 't', 'sip:', 'uri');
export const CONTACT = header('contact', 'm', 'sip:', 'uri');
export const VIA_UDP = header('via', 'v', 'udp ', 'address');
export const VIA_TCP = header('via', 'v', 'tcp ', 'address');
export const EXPIRES = header('expires', '', '', 'digits');
export const CONTENT_LENGTH = header('content-length', 'l', '', 'digits');

/** Lines of a SDP text. */
export const SDP_VERSION = word('v=');
export const SDP_OWNER = word('o=');
export const SDP_CONNECTION = word('c=');
export const SDP_MEDIA = word('m=');
const IN_IP4 = word('IN IP4 ');
const IN_IP6 = word('IN IP6 ');

/** One message; one object a host. See the head of this file. */
export class SipText {
  private readonly c: HelpContext;
  /** Where the message begins in the payload, and its length. */
  offset = 0;
  size = 0;
  at = 0;
  length = 0;
  readonly address = new Int32Array(4);
  port = 0;
  /** Where `uri` reads on, and whether it is inside of a list of values. */
  next = 0;
  inHeader = false;
  /** Of the last `readAddress`: the place behind it. */
  private addressEnd = 0;

  constructor(c: HelpContext) {
    this.c = c;
  }

  get bytes(): Uint8Array {
    return this.c.p.bytes;
  }

  /** Absolute place of the message's first byte. */
  get start(): number {
    return this.c.from + this.offset;
  }

  /** Absolute place behind it. */
  get limit(): number {
    return this.start + this.size;
  }

  /** Whether the message begins with a word, in lower case. */
  begins(text: Uint8Array, at = 0): boolean {
    return this.size - at >= text.length && sameAnyCase(this.bytes, this.start + at, text, text.length);
  }

  /** The unsigned number at a place, modulo 2^32; `c.number` reads it. */
  numberAt(at: number): number {
    this.c.number.read(this.bytes, this.start + at, this.limit);
    return this.c.number.value;
  }

  /* headers */

  /** The first header of a kind behind `from` (ct_sip_get_header). */
  header(kind: SipHeader, from: number): number {
    const { bytes, start, limit } = this;
    for (let i = start + from; i < limit; i++) {
      i = lineStart(bytes, i, limit);
      if (i < 0) return ABSENT;
      if (bytes[i] === BLANK || bytes[i] === TAB) continue;
      const length = nameLength(bytes, i, limit, kind);
      if (length === 0) continue;
      let at = skipBlanks(bytes, i + length, limit);
      if (at < 0 || at >= limit || bytes[at] !== COLON || ++at >= limit) return ABSENT;
      at = skipBlanks(bytes, at, limit);
      if (at < 0) return ABSENT;
      this.at = at - start;
      if (kind.search !== null) {
        at = searchLine(bytes, at, limit, kind.search);
        if (at < 0) return MALFORMED;
        at += kind.search.length;
      }
      return this.measure(kind.wanted, at);
    }
    return ABSENT;
  }

  /** Notes place and length of the wanted part that begins at `at` (absolute). */
  private measure(wanted: Wanted, at: number): number {
    const { bytes, start, limit } = this;
    let from = at;
    if (wanted === 'uri') {
      let i = at;
      while (i < limit && bytes[i] !== AT && bytes[i] !== CR && bytes[i] !== LF) i++;
      if (i < limit && bytes[i] === AT) from = i + 1;
    }
    const end = wanted === 'digits' ? digitsEnd(bytes, from, limit) : this.endpointEnd(from);
    if (end <= from) return MALFORMED;
    this.at = from - start;
    this.length = end - from;
    return FOUND;
  }

  /** The place behind ADDRESS[:PORT] at `at`; 0: there is none. */
  private endpointEnd(at: number): number {
    const { bytes, limit } = this;
    if (!this.readAddress(at, limit, true)) return 0;
    const end = this.addressEnd;
    return end < limit && bytes[end] === COLON ? digitsEnd(bytes, end + 1, limit) : end;
  }

  /** The next value of a header's list, behind a comma (ct_sip_next_header). */
  private nextValue(kind: SipHeader, from: number): number {
    const { bytes, start, limit } = this;
    const comma = searchLine(bytes, start + from, limit, COMMA);
    if (comma < 0) return ABSENT;
    const at = searchLine(bytes, comma, limit, kind.search!);
    if (at < 0) return ABSENT;
    this.at = at + kind.search!.length - start;
    return this.measure(kind.wanted, at + kind.search!.length);
  }

  /** The first header of a kind that can be read, with its address and port (ct_sip_parse_header_uri). */
  uri(kind: SipHeader): number {
    this.begin();
    return this.nextUri(kind);
  }

  /** Before the first `nextUri`. */
  begin(): void {
    this.next = 0;
    this.inHeader = false;
  }

  /** The next value of a kind of header, in the same line or another one. */
  nextUri(kind: SipHeader): number {
    if (!this.walk(kind)) return ABSENT;
    const from = this.start + this.at;
    if (!this.readAddress(from, this.limit, true)) return MALFORMED;
    const result = this.readPort(this.addressEnd);
    if (result === FOUND) this.next = this.addressEnd - this.start;
    return result;
  }

  private walk(kind: SipHeader): boolean {
    let from = this.next;
    while (this.inHeader) {
      const result = this.nextValue(kind, from);
      if (result === FOUND) return true;
      if (result === ABSENT) this.inHeader = false;
      else from = this.at;
    }
    for (;;) {
      const result = this.header(kind, from);
      if (result === ABSENT) return false;
      if (result === FOUND) break;
      from = this.at;
    }
    this.inHeader = true;
    return true;
  }

  /** `:PORT` at a place, 5060 where there is none; moves `addressEnd` behind it. */
  private readPort(at: number): number {
    const { bytes, limit, c } = this;
    this.port = SIP_PORT;
    if (at >= limit || bytes[at] !== COLON) return FOUND;
    this.addressEnd = c.number.read(bytes, at + 1, limit);
    this.port = c.number.value;
    // whether the number goes on behind the packet cannot be known (sip_parse_port)
    if (this.addressEnd === limit) return MALFORMED;
    return this.port < LEAST_PORT || this.port > MAX_PORT ? MALFORMED : FOUND;
  }

  /** The address in the first line of a request (ct_sip_parse_request). */
  requestUri(): number {
    const { bytes, start, limit } = this;
    let at = start;
    while (at < limit && isAlpha(bytes[at]!)) at++;
    if (at === start || ++at >= limit) return ABSENT;
    for (; at < limit - SIP.length; at++) {
      if (bytes[at] === CR || bytes[at] === LF) return MALFORMED;
      if (sameAnyCase(bytes, at, SIP, SIP.length)) {
        at += SIP.length;
        break;
      }
    }
    if (this.measure('uri', at) !== FOUND) return ABSENT;
    const from = start + this.at;
    this.readAddress(from, limit, true);
    if (this.readPort(this.addressEnd) !== FOUND) return MALFORMED;
    this.length = this.addressEnd - from;
    return FOUND;
  }

  /* parameters, up to the next value of a list */

  private parameter(name: Uint8Array, from: number): number {
    const { bytes, start, limit } = this;
    const comma = searchLine(bytes, start + from, limit, COMMA);
    this.parameterLimit = comma < 0 ? limit : comma;
    const at = searchLine(bytes, start + from, this.parameterLimit, name);
    return at < 0 ? -1 : at + name.length;
  }
  private parameterLimit = 0;

  /** An address parameter (`maddr=`); `isUri`: IPv6 in brackets. */
  addressParameter(name: Uint8Array, from: number, isUri: boolean): boolean {
    const at = this.parameter(name, from);
    if (at < 0 || !this.readAddress(at, this.parameterLimit, isUri)) return false;
    this.at = at - this.start;
    this.length = this.addressEnd - at;
    return true;
  }

  /** A parameter that is a number, in `c.number`: decimal, or with 0x. */
  numberParameter(name: Uint8Array, from: number): number {
    const at = this.parameter(name, from);
    if (at < 0) return ABSENT;
    const end = this.c.number.read(this.bytes, at, this.parameterLimit);
    if (end === at) return MALFORMED;
    this.at = at - this.start;
    this.length = end - at;
    return FOUND;
  }

  /** The protocol that `transport=` names, else the connection's; 0: one that is not the connection's. */
  transport(from: number): number {
    const { protocol } = this.c.p;
    const at = this.parameter(TRANSPORT, from);
    if (at < 0) return protocol;
    const semicolon = searchLine(this.bytes, at, this.parameterLimit, SEMICOLON);
    const end = semicolon < 0 ? this.parameterLimit : semicolon;
    let named = 0;
    if (end - at >= TCP.length && sameAnyCase(this.bytes, at, TCP, TCP.length)) named = IPPROTO_TCP;
    else if (end - at >= UDP.length && sameAnyCase(this.bytes, at, UDP, UDP.length)) named = IPPROTO_UDP;
    return named === protocol ? named : 0;
  }

  /* SDP text */

  /** The first line of a kind behind `from`, before a line `term` (null: wherever it is) (ct_sip_get_sdp_header). */
  sdp(kind: Uint8Array, term: Uint8Array | null, from: number): number {
    const { bytes, start, limit } = this;
    for (let i = start + from; i < limit; i++) {
      i = lineStart(bytes, i, limit);
      if (i < 0) return ABSENT;
      if (term !== null && limit - i >= term.length && sameAnyCase(bytes, i, term, term.length)) return ABSENT;
      if (limit - i < kind.length || !sameAnyCase(bytes, i, kind, kind.length)) continue;
      return this.measureSdp(kind, i + kind.length);
    }
    return ABSENT;
  }

  private measureSdp(kind: Uint8Array, from: number): number {
    const { bytes, start, limit } = this;
    let at = from;
    this.at = at - start;
    let end: number;
    if (kind === SDP_VERSION) end = digitsEnd(bytes, at, limit);
    else if (kind === SDP_MEDIA) {
      let i = at;
      while (i < limit && isAlpha(bytes[i]!)) i++;
      if (i >= limit || bytes[i] !== BLANK) return MALFORMED;
      end = digitsEnd(bytes, i + 1, limit);
    } else {
      const text = this.c.p.family === AF_INET ? IN_IP4 : IN_IP6;
      at = findInLine(bytes, at, limit, text);
      if (at < 0) return MALFORMED;
      at += text.length;
      if (!this.readAddress(at, limit, false)) return MALFORMED;
      end = this.addressEnd;
    }
    if (end <= at) return MALFORMED;
    this.at = at - start;
    this.length = end - at;
    return FOUND;
  }

  /* addresses */

  /** Reads an address of the connection's family into `address` (sip_parse_addr); `isUri`: IPv6 stands in brackets. */
  private readAddress(at: number, limit: number, isUri: boolean): boolean {
    return this.c.p.family === AF_INET ? this.readAddress4(at, limit) : this.readAddress6(at, limit, isUri);
  }

  private readAddress4(from: number, limit: number): boolean {
    const { bytes } = this;
    let word32 = 0;
    let at = from;
    for (let part = 0; part < 4; part++) {
      const first = at;
      let value = 0;
      while (at < limit && isDigit(bytes[at]) && value <= 255) value = value * 10 + bytes[at++]! - 0x30;
      if (at === first || value > 255) return false;
      word32 = (word32 << 8) | value;
      if (part < 3 && (at >= limit || bytes[at++] !== DOT)) return false;
    }
    // a letter that could be a digit of IPv6, or a fifth part, makes it no address
    if (at < limit && (bytes[at] === DOT || isHexLetter(bytes[at]!))) return false;
    this.address.fill(0);
    this.address[0] = word32;
    this.addressEnd = at;
    return true;
  }

  private readAddress6(from: number, limit: number, isUri: boolean): boolean {
    const { bytes } = this;
    let at = from;
    if (at < limit && bytes[at] === BRACKET) at++;
    else if (isUri) return false;
    const length = readAddress6(bytes, at, limit, -1, this.address);
    if (length === 0) return false;
    at += length;
    if (at < limit && bytes[at] === BRACKET_END) at++;
    else if (isUri) return false;
    this.addressEnd = at;
    return true;
  }
}

function isAlpha(byte: number): boolean {
  const c = lower(byte);
  return c >= 0x61 && c <= 0x7a;
}

function isHexLetter(byte: number): boolean {
  const c = lower(byte);
  return c >= 0x61 && c <= 0x66;
}

function digitsEnd(bytes: Uint8Array, at: number, limit: number): number {
  let i = at;
  while (i < limit && isDigit(bytes[i])) i++;
  return i;
}

/** The first byte of the line that begins behind the next line end; -1: none does. */
function lineStart(bytes: Uint8Array, at: number, limit: number): number {
  let i = at;
  while (i < limit && bytes[i] !== CR && bytes[i] !== LF) i++;
  if (++i >= limit) return -1;
  if (bytes[i - 1] === CR && bytes[i] === LF && ++i >= limit) return -1;
  return i;
}

/** Length of a header's name at `at`, 0: another header. A short name must not go on. */
function nameLength(bytes: Uint8Array, at: number, limit: number, kind: SipHeader): number {
  const { name, short } = kind;
  if (limit - at >= name.length && sameAnyCase(bytes, at, name, name.length)) return name.length;
  if (short === null || limit - at < short.length + 1 || !sameAnyCase(bytes, at, short, short.length)) return 0;
  return isAlpha(bytes[at + short.length]!) ? 0 : short.length;
}

/** The next byte that is no blank, in a continuation line perhaps; -1: the header ends. */
function skipBlanks(bytes: Uint8Array, at: number, limit: number): number {
  let i = at;
  while (i < limit && (bytes[i] === BLANK || bytes[i] === TAB)) i++;
  if (i >= limit || (bytes[i] !== CR && bytes[i] !== LF)) return i;
  if (++i >= limit) return -1;
  if (bytes[i - 1] === CR && bytes[i] === LF && ++i >= limit) return -1;
  if (bytes[i] !== BLANK && bytes[i] !== TAB) return -1;
  while (i < limit && (bytes[i] === BLANK || bytes[i] === TAB)) i++;
  return i;
}

/** Place of a word, given in lower case, before the end of the line; -1: it is not there. */
function searchLine(bytes: Uint8Array, at: number, limit: number, text: Uint8Array): number {
  for (let i = at; i < limit - text.length; i++) {
    if (bytes[i] === CR || bytes[i] === LF) return -1;
    if (sameAnyCase(bytes, i, text, text.length)) return i;
  }
  return -1;
}

/** The same for a word as it is written. */
function findInLine(bytes: Uint8Array, at: number, limit: number, text: Uint8Array): number {
  for (let i = at; i < limit - text.length; i++) {
    if (bytes[i] === CR || bytes[i] === LF) return -1;
    if (beginsWith(bytes, i, limit, text)) return i;
  }
  return -1;
}
