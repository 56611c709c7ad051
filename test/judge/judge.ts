/** A run: scenario after scenario, differences confirmed, shrunk and kept. */
import { release, type as systemType } from 'node:os';
import { join } from 'node:path';
import type { Category } from '../kernel/compare.js';
import type { Court, Outcome } from './court.js';
import { FAMILIES } from './families.js';
import { writeCase } from './files.js';
import { generate, isSettled } from './generate.js';
import type { JudgeOptions } from './options.js';
import type { Family } from './plans.js';
import { hasFragments, type Scenario, type Step } from './scenario.js';
import { shrink } from './shrink.js';
import { count, newTally, type Tally, totals } from './tally.js';

const SHRINK_BUDGET = 250;
const SHOWN = 3;

/** Where a run tells what happens. */
export interface Voice {
  say(line: string): void;
  /** How far it is; drawn on a terminal only. */
  progress(line: string): void;
}

/** The families of a run. */
export function chosen(o: JudgeOptions): readonly Family[] {
  return FAMILIES.filter((family) => o.families === null || o.families.includes(family.name));
}

/** Runs until the packets or the time are over; `stopped` ends it early. */
export async function judge(o: JudgeOptions, court: Court, voice: Voice, stopped: () => boolean): Promise<Tally> {
  const began = Date.now();
  const tally = newTally(o.seed, `${systemType()} ${release()}`, new Date(began).toISOString().slice(0, 10));
  const families = chosen(o);
  const isOver = (): boolean => {
    const enough = o.packets !== null && totals(tally).packets >= o.packets;
    return enough || stopped() || (o.minutes !== null && Date.now() - began >= o.minutes * 60_000);
  };
  for (let i = 0; !isOver(); i++) {
    const family = families[i % families.length]!;
    const scenario = generate(family, o.seed, Math.floor(i / families.length));
    try {
      await one(scenario, o, court, voice, tally);
    } catch (e) {
      // the signal that stops the run stops the replay at hand, too
      if (stopped()) break;
      voice.say(`${scenario.name}: the run ends here`);
      throw e;
    }
    tally.seconds = Math.round((Date.now() - began) / 100) / 10;
    const { packets, differences } = totals(tally);
    const rate = Math.round(packets / Math.max(tally.seconds, 0.1));
    voice.progress(`${packets} packets, ${rate} a second, ${differences} differences; ${scenario.name}`);
  }
  return tally;
}

async function one(scenario: Scenario, o: JudgeOptions, court: Court, voice: Voice, tally: Tally): Promise<void> {
  const first = await court.hear(scenario);
  if (first.categories.length === 0) {
    count(tally, scenario.family, first.packets, []);
    return;
  }
  const again = await court.hear(scenario, true);
  const category = again.categories.find((c) => first.categories.includes(c));
  count(tally, scenario.family, first.packets, category === undefined ? [] : again.categories);
  if (category === undefined) {
    tally.unsteady++;
    voice.say(`${scenario.name}: differed once in ${first.categories.join(', ')}, and not in a fresh namespace`);
    for (const line of shown(first, first.categories[0]!)) voice.say(line);
    if (o.keep !== null) writeCase(join(o.keep, `${scenario.name}-unsteady`), scenario, first.recording);
    return;
  }
  voice.say(`${scenario.name}: differs in ${again.categories.join(', ')}`);
  const small = o.keep === null ? scenario : await shrunk(scenario, category, court);
  const last = small === scenario ? again : await court.hear(small, true);
  for (const line of shown(last.categories.length > 0 ? last : again, category)) voice.say(line);
  if (o.keep === null) return;
  writeCase(join(o.keep, scenario.name), small, last.recording);
  voice.say(`  kept with ${small.steps.length} of ${scenario.steps.length} packets: ${join(o.keep, scenario.name)}`);
}

function shown(outcome: Outcome, first: Category): string[] {
  const lines = [...outcome.mismatches[first].map((line) => `${first}: ${line}`)];
  const more = lines.length - SHOWN;
  return [...lines.slice(0, SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].map((line) => `  ${line.slice(0, 600)}`);
}

async function shrunk(scenario: Scenario, category: Category, court: Court): Promise<Scenario> {
  const stillShows = async (steps: readonly Step[]): Promise<boolean> => {
    if (scenario.isDeaf && !steps.some((step) => step.side === 'r')) return false;
    if (!isSettled(scenario, steps)) return false;
    const outcome = await court.hear({ ...scenario, steps }, hasFragments(scenario.steps));
    return outcome.categories.includes(category);
  };
  const steps = await shrink(scenario.steps, stillShows, SHRINK_BUDGET);
  return { ...scenario, steps };
}
