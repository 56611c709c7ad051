/**
 * -m set: whether the packet's addresses, ports ... are in a set (xt_set.c, set_match_v4).
 *
 * Rule text may name any set; that it exists is asked when the rule is loaded into a host. A rule that names fewer parts than the set's
 * elements have never matches, and one that names more is fine, as in the kernel.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension, MatchFunction, OptionContext, OptionSpec } from '../extension.js';
import {
  ASK_MATCH_COUNTERS,
  ASK_RETURN_NOMATCH,
  ASK_SKIP_COUNTERS,
  ASK_SKIP_SUBCOUNTERS,
  COUNTER_EQ,
  COUNTER_GT,
  COUNTER_LT,
  COUNTER_NE,
  type SetAsk,
} from '../set/ask.js';
import { SET_IN } from '../set/codes.js';
import { loadSet, readSetReference, type SetReference, setReferenceText } from '../set/flags.js';
import { not, readUint64 } from '../values.js';

const COUNTERS = ['packets', 'bytes'] as const;
const OPERATORS = ['eq', 'lt', 'gt'] as const;

/** `--packets-eq 5`. */
export interface CounterTest {
  op: (typeof OPERATORS)[number];
  invert: boolean;
  /** 64 bits unsigned, in decimal. */
  value: string;
}

/** Options of -m set. */
export interface SetSpec {
  /** null only while options are read. */
  set: SetReference | null;
  invert: boolean;
  returnNomatch: boolean;
  /** `! --update-counters`. */
  keepCounters: boolean;
  /** `! --update-subcounters`. */
  keepSubcounters: boolean;
  packets: CounterTest | null;
  bytes: CounterTest | null;
}

function readCounter(value: string, c: OptionContext): string {
  const number = readUint64(value);
  if (number === null) c.fail(`Cannot parse ${value} as a counter value`, value);
  return String(number);
}

function readTest(spec: SetSpec, option: string, value: string, inverted: boolean, c: OptionContext): void {
  const [name, op] = option.split('-') as [(typeof COUNTERS)[number], CounterTest['op']];
  if (op !== 'eq' && inverted) c.fail(`--${option} option cannot be inverted`);
  if (spec[name] !== null) c.fail(`only one of the --${name}-[eq|lt|gt] is allowed`);
  spec[name] = { op, invert: inverted, value: readCounter(value, c) };
}

function describe(spec: SetSpec, dashes: string): string {
  let text = `${not(spec.invert)}${dashes}match-set ${setReferenceText(spec.set!)}`;
  if (spec.returnNomatch) text += ` ${dashes}return-nomatch`;
  if (spec.keepCounters) text += ` ! ${dashes}update-counters`;
  if (spec.keepSubcounters) text += ` ! ${dashes}update-subcounters`;
  for (const name of COUNTERS) {
    const t = spec[name];
    if (t !== null) text += ` ${not(t.invert)}${dashes}${name}-${t.op} ${t.value}`;
  }
  return text;
}

function operation(test: CounterTest): number {
  if (test.op === 'eq') return test.invert ? COUNTER_NE : COUNTER_EQ;
  return test.op === 'lt' ? COUNTER_LT : COUNTER_GT;
}

function askFlags(spec: SetSpec, ask: SetAsk): number {
  let flags = 0;
  if (spec.returnNomatch) flags |= ASK_RETURN_NOMATCH;
  if (spec.keepCounters) flags |= ASK_SKIP_COUNTERS;
  if (spec.keepSubcounters) flags |= ASK_SKIP_SUBCOUNTERS;
  if (spec.packets !== null) {
    ask.packetsOp = operation(spec.packets);
    ask.packets = Number(spec.packets.value);
    flags |= ASK_MATCH_COUNTERS;
  }
  if (spec.bytes !== null) {
    ask.bytesOp = operation(spec.bytes);
    ask.bytes = Number(spec.bytes.value);
    flags |= ASK_MATCH_COUNTERS;
  }
  return flags;
}

/** The `set` match. */
export const set: MatchExtension<SetSpec> = {
  name: 'set',
  families: [AF_INET, AF_INET6],
  options: [
    {
      name: 'match-set',
      aliases: ['set'],
      args: 2,
      invert: true,
      repeatMessage: '--match-set can be specified only once',
    },
    { name: 'return-nomatch', args: 0, invert: true, repeat: true },
    { name: 'update-counters', args: 0, invert: true, repeat: true },
    { name: 'update-subcounters', args: 0, invert: true, repeat: true },
    ...COUNTERS.flatMap((name) =>
      OPERATORS.map((op): OptionSpec => ({ name: `${name}-${op}`, args: 1, invert: true, repeat: true })),
    ),
  ],
  init: () => ({
    set: null,
    invert: false,
    returnNomatch: false,
    keepCounters: false,
    keepSubcounters: false,
    packets: null,
    bytes: null,
  }),
  option(spec, option, value, inverted, c) {
    if (option === 'match-set') {
      spec.set = readSetReference(value, c);
      spec.invert = inverted;
    } else if (option === 'return-nomatch') {
      if (inverted) c.fail('--return-nomatch flag cannot be inverted');
      spec.returnNomatch = true;
    } else if (option === 'update-counters') {
      if (inverted) spec.keepCounters = true;
    } else if (option === 'update-subcounters') {
      if (inverted) spec.keepSubcounters = true;
    } else readTest(spec, option, value, inverted, c);
  },
  check(spec, _seen, c) {
    if (spec.set === null) c.fail("You must specify `--match-set' with proper arguments");
  },
  save: (spec) => describe(spec, '--'),
  list: (spec) => ` ${describe(spec, '')}`,
  load(spec, c) {
    const { store, index, ask } = loadSet(spec.set!, c);
    const { invert } = spec;
    const flags = askFlags(spec, ask);
    const test: MatchFunction = (p) => (store.match(index, p, ask, flags) === SET_IN) !== invert;
    // what counters say changes from rule to rule, and asking may tell a bitmap:ip,mac an address
    const { name } = store.at(index).kind;
    if ((flags & ASK_MATCH_COUNTERS) !== 0 || name === 'bitmap:ip,mac' || name === 'list:set') return test;
    const quiet = flags | ASK_SKIP_COUNTERS | ASK_SKIP_SUBCOUNTERS;
    const text = `set ${not(invert)}${setReferenceText(spec.set!)} ${flags & ASK_RETURN_NOMATCH}`;
    test.question = { text, ask: (p) => (store.match(index, p, ask, quiet) === SET_IN) !== invert };
    return test;
  },
};
