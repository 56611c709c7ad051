/** Finds a short list of steps that still shows a difference: first a beginning, then without parts, ever smaller ones. */
import type { Step } from './scenario.js';

/** Whether these steps still show it. */
export type StillShows = (steps: readonly Step[]) => Promise<boolean>;

/** The chosen steps; the time of those left out is added to the next one, so that what is left happens when it happened. */
export function choose(steps: readonly Step[], kept: readonly number[]): Step[] {
  const out: Step[] = [];
  let next = 0;
  for (const index of kept) {
    let waitMs = 0;
    for (; next <= index; next++) waitMs += steps[next]!.waitMs;
    out.push({ ...steps[index]!, waitMs });
  }
  return out;
}

/** Shrinks; asks at most `budget` times. The result shows the difference if the steps did. */
export async function shrink(steps: readonly Step[], stillShows: StillShows, budget: number): Promise<Step[]> {
  let left = budget;
  const ask = async (kept: readonly number[]): Promise<boolean> => {
    left--;
    return kept.length > 0 && (await stillShows(choose(steps, kept)));
  };
  const all = steps.map((_, i) => i);
  let low = 0;
  let high = all.length;
  // the shortest beginning that shows it
  while (high - low > 1 && left > 0) {
    const middle = (low + high) >> 1;
    if (await ask(all.slice(0, middle))) high = middle;
    else low = middle;
  }
  let kept = all.slice(0, high);
  for (let size = kept.length >> 1; size > 0 && left > 0; size = size === 1 ? 0 : (size + 1) >> 1) {
    let removed = size === 1;
    do {
      removed = false;
      for (let end = kept.length; end > 0 && left > 0; ) {
        const start = Math.max(0, end - size);
        const without = [...kept.slice(0, start), ...kept.slice(end)];
        if (await ask(without)) {
          kept = without;
          removed = true;
        }
        end = Math.min(start, kept.length);
      }
    } while (removed && size === 1 && left > 0);
  }
  return withoutWaits(choose(steps, kept), stillShows);
}

async function withoutWaits(steps: Step[], stillShows: StillShows): Promise<Step[]> {
  if (steps.every((step) => step.waitMs === 0)) return steps;
  const quick = steps.map((step) => ({ ...step, waitMs: 0 }));
  return (await stillShows(quick)) ? quick : steps;
}
