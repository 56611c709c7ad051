/**
 * Mutation fuzzer of every parser of connection-table texts: lines of listings, events and expectations, -o save, XML, JSON, statistics,
 * /proc, whole tables in parts. A damaged text ends in a FlowError or is read; what was read prints as a text that reads and prints the
 * same; nothing hangs, and a line of half a megabyte takes no longer than it should.
 *
 *   node test/fuzz/flow.mjs [COUNT [SEED [DIST [FIRST]]]]      exit status 1 on a finding
 *
 * An input depends on SEED and its number alone: a finding names the number, from which FIRST begins anew.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Random } from './seeds.mjs';

const count = Number(process.argv[2] ?? 200_000);
const seed = Number(process.argv[3] ?? 1);
const dist = resolve(process.argv[4] ?? 'build');
const first = Number(process.argv[5] ?? 0);
/** One call may take as long: a garbage collection is in it, and other programs on the machine. */
const SLOWEST_MS = 3000;
const HANG_MS = 60_000;
/** One input of so many is a long one. */
const LONG_EVERY = 20_000;
const LONG = 500_000;

const lib = {};
for (const file of 'error event expectation filter json line parse-line parse-xml save statistics table time xml'.split(
  ' ',
)) {
  Object.assign(lib, await import(pathToFileURL(resolve(dist, `flow/${file}.js`)).href));
}
const { FlowError } = lib;
const place = { file: 'f', line: 1 };
const all = { extended: true, id: true, ktimestamp: true, labels: true, timestamp: true };

/** Each parser with the printer of its form; the folder and names of its seeds. */
const FORMS = [
  ['line', (t) => lib.parseFlowLine(t, place), (r) => lib.formatFlowLine(r, all), 'both', /^list-(all|default)/],
  ['proc', (t) => lib.parseProcLine(t, place), lib.formatProcLine, 'both', /^proc\.txt/],
  ['ip_conntrack', (t) => lib.parseFlowLine(t, place), lib.formatIpConntrackLine, 'plain', /^list-default/],
  [
    'event',
    (t) => lib.parseEventLine(t, place),
    (e) => lib.formatEventLine(e, all),
    'both-events',
    /^(default|extended)/,
  ],
  ['save', (t) => lib.parseSaveLine(t, place), (r) => lib.formatSaveLine(r), 'both', /^list-save/],
  ['save event', (t) => lib.parseSaveEvent(t, place), lib.formatSaveEvent, 'both-events', /^save/],
  ['xml', (t) => lib.parseFlowXml(t, place), (r) => lib.formatFlowXml(r, all), 'both', /^list-xml/],
  ['xml event', (t) => lib.parseEventXml(t, place), (e) => lib.formatEventXml(e, all), 'both-events', /^xml/],
  [
    'expectation',
    (t) => lib.parseExpectationLine(t, place),
    (e) => lib.formatExpectationLine(e),
    'both',
    /^expect-(default|timestamp)/,
  ],
  [
    'proc expectation',
    (t) => lib.parseProcExpectationLine(t, place),
    lib.formatProcExpectationLine,
    'both',
    /^proc-expect/,
  ],
  [
    'expectation event',
    (t) => lib.parseExpectationEventLine(t, place),
    (e) => lib.formatExpectationEventLine(e, all),
    'both-events',
    /^expect-(default|timestamp)/,
  ],
  [
    'xml expectation',
    (t) => lib.parseExpectationXml(t, place),
    (e) => lib.formatExpectationXml(e),
    'both',
    /^expect-xml\.txt/,
  ],
  [
    'xml expectation event',
    (t) => lib.parseExpectationEventXml(t, place),
    (e) => lib.formatExpectationEventXml(e, all),
    'both-events',
    /^expect-xml/,
  ],
  ['statistics', (t) => lib.parseStatistics(t, place), lib.formatStatistics, 'both', /^stats/],
  ['json', parseJson, (r) => JSON.stringify(lib.flowToJson(r)), null, null],
  ['json event', parseJsonEvent, (e) => JSON.stringify(lib.eventToJson(e)), null, null],
];

function parseJson(text) {
  const { flows } = new lib.TableReader('f', true).push(`${text}\n`);
  return flows.length === 1 ? flows[0] : refuse();
}

function parseJsonEvent(text) {
  const { events } = new lib.TableReader('f').push(`${text}\n`);
  return events.length === 1 ? events[0] : refuse();
}

function refuse() {
  throw new FlowError('not one', 'f', 1, 1);
}

const fixtures = join(dirname(fileURLToPath(import.meta.url)), '../flow/fixtures');
const seedsOf = (folder, names) =>
  readdirSync(join(fixtures, folder))
    .filter((n) => names.test(n))
    .flatMap((n) => readFileSync(join(fixtures, folder, n), 'utf8').split('\n'))
    .filter((l) => l !== '' && !/^<(\?|\/?conntrack|\/?expect)/.test(l));
