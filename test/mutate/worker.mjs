/** A thread that runs mutants until one does not end: then main.mjs ends the thread and begins another. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { Bench } from './harness.mjs';
import { DONE, READY } from './protocol.mjs';

const { code, ids, root } = workerData;
const require = createRequire(join(root, 'package.json'));
const bench = new Bench(code, require);
parentPort.postMessage({ id: READY, failure: null });
for (const id of ids) parentPort.postMessage({ id, failure: await bench.run(id) });
parentPort.postMessage({ id: DONE, failure: null });
