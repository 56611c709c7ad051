/** Sets of the host file and of --sets on their way through a replay. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { saveDifferences } from '../../test/sets/ipset-save.js';
import { makeHost } from './host-adapter.js';
import type { ReplayOptions } from './options.js';
import { Output } from './output.js';
import { runReplay } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-sets-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const recorded = (path: string): string => fileURLToPath(new URL(`../../test/sets/${path}`, import.meta.url));

const NOTHING: ReplayOptions = {
  ...{ captures: [], rules: null, rules6: null, rulesNft: null, rules6Nft: null, firstPlane: 'nft', host: null },
  ...{ local: [], inInterface: null, answers: 'no', loadTable: null, sets: null, lenient: false, sysctl: [] },
  ...{ show: 'summary', colour: false, progress: false, saveRules: null, saveRules6: null, saveRulesNft: null },
  ...{ saveRules6Nft: null, saveSets: null, saveTable: null, tableFormat: 'extended', saveExpectations: null },
  ...{ saveEvents: null, saveLog: null, saveCapture: null },
};

async function replay(options: Partial<ReplayOptions>): Promise<string> {
  const stdout = Output.open(file('stdout'));
  try {
    await runReplay({ ...NOTHING, ...options }, makeHost, () => {}, stdout);
  } finally {
    stdout.close();
  }
  return readFileSync(file('stdout'), 'utf8');
}

function written(name: string, text: string): string {
  writeFileSync(file(name), text);
  return file(name);
}

const CASE = 'cases/set-2000/';
const CAPTURE = [recorded(`${CASE}in.pcapng`)];
const BLOCK = '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m set --match-set blocked src -j DROP\nCOMMIT\n';

describe('--sets and --save-sets', () => {
  it('sets are read before the rules, and saved as the packets left them', async () => {
    await replay({
      captures: CAPTURE,
      rules: recorded(`${CASE}rules.v4`),
      host: recorded('host.yaml'),
      sets: recorded(`${CASE}before.ipset`),
      saveSets: file('after'),
    });
    const expected = readFileSync(recorded(`${CASE}after.ipset`), 'utf8');
    expect(saveDifferences(expected, readFileSync(file('after'), 'utf8'), 3)).toEqual([]);
  });

  it.each([
    ['create a hash:ip\nadd a 10.0.0.300\n', ':2:7: Syntax error: cannot parse 10.0.0.300'],
    ['create blocked hash:ip family inet6\n', 'The protocol family of set blocked is IPv6'],
    ['create other hash:ip\n', "Set blocked doesn't exist.\nexpected one of other"],
    ['', "Set blocked doesn't exist.\nthis host has no sets"],
  ])('%j is refused: %s', async (text, message) => {
    const rules = written('rules', BLOCK);
    const run = replay({ captures: CAPTURE, rules, host: recorded('host.yaml'), sets: written('sets', text) });
    await expect(run.catch((e) => `${e.position?.file}:${e.position?.line}:${e.position?.column}: ${e.message}`))
      .resolves //
      .toContain(message);
  });
});

describe('sets of the host file', () => {
  const host = (sets: string): string => {
    const text = readFileSync(recorded('host.yaml'), 'utf8');
    return written('host.yaml', `${text}sets:\n${sets}`);
  };

  it('decide packets, and hold what their entries stand for', async () => {
    const rules = written('rules', BLOCK);
    const sets =
      '  all: {type: "list:set", entries: [blocked]}\n  blocked: {type: "hash:net", counters: true, entries: [10.0.0.0/8]}\n';
    const out = await replay({ captures: CAPTURE, rules, host: host(sets), saveSets: file('after') });
    expect(out).toMatch(/Verdicts.*DROP [1-9]/);
    expect(readFileSync(file('after'), 'utf8')).toMatch(
      /^create blocked hash:net .*\nadd blocked 10.0.0.0\/8 packets [1-9]\d* bytes \d+\ncreate all list:set size 8\nadd all blocked\n$/,
    );
  });

  it.each([
    ['  blocked: {type: "hash:nets"}\n', 'sets.blocked', "typename 'hash:nets' is unknown"],
    ['  blocked: {type: "hash:net", entries: [10.0.0.0/8, x]}\n', 'entries', 'cannot parse x'],
    ['  blocked: {type: "hash:net", timeout: soon}\n', 'timeout', 'expected a whole number'],
    ['  blocked: {type: "hash:net", counters: 1}\n', 'counters', 'expected true or false'],
    ['  blocked: {type: "hash:net", netmask: 8}\n', 'blocked', "Unknown argument: `netmask'"],
    ['  blocked: {type: "hash:net", maxelm: 8}\n', 'maxelm', 'did you mean "maxelem"'],
    ['  blocked: {type: "hash:ip", entries: [10.0.0.1, 10.0.0.1]}\n', 'entries', "it's already added"],
  ])('%j is refused', async (sets, _where, message) => {
    const run = replay({ captures: CAPTURE, rules: written('rules', BLOCK), host: host(sets) });
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(/host\.yaml:\d+:\d+: /);
  });
});
