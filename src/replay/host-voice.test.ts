import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Ends, packetBytes } from '../../test/support/nat-bench.js';
import { PcapngWriter } from '../capture/pcapng-writer.js';
import { openCapture } from './capture-source.js';
import { makeHost } from './host-adapter.js';
import { isHostHeard } from './host-voice.js';
import { LocalAddresses } from './local-addresses.js';
import type { Answering, ReplayOptions } from './options.js';
import { Output } from './output.js';
import { runReplay } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-voice-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

const INBOUND = 1;
const OUTBOUND = 2;
const LINKTYPE_RAW = 101;
const CONFIG = { interfaces: [{ name: 'eth0', addresses: ['10.2.0.3/24', 'fd02::3/64'] }] };
const PING: Ends = { protocol: 1, from: 77 };
const PONG: Ends = { protocol: 1, from: 77, reply: true, source: '10.2.0.3', destination: '10.1.0.2' };

function capture(packets: readonly (readonly [Ends, number])[]): string {
  const parts: Uint8Array[] = [];
  const w = new PcapngWriter((bytes, start, end) => parts.push(bytes.slice(start, end)));
  w.addInterface('eth0', LINKTYPE_RAW);
  packets.forEach(([e, direction], i) => {
    const bytes = packetBytes(e);
    w.writePacket(0, 1000 + i, 0, bytes, 0, bytes.length, bytes.length, direction);
  });
  w.flush();
  writeFileSync(file('capture'), Buffer.concat(parts));
  return file('capture');
}

describe('the host is heard in a capture', () => {
  const rows: [string, readonly (readonly [Ends, number])[], boolean][] = [
    ['that has a packet from it', [[PING, 0] as const, [PONG, 0] as const], true],
    ['IPv6 alike', [[{ ...PING, protocol: 58, source: 'fd02::3', destination: 'fd01::2' }, 0] as const], true],
    ['that has one marked as outbound', [[PING, 0] as const, [{ source: '10.9.9.9' }, OUTBOUND] as const], true],
    ['in which all are marked as inbound: others were left out', [[PING, INBOUND] as const], true],
    ['not where all come from others', [[PING, 0] as const, [{ source: '10.9.9.9' }, 0] as const], false],
    ['not where its address came in from outside', [[PING, 0] as const, [PONG, INBOUND] as const], false],
  ];
  it.each(rows)('%s', async (_, packets, heard) => {
    expect(await isHostHeard([openCapture(capture(packets))], new LocalAddresses(CONFIG))).toBe(heard);
  });
});

describe('a replay', () => {
  const host = file('host.yaml');
  writeFileSync(
    host,
    'interfaces: [{name: eth0, addresses: [10.2.0.3/24]}]\nroutes: [{to: default, dev: eth0}]\n' +
      'sysctl: {net.netfilter.nf_conntrack_max: 100}\n',
  );
  /** The state of the connection afterwards: whether the ping was answered. */
  async function replied(packets: readonly (readonly [Ends, number])[], o: Partial<ReplayOptions>): Promise<boolean> {
    const options: ReplayOptions = {
      captures: [capture(packets)],
      rules: null,
      rules6: null,
      rulesNft: null,
      rules6Nft: null,
      firstPlane: 'nft',
      host,
      local: [],
      inInterface: null,
      answers: 'auto' as Answering,
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
      saveTable: file('table'),
      tableFormat: 'extended',
      saveExpectations: null,
      saveEvents: null,
      saveLog: null,
      saveCapture: null,
      ...o,
    };
    const out = Output.open(file('out'));
    expect(await runReplay(options, makeHost, () => {}, out)).toBe(0);
    const table = readFileSync(file('table'), 'utf8');
    expect(table).toContain('id=77');
    return !table.includes('[UNREPLIED]');
  }
  const silent = [[PING, 0] as const];
  it.each<[string, readonly (readonly [Ends, number])[], Partial<ReplayOptions>, boolean]>([
    ['answers for a host that is described and not heard', silent, {}, true],
    [
      'leaves the answer to a capture that has it',
      [
        [PING, 0],
        [PONG, 0],
      ],
      {},
      true,
    ],
    ['says nothing for one of which only the address is known', silent, { host: null, local: ['10.2.0.3'] }, false],
    ['says nothing if told so', silent, { answers: 'no' }, false],
    ['answers if told so', silent, { host: null, local: ['10.2.0.3'], answers: 'yes' }, true],
  ])('%s', async (_, packets, o, expected) => expect(await replied(packets, o)).toBe(expected));
});
