/** A whole replay in this process: options, host, outputs. The command line itself is tested in test/cli. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PcapngWriter } from '../capture/pcapng-writer.js';
import { parseFlowLine } from '../flow/parse-line.js';
import { parseTable } from '../flow/table.js';
import { makeHost } from './host-adapter.js';
import { checkLocal, plainHost, withSysctl } from './network.js';
import { type ReplayOptions, TABLE_FORMATS } from './options.js';
import { Output } from './output.js';
import { outcomeText } from './packet-line.js';
import { Progress } from './progress.js';
import { PacketResults, type ReplayHost } from './replay-host.js';
import { runReplay } from './run.js';
import { Saver } from './saver.js';
import { clockText, dateText, epochText } from './time.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-run-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

/** An Ethernet frame with a UDP packet, or with an ethertype that is not IP. */
function frame(source: number, destination: number, sport: number, dport: number, type = 0x0800): Uint8Array {
  const p = new Uint8Array(42);
  p.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, type >> 8, type & 255]);
  p.set([0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, source, 10, 0, 0, destination], 14);
  let sum = 0;
  for (let i = 14; i < 34; i += 2) sum += (p[i] << 8) | p[i + 1];
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  p[24] = sum >> 8;
  p[25] = sum & 255;
  p.set([sport >> 8, sport & 255, dport >> 8, dport & 255, 0, 8, 0, 0], 34);
  return p;
}

/** Packets a second apart from second 1000 on. */
function capture(name: string, frames: Uint8Array[], interfaceName = 'eth7'): string {
  const parts: Uint8Array[] = [];
  const w = new PcapngWriter((bytes, start, end) => parts.push(bytes.slice(start, end)));
  w.addInterface(interfaceName, 1);
  frames.forEach((f, i) => {
    w.writePacket(0, 1000 + i, 7000, f, 0, f.length, f.length);
  });
  w.flush();
  writeFileSync(file(name), Buffer.concat(parts));
  return file(name);
}

writeFileSync(
  file('rules'),
  `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 53 -j ACCEPT
-A INPUT -p udp -m udp --dport 69 -j LOG --log-prefix "tftp "
COMMIT
`,
);

const NOTHING: ReplayOptions = {
  captures: [],
  rules: null,
  rules6: null,
  rulesNft: null,
  rules6Nft: null,
  firstPlane: 'nft',
  host: null,
  local: ['10.0.0.1'],
  inInterface: null,
  answers: 'auto',
  loadTable: null,
  sets: null,
  lenient: false,
  sysctl: [],
  show: 'json',
  colour: false,
  progress: false,
  saveRules: null,
  saveRules6: null,
  saveRulesNft: null,
  saveRules6Nft: null,
  saveSets: null,
  saveTable: null,
  tableFormat: 'extended',
  saveExpectations: null,
  saveEvents: null,
  saveLog: null,
  saveCapture: null,
};

async function replay(options: Partial<ReplayOptions>): Promise<{ out: string; status: number; warnings: string[] }> {
  const warnings: string[] = [];
  const stdout = Output.open(file('stdout'));
  const status = await runReplay({ ...NOTHING, ...options }, makeHost, (line) => warnings.push(line), stdout);
  stdout.close();
  return { out: readFileSync(file('stdout'), 'utf8'), status, warnings };
}

const conversation = [
  frame(9, 1, 4000, 53),
  frame(1, 9, 53, 4000),
  frame(9, 1, 4000, 69),
  frame(9, 1, 0, 0, 0x0806),
  frame(9, 1, 4001, 70),
];

