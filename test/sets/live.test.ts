/** Random commands through the real ipset, in a network namespace of its own, and through ours. Needs root and ipset 7.17. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SET_IN } from '../../src/rules/set/codes.js';
import { SetFault } from '../../src/rules/set/fault.js';
import { runSetCommand, testElement } from '../../src/rules/set/script.js';
import { saveText } from '../../src/rules/set/set-text.js';
import { SetStore } from '../../src/rules/set/store.js';
import { CommandGenerator } from './generate.js';
import { saveDifferences } from './ipset-save.js';

const SEEDS = [31, 32, 33];
const COMMANDS = 80;
const NAMESPACE = `statewall-sets-${process.pid}`;
/** Lines that ipset itself calls its fault, or that make it crash. */
const ITS_OWN_FAULT = /It's a bug|^$/;

function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
}

const ipset = (...words: string[]) => run('ip', 'netns', 'exec', NAMESPACE, 'ipset', ...words);

const isThere =
  process.getuid?.() === 0 &&
  run('ipset', 'version').stdout?.includes('v7.17') === true &&
  run('ip', 'netns', 'list').status === 0;

/** ipset's message without its name and what it adds to every one. */
function messageOf(text: string): string {
  return text
    .replace(/^ipset v7.17: /, '')
    .replace(/\nTry `ipset help.*\n$/s, '')
    .replace(/\nInvalid .*$/s, '')
    .trim();
}

function ours(store: SetStore, words: string[]): [status: number, message: string] {
  try {
    if (words[0] === 'test') return [testElement(store, words[1]!, words.slice(2)) === SET_IN ? 0 : 1, ''];
    runSetCommand(store, words);
    return [0, ''];
  } catch (error) {
    if (!(error instanceof SetFault)) throw error;
    return [error.status, error.message];
  }
}

describe.skipIf(process.env.CI === undefined && !isThere)('the ipset of this machine', () => {
  beforeAll(() => {
    expect(run('ip', 'netns', 'add', NAMESPACE).status).toBe(0);
  });
  afterAll(() => {
    run('ip', 'netns', 'del', NAMESPACE);
  });

  it.each(SEEDS)('answers and saves the same, seed %i', (seed) => {
    ipset('flush');
    while (ipset('list', '-n').stdout !== '') {
      for (const name of ipset('list', '-n').stdout.split('\n')) if (name !== '') ipset('destroy', name);
    }
    const generator = new CommandGenerator(seed);
    const clock = { nowMs: 1e12 };
    const store = new SetStore(clock);
    store.begin();
    const done: number[] = [];
    for (let n = 0; n < COMMANDS; n++) {
      const words = generator.next();
      const real = ipset(...words);
      clock.nowMs += 4;
      const [status, message] = ours(store, words);
      const { status: expected } = real;
      if (expected === null || (expected !== 0 && words[0] !== 'test' && ITS_OWN_FAULT.test(real.stderr))) continue;
      expect({ words, status }).toEqual({ words, status: expected });
      const said = words[0] === 'test' && /NOT in set|is in set/.test(real.stderr) ? '' : messageOf(real.stderr);
      if (expected !== 0)
        expect({ words, message: message.split('\n')[0] }).toEqual({ words, message: said.split('\n')[0] });
      else {
        generator.done(words);
        done.push(n);
      }
    }
    expect(done.length).toBeGreaterThan(COMMANDS / 4);
    expect(saveDifferences(ipset('save').stdout, saveText(store.all(), store), 30)).toEqual([]);
  });
});
