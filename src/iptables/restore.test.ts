import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RuleError } from '../rules/context.js';
import type { Family, Position } from '../rules/model.js';
import { errorLine } from './errors.js';
import { type LoadRulesOptions, loadRules, type RestoreOptions, restoreRules } from './restore.js';
import { printRuleset } from './save.js';

const FIXTURES = new URL('../../test/fixtures/rules/', import.meta.url);

function error(run: () => unknown): RuleError {
  try {
    run();
  } catch (e) {
    if (e instanceof RuleError) return e;
    throw e;
  }
  throw new Error('taken');
}

/** Everything between the first chain line and COMMIT, on one line. */
function filter(text: string, options: LoadRulesOptions = {}, family: Family = 2): string {
  const lines = printRuleset(loadRules(text, 'f', family, options), { counters: true }).split('\n');
  return lines.filter((line) => !/^(:(INPUT|FORWARD|OUTPUT) ACCEPT \[0:0\]|\*filter|COMMIT|)$/.test(line)).join('|');
}

describe('restored and printed again, a kernel dump is what it was', () => {
  const files = readdirSync(FIXTURES).filter((name) => /\.v[46]$/.test(name));
  test('there are dumps of both families', () => expect(files.length).toBeGreaterThan(5));
  test.each(files)('%s', (name) => {
    const text = readFileSync(new URL(name, FIXTURES), 'utf8');
    const rules = loadRules(text, name, name.endsWith('4') ? 2 : 10, { counters: true });
    expect(printRuleset(rules, { counters: true })).toBe(text);
  });
});

describe('iptables-restore text', () => {
  test.each([
    ['*filter\n:INPUT DROP [7:8]\n[3:4] -A INPUT -j DROP\nCOMMIT\n', ':INPUT DROP [7:8]|[3:4] -A INPUT -j DROP'],
    ['# prose\r\n*filter\r\n:INPUT ACCEPT [0:0]\r\n-A INPUT -j DROP\r\nCOMMIT \r\n', '[0:0] -A INPUT -j DROP'],
    ['*filter\n:INPUT DROP\n  -A INPUT -j DROP  \n\n#c\nCOMMIT\n', ':INPUT DROP [0:0]|[0:0] -A INPUT -j DROP'],
    ['*filter\n-N FOO\n-A FOO -j DROP\n-I FOO 1 -j ACCEPT\n-D FOO 2\nCOMMIT', ':FOO - [0:0]|[0:0] -A FOO -j ACCEPT'],
    [
      '*filter\n-N FOO\n-A FOO -j DROP\n-F FOO\n-X FOO\n-P INPUT DROP\n-N A\n-E A B\nCOMMIT\n',
      ':INPUT DROP [0:0]|:B - [0:0]',
    ],
    ['*filter\n:b - [0:0]\n:a - [0:0]\n:B - [0:0]\nCOMMIT\n', ':B - [0:0]|:a - [0:0]|:b - [0:0]'],
    ['*filter\n-A INPUT -j ACCEPT -c 5 6\nCOMMIT\n', '[5:6] -A INPUT -j ACCEPT'],
    ['*filter\n-4 -A INPUT -j DROP\n-6 -A INPUT -j DROP\n-A INPUT -6 -j RETURN\nCOMMIT\n', '[0:0] -A INPUT -j DROP'],
    [
      '*filter\n-A INPUT -s 1.1.1.1,2.2.2.2 -j DROP\n-I INPUT -s 3.1.1.1,4.2.2.2\n-D INPUT -s 1.1.1.1,2.2.2.2 -j DROP\nCOMMIT\n',
      '[0:0] -A INPUT -s 4.2.2.2/32|[0:0] -A INPUT -s 3.1.1.1/32',
    ],
    ['*filter\n-A INPUT -m comment --comment "-t nat"\nCOMMIT\n', '[0:0] -A INPUT -m comment --comment "-t nat"'],
  ])('%j', (text, printed) => expect(filter(text, { counters: true })).toBe(printed));

  test('counters are left at 0 unless asked for', () => {
    expect(filter('*filter\n:INPUT DROP [7:8]\n[3:4] -A INPUT -j DROP\nCOMMIT\n')).toBe(
      ':INPUT DROP [0:0]|[0:0] -A INPUT -j DROP',
    );
  });

  test('--noflush keeps what is there and empties declared chains only', () => {
    const old = restoreRules('*filter\n:a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a\n-A b\nCOMMIT\n', 'f', 2);
    restoreRules('*filter\n:a - [0:0]\n-A INPUT -j b\nCOMMIT\n', 'f', 2, { into: old, noflush: true });
    expect(
      printRuleset(old)
        .split('\n')
        .filter((l) => l.startsWith('-A')),
    ).toEqual(['-A INPUT -j a', '-A INPUT -j b', '-A b']);
  });
});

