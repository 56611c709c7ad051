import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RuleError } from '../rules/context.js';
import type { Family, Rule } from '../rules/model.js';
import { checkTable } from './check.js';
import type { Command, Scope } from './command.js';
import { applyCommand, emptyRuleset, openTable } from './edit.js';
import { errorLine } from './errors.js';
import { CommandParser } from './parse.js';
import { printRuleBody } from './save.js';
import { splitShellLine } from './tokens.js';

type Row = [
  family: string,
  table: string,
  chain: string,
  rule: string,
  result: string,
  numeric: string,
  named: string,
  warning: string,
];

/** What iptables-legacy 1.8.9 answered on Linux 6.18; `=` is the rule itself, or the listing with -n. */
const ROWS = readFileSync(new URL('../../test/fixtures/rules/packet-extension-lines.tsv', import.meta.url), 'utf8')
  .replaceAll('\\0', '\0')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [family, table, chain, rule, result, numeric = '', named = '', warning = ''] = line.split('\t') as Row;
    const saved = result === '=' ? rule : result;
    return [family, table, chain, rule, saved, numeric, named === '=' ? numeric : named, warning] as Row;
  });

/** The rule of `-t table -A chain RULE` on an empty ruleset, or iptables' refusal. */
function append(row: Row, warnings: string[]): Rule | string {
  const family: Family = row[0] === '6' ? 10 : 2;
  const [, table, chain, text] = row;
  const rules = emptyRuleset(family);
  const chains = openTable(rules, table as 'filter').chains;
  if (!chains.has(chain)) chains.set(chain, { name: chain, policy: null, packets: 0, bytes: 0, rules: [] });
  const scope: Scope = {
    isChain: (_t, name) => chains.has(name),
    chainNames: () => chains.keys(),
    warn: (w) => warnings.push(w),
  };
  try {
    const words = splitShellLine(`-t ${table} -A ${chain} ${text}`);
    applyCommand(rules, new CommandParser(family, 'line', scope).parse(words, 0, 'filter') as Command);
    for (const loaded of rules.tables.values()) checkTable(loaded, family);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    const line = errorLine(error, 'iptables').replace(/^iptables( v1\.8\.9 \(legacy\))?: /, '');
    return `exit ${error.status}: ${line}`;
  }
  return rules.tables.get(table as 'filter')!.chains.get(chain)!.rules[0]!;
}

function listing(rule: Rule, family: Family, numeric: boolean): string {
  const uses = [...rule.matches, ...(rule.target?.kind === 'extension' ? [rule.target] : [])];
  return uses.map(({ extension, spec }) => extension.list?.(spec, family, numeric) ?? '').join('');
}

describe('rules with extensions over packet bytes and state are taken, printed, listed or refused as by iptables 1.8.9', () => {
  test.each(ROWS)('IPv%s -t %s -A %s %s', (...row) => {
    const [family, , , , saved, numeric, named, warning] = row;
    const warnings: string[] = [];
    const made = append(row, warnings);
    expect(warnings.join('')).toBe(warning);
    const number: Family = family === '6' ? 10 : 2;
    if (typeof made === 'string') {
      expect(made).toBe(saved);
      return;
    }
    expect(printRuleBody(made, number).slice(1)).toBe(saved);
    expect([listing(made, number, true), listing(made, number, false)]).toEqual([numeric, named]);
  });

  test('what is printed is read and printed again, but for what iptables cannot read itself', () => {
    const different: string[] = [];
    for (const row of ROWS) {
      const made = append(row, []);
      if (typeof made === 'string' || UNREADABLE.test(row[4])) continue;
      const printed = [...row] as Row;
      printed[3] = row[4];
      const again = append(printed, []);
      const family: Family = row[0] === '6' ? 10 : 2;
      if (typeof again === 'string' || printRuleBody(again, family).slice(1) !== row[4]) different.push(row[4]);
    }
    expect(different).toEqual([]);
  });
});

/**
 * Words that are printed without quotes, empty lists, two comparisons of rateest, a mask above 32 of cluster, values that are as
 * good as not given (the prefix ::/0, ipcomp's whole range, a stop in 1970), averages of RATEEST beyond 32 bits, quotes for a shell.
 */
const UNREADABLE = new RegExp(
  [
    'days {2}|-name \\S* \\S* --rateest-i|-name {2}|--label \\S* [^-]|(--rateest-(lt|gt|eq).*){2}',
    'nodemask 0x80|NPT$|-m time$|-m ipcomp$|monthdays 1,2,3.*31 --dates|--rateest-name z|NPT --dst-pfx|48$|\\\\',
  ].join('|'),
);