describe('a replay', () => {
  const captures = [capture('a.pcapng', conversation)];
  const rules = file('rules');

  test('gives each packet state, verdict, rule and log', async () => {
    const { out, warnings } = await replay({ captures, rules });
    const [first, reply, logged, arp, dropped] = out
      .trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l));
    expect(warnings).toEqual([]);
    expect(first).toMatchObject({
      n: 1,
      time: 1000.000007,
      in: 'eth7',
      out: null,
      hook: 'INPUT',
      state: 'NEW',
      verdict: 'ACCEPT',
    });
    expect(first.rule).toEqual({
      table: 'filter',
      chain: 'INPUT',
      number: 1,
      text: '-A INPUT -p udp -m udp --dport 53 -j ACCEPT',
    });
    expect(reply).toMatchObject({
      in: null,
      out: 'eth7',
      hook: 'OUTPUT',
      state: 'ESTABLISHED',
      dir: 'REPLY',
      id: first.id,
    });
    expect(reply.status).toEqual(expect.arrayContaining(['SEEN_REPLY', 'CONFIRMED']));
    expect(reply.rule).toEqual({ table: 'filter', chain: 'OUTPUT', number: null, text: '-P OUTPUT ACCEPT' });
    expect(logged.verdict).toBe('DROP');
    expect(logged.log).toEqual([expect.stringMatching(/^tftp IN=eth7 OUT= MAC=\S+ SRC=10\.0\.0\.9 DST=10\.0\.0\.1 /)]);
    expect(arp).toMatchObject({ hook: null, verdict: null, state: null, rule: null, reason: 'ARP' });
    expect(dropped.rule).toMatchObject({ number: null, text: '-P INPUT DROP' });
  });

  test('the summary tells the same in numbers', async () => {
    const { out } = await replay({ captures, rules, show: 'summary-json' });
    expect(JSON.parse(out)).toMatchObject({
      packets: 5,
      skipped: { ARP: 1 },
      verdicts: { ACCEPT: 2, DROP: 2 },
      states: { NEW: 3, ESTABLISHED: 1 },
      table: { entries: 1 },
    });
  });

  test('the clock of the log and of the saved table is the capture', async () => {
    await replay({ captures, rules, saveLog: file('log'), saveTable: file('table'), saveEvents: file('events') });
    expect(readFileSync(file('log'), 'utf8')).toMatch(/^\[1002\.000007\] tftp IN=eth7 /);
    const flow = parseFlowLine(readFileSync(file('table'), 'utf8').trimEnd(), { file: 'table', line: 1 });
    // The reply came at second 1001, the last packet at 1004.
    expect([flow.timeout, flow.original.ports?.destination]).toEqual([27, 53]);
    expect(readFileSync(file('events'), 'utf8').split('\n')).toHaveLength(3);
  });

  test.each(TABLE_FORMATS)('a table saved as %s is what a later replay begins with', async (tableFormat) => {
    await replay({ captures, rules, saveTable: file(tableFormat), tableFormat });
    expect(parseTable(readFileSync(file(tableFormat), 'utf8'), tableFormat)).toHaveLength(1);
    const later = [capture('later.pcapng', [frame(9, 1, 4000, 53)])];
    const { out } = await replay({ captures: later, rules, loadTable: file(tableFormat) });
    expect(JSON.parse(out).state).toBe('ESTABLISHED');
  });

  test('--sysctl counts', async () => {
    const sysctl = [['net/netfilter/nf_conntrack_udp_timeout', '2']] as const;
    const late = [
      capture('late.pcapng', [
        frame(9, 1, 4000, 53),
        frame(9, 1, 0, 0, 0x0806),
        frame(9, 1, 0, 0, 0x0806),
        frame(9, 1, 4000, 53),
      ]),
    ];
    const states = async (o: Partial<ReplayOptions>): Promise<unknown> =>
      JSON.parse((await replay({ captures: late, rules, show: 'summary-json', saveEvents: file('events2'), ...o })).out)
        .table;
    await states({ sysctl });
    expect(readFileSync(file('events2'), 'utf8').match(/\[(NEW|DESTROY)\]/g)).toEqual(['[NEW]', '[DESTROY]', '[NEW]']);
    await states({});
    expect(readFileSync(file('events2'), 'utf8').match(/\[(NEW|DESTROY)\]/g)).toEqual(['[NEW]']);
  });

  test('an interface that the host does not have is an error, unless --in-interface stands in', async () => {
    writeFileSync(file('host.yaml'), 'interfaces: [{name: r0, addresses: [10.0.0.1/24]}, {name: r1}]\n');
    const host = { captures, rules, host: file('host.yaml'), local: [] };
    await expect(replay(host)).rejects.toThrow('the host has no interface "eth7" (it has lo, r0, r1)');
    const { out } = await replay({ ...host, inInterface: 'r1' });
    expect(JSON.parse(out.split('\n')[0]).in).toBe('r1');
  });

  test('a capture that names no interface arrives on the first, and that is said where there are several', async () => {
    writeFileSync(file('host2.yaml'), 'interfaces: [{name: r0, addresses: [10.0.0.1/24]}, {name: r1}]\n');
    const unnamed = [capture('unnamed.pcapng', conversation, '')];
    const { out, warnings } = await replay({ captures: unnamed, rules, host: file('host2.yaml'), local: [] });
    expect(JSON.parse(out.split('\n')[0]).in).toBe('r0');
    expect(warnings).toEqual([expect.stringContaining('taken to arrive on r0')]);
  });
});

