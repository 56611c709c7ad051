/**
 * SIP under NAT (nf_nat_sip.c): addresses in the first line, Via, Contact, From and To, in the SDP text, and the ports of its
 * streams; the expected connections are translated as was announced.
 */
import { type Expectation, RELATE_CLASH, RELATE_OK } from '../conntrack/expect.js';
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import { MANIP_DST, MANIP_SRC, RANGE_MAP_IPS, RANGE_PORTS } from '../nat/range.js';
import { AF_INET, IPPROTO_TCP, T_DST, T_PORTS, T_PROTO, T_SRC } from '../wire/packet.js';
import { destinationPort, type HelpContext, sourcePort } from './helper.js';
import { CLASS_SIGNALLING, FORCED_PORT } from './sip-constants.js';
import {
  CONTACT,
  CONTENT_LENGTH,
  FOUND,
  FROM,
  SDP_CONNECTION,
  SDP_MEDIA,
  SDP_OWNER,
  SDP_VERSION,
  type SipHeader,
  type SipText,
  TO,
  VIA_TCP,
  VIA_UDP,
} from './sip-text.js';
import { word } from './text.js';

const VERSION = word('sip/2.0');
const MADDR = word('maddr=');
const RECEIVED = word('received=');
const RPORT = word('rport=');
const MAX_PORT = 65535;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;

/* text */

/** Puts the mangler's text in the place of `length` bytes at `at` of the message. */
function put(c: HelpContext, m: SipText, at: number, length: number): boolean {
  const by = c.mangler.length - length;
  if (!c.mangler.replace(m.start + at, length)) return false;
  m.size += by;
  return true;
}

function writeAddress(c: HelpContext, words: Int32Array, at: number, isUri: boolean): void {
  if (c.p.family === AF_INET) {
    c.mangler.address4(words[at]!);
    return;
  }
  if (isUri) c.mangler.byte(BRACKET);
  c.mangler.shortAddress6(words, at);
  if (isUri) c.mangler.byte(BRACKET_END);
}

function putEndpoint(c: HelpContext, m: SipText, words: Int32Array, from: number, port: number): boolean {
  const { at, length } = m;
  c.mangler.begin();
  writeAddress(c, words, from, true);
  c.mangler.byte(COLON).decimal(port);
  return put(c, m, at, length);
}

/** Replaces the address and port at hand if they are an end of this connection; false: the text cannot be changed (map_addr). */
function mapEndpoint(c: HelpContext, m: SipText): boolean {
  const { own, other } = c;
  let words = other;
  let from: number;
  let port: number;
  if (c.sameAddress(m.address, 0, own, T_SRC) && m.port === sourcePort(own)) {
    from = T_DST;
    port = destinationPort(other);
  } else if (c.sameAddress(m.address, 0, own, T_DST) && m.port === destinationPort(own)) {
    from = T_SRC;
    port = c.help.data[FORCED_PORT] || sourcePort(other);
  } else return true;
  if (c.sameAddress(m.address, 0, words, from) && m.port === port) return true;
  words = other;
  return putEndpoint(c, m, words, from, port);
}

function mapHeader(c: HelpContext, m: SipText, kind: SipHeader): boolean {
  return m.uri(kind) !== FOUND || mapEndpoint(c, m);
}

/** Translates the headers of a message. */
export function mangleMessage(c: HelpContext, m: SipText): number {
  const isRequest = !m.begins(VERSION);
  if (isRequest && m.requestUri() === FOUND && !mapEndpoint(c, m)) return NF_DROP;
  if (!mapVia(c, m, isRequest)) return NF_DROP;
  m.begin();
  while (m.nextUri(CONTACT) === FOUND) {
    const size = m.size;
    if (!mapEndpoint(c, m)) return NF_DROP;
    m.next += m.size - size;
  }
  if (!mapHeader(c, m, FROM) || !mapHeader(c, m, TO)) return NF_DROP;
  const forced = c.help.data[FORCED_PORT]!;
  if (c.direction === 1 && forced !== 0) {
    c.p.view.setUint16(c.p.l4Off + 2, forced);
    c.p.tuple[T_PORTS] = (c.p.tuple[T_PORTS]! & ~0xffff) | forced;
    c.mangler.begin();
    if (!c.mangler.replace(c.from, 0)) return NF_DROP;
  }
  return NF_ACCEPT;
}

