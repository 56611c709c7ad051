/** Hosts with rules of iptables-legacy and iptables-nft at once, as a kernel was recorded (scenarios.py), in both orders. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { type RecordedCase, readCases } from '../kernel/case.js';
import { CATEGORIES, compareOutputs, type Outputs } from '../kernel/compare.js';
import { readPcapng } from '../kernel/pcapng.js';
import { run } from '../support/command.js';

const CASES = fileURLToPath(new URL('cases/', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'statewall-planes-'));
afterAll(() => rmSync(out, { recursive: true }));

const SAVED = {
  table: 'table.txt',
  expectations: 'expect.txt',
  events: 'events.txt',
  capture: 'out.pcapng',
  log: 'log.txt',
};

interface PlanesCase extends RecordedCase {
  first: string;
  /** nft.v4, nft.v6, those that are there. */
  nft: string[];
}

const cases = readCases(CASES).map((c): PlanesCase => {
  const first = /^first: (\w+)$/m.exec(readFileSync(join(c.folder, 'case.yaml'), 'utf8'))?.[1] ?? '';
  return { ...c, first, nft: readdirSync(c.folder).filter((name) => name.startsWith('nft.v')) };
});

function replay(c: PlanesCase, more: string[] = ['--summary']): { answer: ReturnType<typeof run>; to: string } {
  const to = mkdtempSync(join(out, 'case-'));
  const args = ['replay', c.capture, '--rules', c.rules4, '--host', c.host, '--first-plane', c.first, ...more];
  args.push('--save-rules', join(to, 'rules.v4'));
  if (c.rules6 !== null) args.push('--rules6', c.rules6, '--save-rules6', join(to, 'rules.v6'));
  for (const name of c.nft) {
    const option = name === 'nft.v4' ? 'rules-nft' : 'rules6-nft';
    args.push(`--${option}`, join(c.folder, name), `--save-${option}`, join(to, name));
  }
  for (const [option, name] of Object.entries(SAVED)) args.push(`--save-${option}`, join(to, name));
  return { answer: run(args), to };
}

function read(folder: string, c: PlanesCase): Outputs {
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return {
    rules4: text('rules.v4'),
    rules6: c.rules6 === null ? null : text('rules.v6'),
    table: text('table.txt'),
    expectations: text('expect.txt'),
    events: text('events.txt'),
    packets: readPcapng(readFileSync(join(folder, 'out.pcapng'))),
    log: c.expected.log === null ? null : text('log.txt'),
  };
}

describe('both planes of a host do what the kernel does', () => {
  test('each scenario is there in both orders', () => {
    expect(cases.map((c) => c.name)).toEqual(
      ['filter', 'filter6', 'nat', 'raw'].flatMap((name) => [`${name}-legacy`, `${name}-nft`]),
    );
  });

  test.each(cases.map((c): [string, PlanesCase] => [c.name, c]))('%s', (_name, c) => {
    const { answer, to } = replay(c);
    expect(answer.err).toBe('');
    const found = compareOutputs(c.expected, read(to, c));
    expect(CATEGORIES.flatMap((category) => found[category].map((message) => `${category}: ${message}`))).toEqual([]);
    for (const name of c.nft) {
      const expected = { ...c.expected, rules4: readFileSync(join(c.folder, 'expect', name), 'utf8') };
      const actual = { ...c.expected, rules4: readFileSync(join(to, name), 'utf8') };
      const { ruletext, counters } = compareOutputs(expected, actual);
      expect([...ruletext, ...counters]).toEqual([]);
    }
  });
});

test('rules of iptables-nft that name the other plane warn unless its rules are there', () => {
  const [c] = cases.filter((one) => one.name === 'filter-nft') as [PlanesCase];
  const dump = join(out, 'dump.v4');
  const warning = '# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n';
  writeFileSync(dump, warning + readFileSync(join(c.folder, 'nft.v4'), 'utf8'));
  const told = (args: string[]): string => run(['replay', c.capture, '--host', c.host, '--summary', ...args]).err;
  const words = 'dump.v4:1:1: the host has rules of iptables-legacy too, which this text does not hold: --rules takes';
  expect(told(['--rules', dump])).toContain(words);
  expect(told(['--rules-nft', dump])).toContain(words);
  expect(told(['--rules', c.rules4, '--rules-nft', dump])).toBe('');
});

describe('what is told names the plane', () => {
  const filter = cases.find((c) => c.name === 'filter-nft') as PlanesCase;

  test('of each decision: the drop of either, else the last rule that accepted', () => {
    const { answer } = replay(filter, ['--json']);
    const packets = answer.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const decided = packets.map((p) => `${p.verdict} ${p.rule.plane} ${p.rule.number}`);
    expect(decided.slice(0, 10)).toEqual([
      'ACCEPT nft 5',
      'DROP legacy 3',
      'DROP nft 3',
      'REJECT legacy 4',
      'REJECT nft 4',
      'DROP nft null',
      'ACCEPT legacy 5',
      'DROP legacy 6',
      'DROP nft null',
      'REJECT nft 7',
    ]);
  });

  test('in a packet’s line', () => {
    const { answer } = replay(filter, []);
    expect(answer.out).toContain('NEW DROP nft filter FORWARD 3: -A FORWARD -p tcp -m tcp --dport 82 -j DROP');
    expect(answer.out).toContain('NEW DROP nft filter FORWARD policy DROP');
  });

  test('not where only one is loaded', () => {
    const { answer } = replay({ ...filter, nft: [] }, ['--json']);
    expect(answer.out).not.toContain('plane');
  });
});
