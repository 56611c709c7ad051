/** The built command `dist/cli/main.js` as a child process, as a user starts it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** The file that node runs. */
export const mainFile = process.env.STATEWALL_MAIN ?? join(root, 'dist/cli/main.js');
if (!existsSync(mainFile)) throw new Error(`${mainFile} is not there: npm run build`);

/** A file of the web server example. */
export const example = (name: string): string => join(root, 'examples/web-server', name);
/** Arguments that replay the web server example, from the capture on. */
export const WEB = [example('capture.pcapng'), '--rules', example('rules.v4'), '--host', example('host.yaml')];

export interface Outcome {
  status: number | null;
  out: string;
  err: string;
}

export interface RunOptions {
  input?: Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
}

/** The terminal's variables of whoever runs the tests must not show. */
function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const env = { ...process.env };
  delete env.FORCE_COLOR;
  delete env.NO_COLOR;
  return { ...env, ...more };
}

/** Runs the command to its end. */
export function run(args: string[], options: RunOptions = {}): Outcome {
  const r = spawnSync(process.execPath, [mainFile, ...args], {
    input: options.input ?? new Uint8Array(0),
    env: environment(options.env),
    cwd: options.cwd,
    maxBuffer: 1 << 26,
  });
  return { status: r.status, out: String(r.stdout), err: String(r.stderr) };
}

/** Starts the command, its three streams being pipes. */
export function start(args: string[], options: RunOptions = {}): ChildProcess {
  return spawn(process.execPath, [mainFile, ...args], { env: environment(options.env), cwd: options.cwd });
}

/** The command in words of a shell. */
export const shellCommand = `'${process.execPath}' '${mainFile}'`;

/** Runs a line of shell in which `$statewall` stands for the command. */
export function shell(line: string, options: RunOptions = {}): Outcome {
  const r = spawnSync('sh', ['-c', line.replaceAll('$statewall', shellCommand)], {
    input: options.input ?? new Uint8Array(0),
    env: environment(options.env),
    cwd: options.cwd,
    maxBuffer: 1 << 26,
  });
  return { status: r.status, out: String(r.stdout), err: String(r.stderr) };
}
