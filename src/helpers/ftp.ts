/**
 * FTP: the control connection announces data connections - PORT and EPRT from the client, the answers to PASV and EPSV from the
 * server (nf_conntrack_ftp.c, nf_nat_ftp.c; RFC 959, RFC 1123 section 4.1.2.6, RFC 2428).
 *
 * Commands count only at the beginning of a line. A segment begins a line if it begins where an earlier one of its direction ended
 * with a newline; the last two such places are remembered. The first segment of a direction therefore never counts.
 *
 * Words of ConnHelp.data, for each direction three: how many places, and the places.
 */
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import { AF_INET, AF_INET6, IPPROTO_TCP, T_DST, T_SRC } from '../wire/packet.js';
import type { HelpContext, Helper } from './helper.js';
import { isDigit, readAddress6, sameAnyCase, word } from './text.js';

/** Places after a newline that are remembered (NUM_SEQ_TO_REMEMBER). */
const PLACES = 2;
const DIRECTION_WORDS = 1 + PLACES;

const CR = 0x0d;
const NEWLINE = 0x0a;
const BLANK = 0x20;
const COMMA = 0x2c;
const DOT = 0x2e;
const ZERO = 0x30;
const ONE = 0x31;
const TWO = 0x32;
const PARENTHESIS = 0x28;
const BAR = 0x7c;
const LAST_PRINTABLE = 126;

const PORT_WORD = word('port');
const EPRT_WORD = word('eprt');
const PASV_WORD = word('227 ');
const EPSV_WORD = word('229 ');

/** Forms of an announcement. */
const NO_COMMAND = 0;
const PORT = 1;
const PASV = 2;
const EPRT = 3;
const EPSV = 4;
/** A command that is there by its word, but cannot be read. */
const PARTIAL = 5;

/** The `ftp` helper. Data connections to other addresses than the peer's own are expected with the module's `loose=1` only. */
export const ftp: Helper = {
  name: 'ftp',
  protocols: [IPPROTO_TCP],
  families: [AF_INET, AF_INET6],
  ports: [21],
  policies: [{ maxExpected: 1, timeoutMs: 300_000 }],
  natModule: 'nf_nat_ftp',
  help: helpFtp,
};

function helpFtp(c: HelpContext): number {
  if (!c.isEstablished || c.from >= c.to) return NF_ACCEPT;
  const seq = c.p.view.getInt32(c.p.l4Off + 4);
  const end = (seq + c.to - c.from) | 0;
  const endsLine = c.p.bytes[c.to - 1] === NEWLINE;
  let verdict = NF_ACCEPT;
  if (isLineStart(c, seq)) {
    const command = c.direction === 0 ? readCommand(c) : readAnswer(c);
    // tracking would lose a data connection that the peers may agree on
    if (command === PARTIAL) return NF_DROP;
    if (command !== NO_COMMAND) verdict = announce(c, command);
  }
  if (endsLine) noteLineEnd(c, end);
  return verdict;
}

/**
 * Reads a client's command; the form, and what it says in `c.found`. In `search` order: the first word that is there decides, also
 * where it cannot be read to its end.
 */
function readCommand(c: HelpContext): number {
  const port = afterWord(c, PORT_WORD, BLANK);
  if (port === c.to) return PARTIAL;
  if (port > 0) return readNumbers(c, port, CR) ? PORT : PARTIAL;
  const eprt = afterWord(c, EPRT_WORD, BLANK);
  if (eprt === c.to) return PARTIAL;
  if (eprt > 0) return readExtended(c, eprt) ? EPRT : PARTIAL;
  return NO_COMMAND;
}

/** Reads a server's answer. */
function readAnswer(c: HelpContext): number {
  const { bytes } = c.p;
  let pasv = afterWord(c, PASV_WORD, 0);
  if (pasv === c.to) return PARTIAL;
  if (pasv > 0) {
    // RFC 1123: the place is where the first digit is; some servers leave the parentheses out
    while (pasv < c.to && !isDigit(bytes[pasv])) pasv++;
    return pasv < c.to && readNumbers(c, pasv, 0) ? PASV : PARTIAL;
  }
  const epsv = afterWord(c, EPSV_WORD, PARENTHESIS);
  if (epsv === c.to) return PARTIAL;
  if (epsv > 0) return readExtendedAnswer(c, epsv) ? EPSV : PARTIAL;
  return NO_COMMAND;
}

/**
 * The place behind a word at the payload's beginning, and behind the byte `skip` that follows it somewhere (0: nothing is skipped);
 * 0: the word is not there; `c.to`: the payload ends before it is complete.
 */
function afterWord(c: HelpContext, text: Uint8Array, skip: number): number {
  const { bytes } = c.p;
  const there = c.to - c.from;
  if (there <= text.length) return sameAnyCase(bytes, c.from, text, there) ? c.to : 0;
  if (!sameAnyCase(bytes, c.from, text, text.length)) return 0;
  let at = c.from + text.length;
  if (skip === 0) return at;
  while (bytes[at] !== skip) if (++at >= c.to) return c.to;
  return at + 1;
}

/** Six numbers with commas; `term` has to follow, 0: whatever is no number may. */
function readNumbers(c: HelpContext, at: number, term: number): boolean {
  const { found } = c;
  const n = found.numbers;
  const length = readSeparated(c, at, 6, COMMA, term);
  if (length === 0) return false;
  found.at = at;
  found.length = length;
  // over IPv6 the kernel takes them for the beginning of the client's address, which so is somebody else's
  found.family = c.p.family;
  for (let i = 0; i < 4; i++) found.address[i] = c.own[T_SRC + i]!;
  found.address[0] = (n[0]! << 24) | (n[1]! << 16) | (n[2]! << 8) | n[3]!;
  // numbers above 255 are not refused: the port is what remains of the sum
  found.port = ((n[4]! << 8) | n[5]!) & 0xffff;
  return true;
}

