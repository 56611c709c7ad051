/**
 * The program iptables on a ruleset in memory: a command line in, what it prints and its exit status out.
 *
 * The first line of an error is iptables 1.8.9's own, the lines below it iptables' as well; what Statewall adds comes last and begins
 * with `hint: `.
 */
import { RuleError } from '../rules/context.js';
import type { Extension } from '../rules/extension.js';
import { errnoText } from '../rules/kernel-checks.js';
import {
  BUILT_IN,
  type Chain,
  type Family,
  type Rule,
  type Ruleset,
  type Table,
  type TableName,
} from '../rules/model.js';
import { checkTable } from './check.js';
import type { Command, Scope } from './command.js';
import { applyCommand, emptyRuleset, openTable } from './edit.js';
import { errorLine, errorMessage, IPTABLES_VERSION, RuleTextError } from './errors.js';
import { type ListOptions, listChains, verboseLine } from './list.js';
import { CommandParser } from './parse.js';
import { chainsInOrder, counterText, printRule, printRuleBody } from './save.js';
import { splitShellLine, Words } from './tokens.js';
import { usage } from './usage.js';

/** What a command came to. */
export interface Outcome {
  /** iptables' exit status. */
  status: number;
  /** Standard output. */
  out: string;
  /** Standard error. */
  err: string;
  /** Whether the ruleset is another now; never where the status is not 0. */
  isChanged: boolean;
  /** Help or the version was asked for. */
  isInformation?: boolean;
}

/** How a command line is run. */
export interface FrontOptions {
  /** -L and -S print one JSON object a rule. */
  json?: boolean;
}

/** How -v begins a line for each chain. */
const CHAIN_WORDS: ReadonlyMap<string, string> = new Map([
  ['F', 'Flushing'],
  ['Z', 'Zeroing'],
  ['X', 'Deleting'],
]);

/** A warning as iptables writes it: those of extensions bring their own beginning. */
export function warningLine(message: string): string {
  return /^(warn|WARNING|xt_\w+): /.test(message) ? `${message}\n` : `Warning: ${message}\n`;
}

/** The name of the program for a family, as it stands in messages. */
export function programName(family: Family): string {
  return family === 2 ? 'iptables' : 'ip6tables';
}

/**
 * Runs one command line.
 * @param argv The words behind `iptables`.
 * @param ruleset Is changed where the command succeeds; after a failure it may be half changed and is to be thrown away.
 */
export function runIptables(argv: readonly string[], ruleset: Ruleset, options: FrontOptions = {}): Outcome {
  return new Front(ruleset, options).run(Words.of(argv));
}

/**
 * Runs one line of a batch, split as a POSIX shell splits it, on an empty ruleset.
 * @returns One JSON object: `{"ok":true,"save":["-A INPUT ..."]}` with the rules of all tables, and `"out"` where the command printed
 * something; or `{"ok":false,"error":"...","exit":2}`, the first line of the error being iptables' own.
 */
export function runBatchLine(line: string, family: Family): string {
  const ruleset = emptyRuleset(family);
  const front = new Front(ruleset, {});
  let outcome: Outcome;
  try {
    outcome = front.run(splitShellLine(line));
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    outcome = { status: 2, out: '', err: error.message, isChanged: false };
  }
  if (outcome.status !== 0) {
    const { error } = front;
    const text = error === null ? outcome.err : withHint(errorLine(error, programName(family)), error);
    return JSON.stringify({ ok: false, error: text.trimEnd(), exit: outcome.status });
  }
  const save: string[] = [];
  for (const table of ruleset.tables.values()) {
    for (const chain of chainsInOrder(table)) {
      for (const rule of chain.rules) save.push(printRule(chain.name, rule, family));
    }
  }
  return JSON.stringify(outcome.out === '' ? { ok: true, save } : { ok: true, save, out: outcome.out });
}

/** null: no such table; that is found out later. */
function tableOf(ruleset: Ruleset, name: string): Table | null {
  return Object.hasOwn(BUILT_IN, name) ? openTable(ruleset, name as TableName) : null;
}

/** An error's text with what Statewall knows about it below. */
export function withHint(text: string, error: RuleError): string {
  const hint = error instanceof RuleTextError ? error.hint : '';
  return hint === '' ? text : `${text}\nhint: ${hint}`;
}

class Front {
  private readonly program: string;
  private out = '';
  private err = '';
  /** Why it failed. */
  error: RuleError | null = null;

  constructor(
    private readonly ruleset: Ruleset,
    private readonly options: FrontOptions,
  ) {
    this.program = programName(ruleset.family);
  }

  run(words: Words): Outcome {
    const { ruleset } = this;
    const scope: Scope = {
      isChain: (table, name) => tableOf(ruleset, table)?.chains.has(name) === true,
      chainNames: (table) => tableOf(ruleset, table)?.chains.keys() ?? [],
      warn: (message) => {
        this.err += warningLine(message);
      },
    };
    const parser = new CommandParser(ruleset.family, 'command line', scope);
    try {
      const command = parser.parse(words, 0, 'filter') as Command;
      const isChanged = this.carryOut(command, parser.extensions());
      const isInformation = command.verb === 'h' || command.verb === 'V';
      return { status: 0, out: this.out, err: this.err, isChanged, isInformation };
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      this.error = error;
      return { status: error.status, out: this.out, err: this.err + this.errorText(error), isChanged: false };
    }
  }

