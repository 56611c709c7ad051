/**
 * `-o save`: connections as a list of conntrack(8) commands, which `conntrack -R` and --load-table read back.
 * `-g` stands for -r where the destination was translated, `-n` for -q where the source was.
 */
import { canonicalAddress } from './address.js';
import { FlowError, type LinePlace, parseUnsigned, quoted } from './error.js';
import { formatOrigin } from './event.js';
import { protocolName, protocolNumber, stateNames, stateNumber, statusBit, statusNames, tupleKind } from './names.js';
import { type LineTail, readTail } from './parse-line.js';
import {
  type FlowEvent,
  type FlowEventType,
  type FlowRecord,
  type FlowTuple,
  isTranslated,
  newRecord,
  PROTO_DCCP,
  PROTO_ICMP,
  PROTO_ICMPV6,
  PROTO_SCTP,
  plainTuple,
  STATUS_ASSURED,
  STATUS_CONFIRMED,
  STATUS_EXPECTED,
  STATUS_FIXED_TIMEOUT,
  STATUS_HW_OFFLOAD,
  STATUS_OFFLOAD,
  STATUS_SEEN_REPLY,
} from './record.js';
import { splitWords, type Word } from './words.js';

/** The status bits that `-u` takes; the others are the kernel's own business. */
const SETTABLE =
  STATUS_EXPECTED | STATUS_SEEN_REPLY | STATUS_ASSURED | STATUS_FIXED_TIMEOUT | STATUS_OFFLOAD | STATUS_HW_OFFLOAD;

const COMMAND: Record<FlowEventType, string> = { NEW: '-A', UPDATE: '-U', DESTROY: '-D' };
const TYPES: readonly FlowEventType[] = ['NEW', 'UPDATE', 'DESTROY'];

/** A connection as `conntrack -L -o save` prints it, without the line end. Mark, labels and helper have no place in it. */
export function formatSaveLine(r: FlowRecord, command = '-A'): string {
  let s = r.timeout === null ? `${command} -u ` : `${command} -t ${r.timeout} -u `;
  s += statusText(r.status & SETTABLE);
  if (r.zoneOriginal === r.zoneReply) {
    if (r.zoneOriginal) s += ` -w ${r.zoneOriginal}`;
  } else {
    if (r.zoneOriginal) s += ` --orig-zone ${r.zoneOriginal}`;
    if (r.zoneReply) s += ` --reply-zone ${r.zoneReply}`;
  }
  s += ` -s ${r.original.source} -d ${r.original.destination}`;
  s += ` ${isTranslated(r, false) ? '-g' : '-r'} ${r.reply.source}`;
  s += ` ${isTranslated(r, true) ? '-n' : '-q'} ${r.reply.destination}`;
  const name = protocolName(r.protocol);
  s += ` -p ${name === 'unknown' ? r.protocol : name}${transport(r)}`;
  if (r.state !== null) s += ` --state ${stateNames(r.protocol)[r.state] ?? 'UNKNOWN'}`;
  return r.vtags ? `${s} --orig-vtag ${r.vtags.original} --reply-vtag ${r.vtags.reply}` : s;
}

function statusText(status: number): string {
  if (status === 0) return 'UNSET';
  if (status === (STATUS_SEEN_REPLY | STATUS_ASSURED)) return 'SEEN_REPLY,ASSURED';
  return status === STATUS_SEEN_REPLY ? 'SEEN_REPLY' : statusNames(status).join(',');
}

/** An event as `conntrack -E -o save` prints it. */
export function formatSaveEvent(e: FlowEvent): string {
  return formatSaveLine(e.record, COMMAND[e.type]) + formatOrigin(e);
}

function transport(r: FlowRecord): string {
  const o = r.original;
  const back = r.reply;
  // DCCP is not tracked any more and its ports (always 0) are left out.
  if (r.protocol === PROTO_DCCP) return '';
  if (o.ports && back.ports) {
    const reply = ` --reply-port-src ${back.ports.source} --reply-port-dst ${back.ports.destination}`;
    return ` --sport ${o.ports.source} --dport ${o.ports.destination}${reply}`;
  }
  if (o.icmp) {
    const v = r.protocol === PROTO_ICMPV6 ? 'icmpv6' : 'icmp';
    return ` --${v}-type ${o.icmp.type} --${v}-code ${o.icmp.code} --${v}-id ${o.icmp.id}`;
  }
  if (!o.keys || !back.keys) return '';
  const reply = ` --reply-key-src ${back.keys.source} --reply-key-dst ${back.keys.destination}`;
  return ` --srckey ${o.keys.source} --dstkey ${o.keys.destination}${reply}`;
}

/** Query types and their replies (both kernels' invmap tables). */
const ICMP_PAIRS: readonly (readonly [number, number])[] = [
  [8, 0],
  [13, 14],
  [15, 16],
  [17, 18],
];
const ICMPV6_PAIRS: readonly (readonly [number, number])[] = [
  [128, 129],
  [139, 140],
];

