/**
 * Lines back into records: any line of `conntrack -L` in its default and extended forms, of /proc/net/nf_conntrack and of the
 * older /proc/net/ip_conntrack. One parser serves all: the forms differ only in which fields are there.
 */
import { FlowError, type LinePlace, parseUnsigned, quoted } from './error.js';
import { protocolName, protocolNumber, stateNames, stateNumber, tupleKind } from './names.js';
import { isTupleNumber, TupleReader } from './parse-tuple.js';
import {
  type FlowCounters,
  type FlowRecord,
  newRecord,
  PROTO_DCCP,
  plainTuple,
  STATUS_ASSURED,
  STATUS_HW_OFFLOAD,
  STATUS_OFFLOAD,
  STATUS_SEEN_REPLY,
} from './record.js';
import { parseCtime } from './time.js';
import { ownText, type Word, WordScanner } from './words.js';

const U16 = 0xffff;
const U32 = 0xffffffff;

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
  if (name === 'progname') tail.progname = ownText(text.slice(eq + 1));
  else tail.portid = parseUnsigned(text.slice(eq + 1), U32, name, place, column + eq + 1);
}

/** A connection from a line; FlowError says what is wrong and where. */
export function parseFlowLine(text: string, place: LinePlace): FlowRecord {
  return new LineReader(text, 0, place, null).read();
}

/** As parseFlowLine, for an event's line from the place where the connection begins; the line's end goes into `tail`. */
export function parseFlowFrom(text: string, from: number, place: LinePlace, tail: LineTail): FlowRecord {
  return new LineReader(text, from, place, tail).read();
}

/** As parseFlowLine for a line of /proc/net/nf_conntrack, whose `use` counts the reader. */
export function parseProcLine(text: string, place: LinePlace): FlowRecord {
  const r = parseFlowLine(text, place);
  if (r.use !== null && r.use > 0) r.use -= 1;
  return r;
}

class LineReader {
  private readonly scan: WordScanner;
  private readonly place: LinePlace;
  private readonly tail: LineTail | null;
  private original: TupleReader | null = null;
  private reply: TupleReader | null = null;
  private originalCounters: FlowCounters | null = null;
  private replyCounters: FlowCounters | null = null;
  private replied = true;
  private readonly r: FlowRecord = newRecord(2, 0, NO_TUPLE, NO_TUPLE);

  constructor(text: string, from: number, place: LinePlace, tail: LineTail | null) {
    this.scan = new WordScanner(text, from);
    this.place = place;
    this.tail = tail;
  }

  read(): FlowRecord {
    const { scan } = this;
    scan.next();
    const family = this.readLayer3();
    this.readLayer4();
    for (let more = this.readTiming(); more; more = scan.next()) this.readWord();
    this.finish(family);
    return this.r;
  }

  private failAt(message: string, column: number): never {
    throw new FlowError(message, this.place.file, this.place.line, column);
  }

  /** Fails at the word, which behind the last one is the end of the line. */
  private fail(message: string): never {
    const { start, text } = this.scan;
    return this.failAt(message, (start < text.length ? start : text.trimEnd().length) + 1);
  }

  /** The word's number from its character `skip` on. */
  private number(skip: number, max: number, what: string): number {
    const { text, start, end } = this.scan;
    let value = 0;
    for (let i = start + skip; i < end; i++) {
      const c = text.charCodeAt(i);
      if (c < 48 || c > 57) value = Number.NaN;
      else value = value * 10 + (c - 48);
    }
    if (value <= max && end > start + skip) return value;
    return parseUnsigned(text.slice(start + skip, end), max, what, this.place, start + skip + 1);
  }

  private readLayer3(): 0 | 2 | 10 {
    const { scan } = this;
    const word = scan.word();
    if (word !== 'ipv4' && word !== 'ipv6') return 0;
    const family = word === 'ipv4' ? 2 : 10;
    scan.next();
    if (scan.word() !== String(family)) this.fail(`expected ${family} after ${word}`);
    scan.next();
    return family;
  }

