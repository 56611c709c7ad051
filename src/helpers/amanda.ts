/**
 * Amanda: a backup client answers on the request's UDP connection with the TCP ports of its streams (nf_conntrack_amanda.c,
 * nf_nat_amanda.c):
 *
 *     CONNECT DATA 50011 MESG 50012 INDEX 50013
 */
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, T_DST, T_SRC } from '../wire/packet.js';
import type { HelpContext, Helper } from './helper.js';
import { find, word } from './text.js';

const MAX_DIGITS = 5;

const CONNECT = word('CONNECT ');
const NEWLINE = word('\n');
const STREAMS = ['DATA ', 'MESG ', 'INDEX ', 'STATE '].map(word);

/** The `amanda` helper. */
export const amanda: Helper = {
  name: 'amanda',
  protocols: [IPPROTO_UDP],
  families: [AF_INET, AF_INET6],
  ports: [10080],
  policies: [{ maxExpected: 4, timeoutMs: 180_000 }],
  natModule: 'nf_nat_amanda',
  help,
};

function help(c: HelpContext): number {
  if (c.direction === 0) return NF_ACCEPT;
  c.tracker.setTimeout(c.slot, c.parameters.amandaTimeoutMs);
  const { p, number } = c;
  const connect = find(p.bytes, c.from, c.to, CONNECT);
  if (connect < 0) return NF_ACCEPT;
  const start = connect + CONNECT.length - c.from;
  let stop = find(p.bytes, c.from + start, c.to, NEWLINE) - c.from;
  if (stop < 0) return NF_ACCEPT;
  let verdict = NF_ACCEPT;
  for (const stream of STREAMS) {
    let at = find(p.bytes, c.from + start, c.from + stop, stream);
    if (at < 0) continue;
    at += stream.length;
    const length = number.read(p.bytes, at, Math.min(at + MAX_DIGITS, c.from + stop)) - at;
    const port = number.value & 0xffff;
    if (port === 0) break;
    const before = c.to - c.from;
    // one that is refused costs the packet, but the others are expected all the same
    if (announce(c, at, length, port) !== NF_ACCEPT) verdict = NF_DROP;
    stop += c.to - c.from - before;
  }
  return verdict;
}

function announce(c: HelpContext, at: number, length: number, port: number): number {
  const original = c.tuples[0];
  const e = c.make();
  c.expectations.init(e, 0, IPPROTO_TCP | (c.p.family << 8), original, T_SRC, -1, original, T_DST, port);
  if (!c.isNatted) return c.expectOrDrop(e, NF_ACCEPT);
  e.savedPort = port;
  e.direction = 0;
  e.expectfn = c.nat.followMaster;
  const free = c.relateFreePort(e, port);
  if (free === 0) return NF_DROP;
  c.mangler.begin().decimal(free);
  if (c.mangler.replace(at, length)) return NF_ACCEPT;
  c.expectations.unrelate(e);
  return NF_DROP;
}
