#!/usr/bin/env node
/**
 * The command `statewall`. Exit status: 0 fine; 1 the run failed; 2 the command line is wrong; 70 a bug in here.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { FlowError } from '../flow/error.js';
import { HostConfigError } from '../host/config.js';
import { describeError } from '../iptables/errors.js';
import { InputError } from '../replay/capture-source.js';
import { HostFileError } from '../replay/host-file.js';
import { ReplayError } from '../replay/options.js';
import { OutputError } from '../replay/output.js';
import { RuleError } from '../rules/context.js';
import { RULE_COMMANDS, runRuleCommand } from './iptables.js';
import { readable } from './message.js';
import { replayCommand } from './replay.js';

// docs/decisions/0010-inlining-budget.md
setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** EX_SOFTWARE of sysexits.h. */
const EXIT_BUG = 70;

/** The version in package.json, which lies two folders above this file once built. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function program(): Command {
  const command = new Command('statewall')
    .description("Linux's connection tracking and iptables rules, rehearsed on recorded traffic.")
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .addHelpText('after', '\nstatewall COMMAND --help explains every option, with examples.');
  for (const sub of [replayCommand()]) command.addCommand(sub);
  strict(command);
  return command;
}

/** Errors go through `main`: never a process.exit in between, always the same prefix. */
function strict(command: Command): void {
  command.exitOverride();
  command.configureOutput({
    outputError: (text, write) => write(text.replace(/^error: /, 'statewall: ')),
  });
  for (const sub of command.commands) strict(sub);
}

/** What a person can put right, as a line; null: it is a bug. */
function explain(error: unknown): string | null {
  if (error instanceof RuleError) return describeError(error);
  const known = [ReplayError, HostFileError, HostConfigError, FlowError, InputError, OutputError];
  return known.some((k) => error instanceof k) ? (error as Error).message : null;
}

/** Runs one command line and gives its exit status. */
async function main(argv: readonly string[]): Promise<number> {
  const [name = '', ...words] = argv;
  let status = 0;
  const command = program();
  command.commands.forEach((c) => {
    c.hook('postAction', (_, action) => {
      status = (action.getOptionValue('exitStatus') as number | undefined) ?? 0;
    });
  });
  try {
    if (argv.length === 0) {
      process.stderr.write(command.helpInformation());
      return EXIT_USAGE;
    }
    // iptables' own grammar is not commander's
    if (RULE_COMMANDS.includes(name)) return await runRuleCommand(name, words);
    await command.parseAsync(argv as string[], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const line = explain(error);
    if (line !== null) {
      process.stderr.write(`statewall: ${readable(line)}\n`);
      return error instanceof ReplayError ? error.status : EXIT_FAILED;
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`statewall: this is a bug in statewall, please report it with what follows.\n${stack}\n`);
    return EXIT_BUG;
  }
}

// `| head` closing a pipe is no error; the loop notices and ends. (Naming process.stdout makes a pipe non-blocking, too: while
// its reader is slow, signals are heard.)
process.stdout.on('error', () => {});
process.exitCode = await main(process.argv.slice(2));