  private errorText(error: RuleError): string {
    return errorText(error, this.program);
  }

  private carryOut(command: Command, extensions: readonly Extension[]): boolean {
    const { ruleset, program } = this;
    if (command.verb === 'V') {
      this.out += `${program} ${IPTABLES_VERSION}\n`;
      return false;
    }
    if (command.verb === 'h') {
      this.out += usage(program, extensions);
      return false;
    }
    this.out += printedBy(command, ruleset, command.flags.includes('v'), this.options.json === true);
    const isList = command.verb === 'L' || command.verb === 'S';
    if (isList && command.zero === '') return false;
    const table = openTable(ruleset, command.table);
    const isIdle =
      command.verb === 'C' || (command.verb === 'X' && chainsInOrder(table).every((c) => c.policy !== null));
    applyCommand(ruleset, command);
    if (isIdle) return false;
    forgetPolicyCounters(command, table);
    checkTable(table, ruleset.family);
    return true;
  }
}

/**
 * What a command prints on standard output, before it is carried out and whether or not that succeeds.
 * @throws RuleTextError: a listing of a chain that is not there.
 */
export function printedBy(command: Command, ruleset: Ruleset, isVerbose: boolean, isJson: boolean): string {
  const { verb } = command;
  const { family } = ruleset;
  const table = openTable(ruleset, command.table);
  if (verb !== 'L' && verb !== 'S') return isVerbose ? toldBy(command, verb, table, family) : '';
  const chains = chainsOf(command, table);
  let text: string;
  if (isJson) text = listJson(table, chains, command.number, family);
  else if (verb === 'S') text = listRules(command, chains, family, isVerbose);
  else text = listChains(table, chains, command.number, family, listOptions(command, isVerbose));
  return command.zero === 'chains' && isVerbose ? text + toldBy({ ...command, number: 0 }, 'Z', table, family) : text;
}

/** What -v says of a command that lists nothing. */
function toldBy(command: Command, verb: string, table: Table, family: Family): string {
  const { chain, number } = command;
  let text = '';
  for (const rule of command.rules) text += verboseLine(rule, family);
  const what = CHAIN_WORDS.get(verb);
  if (what === undefined || number > 0) return text;
  const names = chain === '' ? chainsInOrder(table).map((c) => c.name) : [chain];
  for (const name of names) {
    if (verb !== 'X' || chain !== '' || !BUILT_IN[table.name].includes(name)) text += `${what} chain \`${name}'\n`;
  }
  return text;
}

function listRules(command: Command, chains: readonly Chain[], family: Family, isVerbose: boolean): string {
  const lines: string[] = [];
  if (command.number === 0) {
    for (const chain of chains) lines.push(chainLine(chain, isVerbose));
  }
  for (const chain of chains) {
    const rules = command.number === 0 ? chain.rules : chain.rules.slice(command.number - 1, command.number);
    for (const rule of rules) lines.push(`-A ${chain.name}${printRuleBody(rule, family, isVerbose)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** Whenever a table is handed to the kernel, 1.8.9 lets the policies count from 0; rules go on counting. */
function forgetPolicyCounters(command: Command, table: Table): void {
  for (const chain of table.chains.values()) {
    if (command.verb !== 'P' || chain.name !== command.chain) chain.packets = chain.bytes = 0;
  }
}

/** What a program of iptables writes on standard error for an error, and the hint below. */
export function errorText(error: RuleError, program: string): string {
  let text = errorMessage(error, program);
  const isBare = error instanceof RuleTextError && error.form === 'bare';
  if (error.status === 2 && !text.startsWith('Try `')) {
    text += `\nTry \`${program} -h' or '${program} --help' for more information.`;
  }
  if (error.status === 3 && !isBare) text += `\nPerhaps ${program} or your kernel needs to be upgraded.`;
  return `${withHint(text, error)}\n`;
}

function chainsOf(command: Command, table: Table): Chain[] {
  const chains = chainsInOrder(table);
  if (command.chain === '') return chains;
  const chain = chains.find((c) => c.name === command.chain);
  if (chain === undefined) throw new RuleTextError(errnoText(2), { status: 1, position: command.position });
  return [chain];
}

function chainLine(chain: Chain, verbose: boolean): string {
  if (chain.policy === null) return `-N ${chain.name}`;
  return `-P ${chain.name} ${chain.policy}${verbose ? ` -c ${counterText(chain.packets)} ${counterText(chain.bytes)}` : ''}`;
}

function listOptions(command: Command, verbose: boolean): ListOptions {
  const { flags } = command;
  return {
    numeric: flags.includes('n'),
    verbose,
    exact: flags.includes('x'),
    lineNumbers: flags.includes('0'),
  };
}

/** One JSON object a rule: table, chain, number, packets, bytes, text; before each chain its policy (null: a user chain). */
function listJson(table: Table, chains: readonly Chain[], number: number, family: Family): string {
  let text = '';
  for (const chain of chains) {
    if (number === 0) {
      const { name, policy, packets, bytes } = chain;
      text += `${JSON.stringify({ table: table.name, chain: name, policy, packets, bytes })}\n`;
    }
    chain.rules.forEach((rule: Rule, i) => {
      if (number > 0 && number !== i + 1) return;
      const { packets, bytes } = rule;
      const object = { table: table.name, chain: chain.name, number: i + 1, packets, bytes };
      text += `${JSON.stringify({ ...object, text: printRule(chain.name, rule, family) })}\n`;
    });
  }
  return text;
}