/** The tuple of the answering direction where nothing is translated. */
export function invertTuple(t: FlowTuple, protocol: number): FlowTuple {
  const back = plainTuple(t.destination, t.source);
  if (t.ports) back.ports = { source: t.ports.destination, destination: t.ports.source };
  if (t.keys) back.keys = { source: t.keys.destination, destination: t.keys.source };
  if (t.icmp) back.icmp = { ...t.icmp, type: invertIcmpType(t.icmp.type, protocol) };
  return back;
}

function invertIcmpType(type: number, protocol: number): number {
  for (const [query, reply] of protocol === PROTO_ICMP ? ICMP_PAIRS : ICMPV6_PAIRS) {
    if (type === query) return reply;
    if (type === reply) return query;
  }
  return type;
}

/** Short and long names of the options, by the name used below. */
const OPTIONS: Record<string, string> = {
  '-t': 'timeout',
  '--timeout': 'timeout',
  '-u': 'status',
  '--status': 'status',
  '-w': 'zone',
  '--zone': 'zone',
  '--orig-zone': 'orig-zone',
  '--reply-zone': 'reply-zone',
  '-s': 'src',
  '--src': 'src',
  '--orig-src': 'src',
  '-d': 'dst',
  '--dst': 'dst',
  '--orig-dst': 'dst',
  '-r': 'reply-src',
  '--reply-src': 'reply-src',
  '-g': 'reply-src',
  '--dst-nat': 'reply-src',
  '-q': 'reply-dst',
  '--reply-dst': 'reply-dst',
  '-n': 'reply-dst',
  '--src-nat': 'reply-dst',
  '-p': 'protocol',
  '--protonum': 'protocol',
  '-m': 'mark',
  '--mark': 'mark',
  '-l': 'labels',
  '--label': 'labels',
  '--sport': 'sport',
  '--orig-port-src': 'sport',
  '--dport': 'dport',
  '--orig-port-dst': 'dport',
  '--reply-port-src': 'reply-sport',
  '--reply-port-dst': 'reply-dport',
  '--state': 'state',
  '--icmp-type': 'type',
  '--icmp-code': 'code',
  '--icmp-id': 'icmp-id',
  '--icmpv6-type': 'type',
  '--icmpv6-code': 'code',
  '--icmpv6-id': 'icmp-id',
  '--srckey': 'srckey',
  '--orig-key-src': 'srckey',
  '--dstkey': 'dstkey',
  '--orig-key-dst': 'dstkey',
  '--reply-key-src': 'reply-srckey',
  '--reply-key-dst': 'reply-dstkey',
  '--orig-vtag': 'orig-vtag',
  '--reply-vtag': 'reply-vtag',
};

/** Options that say that an address was translated. */
const NAT_OPTIONS: readonly string[] = ['-n', '--src-nat', '-g', '--dst-nat'];

/** A connection from a line that `-o save` printed (or one written by hand in the same options). */
export function parseSaveLine(text: string, place: LinePlace): FlowRecord {
  const words = splitWords(text);
  const command = words[0];
  if (!command || !/^(-A|-I|--add|--create)$/.test(command.text)) {
    throw new FlowError('expected a line that begins with -A or -I', place.file, place.line, command?.column ?? 1);
  }
  return readOptions(words, words.length, place);
}

/** An event from a line that `conntrack -E -o save` printed. */
export function parseSaveEvent(text: string, place: LinePlace): FlowEvent {
  const words = splitWords(text);
  const type = TYPES.find((t) => COMMAND[t] === words[0]?.text);
  if (type === undefined) {
    throw new FlowError('expected -A, -U or -D', place.file, place.line, words[0]?.column ?? 1);
  }
  const tail: LineTail = { userspace: false, portid: null, progname: null };
  const found = words.findIndex((w) => w.text === '[USERSPACE]');
  const end = found < 0 ? words.length : found;
  for (let i = end; i < words.length; i++) readTail(words[i], tail, place);
  return {
    type,
    record: readOptions(words, end, place),
    timestampUs: null,
    portid: tail.portid,
    progname: tail.progname,
  };
}

function readOptions(words: Word[], end: number, place: LinePlace): FlowRecord {
  const options = new Map<string, Word>();
  for (let i = 1; i < end; i += 2) {
    const { text: word, column } = words[i];
    const name = Object.hasOwn(OPTIONS, word) ? OPTIONS[word] : undefined;
    if (!name) throw new FlowError(`unknown option ${quoted(word)}`, place.file, place.line, column);
    if (i + 1 >= end) throw new FlowError(`${word} needs a value`, place.file, place.line, column);
    options.set(name, words[i + 1]);
    if (NAT_OPTIONS.includes(word)) options.set('is-nat', words[i]);
  }
  return new SaveReader(options, place).read();
}

