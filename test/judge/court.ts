/** Puts a scenario before both: the kernel and Statewall, and says in what they differ. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CATEGORIES, type Category, compareOutputs, type Mismatches } from '../kernel/compare.js';
import { outputsOf, writeInput } from './files.js';
import { Lab, LabError, type Recording } from './lab.js';
import { replay } from './ours.js';
import { hasNat, type Scenario } from './scenario.js';

/** Fragments that wait in a namespace would speak up after 30 s, in a later scenario. */
const LAB_AGE_MS = 25_000;
const TRIES = 3;

/** What came of a scenario. */
export interface Outcome {
  mismatches: Mismatches;
  /** Categories that have some. */
  categories: readonly Category[];
  recording: Recording;
  /** Packets that arrived or that the router was told to make, and those that it sent. */
  packets: number;
}

interface Keeper {
  lab: Lab;
  until: number;
}

/** The two sides, and the namespaces that are open. */
export class Court {
  private readonly labs = new Map<string, Keeper>();
  private readonly folder = mkdtempSync(join(tmpdir(), 'statewall-court-'));

  private async lab(scenario: Scenario, isFresh: boolean): Promise<Lab> {
    const key = `${hasNat(scenario)} ${scenario.isDeaf}`;
    const old = this.labs.get(key);
    if (old !== undefined && !isFresh && Date.now() < old.until) return old.lab;
    old?.lab.close();
    this.labs.delete(key);
    const lab = await Lab.open(scenario.isDeaf);
    this.labs.set(key, { lab, until: Date.now() + LAB_AGE_MS });
    return lab;
  }

  /** Runs a scenario on both; `isFresh`: in a namespace that has seen nothing yet. Throws LabError where it cannot be recorded. */
  async hear(scenario: Scenario, isFresh = false): Promise<Outcome> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.hearOnce(scenario, isFresh || tries > 1);
      } catch (e) {
        if (!(e instanceof LabError) || tries === TRIES) throw e;
      }
    }
  }

  private async hearOnce(scenario: Scenario, isFresh: boolean): Promise<Outcome> {
    const recording = await (await this.lab(scenario, isFresh)).run(scenario);
    writeInput(this.folder, scenario, recording.seen);
    const mismatches = compareOutputs(outputsOf(recording), await replay(this.folder, scenario), recording.lateSeconds);
    const categories = CATEGORIES.filter((category) => mismatches[category].length > 0);
    return { mismatches, categories, recording, packets: recording.seen.filter((p) => p.way !== 'went').length };
  }

  close(): void {
    for (const { lab } of this.labs.values()) lab.close();
    this.labs.clear();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
