/** Ctrl-C and SIGTERM in the middle of a replay: what was processed is written, whole; the exit status is a shell's. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { readAll } from '../support/capture-files.js';
import { example, start } from '../support/command.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-signals-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const capture = readFileSync(example('capture.pcapng'));
const PACKETS = 77;
const ARGS = ['--local', '192.0.2.10', '--rules', example('rules.v4')];

interface Ended {
  code: number | null;
  signal: string | null;
  out: string;
  err: string;
}

/** Starts a replay, lets `act` have it, and gives what it said in the end. */
async function replay(args: string[], act: (child: ReturnType<typeof start>) => void): Promise<Ended> {
  const child = start(['replay', ...args]);
  const ended: Ended = { code: null, signal: null, out: '', err: '' };
  child.stdin?.on('error', () => {});
  child.stdout?.on('data', (d) => {
    ended.out += d;
  });
  child.stderr?.on('data', (d) => {
    ended.err += d;
  });
  act(child);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ ...ended, code, signal }));
  });
}

const count = (pattern: RegExp, text: string): number => text.match(pattern)?.length ?? 0;

describe.skipIf(process.platform === 'win32')('a signal', () => {
  writeFileSync(file('long.pcapng'), Buffer.concat(Array<Buffer>(3000).fill(capture)));
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s ends a long file: exit status %i, every output whole', async (signal, status) => {
    const saves = ['--save-log', file('log'), '--save-capture', file('out.pcapng'), '--save-table', file('table')];
    const r = await replay([file('long.pcapng'), ...ARGS, '--json', ...saves], (child) => {
      child.stdout?.once('data', () => child.kill(signal));
    });
    expect([r.code, r.signal]).toEqual([status, null]);
    const lines = r.out.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.length).toBeGreaterThan(PACKETS);
    expect(lines.length).toBeLessThan(3000 * PACKETS);
    expect(r.err).toBe(`statewall: stopped by ${signal} after ${lines.length} packets; all up to there is written\n`);
    for (const line of [lines[0], lines[lines.length - 1]]) expect(() => JSON.parse(line)).not.toThrow();
    const saved = readAll(readFileSync(file('out.pcapng')), 1 << 16, 64);
    expect(saved.error).toBeNull();
    expect(saved.rows.length).toBe(count(/"verdict":"ACCEPT"/g, r.out));
    const log = readFileSync(file('log'), 'utf8');
    expect(log.endsWith('\n')).toBe(true);
    expect(count(/\n/g, log)).toBe(count(/"log":\["/g, r.out));
    expect(readFileSync(file('table'), 'utf8')).toMatch(/^ipv4 {5}2 .*\n$/s);
  });
  test('--summary sums up what came before it', async () => {
    const r = await replay(
      [file('long.pcapng'), ...ARGS, '--summary', '--save-capture', file('out.pcapng')],
      (child) => {
        const waitForOutput = async (): Promise<void> => {
          for (let size = 0; size === 0; await sleep(5)) size = sizeOf('out.pcapng');
          child.kill('SIGTERM');
        };
        rmSync(file('out.pcapng'), { force: true });
        void waitForOutput();
      },
    );
    const n = Number(/after (\d+) packets/.exec(r.err)?.[1]);
    expect(n).toBeGreaterThan(0);
    expect([r.code, r.out.split(' (')[0]]).toEqual([143, `Packets     ${n}`]);
  });
  test('it is heard while a pipe gives nothing', async () => {
    const r = await replay(['-', ...ARGS, '--json'], (child) => {
      child.stdin?.write(capture);
      // the lines are there before the pipe is closed
      let lines = 0;
      child.stdout?.on('data', (d) => {
        lines += count(/\n/g, String(d));
        if (lines === PACKETS) setTimeout(() => child.kill('SIGTERM'), 100);
      });
    });
    expect([r.code, r.out.split('\n').length - 1]).toEqual([143, PACKETS]);
    expect(r.err).toContain(`after ${PACKETS} packets`);
  });
  test('the second one ends it though nobody reads its output', async () => {
    const child = start(['replay', file('long.pcapng'), ...ARGS, '--json', '--save-capture', file('stuck.pcapng')]);
    while (sizeOf('stuck.pcapng') === 0) await sleep(5);
    child.kill('SIGTERM');
    // what does not go to the pipe is written at once
    const isWhole = (): boolean => readAll(readFileSync(file('stuck.pcapng')), 1 << 16, 64).error === null;
    for (let size = 0; size !== sizeOf('stuck.pcapng') || !isWhole(); await sleep(100)) size = sizeOf('stuck.pcapng');
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
    child.kill('SIGTERM');
    expect(await new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)))).toBe('SIGTERM');
  });
  test('one that comes before the first packet ends it as it would any program', async () => {
    const r = await replay(['-', ...ARGS], (child) => {
      setTimeout(() => child.kill('SIGINT'), 1000);
    });
    expect([r.code, r.signal, r.out, r.err]).toEqual([null, 'SIGINT', '', '']);
  });
});

function sizeOf(name: string): number {
  try {
    return readFileSync(file(name)).length;
  } catch {
    return 0;
  }
}

test('a reader that is slow gets every line', async () => {
  const many = Array<string>(200).fill(example('capture.pcapng'));
  const fast = await replay([...many, ...ARGS, '--json'], () => {});
  const slow = await replay([...many, ...ARGS, '--json'], (child) => {
    child.stdout?.on('data', () => {
      child.stdout?.pause();
      setTimeout(() => child.stdout?.resume(), 10);
    });
  });
  expect([slow.code, slow.err]).toEqual([0, '']);
  expect(slow.out.length).toBe(fast.out.length);
  expect(slow.out).toBe(fast.out);
  expect(count(/\n/g, slow.out)).toBe(200 * PACKETS);
});
