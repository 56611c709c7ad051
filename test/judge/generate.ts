/** Makes the scenario of a family, a seed and a number: always the same one. */
import { type Family, type Plan, rulesOf, USUAL } from './families.js';
import type { Flow } from './flows/flow.js';
import { World } from './flows/world.js';
import { Random } from './random.js';
import { hasNat, type Scenario } from './scenario.js';

/** Packets of a scenario, where the family does not say otherwise. */
export const USUAL_PACKETS = 2500;

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

/** A scenario; `packets`: about how many, where the family leaves it open. */
export function generate(family: Family, seed: number, number: number, packets = USUAL_PACKETS): Scenario {
  const name = `${family.name}-${seed}-${number}`;
  const r = new Random(name);
  const plan: Plan = { ...USUAL, ...family.plan(r) };
  const rules = rulesOf(plan);
  const scenario = {
    name,
    family: family.name,
    covers: family.covers,
    ...rules,
    sysctls: plan.sysctls,
    isDeaf: plan.isDeaf,
  };
  const world = new World(r, { ...plan, ...rules, hasNat: hasNat(scenario), hasAnswers: !plan.isDeaf });
  talk(world, r, plan, plan.packets ?? packets);
  return { ...scenario, steps: world.steps };
}
