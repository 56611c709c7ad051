import { expect, test } from 'vitest';
import { specOf } from '../../../test/support/option-lines.js';
import { testHost } from '../../../test/support/rules.js';
import { R_ORIG_SRC, RECORD_WORDS } from '../../conntrack/layout.js';
import { PACKET_HOST, PACKET_MULTICAST, Packet, T_DST } from '../../wire/packet.js';
import type { LoadContext, RuleContext } from '../context.js';
import { cluster } from './cluster.js';

const NODES = 5;

function loaded(node: number, invert = '') {
  const options = `--cluster-total-nodes ${NODES} ${invert}--cluster-local-node ${node} --cluster-hash-seed 77`;
  return cluster.load!(specOf(cluster, options, 2), {} as LoadContext);
}

function contextOf(source: number): RuleContext {
  const words = new Int32Array(2 * RECORD_WORDS);
  words[RECORD_WORDS + R_ORIG_SRC] = source;
  const tracker = { table: { words } } as unknown as RuleContext['tracker'];
  return { ...testHost('eth0').context, tracker };
}

function packet(connection: number, destination = 0x0a000001): Packet {
  const p = new Packet();
  p.family = 2;
  p.connection = connection;
  p.tuple[T_DST] = destination;
  return p;
}

test('every source has one machine, and each machine gets its share', () => {
  const share = new Array<number>(NODES).fill(0);
  for (let source = 1; source <= 5000; source++) {
    const c = contextOf(0x0a000000 + source);
    const takers = share.map((_, i) => loaded(i + 1)(packet(1 << 1), c));
    expect(takers.filter(Boolean)).toHaveLength(1);
    share[takers.indexOf(true)]! += 1;
  }
  for (const n of share) expect(n).toBeGreaterThan(800);
});

test('both directions of a connection go to the same machine', () => {
  for (let source = 1; source < 50; source++) {
    const c = contextOf(source);
    expect(loaded(2)(packet((1 << 1) | 1), c)).toBe(loaded(2)(packet(1 << 1), c));
  }
});

test('a packet without a connection is nobody’s, inverted or not', () => {
  expect([loaded(1)(packet(-1), contextOf(1)), loaded(1, '! ')(packet(-1), contextOf(1))]).toEqual([false, false]);
});

test.each([
  ['to an address of one machine', 0x0a000001, PACKET_HOST],
  ['to a group', 0xe0000001 | 0, PACKET_MULTICAST],
])('a packet in a multicast frame %s', (_claim, destination, kind) => {
  const p = packet(1 << 1, destination);
  p.packetType = PACKET_MULTICAST;
  loaded(1)(p, contextOf(1));
  expect(p.packetType).toBe(kind);
});
