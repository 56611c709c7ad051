/** `statewall conntrack` as a process: files, pipes, signals. What it says of connections: test/conntrack-real. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { mainFile, run, shell } from '../support/command.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-conntrack-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const TCP =
  'tcp      6 100 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 ' +
  '[ASSURED] mark=1 use=1\n';
const UDP =
  'udp      17 50 src=10.0.0.3 dst=10.0.0.4 sport=5 dport=6 [UNREPLIED] src=10.0.0.4 dst=10.0.0.3 sport=6 dport=5 mark=0 use=1\n';
const P = 'conntrack v1.4.7 (conntrack-tools): ';

const conntrack = (...words: string[]): ReturnType<typeof run> => run(['conntrack', ...words], { cwd: folder });

describe('a saved table', () => {
  beforeEach(() => writeFileSync(file('table'), TCP + UDP, { mode: 0o640 }));

  test('is listed, and stays as it is', () => {
    expect(conntrack('--table', 'table', '-L', '-p', 'udp')).toEqual({
      status: 0,
      out: UDP,
      err: `${P}1 flow entries have been shown.\n`,
    });
    expect(readFileSync(file('table'), 'utf8')).toBe(TCP + UDP);
  });

  test('is read from standard input', () => {
    expect(shell('$statewall conntrack --table - -C < table', { cwd: folder }).out).toBe('2\n');
  });

  test('is not changed without --write, nor with --dry-run', () => {
    expect(conntrack('--table', 'table', '-D').status).toBe(2);
    expect(conntrack('--table', 'table', '-D', '--dry-run').status).toBe(0);
    expect(readFileSync(file('table'), 'utf8')).toBe(TCP + UDP);
  });

  test('is replaced with --write, in its form and with its rights', () => {
    expect(conntrack('--table', 'table', '--write', '-D', '-p', 'udp').out).toBe(UDP);
    expect(readFileSync(file('table'), 'utf8')).toBe(TCP);
    expect(statSync(file('table')).mode & 0o777).toBe(0o640);
    expect(existsSync(file('table.lock'))).toBe(false);
  });

  test('is not written while somebody else writes it', () => {
    writeFileSync(file('busy'), TCP);
    writeFileSync(file('busy.lock'), '');
    const { status, err } = conntrack('--table', 'busy', '--write', '-D');
    expect([status, err]).toEqual([1, expect.stringContaining('another command is writing this file')]);
    expect(readFileSync(file('busy'), 'utf8')).toBe(TCP);
  });

  test('that is not there is begun by -A, and is a failure for -L', () => {
    const add = ['-A', '-t', '5', '-s', '1.1.1.1', '-d', '1.1.1.2', '-p', '50'];
    expect(conntrack('--table', 'new', '--write', ...add).status).toBe(0);
    expect(readFileSync(file('new'), 'utf8')).toMatch(/^-A -t 5 -u UNSET -s 1\.1\.1\.1/);
    expect(conntrack('--table', 'nowhere', '-L')).toMatchObject({
      status: 1,
      err: expect.stringContaining('cannot read nowhere'),
    });
  });

  test('with a line that is none is told by its place', () => {
    writeFileSync(file('broken'), `${TCP}what is this\n`);
    const { status, err } = conntrack('--table', 'broken', '-L');
    expect([status, err]).toEqual([1, expect.stringMatching(/^statewall: broken:2:\d+: /)]);
  });
});

describe('--undo', () => {
  test('brings back what went, and never overwrites', () => {
    writeFileSync(file('t'), TCP + UDP);
    const remove = ['--table', 't', '--write', '-D', '-p', 'tcp', '--undo', 'gone'];
    expect(conntrack(...remove).status).toBe(0);
    expect(statSync(file('gone')).mode & 0o777).toBe(0o600);
    expect(conntrack('-R', 'gone', '--table', 't', '--write')).toEqual({ status: 0, out: '', err: '' });
    expect(conntrack('--table', 't', '-C').out).toBe('2\n');
    const again = conntrack(...remove);
    expect([again.status, again.err]).toEqual([1, `${P}--undo: gone is there already, and is not overwritten\n`]);
    expect(conntrack('--table', 't', '-C').out).toBe('2\n');
  });

  test('that cannot be written deletes nothing', () => {
    writeFileSync(file('t'), TCP);
    expect(conntrack('--table', 't', '--write', '-D', '--undo', 'no/such/folder').status).toBe(1);
    expect(readFileSync(file('t'), 'utf8')).toBe(TCP);
  });
});

test('a reader that goes away ends it as SIGPIPE ends the original', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => TCP.replace('sport=1000', `sport=${1000 + i}`)).join('');
  writeFileSync(file('many'), many);
  const line = '{ $statewall conntrack --table many -L; echo "status $?" >&2; } | head -n 1';
  expect(shell(line, { cwd: folder })).toMatchObject({ out: TCP, err: 'status 141\n' });
});

test('help and version need no table', () => {
  expect(conntrack('-V')).toEqual({ status: 0, out: 'conntrack v1.4.7 (conntrack-tools)\n', err: '' });
  expect(conntrack('--help').out).toContain('Examples:');
  expect(run(['--help']).out).toContain('conntrack');
});

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

describe.skipIf(process.env.CI === undefined && !isRoot)('the kernel (needs root)', () => {
  test('is asked in another namespace with --namespace', async () => {
    const other = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((resolve) => other.stdout.once('data', resolve));
    const there = `/proc/${other.pid}/ns/net`;
    const add = ['-A', '-t', '5', '-s', '1.1.1.1', '-d', '1.1.1.2', '-p', '50'];
    expect(conntrack('--namespace', there, ...add).err).toBe(`${P}1 flow entries have been added.\n`);
    expect(conntrack('--namespace', there, '-C').out).toBe('1\n');
    other.stdin.end();
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('-E ends with its summary at %s', async (signal) => {
    const child = spawn('unshare', ['-n', process.execPath, mainFile, 'conntrack', '-E', '-b', '100000']);
    let err = '';
    child.stderr.on('data', (part) => {
      err += part;
      // it looks out for signals before it says anything
      if (err.endsWith('200000 bytes.\n')) child.kill(signal);
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(err).toMatch(/^NOTICE.*\nconntrack v1\.4\.7 \(conntrack-tools\): 0 flow events have been shown\.\n$/);
  });
});
