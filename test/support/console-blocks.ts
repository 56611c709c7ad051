/**
 * Commands that documents show, with what they print: fenced blocks of the kind `console`.
 *
 *     ```console
 *     $ statewall replay ... --summary      a command; one that ends in `\` goes on in the next line
 *     Packets     77 (6002 bytes) ...       what it prints, standard error included
 *     ...                                   any lines, or none
 *     ```
 *
 * `$` lines are given to a shell with `statewall` and `node` in its PATH, all of one document in the same folder: one that has what lies
 * beside the README of an example, or the project's examples. Functions and variables that a line begins to define hold for the
 * lines after it. Other kinds of blocks (`sh`) are not run.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** One command of a document. */
export interface ShownCommand {
  /** 1-based line of the `$`. */
  line: number;
  /** As the shell gets it, continued lines joined by line ends. */
  command: string;
  /** What is shown below it, a line each. */
  output: string[];
}

/** The commands of a document's console blocks, in order. */
export function shownCommands(text: string): ShownCommand[] {
  const commands: ShownCommand[] = [];
  let inside = false;
  let current: ShownCommand | null = null;
  let continued = false;
  text.split('\n').forEach((line, i) => {
    if (line.startsWith('```')) {
      inside = line.trim() === '```console';
      current = null;
    } else if (!inside) return;
    else if (continued && current !== null) current.command += `\n${line}`;
    else if (line.startsWith('$ ')) {
      current = { line: i + 1, command: line.slice(2), output: [] };
      commands.push(current);
    } else if (current === null) throw new Error(`line ${i + 1}: output before any command`);
    else current.output.push(line.trimEnd());
    continued = inside && (line.startsWith('$ ') || continued) && line.endsWith('\\');
  });
  return commands;
}

/** Whether lines are those that are shown; a line `...` stands for any lines. */
export function agrees(actual: readonly string[], shown: readonly string[]): boolean {
  const rest = shown.indexOf('...');
  if (rest < 0) return actual.length === shown.length && shown.every((line, i) => line === actual[i]);
  if (actual.length < rest || shown.slice(0, rest).some((line, i) => line !== actual[i])) return false;
  const after = shown.slice(rest + 1);
  for (let from = rest; from <= actual.length; from++) if (agrees(actual.slice(from), after)) return true;
  return false;
}

/** A folder in which a document's commands run; call `remove` at the end. */
export class Playground {
  readonly #folder = mkdtempSync(join(tmpdir(), 'statewall-docs-'));
  /** Functions and variables that the document has defined. */
  #definitions = '';

  /** @param document Path of the document: commands of an example's README run in that folder, others in the project's. */
  constructor(document = 'README.md') {
    const folder = document.startsWith('examples/') ? dirname(document) : '.';
    const entries = folder === '.' ? ['examples', 'dist', 'docs'] : readdirSync(join(root, folder));
    for (const name of entries) symlinkSync(join(root, folder, name), join(this.#folder, name));
    const command = join(this.#folder, 'statewall');
    const main = process.env.STATEWALL_MAIN ?? join(root, 'dist/cli/main.js');
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
    chmodSync(command, 0o755);
  }

  /** Runs a command and gives its lines, standard error among them; a status other than 0 is a last line of its own. */
  run(command: string): string[] {
    const path = [this.#folder, dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);
    if (/^\w+(?:=|\(\) \{)/.test(command)) this.#definitions += `${command}\n`;
    const done = spawnSync('/bin/sh', ['-c', `exec 2>&1\n${this.#definitions}${command}`], {
      cwd: this.#folder,
      encoding: 'utf8',
      env: { ...process.env, PATH: path, LC_ALL: 'C', NO_COLOR: '1' },
      timeout: 60_000,
    });
    const lines = done.stdout.replace(/\n$/, '').split('\n');
    const printed = (done.stdout === '' ? [] : lines).map((line) => line.trimEnd());
    return done.status === 0 ? printed : [...printed, `(status ${done.status ?? done.signal})`];
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A document with the outputs of its commands put in anew; an output that agrees stays, with its `...`. */
export function refreshed(text: string, play: Playground): string {
  const lines = text.split('\n');
  let moved = 0;
  for (const shown of shownCommands(text)) {
    const actual = play.run(shown.command);
    if (agrees(actual, shown.output)) continue;
    const first = shown.line + shown.command.split('\n').length - 1 + moved;
    lines.splice(first, shown.output.length, ...actual);
    moved += actual.length - shown.output.length;
  }
  return lines.join('\n');
}
