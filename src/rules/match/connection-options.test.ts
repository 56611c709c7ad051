import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RuleTextError } from '../../iptables/errors.js';
import { printTable } from '../../iptables/save.js';
import { loadScript } from '../../iptables/script.js';
import type { Family, TableName } from '../model.js';

/** Recorded answers of iptables-legacy 1.8.9: family, table, chain, rule, result. */
const LINES = readFileSync(new URL('../../../test/fixtures/rules/connection-options.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t') as [string, TableName, string, string, string]);

/** What iptables would answer: the saved rule, or `exit STATUS: MESSAGE`. */
function answer(family: Family, table: TableName, chain: string, rule: string): string {
  const program = family === 2 ? 'iptables' : 'ip6tables';
  try {
    const ruleset = loadScript(`${program} -t ${table} -A ${chain} ${rule}\n`, 'test', family);
    const saved = printTable(ruleset.tables.get(table)!, family).split('\n');
    return saved.find((line) => line.startsWith('-A'))!.slice(`-A ${chain} `.length);
  } catch (error) {
    if (!(error instanceof RuleTextError)) throw error;
    // some messages have a line end of their own
    return `exit ${error.status}: ${error.text.replace(/\n$/, '')}`;
  }
}

describe('options are read, refused and printed as by iptables 1.8.9', () => {
  test.each(LINES)('IPv%s %s %s %s', (family, table, chain, rule, result) => {
    const expected = result === '=' ? rule : result;
    expect(answer(family === '6' ? 10 : 2, table, chain, rule)).toBe(expected);
  });
});

describe('what is printed reads back as itself', () => {
  const saved = LINES.filter((line) => !line[4].startsWith('exit'));
  test.each(saved)('IPv%s %s %s %s', (family, table, chain, rule, result) => {
    const printed = result === '=' ? rule : result;
    // iptables itself cannot read these back: names that are printed bare, a shell's quotation marks, a rate of nothing
    if (/name (\S+ [^-]|\S*")|--helper ".*\\|-(upto|above) 0b/.test(`${printed} `)) return;
    expect(answer(family === '6' ? 10 : 2, table, chain, printed)).toBe(printed);
  });
});
