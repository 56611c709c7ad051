import { describe, expect, it } from 'vitest';
import { ip4, u16, u32 } from '../../test/support/wire-frames.js';
import { loadRules } from '../iptables/restore.js';
import { printRuleset } from '../iptables/save.js';
import { VERDICT_ACCEPT, VERDICT_DROP, VERDICT_REJECT } from '../rules/context.js';
import { fillTransportChecksum } from '../wire/checksum.js';
import {
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  type Packet,
  Packet as PacketObject,
} from '../wire/packet.js';
import { LINKTYPE_RAW, parseNetwork } from '../wire/parse.js';
import { Host } from './host.js';
import { VERDICT_SKIPPED } from './results.js';

const TABLES = ['raw', 'mangle', 'nat', 'filter', 'security'];
const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** include/uapi/linux/netfilter_ipv4.h enum nf_ip_hook_priorities, by step. */
const PRIORITY: Record<string, number> = {
  raw: -300,
  track: -200,
  mangle: -150,
  'nat PREROUTING': -100,
  'nat OUTPUT': -100,
  filter: 0,
  security: 50,
  'nat INPUT': 100,
  'nat POSTROUTING': 100,
  confirm: Number.MAX_SAFE_INTEGER,
};

const ALL_TABLES = `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
*security
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
`;

const SYN = 2;
const ACK = 16;
const RST = 4;

function router(rules: string): Host {
  const host = new Host({
    interfaces: [
      { name: 'in0', addresses: ['10.1.0.1/24'] },
      { name: 'out0', addresses: ['10.2.0.1/24'] },
    ],
    sysctl: { 'net.ipv4.ip_forward': 1 },
  });
  host.load(loadRules(rules, 'rules', 2));
  host.advance(1_000_000);
  return host;
}

/** A TCP segment from its IP header on, checksums right. */
function segment(
  src: string,
  dst: string,
  ports: [number, number],
  flags: number,
  seq = 1000,
  ack = 0,
  ttl = 64,
): Uint8Array {
  const header = [...u16(ports[0]), ...u16(ports[1]), ...u32(seq), ...u32(ack), 0x50, flags, ...u16(8192), 0, 0, 0, 0];
  const bytes = Uint8Array.from(ip4(6, header, { source: src, destination: dst, ttl }));
  const p = new PacketObject();
  parseNetwork(p, bytes, 0, bytes.length);
  fillTransportChecksum(p);
  return bytes;
}

function arrive(host: Host, bytes: Uint8Array): number {
  return host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex('in0'));
}

/** Notes every step of the packets that pass, `hook step`. */
function watch(host: Host): string[] {
  const steps: string[] = [];
  const { engine, tracker } = host;
  const run = engine.run.bind(engine);
  engine.run = (table, hook, p, c) => {
    const name = TABLES[table]!;
    steps.push(`${HOOKS[hook]} ${name === 'nat' ? `nat ${HOOKS[hook]}` : name}`);
    return run(table, hook, p, c);
  };
  for (const step of ['track', 'confirm'] as const) {
    const inner = tracker[step].bind(tracker);
    tracker[step] = (p: Packet) => {
      steps.push(`${HOOKS[p.hook]} ${step}`);
      return inner(p);
    };
  }
  return steps;
}

