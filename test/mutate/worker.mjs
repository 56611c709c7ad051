/** A thread that runs mutants until one does not end: then main.mjs ends the thread and begins another. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { Bench } from './harness.mjs';
import { DONE, READY } from './protocol.mjs';

const { code, jobs, root } = workerData;
const bench = new Bench(code, createRequire(join(root, 'package.json')));
parentPort.postMessage({ id: READY, failure: null });
for (const job of jobs) parentPort.postMessage({ id: job.id, failure: await bench.run(job) });
parentPort.postMessage({ id: DONE, failure: null });