  private readLayer4(): void {
    const { scan } = this;
    const name = scan.word();
    const column = scan.start + 1;
    if (!/^[a-z][a-z0-9-]*$/.test(name)) {
      this.fail(`expected a protocol name${name === '' ? '' : `, got ${quoted(name)}`}`);
    }
    if (!scan.next()) this.fail('expected the protocol number');
    this.r.protocol = this.number(0, 255, 'the protocol number');
    const known = protocolNumber(name);
    if (known >= 0 && known !== this.r.protocol) this.fail(`${name} is protocol ${known}, not ${this.r.protocol}`);
    if (known < 0 && name !== 'unknown') this.failAt(`unknown protocol name ${quoted(name)}`, column);
  }

  /** Reads timeout and state; whether another word follows, at which the scanner then stands. */
  private readTiming(): boolean {
    const { scan } = this;
    if (!scan.next()) return false;
    const first = scan.text.charCodeAt(scan.start);
    if (first >= 48 && first <= 57 && isNumber(scan)) {
      this.r.timeout = this.number(0, U32, 'the timeout');
      if (!scan.next()) return false;
    }
    const c = scan.text.charCodeAt(scan.start);
    if (c < 65 || c > 90) return true;
    const word = scan.word();
    if (!/^[A-Z][A-Z0-9_]*$/.test(word)) return true;
    const state = stateNumber(this.r.protocol, word);
    // Kernels that still tracked DCCP gave it states; they mean nothing now.
    if (state < 0 && this.r.protocol !== PROTO_DCCP) {
      const known = stateNames(this.r.protocol).join(' ');
      this.fail(`${protocolName(this.r.protocol)} has no state ${quoted(word)}${known ? ` (it has ${known})` : ''}`);
    }
    if (state >= 0) this.r.state = state;
    return scan.next();
  }

  private readWord(): void {
    const { text, start, end } = this.scan;
    if (text.charCodeAt(start) === 91 /* [ */) {
      this.readBracket();
      return;
    }
    let eq = start;
    while (eq < end && text.charCodeAt(eq) !== 61 /* = */) eq++;
    if (eq === end || eq === start) {
      this.readBare();
      return;
    }
    const name = text.slice(start, eq);
    if (name === 'src') this.beginTuple();
    const t = this.reply ?? this.original;
    // The connection's own id= follows both tuples; an ICMP tuple has one too, and it comes first.
    const isOwnId = name === 'id' && (t === null || t.id >= 0 || tupleKind(this.r.protocol) !== 'icmp');
    if (t !== null) {
      if (!isOwnId && t.read(name, text.slice(eq + 1, end), this.place, eq + 2)) return;
    } else if (name === 'dst' || (isTupleNumber(name) && !(isOwnId && tupleKind(this.r.protocol) !== 'icmp'))) {
      this.fail(`${name}= before src=`);
    }
    this.readField(name, eq + 1 - start);
  }

  private readBare(): void {
    // Labels are set, and none of them has a name.
    if (this.scan.word() === 'labels') this.r.labels = [''];
    else this.fail(`expected NAME=VALUE, got ${quoted(this.scan.word())}`);
  }

  private beginTuple(): void {
    const t = new TupleReader(this.scan.start + 1);
    if (this.original === null) this.original = t;
    else if (this.reply === null) this.reply = t;
    else this.fail('a third src=');
  }

  private readField(name: string, skip: number): void {
    const { r, scan } = this;
    switch (name) {
      case 'packets':
      case 'bytes':
        this.readCounter(name, skip);
        return;
      case 'zone-orig':
        r.zoneOriginal = this.number(skip, U16, name);
        return;
      case 'zone-reply':
        r.zoneReply = this.number(skip, U16, name);
        return;
      case 'zone':
        r.zoneOriginal = r.zoneReply = this.number(skip, U16, name);
        return;
      case 'mark':
        r.mark = this.number(skip, U32, name);
        return;
      case 'use':
        r.use = this.number(skip, U32, name);
        return;
      case 'id':
        r.id = this.number(skip, U32, name);
        return;
      case 'delta-time':
        r.ageSeconds = this.number(skip, Number.MAX_SAFE_INTEGER, name);
        return;
      case 'secctx':
        r.secctx = this.value(skip);
        return;
      case 'helper':
        r.helper = this.value(skip);
        return;
      case 'labels':
        r.labels = this.value(skip) === '' ? [] : this.value(skip).split(',').map(ownText);
        return;
      case 'secmark': // old kernels; secctx says more
        this.number(skip, U32, name);
        return;
      case 'timeout':
      case 'stream_timeout':
        this.readGreTimeout(name, skip);
        return;
      case 'portid':
      case 'progname':
        if (this.tail === null) this.fail(`${name}= without [USERSPACE]`);
        readTail({ text: scan.word(), column: scan.start + 1 }, this.tail, this.place);
        return;
      default:
        this.fail(`unknown field ${quoted(name)}`);
    }
  }

