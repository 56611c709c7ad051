/**
 * iptables-save text to a ruleset, as iptables-restore takes it; and `loadRules`, which takes a plain list of commands as well.
 *
 * Gentler than iptables-restore: line ends may be CR LF, a blank may stand behind COMMIT and a table's name, and a chain's counters
 * may be left out.
 */
import { RuleError } from '../rules/context.js';
import {
  BUILT_IN,
  type Chain,
  type Family,
  type Position,
  type Ruleset,
  TABLE_NAMES,
  type Table,
  type TableName,
} from '../rules/model.js';
import { checkTable } from './check.js';
import type { Scope } from './command.js';
import { addChain, applyCommand, emptyRuleset, openTable } from './edit.js';
import { type ErrorDetails, RuleTextError, suggest } from './errors.js';
import { CommandParser } from './parse.js';
import { loadScript } from './script.js';
import { splitRestoreLine, Words } from './tokens.js';

/** How rule text is taken. */
export interface LoadRulesOptions {
  /** Skips what is not supported or refused, rule by rule, with a warning; loops are refused all the same. */
  lenient?: boolean;
  /** Told of what was skipped and of what iptables only warns about. */
  warn?(message: string, position: Position | null): void;
  /** Takes counters from the text (-c); else all are 0. */
  counters?: boolean;
}

/** How iptables-restore text is taken. */
export interface RestoreOptions extends LoadRulesOptions {
  /** Where the tables go; its tables that the text names are emptied first. Default: a new ruleset. */
  into?: Ruleset;
  /** --noflush: keeps what `into` has; only chains that the text declares are emptied. */
  noflush?: boolean;
}

const MAX_CHAIN_LEN = 28;

/**
 * Reads rules from iptables-save text or from a plain list of iptables commands; which of them it is shows in the text.
 * @param text The rules.
 * @param file Names the text in positions.
 * @param family 2: IPv4, 10: IPv6.
 * @param options Without them a rule that is not supported throws.
 * @throws RuleError with position: the first thing that cannot be taken.
 */
export function loadRules(text: string, file: string, family: Family, options: LoadRulesOptions = {}): Ruleset {
  return isSaveText(text) ? restoreRules(text, file, family, options) : loadScript(text, file, family, options);
}

/** Whether a text is in iptables-save's format: some line is `*table`. */
export function isSaveText(text: string): boolean {
  return /^[ \t]*\*[A-Za-z]+[ \t\r]*$/m.test(text);
}

/**
 * Reads iptables-save text.
 * @throws RuleTextError. `into` may hold the tables before the faulty one then, as with the kernel.
 */
export function restoreRules(text: string, file: string, family: Family, options: RestoreOptions = {}): Ruleset {
  return new Restore(text, file, family, options).run();
}

class Restore {
  private readonly ruleset: Ruleset;
  private readonly parser: CommandParser;
  private readonly words = new Words();
  private readonly lenient: boolean;
  /** The table between `*` and COMMIT; it replaces the ruleset's at COMMIT. */
  private readonly staged: Ruleset;
  private table: Table | null = null;
  private declared = new Set<string>();
  /** An unknown table that `lenient` passes over. */
  private skipping = false;
  private line = 0;

  constructor(
    private readonly text: string,
    private readonly file: string,
    private readonly family: Family,
    private readonly options: RestoreOptions,
  ) {
    this.ruleset = options.into ?? emptyRuleset(family);
    this.staged = emptyRuleset(family);
    this.lenient = options.lenient === true;
    const scope: Scope = {
      isChain: (_table, name) => this.table?.chains.has(name) === true,
      chainNames: () => this.table?.chains.keys() ?? [],
      warn: (message, position) => this.warn(message, position),
    };
    this.parser = new CommandParser(family, file, scope);
  }

  run(): Ruleset {
    const { text } = this;
    for (let at = 0; at < text.length; ) {
      let end = text.indexOf('\n', at);
      if (end < 0) end = text.length;
      this.line++;
      let stop = end;
      while (stop > at && isBlank(text.charCodeAt(stop - 1))) stop--;
      while (at < stop && isBlank(text.charCodeAt(at))) at++;
      const column = at - (text.lastIndexOf('\n', at - 1) + 1);
      if (stop > at && text.charCodeAt(at) !== 35) this.guarded(text.slice(at, stop), column);
      at = end + 1;
    }
    if (this.table !== null) {
      this.fail(`COMMIT expected at line ${this.line + 1}`, 0, { status: 1, form: 'literal' });
    }
    return this.ruleset;
  }

  /** Under `lenient` a line that cannot be taken is skipped. */
  private guarded(line: string, indent: number): void {
    if (!this.lenient || line === 'COMMIT') {
      this.readLine(line, indent);
      return;
    }
    try {
      this.readLine(line, indent);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      this.warn(`skipped: ${error.message}`, error.position);
    }
  }

  private readLine(line: string, indent: number): void {
    if (this.skipping) {
      this.skipping = line !== 'COMMIT';
      return;
    }
    const table = this.table;
    if (table === null) {
      if (line.charCodeAt(0) !== 42) this.fail('not a table', indent, { status: 1, hint: 'expected *TABLE' });
      this.beginTable(line.slice(1), indent);
    } else if (line === 'COMMIT') {
      this.commit(table);
    } else if (line.charCodeAt(0) === 58) {
      this.declareChain(table, line, indent);
    } else {
      this.readRule(table, line, indent);
    }
  }