describe('the way of a packet', () => {
  const ways = [
    { name: 'forwarded', hooks: ['PREROUTING', 'FORWARD', 'POSTROUTING'], dst: '10.2.0.9', made: false, steps: 10 },
    { name: 'for the host', hooks: ['PREROUTING', 'INPUT'], dst: '10.1.0.1', made: false, steps: 9 },
    { name: 'made by the host', hooks: ['OUTPUT', 'POSTROUTING'], dst: '10.2.0.9', made: true, steps: 9 },
  ];
  it.each(ways)(
    '$name: hooks in order, steps in the order of the kernel priorities',
    ({ hooks, dst, made, steps: count }) => {
      const host = router(ALL_TABLES);
      const steps = watch(host);
      const bytes = segment(made ? '10.2.0.1' : '10.1.0.9', dst, [1000, 80], SYN);
      const verdict = made ? host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW) : arrive(host, bytes);
      expect(verdict).toBe(VERDICT_ACCEPT);
      expect(steps.length).toBe(count);
      const seen = steps.map((s) => s.split(' ')[0]!);
      expect([...new Set(seen)]).toEqual(hooks);
      for (const hook of hooks) {
        const priorities = steps
          .filter((s) => s.startsWith(`${hook} `))
          .map((s) => PRIORITY[s.slice(hook.length + 1)]!);
        expect(priorities).not.toContain(undefined);
        expect(priorities).toEqual([...priorities].sort((a, b) => a - b));
      }
    },
  );

  it('a connection is seen by look-ups only once its first packet has passed', () => {
    const host = router('*filter\n:FORWARD ACCEPT\n-A FORWARD -p tcp --dport 81 -j DROP\nCOMMIT\n');
    expect(arrive(host, segment('10.1.0.9', '10.2.0.9', [1000, 81], SYN))).toBe(VERDICT_DROP);
    expect(host.result.state).toBe(CT_NEW);
    expect([...host.flows()]).toEqual([]);
    expect(host.tracker.table.count).toBe(0);
    expect(arrive(host, segment('10.1.0.9', '10.2.0.9', [1000, 80], SYN))).toBe(VERDICT_ACCEPT);
    expect([...host.flows()].length).toBe(1);
  });

  it('says which rule decided, in which hook, and the state that it saw', () => {
    const host = router(
      '*filter\n:FORWARD DROP\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\n-A FORWARD -p tcp --dport 80 -j ACCEPT\nCOMMIT\n',
    );
    arrive(host, segment('10.1.0.9', '10.2.0.9', [1000, 80], SYN));
    expect(host.decision(host.result.rule)).toMatchObject({ table: 'filter', chain: 'FORWARD', number: 2 });
    expect(host.result.hook).toBe(HOOK_FORWARD);
    arrive(host, segment('10.1.0.9', '10.2.0.9', [1001, 81], SYN));
    expect(host.decision(host.result.rule)).toMatchObject({ table: 'filter', chain: 'FORWARD', number: null });
    expect(arrive(host, segment('10.1.0.9', '10.2.0.9', [1002, 80], SYN | RST))).toBe(VERDICT_DROP);
    expect(host.result.state).toBe(CT_INVALID);
    expect(host.decision(host.result.rule)).toMatchObject({ number: 1 });
    expect(host.reasonText()).toBe('TCP flag combination 0x6 is not valid');
  });

  it('a dropped packet in another table is decided there', () => {
    const host = router(
      '*mangle\n:PREROUTING ACCEPT\n-A PREROUTING -p tcp --dport 80 -j DROP\nCOMMIT\n*filter\n:FORWARD ACCEPT\nCOMMIT\n',
    );
    expect(arrive(host, segment('10.1.0.9', '10.2.0.9', [1000, 80], SYN))).toBe(VERDICT_DROP);
    expect(host.decision(host.result.rule)).toMatchObject({ table: 'mangle', chain: 'PREROUTING', number: 1 });
  });

  it('TTL is one less in FORWARD and after it; used up, it is answered and dropped', () => {
    const host = router('*filter\n:FORWARD ACCEPT\n-A FORWARD -m ttl --ttl-eq 63\nCOMMIT\n');
    const out: { ttl: number; made: boolean; protocol: number }[] = [];
    host.onEmit = (bytes, start, _end, _dev, _kind, made) =>
      out.push({ ttl: bytes[start + 8]!, made, protocol: bytes[start + 9]! });
    arrive(host, segment('10.1.0.9', '10.2.0.9', [1000, 80], SYN));
    expect(arrive(host, segment('10.1.0.9', '10.2.0.9', [1001, 80], SYN, 1, 0, 1))).toBe(VERDICT_DROP);
    expect(host.reasonText()).toBe('TTL used up');
    expect(out).toEqual([
      { ttl: 63, made: false, protocol: 6 },
      { ttl: 64, made: true, protocol: 1 },
    ]);
  });

  it('REJECT answers; the answer passes OUTPUT as RELATED', () => {
    const host = router(
      '*filter\n:FORWARD ACCEPT\n:OUTPUT DROP\n-A FORWARD -j REJECT\n-A OUTPUT -m conntrack --ctstate RELATED -j ACCEPT\nCOMMIT\n',
    );
    let made = 0;
    host.onEmit = () => made++;
    expect(arrive(host, segment('10.1.0.9', '10.2.0.9', [1000, 80], SYN))).toBe(VERDICT_REJECT);
    expect(made).toBe(1);
    expect(host.tracker.table.count).toBe(0);
  });

  it('replies are ESTABLISHED, delivered packets end in INPUT, sent ones in OUTPUT', () => {
    const host = router('*filter\n:INPUT ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n');
    arrive(host, segment('10.1.0.9', '10.1.0.1', [1000, 80], SYN));
    expect(host.result.hook).toBe(HOOK_INPUT);
    const reply = segment('10.1.0.1', '10.1.0.9', [80, 1000], SYN | ACK, 5, 1001);
    host.send(reply, 0, reply.length, reply.length, LINKTYPE_RAW);
    expect(host.result).toMatchObject({
      hook: HOOK_OUTPUT,
      state: CT_ESTABLISHED,
      outInterface: host.interfaceIndex('in0'),
    });
  });

  it.each([
    ['bytes of no IP version', [0x20], 'IP version 2 where 4 was announced'],
    ['a header cut off', [0x45, 0, 0, 40], 'the frame holds 4 bytes of an IP header of 20'],
  ])('says why %s are no packet', (_name, bytes, why) => {
    const host = router('*filter\n:FORWARD DROP\nCOMMIT\n');
    expect(arrive(host, Uint8Array.from(bytes))).toBe(VERDICT_SKIPPED);
    expect(host.result.rule).toBe(-1);
    expect(host.reasonText()).toBe(why);
  });

  it('counts for whoever asks: rules, statistics, lost events', () => {
    const host = new Host({ interfaces: [{ name: 'in0', addresses: ['10.1.0.1/16'] }] }, { eventRing: 2 });
    const rules = loadRules('*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n', 'rules', 2);
    host.load(rules);
    host.listen();
    for (let port = 1; port <= 5; port++) arrive(host, segment('10.1.0.9', '10.1.0.1', [port, 80], SYN));
    host.exportCounters(rules);
    expect(rules.tables.get('filter')!.chains.get('INPUT')!.rules[0]!.packets).toBe(5);
    expect(host.statistics.insert).toBe(0); // the kernel counts only what programs enter
    expect(host.lostEvents).toBe(3);
  });

  it('a packet on lo is tracked once', () => {
    const host = router('*filter\n:INPUT ACCEPT\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n');
    const bytes = segment('127.0.0.1', '127.0.0.1', [1000, 80], SYN);
    host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
    host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex('lo'));
    expect(host.result.state).toBe(CT_NEW);
    expect(host.tracker.table.count).toBe(1);
  });
});

