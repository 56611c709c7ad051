/**
 * Lines back into records: any line of `conntrack -L` in its default and extended forms, of /proc/net/nf_conntrack and of the
 * older /proc/net/ip_conntrack. One parser serves all: the forms differ only in which fields are there.
 */
import { formatAddress, parseAddress } from './address.js';
import { FlowError, type LinePlace, parseUnsigned, quoted, splitWords, type Word } from './error.js';
import { protocolName, protocolNumber, stateNames, stateNumber, tupleKind } from './names.js';
import {
  type FlowCounters,
  type FlowRecord,
  type FlowTuple,
  newRecord,
  PROTO_DCCP,
  plainTuple,
  STATUS_ASSURED,
  STATUS_HW_OFFLOAD,
  STATUS_OFFLOAD,
  STATUS_SEEN_REPLY,
} from './record.js';
import { parseCtime } from './time.js';

const U16 = 0xffff;
const U32 = 0xffffffff;

/** One tuple while its words are read. */
export class TupleReader {
  source = '';
  destination = '';
  family: 0 | 2 | 10 = 0;
  /** Number of transport fields by name: sport dport type code id srckey dstkey. */
  readonly fields = new Map<string, number>();
  /** Where it began, for messages. */
  readonly column: number;

  constructor(column: number) {
    this.column = column;
  }

  /** The finished tuple; a FlowError where a field is missing. `lenient`: no transport part is fine too. */
  finish(protocol: number, lenient: boolean, place: LinePlace): FlowTuple {
    const t = plainTuple(this.source, this.destination);
    const need = (name: string): number => {
      const value = this.fields.get(name);
      if (value === undefined) throw new FlowError(`${name}= is missing`, place.file, place.line, this.column);
      return value;
    };
    if (this.destination === '') throw new FlowError('dst= is missing', place.file, place.line, this.column);
    const kind = tupleKind(protocol);
    if (kind === 'none' || (lenient && this.fields.size === 0)) return t;
    if (kind === 'ports') t.ports = { source: need('sport'), destination: need('dport') };
    else if (kind === 'icmp') t.icmp = { type: need('type'), code: need('code'), id: need('id') };
    else t.keys = { source: need('srckey'), destination: need('dstkey') };
    return t;
  }
}

const TUPLE_FIELDS: Record<string, number> = {
  sport: U16,
  dport: U16,
  type: 255,
  code: 255,
  id: U16,
  srckey: U16,
  dstkey: U16,
};

/** Reads `src=`, `dst=` or a transport field into a tuple; false: the name is none of these. */
export function readTupleField(t: TupleReader, name: string, value: string, place: LinePlace, column: number): boolean {
  if (name === 'src' || name === 'dst') {
    const parsed = parseAddress(value);
    if (parsed === null) throw new FlowError(`${quoted(value)} is not an address`, place.file, place.line, column);
    if (t.family !== 0 && t.family !== parsed.family) {
      throw new FlowError('IPv4 and IPv6 addresses in one tuple', place.file, place.line, column);
    }
    t.family = parsed.family;
    const text = formatAddress(parsed.family, parsed.words);
    if (name === 'src') t.source = text;
    else t.destination = text;
    return true;
  }
  const max = TUPLE_FIELDS[name];
  if (max === undefined) return false;
  t.fields.set(name, parseUnsigned(value, max, name, place, column));
  return true;
}

/** What a line says after the connection itself: only event lines have it. */
export interface LineTail {
  userspace: boolean;
  portid: number | null;
  progname: string | null;
}

/** Reads a word of the end of an event: `[USERSPACE]`, `portid=`, `progname=`. */
export function readTail(word: Word, tail: LineTail, place: LinePlace): void {
  const { text, column } = word;
  if (text === '[USERSPACE]') {
    tail.userspace = true;
    return;
  }
  const eq = text.indexOf('=');
  const name = text.slice(0, Math.max(eq, 0));
  if (name !== 'portid' && name !== 'progname') {
    throw new FlowError(`expected [USERSPACE], got ${quoted(text)}`, place.file, place.line, column);
  }
  if (!tail.userspace) throw new FlowError(`${name}= without [USERSPACE]`, place.file, place.line, column);
  if (name === 'progname') tail.progname = text.slice(eq + 1);
  else tail.portid = parseUnsigned(text.slice(eq + 1), U32, name, place, column + eq + 1);
}

/** A connection from a line; FlowError says what is wrong and where. `firstColumn`: column of the first character. */
export function parseFlowLine(text: string, place: LinePlace, firstColumn = 1): FlowRecord {
  return new LineReader(splitWords(text, firstColumn), place, null).read();
}

