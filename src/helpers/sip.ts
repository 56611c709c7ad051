/**
 * SIP: REGISTER says where calls are taken, INVITE and its answers which ports audio and video use (RFC 3261; nf_conntrack_sip.c).
 *
 * Calls to a registered phone are a PERMANENT expectation, which is INACTIVE until the registrar has said yes. Each stream has two: one for
 * RTP, and one for RTCP on the next port (RFC 3550 section 11). Signalling and media come from the peer of the connection itself, unless the
 * module's options say otherwise (sip_direct_signalling, sip_direct_media).
 */
import { EXPECT_INACTIVE, EXPECT_PERMANENT, type Expectation, RELATE_ALREADY, RELATE_OK } from '../conntrack/expect.js';
import { IPS_EXPECTED, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, T_DST, T_PORTS, T_PROTO, T_SRC } from '../wire/packet.js';
import { type HelpContext, type Helper, sourcePort } from './helper.js';
import { CLASS_SIGNALLING, FORCED_PORT } from './sip-constants.js';
import { expectMedia, expectSignalling, mangleMessage, manglePort, mangleSdp, sipExpected } from './sip-nat.js';
import {
  CONTACT,
  CONTENT_LENGTH,
  CSEQ,
  EXPIRES,
  FOUND,
  MALFORMED,
  SDP_CONNECTION,
  SDP_MEDIA,
  SDP_VERSION,
  type SipText,
  VIA_UDP,
} from './sip-text.js';
import { word } from './text.js';

const MEDIA_TIMEOUT_MS = 180_000;
/** Length of `SIP/2.0 200`: anything shorter is a keep-alive. */
const LEAST_MESSAGE = 11;
const LEAST_PORT = 1024;
const MAX_PORT = 65535;
/** Media lines that are looked at: as many as there are types. */
const MAX_MEDIA = 3;

/** By class, from 1 on. */
const MEDIA_TYPES = ['audio ', 'video ', 'image '].map(word);

/** Words of ConnHelp.data: CSeq of the last REGISTER and of the last INVITE; FORCED_PORT follows. */
const REGISTER_CSEQ = 0;
const INVITE_CSEQ = 1;

const VERSION = word('sip/2.0 ');
const EXPIRES_PARAMETER = word('expires=');
const BLANK = 0x20;
const CR = 0x0d;
const LF = 0x0a;

/** The `sip` helper. */
export const sip: Helper = {
  name: 'sip',
  protocols: [IPPROTO_TCP, IPPROTO_UDP],
  families: [AF_INET, AF_INET6],
  ports: [5060],
  policies: [
    { maxExpected: 1, timeoutMs: MEDIA_TIMEOUT_MS },
    { maxExpected: 4, timeoutMs: MEDIA_TIMEOUT_MS },
    { maxExpected: 4, timeoutMs: MEDIA_TIMEOUT_MS },
    { maxExpected: 2, timeoutMs: MEDIA_TIMEOUT_MS },
  ],
  natModule: 'nf_nat_sip',
  help,
  expected: sipExpected,
};

type Handler = (c: HelpContext, m: SipText, cseq: number) => number;
type AnswerHandler = (c: HelpContext, m: SipText, cseq: number, code: number) => number;

/** What is done about a method's requests, and about answers to them. */
const METHODS: readonly { name: Uint8Array; request: Handler; response: AnswerHandler | null }[] = [
  { name: word('invite'), request: inviteRequest, response: inviteResponse },
  { name: word('update'), request: sdpText, response: inviteResponse },
  { name: word('ack'), request: sdpText, response: null },
  { name: word('prack'), request: sdpText, response: inviteResponse },
  { name: word('bye'), request: byeRequest, response: null },
  { name: word('register'), request: registerRequest, response: registerResponse },
];

function help(c: HelpContext): number {
  if (c.from >= c.to) return NF_ACCEPT;
  // by the connection: an ICMP error about one of UDP is read, too
  if ((c.tuples[0][T_PROTO]! & 0xff) === IPPROTO_TCP) return c.isEstablished ? helpTcp(c) : NF_ACCEPT;
  c.tracker.setTimeout(c.slot, c.parameters.sipTimeoutMs);
  const m = c.sip;
  m.offset = 0;
  m.size = c.to - c.from;
  return m.size < LEAST_MESSAGE ? NF_ACCEPT : message(c, m);
}

