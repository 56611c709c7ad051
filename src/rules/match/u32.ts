/**
 * -m u32: a small language that takes 32-bit words out of a packet and asks whether they lie in ranges.
 *
 *   tests    := test ('&&' test)*                 all must hold
 *   test     := location '=' range (',' range)*   the location's value lies in one of the ranges
 *   location := number (operator number)*         a word at that offset, then from left to right:
 *     & number, << number, >> number              on the value
 *     @ number                                    the value moves the base; then the word at base + number
 *   range    := number | number ':' number        unsigned
 *
 * Offsets count from the IP header. A word that is not wholly inside the packet fails the test.
 */
import type { Packet } from '../../wire/packet.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { EINVAL } from '../kernel-checks.js';
import { SIGN } from '../range-option.js';
import { hex, not, type Scan, scanUint } from '../values.js';

/** Most tests, most operands of a location and most ranges of a test. */
const MAX = 10;

type Operator = '' | '&' | '<<' | '>>' | '@';

/** One test: a location and the ranges that its value may lie in. */
export interface U32Test {
  /** The first has the operator ''. Numbers unsigned. */
  location: { operator: Operator; number: number }[];
  values: { min: number; max: number }[];
}

/** Options of -m u32. */
export interface U32Spec {
  tests: U32Test[];
  invert: boolean;
}

/** -m u32. Behaviour: net/netfilter/xt_u32.c u32_match_it. */
export const u32: MatchExtension<U32Spec> = {
  name: 'u32',
  families: [2, 10],
  options: [{ name: 'u32', args: 1, invert: true, required: true }],
  init: () => ({ tests: [], invert: false }),
  option(spec, _option, value, invert, c) {
    spec.tests = parseTests(value, c);
    spec.invert = invert;
  },
  save: (spec) => `${not(spec.invert)}--u32 "${spec.tests.map(testText).join('&&')}"`,
  list: (spec) => ` u32 ${not(spec.invert)}"${spec.tests.map(testText).join('&&')}"`,
  refusedBy(spec) {
    const wide = (o: { operator: Operator; number: number }) => o.operator.length === 2 && o.number > 31;
    if (!spec.tests.some((test) => test.location.some(wide))) return null;
    return { errno: EINVAL, why: 'u32: a word cannot be shifted by more than 31' };
  },
  load(spec) {
    const program = compile(spec.tests);
    const invert = spec.invert;
    return (p) => run(program, p) !== invert;
  },
};

function testText(test: U32Test): string {
  const location = test.location.map((o) => o.operator + hex(o.number)).join('');
  const values = test.values.map((v) => (v.min === v.max ? hex(v.min) : `${hex(v.min)}:${hex(v.max)}`));
  return `${location}=${values.join(',')}`;
}

// --- Evaluation -------------------------------------------------------------------------------------------------------

const OP_AND = 1;
const OP_LEFT = 2;
const OP_RIGHT = 3;
const OP_AT = 4;
const OPCODES: Record<Operator, number> = { '': 0, '&': OP_AND, '<<': OP_LEFT, '>>': OP_RIGHT, '@': OP_AT };

/**
 * Each test: offset, count of operations, (operation, number) ..., count of ranges, (min, max) ...; all Int32, the ends of
 * ranges with their sign bit flipped.
 */
function compile(tests: readonly U32Test[]): Int32Array {
  const words: number[] = [];
  for (const { location, values } of tests) {
    words.push(location[0]!.number, location.length - 1);
    for (const o of location.slice(1)) words.push(OPCODES[o.operator], o.number);
    words.push(values.length);
    for (const v of values) words.push(v.min ^ SIGN, v.max ^ SIGN);
  }
  return Int32Array.from(words);
}

function run(program: Int32Array, p: Packet): boolean {
  const view = p.view;
  const start = p.l3Off;
  const len = p.end - start;
  let pc = 0;
  while (pc < program.length) {
    const offset = program[pc] as number;
    // Int32: an offset of 2^31 or more is negative and as far outside as one can be.
    if (offset < 0 || offset > len - 4) return false;
    let value = view.getInt32(start + offset);
    let base = 0;
    const operations = pc + 2 + 2 * (program[pc + 1] as number);
    for (pc += 2; pc < operations; pc += 2) {
      const number = program[pc + 1] as number;
      switch (program[pc]) {
        case OP_AND:
          value &= number;
          break;
        case OP_LEFT:
          value <<= number;
          break;
        case OP_RIGHT:
          value = (value >>> number) | 0;
          break;
        default:
          if (value < 0 || value > len) return false;
          base += value;
          if (base > len - 4 || number < 0 || number > len - base - 4) return false;
          value = view.getInt32(start + base + number);
      }
    }
    const ranges = pc + 1 + 2 * (program[pc] as number);
    const flipped = value ^ SIGN;
    pc++;
    while (pc < ranges && (flipped < (program[pc] as number) || flipped > (program[pc + 1] as number))) pc += 2;
    if (pc === ranges) return false;
    pc = ranges;
  }
  return true;
}

