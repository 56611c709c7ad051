/** Measuring: processor time, warmed, contenders in turn, least and spread of several rounds. */
import { spawnSync } from 'node:child_process';

/** No other program takes longer for the file; one that waits for something is not waited for. */
const COMMAND_TIMEOUT_MS = 120_000;

/** Runs f and returns the processor time (user and system, all threads) that it took, in ns. */
export function processorTime(f) {
  const before = process.cpuUsage();
  f();
  const used = process.cpuUsage(before);
  return (used.user + used.system) * 1000;
}

/**
 * Measures contenders in turn: one unmeasured round, then `rounds` rounds of all of them one after the other.
 * A contender has `name`, `prepare()` (not measured), `run()` (measured) and `check(result)` (throws if the result is wrong).
 * Returns name, least ns, and spread (most / least) of each, divided by `per`.
 */
export function compete(contenders, rounds, per) {
  const times = contenders.map(() => []);
  for (let round = -1; round < rounds; round++) {
    contenders.forEach((contender, k) => {
      contender.prepare?.();
      let result;
      const ns = processorTime(() => {
        result = contender.run();
      });
      contender.check?.(result);
      if (round >= 0) times[k].push(ns / per);
    });
  }
  return contenders.map((contender, k) => summary(contender.name, times[k]));
}

function summary(name, times) {
  const least = Math.min(...times);
  return { name, ns: least, spread: Math.max(...times) / least };
}

/** Whether a program is installed. */
export function installed(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** Processor time of a command line, in ns, least of `rounds`; null = it failed. */
export function commandTime(command, rounds) {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const script = `TIMEFORMAT='%U %S'; time { ${command}; } >/dev/null 2>/dev/null || exit 9`;
    const result = spawnSync('bash', ['-c', script], { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS });
    const match = /([\d.]+) ([\d.]+)\s*$/.exec(result.stderr ?? '');
    if (result.status !== 0 || match === null) return null;
    times.push((Number(match[1]) + Number(match[2])) * 1e9);
  }
  return summary(command, times);
}

/** A table as text: columns padded, the first one to the left, the others to the right. */
export function table(rows) {
  const widths = rows[0].map((_, k) => Math.max(...rows.map((row) => String(row[k]).length)));
  const line = (row) =>
    row.map((cell, k) => (k === 0 ? String(cell).padEnd(widths[k]) : String(cell).padStart(widths[k]))).join('  ');
  return rows.map(line).join('\n');
}
