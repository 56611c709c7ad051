import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlowError } from './error.js';
import { eventToJson, flowToJson } from './json.js';
import { parseFlowLine } from './parse-line.js';
import { parseTable, readTable, type TableItems, TableReader } from './table.js';

const fixtures = new URL('../../test/flow/fixtures/', import.meta.url);
const fixture = (name: string): string => readFileSync(new URL(name, fixtures), 'utf8');
const folders = ['both', 'both-events', 'plain', 'plain-events'];
const files = folders
  .flatMap((f) => readdirSync(new URL(f, fixtures)).map((name) => `${f}/${name}`))
  .filter((name) => !/stat|count/.test(name));

function all(parts: TableItems[]): TableItems {
  return {
    flows: parts.flatMap((p) => p.flows),
    events: parts.flatMap((p) => p.events),
    expectations: parts.flatMap((p) => p.expectations),
    expectationEvents: parts.flatMap((p) => p.expectationEvents),
  };
}

function readIn(text: string, sizes: () => number): TableItems {
  const reader = new TableReader('f');
  const parts: TableItems[] = [];
  for (let at = 0; at < text.length; ) {
    const size = sizes();
    parts.push(reader.push(text.slice(at, at + size)));
    at += size;
  }
  parts.push(reader.end());
  return all(parts);
}

describe('tables in parts', () => {
  test.each(files)('%s: all is found, and of its kind', (name) => {
    const text = fixture(name);
    const count = text.split('\n').filter((l) => l !== '' && !/^<(\?|.?conntrack|.?expect)/.test(l)).length;
    const items = all([new TableReader(name).push(text)]);
    const isExpectation = name.includes('expect');
    // -A of a new connection's event says no more than that of a listing, unless a program made it.
    const isEvent = name.includes('events/');
    const found = isExpectation
      ? isEvent
        ? items.expectationEvents.length
        : items.expectations.length
      : items.events.length + (isEvent && name.endsWith('save.txt') ? items.flows.length : 0);
    expect(isEvent || isExpectation ? found : items.flows.length).toBe(count);
    const { flows, events, expectations, expectationEvents } = items;
    expect(flows.length + events.length + expectations.length + expectationEvents.length).toBe(count);
  });

  test.each(['both/list-all.txt', 'both/list-xml-all.txt', 'both-events/save.txt', 'both/expect-xml.txt'])(
    '%s: wherever it is cut',
    (name) => {
      const text = fixture(name);
      const whole = all([new TableReader('f').push(text)]);
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 }), (a, b) => {
          let turn = 0;
          expect(readIn(text, () => (turn++ % 2 === 0 ? a : b))).toEqual(whole);
        }),
        { numRuns: 20 },
      );
    },
  );
  test('character by character', () => {
    for (const name of ['both/list-xml.txt', 'both-events/default.txt', 'both/proc-expect.txt']) {
      const text = fixture(name)
        .slice(0, 20_000)
        .replace(/[^\n]*$/, '');
      const whole = all([new TableReader('f').push(text)]);
      expect(readIn(text, () => 1)).toEqual(whole);
      expect(whole.flows.length + whole.events.length + whole.expectations.length).toBeGreaterThan(10);
    }
  });
  test('as an async iterable', async () => {
    const text = fixture('both/list-save.txt');
    async function* parts(): AsyncGenerator<string> {
      for (let at = 0; at < text.length; at += 1000) yield text.slice(at, at + 1000);
    }
    const items: TableItems[] = [];
    for await (const part of readTable(parts(), 'f')) items.push(part);
    expect(all(items).flows).toEqual(parseTable(text, 'f'));
  });

  test('XML on one line, and on many', () => {
    const text = fixture('both/list-xml.txt');
    const flows = parseTable(text, 'f');
    expect(flows.length).toBeGreaterThan(100);
    expect(parseTable(text.replaceAll('\n', ''), 'f')).toEqual(flows);
    expect(parseTable(text.replaceAll('><', '>\n  <'), 'f')).toEqual(flows);
  });
  test('line ends of other systems, comments, blanks, no end of the last line', () => {
    const text = fixture('both/list-default.txt');
    const flows = parseTable(text, 'f');
    expect(parseTable(text.replaceAll('\n', '\r\n'), 'f')).toEqual(flows);
    expect(parseTable(text.trimEnd(), 'f')).toEqual(flows);
    expect(
      parseTable(`# saved\n\n  \n${text}\nconntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.\n`, 'f'),
    ).toEqual(flows);
  });
  test('JSON, one object a line or as a list', () => {
    const flows = parseTable(fixture('both/list-all.txt'), 'f');
    const json = flows.map((r) => JSON.stringify(flowToJson(r)));
    expect(parseTable(`${json.join('\n')}\n`, 'f')).toEqual(flows);
    expect(parseTable(`[\n${json.join(',\n')}\n]\n`, 'f')).toEqual(flows);
    const { events } = new TableReader('f').push(fixture('both-events/default.txt'));
    const lines = events.map((e) => `${JSON.stringify(eventToJson(e))}\n`).join('');
    expect(new TableReader('f').push(lines).events).toEqual(events);
  });
  test('an old kernel and a new one in one file', () => {
    const old =
      'tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 packets=5 bytes=6 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 packets=7 bytes=8 [ASSURED] mark=0 secmark=0 use=1';
    expect(parseTable(`${old}\nipv4     2 ${old}\n`, 'f')).toEqual([
      parseFlowLine(old, { file: 'f', line: 1 }),
      parseFlowLine(old, { file: 'f', line: 1 }),
    ]);
  });
});

