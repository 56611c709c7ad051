/**
 * iptables-save text to a ruleset, as iptables-restore takes it; and `loadRules`, which takes a plain list of commands as well.
 *
 * `restoreRules` is iptables-restore 1.8.9 to the letter: `COMMIT` with a blank behind it is no COMMIT, lines have a greatest length.
 * `loadRules` is gentler, since files on disk have been through editors: a byte order mark, CR LF, blanks around a line and a last
 * line without its end do no harm, a chain's counters may be left out, and a line may be as long as it likes.
 */
import { RuleError } from '../rules/context.js';
import {
  BUILT_IN,
  type Chain,
  type Family,
  type Position,
  type Rule,
  type Ruleset,
  TABLE_NAMES,
  type Table,
  type TableName,
} from '../rules/model.js';
import { readCounter } from './base-reader.js';
import { checkTable } from './check.js';
import type { Command, Scope } from './command.js';
import { isQuotedText, isSaveText, missingFrom } from './dump-text.js';
import { addChain, applyCommand, emptyRuleset, openTable } from './edit.js';
import { type ErrorDetails, RuleTextError, suggest } from './errors.js';
import { CommandParser } from './parse.js';
import { findWord } from './place.js';
import { RestoreLines, utf8Length } from './restore-lines.js';
import { chainsInOrder } from './save.js';
import { loadScript } from './script.js';
import { splitRestoreLine, Words } from './tokens.js';

/** How rule text is taken. */
export interface LoadRulesOptions {
  /** Skips what is not supported or refused, rule by rule, with a warning; loops are refused all the same. */
  lenient?: boolean;
  /** Told of what was skipped, of what iptables only warns about, and of what the text says that it does not hold. */
  warn?(message: string, position: Position | null): void;
  /** Takes counters from the text (-c); else all are 0. */
  counters?: boolean;
}

/** How iptables-restore text is taken. */
export interface RestoreOptions extends LoadRulesOptions {
  /** Where the tables go; its tables that the text names are emptied first, policies stay. Default: a new ruleset. */
  into?: Ruleset;
  /** --noflush: keeps what `into` has; only chains that the text declares are emptied. */
  noflush?: boolean;
  /** --test: nothing reaches `into`, and what only the kernel refuses (loops, hooks) is not found. */
  test?: boolean;
  /** --table: the other tables of the text are passed over. */
  table?: string;
  /** Takes the text as `loadRules` does. */
  gentle?: boolean;
  /** Told of each command before it is carried out, with the ruleset that holds the table it is for: -L and -S are to be answered. */
  onCommand?(command: Command, ruleset: Ruleset): void;
  /** --verbose: told of comments as they stand, and of the chains that are emptied and removed, in iptables-restore's words. */
  onLine?(line: string): void;
}

