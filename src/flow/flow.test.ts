import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalAddress, formatAddress, parseAddress } from './address.js';
import { FlowError } from './error.js';
import { formatEventLine, formatExpectationEventLine, parseEventLine, parseExpectationEventLine } from './event.js';
import { formatExpectationLine, formatProcExpectationLine, parseExpectationLine } from './expectation.js';
import { eventToJson, flowFromJson, flowToJson } from './json.js';
import { formatFlowLine, formatIpConntrackLine, formatProcLine } from './line.js';
import { parseFlowLine, parseProcLine } from './parse-line.js';
import { parseFlowXml } from './parse-xml.js';
import { type ExpectationRecord, type FlowRecord, newRecord } from './record.js';
import { formatSaveEvent, formatSaveLine, invertTuple, parseSaveLine } from './save.js';
import { parseTable } from './table.js';
import { formatCtime, parseCtime } from './time.js';
import {
  formatEventXml,
  formatExpectationEventXml,
  formatExpectationXml,
  formatFlowXml,
  XML_EXPECT_FOOT,
  XML_EXPECT_HEAD,
  XML_FOOT,
  XML_HEAD,
} from './xml.js';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../test/fixtures/flow/${name}.txt`, import.meta.url), 'utf8');
const lines = (name: string): string[] => fixture(name).split('\n').slice(0, -1);
const place = { file: 'f', line: 1 };

/** Every fixture of a dump lists the same connections in the same order, so one form's records print another's text. */
const dumped = (): FlowRecord[] => lines('list-all').map((l, i) => parseFlowLine(l, { file: 'list-all', line: i + 1 }));

test('DCCP without ports shows 0 in listings, as the original does', () => {
  const line = 'dccp     33 5 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1 mark=0 use=1';
  const r = parseFlowLine(line, { file: 'f', line: 1 });
  expect(r.original.ports).toBeNull();
  expect(formatFlowLine(r)).toBe(line.replaceAll(/(dst=\S+)/g, '$1 sport=0 dport=0'));
  expect(formatFlowXml(r).split('<sport>0</sport><dport>0</dport>')).toHaveLength(3);
  expect(formatProcLine(r)).not.toContain('sport');
});

describe('text forms recorded from conntrack-tools 1.4.7', () => {
  const forms: [string, (r: FlowRecord) => string][] = [
    ['list-default', (r) => formatFlowLine(r)],
    ['list-extended', (r) => formatFlowLine(r, { extended: true })],
    ['list-id', (r) => formatFlowLine(r, { id: true })],
    ['list-all', (r) => formatFlowLine(r, { extended: true, id: true, ktimestamp: true, labels: true })],
  ];
  test.each(forms)('%s is printed byte for byte from the records of the fullest dump', (name, print) => {
    expect(`${dumped().map(print).join('\n')}\n`).toBe(fixture(name));
  });
  test.each(forms)('%s: print(parse(line)) = line', (name, print) => {
    for (const line of lines(name)) expect(print(parseFlowLine(line, place))).toBe(line);
  });

  test('list-save is printed byte for byte', () => {
    const records = dumped();
    // FIXED_TIMEOUT and the verification tags are in no line of -L.
    for (const r of records) {
      if (r.original.ports?.source === 1010) r.status |= 1 << 10;
      if (r.protocol === 132) r.vtags = r.state === 4 ? { original: 1, reply: 2 } : { original: 3, reply: 4 };
    }
    expect(`${records.map((r) => formatSaveLine(r)).join('\n')}\n`).toBe(fixture('list-save'));
  });
  test('list-save: print(parse(line)) = line', () => {
    for (const line of [...lines('list-save'), ...lines('list-save-expected')]) {
      expect(formatSaveLine(parseSaveLine(line, place))).toBe(line);
    }
  });

  test('list-xml is printed byte for byte', () => {
    expect(
      XML_HEAD +
        dumped()
          .map((r) => `${formatFlowXml(r)}\n`)
          .join('') +
        XML_FOOT,
    ).toBe(fixture('list-xml'));
  });
  test('list-xml-all: print(parse(line)) = line', () => {
    const o = { ktimestamp: true, labels: true };
    const flows = lines('list-xml-all').filter((l) => l.startsWith('<flow'));
    expect(flows.length).toBeGreaterThan(30);
    for (const line of flows) expect(formatFlowXml(parseFlowXml(line, place), o)).toBe(line);
  });

  test('/proc/net/nf_conntrack is printed from the dump', () => {
    const records = dumped();
    for (const r of records) if (r.protocol === 47) r.greTimeouts = { timeout: 0, stream: 0 };
    expect(`${records.map(formatProcLine).join('\n')}\n`).toBe(fixture('proc'));
  });
  test('/proc/net/nf_conntrack: print(parse(line)) = line', () => {
    for (const line of lines('proc')) expect(formatProcLine(parseProcLine(line, place))).toBe(line);
  });

  const all = { extended: true, id: true, ktimestamp: true, labels: true, timestamp: true };
  test.each([
    ['event-default', {}],
    ['event-timestamp', { timestamp: true }],
    ['event-all', all],
  ])('%s: print(parse(line)) = line', (name, o) => {
    for (const line of lines(name)) expect(formatEventLine(parseEventLine(line, place), o)).toBe(line);
  });

  /** The portid and progname of a change differ between two listeners, and so do stamps. */
  const anonymous = (line: string): string => line.replace(/ \[USERSPACE\].*/, '');
  test('event-save is printed from the events of the fullest form', () => {
    const events = lines('event-all').map((l) => parseEventLine(l, place));
    for (const e of events) {
      if (e.record.original.ports?.source === 1010) e.record.status |= 1 << 10;
      if (e.record.original.ports?.source === 51209) e.record.status |= 1;
      if (e.record.protocol === 132 && e.type === 'NEW') {
        e.record.vtags = e.record.state === 4 ? { original: 1, reply: 2 } : { original: 3, reply: 4 };
      }
    }
    const printed = events.map((e) => anonymous(formatSaveEvent(e)));
    const recorded = lines('event-save').map(anonymous);
    expect(printed.map((l) => l.replace(/EXPECTED,/, ''))).toEqual(recorded.map((l) => l.replace(/EXPECTED,/, '')));
  });
  test('event-xml-all is printed from the events of the fullest form', () => {
    const recorded = lines('event-xml-all')
      .filter((l) => l.startsWith('<flow'))
      .map(anonymous);
    // Lines have start and stop in whole seconds, XML in nanoseconds.
    const seconds = (l: string): string => l.replace(/<(start|stop)>(\d{10})\d{9}/g, '<$1>$2000000000');
    const o = { ktimestamp: true, labels: true, timestamp: true };
    const printed = lines('event-all').map((l) => anonymous(formatEventXml(parseEventLine(l, place), o)));
    expect(printed).toEqual(recorded.map(seconds));
  });

  test('expectations: print(parse(line)) = line', () => {
    for (const line of lines('expect-default')) {
      expect(formatExpectationLine(parseExpectationLine(line, place))).toBe(line);
    }
    for (const line of lines('event-expect-timestamp')) {
      expect(formatExpectationEventLine(parseExpectationEventLine(line, place), { timestamp: true })).toBe(line);
    }
  });
  test('expectations in XML and in /proc are printed from the line', () => {
    const records = lines('expect-default').map((l) => parseExpectationLine(l, place));
    const xml = XML_EXPECT_HEAD + records.map((r) => `${formatExpectationXml(r)}\n`).join('') + XML_EXPECT_FOOT;
    expect(xml).toBe(fixture('expect-xml'));
    expect(`${records.map(formatProcExpectationLine).join('\n')}\n`).toBe(fixture('proc-expect'));
    const events = lines('event-expect-timestamp').map((l) => parseExpectationEventLine(l, place));
    const printed = events.map((e) => `${formatExpectationEventXml(e)}\n`).join('');
    expect(XML_EXPECT_HEAD + printed + XML_EXPECT_FOOT).toBe(fixture('event-expect-xml'));
  });

  test.each(['list-default', 'list-extended', 'list-all', 'list-save', 'list-xml-all', 'proc'])(
    '%s is read as a table of all 32 connections',
    (name) => {
      expect(parseTable(fixture(name), name)).toHaveLength(32);
    },
  );
});

describe('lines of other times and places', () => {
  const rows: [claim: string, line: string, check: (r: FlowRecord) => unknown, value: unknown][] = [
    [
      'a line of /proc/net/ip_conntrack of Linux 2.6',
      'tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 packets=3 bytes=4 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 packets=5 bytes=6 [ASSURED] mark=0 secmark=0 use=1',
      (r) => [r.state, r.counters?.reply.bytes, r.status],
      [3, 6, 6],
    ],
    [
      'an ICMP entry of Linux 2.4, whose id belongs to the tuple',
      'icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=512 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=513 use=1 id=99',
      (r) => [r.original.icmp?.id, r.reply.icmp?.id, r.id],
      [512, 513, 99],
    ],
    [
      'a security context',
      'udp 17 9 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 mark=0 secctx=system_u:object_r:unlabeled_t:s0 use=1',
      (r) => r.secctx,
      'system_u:object_r:unlabeled_t:s0',
    ],
    [
      'an offloaded connection',
      'ipv4     2 tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [OFFLOAD] mark=0 zone=0 use=3',
      (r) => [r.timeout, r.state, r.status],
      [null, null, (1 << 14) | 2],
    ],
    [
      'LISTEN, the old name of SYN_SENT2',
      'tcp 6 9 LISTEN src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1',
      (r) => r.state,
      9,
    ],
    [
      'a DCCP state of kernels that tracked DCCP',
      'dccp 33 9 OPEN src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1',
      (r) => [r.protocol, r.original.ports?.source],
      [33, 1],
    ],
  ];
  test.each(rows)('%s', (_, line, check, value) => {
    expect(check(parseFlowLine(line, place))).toEqual(value);
  });

  test('ip_conntrack is printed without layer 3 and zone', () => {
    const line = rows[0][1].replace(' secmark=0', '');
    expect(formatIpConntrackLine(parseFlowLine(line, place))).toBe(line);
  });

  test('-m and -l of a hand-written conntrack command are taken', () => {
    const r = parseSaveLine(
      '-I --src 10.0.0.1 -d 10.0.0.2 -p udp --sport 1 --dport 2 -t 9 -m 0x10 -g 192.0.2.1:99',
      place,
    );
    expect([r.mark, r.reply.source, r.reply.ports?.source]).toEqual([16, '192.0.2.1', 2]);
  });
});

describe('errors name line and column', () => {
  const flow = 'src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1';
  test.each([
    ['', 1, 'expected a protocol name'],
    ['tcp', 4, 'expected the protocol number'],
    ['tcp 17 9', 5, 'tcp is protocol 6, not 17'],
    ['tcq 6 9', 1, 'unknown protocol name "tcq"'],
    ['ipv4 10 tcp 6', 6, 'expected 2 after ipv4'],
    [`tcp 6 9 SLEEPING ${flow}`, 9, 'tcp has no state "SLEEPING"'],
    [`udp 17 9 ESTABLISHED ${flow}`, 10, 'udp has no state "ESTABLISHED"'],
    [`udp 17 9 ${flow.replace('10.0.0.2', '10.0.0.256')}`, 27, '"10.0.0.256" is not an address'],
    [`udp 17 9 ${flow.replace('sport=1', 'sport=65536')}`, 42, 'expected sport as a number from 0 to 65535'],
    [`udp 17 9 ${flow.slice(0, 42)}`, 51, 'no second src='],
    [`udp 17 9 ${flow.replace(' dport=2', '')}`, 10, 'dport= is missing'],
    [`udp 17 9 ${flow} colour=blue`, 94, 'unknown field "colour"'],
    [`udp 17 9 ${flow} [MAYBE]`, 94, 'unknown flag "[MAYBE]"'],
    [`udp 17 9 ${flow} src=1.2.3.4`, 94, 'a third src='],
    [`udp 17 9 ${flow.replace('dst=10.0.0.2', 'dst=fd00::1')}`, 27, 'IPv4 and IPv6 addresses in one tuple'],
    [`ipv6 10 udp 17 9 ${flow}`, 18, 'addresses of another family'],
  ])('%j', (line, column, message) => {
    let error: unknown;
    try {
      parseFlowLine(line, { file: 'table.txt', line: 7 });
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(FlowError);
    expect((error as FlowError).message).toContain(message);
    expect((error as FlowError).message).toContain(`table.txt:7:${column}: `);
  });

  test('a table names the line', () => {
    expect(() => parseTable(`udp 17 9 ${flow}\n\nnonsense\n`, 't')).toThrow('t:3:');
  });
  test.each([
    ['-A -s 10.0.0.1 -x 1', 16, 'unknown option "-x"'],
    ['-A -s 10.0.0.1 -d', 16, '-d needs a value'],
    ['-A -s 10.0.0.1 -d 10.0.0.2 -p 6 -u MAYBE', 36, 'unknown status "MAYBE"'],
  ])('save line %j', (line, column, message) => {
    expect(() => parseSaveLine(line, place)).toThrow(`f:1:${column}: ${message}`);
  });
  test.each(['<flow>', '<flow></meta>', '<flow><', '<x></x>', '<flow></flow>'])('broken XML %j', (line) => {
    expect(() => parseFlowXml(line, place)).toThrow(FlowError);
  });
});

const address4 = fc.ipV4();
const address6 = fc.ipV6().map((a) => canonicalAddress(a) ?? '::1');
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const orNull = <T>(a: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(a, { nil: null });

const record: fc.Arbitrary<FlowRecord> = fc
  .record({
    v6: fc.boolean(),
    protocol: fc.constantFrom(1, 6, 17, 47, 50, 58, 132, 136),
    addresses: fc.tuple(address4, address4, address4, address4),
    addresses6: fc.tuple(address6, address6, address6, address6),
    n: fc.tuple(u16, u16, u16, u16),
    icmp: fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), u16),
    timeout: orNull(u32),
    state: orNull(fc.integer({ min: 0, max: 8 })),
    replied: fc.boolean(),
    assured: fc.boolean(),
    mark: orNull(u32),
    zones: fc.constantFrom([0, 0], [5, 5], [5, 0], [0, 5]),
    helper: orNull(fc.constantFrom('ftp', 'sip', 'Q.931')),
    labels: orNull(fc.constantFrom(['a'], ['a', 'b-c'])),
    counters: orNull(fc.tuple(u32, fc.maxSafeNat(), u32, fc.maxSafeNat())),
    startS: orNull(u32),
    age: orNull(u32),
    id: orNull(u32),
    use: orNull(u16),
  })
  .map((g) => {
    const a = g.v6 ? g.addresses6 : g.addresses;
    const tuple = (s: string, d: string, p: number, q: number): FlowRecord['original'] => ({
      source: s,
      destination: d,
      ports: [6, 17, 132, 136].includes(g.protocol) ? { source: p, destination: q } : null,
      icmp: [1, 58].includes(g.protocol) ? { type: g.icmp[0], code: g.icmp[1], id: g.icmp[2] } : null,
      keys: g.protocol === 47 ? { source: p, destination: q } : null,
    });
    const r = newRecord(
      g.v6 ? 10 : 2,
      g.protocol,
      tuple(a[0], a[1], g.n[0], g.n[1]),
      tuple(a[2], a[3], g.n[2], g.n[3]),
    );
    r.timeout = g.timeout;
    r.state = g.protocol === 6 || g.protocol === 132 ? g.state : null;
    r.status = (g.replied ? 2 : 0) | (g.assured ? 4 : 0);
    r.mark = g.mark;
    [r.zoneOriginal, r.zoneReply] = g.zones;
    r.helper = g.helper;
    r.labels = g.labels;
    const c = g.counters;
    if (c) r.counters = { original: { packets: c[0], bytes: c[1] }, reply: { packets: c[2], bytes: c[3] } };
    r.startNs = g.startS === null ? null : BigInt(g.startS) * 1_000_000_000n;
    r.ageSeconds = g.age;
    r.id = g.id;
    r.use = g.use;
    return r;
  });

describe('parse(print(x)) = x', () => {
  const all = { extended: true, id: true, ktimestamp: true, labels: true };
  test('lines', () => {
    fc.assert(
      fc.property(record, (r) => {
        expect(parseFlowLine(formatFlowLine(r, all), place)).toEqual(r);
      }),
    );
  });
  test('events', () => {
    fc.assert(
      fc.property(record, orNull(u32), fc.constantFrom('NEW', 'UPDATE', 'DESTROY'), (r, portid, type) => {
        const e = {
          type,
          record: r,
          timestampUs: 1795260987000007,
          portid,
          progname: portid === null ? null : 'x',
        } as const;
        expect(parseEventLine(formatEventLine(e, { ...all, timestamp: true }), place)).toEqual(e);
      }),
    );
  });
  test('XML, as far as it says everything', () => {
    fc.assert(
      fc.property(record, (r) => {
        fc.pre(r.original.icmp === null);
        expect(parseFlowXml(formatFlowXml(r, all), place)).toEqual(r);
      }),
    );
  });
  test('JSON, through its text', () => {
    fc.assert(
      fc.property(record, (r) => {
        expect(flowFromJson(JSON.parse(JSON.stringify(flowToJson(r))))).toEqual(r);
      }),
    );
  });
  test('save, as far as it says everything', () => {
    fc.assert(
      fc.property(record, (r) => {
        const bare = { ...newRecord(r.family, r.protocol, r.original, r.reply), timeout: r.timeout, state: r.state };
        bare.status = r.status;
        if (r.original.icmp) bare.reply = { ...bare.reply, icmp: invertTuple(r.original, r.protocol).icmp };
        expect(parseSaveLine(formatSaveLine(bare), place)).toEqual(bare);
      }),
    );
  });
  test('expectations', () => {
    const ports = (source: number, destination: number): Pick<FlowRecord['original'], 'ports' | 'icmp' | 'keys'> => ({
      ports: { source, destination },
      icmp: null,
      keys: null,
    });
    fc.assert(
      fc.property(orNull(u32), u16, u16, fc.integer({ min: 0, max: 7 }), u16, (timeout, p, q, flags, zone) => {
        const e: ExpectationRecord = {
          family: 2,
          protocol: 6,
          timeout,
          tuple: { source: '0.0.0.0', destination: '10.0.0.1', ...ports(p, q) },
          mask: { source: '0.0.0.0', destination: '255.255.255.255', ...ports(0, 65535) },
          master: { source: '10.0.0.2', destination: '10.0.0.1', ...ports(q, 21) },
          zone,
          flags,
          class: 1,
          helper: 'sip',
        };
        expect(parseExpectationLine(formatExpectationLine(e), place)).toEqual(e);
      }),
    );
  });
  test('addresses', () => {
    fc.assert(
      fc.property(fc.tuple(u32, u32, u32, u32), fc.constantFrom(0xff, 0xf0, 0x0f, 0), (w, mask) => {
        const words = Int32Array.from(w.map((x, i) => ((mask >> (2 * i)) & 3 ? x : 0)));
        expect(parseAddress(formatAddress(10, words))).toEqual({ family: 10, words });
      }),
    );
  });
  test('times', () => {
    fc.assert(
      fc.property(u32, (s) => {
        const ns = BigInt(s) * 1000000000n;
        expect(parseCtime(formatCtime(ns))).toBe(ns);
      }),
    );
  });
});

test('any line at all parses or throws a FlowError', () => {
  const words = [
    'tcp',
    '6',
    'src=1.2.3.4',
    'dst=::1',
    'sport=1',
    '[ASSURED]',
    '[',
    'x=',
    '=',
    'id=3',
    'ipv4',
    '2',
    '-A',
    '<a>',
    '{',
  ];
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...words), fc.string())), (parts) => {
      try {
        parseTable(parts.join(' '), 't');
      } catch (e) {
        expect(e).toBeInstanceOf(FlowError);
      }
    }),
  );
});

test('the JSON of an event has the names that it documents', () => {
  const e = parseEventLine(lines('event-all')[0], place);
  expect(Object.keys(eventToJson(e))).toEqual(expect.arrayContaining(['event', 'time', 'portid', 'flow']));
});
