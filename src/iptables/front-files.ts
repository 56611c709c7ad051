/**
 * The programs iptables-save and iptables-restore on a ruleset in memory: what they print and how they end. Files are the caller's.
 */
import { RuleError } from '../rules/context.js';
import { type Family, type Ruleset, TABLE_NAMES, type TableName } from '../rules/model.js';
import { readUint } from '../rules/values.js';
import { openTable } from './edit.js';
import { errorLine, errorMessage, IPTABLES_VERSION, RuleTextError } from './errors.js';
import { type Outcome, printedBy, programName, warningLine, withHint } from './front.js';
import { type GetoptSpec, getopt } from './getopt.js';
import { restoreRules } from './restore.js';
import { chainsInOrder, printRule, printTable } from './save.js';
import { restoreUsage, saveUsage } from './usage.js';

const SAVE: readonly GetoptSpec[] = [
  { letter: 'c', name: 'counters', args: 0 },
  { letter: 'V', name: 'version', args: 0 },
  { letter: 'd', name: 'dump', args: 0 },
  { letter: 't', name: 'table', args: 1 },
  { letter: 'M', name: 'modprobe', args: 1 },
  { letter: 'f', name: 'file', args: 1 },
  { letter: '4', name: 'ipv4', args: 0 },
  { letter: '6', name: 'ipv6', args: 0 },
  { letter: 'b', name: '', args: 0 },
  // the real program has none
  { letter: 'h', name: 'help', args: 0 },
];

const RESTORE: readonly GetoptSpec[] = [
  { letter: 'c', name: 'counters', args: 0 },
  { letter: 'v', name: 'verbose', args: 0 },
  { letter: 'V', name: 'version', args: 0 },
  { letter: 't', name: 'test', args: 0 },
  { letter: 'h', name: 'help', args: 0 },
  { letter: 'n', name: 'noflush', args: 0 },
  { letter: 'M', name: 'modprobe', args: 1 },
  { letter: 'T', name: 'table', args: 1 },
  { letter: 'w', name: 'wait', args: 'optional', letterArgs: 0 },
  { letter: 'W', name: 'wait-interval', args: 'optional', letterArgs: 0 },
  { letter: 'b', name: '', args: 0 },
];

const NO_BINARY = '-b/--binary option is not implemented\n';

/** An iptables-save command line. */
export interface SaveCommand {
  counters: boolean;
  /** '' = all. */
  table: string;
  /** Where it is to be written; '' = standard output. */
  file: string;
  err: string;
  /** Not null: that is all there is to do. */
  end: Outcome | null;
}

/** Reads the words behind `iptables-save`. */
export function readSaveCommand(argv: readonly string[], family: Family): SaveCommand {
  const program = `${programName(family)}-save`;
  const { options, operands, error } = getopt(argv, SAVE, program);
  const command: SaveCommand = { counters: false, table: '', file: '', err: '', end: null };
  for (const { letter, value } of options) {
    if (letter === 'c') command.counters = true;
    else if (letter === 't') command.table = value;
    else if (letter === 'f') command.file = value;
    else if (letter === 'b') command.err += NO_BINARY;
    else if (letter === 'h') {
      command.end = outcome(0, saveUsage(program), command.err);
      return command;
    } else if (letter === 'V') {
      command.end = outcome(0, `${program} ${IPTABLES_VERSION}\n`, command.err);
      return command;
    }
  }
  if (error !== '') {
    const look = `Look at manual page \`${program}.8' for more information.`;
    command.end = outcome(1, '', `${command.err}${error}\n${look}\n`);
  } else if (operands.length > 0) {
    command.end = outcome(1, '', `${command.err}Unknown arguments found on commandline\n`);
  }
  return command;
}

/**
 * What iptables-save prints.
 * @param date For the comment lines, as ctime(3) writes it; null: without them.
 * @param json One JSON object a chain and a rule in place of the text.
 */
export function runSave(command: SaveCommand, ruleset: Ruleset, date: string | null, json: boolean): Outcome {
  const { family } = ruleset;
  const program = `${programName(family)}-save`;
  const { table: wanted, counters } = command;
  if (wanted !== '' && !isTableName(wanted)) {
    const text = 'Cannot initialize: Table does not exist (do you need to insmod?)';
    const error = new RuleTextError(text, {
      status: 1,
      form: 'versioned',
      hint: `expected one of ${TABLE_NAMES.join(', ')}`,
    });
    return outcome(1, '', `${command.err}${withHint(errorLine(error, program), error)}\n`);
  }
  const tables = wanted === '' ? [...ruleset.tables.values()] : [openTable(ruleset, wanted as TableName)];
  let out = '';
  for (const table of tables) {
    if (!json) {
      out += printTable(table, family, date === null ? { counters } : { counters, date });
      continue;
    }
    for (const chain of chainsInOrder(table)) {
      const { name, policy, packets, bytes } = chain;
      out += `${JSON.stringify({ table: table.name, chain: name, policy, packets, bytes })}\n`;
      chain.rules.forEach((rule, i) => {
        const place = { table: table.name, chain: name, number: i + 1, packets: rule.packets, bytes: rule.bytes };
        out += `${JSON.stringify({ ...place, text: printRule(name, rule, family) })}\n`;
      });
    }
  }
  return outcome(0, out, command.err);
}

