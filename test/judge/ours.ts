/** Statewall's side: a replay of what arrived, in this process, through the same way that the command takes. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeHost } from '../../src/replay/host-adapter.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { Output } from '../../src/replay/output.js';
import { runReplay } from '../../src/replay/run.js';
import type { Outputs } from '../kernel/compare.js';
import { readPcapng } from '../kernel/pcapng.js';
import type { Scenario } from './scenario.js';

/** Replays the input that files.ts has written into a folder. Throws where the replay fails or warns. */
export async function replay(folder: string, scenario: Pick<Scenario, 'isDeaf' | 'hasLog'>): Promise<Outputs> {
  const { isDeaf, hasLog } = scenario;
  const out = join(folder, 'ours');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const at = (name: string): string => join(out, name);
  const options: ReplayOptions = {
    ...{ captures: [join(folder, 'in.pcapng')], rules: join(folder, 'rules.v4'), rules6: join(folder, 'rules.v6') },
    ...{
      rulesNft: null,
      rules6Nft: null,
      firstPlane: 'nft',
      host: join(folder, 'host.yaml'),
      local: [],
      inInterface: null,
    },
    ...{
      answers: isDeaf ? 'no' : 'yes',
      loadTable: null,
      sets: null,
      lenient: false,
      sysctl: [],
      show: 'summary',
      colour: false,
    },
    ...{
      progress: false,
      saveRules: at('rules.v4'),
      saveRules6: at('rules.v6'),
      saveRulesNft: null,
      saveRules6Nft: null,
    },
    ...{
      saveSets: null,
      saveTable: at('table.txt'),
      tableFormat: 'extended',
      saveExpectations: at('expect.txt'),
      saveExpectations6: at('expect6.txt'),
      saveExpectationEvents: at('expect-events.txt'),
    },
    ...{ saveEvents: at('events.txt'), saveLog: hasLog ? at('log.txt') : null, saveCapture: at('out.pcapng') },
  };
  const warnings: string[] = [];
  const status = await runReplay(options, makeHost, (line) => warnings.push(line), Output.open(at('summary.txt')));
  if (status !== 0) throw new Error(`the replay ended with ${status}: ${warnings.join('; ')}`);
  const text = (name: string): string => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : '');
  return {
    ...{
      rules4: text('rules.v4'),
      rules6: text('rules.v6'),
      table: text('table.txt'),
      expectations: text('expect.txt') + text('expect6.txt'),
      expectationEvents: text('expect-events.txt'),
    },
    ...{
      events: text('events.txt'),
      packets: readPcapng(readFileSync(at('out.pcapng'))),
      log: hasLog ? text('log.txt') : null,
    },
  };
}
