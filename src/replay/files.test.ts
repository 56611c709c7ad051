/** Files in and out: captures plain, compressed and damaged; outputs that cannot be written; whose capture it is. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { PcapngWriter } from '../capture/pcapng-writer.js';
import { openCapture } from './capture-source.js';
import { wantColour } from './colour.js';
import type { FrameSource } from './frames.js';
import { guessLocalAddress } from './guess.js';
import { Output, OutputError } from './output.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

function udp(source: number[], destination: number[], sport: number, dport: number): Uint8Array {
  const p = new Uint8Array(28);
  p.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, ...source, ...destination]);
  p.set([sport >> 8, sport & 255, dport >> 8, dport & 255, 0, 8, 0, 0], 20);
  return p;
}

/** A pcapng file of these packets, a second apart. */
function pcapng(packets: Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const w = new PcapngWriter((bytes, start, end) => parts.push(bytes.slice(start, end)));
  w.addInterface('r0', 101);
  packets.forEach((p, i) => {
    w.writePacket(0, 1000 + i, 5, p, 0, p.length, p.length);
  });
  w.flush();
  return Buffer.concat(parts);
}

const many = Array.from({ length: 5000 }, (_, i) => udp([10, 0, 0, 1 + (i % 7)], [10, 0, 0, 200], 1000 + i, 53));
const whole = pcapng(many);
writeFileSync(path('plain.pcapng'), whole);
writeFileSync(path('packed.gz'), gzipSync(whole));
writeFileSync(path('packed-without-ending'), gzipSync(whole));
writeFileSync(
  path('two-members.gz'),
  Buffer.concat([gzipSync(whole.subarray(0, 5000)), gzipSync(whole.subarray(5000))]),
);
writeFileSync(path('cut.pcapng'), whole.subarray(0, whole.length - 10));
writeFileSync(path('cut.gz'), gzipSync(whole).subarray(0, -2000));
writeFileSync(path('empty'), '');
writeFileSync(path('text'), 'hello, this is no capture\n');

async function count(source: FrameSource): Promise<number> {
  let n = 0;
  for (let b = await source.read(); b !== null; b = await source.read()) n += b.count;
  source.close();
  return n;
}

describe('captures', () => {
  test.each(['plain.pcapng', 'packed.gz', 'packed-without-ending', 'two-members.gz'])(
    '%s is read to the end',
    async (name) => {
      const source = openCapture(path(name));
      expect(await count(source)).toBe(5000);
      expect(source.failure).toBeNull();
      expect(source.interfaces.map((i) => i.name)).toEqual(['r0']);
      expect(source.bytesRead).toBe(source.bytesTotal);
    },
  );

  test('a cut capture gives every packet before the cut, then says where', async () => {
    const source = openCapture(path('cut.pcapng'));
    expect(await count(source)).toBe(4999);
    expect(source.failure).toMatchObject({ packet: 5000 });
    expect(source.failure?.offset).toBeGreaterThan(whole.length - 100);
  });
  test('cut gzip data gives every packet that could be unpacked', async () => {
    const source = openCapture(path('cut.gz'));
    const n = await count(source);
    expect(n).toBeGreaterThan(100);
    expect(source.failure).toMatchObject({ packet: n + 1 });
    expect(source.failure?.message).toContain('compressed data is damaged');
  });
  test.each(['empty', 'text'])('a file that is no capture (%s) fails at packet 1', async (name) => {
    const source = openCapture(path(name));
    expect(await count(source)).toBe(0);
    expect(source.failure).toMatchObject({ packet: 1, offset: 0 });
  });
  test.each([
    ['missing', 'no such file or directory'],
    ['.', 'is a directory'],
  ])('%s cannot be opened', (name, message) => {
    expect(() => openCapture(path(name))).toThrow(`cannot read ${path(name)}: ${message}`);
  });
});

describe('whose capture it is', () => {
  test('the address of most conversations', async () => {
    expect(await guessLocalAddress([openCapture(path('plain.pcapng'))])).toMatchObject({ address: '10.0.0.200' });
  });
  test('packets of one conversation, in both directions, count once', async () => {
    const chatty = Array.from({ length: 50 }, () => [
      udp([10, 0, 0, 1], [10, 0, 0, 2], 1, 2),
      udp([10, 0, 0, 2], [10, 0, 0, 1], 2, 1),
    ]).flat();
    const others = [3, 4].map((b) => udp([10, 0, 0, b], [10, 0, 0, 9], 5, 6));
    writeFileSync(path('chatty.pcapng'), pcapng([...chatty, ...others]));
    const guess = await guessLocalAddress([openCapture(path('chatty.pcapng'))]);
    expect(guess).toEqual({ address: '10.0.0.9', conversations: 2, of: 3 });
  });
  test('multicast is nobody', async () => {
    writeFileSync(path('mdns.pcapng'), pcapng([1, 2].map((b) => udp([10, 0, 0, b], [224, 0, 0, 251], b, 5353))));
    expect((await guessLocalAddress([openCapture(path('mdns.pcapng'))]))?.address).toBe('10.0.0.1');
  });
  test('no packet, no guess', async () => {
    expect(await guessLocalAddress([openCapture(path('empty'))])).toBeNull();
  });
});

describe('outputs', () => {
  test('lines are gathered and written', () => {
    const o = Output.open(path('out.txt'));
    for (let i = 0; i < 20000; i++) o.line(`line ${i}`);
    o.bytes(Uint8Array.of(0x41));
    o.close();
    const text = readFileSync(path('out.txt'), 'utf8');
    expect(text.split('\n')).toHaveLength(20001);
    expect(text.endsWith('line 19999\nA')).toBe(true);
  });
  test.each([
    ['missing/out.txt', 'no such file or directory'],
    ['.', 'is a directory'],
  ])('%s is refused when it is opened', (name, message) => {
    expect(() => Output.open(path(name))).toThrow(`cannot write ${path(name)}: ${message}`);
  });
  test.runIf(process.platform === 'linux')('a full disk is told with the name of the file', () => {
    const o = Output.open('/dev/full');
    o.line('x');
    expect(() => o.close()).toThrow(OutputError);
    const again = Output.open('/dev/full');
    again.line('x');
    expect(() => again.close()).toThrow('cannot write /dev/full: no space left on device');
  });
});

test.each([
  ['an option wins', true, { NO_COLOR: '1' }, false, true],
  ['NO_COLOR', undefined, { NO_COLOR: '1' }, true, false],
  ['an empty NO_COLOR says nothing', undefined, { NO_COLOR: '' }, true, true],
  ['FORCE_COLOR', undefined, { FORCE_COLOR: '1' }, false, true],
  ['a pipe', undefined, {}, false, false],
  ['a terminal', undefined, {}, true, true],
  ['a dumb terminal', undefined, { TERM: 'dumb' }, true, false],
])('colour: %s', (_, option, env, tty, expected) => {
  expect(wantColour(option, env, tty)).toBe(expected);
});