  private beginTable(name: string, indent: number): void {
    if (!(TABLE_NAMES as readonly string[]).includes(name)) {
      this.skipping = this.lenient;
      this.fail(`iptables-restore: unable to initialize table '${name}'`, indent, {
        hint: `expected one of ${TABLE_NAMES.join(', ')}${suggest(name, TABLE_NAMES)}`,
      });
    }
    const { into, noflush } = this.options;
    const old = noflush === true ? into?.tables.get(name as TableName) : undefined;
    this.staged.tables.clear();
    if (old !== undefined) this.staged.tables.set(old.name, copyTable(old));
    this.table = openTable(this.staged, name as TableName);
    this.declared.clear();
  }

  private commit(table: Table): void {
    const check = this.lenient
      ? { line: this.line, skip: (e: RuleTextError) => this.warn(`skipped: ${e.message}`, e.position) }
      : { line: this.line };
    checkTable(table, this.family, check);
    this.ruleset.tables.set(table.name, table);
    this.table = null;
  }

  /** `:NAME POLICY [packets:bytes]`. */
  private declareChain(table: Table, line: string, indent: number): void {
    const [name = '', policy = '', counters = ''] = line.slice(1).split(/[ \t]+/);
    if (name === '') this.failLine('chain name invalid', indent);
    if (name.length > MAX_CHAIN_LEN)
      this.fail(`Invalid chain name \`${name}' (${MAX_CHAIN_LEN} chars max)`, indent + 1);
    if (policy === '') this.failLine('policy invalid', indent);
    const builtIn = BUILT_IN[table.name].includes(name);
    const chain = builtIn ? (table.chains.get(name) as Chain) : this.userChain(table, name, indent);
    if (policy === '-') return;
    const what = `Can't set policy \`${policy}' on \`${name}' line ${this.line}:`;
    if (!builtIn) {
      const hint = `table ${table.name} has the built-in chains ${BUILT_IN[table.name].join(', ')}; a user chain's policy is -`;
      this.fail(`${what} Bad built-in chain name`, indent + 1, { status: 1, form: 'versioned', hint });
    }
    if (policy !== 'ACCEPT' && policy !== 'DROP') {
      this.fail(`${what} Bad policy name`, indent + name.length + 2, {
        status: 1,
        form: 'versioned',
        hint: 'expected ACCEPT or DROP',
      });
    }
    chain.policy = policy;
    const m = /^\[(\d+):(\d+)\]$/.exec(counters);
    if (m === null && counters !== '') this.fail(`invalid policy counters for chain '${name}'`, indent);
    if (this.options.counters !== true) return;
    chain.packets = Number(m?.[1] ?? 0);
    chain.bytes = Number(m?.[2] ?? 0);
  }

  private userChain(table: Table, name: string, indent: number): Chain {
    const old = table.chains.get(name);
    if (old === undefined) {
      this.declared.add(name);
      return addChain(table, name);
    }
    if (this.options.noflush !== true || this.declared.has(name)) {
      this.fail(`error creating chain '${name}':File exists`, indent + 1);
    }
    this.declared.add(name);
    old.rules.length = 0;
    return old;
  }

  private readRule(table: Table, line: string, indent: number): void {
    let from = 0;
    let packets = 0;
    let bytes = 0;
    if (line.charCodeAt(0) === 91) {
      const colon = line.indexOf(':');
      const close = line.indexOf(']');
      if (close < 0 || colon < 0 || colon > close) this.fail(`Bad line ${this.line}: need ]`, indent);
      packets = Number(line.slice(1, colon));
      bytes = Number(line.slice(colon + 1, close));
      if (!Number.isInteger(packets) || !Number.isInteger(bytes)) {
        this.fail('-c packet counter not numeric', indent);
      }
      from = close + 1;
    }
    const { words } = this;
    words.clear();
    splitRestoreLine(line, from, this.line, words);
    if (indent > 0) for (let i = 0; i < words.count; i++) (words.column[i] as number) += indent;
    const command = this.parser.parse(words, 0, table.name, true);
    if (command === null) return;
    for (const rule of command.rules) {
      if (!command.hasCounters && from > 0) {
        rule.packets = packets;
        rule.bytes = bytes;
      }
      if (this.options.counters !== true && !command.hasCounters) rule.packets = rule.bytes = 0;
    }
    applyCommand(this.staged, command);
  }

  private failLine(what: string, indent: number): never {
    this.fail(`iptables-restore: line ${this.line} ${what}`, indent, {
      hint: 'expected :CHAIN POLICY [packets:bytes]',
    });
  }

  private fail(text: string, indent: number, details: ErrorDetails = {}): never {
    const position = { file: this.file, line: this.line, column: indent + 1 };
    throw new RuleTextError(text, { position, ...details });
  }

  private warn(message: string, position: Position | null): void {
    this.options.warn?.(message, position);
  }
}

function isBlank(c: number): boolean {
  return c === 32 || c === 9 || c === 13;
}

/** A table whose chains and rule lists are its own; rules are shared. */
function copyTable(table: Table): Table {
  const chains = new Map<string, Chain>();
  for (const chain of table.chains.values()) chains.set(chain.name, { ...chain, rules: chain.rules.slice() });
  return { name: table.name, chains };
}
