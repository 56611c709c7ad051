/**
 * A capture that is cut off anywhere ends with packet number and byte offset, after everything before it was processed and
 * written: at every byte in this process, at some through the command line.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { makeHost } from '../../src/replay/host-adapter.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { Output } from '../../src/replay/output.js';
import { runReplay } from '../../src/replay/run.js';
import { type Builder, enhanced, iface, pcap, pcapng, readAll, record, text } from '../support/capture-files.js';
import { run } from '../support/command.js';
import { ip4 } from '../support/wire-frames.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-damage-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** UDP packets that arrive at 10.2.0.3, which has a rule for each. */
const packets = [53, 123, 69].map((port) => ip4(17, [0, 200, 0, port, 0, 11, 0, 0, 1, 2, 3]));
writeFileSync(
  file('rules'),
  `*filter\n:INPUT DROP [0:0]\n${[53, 123, 69].map((p) => `-A INPUT -p udp --dport ${p} -j ACCEPT\n`).join('')}COMMIT\n`,
);

/** A file, and for each of its parts where it begins and how many whole packets lie before it. */
interface Sample {
  name: string;
  bytes: Uint8Array;
  parts: { start: number; before: number }[];
  /** A file that ends between two parts is whole; not so within the file's header. */
  header: number;
}

function asPcap(): Sample {
  const b = pcap('little', 0xa1b2c3d4, 101);
  const parts = [{ start: 0, before: 0 }];
  packets.forEach((p, i) => {
    parts.push({ start: b.bytes.length, before: i });
    record(b, 1_760_000_000 + i, 5, p);
  });
  return { name: 'pcap', bytes: b.file, parts, header: 24 };
}

function asPcapng(): Sample {
  const b = pcapng('big');
  const header = b.bytes.length;
  const parts = [{ start: 0, before: 0 }];
  const part = (before: number, add: (b: Builder) => void): void => {
    parts.push({ start: b.bytes.length, before });
    add(b);
  };
  part(0, () => iface(b, (o) => o.option(2, text('r0')), 101));
  packets.forEach((p, i) => {
    part(i, () => enhanced(b, 0, BigInt(1_760_000_000 + i) * 1_000_000n, p));
  });
  // name resolution: passed over, but not where it is cut
  part(packets.length, () => b.block(4, [0, 0, 0, 0]));
  return { name: 'pcapng', bytes: b.file, parts, header };
}

const NOTHING: ReplayOptions = {
  captures: [],
  rules: file('rules'),
  rules6: null,
  rulesNft: null,
  rules6Nft: null,
  firstPlane: 'nft',
  host: null,
  local: ['10.2.0.3'],
  answers: 'no',
  inInterface: null,
  loadTable: null,
  sets: null,
  lenient: false,
  // a small table is made quickly
  sysctl: [['net.netfilter.nf_conntrack_max', '16']],
  show: 'json',
  colour: false,
  progress: false,
  saveRules: file('saved-rules'),
  saveRules6: null,
  saveRulesNft: null,
  saveRules6Nft: null,
  saveSets: null,
  saveTable: file('saved-table'),
  tableFormat: 'extended',
  saveExpectations: null,
  saveEvents: file('saved-events'),
  saveLog: null,
  saveCapture: file('saved-capture'),
};

/** Lines of a text file. */
const lines = (name: string): string[] => readFileSync(file(name), 'utf8').split('\n').slice(0, -1);

/** All outputs tell of exactly the first `count` packets. */
function tellsOf(count: number): void {
  expect(lines('out').map((l) => (JSON.parse(l) as { n: number; verdict: string }).verdict)).toEqual(
    Array<string>(count).fill('ACCEPT'),
  );
  expect(lines('saved-table')).toHaveLength(count);
  expect(lines('saved-events')).toHaveLength(count);
  const saved = readAll(readFileSync(file('saved-capture')));
  expect([saved.rows.length, saved.error]).toEqual([count, null]);
  expect(lines('saved-rules').filter((l) => l.startsWith('[1:31] -A INPUT'))).toHaveLength(count);
}

