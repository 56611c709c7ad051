import { describe, expect, test } from 'vitest';
import type { Family } from '../rules/model.js';
import { emptyRuleset } from './edit.js';
import { runBatchLine, runIptables } from './front.js';
import { readRestoreCommand, readSaveCommand, runRestore, runSave } from './front-files.js';
import { restoreRules } from './restore.js';
import { printRuleset } from './save.js';
import { splitShellLine } from './tokens.js';

const words = (line: string): string[] => {
  const w = splitShellLine(line);
  return w.text.slice(0, w.count);
};

/** What the last of some commands prints, and its status. */
function answer(lines: readonly string[], family: Family = 2): string {
  const ruleset = emptyRuleset(family);
  let last = { status: -1, out: '', err: '' };
  for (const line of lines) last = runIptables(words(line), ruleset);
  return `${last.status}|${last.out}|${last.err}`;
}

describe('what fails says so in the words of iptables, and what is known beyond them below', () => {
  test.each([
    [['-C INPUT -j LOG'], 'iptables: No chain/target/match by that name.\nhint: chain INPUT has no such rule\n', 1],
    [['-X'], '', 0],
    [['-N a', '-N b', '-A a -j b', '-X'], 'iptables: Too many links.\n', 1],
    [['-A INPUT -j'], 'iptables v1.8.9 (legacy): option "-j" requires an argument\nTry', 2],
    [['-t nosuch -L'], "iptables v1.8.9 (legacy): can't initialize iptables table `nosuch': Table does not exist", 3],
    [['-L -Z -Z'], 'iptables v1.8.9 (legacy): Cannot use -Z with -Z\nTry', 2],
    [['-N a', '-E a "b c"'], "iptables v1.8.9 (legacy): Invalid chain name `b c'\nTry", 2],
    [
      ['-N "a-very-long-chain-name-of-28 "'],
      "iptables v1.8.9 (legacy): chain name `a-very-long-chain-name-of-28 ' too long",
      2,
    ],
    [['-A INPUT -N -x'], "iptables v1.8.9 (legacy): chain name not allowed to start with `-'\nTry", 2],
    [['-F ""'], 'iptables: No chain/target/match by that name.\nhint: the name of the chain is empty\n', 1],
    [['-A INPUT -s1.1.1.1'], "iptables v1.8.9 (legacy): host/network `-s1.1.1.1' not found\n", 2],
    [
      ['-A INPUT -m nosuch'],
      "iptables v1.8.9 (legacy): Couldn't load match `nosuch':No such file or directory\n\nTry",
      2,
    ],
  ])('%j', (lines, err, status) => {
    const got = answer(lines).split('|');
    expect(Number(got[0])).toBe(status);
    expect(got[2]?.slice(0, err.length)).toBe(err);
  });
});

test('-Z with a number forgets the listing before it; a listing behind it is given', () => {
  const lines = ['-A INPUT -c 1 2', '-A INPUT -c 3 4'];
  expect(answer([...lines, '-L -Z INPUT 1'])).toBe('0||');
  expect(answer([...lines, '-Z INPUT 1 -S', '-S INPUT -v'])).toContain('-A INPUT -c 0 0\n-A INPUT -c 3 4\n');
});

test('a change of the table lets policies count from 0, rules go on', () => {
  const lines = ['-P INPUT DROP -c 5 6', '-A INPUT -c 1 2'];
  expect(answer([...lines, '-S INPUT -v'])).toContain('-P INPUT DROP -c 0 0\n-A INPUT -c 1 2\n');
  expect(answer([...lines.slice(0, 1), '-S INPUT -v'])).toContain('-P INPUT DROP -c 5 6\n');
});

describe('--batch', () => {
  test.each([
    ["-A INPUT -m comment --comment 'a b'", '{"ok":true,"save":["-A INPUT -m comment --comment \\"a b\\""]}'],
    ['-A INPUT -s 1.1.1.1,2.2.2.2', '{"ok":true,"save":["-A INPUT -s 1.1.1.1/32","-A INPUT -s 2.2.2.2/32"]}'],
    ['-V', '{"ok":true,"save":[],"out":"iptables v1.8.9 (legacy)\\n"}'],
    ['', '{"ok":false,"error":"iptables v1.8.9 (legacy): no command specified'],
    ["-A 'x", '{"ok":false,"error":"no closing \'","exit":2}'],
    ['-X nosuch', '{"ok":false,"error":"iptables: No chain/target/match by that name.'],
  ])('%j', (line, json) => {
    expect(runBatchLine(line, 2).slice(0, json.length)).toBe(json);
    expect(() => JSON.parse(runBatchLine(line, 2))).not.toThrow();
  });
});