/** As parseFlowLine, for the words of an event line, whose tail goes into `tail`. */
export function parseFlowWords(words: Word[], place: LinePlace, tail: LineTail | null): FlowRecord {
  return new LineReader(words, place, tail).read();
}

/** As parseFlowLine for a line of /proc/net/nf_conntrack, whose `use` counts the reader. */
export function parseProcLine(text: string, place: LinePlace): FlowRecord {
  const r = parseFlowLine(text, place);
  if (r.use !== null && r.use > 0) r.use -= 1;
  return r;
}

class LineReader {
  private readonly words: Word[];
  private readonly place: LinePlace;
  private readonly tail: LineTail | null;
  private at = 0;
  private readonly tuples: TupleReader[] = [];
  private readonly counts: (FlowCounters | null)[] = [null, null];
  private replied = true;
  private r: FlowRecord = newRecord(2, 0, plainTuple('', ''), plainTuple('', ''));

  constructor(words: Word[], place: LinePlace, tail: LineTail | null) {
    this.words = words;
    this.place = place;
    this.tail = tail;
  }

  read(): FlowRecord {
    const family = this.readLayer3();
    this.readLayer4();
    this.readTiming();
    for (; this.at < this.words.length; this.at++) this.readWord(this.words[this.at]);
    this.finish(family);
    return this.r;
  }

  private fail(message: string, word: Word | undefined): never {
    const last = this.words[this.words.length - 1];
    const column = word ? word.column : last ? last.column + last.text.length : 1;
    throw new FlowError(message, this.place.file, this.place.line, column);
  }

  private number(word: Word, skip: number, max: number, what: string): number {
    return parseUnsigned(word.text.slice(skip), max, what, this.place, word.column + skip);
  }

  private readLayer3(): 0 | 2 | 10 {
    const word = this.words[0];
    if (word?.text !== 'ipv4' && word?.text !== 'ipv6') return 0;
    const family = word.text === 'ipv4' ? 2 : 10;
    if (this.words[1]?.text !== String(family)) this.fail(`expected ${family} after ${word.text}`, this.words[1]);
    this.at = 2;
    return family;
  }

  private readLayer4(): void {
    const name = this.words[this.at];
    const number = this.words[this.at + 1];
    if (!name || !/^[a-z][a-z0-9-]*$/.test(name.text)) {
      this.fail(`expected a protocol name${name ? `, got ${quoted(name.text)}` : ''}`, name);
    }
    if (!number) this.fail('expected the protocol number', undefined);
    this.r.protocol = this.number(number, 0, 255, 'the protocol number');
    const known = protocolNumber(name.text);
    if (known >= 0 && known !== this.r.protocol) {
      this.fail(`${name.text} is protocol ${known}, not ${this.r.protocol}`, number);
    }
    if (known < 0 && name.text !== 'unknown') this.fail(`unknown protocol name ${quoted(name.text)}`, name);
    this.at += 2;
  }

  private readTiming(): void {
    let word: Word | undefined = this.words[this.at];
    if (word && /^\d+$/.test(word.text)) {
      this.r.timeout = this.number(word, 0, U32, 'the timeout');
      word = this.words[++this.at];
    }
    if (!word || !/^[A-Z][A-Z0-9_]*$/.test(word.text)) return;
    const state = stateNumber(this.r.protocol, word.text);
    // Kernels that still tracked DCCP gave it states; they mean nothing now.
    if (state < 0 && this.r.protocol !== PROTO_DCCP) {
      const known = stateNames(this.r.protocol).join(' ');
      const which = protocolName(this.r.protocol);
      this.fail(`${which} has no state ${quoted(word.text)}${known ? ` (it has ${known})` : ''}`, word);
    }
    if (state >= 0) this.r.state = state;
    this.at++;
  }

  private readWord(word: Word): void {
    if (word.text.startsWith('[')) {
      this.readBracket(word);
      return;
    }
    if (word.text === 'labels') {
      // Some are set, and none of them has a name.
      this.r.labels = [''];
      return;
    }
    const eq = word.text.indexOf('=');
    if (eq <= 0) this.fail(`expected NAME=VALUE, got ${quoted(word.text)}`, word);
    const name = word.text.slice(0, eq);
    const value = word.text.slice(eq + 1);
    if (name === 'src') {
      if (this.tuples.length === 2) this.fail('a third src=', word);
      this.tuples.push(new TupleReader(word.column));
    }
    const tuple = this.tuples[this.tuples.length - 1];
    // The connection's own id= follows both tuples; an ICMP tuple has one too, and it comes first.
    const ownId = name === 'id' && (tupleKind(this.r.protocol) !== 'icmp' || tuple?.fields.has('id') === true);
    if (!ownId && (name in TUPLE_FIELDS || name === 'dst') && !tuple) this.fail(`${name}= before src=`, word);
    if (!ownId && tuple && readTupleField(tuple, name, value, this.place, word.column + eq + 1)) return;
    this.readField(name, value, word, eq + 1);
  }

