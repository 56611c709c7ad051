/** Rows of test/answers/ask.mjs, and the answers of this program in the same form. */
import { readFileSync } from 'node:fs';
import { checkTable } from '../../src/iptables/check.js';
import type { Command, Scope } from '../../src/iptables/command.js';
import { applyCommand, emptyRuleset, openTable } from '../../src/iptables/edit.js';
import { errorMessage } from '../../src/iptables/errors.js';
import { CommandParser } from '../../src/iptables/parse.js';
import { chainsInOrder, printRule } from '../../src/iptables/save.js';
import { splitShellLine } from '../../src/iptables/tokens.js';
import { RuleError } from '../../src/rules/context.js';
import { type Family, type Rule, TABLE_NAMES, type TableName } from '../../src/rules/model.js';

/** One line and its answer: what is saved, listed with -n, listed without; or `exit N: message` alone. */
export interface Row {
  family: Family;
  line: string;
  answer: string[];
}

/** The rows of a file of test/fixtures/answers. */
export function readRows(name: string): Row[] {
  const text = readFileSync(new URL(`../fixtures/answers/${name}`, import.meta.url), 'utf8');
  const rows = text.split('\n').filter((row) => row !== '' && !row.startsWith('#'));
  return rows.map((row) => {
    const [family, line, ...answer] = row.split('\t') as [string, string, ...string[]];
    return { family: family === '6' ? 10 : 2, line, answer };
  });
}

/** The names behind -m, and behind -j where there is none of those. */
export function extensionOf(line: string): string {
  const named = /(?:-m|--match)[ =](\S+)/.exec(line) ?? /(?:-j|--jump)[ =](\S+)/.exec(line);
  return named?.[1] ?? 'none';
}

/** What this program answers. */
export function answerTo(line: string, family: Family): string[] {
  try {
    return answerOf(line, family);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    const [first] = errorMessage(error, family === 2 ? 'iptables' : 'ip6tables').split('\n');
    return [`exit ${error.status}: ${first}`];
  }
}

function answerOf(line: string, family: Family): string[] {
  const ruleset = emptyRuleset(family);
  const chainsOf = (table: string) => openTable(ruleset, table as TableName).chains;
  const isTable = (table: string) => (TABLE_NAMES as readonly string[]).includes(table);
  const scope: Scope = {
    isChain: (table, name) => isTable(table) && chainsOf(table).has(name),
    chainNames: (table) => (isTable(table) ? chainsOf(table).keys() : []),
    warn: () => {},
  };
  const command = new CommandParser(family, 'line', scope).parse(splitShellLine(line), 0, 'filter') as Command;
  applyCommand(ruleset, command);
  const rules: [chain: string, rule: Rule][] = [];
  for (const table of ruleset.tables.values()) {
    checkTable(table, family);
    for (const chain of chainsInOrder(table)) for (const rule of chain.rules) rules.push([chain.name, rule]);
  }
  const saved = rules.map(([chain, rule]) => printRule(chain, rule, family)).join(' ;; ');
  const first = rules[0]?.[1];
  const numeric = `[${first === undefined ? '' : listed(first, family, true)}]`;
  const named = `[${first === undefined ? '' : listed(first, family, false)}]`;
  return [saved, numeric, named === numeric ? '=' : named];
}

/** What stands behind the destination in a listing. */
function listed(rule: Rule, family: Family, numeric: boolean): string {
  let text = '';
  for (const { extension, spec } of rule.matches) text += extension.list?.(spec, family, numeric) ?? '';
  const { target } = rule;
  return target?.kind === 'extension' ? text + (target.extension.list?.(target.spec, family, numeric) ?? '') : text;
}