class SaveReader {
  private readonly options: Map<string, Word>;
  private readonly place: LinePlace;

  constructor(options: Map<string, Word>, place: LinePlace) {
    this.options = options;
    this.place = place;
  }

  private fail(message: string, column: number): never {
    throw new FlowError(message, this.place.file, this.place.line, column);
  }

  private number(name: string, max: number): number | null {
    const word = this.options.get(name);
    return word ? parseUnsigned(word.text, max, name, this.place, word.column) : null;
  }

  private address(name: string): string | null {
    const word = this.options.get(name);
    if (!word) return null;
    // A translation may carry its port: -g 192.0.2.2:8080 or -g [2001:db8::1]:8080.
    const bare = /^\[(.*)\](?::\d+)?$/.exec(word.text) ?? /^([\d.]+):\d+$/.exec(word.text);
    const text = canonicalAddress(bare ? bare[1] : word.text);
    if (text === null) this.fail(`${quoted(word.text)} is not an address`, word.column);
    return text;
  }

  private protocol(): number {
    const word = this.options.get('protocol');
    if (!word) return this.fail('-p is missing', 1);
    const known = protocolNumber(word.text);
    return known >= 0 ? known : parseUnsigned(word.text, 255, 'a protocol name or number', this.place, word.column);
  }

  private status(): number {
    const word = this.options.get('status');
    let status = 0;
    for (const name of word && word.text !== 'UNSET' ? word.text.split(',') : []) {
      if (name === 'UNSET') continue;
      const bit = statusBit(name);
      if (bit === 0) this.fail(`unknown status ${quoted(name)}`, word?.column ?? 1);
      status |= bit;
    }
    return status;
  }

  read(): FlowRecord {
    const protocol = this.protocol();
    const source = this.address('src') ?? this.fail('-s is missing', 1);
    const destination = this.address('dst') ?? this.fail('-d is missing', 1);
    const original = plainTuple(source, destination);
    this.transport(original, protocol, '');
    const reply = invertTuple(original, protocol);
    reply.source = this.address('reply-src') ?? reply.source;
    reply.destination = this.address('reply-dst') ?? reply.destination;
    for (const [name, text] of [
      ['dst', destination],
      ['reply-src', reply.source],
      ['reply-dst', reply.destination],
    ]) {
      if (text.includes(':') !== source.includes(':')) {
        this.fail('IPv4 and IPv6 addresses in one connection', this.options.get(name)?.column ?? 1);
      }
    }
    if (reply.ports) {
      reply.ports.source = this.number('reply-sport', 0xffff) ?? reply.ports.source;
      reply.ports.destination = this.number('reply-dport', 0xffff) ?? reply.ports.destination;
    }
    if (reply.keys) {
      reply.keys.source = this.number('reply-srckey', 0xffff) ?? reply.keys.source;
      reply.keys.destination = this.number('reply-dstkey', 0xffff) ?? reply.keys.destination;
    }
    const r = newRecord(source.includes(':') ? 10 : 2, protocol, original, reply);
    this.rest(r);
    // -r and -q with an address that does not mirror the original: known not to be a translation.
    if (!this.options.has('is-nat') && (isTranslated(r, true) || isTranslated(r, false))) r.status |= STATUS_CONFIRMED;
    return r;
  }

  private transport(t: FlowTuple, protocol: number, prefix: string): void {
    const get = (name: string, max = 0xffff): number => this.number(prefix + name, max) ?? 0;
    const kind = tupleKind(protocol);
    if (kind === 'ports') t.ports = { source: get('sport'), destination: get('dport') };
    if (kind === 'icmp') t.icmp = { type: get('type', 255), code: get('code', 255), id: get('icmp-id') };
    if (kind === 'keys') t.keys = { source: get('srckey'), destination: get('dstkey') };
  }

  private rest(r: FlowRecord): void {
    r.timeout = this.number('timeout', 0xffffffff);
    r.status = this.status();
    r.mark = this.number('mark', 0xffffffff);
    r.zoneOriginal = r.zoneReply = this.number('zone', 0xffff) ?? 0;
    r.zoneOriginal = this.number('orig-zone', 0xffff) ?? r.zoneOriginal;
    r.zoneReply = this.number('reply-zone', 0xffff) ?? r.zoneReply;
    const state = this.options.get('state');
    if (state) {
      r.state = stateNumber(r.protocol, state.text);
      if (r.state < 0) this.fail(`${protocolName(r.protocol)} has no state ${quoted(state.text)}`, state.column);
    }
    const labels = this.options.get('labels');
    if (labels) r.labels = labels.text.split(',');
    const a = this.number('orig-vtag', 0xffffffff);
    const b = this.number('reply-vtag', 0xffffffff);
    if (r.protocol === PROTO_SCTP && (a !== null || b !== null)) r.vtags = { original: a ?? 0, reply: b ?? 0 };
  }
}
