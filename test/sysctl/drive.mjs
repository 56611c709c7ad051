/**
 * Runs inside a network namespace of its own. Reads `{program, lines: [{args, input?, as?}]}` as JSON, runs the program with each line's
 * words and prints an array of `{status, out, err}`. `as: 'nobody'`: without rights.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const { program, lines, cwd } = JSON.parse(readFileSync(0, 'utf8'));
const outcomes = lines.map(({ args, input = '', as }) => {
  const words = as === 'nobody' ? ['setpriv', '--reuid', '65534', '--clear-groups', ...program] : program;
  const [file, ...rest] = [...words, ...args];
  const r = spawnSync(file, rest, { input, cwd, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  return { status: r.status, out: r.stdout, err: r.stderr };
});
process.stdout.write(JSON.stringify(outcomes));