/** The topmost Via and its parameters, if it names this connection. */
function mapVia(c: HelpContext, m: SipText, isRequest: boolean): boolean {
  if (m.uri(c.p.protocol === IPPROTO_TCP ? VIA_TCP : VIA_UDP) !== FOUND) return true;
  const { own, other } = c;
  const end = isRequest ? T_SRC : T_DST;
  const port = isRequest ? sourcePort(own) : destinationPort(own);
  if (m.port !== port || !c.sameAddress(m.address, 0, own, end)) return true;
  const { at, length, size } = m;
  if (!mapEndpoint(c, m)) return false;
  const after = at + length + m.size - size;
  if (m.addressParameter(MADDR, after, true) && isOnly(c, m, T_SRC, T_DST)) {
    if (!putAddress(c, m, T_DST, true)) return false;
  }
  if (m.addressParameter(RECEIVED, after, false) && isOnly(c, m, T_DST, T_SRC)) {
    if (!putAddress(c, m, T_SRC, false)) return false;
  }
  if (m.numberParameter(RPORT, after) !== FOUND) return true;
  const number = c.number.value;
  if (number !== destinationPort(own) || number === sourcePort(other)) return true;
  const { at: portAt, length: portLength } = m;
  c.mangler.begin().decimal(sourcePort(other));
  return put(c, m, portAt, portLength);
}

/** Whether the address at hand is `mine` of this direction, and has another one on the other side. */
function isOnly(c: HelpContext, m: SipText, mine: number, theirs: number): boolean {
  return c.sameAddress(m.address, 0, c.own, mine) && !c.sameAddress(m.address, 0, c.other, theirs);
}

function putAddress(c: HelpContext, m: SipText, from: number, isUri: boolean): boolean {
  const { at, length } = m;
  c.mangler.begin();
  writeAddress(c, c.other, from, isUri);
  return put(c, m, at, length);
}

/* SDP text */

/** Writes `media.address` into a connection line behind `at`; with `hasOwner` into the owner line too, as of the whole call. */
export function mangleSdp(c: HelpContext, m: SipText, at: number, hasOwner: boolean): number {
  if (hasOwner && !putSdpAddress(c, m, SDP_OWNER, at)) return NF_DROP;
  const written = putSdpAddress(c, m, SDP_CONNECTION, at);
  // a call needs no address of its own where each stream has one
  if (!written && !hasOwner) return NF_DROP;
  return mangleLength(c, m) ? NF_ACCEPT : NF_DROP;
}

function putSdpAddress(c: HelpContext, m: SipText, kind: Uint8Array, from: number): boolean {
  if (m.sdp(kind, SDP_MEDIA, from) !== FOUND) return false;
  const { at, length } = m;
  c.mangler.begin();
  writeAddress(c, c.media.address, 0, false);
  return put(c, m, at, length);
}

/** Writes a stream's port. */
export function manglePort(c: HelpContext, m: SipText, at: number, digits: number, port: number): number {
  c.mangler.begin().decimal(port);
  return put(c, m, at, digits) && mangleLength(c, m) ? NF_ACCEPT : NF_DROP;
}

/** Content-Length follows the SDP text's. */
function mangleLength(c: HelpContext, m: SipText): boolean {
  if (m.sdp(SDP_VERSION, null, 0) !== FOUND) return false;
  const length = m.size - m.at + SDP_VERSION.length;
  if (m.header(CONTENT_LENGTH, 0) !== FOUND) return false;
  const { at, length: digits } = m;
  c.mangler.begin().decimal(length);
  return put(c, m, at, digits);
}

/* expectations */

/** The address that the other side knows this one by goes into `media.address`; the old one is kept in the expectation. */
function translateExpectation(c: HelpContext, e: Expectation): void {
  const isSame = c.sameAddress(c.own, T_SRC, c.other, T_DST);
  for (let i = 0; i < 4; i++) {
    e.savedAddress[i] = e.tuple[T_DST + i]!;
    if (!isSame) e.tuple[T_DST + i] = c.other[T_DST + i]!;
  }
  e.savedPort = e.tuple[T_PORTS]! & 0xffff;
  e.direction = c.direction ^ 1;
  e.expectfn = c.expectedByHelper;
}

function setPort(e: Expectation, port: number): void {
  e.tuple[T_PORTS] = (e.tuple[T_PORTS]! & ~0xffff) | port;
}

