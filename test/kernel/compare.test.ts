/**
 * The comparison is itself tested: a recording agrees with itself, and each kind of corruption is seen in its category and
 * in no other. Every corruption must have met at least one case that it could be done to.
 */
import { describe, expect, it } from 'vitest';
import { CASES, readCases } from './case.js';
import { CATEGORIES, type Category, compareOutputs, type Outputs } from './compare.js';
import { diff } from './diff.js';
import { type CapturedPacket, readPcapng } from './pcapng.js';

const cases = readCases(CASES);

/** The first line that the change alters, altered; null = there is none. */
function editLine(text: string | null, change: (line: string) => string): string | null {
  if (text === null) return null;
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const changed = change(lines[i]!);
    if (changed === lines[i]) continue;
    if (changed === '') lines.splice(i, 1);
    else lines[i] = changed;
    return lines.join('\n');
  }
  return null;
}

const bump = (by: number) => (line: string) =>
  line.replace(/^((?:\s*\[\w+\] )?(?:ipv\d +\d+ )?\S+ +\d+ )(\d+)/, (_, head, n) => `${head}${Number(n) + by}`);

function textEdit(key: 'rules4' | 'rules6' | 'table' | 'events' | 'log', change: (line: string) => string) {
  return (o: Outputs): Outputs | null => {
    const edited = editLine(o[key], change);
    return edited === null ? null : { ...o, [key]: edited };
  };
}

function packetEdit(change: (packets: CapturedPacket[]) => CapturedPacket[] | null) {
  return (o: Outputs): Outputs | null => {
    const packets = change([...o.packets]);
    return packets === null ? null : { ...o, packets };
  };
}

const flip = (offset: number, which: (packet: CapturedPacket) => boolean) =>
  packetEdit((packets) => {
    const i = packets.findIndex((packet) => which(packet) && packet.ip !== null && packet.ip.length > offset);
    if (i < 0) return null;
    const ip = Buffer.from(packets[i]!.ip!);
    ip[offset]! ^= 1;
    packets[i] = { ...packets[i]!, ip };
    return packets;
  });

const forwarded = (packet: CapturedPacket) => packet.comment === '';
const isV4 = (packet: CapturedPacket) => packet.ip !== null && packet.ip[0]! >> 4 === 4;

function swap(packets: CapturedPacket[]): CapturedPacket[] | null {
  for (let i = 0; i + 1 < packets.length; i++) {
    const [a, b] = [packets[i]!, packets[i + 1]!];
    if (a.dev !== b.dev || a.ip === null || b.ip === null || a.ip.equals(b.ip)) continue;
    packets.splice(i, 2, b, a);
    return packets;
  }
  return null;
}

const STRANGER =
  'ipv4 2 udp 17 20 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1';
const live = (line: string) => line.includes('src=') && !/ 0 (?:[A-Z]|src)/.test(line);

