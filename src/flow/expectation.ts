/** Expectations as lines: `conntrack -L expect`, and /proc/net/nf_conntrack_expect. */
import { FlowError, type LinePlace, parseUnsigned, quoted } from './error.js';
import { procAddress, tuple } from './line.js';
import { TupleReader } from './parse-tuple.js';
import {
  EXPECT_INACTIVE,
  EXPECT_PERMANENT,
  EXPECT_USERSPACE,
  type ExpectationRecord,
  type FlowTuple,
  PROTO_GRE,
  PROTO_TCP,
  plainTuple,
} from './record.js';
import { formatExpectationStamp, parseStamp } from './time.js';
import { splitWords, type Word } from './words.js';

const FLAGS: readonly (readonly [number, string])[] = [
  [EXPECT_PERMANENT, 'PERMANENT'],
  [EXPECT_INACTIVE, 'INACTIVE'],
  [EXPECT_USERSPACE, 'USERSPACE'],
];

/** Names of the classes of a helper's expectations, which /proc shows, by number. */
const CLASSES: ReadonlyMap<string, readonly string[]> = new Map([['sip', ['signalling', 'audio', 'video', 'image']]]);

/**
 * An expectation as `conntrack -L expect` prints it, without the line end. `timestampUs`: microseconds since the epoch, which
 * `-o timestamp` puts in front. The other forms of -o but xml change nothing.
 */
export function formatExpectationLine(e: ExpectationRecord, timestampUs: number | null = null): string {
  let s = timestampUs === null ? '' : formatExpectationStamp(timestampUs);
  if (e.timeout !== null) s += `${e.timeout} `;
  s += `proto=${e.protocol}${tuple(e.tuple)}${tuple(e.mask, 'mask-')}${tuple(e.master, 'master-')}`;
  if (e.zone) s += ` zone=${e.zone}`;
  const flags = flagNames(e.flags).join(',');
  if (flags !== '') s += ` ${flags}`;
  s += ` class=${e.class}`;
  return e.helper === null ? s : `${s} helper=${e.helper}`;
}

/** An expectation as /proc/net/nf_conntrack_expect shows it: of both families, without mask and master. */
export function formatProcExpectationLine(e: ExpectationRecord): string {
  const source = procAddress(e.tuple.source);
  const destination = procAddress(e.tuple.destination);
  let s = `${e.timeout ?? '-'} l3proto = ${e.family} proto=${e.protocol}${tuple({ ...e.tuple, source, destination })}`;
  const flags = flagNames(e.flags).join(',');
  if (flags !== '') s += ` ${flags}`;
  if (e.helper === null) return s;
  const name = CLASSES.get(e.helper)?.[e.class] ?? (e.class === 0 ? '' : String(e.class));
  return name === '' ? `${s} ${e.helper}` : `${s} ${e.helper}/${name}`;
}

function flagNames(flags: number): string[] {
  return FLAGS.filter((f) => flags & f[0]).map((f) => f[1]);
}

/** An expectation from a line of `conntrack -L expect`; FlowError says what is wrong and where. */
export function parseExpectationLine(text: string, place: LinePlace): ExpectationRecord {
  const words = splitWords(text);
  if (words.length > 0 && parseStamp(words[0].text) !== null) words.shift();
  return expectationFromWords(words, place);
}

/** An expectation from a line of /proc/net/nf_conntrack_expect. The addresses of mask and master, which it does not tell, are ''. */
export function parseProcExpectationLine(text: string, place: LinePlace): ExpectationRecord {
  const words = splitWords(text);
  const fail = (message: string, word: Word | undefined): never => {
    throw new FlowError(message, place.file, place.line, word?.column ?? text.length + 1);
  };
  if (words[1]?.text !== 'l3proto' || words[2]?.text !== '=') fail('expected TIMEOUT l3proto = FAMILY', words[1]);
  if (words[3]?.text !== '2' && words[3]?.text !== '10') fail('expected the family 2 or 10', words[3]);
  const [timeout] = words.splice(0, 4);
  const last = words[words.length - 1];
  const hasHelper =
    last !== undefined && !last.text.includes('=') && FLAGS.every((f) => f[1] !== last.text.split(',')[0]);
  const helper = hasHelper ? words.pop() : undefined;
  const e = readExpectation(words, place, 1);
  if (timeout.text !== '-') e.timeout = parseUnsigned(timeout.text, 0xffffffff, 'the timeout', place, timeout.column);
  if (helper !== undefined) readHelper(e, helper, place);
  return e;
}