const forms = FORMS.map(([name, parse, print, folder, names]) => ({
  name,
  parse,
  print,
  seeds: folder === null ? [] : seedsOf(folder, names),
}));
const [lines, events] = [forms[0].seeds, forms[3].seeds];
forms.find((f) => f.name === 'json').seeds = lines.map((l) =>
  JSON.stringify(lib.flowToJson(lib.parseFlowLine(l, place))),
);
forms.find((f) => f.name === 'json event').seeds = events.map((l) =>
  JSON.stringify(lib.eventToJson(lib.parseEventLine(l, place))),
);
const statistics = readFileSync(join(fixtures, 'both/proc-stat.txt'), 'utf8');
const everything = forms.flatMap((f) => f.seeds);

/* A thread of its own notices when this one hangs. */
const beat = new Float64Array(new SharedArrayBuffer(8));
const watchdog = new Worker(
  `const { workerData: beat } = require('node:worker_threads');
   let last = -1;
   setInterval(() => {
     if (beat[0] === last) {
       require('node:fs').writeSync(2, 'input ' + beat[0] + ': hangs\\n');
       process.kill(process.pid, 'SIGKILL');
     }
     last = beat[0];
   }, ${HANG_MS});`,
  { eval: true, workerData: beat },
);
watchdog.unref();

const PIECES = [
  '[',
  ']',
  '<',
  '>',
  '</flow>',
  '<flow>',
  '<flow type="new">',
  '&',
  '&amp;',
  '"',
  '=',
  ',',
  ' ',
  '\t',
  '\r',
  '\n',
  '\0',
  '\u00e9',
  '\ud800',
  '-',
  ':',
  '::',
  '.',
  '/',
  '0',
  '9',
  '65536',
  '4294967296',
  '99999999999999999999',
  '1e5',
  '0x',
  '0x10',
  '-1',
  'src=',
  'dst=',
  'sport=',
  'id=',
  'type=',
  'mask-src=',
  'master-src=',
  'zone=',
  'labels',
  'labels=',
  'labels=5',
  '[start=',
  '[USERSPACE]',
  'portid=1',
  'proto=',
  'l3proto = 2',
  'helper=',
  'use=',
  'tcp',
  'icmp',
  'unknown',
  'ipv6 10',
  'ipv4 2',
  '::ffff:1.2.3.4',
  'fd00::1',
  '1.2.3.4',
  '01.2.3.4',
  '-A',
  '-D',
  '-u',
  '-g',
  '-n',
  '--state',
  'UNSET',
  '{',
  '}',
  '[NEW]',
  '<!--',
  '<![CDATA[',
  '__proto__',
  'constructor',
  'toString=1',
  '--constructor',
  '<b>',
  '<?xml version="1.0"?>',
  'null',
  'true',
];

/** How often a text is changed: mostly little, so that many are read. */
const TIMES = [0, 1, 1, 1, 1, 2, 2, 3, 5];

let random = new Random(seed);
const pick = (list) => list[random.below(list.length)];

/** A text with some of its characters, words or parts changed. */
function mutated(text) {
  let t = text;
  for (let n = pick(TIMES); n > 0; n--) {
    const at = random.below(t.length + 1);
    const length = random.below(8) === 0 ? random.below(t.length + 1) : random.below(6);
    switch (random.below(8)) {
      case 0: // cut out
        t = t.slice(0, at) + t.slice(at + length);
        break;
      case 1: // put in
        t = t.slice(0, at) + pick(PIECES) + t.slice(at);
        break;
      case 2: // replace
        t = t.slice(0, at) + pick(PIECES) + t.slice(at + length);
        break;
      case 3: // double
        t = t.slice(0, at + length) + t.slice(at);
        break;
      case 4: // a part of another text
        t = t.slice(0, at) + slice(pick(everything)) + t.slice(at + length);
        break;
      case 5: // one character
        t = t.slice(0, at) + String.fromCharCode(random.below(128)) + t.slice(at + 1);
        break;
      case 6:
        t = words(t);
        break;
      default: // a number
        t = t.replace(/\d+/g, (d) =>
          random.below(8) === 0
            ? pick([
                '0',
                '255',
                '256',
                '65535',
                '65536',
                '4294967295',
                '4294967296',
                '18446744073709551616',
                `${d}0`,
                '',
              ])
            : d,
        );
    }
  }
  return t.length > 20_000 ? t.slice(0, 20_000) : t;
}

function slice(text) {
  const at = random.below(text.length + 1);
  return text.slice(at, at + random.below(60));
}

/** Two words change places, or one comes twice, or goes. */
function words(text) {
  const w = text.split(' ');
  const a = random.below(w.length);
  const b = random.below(w.length);
  if (random.below(3) === 0) w.splice(a, 1);
  else if (random.below(2) === 0) w.splice(a, 0, w[b]);
  else [w[a], w[b]] = [w[b], w[a]];
  return w.join(' ');
}