/** A segment may have several messages, each with its length; one that is not complete is not looked at. */
function helpTcp(c: HelpContext): number {
  c.tracker.setTimeout(c.slot, c.parameters.sipTimeoutMs);
  const m = c.sip;
  m.offset = 0;
  let verdict = NF_ACCEPT;
  let grown = 0;
  if (c.to - c.from < LEAST_MESSAGE) return NF_ACCEPT;
  c.mangler.isCounted = false;
  while (c.from + m.offset < c.to) {
    m.size = c.to - m.start;
    if (m.header(CONTENT_LENGTH, 0) !== FOUND) break;
    const content = m.numberAt(m.at);
    const body = bodyOf(m, m.at + m.length);
    if (body < 0) break;
    const size = body + content;
    if (size > m.size) {
      // the kernel leaves here without counting what grew before
      grown = 0;
      break;
    }
    m.size = size;
    verdict = message(c, m);
    if (verdict !== NF_ACCEPT) break;
    grown += m.size - size;
    m.offset += m.size;
  }
  c.mangler.isCounted = true;
  if (verdict === NF_ACCEPT && grown !== 0) c.mangler.count(grown);
  return verdict;
}

/** Place of what follows the empty line behind `from`; -1: there is none. */
function bodyOf(m: SipText, from: number): number {
  const { bytes, start, limit } = m;
  for (let i = start + from; i + 4 <= limit; i++)
    if (bytes[i] === CR && bytes[i + 1] === LF && bytes[i + 2] === CR && bytes[i + 3] === LF) return i + 4 - start;
  return -1;
}

function message(c: HelpContext, m: SipText): number {
  const verdict = m.begins(VERSION) ? response(c, m) : request(c, m);
  return verdict === NF_ACCEPT && c.isNatted ? mangleMessage(c, m) : verdict;
}

function request(c: HelpContext, m: SipText): number {
  // phones that send from another port than they listen on: answers have to go to the port that Via names
  if (m.uri(VIA_UDP) === FOUND && m.port !== sourcePort(c.own) && c.sameAddress(m.address, 0, c.own, T_SRC))
    c.help.data[FORCED_PORT] = m.port;
  for (const { name, request: handle } of METHODS) {
    if (m.size < name.length + 2 || !m.begins(name)) continue;
    const after = m.start + name.length;
    if (m.bytes[after] !== BLANK || !isLetter(m.bytes[after + 1]!)) continue;
    if (m.header(CSEQ, 0) !== FOUND) return NF_DROP;
    const cseq = m.numberAt(m.at);
    return c.number.isTooLong ? NF_DROP : handle(c, m, cseq);
  }
  return NF_ACCEPT;
}

function response(c: HelpContext, m: SipText): number {
  const code = m.numberAt(VERSION.length);
  if (code === 0 || m.header(CSEQ, 0) !== FOUND) return NF_DROP;
  const cseq = m.numberAt(m.at);
  if (c.number.isTooLong) return NF_DROP;
  const method = m.at + m.length + 1;
  for (const { name, response: handle } of METHODS)
    if (handle !== null && m.begins(name, method)) return handle(c, m, cseq, code);
  return NF_ACCEPT;
}

function isLetter(byte: number): boolean {
  return (byte | BLANK) >= 0x61 && (byte | BLANK) <= 0x7a;
}

/* calls */

function inviteRequest(c: HelpContext, m: SipText, cseq: number): number {
  flush(c, true);
  const verdict = sdpText(c, m);
  if (verdict === NF_ACCEPT) c.help.data[INVITE_CSEQ] = cseq;
  return verdict;
}

/** Also of UPDATE and PRACK: a refusal ends what the INVITE has announced. */
function inviteResponse(c: HelpContext, m: SipText, cseq: number, code: number): number {
  if (code >= 100 && code <= 299) return sdpText(c, m);
  if (c.help.data[INVITE_CSEQ] === (cseq | 0)) flush(c, true);
  return NF_ACCEPT;
}

function byeRequest(c: HelpContext): number {
  flush(c, true);
  return NF_ACCEPT;
}

/** Takes back what this connection expects: all media, or the one for signalling. */
function flush(c: HelpContext, media: boolean): void {
  for (let e = c.help.newest; e !== null; ) {
    const older: Expectation | null = e.olderOfMaster;
    if ((e.class !== CLASS_SIGNALLING) === media) {
      c.expectations.unrelate(e);
      if (!media) return;
    }
    e = older;
  }
}

