import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RuleError } from '../rules/context.js';
import type { Family, Rule } from '../rules/model.js';
import { checkTable } from './check.js';
import type { Command, Scope } from './command.js';
import { applyCommand, emptyRuleset, openTable } from './edit.js';
import { describeError, errorLine } from './errors.js';
import { CommandParser } from './parse.js';
import { chainsInOrder, printRule } from './save.js';
import { splitRestoreLine, splitShellLine, Words } from './tokens.js';

const LINES = readFileSync(new URL('../../test/fixtures/rules/iptables-lines.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => line.split('\t') as [family: string, line: string, answer: string]);

/** Runs one command line on an empty ruleset; the rules afterwards, or iptables' error. */
function run(line: string, family: Family): string {
  try {
    const rules = emptyRuleset(family);
    const scope: Scope = {
      isChain: (table, name) => openTable(rules, table as 'filter').chains.has(name),
      chainNames: (table) => openTable(rules, table as 'filter').chains.keys(),
      warn: () => {},
    };
    const command = new CommandParser(family, 'line', scope).parse(splitShellLine(line), 0, 'filter') as Command;
    applyCommand(rules, command);
    const save: string[] = [];
    for (const table of rules.tables.values()) {
      checkTable(table, family);
      for (const chain of chainsInOrder(table)) {
        for (const rule of chain.rules) save.push(printRule(chain.name, rule, family));
      }
    }
    return save.join(' ;; ');
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    return `exit ${error.status}: ${errorLine(error, family === 2 ? 'iptables' : 'ip6tables').split('\nip')[0]}`;
  }
}

describe('a command line is taken, printed or refused as iptables 1.8.9 did', () => {
  test.each(LINES)('IPv%s %s', (family, line, answer) => {
    expect(run(line, family === '6' ? 10 : 2)).toBe(answer);
  });
});

const SCOPE: Scope = {
  isChain: (_t, name) => name === 'INPUT' || name === 'web',
  chainNames: () => ['INPUT', 'web'],
  warn: () => {},
};

function parse(argv: string[], family: Family = 2): Command {
  return new CommandParser(family, 'rules', SCOPE).parse(Words.of(argv), 0, 'filter') as Command;
}

function errorOf(argv: string[]): RuleError {
  try {
    parse(argv);
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
  throw new Error('taken');
}

describe('an error tells the place, what was expected and the nearest name', () => {
  test.each([
    [['-A', 'INPUT', '-m', 'contrack'], 'rules:1:4: ', 'did you mean "conntrack"'],
    [['-A', 'INPUT', '-j', 'REJCT'], 'rules:1:4: ', 'did you mean "REJECT"'],
    [['-A', 'INPUT', '-j', 'wbe'], 'rules:1:4: ', 'did you mean "web"'],
    [['-A', 'INPUT', '-g', 'wbe'], 'rules:1:4: ', 'did you mean "web"'],
    [['-A', 'INPUT', '-p', 'tpc'], 'rules:1:4: ', 'did you mean "tcp"'],
    [['-A', 'INPUT', '--dport', '22', '-j', 'DROP'], 'rules:1:3: ', 'belongs to -m'],
    [['-t', 'manlge', '-A', 'INPUT'], 'rules:1:2: ', 'did you mean "mangle"'],
    [['-A', 'INPUT', '-p', 'tcp', '--dport', '70000'], 'rules:1:6: ', 'invalid port/service `70000'],
    [['-A', 'INPUT', '-s', 'host.example'], 'rules:1:4: ', 'names of hosts are not looked up'],
    [['-A', 'INPUT', '-j', 'NOSUCH', '--to', 'x'], 'rules:1:4: ', '"NOSUCH" is not known'],
  ])('%j', (argv, place, hint) => {
    const text = describeError(errorOf(argv));
    expect(text.startsWith(place)).toBe(true);
    expect(text).toContain(hint);
  });
});

test('addresses in a list make a rule for each pair; rules do not share their match lists', () => {
  const { rules } = parse([
    '-A',
    'INPUT',
    '-s',
    '10.0.0.1,10.0.0.2',
    '-d',
    '1.1.1.1,2.2.2.0/24',
    '-m',
    'comment',
    '--comment',
    'x',
  ]);
  expect(rules.map((rule) => printRule('INPUT', rule, 2).slice(9, 46))).toEqual([
    '-s 10.0.0.1/32 -d 1.1.1.1/32 -m comme',
    '-s 10.0.0.1/32 -d 2.2.2.0/24 -m comme',
    '-s 10.0.0.2/32 -d 1.1.1.1/32 -m comme',
    '-s 10.0.0.2/32 -d 2.2.2.0/24 -m comme',
  ]);
  expect(rules[0]?.matches).not.toBe(rules[1]?.matches);
});

test('the rule carries its counters and place', () => {
  const rule = parse(['-A', 'INPUT', '-c', '7', '420', '-j', 'DROP']).rules[0] as Rule;
  expect([rule.packets, rule.bytes, rule.position]).toEqual([7, 420, { file: 'rules', line: 1, column: 1 }]);
});

const port = fc.integer({ min: 0, max: 65535 });
const word32 = fc.integer({ min: 0, max: 0xffffffff });
const bang = fc.constantFrom('', '! ');
const text = fc.string({ minLength: 1, maxLength: 20 }).map((s) => s.replace(/[^ -~]/g, '_'));
const quoted = text.map((s) => `'${s.replaceAll("'", `'\\''`)}'`);
// `! --sport 0:65535` never matches and prints as nothing: iptables loses it.
const ports = fc.tuple(port, fc.integer({ min: 1, max: 65534 })).map(([a, b]) => (a < b ? `${a}:${b}` : `${b}:${a}`));
const match4 = fc.oneof(
  fc.tuple(bang, ports, bang, ports).map(([a, s, b, d]) => `-p tcp ${a}--sport ${s} ${b}--dport ${d}`),
  fc.tuple(bang, port).map(([a, p]) => `-p udp ${a}--dport ${p}`),
  fc
    .tuple(bang, fc.subarray(['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'], { minLength: 1 }))
    .map(([a, f]) => `-p tcp ${a}--tcp-flags ALL ${f.join()}`),
  // type 255 is printed as `any`, whatever its code, which a listing shows
  fc
    .tuple(bang, fc.integer({ min: 0, max: 254 }), fc.integer({ min: 0, max: 255 }))
    .map(([a, t, c]) => `-p icmp ${a}--icmp-type ${t}/${c}`),
  fc
    .tuple(bang, fc.uniqueArray(port, { minLength: 1, maxLength: 15 }))
    .map(([a, p]) => `-p sctp -m multiport ${a}--ports ${p.join()}`),
  fc.tuple(bang, word32, word32).map(([a, v, m]) => `-m mark ${a}--mark ${v}/${m} -m connmark ${a}--mark ${m}`),
  fc.tuple(bang, port, port).map(([a, f, t]) => `-m length ${a}--length ${f}:${t}`),
  fc
    .tuple(fc.constantFrom('eq', 'lt', 'gt'), fc.integer({ min: 0, max: 255 }))
    .map(([o, n]) => `-m ttl --ttl-${o} ${n}`),
  quoted.map((q) => `-m comment --comment ${q}`),
);
const target4 = fc.oneof(
  fc.constantFrom('', '-j ACCEPT', '-j DROP', '-j web', '-g web', '-j REJECT --reject-with host-prohib', '-j TRACE'),
  fc
    .tuple(fc.constantFrom('MARK', 'CONNMARK'), fc.constantFrom('and', 'or', 'xor', 'set'), word32)
    .map(([t, o, v]) => `-j ${t} --${o}-mark ${v}`),
  fc
    .tuple(fc.constantFrom('save', 'restore'), word32, word32, fc.integer({ min: -31, max: 31 }))
    .map(
      ([o, n, c, s]) =>
        `-j CONNMARK --${o}-mark --nfmask ${n} --ctmask ${c} --${s < 0 ? 'right' : 'left'}-shift-mark ${Math.abs(s)}`,
    ),
  quoted.map((q) => `-j LOG --log-prefix ${q} --log-level info --log-uid`),
  fc
    .tuple(fc.constantFrom('set', 'and', 'or', 'xor'), fc.integer({ min: 0, max: 255 }))
    .map(([o, v]) => `-j TOS --${o}-tos ${v}`),
  fc
    .tuple(fc.constantFrom('zone', 'zone-orig', 'zone-reply'), port)
    .map(([o, z]) => `-j CT --${o} ${z} --ctevents new,mark`),
);
const base4 = fc
  .tuple(bang, fc.ipV4(), fc.integer({ min: 0, max: 32 }), bang, fc.constantFrom('eth0', 'wg+', 'a.b'))
  .map(([a, ip, n, b, i]) => `${a}-s ${ip}/${n} ${b}-i ${i}`);

function saved(line: string): Words {
  const words = new Words();
  splitRestoreLine(line, 0, 1, words);
  return words;
}

test('what is printed is read as the same rule', () => {
  fc.assert(
    fc.property(base4, match4, target4, (base, match, target) => {
      const one = new CommandParser(2, '', SCOPE).parse(
        splitShellLine(`-A INPUT ${base} ${match} ${target}`),
        0,
        'filter',
      );
      const rule = (one as Command).rules[0] as Rule;
      const printed = printRule('INPUT', rule, 2);
      const two = new CommandParser(2, '', SCOPE).parse(saved(printed), 0, 'filter');
      expect((two as Command).rules[0]).toEqual(rule);
      expect(printRule('INPUT', (two as Command).rules[0] as Rule, 2)).toBe(printed);
    }),
    { numRuns: 1000, seed: 7 },
  );
});
