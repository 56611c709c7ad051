/** Expectations as lines: `conntrack -L expect`, and /proc/net/nf_conntrack_expect. */
import { FlowError, type LinePlace, parseUnsigned, splitWords, type Word } from './error.js';
import { tuple } from './line.js';
import { readTupleField, TupleReader } from './parse-line.js';
import {
  EXPECT_INACTIVE,
  EXPECT_PERMANENT,
  EXPECT_USERSPACE,
  type ExpectationRecord,
  PROTO_GRE,
  PROTO_TCP,
} from './record.js';

const FLAGS: readonly (readonly [number, string])[] = [
  [EXPECT_PERMANENT, 'PERMANENT'],
  [EXPECT_INACTIVE, 'INACTIVE'],
  [EXPECT_USERSPACE, 'USERSPACE'],
];

/** An expectation as `conntrack -L expect` prints it, without the line end. */
export function formatExpectationLine(e: ExpectationRecord): string {
  let s = e.timeout === null ? '' : `${e.timeout} `;
  s += `proto=${e.protocol} ${tuple(e.tuple)}${tuple(e.mask, 'mask-')}${tuple(e.master, 'master-')}`;
  if (e.zone) s += `zone=${e.zone} `;
  const flags = flagNames(e.flags).join(',');
  if (flags !== '') s += `${flags} `;
  s += `class=${e.class}`;
  return e.helper === null ? s : `${s} helper=${e.helper}`;
}

/** An expectation as /proc/net/nf_conntrack_expect shows it. */
export function formatProcExpectationLine(e: ExpectationRecord): string {
  let s = `${e.timeout ?? '-'} l3proto = ${e.family} proto=${e.protocol} ${tuple(e.tuple)}`;
  const flags = flagNames(e.flags).join(',');
  if (flags !== '') s += `${flags} `;
  if (e.helper !== null) s += `${e.helper}${e.class ? `/${e.class}` : ''} `;
  return s.slice(0, -1);
}

function flagNames(flags: number): string[] {
  return FLAGS.filter((f) => flags & f[0]).map((f) => f[1]);
}

/** An expectation from a line of `conntrack -L expect`; FlowError says what is wrong and where. */
export function parseExpectationLine(text: string, place: LinePlace): ExpectationRecord {
  return expectationFromWords(splitWords(text), place);
}

/** The same from words. The three tuples come one after the other: the expected one, its mask, the master's. */
export function expectationFromWords(words: Word[], place: LinePlace): ExpectationRecord {
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
    if (name === 'proto') protocol = parseUnsigned(value, 255, name, place, valueColumn);
    else if (name === 'zone') zone = parseUnsigned(value, 0xffff, name, place, valueColumn);
    else if (name === 'class') klass = parseUnsigned(value, 0xffffffff, name, place, valueColumn);
    else if (name === 'helper') helper = value;
    else {
      const field = name.replace(/^(mask|master)-/, '');
      if (field === 'src') tuples.push(new TupleReader(column));
      const current = tuples[tuples.length - 1];
      if (!current || !readTupleField(current, field, value, place, valueColumn)) {
        fail(`unknown field "${name}"`, column);
      }
    }
  }
  const end = words.length > 0 ? words[words.length - 1].column : 1;
  if (protocol < 0) fail('proto= is missing', end);
  if (tuples.length !== 3) fail(`expected three tuples (expected, mask-, master-), got ${tuples.length}`, end);
  return {
    family: tuples[0].family === 10 ? 10 : 2,
    protocol,
    timeout,
    tuple: tuples[0].finish(protocol, true, place),
    mask: tuples[1].finish(protocol, true, place),
    master: tuples[2].finish(masterProtocol(tuples[2], protocol), true, place),
    zone,
    flags,
    class: klass,
    helper,
  };
}

/** The line does not name the master's protocol; its fields tell which form its tuple has. */
function masterProtocol(t: TupleReader, protocol: number): number {
  if (t.fields.has('sport')) return PROTO_TCP;
  if (t.fields.has('srckey')) return PROTO_GRE;
  return protocol;
}

function parseFlags(text: string, place: LinePlace, column: number): number {
  let flags = 0;
  for (const name of text.split(',')) {
    const flag = FLAGS.find((f) => f[1] === name);
    if (!flag) throw new FlowError(`unknown flag "${name}"`, place.file, place.line, column);
    flags |= flag[0];
  }
  return flags;
}
