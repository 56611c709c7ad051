/**
 * IRC: a client tells another one, by way of the server, where it takes a direct connection (DCC; nf_conntrack_irc.c, nf_nat_irc.c):
 *
 *     PRIVMSG bob :\1DCC SEND file 167837698 45001 1000\1
 *
 * with the address as one number. The other one may come from anywhere.
 */
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import { AF_INET, IPPROTO_TCP, T_DST, T_SRC } from '../wire/packet.js';
import type { HelpContext, Helper } from './helper.js';
import { beginsWith, beginsWithAnyCase, word } from './text.js';

/** Bytes of a segment that are searched at most. */
const MAX_SEARCH = 4095;
/** Bytes that a message needs behind the command's beginning, and behind the place where " :" may stand. */
const LEAST_COMMAND = 10;
const LEAST_MESSAGE = 26;
/** Bytes that "AAAAAAAA P\1\n" needs. */
const LEAST_ADDRESS = 12;
const BLANK = 0x20;
const NEWLINE = 0x0a;
const CR = 0x0d;

const PRIVMSG = word('privmsg ');
const MESSAGE = word(' :');
const DCC = word('\x01DCC ');
const VERBS = ['SEND ', 'CHAT ', 'MOVE ', 'TSEND ', 'SCHAT '].map(word);

/** The `irc` helper. */
export const irc: Helper = {
  name: 'irc',
  protocols: [IPPROTO_TCP],
  families: [AF_INET],
  ports: [6667],
  policies: [{ maxExpected: 8, timeoutMs: 300_000 }],
  policiesOf: (p) => [{ maxExpected: p.ircChannels, timeoutMs: p.ircTimeoutMs }],
  natModule: 'nf_nat_irc',
  help,
};

function help(c: HelpContext): number {
  if (c.direction === 1 || !c.isEstablished || c.from >= c.to) return NF_ACCEPT;
  const { bytes } = c.p;
  const end = Math.min(c.to, c.from + MAX_SEARCH);
  let at = c.from;
  while (at < end && (bytes[at] === BLANK || bytes[at] === NEWLINE || bytes[at] === CR)) at++;
  if (at < end - LEAST_COMMAND) {
    if (!beginsWithAnyCase(bytes, at, end, PRIVMSG)) return NF_ACCEPT;
    at += PRIVMSG.length;
  }
  return search(c, at, end);
}

function search(c: HelpContext, from: number, end: number): number {
  const { bytes } = c.p;
  for (let at = from; ; ) {
    while (at < end - LEAST_MESSAGE && !beginsWith(bytes, at, end, MESSAGE)) at++;
    if (at >= end - LEAST_MESSAGE) return NF_ACCEPT;
    at += MESSAGE.length;
    if (!beginsWith(bytes, at, end, DCC)) return NF_ACCEPT;
    at += DCC.length;
    for (const verb of VERBS) {
      if (!beginsWith(bytes, at, end, verb)) continue;
      // what cannot be believed ends the search; only an unknown verb lets it go on
      return readDcc(c, at + verb.length, end) && isOwn(c) ? announce(c) : NF_ACCEPT;
    }
  }
}

/** Reads `NAME ADDRESS PORT` up to a newline into `c.found`. */
function readDcc(c: HelpContext, from: number, end: number): boolean {
  const { bytes } = c.p;
  const { found } = c;
  let at = from;
  while (bytes[at++] !== BLANK) if (at > end - LEAST_ADDRESS) return false;
  let newline = at;
  while (newline < end && bytes[newline] !== NEWLINE) newline++;
  if (newline >= end) return false;
  const { number } = c;
  found.at = at;
  at = number.read(bytes, at, end);
  found.address[0] = number.value | 0;
  while (at < end && bytes[at] === BLANK) at++;
  at = number.read(bytes, at, end);
  found.port = number.value & 0xffff;
  found.length = at - found.at;
  return true;
}

/** Whether the client named itself, by its own address or by the one that it has outside. */
function isOwn(c: HelpContext): boolean {
  const address = c.found.address[0]!;
  return c.found.port !== 0 && (c.own[T_SRC] === address || c.other[T_DST] === address);
}

function announce(c: HelpContext): number {
  const { found, other } = c;
  const e = c.make();
  c.expectations.init(e, 0, IPPROTO_TCP | (AF_INET << 8), null, 0, -1, other, T_DST, found.port);
  if (!c.isNatted) return c.expectOrDrop(e, NF_ACCEPT);
  e.savedPort = found.port;
  e.direction = 1;
  e.expectfn = c.nat.followMaster;
  const port = c.relateFreePort(e, found.port);
  if (port === 0) return NF_DROP;
  c.mangler
    .begin()
    .decimal(c.tuples[1][T_DST]! >>> 0)
    .byte(BLANK)
    .decimal(port);
  if (c.mangler.replace(found.at, found.length)) return NF_ACCEPT;
  c.expectations.unrelate(e);
  return NF_DROP;
}
