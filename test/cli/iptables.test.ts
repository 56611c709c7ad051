/** The rule commands as processes, on a ruleset in a file: what is written, what is left alone, and what is said when it cannot be. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Outcome, run, shell, start } from '../support/command.js';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'statewall-rules-'));
  file = join(folder, 'rules');
});
afterEach(() => rmSync(folder, { recursive: true }));

const iptables = (...args: string[]): Outcome => run(['iptables', '--ruleset', file, ...args]);
const text = (): string => readFileSync(file, 'utf8');
const EMPTY = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n';

describe('the file', () => {
  test('is made, changed, and keeps its mode; nothing is left beside it', () => {
    expect(iptables('-A', 'INPUT', '-p', 'tcp', '-j', 'DROP')).toEqual({ status: 0, out: '', err: '' });
    expect(text()).toBe(`${EMPTY}[0:0] -A INPUT -p tcp -j DROP\nCOMMIT\n`);
    chmodSync(file, 0o640);
    expect(iptables('-I', 'INPUT', '-c', '7', '8').status).toBe(0);
    expect(text()).toBe(`${EMPTY}[7:8] -A INPUT\n[0:0] -A INPUT -p tcp -j DROP\nCOMMIT\n`);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder)).toEqual(['rules']);
  });

  test('is not made by a listing, nor touched by a command that fails or changes nothing', () => {
    expect(iptables('-L', '-n').status).toBe(0);
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, `# mine\n${EMPTY}COMMIT\n`);
    const before = statSync(file).mtimeMs;
    for (const args of [['-A', 'nosuch'], ['-S'], ['-C', 'INPUT'], ['-D', 'INPUT', '1'], ['-X']]) iptables(...args);
    expect(text()).toBe(`# mine\n${EMPTY}COMMIT\n`);
    expect(statSync(file).mtimeMs).toBe(before);
  });

  test('may be a link, which stays one', () => {
    const link = join(folder, 'link');
    writeFileSync(file, '');
    symlinkSync('rules', link);
    expect(run(['iptables', '--ruleset', link, '-P', 'INPUT', 'DROP']).status).toBe(0);
    expect(text()).toContain(':INPUT DROP [0:0]');
    expect(readdirSync(folder).sort()).toEqual(['link', 'rules']);
  });

  test('takes names with blanks, which iptables-save prints so that they cannot be restored', () => {
    expect(iptables('-A', 'INPUT', '-i', 'a b').err).toContain('Warning: weird character in interface `a b');
    expect(iptables('-S', 'INPUT').out).toBe('-P INPUT ACCEPT\n-A INPUT -i a b\n');
    const refused = iptables('-A', 'INPUT', '-m', 'physdev', '--physdev-in', 'a b');
    expect(refused.status).toBe(1);
    expect(refused.err).toContain('a file cannot hold this rule');
    expect(iptables('-S', 'INPUT').out).toBe('-P INPUT ACCEPT\n-A INPUT -i a b\n');
  });

  test('is written by one command at a time: none is lost', async () => {
    const all = Array.from({ length: 6 }, (_, i) => {
      const child = start(['iptables', '--ruleset', file, '-w', '-A', 'INPUT', '-s', `10.0.0.${i}`]);
      child.stdin?.end();
      return new Promise<number | null>((resolve) => child.on('exit', resolve));
    });
    expect(await Promise.all(all)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(text().match(/-A INPUT/g)).toHaveLength(6);
  });

  test('that another command holds is waited for with -w, else left alone', () => {
    writeFileSync(`${file}.lock`, '');
    const held = iptables('-A', 'INPUT');
    expect([held.status, existsSync(file)]).toEqual([4, false]);
    expect(held.err).toContain(`the lock is the file ${file}.lock`);
    expect(iptables('-S').status).toBe(0);
    const soon = `(sleep 1; rm '${file}.lock') & $statewall iptables --ruleset '${file}' -w 30 -A INPUT`;
    expect(shell(soon).status).toBe(0);
    expect(text()).toContain('-A INPUT');
  });
});

describe('what cannot be done is said, and the file stays', () => {
  test.each([
    ['bytes', '\x7fELF\x00\x01', /rules: this is no ruleset: byte 4 is 0/],
    ['prose', 'hello there\n', /rules:1:1: not a table/],
    ['an unknown table', '*nosuch\nCOMMIT\n', /rules:1:\d+: .*unable to initialize table 'nosuch'/],
    ['no end', '*filter\n-A INPUT\n', /COMMIT expected at line 3/],
    [
      'a wrong option',
      '*filter\n-A INPUT -p tcp --dprt 22\nCOMMIT\n',
      /rules:2:17: unknown option "--dprt"\n.*"--dport"/,
    ],
    ['a long line', `*filter\n-A INPUT ${'x'.repeat(1e6)}\nCOMMIT\n`, /rules:2:\d+: Bad argument/],
  ])('%s in place of a ruleset', (_, content, message) => {
    writeFileSync(file, content, 'latin1');
    for (const args of [['-L'], ['-A', 'INPUT', '-j', 'DROP']]) {
      const r = iptables(...args);
      expect([r.status, r.out]).toEqual([1, '']);
      expect(r.err).toMatch(/^statewall: /);
      expect(r.err).toMatch(message);
      expect(r.err.length).toBeLessThan(2000);
      expect(r.err).not.toContain('bug');
    }
    expect(readFileSync(file, 'latin1')).toBe(content);
    expect(readdirSync(folder)).toEqual(['rules']);
  });

  test.each([
    ['a folder', '/', /cannot read \/: is a directory/],
    ['a folder that is not there', '/nonexistent/x', /cannot write \/nonexistent\/x: no such file or directory/],
    ['a device', '/dev/null', /cannot write \/dev\/null: not a regular file/],
  ])('%s', (_, path, message) => {
    const r = run(['iptables', '--ruleset', path, '-A', 'INPUT']);
    expect(r.status).toBe(1);
    expect(r.err).toMatch(message);
  });

  test('a full disk', () => {
    const small = 'mount -t tmpfs -o size=16k none "$0" && cd "$0"';
    const fill = '$statewall iptables --ruleset f -A INPUT && head -c 20000 /dev/zero > z; cp f g';
    const rule = '$statewall iptables --ruleset f -A INPUT -j LOG --log-prefix aaaaaaaaaaaaaaaaaaaaaaaaa';
    const many = `i=0; while [ $i -lt 9 ]; do ${rule} || break; i=$((i+1)); cp f g 2>/dev/null; done`;
    const probe = spawnSync('unshare', ['-m', 'sh', '-c', small, folder]);
    if (probe.status !== 0) return expect(process.getuid?.()).not.toBe(0);
    const script = `${small} && ${fill}; ${many}; echo "status $?"; ls -a; $statewall iptables --ruleset f -S | head -1`;
    const r = shell(`unshare -m sh -c '${script.replaceAll("'", "'\\''")}' '${folder}'`);
    expect(r.err).toContain('cannot write');
    expect(r.err).toContain('no space left on device');
    expect(r.out).toContain('-P INPUT ACCEPT');
    expect(r.out).not.toContain('f.lock');
  });

  test.each([
    [['iptables', '-L'], /iptables works on a ruleset in a file, not on the kernel: expected --ruleset FILE,/],
    [['iptables', '-L', '--ruleset', 'x'], /expected --ruleset FILE before all other words/],
    [['iptables-save'], /iptables-save works on a ruleset in a file/],
    [['iptables', '--ruleset'], /--ruleset needs a file/],
    [['iptables', '--batch', '-L'], /--batch takes its command lines from standard input/],
  ])('%j: the command line is wrong', (args, message) => {
    const r = run(args);
    expect(r.status).toBe(2);
    expect(r.err).toMatch(message);
  });

  test('standard output that cannot be written', () => {
    const r = shell(`$statewall iptables --ruleset '${file}' -L > /dev/full`);
    expect([r.status, r.err]).toEqual([1, 'statewall: cannot write standard output: no space left on device\n']);
    const lines = "i=0; while [ $i -lt 30000 ]; do echo '-A INPUT -j DROP'; i=$((i+1)); done";
    expect(shell(`(${lines}) | $statewall iptables --batch | head -1`)).toEqual({
      status: 0,
      out: '{"ok":true,"save":["-A INPUT -j DROP"]}\n',
      err: '',
    });
  });
});

describe('iptables-restore and iptables-save', () => {
  const restore = (input: string, ...args: string[]): Outcome =>
    run(['iptables-restore', '--ruleset', file, ...args], { input: Buffer.from(input) });

  test('standard input into the file, and out again with the lines around each table', () => {
    expect(restore('*filter\n:web - [0:0]\n[1:2] -A web -j DROP\nCOMMIT\n', '-c').status).toBe(0);
    const r = run(['iptables-save', '--ruleset', file, '-c']);
    expect(r.out).toMatch(
      /^# Generated by iptables-save v1\.8\.9 on \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n\*filter\n[\s\S]*\[1:2\] -A web -j DROP\nCOMMIT\n# Completed on .*\n$/,
    );
    expect(restore('*filter\n-A INPUT -j NOSUCH\nCOMMIT\n').status).toBe(2);
    expect(text()).toContain('[1:2] -A web -j DROP');
  });

  test('--test changes nothing; a file in place of standard input', () => {
    const other = join(folder, 'other');
    writeFileSync(other, '*filter\n-A INPUT -j DROP\nCOMMIT\n');
    expect([restore('', '--test', other).status, existsSync(file)]).toEqual([0, false]);
    expect([restore('', other).status, text().includes('-A INPUT -j DROP')]).toEqual([0, true]);
    expect(restore('', join(folder, 'nosuch')).err).toBe(`Can't open ${folder}/nosuch: No such file or directory\n`);
  });

  test('-f writes a file', () => {
    iptables('-N', 'web');
    const out = join(folder, 'out');
    expect(run(['iptables-save', '--ruleset', file, '-f', out]).out).toBe('');
    expect(readFileSync(out, 'utf8')).toContain(':web - [0:0]');
    const r = run(['iptables-save', '--ruleset', file, '-f', '/nonexistent/x']);
    expect([r.status, r.err]).toEqual([1, 'Failed to open file, error: No such file or directory\n']);
  });
});

describe('help and JSON', () => {
  test.each([
    [['iptables', '-h'], 'Usage: statewall iptables --ruleset FILE'],
    [['ip6tables', '--help'], 'Usage: statewall ip6tables --ruleset FILE'],
    [['iptables', '-m', 'mark', '-h'], 'Options of mark:\n  [!] --mark VALUE\n'],
    [['ip6tables-save', '--help'], 'Usage: statewall ip6tables-save --ruleset FILE'],
    [['help', 'iptables-restore'], 'Usage: statewall iptables-restore --ruleset FILE'],
    [['help', 'iptables-save'], 'Usage: statewall iptables-save --ruleset FILE'],
    [['iptables', '-V'], 'iptables v1.8.9 (legacy)\n'],
    [['ip6tables-save', '-V'], 'ip6tables-save v1.8.9 (legacy)\n'],
  ])('%j', (args, words) => {
    const r = run(args);
    expect([r.status, r.err]).toEqual([0, '']);
    expect(r.out).toContain(words);
  });

  test('one object a chain and a rule', () => {
    iptables('-A', 'INPUT', '-c', '1', '2', '-j', 'DROP');
    const r = run(['iptables', '--ruleset', file, '--json', '-L', 'INPUT']);
    expect(
      r.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { table: 'filter', chain: 'INPUT', policy: 'ACCEPT', packets: 0, bytes: 0 },
      { table: 'filter', chain: 'INPUT', number: 1, packets: 1, bytes: 2, text: '-A INPUT -j DROP' },
    ]);
  });
});
