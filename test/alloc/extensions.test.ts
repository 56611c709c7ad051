/** Extensions over packet bytes and state allocate nothing in millions of packets, while a control does. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RECORD_WORDS } from '../../src/conntrack/layout.js';
import type { LoadContext, RuleContext } from '../../src/rules/context.js';
import type { OptionContext } from '../../src/rules/extension.js';
import type { Family } from '../../src/rules/model.js';
import { registryOf } from '../../src/rules/registry.js';
import { Packet } from '../../src/wire/packet.js';
import { parseNetwork, reparseNetwork } from '../../src/wire/parse.js';
import { fewestCollections } from '../support/collections.js';
import { specOf } from '../support/option-lines.js';
import { testHost } from '../support/rules.js';

const CALLS = 1_500_000;
const ROUNDS = 6;

type Call = (p: Packet, c: RuleContext) => unknown;

/** The packets of the recorded cases. */
function packets(family: Family): Packet[] {
  const text = readFileSync(new URL('../fixtures/rules/packet-extension-packets.tsv', import.meta.url), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith(family === 2 ? '4' : '6'));
  return rows.flatMap((row) => {
    const bytes = Uint8Array.from(Buffer.from(row.split('\t')[4]!, 'hex'));
    const p = new Packet();
    if (parseNetwork(p, bytes, 0, bytes.length) !== 0) return [];
    p.connection = 1 << 1;
    return [p];
  });
}

const PACKETS = { 2: packets(2), 10: packets(10) };

const shared = new Map<string, unknown>();
const loading = {
  shared(key: string, make: () => unknown) {
    if (!shared.has(key)) shared.set(key, make());
    return shared.get(key);
  },
} as unknown as LoadContext;

function context(): RuleContext {
  const words = new Int32Array(2 * RECORD_WORDS).fill(77);
  const readTuple = (_slot: number, direction: number, out: Int32Array) => {
    for (let i = 0; i < out.length; i++) out[i] = i * 7 + direction;
  };
  const tracker = { table: { words, readTuple } } as unknown as RuleContext['tracker'];
  const reparse = (p: Packet) => void reparseNetwork(p, p.end);
  return { ...testHost('eth0').context, tracker, reparse, nowMs: 1760000000000.5 };
}

/** Garbage collections in a round of calls. */
function garbageOf(call: Call, family: Family): Promise<number> {
  const list = PACKETS[family];
  const c = context();
  return fewestCollections(() => {
    for (let k = 0; k < CALLS; k++) {
      // a number with a fraction in an object of a test may be an allocation: seldom enough not to count
      if ((k & 1023) === 0) c.nowMs += 300.5;
      call(list[k % list.length]!, c);
    }
  }, ROUNDS);
}

const RULES: readonly (readonly [family: Family, kind: 'm' | 'j', name: string, options: string])[] = [
  [2, 'm', 'bpf', '--bytecode "5,177 0 0 0,72 0 0 2,21 0 1 53,6 0 0 1,6 0 0 0"'],
  [
    2,
    'm',
    'bpf',
    '--bytecode "8,32 0 0 12,36 0 0 77777,52 0 0 3,148 0 0 4294967291,7 0 0 0,32 0 0 4294963256,172 0 0 0,22 0 0 0"',
  ],
  [2, 'm', 'cluster', '--cluster-total-nodes 5 --cluster-local-node 2 --cluster-hash-seed 3405691582'],
  [10, 'm', 'eui64', ''],
  [2, 'm', 'ipcomp', '--ipcompspi 18'],
  [10, 'm', 'mh', '--mh-type 5'],
  [10, 'm', 'srh', '--srh-segs-left-gt 0 --srh-nsid fd00::2/127'],
  [2, 'm', 'time', '--timestart 1:00 --timestop 23:00 --monthdays 9,10 --weekdays Mon,Tue,Thu,Fri'],
  [2, 'j', 'RATEEST', '--rateest-name r --rateest-interval 250ms --rateest-ewmalog 1s'],
  [2, 'm', 'rateest', '--rateest r --rateest-gt'],
  [
    2,
    'j',
    'HMARK',
    '--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 --hmark-rnd 1 --hmark-offset 4000000000',
  ],
  [2, 'j', 'HMARK', '--hmark-tuple ct,src,dst,sport,dport --hmark-mod 4294967295 --hmark-rnd 3405691582'],
  [10, 'j', 'HMARK', '--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 --hmark-rnd 3405691582'],
  [10, 'j', 'SNPT', '--src-pfx fd00::/48 --dst-pfx 2001:db8:1::/48'],
  [2, 'j', 'CHECKSUM', '--checksum-fill'],
];

describe('no garbage', () => {
  it.each(RULES)('IPv%i -%s %s %s', async (family, kind, name, options) => {
    const registry = registryOf(family);
    const { extension } = kind === 'm' ? registry.matches.get(name)! : registry.targets.get(name)!;
    const spec = specOf<unknown>(extension, options, family);
    // an option that may do without a value gets none from specOf
    if (name === 'rateest') extension.option(spec, 'rateest-pps2', '5', false, {} as OptionContext);
    expect(await garbageOf(extension.load!(spec, loading), family)).toBe(0);
  });

  it('a control that allocates is seen', async () => {
    let kept: unknown = null;
    const call: Call = (p) => {
      kept = { end: p.end };
    };
    expect(await garbageOf(call, 2)).toBeGreaterThan(0);
    expect(kept).not.toBeNull();
  });
});