describe('a host without a file', () => {
  const source = (...names: string[]) =>
    ({ interfaces: names.map((name) => ({ name, linkType: 1, snaplen: 0, tsresol: 1e9 })) }) as never;
  test('has the interfaces that the captures name, the addresses on the first', () => {
    const config = plainHost(['10.0.0.1', 'fd00::1/64'], NOTHING, [source('lo', 'en0'), source('en0', 'en1')]);
    expect(config.interfaces).toEqual([{ name: 'en0', addresses: ['10.0.0.1/32', 'fd00::1/64'] }, { name: 'en1' }]);
    expect(plainHost([], { ...NOTHING, inInterface: 'x0' }, [source('')]).interfaces?.[0].name).toBe('x0');
    expect(plainHost([], NOTHING, [source('')]).interfaces?.[0].name).toBe('eth0');
  });
  test.each(['10.0.0.1', '10.0.0.1/8', 'fd00::1', 'fd00::1/128'])('--local %s is fine', (a) => checkLocal(a));
  test.each(['10.0.0', 'host', '10.0.0.1/33', 'fd00::1/129', '10.0.0.1/x', ''])('--local "%s" is not', (a) => {
    expect(() => checkLocal(a)).toThrow('is not an address');
  });
  test('--sysctl wins over the file', () => {
    expect(withSysctl({ sysctl: { a: 1, b: 2 } }, [['b', '3']])).toEqual({ sysctl: { a: 1, b: '3' } });
  });
});

test('a host-made packet says so in its comment, with the packet that it answers', () => {
  const saver = new Saver({ ...NOTHING, saveCapture: file('made.pcapng') }, Output.stdout());
  const host = { interfaceNames: ['', 'lo', 'r0'] } as unknown as ReplayHost;
  saver.attach(host, false);
  host.onEmit?.(frame(1, 9, 1, 2), 0, 42, 1, 2, true);
  saver.packet(host, 5, 0, () => 'packet 3: NEW REJECT');
  const empty = Object.assign(host, { flows: () => [], expectations: () => [], saveRules: () => '' });
  saver.finish(empty);
  expect(readFileSync(file('made.pcapng'), 'latin1')).toContain('host-made, because of packet 3: NEW REJECT');
});

test('an outcome without a rule says where it ended and why', () => {
  const host = { reasonText: () => 'no route to the destination' } as unknown as ReplayHost;
  const r = new PacketResults(1);
  r.verdict[0] = 0;
  r.state[0] = 3;
  r.hook[0] = 2;
  r.rule[0] = -1;
  r.reason[0] = 104;
  expect(outcomeText(host, r, 0)).toBe('NEW DROP in FORWARD (no route to the destination)');
});

test('times are UTC with microseconds', () => {
  expect(epochText(1760000000, 123999)).toBe('1760000000.000123');
  expect(clockText(86399, 999999999)).toBe('23:59:59.999999');
  expect(dateText(1760000000, 0)).toBe('2025-10-09 08:53:20.000000');
});

test('progress draws nothing in the first second', () => {
  const progress = new Progress([]);
  progress.update(5);
  progress.end();
});