/** What is said of a file that ends at `length`; null: it is whole. */
function complaint(s: Sample, length: number): { packet: number; offset: number } | null {
  if (length >= s.header && (length === s.bytes.length || s.parts.some((p) => p.start === length))) return null;
  const part = s.parts.filter((p) => p.start < length).at(-1) ?? s.parts[0];
  return { packet: part.before + 1, offset: part.start };
}

describe.each([asPcap(), asPcapng()])('a $name file that is cut off', (s) => {
  test('at every byte says packet and byte, and has written what came before', async () => {
    const seen = new Set<number>();
    for (let length = 0; length <= s.bytes.length; length++) {
      writeFileSync(file('cut'), s.bytes.subarray(0, length));
      const said: string[] = [];
      const stdout = Output.open(file('out'));
      const options = { ...NOTHING, captures: [file('cut')] };
      const status = await runReplay(options, makeHost, (line) => said.push(line), stdout);
      stdout.close();
      const where = complaint(s, length);
      const at = `${s.name}, ${length} of ${s.bytes.length} bytes`;
      expect([at, status, said.length]).toEqual([at, where === null ? 0 : 1, where === null ? 0 : 1]);
      if (where !== null) {
        const begin = `${file('cut')}: packet ${where.packet} at byte ${where.offset}: expected `;
        expect(said[0].slice(0, begin.length)).toBe(begin);
      }
      const count = where === null ? s.parts.filter((p) => p.start < length).at(-1) : undefined;
      const whole = where !== null ? where.packet - 1 : wholePackets(s, length, count?.before ?? 0);
      tellsOf(whole);
      seen.add(whole);
    }
    expect([...seen]).toEqual([0, 1, 2, 3]);
  });

  test.each([0.2, 0.5, 0.8, 0.99])('at %d of its length: exit status 1 and one line', (part) => {
    const length = Math.floor(s.bytes.length * part);
    writeFileSync(file('cut'), s.bytes.subarray(0, length));
    const where = complaint(s, length);
    const r = run(['replay', file('cut'), '--local', '10.2.0.3', '--rules', file('rules')]);
    expect(r.status).toBe(1);
    expect(r.err).toMatch(/^statewall: \S+: packet \d+ at byte \d+: expected [^\n]*, got [^\n]*\n$/);
    expect(r.err).toContain(`packet ${where?.packet} at byte ${where?.offset}: `);
    expect(r.out).toMatch(new RegExp(`^Packets +${(where?.packet ?? 0) - 1} `, 'm'));
  });

  test('within its compressed form says so, after what could be unpacked', () => {
    const packed = gzipSync(s.bytes, { level: 0 });
    writeFileSync(file('cut.gz'), packed.subarray(0, packed.length - 12));
    const r = run(['replay', file('cut.gz'), '--local', '10.2.0.3', '--rules', file('rules')]);
    expect(r.status).toBe(1);
    expect(r.err).toMatch(/: packet \d at byte \d+: the compressed data is damaged \(unexpected end of file\)\n$/);
    expect(r.out).toMatch(/^Packets +[23] /m);
  });
});

/** Packets in a file that ends at a boundary. */
function wholePackets(s: Sample, length: number, before: number): number {
  const next = s.parts.find((p) => p.start === length);
  return next === undefined ? Math.max(before, packets.length) : next.before;
}

test('of several captures each damaged one is told of, and the others go on', () => {
  const { bytes } = asPcap();
  writeFileSync(file('one'), bytes.subarray(0, bytes.length - 1));
  writeFileSync(file('two'), bytes);
  writeFileSync(file('three'), 'no capture');
  const r = run(['replay', file('one'), file('two'), file('three'), '--local', '10.2.0.3', '--summary']);
  expect(r.status).toBe(1);
  expect(r.err.match(/packet \d at byte \d+/g)).toEqual(['packet 3 at byte 118', 'packet 1 at byte 0']);
  expect(r.out).toMatch(/^Packets +5 /);
});
