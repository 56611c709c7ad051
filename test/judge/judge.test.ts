/** The judge's own parts: seeds, command line, shrinking, what it needs, what it counts. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Host } from '../../src/host/host.js';
import { loadRules } from '../../src/iptables/restore.js';
import { CT_RELATED } from '../../src/wire/packet.js';
import { LINKTYPE_RAW } from '../../src/wire/parse.js';
import { readPcapng } from '../kernel/pcapng.js';
import type { Court } from './court.js';
import { eventLines } from './ctnetlink.js';
import { FAMILIES } from './families.js';
import { writeCase } from './files.js';
import { generate, isSettled } from './generate.js';
import { chosen, judge } from './judge.js';
import type { Recording } from './lab.js';
import { main } from './main.js';
import { parseOptions, UsageError } from './options.js';
import { addressBytes, addressText, fragments, ip, tcpSegment, udpDatagram } from './packets.js';
import { ruleset } from './rules.js';
import { hasFragments, hasNat, type Step } from './scenario.js';
import { choose, shrink } from './shrink.js';
import { type Surroundings, whyNot } from './surroundings.js';
import { count, newTally, report, summary, totals } from './tally.js';
import { hostConfig, hostFile, policyCommands } from './world.js';

const digest = (steps: readonly Step[]): string =>
  steps.map((s) => `${s.side} ${s.waitMs} ${s.packet.toString('hex')}`).join('\n');

describe('a generator of scenarios', () => {
  it.each(FAMILIES.map((family) => [family.name, family] as const))(
    '%s: a seed always makes the same',
    (_name, family) => {
      const first = generate(family, 5, 1, 60);
      expect(first.steps.length).toBeGreaterThanOrEqual(60);
      expect(digest(generate(family, 5, 1, 60).steps)).toBe(digest(first.steps));
      expect(digest(generate(family, 6, 1, 60).steps)).not.toBe(digest(first.steps));
      expect(digest(generate(family, 5, 2, 60).steps)).not.toBe(digest(first.steps));
      expect(first.steps.some((step) => step.side === 'r')).toBe(/^lo(?:cal|opback)/.test(family.name));
    },
  );

  it('a server behind NAT answers to where the question came from', () => {
    const family = FAMILIES.find((f) => f.name === 'nat-masquerade')!;
    const scenario = generate(family, 1, 0, 400);
    expect(hasNat(scenario)).toBe(true);
    const own = new Set(['10.2.0.1', 'fd00:2::1']);
    const six = /^\*nat\n[^*]*MASQUERADE/m.test(scenario.rules6);
    const answers = scenario.steps.filter(
      (s) => s.side === 'b' && own.has(addressText(six ? s.packet.subarray(24, 40) : s.packet.subarray(16, 20))),
    );
    expect(answers.length).toBeGreaterThan(50);
  });
});

describe('conversations of helpers', () => {
  it.each(FAMILIES.filter((f) => f.name.startsWith('helper-')).map((f) => [f.name, f] as const))(
    '%s: connections are announced, and come',
    (_name, family) => {
      const scenario = generate(family, 1, 0, 300);
      const host = new Host(hostConfig({ 'net.netfilter.nf_conntrack_max': 8192 }, false), { answers: true });
      host.load(loadRules(scenario.rules4, 'rules.v4', 2));
      host.load(loadRules(scenario.rules6, 'rules.v6', 10));
      host.advance(1_760_000_000_000);
      let related = 0;
      for (const { side, packet } of scenario.steps) {
        const dev = host.interfaceIndex(side === 'a' ? 'r0' : 'r1');
        host.receive(Uint8Array.from(packet), 0, packet.length, packet.length, LINKTYPE_RAW, dev);
        if (host.result.state === CT_RELATED && ![1, 58].includes(packet[packet[0]! >> 4 === 6 ? 6 : 9]!)) related++;
      }
      expect(host.statistics.expectCreate).toBeGreaterThan(5);
      expect(related).toBeGreaterThan(2);
    },
  );
});

describe('what the kernel would draw', () => {
  const family = FAMILIES.find((f) => f.name === 'nat-masquerade')!;
  const scenario = generate(family, 1, 0, 50);
  const out = (source: string): Step => {
    const packet = ip(source, '10.2.0.9', 17, udpDatagram(source, '10.2.0.9', 777, 53, Buffer.from('q')));
    return { side: 'a', waitMs: 0, packet };
  };
  const four = { ...scenario, rules4: ruleset({ nat: '-A POSTROUTING -o r1 -j MASQUERADE' }), rules6: '' };
  it.each([
    ['the packets of a scenario: nothing', scenario.steps, true],
    ['one client: nothing', [out('10.1.0.2'), out('10.1.0.2')], true],
    ['two with one port: the second one’s', [out('10.1.0.2'), out('10.1.0.3')], false],
  ])('%s', (_claim, steps, isFine) => {
    expect(isSettled(steps === scenario.steps ? scenario : four, steps)).toBe(isFine);
  });
});

it('policies are made as the host has them', () => {
  expect(policyCommands()).toContain('nfct add timeout u6 inet6 udp unreplied 20 replied 45');
  expect(hostFile({}, true)).toContain('  u6: {"protocol":"udp","unreplied":20,"replied":45,"family":"inet6"}');
  expect(hostFile({}, false)).not.toContain('timeouts');
});

describe('packets', () => {
  it('checksums of RFC 1071 and of the pseudo headers', () => {
    const four = ip('10.1.0.2', '10.2.0.2', 17, udpDatagram('10.1.0.2', '10.2.0.2', 1000, 53, Buffer.from('abc')), {
      id: 7,
    });
    const total = (bytes: Buffer): number => {
      let n = 0;
      for (let i = 0; i < bytes.length; i += 2) n += bytes.readUInt16BE(i);
      while (n > 0xffff) n = (n & 0xffff) + (n >> 16);
      return n;
    };
    expect(total(four.subarray(0, 20))).toBe(0xffff);
    const segment = tcpSegment('fd00:1::2', 'fd00:2::2', 1, 2, { seq: -1, payload: Buffer.from('abcd') });
    const pseudo = Buffer.concat([
      addressBytes('fd00:1::2'),
      addressBytes('fd00:2::2'),
      Buffer.from([0, 0, 0, segment.length, 0, 0, 0, 6]),
    ]);
    expect(total(Buffer.concat([pseudo, segment]))).toBe(0xffff);
  });

  it('fragments carry all bytes', () => {
    const whole = ip('10.1.0.2', '10.2.0.2', 17, Buffer.alloc(100, 'x'), { id: 9 });
    const pieces = fragments(whole, 48, 0);
    expect(pieces.map((p) => p.readUInt16BE(6))).toEqual([0x2000, 0x2006, 12]);
    expect(Buffer.concat(pieces.map((p) => p.subarray(20)))).toEqual(whole.subarray(20));
    expect(hasFragments([{ side: 'a', waitMs: 0, packet: whole }])).toBe(false);
    expect(hasFragments([{ side: 'a', waitMs: 0, packet: pieces[1]! }])).toBe(true);
  });
});

describe('shrinking', () => {
  const steps = Array.from(
    { length: 200 },
    (_, i): Step => ({ side: 'a', waitMs: i % 50 === 0 ? 10 : 0, packet: Buffer.from([i]) }),
  );
  const numbers = (list: readonly Step[]): number[] => list.map((s) => s.packet[0]!);

  it('finds the packets that matter, and only them', async () => {
    const shows = async (list: readonly Step[]): Promise<boolean> =>
      [3, 77, 150].every((n) => numbers(list).includes(n));
    expect(numbers(await shrink(steps, shows, 500))).toEqual([3, 77, 150]);
  });

  it('keeps the time between the packets where it matters', async () => {
    const shows = async (list: readonly Step[]): Promise<boolean> =>
      numbers(list).includes(180) && list.reduce((sum, s) => sum + s.waitMs, 0) >= 40;
    const small = await shrink(steps, shows, 500);
    expect(numbers(small)).toEqual([180]);
    expect(small[0]!.waitMs).toBe(40);
    expect(choose(steps, [60, 120]).map((s) => s.waitMs)).toEqual([20, 10]);
  });

  it('asks no more often than it may, and what it returns still shows it', async () => {
    let asked = 0;
    const shows = async (list: readonly Step[]): Promise<boolean> => {
      asked++;
      return numbers(list).includes(9);
    };
    const small = await shrink(steps, shows, 6);
    expect(asked).toBeLessThanOrEqual(7);
    expect(numbers(small)).toContain(9);
  });
});

describe('a run', () => {
  const options = { seed: 1, packets: 1000, minutes: null, families: ['udp'], keep: null, results: null };
  const voice = { say: () => {}, progress: () => {} };
  const court = { hear: () => Promise.reject(new Error('the replay ended')) } as unknown as Court;
  it('that is stopped in the middle of a scenario says what it has counted', async () => {
    let asked = 0;
    const tally = await judge(options, court, voice, () => asked++ > 0);
    expect(totals(tally)).toEqual({ scenarios: 0, packets: 0, differences: 0 });
  });
  it('ends with what goes wrong otherwise', () =>
    expect(judge(options, court, voice, () => false)).rejects.toThrow('the replay ended'));
});

describe('the command line', () => {
  const parse = (...args: string[]) => parseOptions(args, () => 42);

  it('has its defaults', () => {
    expect(parse()).toEqual({ seed: 42, packets: 100_000, minutes: null, families: null, keep: null, results: null });
    expect(parse('--minutes', '2')).toMatchObject({ packets: null, minutes: 2 });
    expect(parse('--help')).toBe('help');
    expect(parse('--check')).toBe('check');
    const o = parse('--family', 'udp', '--family', 'tcp');
    expect(typeof o === 'string' ? [] : chosen(o).map((f) => f.name)).toEqual(['tcp', 'udp']);
  });

  it.each([
    [['--seed'], '--seed: expected a whole number, got nothing'],
    [['--seed', 'x'], '--seed: expected a whole number, got "x"'],
    [['--packets', '-1'], '--packets: expected a whole number, got "-1"'],
    [['--minutes', ''], '--minutes: expected a number, got ""'],
    [['--packets', '1', '--minutes', '1'], '--packets and --minutes: expected one of them, got both'],
    [['--family', 'x'], '--family: expected one of those below, got "x"'],
    [['--keep'], '--keep: expected a path, got nothing'],
    [['--fast'], 'unknown option "--fast"'],
  ])('%j is refused', (args, message) => {
    expect(() => parse(...args)).toThrow(new UsageError(message));
  });

  it('wrong use has status 2', async () => {
    const write = process.stderr.write;
    let said = '';
    process.stderr.write = ((text: string) => {
      said += text;
      return true;
    }) as typeof process.stderr.write;
    try {
      expect(await main(['--fast'], '.')).toBe(2);
      expect(await main(['report'], '.')).toBe(2);
    } finally {
      process.stderr.write = write;
    }
    expect(said).toMatch(/^judge: unknown option "--fast"\n\nusage: /);
  });
});

describe('what the judge needs', () => {
  const fine: Surroundings = { platform: 'linux', userId: 0, hasProgram: () => true, tryNamespace: () => null };
  it.each<[string, Partial<Surroundings>, string | null]>([
    ['all is there', {}, null],
    ['another system', { platform: 'darwin' }, 'the judge asks a Linux kernel, and this is darwin'],
    ['not root', { userId: 1000 }, 'the judge makes network namespaces and sends raw frames: it needs root'],
    ['no conntrack', { hasProgram: (n) => n !== 'conntrack' }, 'missing: conntrack (Debian: conntrack)'],
    [
      'no iptables-legacy',
      { hasProgram: (n) => !n.includes('legacy') },
      'missing: iptables-legacy, ip6tables-legacy (Debian: iptables)',
    ],
    [
      'no namespaces',
      { tryNamespace: () => 'no network namespace: x' },
      'this kernel cannot be asked: no network namespace: x',
    ],
  ])('%s', (_claim, change, line) => expect(whyNot({ ...fine, ...change })).toBe(line));
});

describe('what was compared', () => {
  it('is counted, summed up and reported', () => {
    const tally = newTally(7, 'Linux 6.18', '2026-01-02');
    count(tally, 'tcp', 1500, []);
    count(tally, 'tcp', 500, ['events', 'packets']);
    count(tally, 'udp', 1000, []);
    tally.seconds = 2;
    expect(totals(tally)).toEqual({ scenarios: 3, packets: 3000, differences: 1 });
    expect(summary(tally)).toContain(
      '3000 packets in 3 scenarios compared, 1500 a second\n1 scenario with differences',
    );
    const text = report([tally, tally], { nat: 4 }, new Map([['tcp', 'TCP']]));
    expect(text).toContain('6,000 packets in 6 made-up scenarios compared,\n2 scenarios with differences');
    expect(text).toContain('| `tcp` | TCP | 4 | 4,000 | 2 |');
    expect(text).toContain('| events | 2 |');
    expect(text).toContain('| nat | 4 |');
    expect(text).toContain('| 7 | 2026-01-02 | Linux 6.18 | 3,000 | 1 | 0 |');
  });
});

describe('netlink messages become lines', () => {
  const nested = (type: number, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(4);
    head.writeUInt16LE(body.length + 4, 0);
    head.writeUInt16LE(type, 2);
    return Buffer.concat([head, body, Buffer.alloc(-body.length & 3)]);
  };
  const tuple = (type: number, from: number[], to: number[], sport: number, dport: number): Buffer =>
    nested(
      0x8000 | type,
      nested(0x8001, nested(1, Buffer.from(from)), nested(2, Buffer.from(to))),
      nested(
        0x8002,
        nested(1, Buffer.from([6])),
        nested(2, Buffer.from([sport >> 8, sport & 255])),
        nested(3, Buffer.from([dport >> 8, dport & 255])),
      ),
    );
  const message = (type: number, flags: number, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat([Buffer.from([2, 0, 0, 0]), ...parts]);
    const head = Buffer.alloc(16);
    head.writeUInt32LE(16 + body.length, 0);
    head.writeUInt16LE(type, 4);
    head.writeUInt16LE(flags, 6);
    return Buffer.concat([head, body]);
  };
  const connection = [
    tuple(1, [10, 1, 0, 2], [10, 2, 0, 2], 1000, 80),
    tuple(2, [10, 2, 0, 2], [10, 1, 0, 2], 80, 1000),
    nested(3, Buffer.from([0, 0, 0, 8])),
    nested(7, Buffer.from([0, 0, 0, 120])),
    nested(0x8004, nested(0x8001, nested(1, Buffer.from([1])))),
  ];
  it('of conntrack -E', () => {
    expect(eventLines(message(0x100, 0x600, ...connection))).toEqual({
      connections:
        '    [NEW] tcp      6 120 SYN_SENT src=10.1.0.2 dst=10.2.0.2 sport=1000 dport=80 [UNREPLIED] src=10.2.0.2 dst=10.1.0.2 sport=80 dport=1000\n',
      expectations: '',
    });
  });
  it('of conntrack -E expect', () => {
    const ones = [255, 255, 255, 255];
    const expected = [
      tuple(1, [10, 1, 0, 2], [10, 2, 0, 2], 1000, 21),
      tuple(2, [10, 2, 0, 2], [10, 1, 0, 2], 0, 41000),
      tuple(3, ones, ones, 0, 65535),
      nested(4, Buffer.from([0, 0, 1, 44])),
      nested(6, Buffer.from('ftp\0')),
      nested(9, Buffer.alloc(4)),
    ];
    const text =
      '300 proto=6 src=10.2.0.2 dst=10.1.0.2 sport=0 dport=41000 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 master-src=10.1.0.2 master-dst=10.2.0.2 sport=1000 dport=21 class=0 helper=ftp\n';
    const data = Buffer.concat([message(0x200, 0x600, ...expected), message(0x202, 0, ...expected)]);
    expect(eventLines(data)).toEqual({ connections: '', expectations: `    [NEW] ${text}[DESTROY] ${text}` });
  });
});

it('a case is saved as those of test/kernel/cases are', () => {
  const folder = mkdtempSync(join(tmpdir(), 'statewall-judge-test-'));
  try {
    const scenario = generate(FAMILIES[0]!, 1, 0, 10);
    const frame = (packet: Buffer): Buffer => Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0]), packet]);
    const made = ip('10.1.0.1', '10.1.0.2', 1, Buffer.alloc(8), { id: 99 });
    const passed = ip('10.2.0.1', '10.1.0.2', 17, Buffer.alloc(8), { id: 5 });
    const seen: Recording['seen'] = [
      { time: 1_760_000_000_000_000_005n, dev: 'r0', way: 'came', frame: frame(passed) },
      { time: 1_760_000_000_000_000_006n, dev: 'r0', way: 'went', frame: frame(passed) },
      { time: 1_760_000_000_000_000_007n, dev: 'r0', way: 'went', frame: frame(made) },
    ];
    writeCase(folder, scenario, {
      seen,
      rules4: '',
      rules6: '',
      table: '',
      expectations: '',
      events: '',
      expectations6: '',
      expectationEvents: '',
      log: null,
      lateSeconds: 0,
    });
    expect(readFileSync(join(folder, 'case.yaml'), 'utf8')).toMatch(
      /^name: tcp-1-0\nfamily: tcp\ncovers: .*\npackets: 1\nemitted: 2\n$/,
    );
    const out = readPcapng(readFileSync(join(folder, 'expect/out.pcapng')));
    expect(out.map((p) => [p.dev, p.comment])).toEqual([
      ['r0', ''],
      ['r0', 'host-made'],
    ]);
    expect(readPcapng(readFileSync(join(folder, 'in.pcapng'))).length).toBe(1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