describe('what iptables-restore refuses', () => {
  const R = 'iptables-restore v1.8.9 (legacy): ';
  test.each([
    ['*filter\n-A INPUT -j FOO\nCOMMIT\n', '2:13 2 ' + R + "Couldn't load target `FOO':No such file or directory"],
    ['*filter\n:FOO - [0:0]\n-A INPUT -j FOO\n-A FOO -j FOO\nCOMMIT\n', '4:11 1 iptables-restore: line 5 failed'],
    [
      '*filter\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -j B\n-A B -g A\nCOMMIT\n',
      '6:9 1 iptables-restore: line 7 failed',
    ],
    [
      '*filter\n:FOO DROP [0:0]\nCOMMIT\n',
      `2:2 1 ${R}Can't set policy \`DROP' on \`FOO' line 2: Bad built-in chain name`,
    ],
    [
      '*filter\n:INPUT BOGUS [0:0]\nCOMMIT\n',
      `2:8 1 ${R}Can't set policy \`BOGUS' on \`INPUT' line 2: Bad policy name`,
    ],
    [
      '*filter\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n',
      `2:2 1 ${R}Can't set policy \`ACCEPT' on \`PREROUTING' line 2: Bad built-in chain name`,
    ],
    ['*filter\n:FOO - [0:0]\n:FOO - [0:0]\nCOMMIT\n', `3:2 2 ${R}error creating chain 'FOO':File exists`],
    ['*filter\n:INPUT ACCEPT [x]\nCOMMIT\n', `2:15 2 ${R}invalid policy counters for chain 'INPUT'`],
    ['*nosuch\nCOMMIT\n', `1:2 2 ${R}iptables-restore: unable to initialize table 'nosuch'`],
    ['*filter\n*nat\nCOMMIT\n', "2:1 2 Bad argument `*nat'"],
    ['*filter\n-A INPUT -t nat -j DROP\nCOMMIT\n', `2:13 2 ${R}The -t option cannot be used in iptables-restore.`],
    ['*filter\n-A INPUT -j DROP\n', '2:1 1 iptables-restore: COMMIT expected at line 3'],
    ['*filter\n-X FOO\nCOMMIT\n', '2:4 1 iptables-restore: line 2 failed'],
    ['*filter\n:A - [0:0]\n-A INPUT -j A\n-X A\nCOMMIT\n', '4:4 1 iptables-restore: line 4 failed'],
    ['*filter\n-A INPUT -m tcp --dport 1\nCOMMIT\n', '2:13 1 iptables-restore: line 3 failed'],
    ['*filter\n[1:2 -A INPUT -j DROP\nCOMMIT\n', `2:1 2 ${R}Bad line 2: need ]`],
    ['*filter\n:\nCOMMIT\n', `2:1 2 ${R}iptables-restore: line 2 chain name invalid`],
    ['*filter\n-A INPUT -j INPUT\nCOMMIT\n', '2:13 1 iptables-restore: line 2 failed'],
    ['*nat\n-A PREROUTING -j DROP\nCOMMIT\n', `2:18 2 ${R}`],
  ])('%j', (text, answer) => {
    const e = error(() => restoreRules(text, 'f', 2, { counters: true }));
    expect(
      `${e.position?.line}:${e.position?.column} ${e.status} ${errorLine(e, 'iptables-restore').split('\n')[0]}`,
    ).toBe(answer);
  });

  test('a loop that no packet reaches is no loop', () => {
    expect(filter('*filter\n:A - [0:0]\n:B - [0:0]\n-A A -j B\n-A B -g A\nCOMMIT\n')).toContain('-A B -g A');
    expect(filter('*filter\n:A - [0:0]\n-A INPUT -j DROP\n-A INPUT -j A\n-A A -j A\nCOMMIT\n')).toContain('-A A -j A');
  });

  test('the circle of a loop is told', () => {
    const e = error(() =>
      restoreRules('*filter\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -j B\n-A B -j A\nCOMMIT\n', 'f', 2),
    );
    expect(e.message).toBe('Too many levels of symbolic links.\nchains jump in a circle: A -> B -> A');
  });
});

