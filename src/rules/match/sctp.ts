/** -m sctp: ports and chunks of an SCTP packet (RFC 9260). */
import { IPPROTO_SCTP, type Packet } from '../../wire/packet.js';
import { SCTP_ABORT, SCTP_DATA, SCTP_HEADER_LEN, SCTP_SHUTDOWN_COMPLETE } from '../../wire/sctp.js';
import type { RuleContext } from '../context.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { headerMissing } from '../kernel-checks.js';
import { listedPorts } from '../listed.js';
import { not } from '../values.js';
import { ALL_PORTS, givenPortText, inRange } from './given-ports.js';
import { headerOff, needsProtocol, type PortRange, readPortRange } from './ports.js';

/** Names by chunk type, in the order of types. */
const CHUNKS: ReadonlyMap<number, string> = new Map([
  [SCTP_DATA, 'DATA'],
  [1, 'INIT'],
  [2, 'INIT_ACK'],
  [3, 'SACK'],
  [4, 'HEARTBEAT'],
  [5, 'HEARTBEAT_ACK'],
  [SCTP_ABORT, 'ABORT'],
  [7, 'SHUTDOWN'],
  [8, 'SHUTDOWN_ACK'],
  [9, 'ERROR'],
  [10, 'COOKIE_ECHO'],
  [11, 'COOKIE_ACK'],
  [12, 'ECN_ECNE'],
  [13, 'ECN_CWR'],
  [SCTP_SHUTDOWN_COMPLETE, 'SHUTDOWN_COMPLETE'],
  [64, 'I_DATA'],
  [128, 'ASCONF_ACK'],
  [130, 'RE_CONFIG'],
  [132, 'PAD'],
  [192, 'FORWARD_TSN'],
  [193, 'ASCONF'],
  [194, 'I_FORWARD_TSN'],
]);
/** iptables' own numbers for the types above SHUTDOWN_COMPLETE, which its messages show. */
const LATER_CHUNKS = [64, 130, 132, 193, 128, 192, 194];

/** Letters of the flag bits, highest bit first. */
const FLAGS: ReadonlyMap<number, string> = new Map([
  [SCTP_DATA, '----IUBE'],
  [SCTP_ABORT, '-------T'],
  [SCTP_SHUTDOWN_COMPLETE, '-------T'],
  [64, '----IUBE'],
]);
const NO_FLAGS = '--------';

const MATCH_ANY = 0;
const MATCH_ALL = 1;
const MATCH_ONLY = 2;
const MODES = ['any', 'all', 'only'];

/** Flags wanted of one chunk type. */
export interface ChunkFlags {
  /** Flag bits that are looked at, and the value that they must have. */
  mask: number;
  value: number;
}

/** --chunk-types. */
export interface ChunkMatch {
  /** Index into MODES. */
  mode: number;
  invert: boolean;
  /** Chunk types, sorted; all 256 for `ALL`. */
  types: number[];
  /** By chunk type. */
  flags: Record<number, ChunkFlags>;
}

/** Options of -m sctp; null = not given. */
export interface SctpSpec {
  source: PortRange | null;
  destination: PortRange | null;
  chunks: ChunkMatch | null;
}

/** -m sctp. Behaviour: net/netfilter/xt_sctp.c sctp_mt. */
export const sctp: MatchExtension<SctpSpec> = {
  name: 'sctp',
  families: [2, 10],
  impliedBy: IPPROTO_SCTP,
  options: [
    portOption('source-port', 'sport'),
    portOption('destination-port', 'dport'),
    {
      name: 'chunk-types',
      args: 2,
      secondMissing: '--chunk-types requires two args',
      invert: true,
      repeatMessage: "Only one `--chunk-types' allowed",
    },
  ],
  init: () => ({ source: null, destination: null, chunks: null }),
  option(spec, option, value, invert, c) {
    if (option === 'chunk-types') {
      spec.chunks = readChunks(value, invert, c);
      return;
    }
    const range = readPortRange(value, IPPROTO_SCTP, c);
    if (range.from > range.to) c.fail('invalid portrange (min > max)', value);
    range.invert = invert;
    if (option === 'source-port') spec.source = range;
    else spec.destination = range;
  },
  save(spec) {
    const parts: string[] = [];
    if (spec.source !== null) parts.push(givenPortText('--sport', spec.source));
    if (spec.destination !== null) parts.push(givenPortText('--dport', spec.destination));
    if (spec.chunks !== null) parts.push(chunksText(spec.chunks, '--chunk-types ', false));
    return parts.join(' ');
  },
  list(spec, _family, numeric) {
    let text = ' sctp';
    if (spec.source !== null) text += listedPorts('spt', spec.source, IPPROTO_SCTP, numeric);
    if (spec.destination !== null) text += listedPorts('dpt', spec.destination, IPPROTO_SCTP, numeric);
    return spec.chunks === null ? text : `${text} ${chunksText(spec.chunks, '', numeric)}`;
  },
  refusedBy: (_spec, around) => needsProtocol('sctp', IPPROTO_SCTP, around),
  load(spec) {
    const source = spec.source ?? ALL_PORTS;
    const destination = spec.destination ?? ALL_PORTS;
    const test = spec.chunks === null ? null : new ChunkTest(spec.chunks);
    return (p, c) => {
      const at = headerOff(p, c, SCTP_HEADER_LEN, false);
      if (at < 0) return false;
      if (!inRange(p.view.getUint16(at), source) || !inRange(p.view.getUint16(at + 2), destination)) return false;
      return test === null || test.matches(p, c, at + SCTP_HEADER_LEN);
    };
  },
};

function portOption(name: string, alias: string) {
  return {
    name,
    aliases: [alias],
    args: 1 as const,
    invert: true,
    repeatMessage: `Only one \`--${name}' allowed`,
  };
}