// --- Reading ----------------------------------------------------------------------------------------------------------

/** A place in the text of the tests. */
interface Cursor {
  text: string;
  at: number;
  scan: Scan;
  c: OptionContext;
}

function parseTests(text: string, c: OptionContext): U32Test[] {
  const cursor: Cursor = { text, at: 0, scan: { value: -1, end: 0 }, c };
  const tests: U32Test[] = [];
  for (;;) {
    const test: U32Test = { location: parseLocation(cursor), values: [] };
    const more = parseValues(cursor, test);
    tests.push(test);
    if (tests.length > MAX) failAt(cursor, 'too many "&&"s');
    if (!more) return tests;
    cursor.at++;
  }
}

/** Reads up to and with the `=`. */
function parseLocation(cursor: Cursor): U32Test['location'] {
  const location: U32Test['location'] = [];
  for (;;) {
    skipBlanks(cursor);
    const ch = cursor.text[cursor.at];
    if (ch === undefined) cursor.c.fail('u32: abrupt end of input after location specifier', cursor.text);
    if (ch === '=') {
      if (location.length === 0) failAt(cursor, 'location spec missing');
      cursor.at++;
      return location;
    }
    const operator = location.length === 0 ? '' : parseOperator(cursor, ch);
    location.push({ operator, number: parseNumber(cursor) });
    if (location.length > MAX) failAt(cursor, 'too many operators');
  }
}

function parseOperator(cursor: Cursor, ch: string): Operator {
  if (ch !== '&' && ch !== '@' && ch !== '<' && ch !== '>') failAt(cursor, 'operator expected');
  cursor.at++;
  if (ch === '&' || ch === '@') return ch;
  if (cursor.text[cursor.at] !== ch) failAt(cursor, `a second '${ch}' was expected`);
  cursor.at++;
  return ch === '<' ? '<<' : '>>';
}

/** Reads ranges; true = `&&` follows, with the cursor on its second character. */
function parseValues(cursor: Cursor, test: U32Test): boolean {
  for (;;) {
    skipBlanks(cursor);
    const ch = cursor.text[cursor.at];
    if (ch === undefined) {
      if (test.values.length === 0) cursor.c.fail('u32: test ended with no value specified', cursor.text);
      return false;
    }
    if (ch === '&') {
      cursor.at++;
      if (cursor.text[cursor.at] !== '&') failAt(cursor, "a second '&' was expected");
      if (test.values.length === 0) failAt(cursor, 'value spec missing');
      return true;
    }
    if (test.values.length > 0) {
      if (ch !== ',') failAt(cursor, 'expected "," or "&&"');
      cursor.at++;
    }
    const min = parseNumber(cursor);
    skipBlanks(cursor);
    let max = min;
    if (cursor.text[cursor.at] === ':') {
      cursor.at++;
      max = parseNumber(cursor);
    }
    test.values.push({ min, max });
    if (test.values.length > MAX) failAt(cursor, 'too many ","s');
  }
}

/** strtoul with base 0: blanks and a plus sign may stand before the digits. */
function parseNumber(cursor: Cursor): number {
  const { text, scan } = cursor;
  let at = cursor.at;
  while (isBlank(text[at])) at++;
  if (text[at] === '+') at++;
  scanUint(text, at, 0xffffffff, scan);
  if (scan.value < 0) failAt(cursor, 'not a number or out of range');
  cursor.at = scan.end;
  return scan.value;
}

function skipBlanks(cursor: Cursor): void {
  while (isBlank(cursor.text[cursor.at])) cursor.at++;
}

function isBlank(ch: string | undefined): boolean {
  return ch !== undefined && /\s/.test(ch);
}

function failAt(cursor: Cursor, message: string): never {
  cursor.c.fail(`u32: at char ${cursor.at}: ${message}`, cursor.text);
}
