/**
 * Carries a command out on a ruleset, as iptables does on the kernel's: -A -I -D -R -C -N -X -E -F -Z -P.
 * Nothing is checked that needs the whole table (loops, hooks): see check.ts.
 */
import {
  BUILT_IN,
  type Chain,
  type Family,
  type Rule,
  type Ruleset,
  type Table,
  type TableName,
} from '../rules/model.js';
import type { Command } from './command.js';
import { RuleTextError, suggest } from './errors.js';
import { printRuleBody } from './save.js';

/** A ruleset without tables. */
export function emptyRuleset(family: Family): Ruleset {
  return { family, tables: new Map() };
}

/** The ruleset's table; made with its built-in chains (policy ACCEPT) if it is not there. */
export function openTable(ruleset: Ruleset, name: TableName): Table {
  let table = ruleset.tables.get(name);
  if (table === undefined) {
    table = { name, chains: new Map() };
    for (const chain of BUILT_IN[name]) {
      table.chains.set(chain, { name: chain, policy: 'ACCEPT', packets: 0, bytes: 0, rules: [] });
    }
    ruleset.tables.set(name, table);
  }
  return table;
}

/** A table whose chains and rule lists are its own; rules are shared. */
export function copyTable(table: Table): Table {
  const chains = new Map<string, Chain>();
  for (const chain of table.chains.values()) chains.set(chain.name, { ...chain, rules: chain.rules.slice() });
  return { name: table.name, chains };
}

/** Adds an empty user chain. */
export function addChain(table: Table, name: string): Chain {
  const chain: Chain = { name, policy: null, packets: 0, bytes: 0, rules: [] };
  table.chains.set(name, chain);
  return chain;
}

/**
 * Does what the command says; listings (-L -S) change nothing.
 * @throws RuleTextError with status 1 and iptables' text: what the kernel (libiptc) refuses. The ruleset is as before then.
 */
export function applyCommand(ruleset: Ruleset, command: Command): void {
  const table = openTable(ruleset, command.table);
  switch (command.verb) {
    case 'A':
      append(table, command);
      return;
    case 'I':
      insert(table, command);
      return;
    case 'D':
      remove(ruleset, table, command);
      return;
    case 'R':
      replace(table, command);
      return;
    case 'C':
      for (const rule of command.rules) find(ruleset, table, command, rule);
      return;
    case 'N':
      if (table.chains.has(command.chain)) refuse(command, 'Chain already exists.');
      addChain(table, command.chain);
      return;
    case 'X':
      removeChains(table, command);
      return;
    case 'E':
      rename(table, command);
      return;
    case 'F':
      for (const chain of chainsOf(table, command)) chain.rules.length = 0;
      return;
    case 'Z':
      zero(table, command);
      return;
    case 'P':
      setPolicy(table, command);
      return;
    case 'L':
    case 'S':
      chainsOf(table, command);
      if (command.zero !== '') zero(table, command.zero === 'rule' ? command : { ...command, number: 0 });
  }
}

const MAX_CHAIN_LEN = 28;
const NO_SUCH_RULE = 'Bad rule (does a matching rule exist in that chain?).';

function refuse(command: Command, text: string, hint = '', word = command.chainAt): never {
  const position = command.places.positionOf(word);
  throw new RuleTextError(text, { position, status: 1, hint });
}

function chainOf(table: Table, command: Command): Chain {
  const chain = table.chains.get(command.chain);
  if (chain !== undefined) return chain;
  refuse(
    command,
    'No chain/target/match by that name.',
    `table ${table.name} has no chain "${command.chain}"${suggest(command.chain, table.chains.keys())}`,
  );
}

function chainsOf(table: Table, command: Command): Chain[] {
  return command.chain === '' ? [...table.chains.values()] : [chainOf(table, command)];
}

function append(table: Table, command: Command): void {
  const chain = chainOf(table, command);
  checkTargets(command);
  // one by one: arguments of a call are limited, and a list of addresses makes as many rules
  for (const rule of command.rules) chain.rules.push(rule);
}

function indexHint(chain: Chain): string {
  const { length } = chain.rules;
  return `chain ${chain.name} has ${length === 0 ? 'no rules' : length === 1 ? 'one rule' : `${length} rules`}`;
}

function insert(table: Table, command: Command): void {
  const chain = chainOf(table, command);
  if (command.number > chain.rules.length + 1)
    refuse(command, 'Index of insertion too big.', indexHint(chain), command.argumentAt);
  checkTargets(command);
  // Rules of an address list go in one by one at the same place, so that they end up reversed.
  for (const rule of command.rules) chain.rules.splice(command.number - 1, 0, rule);
}

function remove(ruleset: Ruleset, table: Table, command: Command): void {
  if (command.number > 0) {
    const chain = chainOf(table, command);
    if (command.number > chain.rules.length)
      refuse(command, 'Index of deletion too big.', indexHint(chain), command.argumentAt);
    chain.rules.splice(command.number - 1, 1);
    return;
  }
  for (const rule of command.rules) {
    const at = find(ruleset, table, command, rule);
    (table.chains.get(command.chain) as Chain).rules.splice(at, 1);
  }
}