describe('lenient: what cannot be taken is skipped with its place', () => {
  test('in iptables-restore text', () => {
    const warnings: string[] = [];
    const warn = (m: string, p: Position | null) => warnings.push(`${p?.line}:${p?.column} ${m.split('\n')[0]}`);
    const text = `prose
*rawpost
-A POSTROUTING
COMMIT
*filter
-A INPUT -m nosuch --x -j DROP
-A INPUT -m udp --dport 1 -j DROP
-A INPUT -j ACCEPT
COMMIT
`;
    expect(filter(text, { lenient: true, warn })).toBe('[0:0] -A INPUT -j ACCEPT');
    expect(warnings).toEqual([
      '1:1 skipped: not a table',
      "2:2 skipped: iptables-restore: unable to initialize table 'rawpost'",
      "6:13 skipped: Couldn't load match `nosuch':No such file or directory",
      "7:13 skipped: Invalid argument. Run `dmesg' for more information.",
    ]);
  });

  test('in a script', () => {
    const warnings: string[] = [];
    const warn = (m: string, p: Position | null) => warnings.push(`${p?.line}:${p?.column} ${m.split('\n')[0]}`);
    const text = 'iptables -A INPUT -i lo\nmodprobe x\nfor i in $(ls); do\niptables -A INPUT -j DROP\n';
    expect(filter(text, { lenient: true, warn })).toBe('[0:0] -A INPUT -i lo|[0:0] -A INPUT -j DROP');
    expect(warnings).toEqual([
      '2:1 skipped: "modprobe" is not known here',
      '3:10 skipped: only $NAME and ${NAME} are known here',
    ]);
  });
});

describe('a plain list of commands', () => {
  const SCRIPT = `#!/bin/sh
set -e
# the firewall
IPT="/sbin/iptables -w"
LAN=eth1
$IPT -F; $IPT -X
$IPT -P INPUT DROP
$IPT -N web
sudo iptables -A INPUT -i $LAN -m comment --comment "it's the LAN" \\
  -j ACCEPT
/usr/sbin/iptables-legacy -t mangle -A PREROUTING -j MARK --set-mark 1
ip6tables -A INPUT -s fd00::/8 -j ACCEPT
$IPT -I INPUT 1 -p tcp --dport 80 -j web
exit 0
anything at all (
`;
  test('is taken by the family that it names', () => {
    const four = printRuleset(loadRules(SCRIPT, 'f', 2));
    expect(four.split('\n').filter((line) => /^(-A|:web|:INPUT DROP)/.test(line))).toEqual([
      ':INPUT DROP [0:0]',
      ':web - [0:0]',
      '-A INPUT -p tcp -m tcp --dport 80 -j web',
      '-A INPUT -i eth1 -m comment --comment "it\\\'s the LAN" -j ACCEPT',
      '-A PREROUTING -j MARK --set-xmark 0x1/0xffffffff',
    ]);
    expect(filter(SCRIPT, {}, 10)).toBe('[0:0] -A INPUT -s fd00::/8 -j ACCEPT');
  });

  test.each([
    ['iptables -A INPUT -j ACCEPT\nif true; then\n', 2, 1],
    ['iptables -A INPUT -j NOSUCH\n', 1, 22],
    ['x=1 iptables -F\n', 1, 5],
    ['iptables -A INPUT -s $NET\n', 1, 22],
    ['iptables -A INPUT \\\n  -m nosuch\n', 2, 6],
  ])('%j is refused where it stands', (text, line, column) => {
    expect(error(() => loadRules(text, 'f', 2)).position).toEqual({ file: 'f', line, column });
  });
});