/** Reads `count` numbers into `c.found.numbers`; the length of their text, 0: they are not there, or not followed by `term`. */
function readSeparated(c: HelpContext, at: number, count: number, separator: number, term: number): number {
  const { bytes } = c.p;
  const { numbers } = c.found;
  numbers.fill(0);
  let n = 0;
  for (let i = at; i < c.to && n < count; i++) {
    const byte = bytes[i]!;
    if (isDigit(byte)) numbers[n] = Math.imul(numbers[n]!, 10) + byte - ZERO;
    else if (byte === separator) n++;
    else return (byte === term || term === 0) && n === count - 1 ? i - at : 0;
  }
  return 0;
}

/** `|1|10.0.0.1|6275|` or `|2|2001:db8::1|6275|`: any printable byte but a digit may be the bar (RFC 2428). */
function readExtended(c: HelpContext, at: number): boolean {
  const { bytes, family } = c.p;
  const { found } = c;
  if (c.to - at <= 3) return false;
  const bar = bytes[at]!;
  if (!isBar(bar) || bytes[at + 2] !== bar) return false;
  if (bytes[at + 1] !== (family === AF_INET ? ONE : TWO)) return false;
  found.at = at;
  found.family = family;
  let length: number;
  if (family === AF_INET) {
    length = readSeparated(c, at + 3, 4, DOT, bar);
    const n = found.numbers;
    found.address.fill(0);
    found.address[0] = (n[0]! << 24) | (n[1]! << 16) | (n[2]! << 8) | n[3]!;
  } else length = readAddress6(bytes, at + 3, c.to, bar, found.address);
  return length > 0 && readPort(c, at + 3 + length + 1, bar);
}

/** `|||6446|` of an answer to EPSV: the address is the server's own. */
function readExtendedAnswer(c: HelpContext, at: number): boolean {
  const { bytes } = c.p;
  if (c.to - at <= 3) return false;
  const bar = bytes[at]!;
  if (!isBar(bar) || bytes[at + 1] !== bar || bytes[at + 2] !== bar) return false;
  c.found.at = at;
  c.found.family = 0;
  return readPort(c, at + 3, bar);
}

function isBar(byte: number): boolean {
  return !isDigit(byte) && byte > BLANK && byte <= LAST_PRINTABLE;
}

/** A port at `at`, followed by `bar`; the announcement ends there. */
function readPort(c: HelpContext, at: number, bar: number): boolean {
  const { bytes } = c.p;
  let port = 0;
  for (let i = at; i < c.to; i++) {
    const byte = bytes[i]!;
    if (byte === bar) {
      c.found.port = port;
      c.found.length = i + 1 - c.found.at;
      return port !== 0;
    }
    if (!isDigit(byte)) return false;
    port = (port * 10 + byte - ZERO) & 0xffff;
  }
  return false;
}

/** Expects the data connection that `c.found` announces. */
function announce(c: HelpContext, form: number): number {
  const { found, own, other } = c;
  const { family } = c.p;
  let destination = other;
  let at = T_DST;
  if (found.family !== 0 && !c.sameAddress(found.address, 0, own, T_SRC)) {
    // somebody else's address: a hole in the firewall that the peer has no right to ask for
    if (!c.parameters.ftpLoose) return NF_ACCEPT;
    destination = found.address;
    at = 0;
  }
  const e = c.make();
  c.expectations.init(e, 0, IPPROTO_TCP | (family << 8), other, T_SRC, -1, destination, at, found.port);
  if (!c.isNatted) return c.expectOrDrop(e, NF_ACCEPT);
  e.savedPort = found.port;
  e.direction = c.direction ^ 1;
  e.expectfn = c.nat.followMaster;
  const port = c.relateFreePort(e, found.port);
  if (port === 0) return NF_DROP;
  writeAnnouncement(c, form, port);
  if (c.mangler.replace(found.at, found.length)) return NF_ACCEPT;
  c.expectations.unrelate(e);
  return NF_DROP;
}

/** What the other side is told: the address that it knows this one by. */
function writeAnnouncement(c: HelpContext, form: number, port: number): void {
  const { other } = c;
  const text = c.mangler.begin();
  if (form === PORT || form === PASV) {
    text.address4(other[T_DST]!, COMMA).byte(COMMA);
    text
      .decimal(port >> 8)
      .byte(COMMA)
      .decimal(port & 0xff);
    return;
  }
  if (form === EPSV) text.byte(BAR).byte(BAR);
  else if (c.p.family === AF_INET) text.byte(BAR).byte(ONE).byte(BAR).address4(other[T_DST]!);
  else text.byte(BAR).byte(TWO).byte(BAR).address6(other, T_DST);
  text.byte(BAR).decimal(port).byte(BAR);
}

function isLineStart(c: HelpContext, seq: number): boolean {
  const { data } = c.help;
  const base = c.direction * DIRECTION_WORDS;
  for (let i = 0; i < data[base]!; i++) if (data[base + 1 + i] === seq) return true;
  return false;
}

/** Remembers that a line ends before `seq`; forgets the older of two. */
function noteLineEnd(c: HelpContext, seq: number): void {
  const { data } = c.help;
  const base = c.direction * DIRECTION_WORDS;
  if (isLineStart(c, seq)) return;
  const count = data[base]!;
  if (count < PLACES) {
    data[base + 1 + count] = seq;
    data[base] = count + 1;
  } else data[base + 1 + (((data[base + 1]! - data[base + 2]!) | 0) < 0 ? 0 : 1)] = seq;
}
