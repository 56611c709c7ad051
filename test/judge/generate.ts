/** Makes the scenario of a family, a seed and a number: always the same one. */

import type { Flow } from './flows/flow.js';
import { World } from './flows/world.js';
import { type Family, type Plan, rulesOf, USUAL } from './plans.js';
import { Random } from './random.js';
import { hasNat, type Scenario, type Step } from './scenario.js';

/** Packets of a scenario, where the family does not say otherwise. */
export const USUAL_PACKETS = 2500;

/** Beginnings anew at most; the first ones leave out one packet each. */
const MAX_TRIES = 40;
const CAREFUL_TRIES = 10;

/** Whether nothing shows in these steps of a scenario that the kernel draws. */
export function isSettled(scenario: Scenario, steps: readonly Step[]): boolean {
  if (!hasNat(scenario)) return true;
  const { isIpv6, servers } = USUAL;
  const options = { ...scenario, isIpv6, servers, hasNat: true, hasAnswers: !scenario.isDeaf };
  const world = new World(new Random(scenario.name), options);
  for (const { waitMs, side, packet } of steps) {
    world.pause(waitMs);
    world.send(side, packet);
  }
  return world.drawn.length === 0;
}

/** Interleaves conversations until there are packets enough. */
function talk(world: World, r: Random, plan: Plan, wanted: number): void {
  const live: Flow[] = [];
  const pauses = plan.pausesMs.map((ms, i) => ({ ms, at: (wanted * (i + 1)) / (plan.pausesMs.length + 1) }));
  // a family whose packets are all withheld must not keep it waiting
  for (let idle = 0; world.steps.length < wanted && idle < 10_000; ) {
    while (live.length < plan.width) live.push(new (r.pick(plan.flows))(world, r.pick(plan.sides)));
    const before = world.steps.length;
    const at = r.range(0, live.length);
    if (!live[at]!.step()) live.splice(at, 1);
    idle = world.steps.length > before ? 0 : idle + 1;
    while (pauses.length > 0 && world.steps.length >= pauses[0]!.at) world.pause(pauses.shift()!.ms);
  }
}

/**
 * A scenario; `packets`: about how many, where the family leaves it open. What makes the kernel draw a number (a port where two
 * clash) is left out, since the two sides draw differently: the talk begins anew without that packet until nothing is drawn.
 */
export function generate(family: Family, seed: number, number: number, packets = USUAL_PACKETS): Scenario {
  const name = `${family.name}-${seed}-${number}`;
  const skipped = new Set<number>();
  for (let tries = 1; ; tries++) {
    const r = new Random(name);
    const plan: Plan = { ...USUAL, ...family.plan(r) };
    const rules = rulesOf(plan);
    const options = { ...plan, ...rules, hasNat: hasNat(rules), hasAnswers: !plan.isDeaf };
    const world = new World(r, options, skipped);
    talk(world, r, plan, Math.min(plan.packets ?? packets, packets));
    const about = {
      name,
      family: family.name,
      covers: family.covers,
      sysctls: plan.sysctls,
      isDeaf: plan.isDeaf,
      hasLog: plan.hasLog,
    };
    if (world.drawn.length === 0) return { ...about, ...rules, steps: world.steps };
    if (tries === MAX_TRIES) return { ...about, ...rules, steps: world.steps.slice(0, world.cleanSteps) };
    for (const attempt of tries < CAREFUL_TRIES ? world.drawn.slice(0, 1) : world.drawn) skipped.add(attempt);
  }
}
