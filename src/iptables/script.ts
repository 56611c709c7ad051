/**
 * A shell script that is a plain list of iptables commands, run on an empty ruleset.
 *
 * Known: comments, blank lines, `#!`, simple assignments (`NAME=value`, `export NAME=value`) and `$NAME`, `set -e` and the like, `exit`,
 * a path or `sudo` before the command, `iptables` and `ip6tables` (also `-legacy`, `-nft`): each family takes its own. A line without
 * a program (`-A INPUT ...`) is one of `iptables -S`, of the filter table. Everything else is refused.
 */
import { RuleError } from '../rules/context.js';
import type { Family, Position, Rule, Ruleset } from '../rules/model.js';
import { checkTable } from './check.js';
import type { Command, Scope } from './command.js';
import { applyCommand, emptyRuleset, openTable } from './edit.js';
import { RuleTextError, suggest } from './errors.js';
import { CommandParser } from './parse.js';
import { findWord } from './place.js';
import type { LoadRulesOptions } from './restore.js';
import { ShellReader, type Variables, type Words } from './tokens.js';

/**
 * Reads the script.
 * @throws RuleError with position, unless lenient.
 */
export function loadScript(text: string, file: string, family: Family, options: LoadRulesOptions = {}): Ruleset {
  const ruleset = emptyRuleset(family);
  const warn = (message: string, position: Position | null) => options.warn?.(message, position);
  const scope: Scope = {
    // Every table exists from the start, with its built-in chains.
    isChain: (table, name) => openTable(ruleset, table as 'filter').chains.has(name),
    chainNames: (table) => ruleset.tables.get(table as 'filter')?.chains.keys() ?? [],
    warn,
  };
  const parser = new CommandParser(family, file, scope);
  const variables: Variables = new Map();
  const reader = new ShellReader(text, file, variables);
  const skip = options.lenient === true ? (e: RuleError) => warn(`skipped: ${e.message}`, e.position) : null;
  for (;;) {
    let inCommand = false;
    try {
      if (!reader.next()) break;
      inCommand = true;
      if (!runCommand(reader.words, ruleset, parser, variables, file)) break;
    } catch (error) {
      if (skip === null || !(error instanceof RuleError)) throw error;
      skip(error);
      if (!inCommand) reader.skipLine();
    }
  }
  const place = (rule: Rule, name: string): Position | null =>
    rule.position === null ? null : findWord(text, rule.position, name);
  for (const table of ruleset.tables.values()) checkTable(table, family, { place, ...(skip !== null && { skip }) });
  return ruleset;
}

const ASSIGNMENT = /^([A-Za-z_]\w*)=/;
/** A line of `iptables -S`. */
const LISTED_RULE = /^-[ANP]$/;
const PROGRAM = /^(?:.*\/)?(ip6?tables)(?:-legacy|-nft)?$/;

const EXPECTED =
  'expected iptables or ip6tables with arguments, or NAME=value: only a plain list of commands is taken (--lenient: other lines are passed over)';

/** False: `exit`. */
function runCommand(
  words: Words,
  ruleset: Ruleset,
  parser: CommandParser,
  variables: Variables,
  file: string,
): boolean {
  let at = 0;
  const first = words.text[0] as string;
  if (first === 'exit') return false;
  if (first === 'set' || first === ':' || first === 'true') return true;
  if (first === 'export' || ASSIGNMENT.test(first)) {
    assign(words, first === 'export' ? 1 : 0, variables, file);
    return true;
  }
  if (LISTED_RULE.test(first)) {
    applyParsed(parser.parse(words, 0, 'filter'), ruleset);
    return true;
  }
  if (first === 'sudo') at++;
  const name = at < words.count ? (words.text[at] as string) : '';
  const program = PROGRAM.exec(name);
  if (program === null) {
    const near = suggest(name, ['iptables', 'ip6tables', 'iptables-legacy', 'iptables-nft']);
    refuse(words, Math.min(at, words.count - 1), file, `"${name || first}" is not known here`, near);
  }
  if ((program[1] === 'iptables') !== (ruleset.family === 2)) return true;
  applyParsed(parser.parse(words, at + 1, 'filter'), ruleset);
  return true;
}

function applyParsed(command: Command | null, ruleset: Ruleset): void {
  if (command !== null) applyCommand(ruleset, command);
}

function assign(words: Words, from: number, variables: Variables, file: string): void {
  for (let i = from; i < words.count; i++) {
    const word = words.text[i] as string;
    const m = ASSIGNMENT.exec(word);
    if (m !== null) variables.set(m[1] as string, word.slice(m[0].length));
    else if (from === 0) refuse(words, i, file, `"${word}" is not known here`);
  }
}

function refuse(words: Words, word: number, file: string, text: string, near = ''): never {
  const position = { file, line: words.line[word] as number, column: words.column[word] as number };
  throw new RuleTextError(text, {
    position,
    form: 'bare',
    hint: `${EXPECTED}${near}`,
  });
}