function replace(table: Table, command: Command): void {
  const chain = chainOf(table, command);
  if (command.number > chain.rules.length)
    refuse(command, 'Index of replacement too big.', indexHint(chain), command.argumentAt);
  checkTargets(command);
  chain.rules[command.number - 1] = command.rules[0] as Rule;
}

/** A rule that jumps to a built-in chain: libiptc refuses it before the kernel sees it. */
function checkTargets(command: Command): void {
  const target = command.rules[0]?.target;
  if (target?.kind !== 'jump' && target?.kind !== 'goto') return;
  if (!BUILT_IN[command.table].includes(target.chain)) return;
  const hint = `${target.chain} is a built-in chain: no rule can jump to it`;
  refuse(command, "Invalid argument. Run `dmesg' for more information.", hint, command.targetAt);
}

/** Index of the first equal rule; counters and position do not count. */
function find(ruleset: Ruleset, table: Table, command: Command, rule: Rule): number {
  const chain = table.chains.get(command.chain);
  if (chain === undefined) {
    refuse(
      command,
      NO_SUCH_RULE,
      `table ${table.name} has no chain "${command.chain}"${suggest(command.chain, table.chains.keys())}`,
    );
  }
  checkTargets(command);
  const wanted = printRuleBody(rule, ruleset.family);
  const at = chain.rules.findIndex((r) => printRuleBody(r, ruleset.family) === wanted);
  if (at >= 0) return at;
  // 1.8.9 words it so where the rule's target is anything but a verdict
  const isPlain = rule.target === null || rule.target.kind === 'verdict';
  refuse(
    command,
    isPlain ? NO_SUCH_RULE : 'No chain/target/match by that name.',
    `chain ${chain.name} has no such rule`,
  );
}

/** All chains are tried; of several refusals iptables tells the last. */
function removeChains(table: Table, command: Command): void {
  const doomed = command.chain === '' ? userChains(table) : [chainOf(table, command)];
  let why = '';
  for (const chain of doomed) {
    if (BUILT_IN[table.name].includes(chain.name)) why = "Invalid argument. Run `dmesg' for more information.";
    else if (isJumpedTo(table, chain.name)) why = 'Too many links.';
    else if (chain.rules.length > 0) why = 'Directory not empty.';
  }
  if (why !== '') refuse(command, why);
  for (const chain of doomed) table.chains.delete(chain.name);
}

function userChains(table: Table): Chain[] {
  return [...table.chains.values()]
    .filter((chain) => !BUILT_IN[table.name].includes(chain.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isJumpedTo(table: Table, name: string): boolean {
  for (const chain of table.chains.values()) {
    for (const { target } of chain.rules) {
      if ((target?.kind === 'jump' || target?.kind === 'goto') && target.chain === name) return true;
    }
  }
  return false;
}

function rename(table: Table, command: Command): void {
  const { chain: from, argument: to } = command;
  const verdicts = ['ACCEPT', 'DROP', 'RETURN', 'QUEUE'];
  if (table.chains.has(to) || verdicts.includes(to)) refuse(command, 'File exists.');
  const chain = table.chains.get(from);
  if (chain === undefined || BUILT_IN[table.name].includes(from))
    refuse(command, 'No chain/target/match by that name.');
  // iptables takes such a name, but then what it saves cannot be restored
  if (to === '' || to.length > MAX_CHAIN_LEN || /[\s"\\]/.test(to)) {
    const position = command.places.positionOf(command.chainAt + 1);
    throw new RuleTextError(`Invalid chain name \`${to}'`, { position, hint: 'the new name could not be restored' });
  }
  table.chains.delete(from);
  chain.name = to;
  table.chains.set(to, chain);
  for (const other of table.chains.values()) {
    for (const rule of other.rules) {
      const t = rule.target;
      if ((t?.kind === 'jump' || t?.kind === 'goto') && t.chain === from) rule.target = { kind: t.kind, chain: to };
    }
  }
}

function zero(table: Table, command: Command): void {
  if (command.number > 0) {
    const chain = chainOf(table, command);
    const rule = chain.rules[command.number - 1];
    if (rule === undefined) refuse(command, 'Index of counter too big.', indexHint(chain), command.argumentAt);
    rule.packets = rule.bytes = 0;
    return;
  }
  for (const chain of chainsOf(table, command)) {
    chain.packets = chain.bytes = 0;
    for (const rule of chain.rules) rule.packets = rule.bytes = 0;
  }
}

function setPolicy(table: Table, command: Command): void {
  const { chain: name, argument } = command;
  if (!BUILT_IN[table.name].includes(name))
    refuse(command, 'Bad built-in chain name.', 'only built-in chains have a policy');
  if (argument !== 'ACCEPT' && argument !== 'DROP') {
    refuse(
      command,
      "Bad policy name. Run `dmesg' for more information.",
      'expected ACCEPT or DROP',
      command.argumentAt,
    );
  }
  const chain = chainOf(table, command);
  chain.policy = argument;
  chain.packets = command.packets;
  chain.bytes = command.bytes;
}