const LINE = 'udp 17 5 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 mark=0';
const XML = '<flow><meta></meta></flow>';

describe('what is wrong is said with its line', () => {
  const message = (text: string, isStrict: boolean): string => {
    try {
      const reader = new TableReader('f', isStrict);
      reader.push(text);
      reader.end();
    } catch (e) {
      if (e instanceof FlowError) return e.message;
      throw e;
    }
    return 'no error';
  };
  test.each([
    [`${LINE}\n\nx\n`, 'f:3:2: expected the protocol number'],
    [`${LINE}\n   udp 17 y`, 'f:2:11: expected NAME=VALUE, got "y"'],
    [`\n<conntrack>\n${XML}\n`, 'f:3:1: <meta direction="original"> is missing'],
    [`<conntrack>\n<flow>\n\n</flow>${XML}`, 'f:2:1: <meta direction="original"> is missing'],
    ['<conntrack><flow', 'f:1:1: <flow> has no end'],
    ['<conntrack', 'f:1:1: broken tag'],
    ['\n<html>', 'f:2:1: expected <flow>'],
    ['{"event":"NEW"}', 'f:1:1: expected a flow as an object'],
    ['{', "f:1:1: Expected property name or '}' in JSON at position 1"],
    ['-A -s 10.0.0.1 -d fd00::2 -p 50', 'f:1:19: IPv4 and IPv6 addresses in one connection'],
    ['-A -s 10.0.0.1 -d 10.0.0.2 -r fd00::2 -p 50', 'f:1:31: IPv4 and IPv6 addresses in one connection'],
    ['-A -s fd00::1 -d fd00::2 -q 10.0.0.2 -p 50', 'f:1:29: IPv4 and IPv6 addresses in one connection'],
    ['-X 5', 'f:1:1: expected a line that begins with -A or -I'],
    ['[1.5]\tx', 'f:1:7: expected the timeout as a number'],
    ['[OLD] udp', 'f:1:1: expected [NEW], [UPDATE] or [DESTROY], got "[OLD]"'],
    ['é 1', 'f:1:1: expected a protocol name, got "é"'],
  ])('%s', (text, expected) => expect(message(text, false).slice(0, expected.length)).toBe(expected));
  test('what is longer than any line', () => {
    const long = 'x'.repeat(1 << 17);
    expect(message(long, false)).toBe('f:1:1: a line of more than 65536 characters');
    expect(message(`\n${long}\n`, false)).toBe('f:2:1: a line of more than 65536 characters');
    expect(message(`<flow>${long}</flow>\n`, false)).toBe('f:1:1: a line of more than 65536 characters');
    expect(() => readIn(long, () => 100)).toThrow('f:1:1: a line of more than 65536 characters');
  });
  test.each([
    [`    [NEW] ${LINE}`, 'f:1:1: an event, where connections are expected'],
    [
      '300 proto=2 src=1.1.1.1 dst=1.1.1.1 mask-src=1.1.1.1 mask-dst=1.1.1.1 master-src=1.1.1.1 master-dst=1.1.1.1 class=0',
      'f:1:1: an expectation, where connections are expected',
    ],
    [
      '    [NEW] 300 proto=2 src=1.1.1.1 dst=1.1.1.1 mask-src=1.1.1.1 mask-dst=1.1.1.1 master-src=1.1.1.1 master-dst=1.1.1.1 class=0',
      'f:1:1: an event, where connections are expected',
    ],
    ['-D -u UNSET -s 1.1.1.1 -d 1.1.1.2 -p 50', 'f:1:1: an event, where connections are expected'],
    ['- l3proto = 2 proto=2 src=1.1.1.1 dst=1.1.1.1', 'f:1:1: an expectation, where connections are expected'],
  ])('a table of connections: %s', (text, expected) => {
    expect(message(text, false)).toBe('no error');
    expect(message(text, true)).toBe(expected);
    expect(() => parseTable(text, 'f')).toThrow(expected);
  });

  const json = JSON.parse(JSON.stringify(flowToJson(parseTable(LINE, 'f')[0]))) as Record<string, unknown>;
  test.each<[string, unknown, string]>([
    ['family', 'ipv5', 'expected the family "ipv4" or "ipv6"'],
    ['family', 'ipv6', '"10.0.0.1" is not ipv6'],
    ['protocol', 'x', 'unknown protocol "x"'],
    ['protocol', 256, 'expected protocol as a number from 0 to 255, got 256'],
    ['protocol', null, 'expected protocol as a number from 0 to 255, got null'],
    ['original', null, 'expected a flow as an object'],
    ['original', { src: '10.0.0.1', dst: 5 }, '5 is not an address'],
    ['original', { src: '10.0.0.1', dst: '10.0.0.2', sport: 1 }, 'dport is missing'],
    ['original', { src: '10.0.0.1', dst: '10.0.0.2', type: 256 }, 'expected type as a number from 0 to 255, got 256'],
    ['original', { src: '10.0.0.1', dst: '10.0.0.2', packets: 1 }, 'bytes is missing'],
    ['status', ['X'], 'unknown status "X"'],
    ['status', 5, 'expected status as a list of texts'],
    ['state', 'X', 'unknown state "X"'],
    ['timeout', -1, 'expected timeout as a number from 0 to 4294967295, got -1'],
    ['mark', 1.5, 'expected mark as a number from 0 to 4294967295, got 1.5'],
    ['zone', 65536, 'expected zone as a number from 0 to 65535, got 65536'],
    ['labels', 'x', 'expected labels as a list of texts'],
    ['helper', 5, 'expected helper as a text'],
    ['start', 5, 'expected start as nanoseconds since the epoch'],
    ['vtags', { original: 5 }, 'reply is missing'],
    ['vtags', 5, 'original is missing'],
    ['greTimeouts', { timeout: 5, stream: 'x' }, 'expected stream as a number from 0 to 4294967295, got "x"'],
  ])('JSON: %s %j', (name, value, expected) => {
    expect(message(JSON.stringify({ ...json, [name]: value }), false)).toBe(`f:1:1: ${expected}`);
  });
  test('JSON of an event', () => {
    const event = { event: 'NEW', flow: json };
    expect(message(JSON.stringify(event), false)).toBe('no error');
    expect(message(JSON.stringify({ ...event, event: 'X' }), false)).toMatch('expected the event "NEW"');
    expect(message(JSON.stringify({ ...event, time: 'X' }), false)).toMatch('expected time in seconds');
    expect(message(JSON.stringify({ ...event, portid: 'X' }), false)).toMatch('expected portid');
  });
});