const MAX_CHAIN_LEN = 28;
/** Bytes of a word at most. */
const MAX_WORD_LEN = 1023;
/** Words of a line at most: 255 with program, -t, table and the end of the list. */
const MAX_WORDS = 251;
/** A policy's counters; what stands behind them does not matter to sscanf(3). */
const POLICY_COUNTERS = /^\[\s*([+-]?\d+):\s*([+-]?\d+)/;

const DIGITS = /^\d+$/;

/**
 * Reads rules from iptables-save text or from a plain list of iptables commands; which of them it is shows in the text.
 * @param text The rules.
 * @param file Names the text in positions.
 * @param family 2: IPv4, 10: IPv6.
 * @param options Without them a rule that is not supported throws.
 * @throws RuleError with position: the first thing that cannot be taken.
 */
export function loadRules(text: string, file: string, family: Family, options: LoadRulesOptions = {}): Ruleset {
  if (!isSaveText(text, options.lenient)) return loadScript(text, file, family, options);
  if (options.warn !== undefined) for (const m of missingFrom(text, file)) options.warn(m.text, m.position);
  return restoreRules(text, file, family, { ...options, gentle: true });
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
  private readonly lines: RestoreLines;
  private readonly lenient: boolean;
  /** Warnings of a reading that may be done again. */
  private held: { message: string; position: Position | null }[] | null = null;
  private readonly gentle: boolean;
  private readonly counters: boolean;
  /** The name that stands in messages a second time. */
  private readonly program: string;
  /** The line that closes a table. */
  private readonly end: string;
  /** The table between `*` and COMMIT; it replaces the ruleset's at COMMIT. */
  private readonly staged: Ruleset;
  private table: Table | null = null;
  /** Chains that the text has declared, in whichever table: no target is looked for by these names any more. */
  private readonly declared = new Set<string>();
  /** Rules of the table that were there before. */
  private readonly former = new Set<Counted>();
  /** The last table that the text began; iptables-restore passes over what does not belong to that of --table. */
  private tableName = '';
  /** An unknown table that `lenient` passes over. */
  private skipping = false;

  constructor(
    private readonly text: string,
    private readonly file: string,
    private readonly family: Family,
    private readonly options: RestoreOptions,
  ) {
    this.ruleset = options.into ?? emptyRuleset(family);
    this.staged = emptyRuleset(family);
    this.lenient = options.lenient === true;
    this.gentle = options.gentle === true;
    this.counters = options.counters === true;
    this.program = family === 2 ? 'iptables-restore' : 'ip6tables-restore';
    this.end = this.gentle ? 'COMMIT' : 'COMMIT\n';
    this.lines = new RestoreLines(text, !this.gentle, this.lenient && isQuotedText(text));
    const scope: Scope = {
      isChain: (_table, name) => this.table?.chains.has(name) === true,
      hidesTarget: (name) => this.declared.has(name),
      chainNames: () => this.table?.chains.keys() ?? [],
      warn: (message, position) => this.warn(message, position),
    };
    this.parser = new CommandParser(family, file, scope);
  }

  run(): Ruleset {
    const { lines } = this;
    while (lines.next()) {
      const line = lines.text;
      const first = line.charCodeAt(0);
      if (first === 35) this.options.onLine?.(line.trimEnd());
      if (first === 35 || line === '\n' || (this.gentle && line === '')) continue;
      if (this.lenient && line !== this.end) this.leniently(line);
      else this.readLine(line);
    }
    if (this.table !== null) this.endsEarly(this.table);
    return this.ruleset;
  }

  private endsEarly(table: Table): void {
    const hint = `table ${table.name} is not closed: the text may have been cut off`;
    const text = `COMMIT expected at line ${this.lines.number + 1}`;
    if (!this.lenient) this.fail(text, { status: 1, form: 'literal', hint });
    this.warn(`${text}: ${hint}`, this.place());
    this.commit(table);
  }

  /** A line that cannot be taken is skipped. */
  private leniently(line: string): void {
    try {
      if (this.table !== null && /^\*[a-z]+$/.test(line)) this.endsEarly(this.table);
      this.readLine(line);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      this.warn(`skipped: ${error.message}`, error.position);
    }
  }

  private readLine(line: string): void {
    if (this.skipping) {
      this.skipping = line !== this.end;
      return;
    }
    const table = this.table;
    const first = line.charCodeAt(0);
    if (table === null) {
      if (first === 42) this.beginTable(line);
      else if (this.options.table === undefined || this.options.table === this.tableName) {
        this.fail('not a table', { status: 1, hint: outsideHint(line) });
      }
    } else if (line === this.end) {
      this.commit(table);
    } else if (first === 58) {
      this.declareChain(table, line);
    } else {
      this.readRule(table, line);
    }
  }

  private beginTable(line: string): void {
    const name = /[^ \t\n]+/.exec(line.slice(1))?.[0] ?? '';
    if (name === '') this.failLine('table name invalid', 'expected *TABLE');
    this.tableName = name;
    const { table: only, noflush } = this.options;
    if (only !== undefined && only !== name) return;
    if (!(TABLE_NAMES as readonly string[]).includes(name)) {
      this.skipping = this.lenient;
      this.fail(`${this.program}: unable to initialize table '${name}'`, {
        word: name,
        hint: `expected one of ${TABLE_NAMES.join(', ')}${suggest(name, TABLE_NAMES)}`,
      });
    }
    const old = this.ruleset.tables.get(name as TableName);
    this.staged.tables.clear();
    this.former.clear();
    if (old !== undefined && noflush === true) this.staged.tables.set(old.name, copyTable(old, this.former));
    this.table = openTable(this.staged, name as TableName);
    if (noflush !== true) this.flush(old ?? this.table, this.table);
  }

  /** Policies stay. */
  private flush(old: Table, table: Table): void {
    const { onLine } = this.options;
    for (const { name, policy } of old.chains.values()) {
      const chain = table.chains.get(name);
      if (chain !== undefined) chain.policy = policy;
    }
    if (onLine === undefined) return;
    const chains = chainsInOrder(old);
    for (const { name } of chains) onLine(`Flushing chain \`${name}'`);
    for (const { name, policy } of chains) if (policy === null) onLine(`Deleting chain \`${name}'`);
  }

  private commit(table: Table): void {
    this.table = null;
    if (this.options.test === true) return;
    const { number } = this.lines;
    const skip = (e: RuleTextError): void => this.warn(`skipped: ${e.message}`, e.position);
    const place = (rule: Rule, name: string): Position | null =>
      rule.position?.file === this.file ? findWord(this.text, rule.position, name) : null;
    checkTable(table, this.family, { line: number, place, ...(this.lenient && { skip }) });
    this.ruleset.tables.set(table.name, table);
  }

  /** `:NAME POLICY [packets:bytes]`. */
  private declareChain(table: Table, line: string): void {
    const [name = '', policy = '', counters = ''] = line.slice(1).match(/[^ \t\n]+/g) ?? [];
    const hint = 'expected :CHAIN POLICY [packets:bytes]';
    if (name === '') this.failLine('chain name invalid', hint);
    if (utf8Length(name) > MAX_CHAIN_LEN) {
      this.fail(`Invalid chain name \`${name}' (${MAX_CHAIN_LEN} chars max)`, { word: name });
    }
    const builtIn = BUILT_IN[table.name].includes(name);
    if (!builtIn) this.userChain(table, name);
    if (policy === '') this.failLine('policy invalid', hint);
    if (policy === '-') return;
    const read = POLICY_COUNTERS.exec(counters);
    if (this.counters && read === null && !(this.gentle && counters === '')) {
      this.fail(`invalid policy counters for chain '${name}'`, { word: counters, hint: 'expected [packets:bytes]' });
    }
    const what = `Can't set policy \`${policy}' on \`${name}' line ${this.lines.number}:`;
    const details = { status: 1, form: 'versioned' as const };
    if (!builtIn) {
      this.fail(`${what} Bad built-in chain name`, {
        ...details,
        word: name,
        hint: `table ${table.name} has the built-in chains ${BUILT_IN[table.name].join(', ')}; a user chain's policy is -${suggest(name, BUILT_IN[table.name])}`,
      });
    }
    if (policy !== 'ACCEPT' && policy !== 'DROP') {
      this.fail(`${what} Bad policy name`, { ...details, word: policy, hint: 'expected ACCEPT or DROP' });
    }
    const chain = table.chains.get(name) as Chain;
    chain.policy = policy;
    chain.packets = this.counters ? readCounter(read?.[1] ?? '0') : 0;
    chain.bytes = this.counters ? readCounter(read?.[2] ?? '0') : 0;
  }

  private userChain(table: Table, name: string): void {
    this.declared.add(name);
    const old = table.chains.get(name);
    if (old !== undefined && this.options.noflush === true) {
      old.rules.length = 0;
      return;
    }
    if (old !== undefined || VERDICTS.includes(name)) {
      this.fail(`error creating chain '${name}':File exists`, {
        word: name,
        hint: old === undefined ? `${name} is a verdict` : 'it has been declared before',
      });
    }
    addChain(table, name);
  }

  private readRule(table: Table, line: string): void {
    const hasCounters = line.charCodeAt(0) === 91;
    const from = hasCounters ? this.readCounters(line) : 0;
    const rule = hasCounters && this.ruleEnd < line.length ? line.slice(0, this.ruleEnd) : line;
    this.split(rule, from);
    const command = this.counters && hasCounters ? this.parseCounted(table, rule, from) : this.parse(table);
    if (command === null) return;
    this.options.onCommand?.(command, this.staged);
    if (command.verb === 'Z') this.zero(table, command);
    else applyCommand(this.staged, command);
  }

  /** -Z leaves alone what this text has set: the kernel does not have it yet. */
  private zero(table: Table, command: Command): void {
    const own = [...table.chains.values()]
      .flatMap((chain) => [chain, ...chain.rules])
      .filter((x) => !this.former.has(x));
    const before = own.map(({ packets, bytes }) => ({ packets, bytes }));
    applyCommand(this.staged, command);
    own.forEach((x, i) => {
      Object.assign(x, before[i]);
    });
  }

  private parse(table: Table): Command | null {
    if (this.words.count === 0) this.fail('no command specified', { hint: 'expected -A, -I, -N, -P ...' });
    return this.parser.parse(this.words, 0, table.name, true);
  }

  /**
   * iptables-restore puts `-c PACKETS BYTES` before the rule. That is done here only where it makes a difference to the outcome: where
   * the command takes no counters, or nothing else is right either.
   */
  private parseCounted(table: Table, line: string, from: number): Command | null {
    const areNumbers = DIGITS.test(this.packets) && DIGITS.test(this.bytes);
    let command: Command | null = null;
    this.held = [];
    try {
      if (areNumbers) command = this.parse(table);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
    }
    const warnings = this.held;
    this.held = null;
    const plain = command !== null && !command.hasCounters && (command.verb === 'A' || command.verb === 'I');
    if (plain) {
      for (const { message, position } of warnings) this.warn(message, position);
      for (const rule of (command as Command).rules) {
        rule.packets = readCounter(this.packets);
        rule.bytes = readCounter(this.bytes);
      }
      return command;
    }
    const { words } = this;
    words.clear();
    for (const word of ['-c', this.packets, this.bytes]) {
      words.push(word, this.lines.number, this.lines.indent + 1);
    }
    this.split(line, from);
    return this.parse(table);
  }

  /** Puts the line's words behind those that `words` has if these are counters, else in the place of them. */
  private split(line: string, from: number): void {
    const { words, lines } = this;
    if (words.count !== 3 || words.text[0] !== '-c') words.clear();
    const first = words.count;
    const open = splitRestoreLine(line, from, lines.number, words);
    if (open > 0 && this.gentle) this.warn('no closing " in this line', this.place(open - 1));
    if (lines.indent > 0) for (let i = first; i < words.count; i++) (words.column[i] as number) += lines.indent;
    if (this.gentle) return;
    for (let i = first; i < words.count; i++) {
      const word = words.text[i] as string;
      const position = { file: this.file, line: words.line[i] as number, column: words.column[i] as number };
      if (word.length > MAX_WORD_LEN / 3 && utf8Length(word) > MAX_WORD_LEN) {
        throw new RuleTextError('Parameter too long!', { position, hint: `expected ${MAX_WORD_LEN} bytes at most` });
      }
      if (i >= MAX_WORDS) throw new RuleTextError('Parser cannot handle more arguments', { position });
    }
  }

  /**
   * `[packets:bytes]`: the part before the colon, the part behind it up to `]`; what strtok(3) cut off is gone for the rule too, which
   * begins behind the first `]`. Returns the rule's begin.
   */
  private readCounters(line: string): number {
    const close = line.indexOf(']');
    let at = 1;
    while (line[at] === ':') at++;
    const colon = line.indexOf(':', at);
    let bytesAt = colon + 1;
    while (line[bytesAt] === ']') bytesAt++;
    if (close < 0 || colon < 0 || bytesAt >= line.length) {
      this.fail(`Bad line ${this.lines.number}: need ]`, { hint: 'expected [packets:bytes] and a rule' });
    }
    const end = line.indexOf(']', bytesAt);
    this.packets = line.slice(at, colon);
    this.bytes = line.slice(bytesAt, end < 0 ? line.length : end);
    this.ruleEnd = colon > close ? colon : end > close ? end : line.length;
    return close + 1;
  }
  /** Where the rule behind counters ends. */
  private ruleEnd = 0;
  /** Texts of the counters. */
  private packets = '';
  private bytes = '';

  private failLine(what: string, hint: string): never {
    this.fail(`${this.program}: line ${this.lines.number} ${what}`, { hint });
  }

  /** `word`: the one to point at. */
  private fail(text: string, details: ErrorDetails & { word?: string } = {}): never {
    const { word = '' } = details;
    const at = word === '' ? 0 : Math.max(0, this.lines.text.indexOf(word, 1));
    throw new RuleTextError(text, { position: this.place(at), ...details });
  }

  /** A place in the line. */
  private place(at = 0): Position {
    return { file: this.file, line: this.lines.number, column: this.lines.indent + at + 1 };
  }

  private warn(message: string, position: Position | null): void {
    if (this.held !== null) this.held.push({ message, position });
    else this.options.warn?.(message, position);
  }
}

/** Names that no chain may have. */
const VERDICTS = ['ACCEPT', 'DROP', 'QUEUE', 'RETURN'];

/** What may be meant by a line outside of a table. */
function outsideHint(line: string): string {
  if (/^:|^(\[\S*\] *)?-/.test(line)) return 'this line is outside of a table: expected *TABLE before it';
  return 'expected *TABLE; --lenient passes over text that is no part of the rules';
}

type Counted = Pick<Rule, 'packets' | 'bytes'>;

/** A table that can be changed without a change to the other: what a failure leaves behind is as it was. Policies count from 0. */
function copyTable(table: Table, rulesOfIt: Set<Counted>): Table {
  const chains = new Map<string, Chain>();
  for (const chain of table.chains.values()) {
    const rules: Rule[] = chain.rules.map((rule) => ({ ...rule }));
    for (const rule of rules) rulesOfIt.add(rule);
    chains.set(chain.name, { ...chain, packets: 0, bytes: 0, rules });
  }
  return { name: table.name, chains };
}