/** A line of half a megabyte, around the middle of a proper one. */
function long(text) {
  const at = random.below(text.length + 1);
  const piece =
    random.below(2) === 0
      ? pick(PIECES)
      : `${pick(PIECES)}${pick([' ', '', '=', ','])}${pick(PIECES)}${pick([' ', ''])}`;
  return text.slice(0, at) + piece.repeat(Math.ceil(LONG / piece.length)) + text.slice(at);
}

const tally = { read: 0, refused: 0, tables: 0 };

function finding(number, what, text) {
  process.stderr.write(`seed ${seed}, input ${number}: ${what}\n${JSON.stringify(text.slice(0, 2000))}\n`);
  process.exitCode = 1;
  process.exit();
}

/** Runs a parser; null: it refused. */
function attempt(number, name, text, run) {
  const isLong = text.length > 20_000;
  const began = isLong ? process.cpuUsage() : performance.now();
  try {
    return run();
  } catch (e) {
    if (!(e instanceof FlowError)) finding(number, `${name}: ${e instanceof Error ? e.stack : e}`, text);
    if (!(e.line >= 1 && e.column >= 1)) finding(number, `${name}: no place: ${e.message}`, text);
    if (e.message.length > 1000) finding(number, `${name}: a message of ${e.message.length} characters`, text);
    return null;
  } finally {
    // Other programs want the processor too: what takes long is measured in processor time.
    const took = isLong ? process.cpuUsage(began).user / 1000 : performance.now() - began;
    if (took > SLOWEST_MS) finding(number, `${name}: ${took.toFixed(0)} ms for ${text.length} characters`, text);
  }
}

function checkForm(number, form, text) {
  const read = attempt(number, form.name, text, () => form.parse(text));
  if (read === null) {
    tally.refused++;
    return;
  }
  tally.read++;
  if (text.length > 30_000) return;
  const printed = form.print(read);
  const again = attempt(number, `${form.name} again`, printed, () => form.parse(printed));
  if (again === null) finding(number, `${form.name}: cannot read what it printed: ${printed}`, text);
  const twice = form.print(again);
  if (twice !== printed) finding(number, `${form.name}: printed\n${printed}\nand then\n${twice}`, text);
}

/** A table of several lines, whole and in parts: the same things, or an error in both. */
function checkTable(number, text) {
  tally.tables++;
  const read = (size) =>
    attempt(number, 'table', text, () => {
      const reader = new lib.TableReader('f');
      const items = [];
      for (let at = 0; at < text.length; at += size) items.push(reader.push(text.slice(at, at + size)));
      items.push(reader.end());
      return ['flows', 'events', 'expectations', 'expectationEvents']
        .map((k) => items.reduce((n, i) => n + i[k].length, 0))
        .join();
    });
  const whole = read(text.length + 1);
  const parts = read((text.length > 20_000 ? 100 : 1) + random.below(3000));
  if (whole !== parts) finding(number, `a table of ${whole} is one of ${parts} in parts`, text);
  attempt(number, 'parseTable', text, () => lib.parseTable(text, 'f'));
}

/** One input in so many goes another way than to a form's own parser. */
const OTHERS = 200;

for (let number = first; number < count; number++) {
  beat[0] = number;
  random = new Random((Math.imul(seed, 0x9e3779b1) + Math.imul(number, 0x85ebca6b)) >>> 0);
  for (let i = 0; i < 4; i++) random.below(2);
  const form = pick(forms);
  const way = random.below(OTHERS);
  if (number % LONG_EVERY === LONG_EVERY - 1) {
    const text = long(pick(form.seeds));
    checkForm(number, form, text);
    checkTable(number, text);
  } else if (way < 4) {
    let text = '';
    for (let n = random.below(6); n >= 0; n--) {
      text += random.below(3) === 0 ? mutated(pick(everything)) : pick(everything);
      text += pick(['\n', '\n', '\n', '\r\n', '']);
    }
    checkTable(number, text);
  } else if (way === 4) {
    const text = mutated(statistics);
    const read = attempt(number, 'proc statistics', text, () => lib.parseProcStatistics(text, 'f'));
    if (read !== null) lib.formatProcStatistics(read);
  } else if (way === 5) {
    const text = mutated(pick(['10.0.0.0/8', 'fd00::1/64', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8/128']));
    lib.addressFilter(text);
    lib.addressFilter('10.0.0.1', text);
  } else {
    // One text in eight goes to a parser of another form.
    checkForm(number, form, mutated(pick(random.below(8) === 0 ? everything : form.seeds)));
  }
}
console.log(`${count - first} texts, ${tally.read} read, ${tally.refused} refused, ${tally.tables} tables, no finding`);