  private value(skip: number): string {
    const { text, start, end } = this.scan;
    return ownText(text.slice(start + skip, end));
  }

  private readCounter(name: 'packets' | 'bytes', skip: number): void {
    const value = this.number(skip, Number.MAX_SAFE_INTEGER, name);
    if (this.reply !== null) {
      this.replyCounters ??= { packets: 0, bytes: 0 };
      this.replyCounters[name] = value;
    } else if (this.original !== null) {
      this.originalCounters ??= { packets: 0, bytes: 0 };
      this.originalCounters[name] = value;
    } else this.fail(`${name}= before src=`);
  }

  private readGreTimeout(name: string, skip: number): void {
    const word = this.value(skip);
    const digits = word.endsWith(',') ? word.slice(0, -1) : word;
    const value = parseUnsigned(digits, U32, name, this.place, this.scan.start + skip + 1);
    this.r.greTimeouts ??= { timeout: 0, stream: 0 };
    if (name === 'timeout') this.r.greTimeouts.timeout = value;
    else this.r.greTimeouts.stream = value;
  }

  private readBracket(): void {
    const { r, scan } = this;
    const word = scan.word();
    if (word === '[ASSURED]') r.status |= STATUS_ASSURED;
    else if (word === '[UNREPLIED]') this.replied = false;
    else if (word === '[OFFLOAD]') r.status |= STATUS_OFFLOAD;
    else if (word === '[HW_OFFLOAD]') r.status |= STATUS_HW_OFFLOAD;
    else if (word === '[USERSPACE]' && this.tail !== null) this.tail.userspace = true;
    else this.readTime(word);
  }

  private readTime(word: string): void {
    const time = /^\[(start|stop)=(.*)\]$/.exec(word);
    if (time === null) this.fail(`unknown flag ${quoted(word)}`);
    const ns = parseCtime(time[2]);
    if (ns === null) this.fail(`expected a time such as "Sat Nov 21 09:08:33 2026", got ${quoted(time[2])}`);
    if (time[1] === 'start') this.r.startNs = ns;
    else this.r.stopNs = ns;
  }

  private finish(family: 0 | 2 | 10): void {
    const { r, original, reply } = this;
    if (original === null || reply === null) this.fail(original === null ? 'no src=' : 'no second src=');
    const isLenient = r.protocol === PROTO_DCCP;
    r.original = original.finish(r.protocol, isLenient, this.place);
    r.reply = reply.finish(r.protocol, isLenient, this.place);
    r.family = original.family as 2 | 10;
    const isOther = family !== 0 && family !== original.family;
    if (isOther || reply.family !== original.family) {
      this.failAt('addresses of another family than the rest of the line', (isOther ? original : reply).column);
    }
    if (this.replied) r.status |= STATUS_SEEN_REPLY;
    const a = this.originalCounters;
    const b = this.replyCounters;
    if (a || b) r.counters = { original: a ?? { packets: 0, bytes: 0 }, reply: b ?? { packets: 0, bytes: 0 } };
  }
}

/** Stands in a record until its tuples are read. */
const NO_TUPLE = plainTuple('', '');

function isNumber(scan: WordScanner): boolean {
  for (let i = scan.start; i < scan.end; i++) {
    const c = scan.text.charCodeAt(i);
    if (c < 48 || c > 57) return false;
  }
  return true;
}
