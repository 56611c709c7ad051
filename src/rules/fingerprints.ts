/**
 * Fingerprints of operating systems, pf.os: what a SYN's window, TTL, length and TCP options tell of its sender (nfnetlink_osf.c;
 * nfnl_osf(8) reads the file). A line is
 *
 *   window:TTL:DF:length:options:genre:version:subtype:description
 *
 * window: a number, `*` any, `%8192` a multiple of it, `S4` four times the MSS, `T4` four times the MTU. Options: M (MSS), N (no
 * operation), W (window scale), S (SACK permitted), T (time stamp), E (end) with commas; their values are not compared.
 */
import type { Packet } from '../wire/packet.js';

/** How `--ttl` has TTLs compared. */
export const OSF_TTL_EXACT = 0;
export const OSF_TTL_LESS = 1;
export const OSF_TTL_ANY = 2;

const WINDOW_PLAIN = 0;
const WINDOW_MSS = 1;
const WINDOW_MTU = 2;
const WINDOW_MODULO = 3;

/** Kind and length of the options by their letters. */
const OPTIONS: Readonly<Record<string, readonly [kind: number, length: number]>> = {
  M: [2, 4],
  N: [1, 1],
  W: [3, 3],
  S: [4, 2],
  T: [8, 10],
  E: [0, 1],
};
const KIND_MSS = 2;
const FIELDS = 9;
const TCP_HEADER_LEN = 20;
const TCP_SYN = 2;
const MAX_OPTIONS = 40;
/** An MSS on Ethernet, and what some modems make of it. */
const COMMON_MSS = 1460;
const MODEM_MSS = 1448;
const HEADERS = 40;
const NAME_MAX = 31;

interface Fingerprint {
  genre: string;
  df: boolean;
  ttl: number;
  length: number;
  windowKind: number;
  window: number;
  kinds: readonly number[];
  lengths: readonly number[];
  optionsLen: number;
}

/** A line that is no fingerprint; `line` from 1. */
export class FingerprintError extends Error {
  constructor(
    message: string,
    readonly line: number,
  ) {
    super(message);
    this.name = 'FingerprintError';
  }
}

/** The fingerprints of a file. */
export class Fingerprints {
  private readonly all: Fingerprint[] = [];

  /**
   * Reads a file's text.
   * @throws FingerprintError
   */
  constructor(text: string) {
    for (const [i, row] of text.split(/\r?\n/).entries()) {
      const line = row.replace(/#.*/, '').trim();
      if (line !== '') this.all.push(readLine(line, i + 1));
    }
  }

  /** Whether a SYN is one of a genre, '' = any that is known. `ttl`: OSF_TTL_ constant. */
  match(p: Packet, genre: string, ttl: number): boolean {
    const at = p.l4Off;
    if (at < 0 || at + TCP_HEADER_LEN > p.end) return false;
    const view = p.view;
    if ((view.getUint8(at + 13) & TCP_SYN) === 0) return false;
    const optionsLen = Math.max(0, (view.getUint8(at + 12) >> 4) * 4 - TCP_HEADER_LEN);
    if (at + TCP_HEADER_LEN + optionsLen > p.end) return false;
    const df = (view.getUint8(p.l3Off + 6) & 0x40) !== 0;
    const packetTtl = view.getUint8(p.l3Off + 8);
    const all = this.all;
    for (let i = 0; i < all.length; i++) {
      const f = all[i]!;
      if (f.df !== df || f.length !== p.l3Len || f.optionsLen !== optionsLen || (genre !== '' && f.genre !== genre))
        continue;
      if (ttl === OSF_TTL_EXACT ? packetTtl !== f.ttl : ttl === OSF_TTL_LESS && packetTtl > f.ttl) continue;
      if (fits(f, p, at)) return true;
    }
    return false;
  }
}

/** Options and window. */
function fits(f: Fingerprint, p: Packet, tcp: number): boolean {
  const view = p.view;
  let at = tcp + TCP_HEADER_LEN;
  let mss = 0;
  for (let i = 0; i < f.kinds.length; i++) {
    const kind = f.kinds[i]!;
    if (view.getUint8(at) !== kind) return false;
    if (kind === KIND_MSS) mss = view.getUint16(at + 2);
    at += f.lengths[i]!;
  }
  const window = view.getUint16(tcp + 14);
  const by = f.window;
  switch (f.windowKind) {
    case WINDOW_MSS:
      return window === by * mss || window === by * COMMON_MSS || window === by * MODEM_MSS;
    case WINDOW_MTU:
      return (
        window === by * (mss + HEADERS) ||
        window === by * (COMMON_MSS + HEADERS) ||
        window === by * (MODEM_MSS + HEADERS)
      );
    case WINDOW_MODULO:
      return window % by === 0;
    default:
      return by === 0 || window === by;
  }
}

function readLine(line: string, number: number): Fingerprint {
  const fields = line.split(/:\s*/);
  if (fields.length !== FIELDS)
    throw new FingerprintError(`expected ${FIELDS} fields with ":" between, got ${fields.length}`, number);
  const [window, ttl, df, length, options, genre] = fields as [string, string, string, string, string, string];
  const kinds: number[] = [];
  const lengths: number[] = [];
  for (const word of options.split(',')) {
    const option = OPTIONS[word[0] ?? ''];
    if (option === undefined) continue;
    kinds.push(option[0]);
    lengths.push(option[1]);
  }
  const optionsLen = lengths.reduce((a, b) => a + b, 0);
  if (optionsLen > MAX_OPTIONS)
    throw new FingerprintError(`${optionsLen} bytes of options, at most ${MAX_OPTIONS}`, number);
  return {
    ...readWindow(window, number),
    genre: genre.replace(/^[@*]/, '').slice(0, NAME_MAX),
    df: decimal(df) !== 0,
    ttl: decimal(ttl),
    length: decimal(length),
    kinds,
    lengths,
    optionsLen,
  };
}

function readWindow(text: string, line: number): { windowKind: number; window: number } {
  if (text[0] === 'S' || text[0] === 'T') {
    return { windowKind: text[0] === 'S' ? WINDOW_MSS : WINDOW_MTU, window: decimal(text.slice(1).replace(/^%/, '')) };
  }
  if (text[0] !== '%') return { windowKind: WINDOW_PLAIN, window: decimal(text) };
  const window = decimal(text.slice(1));
  if (window === 0) throw new FingerprintError('a window that is a multiple of 0', line);
  return { windowKind: WINDOW_MODULO, window };
}

/** As strtoul with base 10 reads it: 0 where there is no number. */
function decimal(text: string): number {
  return Number(/^\s*(\d+)/.exec(text)?.[1] ?? 0);
}
