#!/usr/bin/env node
/**
 * The command `statewall`. Exit status: docs/exit-status.md. Each kind of command is loaded when it is asked for, so that `iptables`,
 * of which a script may run hundreds, starts without what replays captures.
 */
import { readFileSync } from 'node:fs';

/** EX_SOFTWARE of sysexits.h. */
const EXIT_BUG = 70;

/** Their command lines have iptables' own grammar; sysctl has sysctl(8)'s, conntrack conntrack(8)'s. */
const RULE_COMMAND = /^ip6?tables(-save|-restore)?$/;

/** The version in package.json, which lies two folders above this file once built. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Runs one command line and gives its exit status. */
async function main(argv: readonly string[]): Promise<number> {
  const [name = '', ...words] = argv;
  try {
    if (RULE_COMMAND.test(name)) return await (await import('./iptables.js')).runRuleCommand(name, words);
    if (name === 'sysctl') return await (await import('./sysctl.js')).runSysctl(words, version());
    if (name === 'conntrack') return await (await import('./conntrack.js')).runConntrackCommand(words);
    return await (await import('./program.js')).runProgram(argv, version());
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`statewall: this is a bug in statewall, please report it with what follows.\n${stack}\n`);
    return EXIT_BUG;
  }
}

// `| head` closing a pipe is no error; the loop notices and ends. (Naming process.stdout makes a pipe non-blocking, too: while
// its reader is slow, signals are heard.)
process.stdout.on('error', () => {});
process.exitCode = await main(process.argv.slice(2));