  private readField(name: string, value: string, word: Word, skip: number): void {
    const r = this.r;
    switch (name) {
      case 'packets':
      case 'bytes':
        this.readCounter(name, word, skip);
        return;
      case 'zone-orig':
        r.zoneOriginal = this.number(word, skip, U16, name);
        return;
      case 'zone-reply':
        r.zoneReply = this.number(word, skip, U16, name);
        return;
      case 'zone':
        r.zoneOriginal = r.zoneReply = this.number(word, skip, U16, name);
        return;
      case 'mark':
        r.mark = this.number(word, skip, U32, name);
        return;
      case 'use':
        r.use = this.number(word, skip, U32, name);
        return;
      case 'id':
        r.id = this.number(word, skip, U32, name);
        return;
      case 'delta-time':
        r.ageSeconds = this.number(word, skip, Number.MAX_SAFE_INTEGER, name);
        return;
      case 'secctx':
        r.secctx = value;
        return;
      case 'helper':
        r.helper = value;
        return;
      case 'labels':
        r.labels = value === '' ? [] : value.split(',');
        return;
      case 'secmark': // old kernels; secctx says more
        this.number(word, skip, U32, name);
        return;
      case 'timeout':
      case 'stream_timeout':
        this.readGreTimeout(name, word, skip);
        return;
      case 'portid':
      case 'progname':
        if (this.tail === null) this.fail(`${name}= without [USERSPACE]`, word);
        readTail(word, this.tail, this.place);
        return;
      default:
        this.fail(`unknown field ${quoted(name)}`, word);
    }
  }

  private readCounter(name: 'packets' | 'bytes', word: Word, skip: number): void {
    const direction = this.tuples.length - 1;
    if (direction < 0) this.fail(`${name}= before src=`, word);
    let c = this.counts[direction];
    if (c === null) {
      c = { packets: 0, bytes: 0 };
      this.counts[direction] = c;
    }
    c[name] = this.number(word, skip, Number.MAX_SAFE_INTEGER, name);
  }

  private readGreTimeout(name: string, word: Word, skip: number): void {
    const text = word.text.endsWith(',') ? word.text.slice(0, -1) : word.text;
    const value = this.number({ text, column: word.column }, skip, U32, name);
    if (this.r.greTimeouts === null) this.r.greTimeouts = { timeout: 0, stream: 0 };
    if (name === 'timeout') this.r.greTimeouts.timeout = value;
    else this.r.greTimeouts.stream = value;
  }

  private readBracket(word: Word): void {
    const r = this.r;
    const time = /^\[(start|stop)=(.*)\]$/.exec(word.text);
    if (time) {
      const ns = parseCtime(time[2]);
      if (ns === null) this.fail(`expected a time such as "Sat Nov 21 09:08:33 2026", got ${quoted(time[2])}`, word);
      if (time[1] === 'start') r.startNs = ns;
      else r.stopNs = ns;
    } else if (word.text === '[UNREPLIED]') this.replied = false;
    else if (word.text === '[ASSURED]') r.status |= STATUS_ASSURED;
    else if (word.text === '[OFFLOAD]') r.status |= STATUS_OFFLOAD;
    else if (word.text === '[HW_OFFLOAD]') r.status |= STATUS_HW_OFFLOAD;
    else if (word.text === '[USERSPACE]' && this.tail) readTail(word, this.tail, this.place);
    else this.fail(`unknown flag ${quoted(word.text)}`, word);
  }

  private finish(family: 0 | 2 | 10): void {
    const r = this.r;
    if (this.tuples.length < 2) this.fail(this.tuples.length === 0 ? 'no src=' : 'no second src=', undefined);
    const [original, reply] = this.tuples;
    const lenient = r.protocol === PROTO_DCCP;
    r.original = original.finish(r.protocol, lenient, this.place);
    r.reply = reply.finish(r.protocol, lenient, this.place);
    r.family = original.family as 2 | 10;
    if (reply.family !== original.family || (family !== 0 && family !== original.family)) {
      const at = { text: '', column: family !== 0 && family !== original.family ? original.column : reply.column };
      this.fail('addresses of another family than the rest of the line', at);
    }
    if (this.replied) r.status |= STATUS_SEEN_REPLY;
    const [a, b] = this.counts;
    if (a || b) r.counters = { original: a ?? { packets: 0, bytes: 0 }, reply: b ?? { packets: 0, bytes: 0 } };
  }
}
