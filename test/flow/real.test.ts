/**
 * Every text form that conntrack(8) 1.4.7 and /proc have of a connection table, against ours: printed from the records of the fullest
 * form, equal byte for byte apart from what the clock changes between two listings; and read back. On tables that world.py made of every
 * kind of entry: recorded ones (fixtures/), and, as root, one of the running kernel.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import {
  formatEventLine,
  formatExpectationEventLine,
  parseEventLine,
  parseExpectationEventLine,
} from '../../src/flow/event.js';
import {
  formatExpectationLine,
  formatProcExpectationLine,
  parseExpectationLine,
  parseProcExpectationLine,
} from '../../src/flow/expectation.js';
import { flowFromJson, flowToJson } from '../../src/flow/json.js';
import { formatFlowLine, formatProcLine } from '../../src/flow/line.js';
import { parseFlowLine, parseProcLine } from '../../src/flow/parse-line.js';
import {
  parseEventXml,
  parseExpectationEventXml,
  parseExpectationXml,
  parseFlowXml,
} from '../../src/flow/parse-xml.js';
import type { ExpectationRecord, FlowEvent, FlowRecord } from '../../src/flow/record.js';
import { formatSaveEvent, formatSaveLine, parseSaveEvent, parseSaveLine } from '../../src/flow/save.js';
import {
  formatProcStatistics,
  formatStatistics,
  parseProcStatistics,
  parseStatistics,
} from '../../src/flow/statistics.js';
import {
  formatEventXml,
  formatExpectationEventXml,
  formatExpectationXml,
  formatFlowXml,
  XML_EXPECT_FOOT,
  XML_EXPECT_HEAD,
  XML_FOOT,
  XML_HEAD,
} from '../../src/flow/xml.js';

const MAIN = process.env.STATEWALL_MAIN ?? fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));

const isThere = existsSync('/usr/sbin/conntrack') && existsSync('/usr/sbin/iptables-legacy');
/** Where all has to be checked, a missing program is a failure. */
const live = process.env.CI !== undefined || (process.getuid?.() === 0 && isThere);

/** What the clock changes between two listings, in every form. */
const CLOCK: readonly (readonly [RegExp, string])[] = [
  [/^((?:ipv[46] +\d+ )?[a-z0-9]+ +\d+) \d+ /gm, '$1 T '],
  [/^(\[S\]\t)?\d+ (l3proto|proto)/gm, '$1T $2'],
  [/delta-time=\d+/g, 'delta-time=T'],
  [/^(-[AUD]) -t \d+/gm, '$1 -t T'],
  [/<(timeout|deltatime)>\d+</g, '<$1>T<'],
];
const still = (text: string): string => CLOCK.reduce((t, [from, to]) => t.replace(from, to), text);

/** What differs between two listeners to the same events: when each heard of it (an age ends there), and whether it still found the program's name. */
const LISTENER: readonly (readonly [RegExp, string])[] = [
  [/^\[\d+\.\d+ *\]\t/gm, '[S]\t'],
  [/ \[USERSPACE\] portid=\d+( progname=\S+)?$/gm, ' [USERSPACE]'],
  [/<when>.*<\/when>/g, '<when/>'],
  [/delta-time=\d+/g, 'delta-time=T'],
  [/<deltatime>\d+</g, '<deltatime>T<'],
];
const heard = (text: string): string => LISTENER.reduce((t, [from, to]) => t.replace(from, to), text);

interface Recording {
  phases(): string[];
  read(folder: string, name: string): string;
  names(folder: string): string[];
}

function recording(folder: string): Recording {
  return {
    phases: () => ['plain', 'counted', 'both'].filter((phase) => existsSync(join(folder, phase))),
    read: (part, name) => readFileSync(join(folder, part, `${name}.txt`), 'utf8'),
    names: (part) => readdirSync(join(folder, part)).map((n) => n.slice(0, -4)),
  };
}