/** Expects calls to a translated phone, and tells the registrar where (nf_nat_sip_expect). */
export function expectSignalling(c: HelpContext, m: SipText, e: Expectation, at: number, length: number): number {
  translateExpectation(c, e);
  const wanted = e.savedPort === sourcePort(c.own) ? destinationPort(c.other) : e.savedPort;
  const port = c.relateFreePort(e, wanted);
  if (port === 0) return NF_DROP;
  if (c.sameAddress(e.tuple, T_DST, e.savedAddress, 0) && port === e.savedPort) return NF_ACCEPT;
  m.at = at;
  m.length = length;
  if (putEndpoint(c, m, e.tuple, T_DST, port)) return NF_ACCEPT;
  c.expectations.unrelate(e);
  return NF_DROP;
}

/** Expects a stream on a pair of ports that is free on the translated side (nf_nat_sdp_media). */
export function expectMedia(
  c: HelpContext,
  m: SipText,
  rtp: Expectation,
  rtcp: Expectation,
  at: number,
  digits: number,
): number {
  translateExpectation(c, rtp);
  translateExpectation(c, rtcp);
  for (let i = 0; i < 4; i++) c.media.address[i] = rtp.tuple[T_DST + i]!;
  let port = rtp.savedPort;
  for (; port <= MAX_PORT; port += 2) {
    const result = relatePair(c, rtp, rtcp, port);
    if (result === RELATE_OK) break;
    if (result !== RELATE_CLASH) port = MAX_PORT;
  }
  if (port > MAX_PORT) {
    c.expectations.discard(rtp);
    c.expectations.discard(rtcp);
    return NF_DROP;
  }
  if (port === rtp.savedPort || manglePort(c, m, at, digits, port) === NF_ACCEPT) return NF_ACCEPT;
  c.expectations.unrelate(rtp);
  c.expectations.unrelate(rtcp);
  return NF_DROP;
}

function relatePair(c: HelpContext, rtp: Expectation, rtcp: Expectation, port: number): number {
  setPort(rtp, port);
  const first = c.relate(rtp, true);
  if (first !== RELATE_OK) return first;
  setPort(rtcp, port + 1);
  const second = c.relate(rtcp, true);
  if (second !== RELATE_OK) c.expectations.takeBack(rtp);
  return second;
}

/** An expected connection begins: it goes to what was announced, from what its peer was told (nf_nat_sip_expected). */
export function sipExpected(c: HelpContext, slot: number, e: Expectation): void {
  const { range, scratchTuple, masterTuple } = c;
  const { table } = c.tracker;
  const { nat } = c;
  // as the packet was before its destination is changed
  table.readTuple(slot, 0, scratchTuple);
  range.flags = RANGE_MAP_IPS | RANGE_PORTS;
  range.minPort = range.maxPort = e.savedPort;
  range.setAddress(e.savedAddress, 0);
  nat.setup(slot, range, MANIP_DST);
  const pair = e.class === CLASS_SIGNALLING ? null : pairOf(c, e, scratchTuple);
  if (pair !== null) {
    range.flags = RANGE_MAP_IPS | RANGE_PORTS;
    range.minPort = range.maxPort = pair.tuple[T_PORTS]! & 0xffff;
    range.setAddress(pair.tuple, T_DST);
    nat.setup(slot, range, MANIP_SRC);
    return;
  }
  // else as the master is translated, if it comes from the same host
  table.readTuple(e.master, e.direction, masterTuple);
  for (let i = 0; i < 4; i++) if (scratchTuple[T_SRC + i] !== masterTuple[T_SRC + i]) return;
  table.readTuple(e.master, e.direction ^ 1, masterTuple);
  range.flags = RANGE_MAP_IPS;
  range.setAddress(masterTuple, T_DST);
  nat.setup(slot, range, MANIP_SRC);
}

/** The expectation of the stream in the other direction, whose receiver is the one who sends here. */
function pairOf(c: HelpContext, e: Expectation, tuple: Int32Array): Expectation | null {
  const help = c.tracker.table.coldOf(e.master).help;
  if (help === null) return null;
  for (let other = help.newest; other !== null; other = other.olderOfMaster) {
    if (other.tuple[T_PROTO] !== tuple[T_PROTO] || other.savedPort !== sourcePort(tuple)) continue;
    let i = 0;
    while (i < 4 && other.savedAddress[i] === tuple[T_SRC + i]) i++;
    if (i === 4) return other;
  }
  return null;
}