/** The chunk test of one rule, with its tables. */
class ChunkTest {
  private readonly mode: number;
  private readonly invert: boolean;
  /** 1 = the type is in the list. */
  private readonly wanted = new Uint8Array(256);
  private readonly mask = new Uint8Array(256);
  private readonly value = new Uint8Array(256);
  private readonly wantedCount: number;
  /** Types seen so far in this packet (mode `all`): the packet's number, so that nothing has to be cleared. */
  private readonly seen = new Int32Array(256);
  private round = 0;

  constructor(chunks: ChunkMatch) {
    this.mode = chunks.mode;
    this.invert = chunks.invert;
    // The kernel's map has room for 2048 types: what iptables sets for ALL is never found whole.
    this.wantedCount = chunks.types.length === 256 ? 2048 : chunks.types.length;
    for (const type of chunks.types) this.wanted[type] = 1;
    for (const [type, flags] of Object.entries(chunks.flags)) {
      this.mask[Number(type)] = flags.mask;
      this.value[Number(type)] = flags.value;
    }
  }

  /**
   * Walks the chunks from `first`. A chunk without a whole header, or of length 0, drops the packet, unless the answer came
   * before; there must be at least one chunk.
   */
  matches(p: Packet, c: RuleContext, first: number): boolean {
    const { mode, wanted, mask, value, seen, invert } = this;
    const round = this.nextRound();
    let missing = this.wantedCount;
    let at = first;
    do {
      const length = p.end - at < 4 ? 0 : p.view.getUint16(at + 2);
      // The kernel's inversion comes after its hotdrop, which wins.
      if (length === 0) return headerMissing(p, c) !== invert;
      const type = p.bytes[at] as number;
      const fits = wanted[type] !== 0 && ((p.bytes[at + 1] as number) & (mask[type] as number)) === value[type];
      if (mode === MATCH_ANY && fits) return !invert;
      if (mode === MATCH_ONLY && !fits) return invert;
      if (fits && seen[type] !== round) {
        seen[type] = round;
        missing--;
      }
      at += (length + 3) & ~3;
    } while (at < p.end);
    return (mode === MATCH_ONLY || (mode === MATCH_ALL && missing === 0)) !== invert;
  }

  private nextRound(): number {
    if (this.round === 0x3fffffff) {
      this.round = 0;
      this.seen.fill(0);
    }
    return ++this.round;
  }
}

/** `MODE LIST`: LIST is ALL, NONE, or names with commas, each with flags behind a colon. */
function readChunks(text: string, invert: boolean, c: OptionContext): ChunkMatch {
  const blank = text.indexOf(' ');
  const list = text.slice(blank + 1);
  const mode = MODES.indexOf(text.slice(0, blank).toLowerCase());
  if (mode < 0) c.fail('Match type has to be one of "ALL", "ANY" or "ONLY"', text);
  const chunks: ChunkMatch = { mode, invert, types: [], flags: {} };
  const upper = list.toUpperCase();
  if (upper === 'NONE') return chunks;
  if (upper === 'ALL') {
    chunks.types = Array.from({ length: 256 }, (_, type) => type);
    return chunks;
  }
  const types = new Set<number>();
  for (const word of list.split(',')) {
    if (word !== '') types.add(readChunk(word, chunks.flags, c));
  }
  chunks.types = [...types].sort((a, b) => a - b);
  return chunks;
}

function readChunk(word: string, flags: Record<number, ChunkFlags>, c: OptionContext): number {
  const colon = word.indexOf(':');
  const name = colon < 0 ? word : word.slice(0, colon);
  const type = chunkType(name);
  if (type < 0) c.fail(`Unknown sctp chunk \`${name}'`, word);
  const letters = FLAGS.get(type) ?? NO_FLAGS;
  for (const letter of colon < 0 ? '' : word.slice(colon + 1)) {
    const place = letters.indexOf(letter.toUpperCase());
    const later = LATER_CHUNKS.indexOf(type);
    if (place < 0)
      c.fail(`Invalid flags for chunk type ${later < 0 ? type : SCTP_SHUTDOWN_COMPLETE + 1 + later}`, word);
    // iptables 1.8.9 checks flags of I_DATA and the like, but files them under a wrong type: they have no effect.
    if (later >= 0) continue;
    const bit = 1 << (7 - place);
    const f = flags[type] ?? { mask: 0, value: 0 };
    f.mask |= bit;
    if (letter !== letter.toLowerCase()) f.value |= bit;
    flags[type] = f;
  }
  return type;
}

function chunkType(name: string): number {
  for (const [type, known] of CHUNKS) {
    if (known === name.toUpperCase()) return type;
  }
  return -1;
}

function chunksText(chunks: ChunkMatch, option: string, numeric: boolean): string {
  const head = `${not(chunks.invert)}${option}${MODES[chunks.mode]} `;
  if (chunks.types.length === 256) return head + 'ALL';
  if (chunks.types.length === 0) return head + 'NONE';
  const names = chunks.types.map((type) => {
    const flags = chunks.flags[type];
    const name = numeric ? `0x${type.toString(16).toUpperCase().padStart(4, '0')}` : CHUNKS.get(type);
    return name + (flags === undefined ? '' : ':' + flagsText(FLAGS.get(type) ?? NO_FLAGS, flags));
  });
  return head + names.join(',');
}

function flagsText(letters: string, flags: ChunkFlags): string {
  let text = '';
  for (let place = 0; place < 8; place++) {
    const bit = 1 << (7 - place);
    const letter = letters[place] as string;
    if ((flags.mask & bit) !== 0) text += (flags.value & bit) !== 0 ? letter : letter.toLowerCase();
  }
  return text;
}
