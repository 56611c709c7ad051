/** Mutates each subject and says what survives; started by run.mjs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { bundleTests } from './bundle.mjs';
import { EQUIVALENT } from './equivalent.ts';
import { DONE, READY } from './protocol.mjs';
import { SUBJECTS } from './subjects.ts';

const root = process.env.STATEWALL_ROOT;
const workerFile = join(process.env.STATEWALL_MUTATE, 'worker.mjs');
/** A mutant that takes this much longer than no mutant does not end. */
const PATIENCE = 10;
const PATIENCE_MS = 500;
const START_MS = 20_000;

/** Runs mutants in threads; calls `done` for each with the test that noticed it, `null` = none. */
async function runAll(code, ids, limitMs, ready = () => {}) {
  const results = new Map();
  while (results.size < ids.length) {
    const left = ids.filter((id) => !results.has(id));
    await new Promise((resolve, reject) => {
      const worker = new Worker(workerFile, { workerData: { code, ids: left, root } });
      let at = 0;
      const hangs = () => {
        results.set(left[at], 'does not end');
        void worker.terminate().then(() => resolve());
      };
      let timer = setTimeout(hangs, START_MS);
      worker.on('error', reject);
      worker.on('message', ({ id, failure }) => {
        clearTimeout(timer);
        if (id === READY) {
          ready();
          timer = setTimeout(hangs, limitMs);
          return;
        }
        if (id === DONE) {
          void worker.terminate().then(() => resolve());
          return;
        }
        results.set(id, failure);
        at++;
        timer = setTimeout(hangs, limitMs);
      });
    });
  }
  return results;
}

/** How long the tests take without a mutant. @throws Error if one fails. */
async function baseline(bundled, file) {
  let began = performance.now();
  const failure = (
    await runAll(bundled.code, [0], 60_000, () => {
      began = performance.now();
    })
  ).get(0);
  if (failure !== null) throw new Error(`${file}: without a mutant "${failure}" fails`);
  return performance.now() - began;
}

async function survivors(subject, tests) {
  const bundled = await bundleTests(root, subject.file, tests);
  const limitMs = PATIENCE_MS + PATIENCE * (await baseline(bundled, subject.file));
  const ids = bundled.mutants.map((m) => m.id);
  const results = await runAll(bundled.code, ids, limitMs);
  return { all: bundled.mutants, alive: bundled.mutants.filter((m) => results.get(m.id) === null) };
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