/** Compares texts; of a long one that differs only the place where it does is shown. */
function equal(ours: string, theirs: string): void {
  let at = 0;
  while (at < ours.length && ours[at] === theirs[at]) at++;
  const around = (text: string): string => text.slice(Math.max(at - 150, 0), at + 100);
  expect(around(ours)).toBe(around(theirs));
  expect(ours.length).toBe(theirs.length);
}

const lines = (text: string): string[] => text.split('\n').slice(0, -1);
const place = (file: string, i: number): { file: string; line: number } => ({ file, line: i + 1 });
const options = (form: string): Record<string, boolean> =>
  Object.fromEntries(form.split(',').map((name) => [name, true]));
const whole = (printed: string[]): string => printed.map((l) => `${l}\n`).join('');

/** All that the listings tell of each connection: the lines', the status and tags of -o save, the nanoseconds of XML. */
function records(r: Recording, phase: string): FlowRecord[] {
  const saved = lines(r.read(phase, 'list-save')).map((l, i) => parseSaveLine(l, place('list-save', i)));
  const xml = lines(r.read(phase, 'list-xml-all')).filter((l) => l.startsWith('<flow>'));
  return lines(r.read(phase, 'list-all')).map((l, i) => {
    const record = parseFlowLine(l, place('list-all', i));
    record.status |= saved[i].status;
    record.vtags = saved[i].vtags;
    record.startNs = parseFlowXml(xml[i], place('list-xml-all', i)).startNs;
    return record;
  });
}

function printList(form: string, all: FlowRecord[]): string {
  if (form === 'save') return whole(all.map((x) => formatSaveLine(x)));
  if (form === 'xml-all')
    return XML_HEAD + whole(all.map((x) => formatFlowXml(x, options('labels,ktimestamp')))) + XML_FOOT;
  if (form.startsWith('xml')) return XML_HEAD + whole(all.map((x) => formatFlowXml(x, options(form)))) + XML_FOOT;
  if (form === 'all') return whole(all.map((x) => formatFlowLine(x, options('extended,id,ktimestamp,labels'))));
  return whole(all.map((x) => formatFlowLine(x, options(form))));
}

/** A form's text, read and printed again. */
function again(form: string, text: string): string {
  if (form === 'save') return whole(lines(text).map((l, i) => formatSaveLine(parseSaveLine(l, place(form, i)))));
  if (form.startsWith('xml')) {
    const o = options(form === 'xml-all' ? 'labels,ktimestamp' : form);
    return text.replace(/^<flow>.*$/gm, (l) => formatFlowXml(parseFlowXml(l, place(form, 0)), o));
  }
  const o = options(form === 'all' ? 'extended,id,ktimestamp,labels' : form);
  return whole(lines(text).map((l, i) => formatFlowLine(parseFlowLine(l, place(form, i)), o)));
}

function checkLists(r: Recording, phase: string): void {
  const all = records(r, phase);
  test('the table has entries of every kind', () => {
    expect(all.length).toBeGreaterThan(100);
    expect(new Set(all.map((x) => x.protocol)).size).toBeGreaterThanOrEqual(13);
    expect(new Set(all.map((x) => x.helper)).size).toBeGreaterThanOrEqual(8);
  });
  for (const name of r.names(phase).filter((n) => n.startsWith('list-'))) {
    const form = name.slice('list-'.length);
    const text = r.read(phase, name);
    test(`${name} is printed`, () => equal(still(printList(form, all)), still(text)));
    test(`${name} is read back`, () => equal(again(form, text), text));
  }
  const proc = r.read(phase, 'proc');
  test('/proc/net/nf_conntrack is printed', () => {
    // The timeouts of GRE are in no other listing.
    const known = lines(proc).map((l, i) => parseProcLine(l, place('proc', i)));
    const shown = all.map((x, i) => formatProcLine({ ...x, greTimeouts: known[i].greTimeouts }));
    equal(still(whole(shown)), still(proc));
  });
  test('/proc/net/nf_conntrack is read back', () => {
    expect(whole(lines(proc).map((l, i) => formatProcLine(parseProcLine(l, place('proc', i)))))).toBe(proc);
  });
  test('every record survives JSON', () => {
    for (const x of all) expect(flowFromJson(JSON.parse(JSON.stringify(flowToJson(x))))).toEqual(x);
  });
}