/** An iptables-restore command line. */
export interface RestoreCommand {
  counters: boolean;
  noflush: boolean;
  test: boolean;
  verbose: boolean;
  /** '' = all. */
  table: string;
  /** '' = standard input. */
  file: string;
  err: string;
  /** Not null: that is all there is to do. */
  end: Outcome | null;
}

/** Reads the words behind `iptables-restore`. */
export function readRestoreCommand(argv: readonly string[], family: Family): RestoreCommand {
  const program = `${programName(family)}-restore`;
  const { options, operands, error } = getopt(argv, RESTORE, program);
  const command: RestoreCommand = {
    counters: false,
    noflush: false,
    test: false,
    verbose: false,
    table: '',
    file: '',
    err: '',
    end: null,
  };
  for (const { letter, value } of options) {
    takeRestoreOption(command, letter, value, operands, program);
    if (command.end !== null) return command;
  }
  if (error !== '') {
    command.end = outcome(1, '', `${command.err}${error}\nTry \`${program} -h' for more information.\n`);
  } else if (operands.length > 1) {
    command.end = outcome(1, '', `${command.err}Unknown arguments found on commandline\n`);
  } else {
    command.file = operands[0] ?? '';
  }
  return command;
}

function takeRestoreOption(
  command: RestoreCommand,
  letter: string,
  value: string,
  operands: string[],
  program: string,
): void {
  if (letter === 'c') command.counters = true;
  else if (letter === 'v') command.verbose = true;
  else if (letter === 'n') command.noflush = true;
  else if (letter === 't') command.test = true;
  else if (letter === 'T') command.table = value;
  else if (letter === 'b') command.err += NO_BINARY;
  else if (letter === 'V') command.end = outcome(0, `${program} ${IPTABLES_VERSION}\n`, command.err);
  else if (letter === 'h') command.end = outcome(0, '', command.err + restoreUsage(program));
  else if (letter === 'w') {
    const seconds = value === '' ? (operands.shift() ?? '') : value;
    if (seconds === '' || readUint(seconds, 0, 0x7fffffff) >= 0) return;
    const error = new RuleTextError('wait seconds not numeric');
    command.end = outcome(2, '', command.err + restoreErrorText(error, program));
  }
}

/**
 * Runs iptables-restore.
 * @param text The rules.
 * @param source Names the text in messages.
 * @param ruleset With --test it stays as it is. Tables that the text names are replaced at their COMMIT; those before a faulty one stay so, as with the kernel.
 */
export function runRestore(command: RestoreCommand, text: string, source: string, ruleset: Ruleset): Outcome {
  const { family } = ruleset;
  const program = `${programName(family)}-restore`;
  const lines = { out: '', err: command.err };
  // with --noflush -v says nothing of rules
  const isVerbose = command.verbose && !command.noflush;
  const before = [...ruleset.tables.values()];
  const ended = (status: number): Outcome => {
    const { tables } = ruleset;
    const isChanged = tables.size !== before.length || before.some((t) => tables.get(t.name) !== t);
    return { status, ...lines, isChanged };
  };
  try {
    restoreRules(text, source, family, {
      into: ruleset,
      noflush: command.noflush,
      counters: command.counters,
      test: command.test,
      ...(command.table === '' ? {} : { table: command.table }),
      warn: (message) => {
        lines.err += warningLine(message);
      },
      ...(command.verbose ? { onLine: (line) => (lines.out += `${line}\n`) } : {}),
      onCommand: (c, staged) => {
        lines.out += printedBy(c, staged, isVerbose || c.flags.includes('v'), false);
      },
    });
    return ended(0);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    lines.err += restoreErrorText(error, program);
    return ended(error.status);
  }
}

/** What iptables-restore writes for an error; the place and what was expected come last, as a hint. */
export function restoreErrorText(error: RuleError, program: string): string {
  const at = error.position;
  let text = errorMessage(error, program);
  if (error.status === 2) {
    text += `\nError occurred at line: ${error instanceof RuleTextError ? error.line : (at?.line ?? 0)}`;
    text += `\nTry \`${program} -h' or '${program} --help' for more information.`;
  }
  if (at === null) return `${withHint(text, error)}\n`;
  const said = errorLine(error, program).includes(error instanceof RuleTextError ? error.text.trim() : error.message);
  const what = said ? '' : ` ${error.message.replace(/\n/g, '; ')}`;
  const hint = error instanceof RuleTextError && said && error.hint !== '' ? ` ${error.hint}` : '';
  const rest = what + hint;
  return `${text}\nhint: ${at.file}:${at.line}:${at.column}${rest === '' ? '' : `:${rest}`}\n`;
}

function isTableName(name: string): boolean {
  return (TABLE_NAMES as readonly string[]).includes(name);
}

function outcome(status: number, out: string, err: string): Outcome {
  return { status, out, err, isChanged: false };
}