type Row = [category: Category | null, name: string, corrupt: (o: Outputs) => Outputs | null];
const CORRUPTIONS: Row[] = [
  ['counters', 'rule counter', textEdit('rules4', (l) => l.replace(/^\[(\d+)/, (_, n) => `[${Number(n) + 1}`))],
  [
    'counters',
    'policy counter',
    textEdit('rules4', (l) => l.replace(/^(:.*):(\d+)\]/, (_, h, n) => `${h}:${+n + 1}]`)),
  ],
  ['counters', 'v6 rule counter', textEdit('rules6', (l) => l.replace(/^\[(\d+)/, (_, n) => `[${Number(n) + 1}`))],
  ['ruletext', 'rule text', textEdit('rules4', (l) => (l.includes(' -A ') ? `${l} -m comment --comment x` : l))],
  ['ruletext', 'policy', textEdit('rules4', (l) => l.replace(/^(:\S+) ACCEPT/, '$1 DROP'))],
  [
    'ruletext',
    'last rule gone',
    (o) => {
      const cut = o.rules4!.replace(/\n\[\d+:\d+\] -A [^\n]*\nCOMMIT/, '\nCOMMIT');
      return cut === o.rules4 ? null : { ...o, rules4: cut };
    },
  ],
  ['table', 'entry gone', textEdit('table', (l) => (live(l) ? '' : l))],
  ['table', 'entry too many', (o) => ({ ...o, table: `${o.table}\n${STRANGER}` })],
  ['table', 'timeout', textEdit('table', bump(7))],
  [null, 'timeout within the slack', textEdit('table', bump(1))],
  ['table', 'ASSURED', textEdit('table', (l) => l.replace('[ASSURED] ', ''))],
  ['table', 'UNREPLIED', textEdit('table', (l) => l.replace('[UNREPLIED] ', ''))],
  ['table', 'mark', textEdit('table', (l) => l.replace(/mark=\d+/, 'mark=77'))],
  ['table', 'port', textEdit('table', (l) => l.replace(/sport=\d+/, 'sport=9'))],
  ['table', 'ICMP id', textEdit('table', (l) => (l.includes(' icmp ') ? l.replace(/ id=\d+/, ' id=0') : l))],
  ['table', 'state', textEdit('table', (l) => l.replace(/ (ESTABLISHED|TIME_WAIT|CLOSE|SYN_SENT) /, ' SYN_SENT2 '))],
  ['table', 'packet count', textEdit('table', (l) => l.replace(/packets=(\d+)/, (_, n) => `packets=${+n + 1}`))],
  [null, 'use count', textEdit('table', (l) => l.replace(/use=\d+/, 'use=7'))],
  ['expectations', 'expectation too many', (o) => ({ ...o, expectations: '297 proto=6 src=1.1.1.1 dst=2.2.2.2' })],
  ['events', 'NEW gone', textEdit('events', (l) => (l.includes('[NEW]') ? '' : l))],
  ['events', 'UPDATE gone', textEdit('events', (l) => (l.includes('[UPDATE]') ? '' : l))],
  ['events', 'event type', textEdit('events', (l) => l.replace('[UPDATE]', '[NEW]'))],
  ['events', 'event timeout', textEdit('events', (l) => (l.includes('[NEW]') ? bump(9)(l) : l))],
  [
    null,
    'last DESTROY gone',
    (o) => {
      const lines = o.events.trimEnd().split('\n');
      return lines.at(-1)!.trimStart().startsWith('[DESTROY]') ? { ...o, events: lines.slice(0, -1).join('\n') } : null;
    },
  ],
  ['packets', 'byte of the header', flip(19, forwarded)],
  ['packets', 'byte of the payload', flip(39, forwarded)],
  ['packets', 'TTL', flip(8, forwarded)],
  ['packets', 'IP id of a forwarded packet', flip(5, (packet) => forwarded(packet) && isV4(packet))],
  [null, 'IP id of a host-made packet', flip(5, (packet) => !forwarded(packet) && isV4(packet))],
  ['packets', 'flow label of a forwarded packet', flip(3, (packet) => forwarded(packet) && !isV4(packet))],
  [null, 'flow label of a host-made packet', flip(3, (packet) => !forwarded(packet) && !isV4(packet))],
  ['packets', 'packet gone', packetEdit((packets) => (packets.length > 0 ? packets.slice(1) : null))],
  ['packets', 'packet twice', packetEdit((packets) => (packets.length > 0 ? [packets[0]!, ...packets] : null))],
  ['packets', 'order', packetEdit(swap)],
  [
    'packets',
    'interface',
    packetEdit((packets) => {
      if (packets.length === 0) return null;
      packets[0] = { ...packets[0]!, dev: packets[0]!.dev === 'r0' ? 'r1' : 'r0' };
      return packets;
    }),
  ],
  [
    null,
    'packets on local',
    (o) => ({ ...o, packets: [...o.packets, { dev: 'local', comment: '', ip: Buffer.alloc(40) }] }),
  ],
  ['log', 'line gone', textEdit('log', (l) => (l.includes('IN=') ? '' : l))],
  ['log', 'text', textEdit('log', (l) => l.replace('IN=', 'in IN='))],
  [
    null,
    'flow label of what the host sent',
    textEdit('log', (l) => (l.includes('IN= OUT=r') ? l.replace(/ FLOWLBL=\d+/, ' FLOWLBL=77') : l)),
  ],
  [null, 'time stamp', textEdit('log', (l) => (l.includes(' OUT=') ? `<4>[   12.345678] ${l}` : l))],
];

function categoriesOf(expected: Outputs, actual: Outputs): Category[] {
  const found = compareOutputs(expected, actual);
  return CATEGORIES.filter((category) => found[category].length > 0);
}

describe('the comparison', () => {
  it('agrees with each recording itself', () => {
    for (const c of cases) expect(categoriesOf(c.expected, c.expected), c.name).toEqual([]);
  });

  it.each(CORRUPTIONS)('%s: %s', (category, name, corrupt) => {
    let tried = 0;
    for (const c of cases) {
      const corrupted = corrupt(c.expected);
      if (corrupted === null) continue;
      tried++;
      expect(categoriesOf(c.expected, corrupted), `${name} in ${c.name}`).toEqual(category === null ? [] : [category]);
    }
    expect(tried, 'no case has what this corruption changes').toBeGreaterThan(0);
  });

  it('sees every category', () => {
    expect(CATEGORIES.filter((category) => !CORRUPTIONS.some((row) => row[0] === category))).toEqual([]);
  });

  const expectation = '299 proto=6 src=10.1.0.2 dst=10.2.0.2 sport=0 dport=51210 class=0 helper=ftp';
  it.each([
    ['within the slack', '298 proto=6 src=10.1.0.2 dst=10.2.0.2 sport=0 dport=51210 class=0 helper=ftp', 0],
    ['with another timeout', '290 proto=6 src=10.1.0.2 dst=10.2.0.2 sport=0 dport=51210 class=0 helper=ftp', 1],
    ['with another port', '299 proto=6 src=10.1.0.2 dst=10.2.0.2 sport=0 dport=51211 class=0 helper=ftp', 2],
    ['gone', '', 1],
  ])('an expectation %s', (_name, actual, count) => {
    const base = cases[0]!.expected;
    const found = compareOutputs({ ...base, expectations: expectation }, { ...base, expectations: actual });
    expect(found.expectations.length).toBe(count);
  });

  it('a table that was read late may have less time left, and lack what has ended since', () => {
    const at = (seconds: number): string =>
      `ipv4 2 udp 17 ${seconds} src=10.1.0.2 dst=10.2.0.2 sport=1 dport=2 src=10.2.0.2 dst=10.1.0.2 sport=2 dport=1 mark=0\n`;
    const base = cases[0]!.expected;
    const count = (table: string, late: number): number =>
      compareOutputs({ ...base, table }, { ...base, table: at(5) }, late).table.length;
    expect([count(at(2), 0), count(at(2), 1), count(at(8), 1), count('', 4), count('', 5)]).toEqual([1, 0, 1, 1, 0]);
  });

  const events = `    [NEW] ${expectation}\n[DESTROY] ${expectation}\n`;
  it.each([
    ['the same', events, 0],
    ['with timeouts within the slack', events.replaceAll('299', '300'), 0],
    ['with another timeout', events.replace('299', '180'), 1],
    ['with another flag', events.replace('class', 'PERMANENT class'), 1],
    ['of another expectation', events.replaceAll('51210', '51211'), 4],
    ['without the last DESTROY', events.split('\n')[0]!, 0],
    ['in another order', events.split('\n').reverse().join('\n'), 2],
    ['one too many', `${events}    [NEW] ${expectation}\n`, 1],
    ['not there', '', 2],
  ])('events of an expectation, %s', (_name, actual, count) => {
    const base = cases[0]!.expected;
    const found = compareOutputs({ ...base, expectationEvents: events }, { ...base, expectationEvents: actual });
    expect(found.expectations.length).toBe(count);
    expect(compareOutputs(base, { ...base, expectationEvents: actual }).expectations).toEqual([]);
  });

  it.each([
    ['right behind the IPv6 header', [44]],
    ['behind hop-by-hop options', [0, 44]],
    ['behind destination options, routing and destination options', [60, 43, 60, 44]],
  ])('numbers IPv6 fragment ids by appearance, %s', (_name, types) => {
    const fragment = (id: number): CapturedPacket => {
      const ip = Buffer.alloc(48 + 8 * types.length);
      ip[0] = 0x60;
      types.forEach((type, i) => {
        ip[i === 0 ? 6 : 32 + 8 * i] = type;
      });
      ip.writeUInt32BE(id, 36 + 8 * types.length);
      return { dev: 'r1', comment: '', ip };
    };
    const base = cases[0]!.expected;
    const expected = { ...base, packets: [fragment(7), fragment(7), fragment(9)] };
    const renumbered = { ...base, packets: [fragment(100), fragment(100), fragment(5)] };
    const split = { ...base, packets: [fragment(100), fragment(101), fragment(101)] };
    expect(categoriesOf(expected, renumbered)).toEqual([]);
    expect(categoriesOf(expected, split)).toEqual(['packets']);
  });
});

describe('diff', () => {
  it.each([
    ['equal', 'abc', 'abc', []],
    ['one missing', 'abc', 'ac', ['- #2 b']],
    ['one too many', 'ac', 'abc', ['+ #2 b']],
    ['one changed', 'abc', 'axc', ['- #2 b', '+ #2 x']],
    ['all missing', 'ab', '', ['- #1 a', '- #2 b']],
  ])('%s', (_name, expected, actual, lines) => {
    expect(diff([...expected], [...actual])).toEqual(lines);
  });
});

describe('readPcapng', () => {
  it('complains of a block that does not fit', () => {
    const block = Buffer.alloc(28);
    block.writeUInt32LE(0x0a0d0d0a, 0);
    block.writeUInt32LE(64, 4);
    block.writeUInt32LE(0x1a2b3c4d, 8);
    expect(() => readPcapng(block)).toThrow('block at byte 0: length 64 does not fit');
  });
});
