/**
 * The command line but for the commands with iptables' own grammar (iptables.ts).
 */
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { FlowError } from '../flow/error.js';
import { HostConfigError } from '../host/config.js';
import { describeError } from '../iptables/errors.js';
import { restoreUsage, saveUsage, usage } from '../iptables/usage.js';
import { InputError } from '../replay/capture-source.js';
import { HostFileError } from '../replay/host-file.js';
import { ReplayError } from '../replay/options.js';
import { OutputError } from '../replay/output.js';
import { RuleError } from '../rules/context.js';
import { helpText, ownHelpText } from '../tools/conntrack/help.js';
import { readable } from './message.js';
import { replayCommand } from './replay.js';
import { SYSCTL_HELP } from './sysctl-options.js';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Runs one command line and gives its exit status. @throws what is a bug. */
export async function runProgram(argv: readonly string[], version: string): Promise<number> {
  // docs/decisions/0010-inlining-budget.md
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');
  let status = 0;
  const command = program(version);
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
    await command.parseAsync(argv as string[], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const line = explain(error);
    if (line === null) throw error;
    process.stderr.write(`statewall: ${readable(line)}\n`);
    return error instanceof ReplayError ? error.status : EXIT_FAILED;
  }
}

function program(version: string): Command {
  const command = new Command('statewall')
    .description("Linux's connection tracking and iptables rules, rehearsed on recorded traffic.")
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .addHelpText('after', '\nstatewall COMMAND --help explains every option, with examples.');
  for (const sub of [replayCommand(), ...ruleCommands(), sysctlCommand(), conntrackCommand()]) command.addCommand(sub);
  strict(command);
  return command;
}

/** For `statewall --help` and `statewall help iptables`; main.ts runs them. */
function ruleCommands(): Command[] {
  const helped = (name: string, summary: string, text: string): Command => {
    const command = new Command(name).summary(summary).usage('--ruleset FILE ...').helpOption(false);
    command.helpInformation = () => text;
    return command;
  };
  return ['iptables', 'ip6tables'].flatMap((name) => [
    helped(name, `${name}' arguments and output, on a ruleset in a file`, usage(name)),
    helped(`${name}-save`, 'print such a ruleset', saveUsage(`${name}-save`)),
    helped(`${name}-restore`, 'read rules into such a ruleset', restoreUsage(`${name}-restore`)),
  ]);
}

/** For the help alone, as those. */
function sysctlCommand(): Command {
  const command = new Command('sysctl')
    .summary("connection tracking's kernel settings: listed, explained, set and checked, live or in a host file")
    .usage('[options] [NAME | NAME=VALUE ...]')
    .helpOption(false);
  command.helpInformation = () => SYSCTL_HELP;
  return command;
}

/** Likewise. */
function conntrackCommand(): Command {
  const command = new Command('conntrack')
    .summary("conntrack(8)'s arguments and output, on the kernel's connection table or a saved one")
    .usage('[--table FILE] ...')
    .helpOption(false);
  command.helpInformation = () => helpText(null) + ownHelpText();
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