function printExpectations(form: string, all: ExpectationRecord[], stamps: (number | null)[]): string {
  const stamped = form.includes('timestamp');
  if (form.startsWith('xml'))
    return (
      XML_EXPECT_HEAD + whole(all.map((e, i) => formatExpectationXml(e, stamped ? stamps[i] : null))) + XML_EXPECT_FOOT
    );
  if (!stamped) return whole(all.map((e) => formatExpectationLine(e)));
  return whole(all.map((e, i) => formatExpectationLine(e, stamps[i])));
}

function checkExpectations(r: Recording, phase: string): void {
  const all = lines(r.read(phase, 'expect-default')).map((l, i) => parseExpectationLine(l, place('expect-default', i)));
  test('there are expectations of most helpers', () => {
    expect(new Set(all.map((e) => e.helper)).size).toBeGreaterThanOrEqual(7);
  });
  for (const name of r.names(phase).filter((n) => n.startsWith('expect-'))) {
    const form = name.slice('expect-'.length);
    const text = r.read(phase, name);
    test(`${name} is printed`, () => {
      expect(
        still(
          heard(
            printExpectations(
              form,
              all,
              all.map(() => 0),
            ),
          ),
        ),
      ).toBe(still(heard(text)));
    });
    test(`${name} is read back`, () => {
      if (form.startsWith('xml')) {
        // The time is that of the listing, and no part of the expectations.
        const untimed = text.replace(/<when>.*?<\/when>/g, '');
        equal(
          text.replace(/^<flow>.*$/gm, (l) => formatExpectationXml(parseExpectationXml(l, place(name, 0)))),
          untimed,
        );
      } else {
        const read = lines(text).map((l, i) => parseExpectationLine(l, place(name, i)));
        expect(read.map((e) => formatExpectationLine(e))).toEqual(lines(text).map((l) => l.replace(/^\[.*\]\t/, '')));
      }
    });
  }
  const proc = r.read(phase, 'proc-expect');
  test('/proc/net/nf_conntrack_expect is printed: those of IPv4, which the listing shows', () => {
    const shown = lines(proc).filter((l) => l.includes('l3proto = 2'));
    expect(still(whole(all.map((e) => formatProcExpectationLine(e))))).toBe(still(whole(shown)));
  });
  test('/proc/net/nf_conntrack_expect is read back', () => {
    expect(
      whole(lines(proc).map((l, i) => formatProcExpectationLine(parseProcExpectationLine(l, place('proc', i))))),
    ).toBe(proc);
  });
}

function checkStatistics(r: Recording, phase: string): void {
  test.each(['stats', 'stats-expect'])('%s is read and printed', (name) => {
    const text = r.read(phase, name);
    const read = lines(text).map((l, i) => parseStatistics(l, place(name, i)));
    expect(read.length).toBeGreaterThan(0);
    expect(whole(read.map(formatStatistics))).toBe(text);
  });
  test('/proc/net/stat/nf_conntrack is read and printed', () => {
    const text = r.read(phase, 'proc-stat');
    const read = parseProcStatistics(text, 'proc-stat');
    expect(formatProcStatistics(read)).toBe(text);
    expect(read[0].counts[0]).toEqual(['entries', Number(r.read(phase, 'count'))]);
  });
}

