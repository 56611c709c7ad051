/** Rules that ask what the host does not know: told in the summary, in its JSON, and in warnings. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ip4, udp } from '../../test/support/wire-frames.js';
import { PcapngWriter } from '../capture/pcapng-writer.js';
import { Host } from '../host/host.js';
import { loadRules } from '../iptables/restore.js';
import { LINKTYPE_RAW } from '../wire/parse.js';
import { makeHost } from './host-adapter.js';
import type { ReplayOptions } from './options.js';
import { Output } from './output.js';
import { runReplay } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-doubts-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p udp -m owner --uid-owner 33 -j DROP
-A OUTPUT -p tcp -m owner --uid-owner 33 -j DROP
COMMIT
`;
/** A packet that 10.0.0.1 sends. */
const SENT = Uint8Array.from(ip4(17, udp(), { source: '10.0.0.1', destination: '10.0.0.2' }));

writeFileSync(file('rules'), RULES);
writeFileSync(file('without'), 'interfaces: [{name: eth0, addresses: [10.0.0.1/24]}]\n');
writeFileSync(
  file('with'),
  'interfaces: [{name: eth0, addresses: [10.0.0.1/24]}]\nsockets: [{protocol: udp, uid: 7}]\n',
);
const parts: Uint8Array[] = [];
const writer = new PcapngWriter((bytes, start, end) => parts.push(bytes.slice(start, end)));
writer.addInterface('eth0', LINKTYPE_RAW);
for (let i = 0; i < 2; i++) writer.writePacket(0, 1000 + i, 0, SENT, 0, SENT.length, SENT.length);
writer.flush();
writeFileSync(file('capture'), Buffer.concat(parts));

const OPTIONS: ReplayOptions = {
  captures: [file('capture')],
  rules: file('rules'),
  rules6: null,
  rulesNft: null,
  rules6Nft: null,
  firstPlane: 'nft',
  host: file('without'),
  local: [],
  inInterface: null,
  answers: 'no',
  loadTable: null,
  sets: null,
  lenient: false,
  sysctl: [],
  show: 'summary',
  colour: false,
  progress: false,
  saveRules: null,
  saveRules6: null,
  saveRulesNft: null,
  saveRules6Nft: null,
  saveSets: null,
  saveTable: null,
  tableFormat: 'extended',
  saveExpectations: null,
  saveEvents: null,
  saveLog: null,
  saveCapture: null,
};

/** What a replay prints, and what it warns of. */
async function replay(options: Partial<ReplayOptions>): Promise<{ text: string; warnings: string[] }> {
  const warnings: string[] = [];
  const output = Output.open(file('output'));
  const status = await runReplay({ ...OPTIONS, ...options }, makeHost, (line) => warnings.push(line), output);
  output.flush();
  expect(status).toBe(0);
  return { text: readFileSync(file('output'), 'utf8'), warnings };
}

const WHY = 'the host file names no sockets: packets count as sent by none';
const TEXT = '-A OUTPUT -p udp -m owner --uid-owner 33 -j DROP';

describe('a host file without sockets', () => {
  test('a warning names file and line, the packets, what is not known, and the rule; rules that no packet came to are silent', async () => {
    const { warnings } = await replay({});
    expect(warnings).toEqual([`${file('rules')}:5: 2 packets in doubt at -m owner (${WHY}): ${TEXT}`]);
  });

  test('the summary has a section of its own', async () => {
    const { text } = await replay({});
    expect(text).toContain(
      `\nIn doubt: rules that ask what the host does not know\n  2  filter OUTPUT 1: ${TEXT}  (-m owner: ${WHY})\n`,
    );
  });

  test('so has its JSON', async () => {
    const { text } = await replay({ show: 'summary-json' });
    expect(JSON.parse(text).doubts).toEqual([
      {
        family: 2,
        table: 'filter',
        chain: 'OUTPUT',
        number: 1,
        text: TEXT,
        extension: '-m owner',
        why: WHY,
        packets: 2,
        file: file('rules'),
        line: 5,
      },
    ]);
  });
});

test('where the host file names sockets, nothing is in doubt', async () => {
  const { text, warnings } = await replay({ host: file('with'), show: 'summary-json' });
  expect(JSON.parse(text).doubts).toEqual([]);
  expect(warnings).toEqual([]);
});

describe('fingerprints', () => {
  const rules = '*filter\n:OUTPUT ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m osf --genre Linux\nCOMMIT\n';
  writeFileSync(file('osf-rules'), rules);
  writeFileSync(file('systems'), '*:64:1:60:M*,S,T,N,W7:Linux:2.6::Linux\n');
  writeFileSync(file('osf'), 'interfaces: [{name: eth0, addresses: [10.0.0.1/24]}]\nosf: systems\n');
  writeFileSync(file('osf-bad'), 'osf: without\n');
  writeFileSync(file('osf-missing'), 'osf: nowhere\n');

  test('a file of them lies beside the host file', async () => {
    const { text } = await replay({ host: file('osf'), rules: file('osf-rules'), show: 'summary-json' });
    expect(JSON.parse(text).packets).toBe(2);
  });

  test('what is wrong with it is told at the host file that names it', async () => {
    await expect(replay({ host: file('osf-bad'), rules: file('osf-rules') })).rejects.toThrow(
      `${file('osf-bad')}:1:6: line 1 of the fingerprints: expected 9 fields`,
    );
    await expect(replay({ host: file('osf-missing'), rules: file('osf-rules') })).rejects.toThrow(
      `cannot read ${file('nowhere')}`,
    );
  });
});

test('a host tells of the packets since its rules were loaded', () => {
  const host = new Host({ interfaces: [{ name: 'eth0', addresses: ['10.0.0.1/24'] }] });
  const send = () => host.send(SENT.slice(), 0, SENT.length, SENT.length, LINKTYPE_RAW);
  host.load(loadRules(RULES, 'rules', 2));
  expect(host.doubts()).toEqual([]);
  send();
  send();
  expect(host.doubts()).toMatchObject([{ family: 2, table: 'filter', chain: 'OUTPUT', number: 1, packets: 2 }]);
  expect(host.doubts()[0]!.rule.position).toMatchObject({ file: 'rules', line: 5 });
  host.load(loadRules(RULES, 'rules', 2));
  expect(host.doubts()).toEqual([]);
});