describe('a packet that NAT gives another destination on lo', () => {
  const to = (destination: string) => {
    const host = new Host({
      interfaces: [{ name: 'r0', addresses: ['10.1.0.1/24'] }],
      sysctl: { 'net.ipv4.ip_forward': 1 },
    });
    const nat = `*nat\n:PREROUTING ACCEPT\n-A PREROUTING -p tcp -j DNAT --to-destination ${destination}\nCOMMIT\n`;
    host.load(loadRules(nat, 'rules', 2));
    const bytes = segment('10.1.0.1', '10.1.0.1', [1000, 80], SYN);
    host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex('lo'));
    return host.reasonName(host.result.reason);
  };
  it.each([
    ['its own: delivered', '127.0.0.9', ''],
    ['another host’s: from an own address, a martian', '10.1.0.2', 'martian-source'],
  ])('%s', (_claim, destination, reason) => expect(to(destination)).toBe(reason));
});

describe('a packet that comes back on lo', () => {
  const way = (pauseMs: number) => {
    const host = new Host({});
    host.load(loadRules('*raw\n:PREROUTING ACCEPT\n-A PREROUTING -m connlabel --label 1 --set\nCOMMIT\n', 'rules', 2));
    const bytes = segment('127.0.0.1', '127.0.0.1', [1000, 80], SYN);
    host.advance(1_000_000);
    host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex('lo'));
    const { connectionId } = host.result;
    host.advance(1_000_000 + pauseMs);
    host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex('lo'));
    return {
      left: connectionId,
      arrived: host.result.connectionId,
      state: host.result.state,
      count: host.tracker.table.count,
    };
  };

  it('has the connection that it left with', () => {
    const { left, arrived } = way(1);
    expect(left).toBeGreaterThan(0);
    expect(arrived).toBe(left);
  });

  it('has its state and no connection where that has ended since', () => {
    expect(way(200_000)).toEqual({ left: 1, arrived: 0, state: CT_NEW, count: 0 });
  });
});

describe('what the host says of an untracked packet', () => {
  // recorded: the answer comes with a mark of its cause, which -j CT takes for a connection, and tracking for nothing
  it.each([
    ['an ICMP error', '-A FORWARD -p tcp -j REJECT'],
    ['a RST', '-A FORWARD -p tcp -j REJECT --reject-with tcp-reset'],
  ])('is tracked whatever the raw table says: %s', (_, reject) => {
    const states = ['UNTRACKED', 'INVALID'].map((state) => `-A OUTPUT -m conntrack --ctstate ${state}`).join('\n');
    const ruleset = loadRules(
      `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -j CT --notrack
-A OUTPUT -j CT --notrack
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
${reject}
${states}
COMMIT
`,
      'rules',
      2,
    );
    const host = router(ALL_TABLES);
    host.load(ruleset);
    expect(arrive(host, segment('10.1.0.9', '10.2.0.9', [1000, 80], SYN))).toBe(VERDICT_REJECT);
    host.exportCounters(ruleset);
    const lines = printRuleset(ruleset, { counters: true }).split('\n');
    expect(lines.filter((line) => line.includes('-A OUTPUT -m')).map((line) => line.replace(/:\d+\].* /, ' '))).toEqual(
      ['[0 UNTRACKED', '[1 INVALID'],
    );
  });
});
