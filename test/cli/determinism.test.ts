/**
 * The same packets, rules and host give the same bytes in every output: twice, from a file or a pipe in any pieces, from pcap,
 * pcapng or gzip, from one file or several.
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { enhanced, iface, type Order, pcap, pcapng, type Row, readAll, record } from '../support/capture-files.js';
import { example, start } from '../support/command.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-same-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));
const make = (name: string, bytes: Uint8Array): string => {
  writeFileSync(file(name), bytes);
  return file(name);
};

const original = readFileSync(example('capture.pcapng'));
/** Five times the traffic of the example, each packet at a time of its own, in microseconds. */
const rows: Row[] = [];
for (let round = 0; round < 5; round++) {
  for (const row of readAll(original).rows)
    rows.push({ ...row, seconds: row.seconds + round * 7, nanos: row.nanos - (row.nanos % 1000) });
}

const asPcap = (list: Row[], order: Order, magic = 0xa1b2c3d4): Uint8Array => {
  const b = pcap(order, magic);
  const unit = magic === 0xa1b23c4d ? 1 : 1000;
  for (const r of list) record(b, r.seconds, r.nanos / unit, r.data, r.wireLen);
  return b.file;
};
const asPcapng = (list: Row[], order: Order): Uint8Array => {
  const b = iface(pcapng(order));
  for (const r of list) {
    const time = BigInt(r.seconds) * 1_000_000n + BigInt(r.nanos / 1000);
    // the builder's frames are one byte longer on the wire
    enhanced(b, 0, time, r.data);
  }
  return b.file;
};
const whole = rows.map((r) => ({ ...r, wireLen: r.data.length + 1 }));

/** With --json all of them are written, packet by packet; with --summary none, and packets go in batches. */
const OUTPUTS = ['rules', 'table', 'expectations', 'events', 'log', 'capture'];

interface Said {
  status: number | null;
  err: string;
  out: string;
  files: Buffer[];
}

/** Replays; `feed` writes into standard input. */
async function replay(captures: string[], show: string, feed?: (stdin: Writable) => Promise<void>): Promise<Said> {
  const outputs = show === '--json' ? OUTPUTS : [];
  const saves = outputs.flatMap((name) => [`--save-${name}`, file(`out.${name}`)]);
  for (const name of OUTPUTS) rmSync(file(`out.${name}`), { force: true });
  const host = ['--rules', example('rules.v4'), '--local', '192.0.2.10', '--answers', 'no'];
  const child = start(['replay', ...captures, ...host, show, ...saves]);
  const said: Said = { status: null, err: '', out: '', files: [] };
  child.stdout?.on('data', (d) => {
    said.out += d;
  });
  child.stderr?.on('data', (d) => {
    said.err += d;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  if (feed && child.stdin) await feed(child.stdin);
  child.stdin?.end();
  said.status = await ended;
  said.files = outputs.map((name) => readFileSync(file(`out.${name}`)));
  return said;
}

/** Writes a file in pieces of `length` bytes, the first `apart` of them some time apart. */
async function inPieces(to: Writable, bytes: Uint8Array, length: number, apart: number): Promise<void> {
  for (let at = 0, n = 0; at < bytes.length; at += length, n++) {
    await new Promise((resolve) => to.write(bytes.subarray(at, at + length), resolve));
    if (n < apart) await sleep(5);
  }
}

describe.each(['--json', '--summary'])('%s', (show) => {
  const bytes = asPcap(whole, 'little');
  const first = replay([make('first.pcap', bytes)], show);

  test('says something in every output, and drops something', async () => {
    const { status, err, out, files } = await first;
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain('DROP');
    const filled = OUTPUTS.map((name) => name !== 'expectations');
    expect(files.map((f) => f.length > 0)).toEqual(show === '--json' ? filled : []);
  });

  test.each([
    ['a second time', bytes],
    ['big-endian pcap', asPcap(whole, 'big')],
    ['pcap with nanoseconds', asPcap(whole, 'little', 0xa1b23c4d)],
    ['pcapng', asPcapng(whole, 'little')],
    ['big-endian pcapng', asPcapng(whole, 'big')],
    ['gzip', gzipSync(bytes)],
    ['gzip of pcapng', gzipSync(asPcapng(whole, 'big'), { level: 1 })],
  ])('the same: %s', async (name, content) => {
    await first;
    expect(await replay([make(`${name}.cap`, content)], show)).toEqual(await first);
  });

  test.each([
    ['all at once', bytes, bytes.length, 0],
    ['in pieces of 1 byte', bytes, 1, 40],
    ['in pieces of 999 bytes', bytes, 999, 20],
    ['in pieces of 40,000 bytes', bytes, 40_000, 10],
    ['pcapng in pieces of 77 bytes', asPcapng(whole, 'big'), 77, 20],
    ['gzip in pieces of 1 byte', gzipSync(bytes), 1, 20],
    ['gzip in pieces of 500 bytes', gzipSync(bytes), 500, 20],
  ])('the same from standard input: %s', async (_, content, length, apart) => {
    expect(await replay(['-'], show, (stdin) => inPieces(stdin, content, length, apart))).toEqual(await first);
  });

  test.skipIf(process.platform === 'win32').each([
    ['in pieces of 24 bytes', bytes, 24],
    ['gzip', gzipSync(bytes), 4096],
  ])('the same from a FIFO: %s', async (_, content, length) => {
    const fifo = file('fifo');
    spawnSync('mkfifo', [fifo]);
    const feed = async (): Promise<void> => {
      const into = createWriteStream(fifo);
      await inPieces(into, content, length, 20);
      await new Promise((resolve) => into.end(() => resolve(null)));
    };
    expect(await replay([fifo], show, feed)).toEqual(await first);
    rmSync(fifo);
  });

  test.each([
    ['in the middle', (_: Row, i: number) => i < whole.length / 2],
    ['after the first packet', (_: Row, i: number) => i < 1],
    ['before the last', (_: Row, i: number) => i < whole.length - 1],
    ['one packet here, one there', (_: Row, i: number) => i % 2 === 0],
    ['by a hash', (r: Row) => r.nanos % 7 < 3],
  ])('the same from two captures, split %s', async (_, here) => {
    const one = make('one.pcap', asPcap(whole.filter(here), 'little'));
    const other = make(
      'other.pcapng',
      asPcapng(
        whole.filter((r, i) => !here(r, i)),
        'big',
      ),
    );
    expect(await replay([one, other], show)).toEqual(await first);
    expect(await replay([other, one], show)).toEqual(await first);
  });
});

test('the sample has a time of its own for each packet, or the order of two captures would count', () => {
  const times = rows.map((r) => r.seconds * 1e9 + r.nanos);
  expect(new Set(times).size).toBe(times.length);
  expect([...times].sort((a, b) => a - b)).toEqual(times);
});
