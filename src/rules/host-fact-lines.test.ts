/** What the extensions that ask the host make of options, and how rules print, against recorded answers of iptables 1.8.9. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { specOf } from '../../test/support/option-lines.js';
import { printRule } from '../iptables/save.js';
import { loadScript } from '../iptables/script.js';
import { RuleError } from './context.js';
import type { Family, Rule, TableName } from './model.js';
import { CLUSTERIP, type ClusteripSpec } from './target/CLUSTERIP.js';

interface Line {
  family: Family;
  table: TableName;
  chain: string;
  rule: string;
  /** Saved form, or `exit N: message`. */
  result: string;
  /** What stands at the end of the rule's line in -L -n and in -L. */
  numeric: string;
  named: string;
}

const LINES: Line[] = readFileSync(new URL('../../test/fixtures/rules/host-facts.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((row) => row !== '' && !row.startsWith('#'))
  .map((row) => {
    const [family, table, chain, rule, result, numeric = '', named = ''] = row.split('\t') as string[];
    return {
      family: family === '6' ? 10 : 2,
      table: table as TableName,
      chain: chain!,
      rule: rule!,
      result: result === '=' ? rule! : result!,
      numeric,
      named: named === '=' ? numeric : named,
    };
  });

function load(line: Line, rule: string): Rule {
  const program = line.family === 2 ? 'iptables' : 'ip6tables';
  const text = `${program} -t ${line.table} -A ${line.chain} ${rule}\n`;
  return loadScript(text, 'rules', line.family).tables.get(line.table)!.chains.get(line.chain)!.rules[0]!;
}

/** The saved form, or what iptables says. */
function answer(line: Line, rule = line.rule): string {
  try {
    return printRule(line.chain, load(line, rule), line.family).slice(`-A ${line.chain} `.length);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    const program = line.family === 2 ? 'iptables' : 'ip6tables';
    const version = error.status === 1 ? '' : ' v1.8.9 (legacy)';
    return `exit ${error.status}: ${program}${version}: ${error.message.split('\n')[0]}`;
  }
}

/** The end of the rule's line in a listing: matches in order, then the target. */
function listed(line: Line, numeric: boolean): string {
  const { matches, target } = load(line, line.rule);
  const uses = target?.kind === 'extension' ? [...matches, target] : matches;
  return uses.map(({ extension, spec }) => extension.list?.(spec, line.family, numeric) ?? '').join('');
}

describe('options are read, refused and printed as by iptables 1.8.9', () => {
  test.each(LINES.map((line) => [line.family, line.table, line.chain, line.rule, line] as const))(
    'IPv%i -t %s -A %s %s',
    (_family, _table, _chain, _rule, line) => {
      expect(answer(line)).toBe(line.result);
    },
  );

  test('what is printed is read again as the same', () => {
    // an empty name, and one with a blank, stand without quotes: iptables does not read them back either
    const odd = /--(?:physdev-in|genre) (?:$|! |a b|Windows XP)|--oif a b/;
    const printed = LINES.filter(({ result }) => !result.startsWith('exit ') && !odd.test(result));
    expect(printed.map((line) => answer(line, line.result))).toEqual(printed.map((line) => line.result));
  });
});

describe('listings', () => {
  const rows = LINES.filter(({ result }) => !result.startsWith('exit '));
  test.each(rows.map((line) => [line.family, line.rule, line] as const))('IPv%i %s', (_family, _rule, line) => {
    expect(listed(line, true).trimEnd()).toBe(line.numeric.trimEnd());
    expect(listed(line, false).trimEnd()).toBe(line.named.trimEnd());
  });
});

describe('CLUSTERIP, which the kernel does not take', () => {
  const options = '--new --hashmode sourceip-sourceport --clustermac 01:00:5e:AA:00:01 --total-nodes 2 --local-node 1';
  test('prints as iptables prints it', () => {
    const spec = specOf<ClusteripSpec>(CLUSTERIP, options, 2);
    expect(CLUSTERIP.save(spec, 2)).toBe(`${options.replace('5e', '5E')} --hash-init 0`);
    expect(CLUSTERIP.list?.(spec, 2, true)).toBe(
      ' CLUSTERIP hashmode=sourceip-sourceport clustermac=01:00:5E:AA:00:01 total_nodes=2 local_node=1 hash_init=0',
    );
    expect(specOf(CLUSTERIP, CLUSTERIP.save(spec, 2), 2)).toEqual(spec);
  });

  test('a further rule of the same address has no options', () => {
    const spec = specOf<ClusteripSpec>(CLUSTERIP, '', 2);
    expect(CLUSTERIP.save(spec, 2)).toBe('');
    expect(CLUSTERIP.list?.(spec, 2, true)).toBe(' CLUSTERIP');
  });
});
