/** Mutates each subject and says what survives; started by run.mjs. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { bundleTests } from './bundle.mjs';
import { EQUIVALENT } from './equivalent.ts';
import { Bench } from './harness.mjs';
import { DONE, READY } from './protocol.mjs';
import { SUBJECTS } from './subjects.ts';

const root = process.env.STATEWALL_ROOT;
const workerFile = join(process.env.STATEWALL_MUTATE, 'worker.mjs');
/** A mutant that takes this much longer than no mutant does not end. */
const PATIENCE = 10;
const PATIENCE_MS = 500;
const START_MS = 60_000;

/** Runs jobs of `Bench.run` in threads; returns what each says, by mutant. */
async function runAll(code, jobs, limitMs) {
  const results = new Map();
  const slow = new Set();
  while (results.size < jobs.length) {
    const left = jobs.slice(results.size);
    await new Promise((resolve, reject) => {
      const worker = new Worker(workerFile, { workerData: { code, jobs: left, root } });
      let at = 0;
      const hangs = () => {
        // a busy machine may have kept it waiting: it has a second chance
        if (slow.has(left[at].id)) results.set(left[at].id, 'does not end');
        slow.add(left[at].id);
        void worker.terminate().then(() => resolve());
      };
      let timer = setTimeout(hangs, START_MS);
      worker.on('error', reject);
      worker.on('message', ({ id, failure }) => {
        clearTimeout(timer);
        if (id === DONE) {
          void worker.terminate().then(() => resolve());
          return;
        }
        if (id !== READY) {
          results.set(id, failure);
          at++;
        }
        timer = setTimeout(hangs, limitMs);
      });
    });
  }
  return results;
}

/** What to run for each mutant: the tests that reach it, the quickest first. @throws Error if one fails without a mutant. */
async function plan(subject, tests) {
  const { code, mutants } = await bundleTests(root, subject.file, tests, true);
  const bench = new Bench(code, createRequire(join(root, 'package.json')));
  const reached = await bench.reached();
  reached.tests.sort((a, b) => a.ms - b.ms);
  const jobs = mutants.map(({ id, place }) => {
    const loading = reached.loading.has(place);
    const those = reached.tests.filter((test) => loading || test.hits.has(place));
    return { id, loading, tests: those.map((test) => test.i) };
  });
  // what needs no loading of its own comes first
  jobs.sort((a, b) => Number(a.loading) - Number(b.loading));
  return { jobs, ms: reached.tests.reduce((sum, test) => sum + test.ms, 0) };
}

async function survivors(subject, tests) {
  const { jobs, ms } = await plan(subject, tests);
  const { code, mutants } = await bundleTests(root, subject.file, tests);
  const results = await runAll(code, jobs, PATIENCE_MS + PATIENCE * ms);
  return { all: mutants, alive: mutants.filter((m) => results.get(m.id) === null) };
}

async function judge(subject) {
  const { all, alive } = await survivors(subject, ['test/support/seed.ts', ...subject.tests]);
  const listedKeys = new Set((EQUIVALENT[subject.file] ?? []).flatMap((row) => row.keys));
  const open = alive.filter((m) => !listedKeys.has(m.key));
  const aliveKeys = new Set(alive.map((m) => m.key));
  const notNeeded = [...listedKeys].filter((key) => !aliveKeys.has(key));
  const listed = alive.filter((m) => listedKeys.has(m.key)).length;
  return {
    file: subject.file,
    mutants: all.length,
    killed: all.length - listed - open.length,
    listed,
    open,
    notNeeded,
  };
}

const args = process.argv.slice(2);
const json = args.includes('--json') ? args[args.indexOf('--json') + 1] : null;
const names = args.filter((arg) => !arg.startsWith('--') && arg !== json);
const outcomes = [];
for (const subject of SUBJECTS) {
  if (names.length > 0 && !names.some((name) => subject.file.endsWith(`/${name}.ts`))) continue;
  const begin = performance.now();
  const o = await judge(subject);
  outcomes.push(o);
  for (const m of o.open) console.log(`${o.file}:${m.line}: ${m.key}`);
  for (const key of o.notNeeded) console.log(`${o.file}: listed, but noticed or gone: ${key}`);
  const seconds = Math.round((performance.now() - begin) / 1000);
  console.log(
    `${o.file}: ${o.mutants} mutants, ${o.killed} killed, ${o.listed} listed, ${o.open.length} open (${seconds} s)`,
  );
}
if (json !== null) writeFileSync(json, JSON.stringify(outcomes, null, 1));
process.exitCode = outcomes.some((o) => o.open.length > 0 || o.notNeeded.length > 0) ? 1 : 0;
