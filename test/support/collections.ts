/** Counting garbage collections, for tests that nothing is allocated. */
import { PerformanceObserver } from 'node:perf_hooks';

/** Garbage collections while `work` runs; their entries come in later turns of the event loop. */
export async function collections(work: () => void): Promise<number> {
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    count += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  work();
  for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done));
  observer.disconnect();
  return count;
}

/** The fewest of several rounds behind the first, in which the code is still being compiled. */
export async function fewestCollections(work: () => void, rounds: number): Promise<number> {
  let fewest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds && fewest > 0; round++) {
    const count = await collections(work);
    if (round > 0) fewest = Math.min(fewest, count);
  }
  return fewest;
}
