/** The compiled evaluator against the plain one on everything that was recorded, and whether the comparison sees a difference. */
import { describe, expect, it, vi } from 'vitest';
import { Candidates } from '../../src/rules/classify.js';
import { RuleEngine } from '../../src/rules/evaluate.js';
import type { EngineHost } from '../../src/rules/load.js';
import type { Ruleset } from '../../src/rules/model.js';
import { TREES } from '../../src/rules/program.js';
import { CASES, type RecordedCase, readCases, readExamples } from '../kernel/case.js';
import { compareOnCase } from './both-evaluators.js';

const cases = [...readCases(CASES), ...readExamples()];

/** A tree in every chain, of leaves as small as can be: nothing is found from rule to rule. */
const EVERYWHERE = { least: 1, first: 0, every: 1, leaf: 0 };

/** Whether a rule has counted a packet on the kernel; else there is nothing to compare but policies. */
const hasCounted = ({ expected }: RecordedCase): boolean =>
  /^\[[1-9]\d*:\d+\] -A/m.test(`${expected.rules4 ?? ''}\n${expected.rules6 ?? ''}`);

describe.each([
  ['as compiled', TREES],
  ['by trees alone', EVERYWHERE],
])('compiled evaluation, %s, and plain evaluation agree, packet by packet, on the recorded case', (_how, shape) => {
  for (const c of cases)
    it(c.name, async () => {
      const collect = vi.spyOn(Candidates.prototype, 'collect');
      const contender = (host: EngineHost) => new RuleEngine(host, shape);
      const { differences, packets, counted } = await compareOnCase(c, { contender });
      const asked = collect.mock.calls.length;
      collect.mockRestore();
      expect(differences).toEqual([]);
      expect(packets).toBeGreaterThan(0);
      if (!hasCounted(c)) return;
      expect(counted).toBeGreaterThan(0);
      if (shape === EVERYWHERE) expect(asked).toBeGreaterThan(0);
    });
});

/** Counts one packet too many in a rule that has counted, or drops what another accepts. */
class Faulty extends RuleEngine {
  override exportCounters(ruleset: Ruleset): void {
    super.exportCounters(ruleset);
    for (const { chains } of ruleset.tables.values())
      for (const { rules } of chains.values()) for (const rule of rules) if (rule.packets === 3) rule.packets = 4;
  }
}

class Dropping extends RuleEngine {
  private left = 20;
  override run(...args: Parameters<RuleEngine['run']>): number {
    const verdict = super.run(...args);
    return this.left-- === 0 ? 0 : verdict;
  }
}

describe('a difference is seen', () => {
  const c = cases.find(({ name }) => name === 'fuzz-matches-102')!;

  it.each([true, false])('of a counter, each packet %s', async (everyPacket) => {
    const { differences } = await compareOnCase(c, { contender: (host) => new Faulty(host), everyPacket });
    expect(differences.length).toBeGreaterThan(0);
    expect(differences[0]).toMatch(/IPv4 \w+ \w+ \d+: -A .*: compiled \[4:\d+\], plain \[3:\d+\]$/);
  });

  it('of a verdict', async () => {
    const { differences } = await compareOnCase(c, { contender: (host) => new Dropping(host) });
    expect(differences[0]).toMatch(/^packet \d+: compiled \{"verdict":0,.*, plain \{"verdict":1,/);
  });
});