describe('files on disk are read gently', () => {
  const warnings = (text: string, options: LoadRulesOptions = {}): string[] => {
    const found: string[] = [];
    loadRules(text, 'f', 2, { ...options, warn: (m, p) => found.push(`${p?.line}:${p?.column} ${m.split('\n')[0]}`) });
    return found;
  };

  test('a quote that nothing closes is told of', () => {
    expect(warnings('*filter\n -A INPUT -m comment --comment "x\nCOMMIT\n')).toEqual([
      '2:32 no closing " in this line',
    ]);
  });

  test('a table that is not closed is refused, and leniently taken as far as it goes', () => {
    const text = '*nat\n-A OUTPUT -j ACCEPT\n*filter\n-A INPUT -j DROP\n';
    expect(error(() => loadRules(text, 'f', 2)).message).toContain('Bad argument `*filter');
    expect(warnings(text, { lenient: true })).toEqual([
      '3:1 COMMIT expected at line 4: table nat is not closed: the text may have been cut off',
      '4:1 COMMIT expected at line 5: table filter is not closed: the text may have been cut off',
    ]);
    expect(filter(text, { lenient: true })).toContain('[0:0] -A INPUT -j DROP');
    expect(filter(text, { lenient: true })).toContain('[0:0] -A OUTPUT -j ACCEPT');
  });
});

describe('onto rules that are there', () => {
  const BEFORE = '*filter\n:INPUT DROP [7:8]\n:a - [0:0]\n[1:2] -A INPUT -j a\n[3:4] -A a\nCOMMIT\n';
  const after = (text: string, options: RestoreOptions = {}): string => {
    const into = restoreRules(BEFORE, 'before', 2, { counters: true });
    try {
      restoreRules(text, 'f', 2, { ...options, into });
    } catch (e) {
      if (!(e instanceof RuleError)) throw e;
    }
    const lines = printRuleset(into, { counters: true }).split('\n');
    return lines.filter((line) => !/^(:(FORWARD|OUTPUT) ACCEPT \[0:0\]|\*filter|COMMIT|)$/.test(line)).join('|');
  };
  const SAME = ':INPUT DROP [7:8]|:a - [0:0]|[1:2] -A INPUT -j a|[3:4] -A a';

  test.each([
    ['a table that is emptied keeps its policies, not their counters', '*filter\nCOMMIT\n', {}, ':INPUT DROP [0:0]'],
    [
      'what fails changes nothing',
      '*filter\n-Z\n-E a b\n-P INPUT ACCEPT\n-X nosuch\nCOMMIT\n',
      { noflush: true },
      SAME,
    ],
    [
      '--test changes nothing, and does not look for loops',
      '*filter\n:b - [0:0]\n-A INPUT -j b\n-A b -j b\nCOMMIT\n',
      { test: true },
      SAME,
    ],
    ['--table passes over others', 'x\n*filter\nx\nCOMMIT\n', { table: 'nat' }, SAME],
    [
      '-Z leaves what the text has set',
      '*filter\n[5:6] -A a\n-Z\nCOMMIT\n',
      { noflush: true, counters: true },
      ':INPUT DROP [0:0]|:a - [0:0]|[0:0] -A INPUT -j a|[0:0] -A a|[5:6] -A a',
    ],
    [
      'a chain may be declared twice then',
      '*filter\n:a - [0:0]\n-A a -j DROP\n:a - [0:0]\nCOMMIT\n',
      { noflush: true },
      ':INPUT DROP [0:0]|:a - [0:0]|[1:2] -A INPUT -j a',
    ],
  ] as [string, string, RestoreOptions, string][])('%s', (_claim, text, options, rules) =>
    expect(after(text, options)).toBe(rules),
  );

  test('a chain that the text has declared hides a target of its name, in each table', () => {
    expect(filter('*filter\n:LOG - [0:0]\n-A INPUT -j LOG\nCOMMIT\n')).toContain('-A INPUT -j LOG');
    const text = '*filter\n:MARK - [0:0]\nCOMMIT\n*mangle\n-A INPUT -j MARK --set-mark 1\nCOMMIT\n';
    expect(error(() => restoreRules(text, 'f', 2)).message).toContain('unknown option "--set-mark"');
  });
});
