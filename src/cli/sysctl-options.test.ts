import { describe, expect, test } from 'vitest';
import { readOptions, SYSCTL_HELP, SysctlUsageError } from './sysctl-options.js';

const read = (line: string): ReturnType<typeof readOptions> => readOptions(line === '' ? [] : line.split(' '));

describe('the words of sysctl', () => {
  test.each<[string, object]>([
    ['', { all: false, operands: [], load: null }],
    ['-a', { all: true }],
    ['-A', { all: true }],
    ['-X', { all: true }],
    ['-pfile', { load: 'file', operands: [] }],
    ['-p file', { load: '', operands: ['file'] }],
    ['--load=file x', { load: 'file', operands: ['x'] }],
    ['-ffile', { load: 'file' }],
    ['a.b=1 c', { operands: ['a.b=1', 'c'] }],
    ['-- -a', { all: false, operands: ['-a'] }],
    ['--host h.yaml x', { host: 'h.yaml', operands: ['x'] }],
    ['--host=h.yaml', { host: 'h.yaml' }],
    ['--write-d f', { writeD: 'f' }],
    ['--check f', { check: true, operands: ['f'] }],
    ['--check --json f', { check: true, json: true }],
    ['--host h --check', { check: true, host: 'h', operands: [] }],
    ['--explain x', { explains: true, operands: ['x'] }],
    ['--changed --json', { changedOnly: true, json: true }],
    ['--kernel 5.15.3-x --explain', { kernel: '5.15.3-x' }],
    ['--help', { help: true }],
    ['-d', { help: true }],
    ['-V --nosuch', { version: true }],
    [
      '-nNbeqw',
      {
        mode: {
          ...{ namesOnly: true, valuesOnly: true, isBinary: true, ignoresUnknown: true },
          ...{ isQuiet: true, writes: true, isDry: false, pattern: null },
        },
      },
    ],
    ['-r a.c --dry-run', { mode: expect.objectContaining({ pattern: /a.c/, isDry: true }) }],
    ['-ox a', { operands: ['a'] }],
  ])('%j', (line, expected) => expect(read(line)).toMatchObject(expected));

  test.each([
    ['-z', "sysctl: invalid option -- 'z'"],
    ['--nosuch', "sysctl: unrecognized option '--nosuch'"],
    ['--host', "sysctl: option '--host' requires an argument"],
    ['--all=3', "sysctl: option '--all' doesn't allow an argument"],
    ['-r (', 'sysctl: --pattern: "(" is not a regular expression'],
    ['--kernel new', 'sysctl: --kernel: expected a version such as 6.1, got "new"'],
    ['--check', /^sysctl: --check needs a file/],
    ['--host= -a', 'sysctl: --host needs a file, and got an empty name'],
    ['--write-d=', 'sysctl: --write-d needs a file, and got an empty name'],
    ['--explain --json', 'sysctl: --explain and --json cannot be asked for at once'],
    ['--explain a=1', 'sysctl: --explain takes names, and sets nothing: got "a=1"'],
    ['--json a=1', 'sysctl: --json takes names, and sets nothing: got "a=1"'],
    ['--check -p f', 'sysctl: --check and --load cannot be asked for at once'],
  ])('%s is refused', (line, message) => {
    expect(() => read(line)).toThrow(SysctlUsageError);
    expect(() => read(line)).toThrow(message);
  });

  test('the help names every option, in lines of readable length', () => {
    for (const name of [
      '--explain',
      '--json',
      '--changed',
      '--write-d',
      '--check',
      '--kernel',
      '--host',
      '--system',
      '-e,',
      '-X',
    ]) {
      expect(SYSCTL_HELP).toContain(name);
    }
    expect(Math.max(...SYSCTL_HELP.split('\n').map((line) => line.length))).toBeLessThanOrEqual(140);
  });
});
