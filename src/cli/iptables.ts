/**
 * `statewall iptables`, `iptables-save`, `iptables-restore` and the same for IPv6: iptables' own command lines on a ruleset in a file.
 *
 * Statewall's own options stand first (`--ruleset FILE`, `--batch`, `--json`); from the first other word on everything is iptables'.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { emptyRuleset } from '../iptables/edit.js';
import { describeError } from '../iptables/errors.js';
import { type Outcome, programName, runBatchLine, runIptables } from '../iptables/front.js';
import { readRestoreCommand, readSaveCommand, runRestore, runSave } from '../iptables/front-files.js';
import { OutputError, systemMessage } from '../replay/output.js';
import { RuleError } from '../rules/context.js';
import type { Family } from '../rules/model.js';
import { readable } from './message.js';
import { changeRuleset, RulesetFileError, readRuleset } from './ruleset-file.js';

interface OwnOptions {
  file: string;
  batch: boolean;
  json: boolean;
  /** The words that are iptables'. */
  rest: readonly string[];
}

class UsageError extends Error {}

/** A message in iptables' words, which has no program's name before it. */
class BareError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Runs a command with the words behind it and gives the exit status. */
export async function runRuleCommand(command: string, argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(command, argv);
  } catch (error) {
    if (error instanceof BareError) {
      process.stderr.write(`${readable(error.message)}\n`);
      return error.status;
    }
    if (error instanceof UsageError) return complain(error.message, 2);
    if (error instanceof RulesetFileError) return complain(error.message, error.status);
    if (error instanceof OutputError) return complain(error.message, 1);
    // the option is another command's
    if (error instanceof RuleError) return complain(describeError(error).replace(/; --lenient .*/, ''), 1);
    throw error;
  }
}

function complain(message: string, status: number): number {
  process.stderr.write(`statewall: ${readable(message)}\n`);
  return status;
}

async function dispatch(command: string, argv: readonly string[]): Promise<number> {
  const family: Family = command.startsWith('ip6') ? 10 : 2;
  const own = readOwnOptions(command, argv);
  if (command.endsWith('-save')) return save(own, family);
  if (command.endsWith('-restore')) return restore(own, family);
  if (own.batch) return batch(family);
  return edit(own, family);
}

function readOwnOptions(command: string, argv: readonly string[]): OwnOptions {
  const own: OwnOptions = { file: '', batch: false, json: false, rest: [] };
  let i = 0;
  for (; i < argv.length; i++) {
    const word = argv[i] as string;
    if (word === '--ruleset') {
      own.file = argv[++i] ?? '';
      if (own.file === '') throw new UsageError('--ruleset needs a file');
    } else if (word.startsWith('--ruleset=')) {
      own.file = word.slice(10);
      if (own.file === '') throw new UsageError('--ruleset needs a file');
    } else if (word === '--batch' && !command.includes('-')) own.batch = true;
    else if (word === '--json' && !command.endsWith('-restore')) own.json = true;
    else break;
  }
  own.rest = argv.slice(i);
  if (own.batch && own.rest.length > 0) {
    throw new UsageError(`--batch takes its command lines from standard input; "${own.rest[0]}" is one too many`);
  }
  return own;
}

/** Help and version need no file. */
function needFile(own: OwnOptions, command: string): string {
  if (own.file !== '') return own.file;
  const late = own.rest.some((word) => word === '--ruleset' || word.startsWith('--ruleset='));
  throw new UsageError(
    `${command} works on a ruleset in a file, not on the kernel: expected --ruleset FILE${late ? ' before all other words' : ''}, ` +
      `as in: statewall ${command} --ruleset rules.v4 ...`,
  );
}

async function batch(family: Family): Promise<number> {
  let rest = '';
  for await (const text of standardInput()) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    await print(lines.map((line) => `${runBatchLine(line, family)}\n`).join(''));
  }
  if (rest !== '') await print(`${runBatchLine(rest, family)}\n`);
  return 0;
}

async function edit(own: OwnOptions, family: Family): Promise<number> {
  const { rest } = own;
  if (own.file === '') {
    // help and version need none
    const outcome = runIptables(rest, emptyRuleset(family));
    if (outcome.isInformation) return finish(outcome);
  }
  const file = needFile(own, programName(family));
  return finish(changeRuleset(file, family, waitMs(rest), (ruleset) => runIptables(rest, ruleset, { json: own.json })));
}

/** -w: how long to wait for the lock; without a number for ever. */
function waitMs(words: readonly string[]): number {
  for (let i = 0; i < words.length; i++) {
    const m = /^(?:-w|--wait=?)(\d*)$/.exec(words[i] as string);
    if (m === null) continue;
    const seconds = m[1] !== '' ? m[1] : words[i + 1];
    return seconds !== undefined && /^\d+$/.test(seconds) ? Number(seconds) * 1000 : Number.POSITIVE_INFINITY;
  }
  return 0;
}

async function save(own: OwnOptions, family: Family): Promise<number> {
  const command = readSaveCommand(own.rest, family);
  if (command.end !== null) return finish(command.end);
  const file = needFile(own, `${programName(family)}-save`);
  const date = new Date();
  const outcome = runSave(command, readRuleset(file, family), ctime(date), own.json);
  if (command.file === '' || outcome.status !== 0) return finish(outcome);
  try {
    writeFileSync(command.file, outcome.out);
  } catch (error) {
    throw new BareError(`Failed to open file, error: ${capital(systemMessage(error))}`, 1);
  }
  return finish({ ...outcome, out: '' });
}

async function restore(own: OwnOptions, family: Family): Promise<number> {
  const command = readRestoreCommand(own.rest, family);
  if (command.end !== null) return finish(command.end);
  const file = needFile(own, `${programName(family)}-restore`);
  let text = '';
  if (command.file === '') for await (const part of standardInput()) text += part;
  else text = readText(command.file);
  const source = command.file === '' ? 'standard input' : command.file;
  return finish(changeRuleset(file, family, waitMs(own.rest), (ruleset) => runRestore(command, text, source, ruleset)));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BareError(`Can't open ${file}: ${capital(systemMessage(error))}`, 1);
  }
}

async function* standardInput(): AsyncGenerator<string> {
  process.stdin.setEncoding('utf8');
  for await (const part of process.stdin) yield part as string;
}

async function finish(outcome: Outcome): Promise<number> {
  if (outcome.err !== '') process.stderr.write(readable(outcome.err));
  if (outcome.out !== '') await print(outcome.out);
  return outcome.status;
}

/** Standard output. A reader that went away is no error; the program ends early then. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error == null || (error as NodeJS.ErrnoException).code === 'EPIPE') resolve();
      else reject(new OutputError('standard output', error));
    });
  });
}

/** `Sat Nov 21 17:37:44 2026`, local time. */
function ctime(date: Date): string {
  const [weekday, month] = date.toDateString().split(' ') as [string, string];
  const time = date.toTimeString().slice(0, 8);
  return `${weekday} ${month} ${String(date.getDate()).padStart(2)} ${time} ${date.getFullYear()}`;
}