/** Expects the streams that a SDP text announces (process_sdp). */
function sdpText(c: HelpContext, m: SipText): number {
  if (m.sdp(SDP_VERSION, null, 0) !== FOUND) return NF_ACCEPT;
  const sdp = m.at;
  const { media } = c;
  const hasCommonAddress = m.sdp(SDP_CONNECTION, SDP_MEDIA, sdp) === FOUND;
  if (hasCommonAddress) {
    media.common.set(m.address);
    media.address.set(m.address);
  }
  let at = sdp;
  let named = 0;
  while (named < MAX_MEDIA && m.sdp(SDP_MEDIA, null, at) === FOUND) {
    at = m.at;
    const klass = mediaClass(m);
    if (klass === 0) {
      at += m.length;
      continue;
    }
    const type = MEDIA_TYPES[klass - 1]!.length;
    at += type;
    const digits = m.length - type;
    const port = m.numberAt(at);
    if (port === 0) continue; // an inactive stream
    if (port < LEAST_PORT || port > MAX_PORT) return NF_DROP;
    // the stream's own address goes before that of the call
    const hasOwnAddress = m.sdp(SDP_CONNECTION, SDP_MEDIA, at) === FOUND;
    if (!hasOwnAddress && !hasCommonAddress) return NF_DROP;
    media.address.set(hasOwnAddress ? m.address : media.common);
    let verdict = expectStream(c, m, port, klass, at, digits);
    if (verdict !== NF_ACCEPT) return verdict;
    if (hasOwnAddress && c.isNatted) {
      verdict = mangleSdp(c, m, at, false);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    named++;
  }
  // without a stream the address that is written is the call's own, as it stood there
  return (named > 0 || hasCommonAddress) && c.isNatted ? mangleSdp(c, m, sdp, true) : NF_ACCEPT;
}

/** Class of the media line at hand; 0: another type, which needs no ports. */
function mediaClass(m: SipText): number {
  for (let i = 0; i < MEDIA_TYPES.length; i++) {
    const type = MEDIA_TYPES[i]!;
    if (m.length < type.length) continue;
    let k = 0;
    while (k < type.length && m.bytes[m.start + m.at + k] === type[k]) k++;
    if (k === type.length) return i + 1;
  }
  return 0;
}

/** Expects RTP and RTCP of a stream at `media.address` (set_expected_rtp_rtcp). `at`, `digits`: the port in the text. */
function expectStream(c: HelpContext, m: SipText, port: number, klass: number, at: number, digits: number): number {
  const { media, scratchTuple } = c;
  if (!isExpectable(c)) return NF_ACCEPT;
  const source = c.parameters.sipDirectMedia ? c.other : null;
  scratchTuple.fill(0);
  const proto = IPPROTO_UDP | (c.p.family << 8);
  for (let i = 0; i < 4; i++) {
    scratchTuple[T_SRC + i] = source === null ? 0 : source[T_SRC + i]!;
    scratchTuple[T_DST + i] = media.address[i]!;
  }
  scratchTuple[T_PROTO] = proto;
  scratchTuple[T_PORTS] = port;
  const found = findElsewhere(c, klass);
  const isDirect = (found & STREAM_DIRECT) !== 0;
  const base = scratchTuple[T_PORTS]! & 0xfffe;
  if (isDirect && manglePort(c, m, at, digits, base) !== NF_ACCEPT) return NF_DROP;
  if ((found & STREAM_KNOWN) !== 0) return NF_ACCEPT;
  const rtp = c.make();
  const rtcp = c.make();
  c.expectations.init(rtp, klass, proto, source, T_SRC, -1, media.address, 0, base);
  c.expectations.init(rtcp, klass, proto, source, T_SRC, -1, media.address, 0, base + 1);
  if (c.isNatted && !isDirect) return expectMedia(c, m, rtp, rtcp, at, digits);
  // the same stream may be announced on several connections, or twice with other types
  const first = c.relate(rtp, true);
  if (first !== RELATE_OK) c.expectations.discard(rtp);
  if (first !== RELATE_OK && first !== RELATE_ALREADY) {
    c.expectations.discard(rtcp);
    return NF_DROP;
  }
  const second = c.relate(rtcp, true);
  if (second === RELATE_OK) return NF_ACCEPT;
  c.expectations.discard(rtcp);
  if (second === RELATE_ALREADY) return NF_ACCEPT;
  if (first === RELATE_OK) c.expectations.unrelate(rtp);
  return NF_DROP;
}

/** Whether a stream to `media.address` is any of this host's business. */
function isExpectable(c: HelpContext): boolean {
  const { media, parameters } = c;
  if (parameters.sipDirectMedia) return c.sameAddress(media.address, 0, c.own, T_SRC);
  // an end that is reached where the signalling leaves sends its media past this host
  return !parameters.sipExternalMedia || c.host.interfaceTo(c.p.family, media.address) !== c.p.outInterface;
}

/** What `findElsewhere` says: another connection expects it already; both ends can reach each other without NAT. */
const STREAM_KNOWN = 1;
const STREAM_DIRECT = 2;

/**
 * Whether another connection expects the stream of `scratchTuple`. One that expects it translated tells the final destination, which
 * then stands in `scratchTuple` and `media.address`.
 */
function findElsewhere(c: HelpContext, klass: number): number {
  const { scratchTuple, media, tracker } = c;
  const zones = tracker.table.zonesOf(c.slot);
  for (let result = 0; ; ) {
    const e = c.expectations.peek(scratchTuple, zones & 0xffff || zones >>> 16);
    if (e === null || e.master === c.slot || e.class !== klass) return result;
    if (tracker.table.coldOf(e.master).help?.helper !== c.help.helper) return result;
    const port = e.tuple[T_PORTS]! & 0xffff;
    const isMapped = !c.sameAddress(e.savedAddress, 0, e.tuple, T_DST) || e.savedPort !== port;
    if (!isMapped || !c.isNatted || (result & STREAM_DIRECT) !== 0) return result | STREAM_KNOWN;
    for (let i = 0; i < 4; i++) media.address[i] = scratchTuple[T_DST + i] = e.savedAddress[i]!;
    scratchTuple[T_PORTS] = e.savedPort;
    result |= STREAM_DIRECT;
  }
}

/* registrations */

/** Expects calls to the address that is registered, once the registrar agrees. */
function registerRequest(c: HelpContext, m: SipText, cseq: number): number {
  const status = c.tracker.table.words[(c.slot << RECORD_SHIFT) + R_STATUS]!;
  if ((status & IPS_EXPECTED) !== 0) return NF_ACCEPT;
  let expires = m.header(EXPIRES, 0) === FOUND ? m.numberAt(m.at) : 0;
  // registrations for somebody else are not supported
  if (m.uri(CONTACT) !== FOUND || !c.sameAddress(m.address, 0, c.own, T_SRC)) return NF_ACCEPT;
  const { at, length, port } = m;
  const protocol = m.transport(at + length);
  if (protocol === 0) return NF_ACCEPT;
  const parameter = m.numberParameter(EXPIRES_PARAMETER, at + length);
  if (parameter === MALFORMED) return NF_DROP;
  if (parameter === FOUND) expires = c.number.value;
  let verdict = NF_ACCEPT;
  if (expires !== 0) {
    const e = c.make();
    const proto = protocol | (c.p.family << 8);
    const caller = c.parameters.sipDirectSignalling ? c.other : null;
    c.expectations.init(e, CLASS_SIGNALLING, proto, caller, T_SRC, -1, m.address, 0, port);
    e.helper = c.help.helper;
    e.flags = EXPECT_PERMANENT | EXPECT_INACTIVE;
    verdict = c.isNatted ? expectSignalling(c, m, e, at, length) : c.expectOrDrop(e, NF_ACCEPT);
  }
  if (verdict === NF_ACCEPT) c.help.data[REGISTER_CSEQ] = cseq;
  return verdict;
}

function registerResponse(c: HelpContext, m: SipText, cseq: number, code: number): number {
  if (c.help.data[REGISTER_CSEQ] !== (cseq | 0) || (code >= 100 && code <= 199)) return NF_ACCEPT;
  if (code >= 200 && code <= 299) {
    const expires = m.header(EXPIRES, 0) === FOUND ? m.numberAt(m.at) : 0;
    const result = confirmBinding(c, m, expires);
    if (result !== BINDING_NONE) return result === BINDING_CONFIRMED ? NF_ACCEPT : NF_DROP;
  }
  flush(c, false);
  return NF_ACCEPT;
}

const BINDING_NONE = 0;
const BINDING_CONFIRMED = 1;
const BINDING_MALFORMED = 2;

/** Looks among the bindings that the registrar knows for the one that is expected, and lets calls come. */
function confirmBinding(c: HelpContext, m: SipText, expires: number): number {
  m.begin();
  for (;;) {
    const contact = m.nextUri(CONTACT);
    if (contact !== FOUND) return BINDING_NONE;
    if (!c.sameAddress(m.address, 0, c.own, T_DST)) continue;
    const after = m.at + m.length;
    const protocol = m.transport(after);
    if (protocol === 0) continue;
    const parameter = m.numberParameter(EXPIRES_PARAMETER, after);
    if (parameter === MALFORMED) return BINDING_MALFORMED;
    const seconds = parameter === FOUND ? c.number.value : expires;
    if (seconds === 0) return BINDING_NONE;
    if (activate(c, m, protocol, seconds)) return BINDING_CONFIRMED;
  }
}

function activate(c: HelpContext, m: SipText, protocol: number, seconds: number): boolean {
  for (let e = c.help.newest; e !== null; e = e.olderOfMaster) {
    if (e.class !== CLASS_SIGNALLING || (e.tuple[T_PROTO]! & 0xff) !== protocol) continue;
    if ((e.tuple[T_PORTS]! & 0xffff) !== m.port || !c.sameAddress(e.tuple, T_DST, m.address, 0)) continue;
    c.expectations.refresh(e, c.tracker.clockMs + seconds * 1000);
    e.flags &= ~EXPECT_INACTIVE;
    return true;
  }
  return false;
}