describe('iptables-restore', () => {
  const run = (argv: string, text: string, before = '') => {
    const ruleset = restoreRules(before, 'before', 2, { counters: true });
    const command = readRestoreCommand(words(argv), 2);
    const outcome = command.end ?? runRestore(command, text, 'text', ruleset);
    return { ...outcome, save: printRuleset(ruleset, { counters: true }) };
  };

  test('tables before the faulty one have taken effect', () => {
    const r = run('', '*nat\n-A OUTPUT\nCOMMIT\n*filter\n-A INPUT -j NOSUCH\nCOMMIT\n');
    expect(r.err).toBe(
      "iptables-restore v1.8.9 (legacy): Couldn't load target `NOSUCH':No such file or directory\n\n" +
        "Error occurred at line: 5\nTry `iptables-restore -h' or 'iptables-restore --help' for more information.\n" +
        'hint: text:5:13: expected a target or a chain of table filter\n',
    );
    expect([r.status, r.isChanged, r.save.includes('*nat'), r.save.includes('*filter')]).toEqual([
      2,
      true,
      true,
      false,
    ]);
  });

  test('a warning is given once', () => {
    expect(run('-c', '*filter\n[1:2] -A INPUT -i a/b -j DROP\n[1:2] -A INPUT -i c/d -c 3 4\nCOMMIT\n').err).toBe(
      "Warning: weird character in interface `a/b' ('/' and ' ' are not allowed by the kernel).\n" +
        "Warning: weird character in interface `c/d' ('/' and ' ' are not allowed by the kernel).\n" +
        'iptables-restore v1.8.9 (legacy): multiple -c flags not allowed\n' +
        "Error occurred at line: 3\nTry `iptables-restore -h' or 'iptables-restore --help' for more information.\n" +
        'hint: text:3:26\n',
    );
  });

  test('--test changes nothing; -v tells', () => {
    const r = run('-t -v', '# hello\n*filter\n:a - [0:0]\n-A a -j DROP\nCOMMIT\n', '*filter\n:old - [0:0]\nCOMMIT\n');
    expect(r.out).toBe(
      "# hello\nFlushing chain `INPUT'\nFlushing chain `FORWARD'\nFlushing chain `OUTPUT'\nFlushing chain `old'\n" +
        "Deleting chain `old'\nDROP  all opt -- in * out *  0.0.0.0/0  -> 0.0.0.0/0  \n",
    );
    expect([r.status, r.isChanged, r.save.includes(':old')]).toEqual([0, false, true]);
  });

  test('the place and the reason of what the kernel refuses come as a hint', () => {
    const r = run('', '*filter\n-A INPUT -m tcp --dport 1\nCOMMIT\n');
    expect(r.err).toMatch(/^iptables-restore: line 3 failed\nhint: text:2:\d+: Invalid argument\./);
  });
});

test('iptables-save prints one table, counters, JSON', () => {
  const ruleset = restoreRules('*nat\nCOMMIT\n*filter\n[1:2] -A INPUT -j DROP\nCOMMIT\n', 'x', 2, { counters: true });
  const save = (argv: string, json = false) => runSave(readSaveCommand(words(argv), 2), ruleset, null, json);
  expect(save('-c -t filter').out).toContain('[1:2] -A INPUT -j DROP');
  expect(save('-t nat').out).not.toContain('filter');
  expect(save('-t filter', true).out.split('\n')[1]).toBe(
    '{"table":"filter","chain":"INPUT","number":1,"packets":1,"bytes":2,"text":"-A INPUT -j DROP"}',
  );
  expect(save('-t nosuch').status).toBe(1);
});

test('counters print as whole numbers up to 2^64', () => {
  expect(answer(['-A INPUT -c 18446744073709551615 9007199254740993', '-S INPUT -v'])).toContain(
    '-c 18446744073709551615 9007199254740992',
  );
});
