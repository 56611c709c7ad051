/** `npm run judge` and `npm run conformance`: arguments, progress, exit status. */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Court } from './court.js';
import { FAMILIES } from './families.js';
import { judge, type Voice } from './judge.js';
import { sweep } from './lab.js';
import { parseOptions, USAGE, UsageError } from './options.js';
import { thisMachine, whyNot } from './surroundings.js';
import { report, summary, type Tally, totals } from './tally.js';

function terminal(): Voice {
  const clear = process.stderr.isTTY === true ? '\r\x1b[K' : '';
  return {
    say: (line) => process.stderr.write(`${clear}${line}\n`),
    progress: (line) => {
      if (clear !== '') process.stderr.write(`${clear}${line}`);
    },
  };
}

/** Runs the judge; returns the exit status. */
export async function runJudge(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, () => Math.floor(Date.now() / 1000) % 1_000_000);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const reason = whyNot(thisMachine());
  if (reason !== null) {
    process.stderr.write(`judge: ${reason}\n`);
    return 1;
  }
  if (options === 'check') return 0;
  const voice = terminal();
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  sweep();
  const court = new Court();
  try {
    const tally = await judge(options, court, voice, () => isStopped);
    voice.progress('');
    process.stdout.write(`${summary(tally)}\n`);
    if (options.results !== null) appendFileSync(options.results, `${JSON.stringify(tally)}\n`);
    return totals(tally).differences > 0 ? 1 : 0;
  } finally {
    court.close();
  }
}

/** Prints docs/conformance.md from files of results; `root`: the project. */
export function runReport(files: readonly string[], root: string): number {
  if (files.length === 0) throw new UsageError('expected files that `npm run judge -- --results FILE` has written');
  const tallies = files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Tally),
  );
  const cases: Record<string, number> = {};
  const folder = join(root, 'test/kernel/cases');
  for (const name of readdirSync(folder)) {
    const family = /^family: (.*)$/m.exec(readFileSync(join(folder, name, 'case.yaml'), 'utf8'))?.[1] ?? '';
    cases[family] = (cases[family] ?? 0) + 1;
  }
  process.stdout.write(report(tallies, cases, new Map(FAMILIES.map((f) => [f.name, f.covers]))));
  return 0;
}

/** The command line: what `run.mjs` calls. */
export async function main(args: readonly string[], root: string): Promise<number> {
  try {
    return args[0] === 'report' ? runReport(args.slice(1), root) : await runJudge(args);
  } catch (e) {
    if (!(e instanceof UsageError)) throw e;
    process.stderr.write(`judge: ${e.message}\n${args[0] === 'report' ? '' : `\n${USAGE}`}`);
    return 2;
  }
}