/** `sip/audio`, `ftp`, `x/3`. */
function readHelper(e: ExpectationRecord, word: Word, place: LinePlace): void {
  const slash = word.text.indexOf('/');
  e.helper = slash < 0 ? word.text : word.text.slice(0, slash);
  if (slash < 0) return;
  const name = word.text.slice(slash + 1);
  const known = (CLASSES.get(e.helper) ?? []).indexOf(name);
  e.class = known >= 0 ? known : parseUnsigned(name, 0xffffffff, 'the class', place, word.column + slash + 1);
}

/** The same from words. The three tuples come one after the other: the expected one, its mask, the master's. */
export function expectationFromWords(words: Word[], place: LinePlace): ExpectationRecord {
  return readExpectation(words, place, 3);
}

function readExpectation(words: Word[], place: LinePlace, tupleCount: 1 | 3): ExpectationRecord {
  const fail = (message: string, column: number): never => {
    throw new FlowError(message, place.file, place.line, column);
  };
  const tuples: TupleReader[] = [];
  let timeout: number | null = null;
  let protocol = -1;
  let zone = 0;
  let flags = 0;
  let klass = 0;
  let helper: string | null = null;
  for (let i = 0; i < words.length; i++) {
    const { text, column } = words[i];
    const eq = text.indexOf('=');
    if (eq < 0) {
      if (i === 0) timeout = parseUnsigned(text, 0xffffffff, 'the timeout', place, column);
      else flags |= parseFlags(text, place, column);
      continue;
    }
    const name = text.slice(0, eq);
    const value = text.slice(eq + 1);
    const valueColumn = column + eq + 1;
    const isField = tupleCount === 3;
    if (name === 'proto') protocol = parseUnsigned(value, 255, name, place, valueColumn);
    else if (isField && name === 'zone') zone = parseUnsigned(value, 0xffff, name, place, valueColumn);
    else if (isField && name === 'class') klass = parseUnsigned(value, 0xffffffff, name, place, valueColumn);
    else if (isField && name === 'helper') helper = value;
    else {
      const field = name.replace(/^(mask|master)-/, '');
      if (field === 'src') tuples.push(new TupleReader(column));
      const current = tuples[tuples.length - 1];
      if (!current?.read(field, value, place, valueColumn)) {
        fail(`unknown field ${quoted(name)}`, column);
      }
    }
  }
  const end = words.length > 0 ? words[words.length - 1].column : 1;
  if (protocol < 0) fail('proto= is missing', end);
  if (tuples.length !== tupleCount) {
    fail(
      `expected ${tupleCount === 3 ? 'three tuples (expected, mask-, master-)' : 'one tuple'}, got ${tuples.length}`,
      end,
    );
  }
  const finish = (t: TupleReader | undefined, p: number): FlowTuple => t?.finish(p, true, place) ?? plainTuple('', '');
  return {
    family: tuples[0].family === 10 ? 10 : 2,
    protocol,
    timeout,
    tuple: tuples[0].finish(protocol, true, place),
    mask: finish(tuples[1], protocol),
    master: finish(tuples[2], tuples.length < 3 ? protocol : masterProtocol(tuples[2], protocol)),
    zone,
    flags,
    class: klass,
    helper,
  };
}

/** The line does not name the master's protocol; its fields tell which form its tuple has. */
function masterProtocol(t: TupleReader, protocol: number): number {
  if (t.sport >= 0) return PROTO_TCP;
  if (t.srckey >= 0) return PROTO_GRE;
  return protocol;
}

function parseFlags(text: string, place: LinePlace, column: number): number {
  let flags = 0;
  for (const name of text.split(',')) {
    const flag = FLAGS.find((f) => f[1] === name);
    if (!flag) throw new FlowError(`unknown flag ${quoted(name)}`, place.file, place.line, column);
    flags |= flag[0];
  }
  return flags;
}