function checkEvents(r: Recording, phase: string): void {
  const folder = `${phase}-events`;
  const FULL = 'extended,id,timestamp,ktimestamp,labels';
  const saved = lines(r.read(folder, 'save')).map((l, i) => parseSaveEvent(l, place('save', i)));
  const xml = lines(r.read(folder, 'xml,ktimestamp,labels,timestamp')).filter((l) => l.startsWith('<flow'));
  const all = lines(r.read(folder, FULL)).map((l, i) => {
    const e = parseEventLine(l, place(FULL, i));
    const same = parseEventXml(xml[i], place('xml', i));
    e.record.status |= saved[i].record.status;
    e.record.vtags = saved[i].record.vtags;
    e.record.startNs = same.record.startNs;
    e.record.stopNs = same.record.stopNs;
    return e;
  });
  const print = (form: string, events: FlowEvent[]): string => {
    if (form === 'save') return whole(events.map(formatSaveEvent));
    if (!form.startsWith('xml')) return whole(events.map((e) => formatEventLine(e, options(form))));
    return XML_HEAD + whole(events.map((e) => formatEventXml(e, options(form)))) + XML_FOOT;
  };
  const read = (form: string, text: string): FlowEvent[] => {
    const xmlLines = lines(text).filter((l) => l.startsWith('<flow'));
    if (form === 'save') return lines(text).map((l, i) => parseSaveEvent(l, place(form, i)));
    if (form.startsWith('xml')) return xmlLines.map((l, i) => parseEventXml(l, place(form, i)));
    return lines(text).map((l, i) => parseEventLine(l, place(form, i)));
  };
  for (const form of r.names(folder).filter((n) => !n.startsWith('expect-'))) {
    const text = r.read(folder, form);
    test(`-E -o ${form} is printed`, () => equal(heard(print(form, all)), heard(text)));
    test(`-E -o ${form} is read back`, () => equal(print(form, read(form, text)), text));
  }
  const expectations = lines(r.read(folder, 'expect-timestamp')).map((l, i) =>
    parseExpectationEventLine(l, place('expect', i)),
  );
  test('expectations come and go', () => expect(expectations.length).toBeGreaterThan(30));
  for (const name of r.names(folder).filter((n) => n.startsWith('expect-'))) {
    const form = name.slice('expect-'.length);
    const text = r.read(folder, name);
    const printed = (events: typeof expectations): string =>
      form.startsWith('xml')
        ? XML_EXPECT_HEAD + whole(events.map((e) => formatExpectationEventXml(e, options(form)))) + XML_EXPECT_FOOT
        : whole(events.map((e) => formatExpectationEventLine(e, options(form))));
    test(`-E expect -o ${form} is printed`, () => equal(heard(printed(expectations)), heard(text)));
    test(`-E expect -o ${form} is read back`, () => {
      const back = lines(text)
        .filter((l) => form.startsWith('xml') === l.startsWith('<flow'))
        .map((l, i) =>
          form.startsWith('xml')
            ? parseExpectationEventXml(l, place(name, i))
            : parseExpectationEventLine(l, place(name, i)),
        );
      equal(printed(back), text);
    });
  }
}

/** What our command says of the live table, beside the original. */
function checkOurs(r: Recording, phase: string): void {
  const ours = r.names(phase).filter((n) => n.startsWith('ours-'));
  test.each(ours)('%s: the command lists the same', (name) => {
    const theirs = r.read(phase, name.slice('ours-'.length));
    equal(still(heard(r.read(phase, name))), still(heard(theirs)));
  });
  test('in many ways, most of which find something', () => {
    expect(ours.length).toBeGreaterThan(40);
    expect(ours.filter((n) => r.read(phase, n) !== '').length).toBeGreaterThan(40);
  });
}

function check(r: Recording): void {
  for (const phase of r.phases()) {
    describe(`a table: ${phase}`, () => {
      checkLists(r, phase);
      checkExpectations(r, phase);
      checkStatistics(r, phase);
      checkEvents(r, phase);
    });
  }
}

describe('as recorded', () => check(recording(join(here, 'fixtures'))));

describe.runIf(live)('of the running kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'statewall-flow-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const world = join(here, 'world.py');
  execFileSync('unshare', ['-n', '-m', 'python3', world, folder, 'all', MAIN], {
    env: { ...process.env, TZ: 'UTC' },
    timeout: 400_000,
  });
  const made = recording(folder);
  check(made);
  describe('our command', () => checkOurs(made, 'both'));
});
