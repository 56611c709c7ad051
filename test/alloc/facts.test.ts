/** Extensions that ask the host allocate nothing in millions of packets, while a control does. */
import { describe, expect, it } from 'vitest';
import { Host } from '../../src/host/host.js';
import type { LoadContext, RuleContext } from '../../src/rules/context.js';
import type { Family } from '../../src/rules/model.js';
import { registryOf } from '../../src/rules/registry.js';
import { HAS_LOCAL_ORIGIN, HOOK_INPUT, HOOK_OUTPUT, HOOK_PREROUTING, Packet } from '../../src/wire/packet.js';
import { parseNetwork } from '../../src/wire/parse.js';
import { fewestCollections } from '../support/collections.js';
import { specOf } from '../support/option-lines.js';
import { type Bytes, icmp, ip4, ip6, u16, u32 } from '../support/wire-frames.js';

const CALLS = 1_500_000;
const ROUNDS = 6;

type Call = (p: Packet, c: RuleContext) => unknown;

const SOCKETS = Array.from({ length: 50 }, (_, i) => [
  {
    protocol: 'tcp',
    local: `10.1.0.1:${75 + i}`,
    uid: 4294967000 + i,
    groups: [5, 6],
    cgroup: '/a/b',
    transparent: true,
  },
  { protocol: 'udp', local: `*:${50 + i}`, uid: i, mark: 0xfffffff0 },
  { protocol: 'udp', remote: `10.1.0.2:${1000 + i}`, uid: i, classid: 'ffff:1' },
]).flat();
const host = new Host({
  interfaces: [
    { name: 'r0', addresses: ['10.1.0.1/24', 'fd00:1::1/64'], cpu: 1 },
    { name: 'r1', addresses: ['10.2.0.1/24'] },
  ],
  routes: [
    { to: '10.9.0.0/16', via: '10.2.0.2', dev: 'r1', realm: '65535/5' },
    { to: 'default', via: '10.1.0.9', dev: 'r0', mark: 7 },
  ],
  sockets: SOCKETS,
  osf: '*:64:0:40:.:Odd:1::none\nS4:64:0:44:M*:Linux:2.6::Linux\n',
  nfacct: { a: { quota: 5 } },
  sysctl: { 'net.netfilter.nf_conntrack_max': 100 },
});

const segment = (flags: number, options: Bytes = []): Bytes => [
  ...u16(1000),
  ...u16(80),
  ...u32(1),
  ...u32(2),
  (5 + options.length / 4) << 4,
  flags,
  ...u16(5840),
  0,
  0,
  0,
  0,
  ...options,
];
const datagram = [...u16(53), ...u16(1003), ...u16(8), 0, 0];

function packets(family: Family): Packet[] {
  const four = { source: '10.1.0.2', destination: '10.1.0.1' };
  const out = { source: '10.1.0.1', destination: '10.1.0.2' };
  const six = { source: 'fd00:1::2', destination: 'fd00:1::1' };
  const rows: [Bytes, number][] =
    family === 2
      ? [
          [ip4(6, segment(2, [2, 4, 5, 0xb4]), four), HOOK_PREROUTING],
          [ip4(6, segment(16), four), HOOK_INPUT],
          [ip4(6, segment(18), out), HOOK_OUTPUT],
          [ip4(17, datagram, out), HOOK_OUTPUT],
          [ip4(17, datagram, { source: '10.9.0.1', destination: '10.9.0.2' }), HOOK_PREROUTING],
          [ip4(1, icmp(3, 3, [0, 0, 0, 0], ip4(17, datagram, out)), four), HOOK_INPUT],
          [ip4(1, icmp(8, 0, [0, 1, 0, 1]), out), HOOK_OUTPUT],
        ]
      : [
          [ip6(17, datagram, six), HOOK_PREROUTING],
          [ip6(6, segment(2), six), HOOK_INPUT],
        ];
  return rows.map(([row, hook]) => {
    const bytes = Uint8Array.from(row);
    const p = new Packet();
    expect(parseNetwork(p, bytes, 0, bytes.length)).toBe(0);
    p.hook = hook;
    if (hook === HOOK_OUTPUT) p.has |= HAS_LOCAL_ORIGIN;
    else p.inInterface = 2;
    p.mark = 7;
    return p;
  });
}

/** Garbage collections in a round of calls. */
function garbageOf(call: Call, family: Family): Promise<number> {
  const list = packets(family);
  return fewestCollections(() => {
    for (let k = 0; k < CALLS; k++) call(list[k % list.length]!, host);
  }, ROUNDS);
}

const shared = new Map<string, unknown>();
const loading = {
  facts: host.facts,
  interfaceIndex: () => 0,
  shared(key: string, make: () => unknown) {
    if (!shared.has(key)) shared.set(key, make());
    return shared.get(key);
  },
} as unknown as LoadContext;

const RULES: readonly (readonly [family: Family, kind: 'm' | 'j', name: string, options: string])[] = [
  [2, 'm', 'owner', '--uid-owner 5-4294967294 ! --gid-owner 3 --suppl-groups'],
  [2, 'm', 'cgroup', '--path /a'],
  [2, 'm', 'cgroup', '! --cgroup 4294901761'],
  [2, 'm', 'socket', '--transparent --restore-skmark'],
  [10, 'm', 'socket', '--nowildcard'],
  [2, 'm', 'rpfilter', '--validmark'],
  [10, 'm', 'rpfilter', '--loose'],
  [2, 'm', 'realm', '--realm 0xffff0005'],
  [2, 'm', 'cpu', '--cpu 1'],
  [2, 'm', 'osf', '--genre Linux'],
  [2, 'm', 'nfacct', '--nfacct-name a'],
  [2, 'j', 'TPROXY', '--on-port 80 --tproxy-mark 7'],
];

describe('no garbage', () => {
  it.each(RULES)('IPv%i -%s %s %s', async (family, kind, name, options) => {
    const registry = registryOf(family);
    const { extension } = kind === 'm' ? registry.matches.get(name)! : registry.targets.get(name)!;
    expect(await garbageOf(extension.load!(specOf<unknown>(extension, options, family), loading), family)).toBe(0);
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
