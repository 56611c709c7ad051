/** Random sets, rules and packets as the kernel treated them. README.md says what a case is. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DIRECTION_OUTBOUND } from '../../src/capture/frame-batch.js';
import { Host } from '../../src/host/host.js';
import { loadRules } from '../../src/iptables/restore.js';
import { printRuleset } from '../../src/iptables/save.js';
import { openCapture } from '../../src/replay/capture-source.js';
import { parseHostFile } from '../../src/replay/host-file.js';
import { saveDifferences } from './ipset-save.js';

const HERE = new URL('.', import.meta.url);
const CASES = readdirSync(new URL('cases/', HERE)).sort();
const text = (path: string): string => readFileSync(new URL(path, HERE), 'utf8');

/** Lines by table; tables may stand in another order. */
function byTable(save: string): Record<string, string[]> {
  const tables: Record<string, string[]> = {};
  let table = '';
  for (const line of save.split('\n')) {
    if (line.startsWith('#') || line === '') continue;
    if (line.startsWith('*')) table = line;
    tables[table] ??= [];
    tables[table]!.push(line);
  }
  return tables;
}

describe('sets, as the kernel has them after the same packets', () => {
  it.each(CASES)('%s', async (name) => {
    const at = `cases/${name}/`;
    const version = existsSync(new URL(`${at}rules.v6`, HERE)) ? 'v6' : 'v4';
    const host = new Host(parseHostFile(text('host.yaml'), 'host.yaml').config);
    host.sets.restore(text(`${at}before.ipset`), 'before.ipset');
    const ruleset = loadRules(text(`${at}rules.${version}`), `rules.${version}`, version === 'v6' ? 10 : 2);
    host.load(ruleset);
    const source = openCapture(new URL(`${at}in.pcapng`, HERE).pathname);
    for (let b = await source.read(); b !== null; b = await source.read()) {
      for (let i = 0; i < b.count; i++) {
        const { linkType, name: dev } = source.interfaces[b.interfaceId[i]!]!;
        const bytes = b.bytes.slice(b.start[i]!, b.end[i]!);
        const index = host.interfaceIndex(dev ?? '');
        host.advance(b.seconds[i]! * 1000 + Math.floor(b.nanos[i]! / 1e6));
        if (b.direction[i] === DIRECTION_OUTBOUND) host.send(bytes, 0, bytes.length, b.wireLen[i]!, linkType, index);
        else host.receive(bytes, 0, bytes.length, b.wireLen[i]!, linkType, index);
      }
    }
    source.close();
    host.exportCounters(ruleset);
    expect(byTable(printRuleset(ruleset, { counters: true }))).toEqual(byTable(text(`${at}expect.${version}`)));
    expect(saveDifferences(text(`${at}after.ipset`), host.sets.save(), 3)).toEqual([]);
  });

  it('there are cases of both families, with lists, and in which packets changed sets', () => {
    const changed = CASES.filter((n) => text(`cases/${n}/before.ipset`) !== text(`cases/${n}/after.ipset`));
    expect(changed.length).toBeGreaterThan(CASES.length / 2);
    expect(CASES.filter((n) => text(`cases/${n}/before.ipset`).includes('list:set')).length).toBeGreaterThan(5);
    expect(CASES.filter((n) => existsSync(new URL(`cases/${n}/rules.v6`, HERE))).length).toBeGreaterThan(5);
  });
});
