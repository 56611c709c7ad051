import { describe, expect, test } from 'vitest';
import { FrameBatch } from '../capture/frame-batch.js';
import type { FlowEvent } from '../flow/record.js';
import { Driver, type DriverOptions } from './driver.js';
import type { FrameSource } from './frames.js';
import { type PacketResults, RESULT_ACCEPT, RESULT_DROP, RESULT_SKIPPED, type ReplayHost } from './replay-host.js';
import { Summary } from './summary.js';

interface FakeFrame {
  /** Milliseconds. */
  at: number;
  source?: string;
  direction?: number;
  interfaceId?: number;
}

/** A capture of IPv4 headers on raw IP links, `perBatch` frames at a time. */
class FakeSource implements FrameSource {
  readonly interfaces: FrameSource['interfaces'];
  readonly failure = null;
  readonly bytesRead = 0;
  readonly bytesTotal = 0;
  private at = 0;

  constructor(
    readonly name: string,
    private readonly frames: FakeFrame[],
    private readonly options: { perBatch?: number; async?: boolean; interfaces?: string[] } = {},
  ) {
    const names = options.interfaces ?? [''];
    this.interfaces = names.map((n) => ({ name: n, linkType: 101, snaplen: 0, tsresol: 1e9 }));
  }

  read(): FrameBatch | null | Promise<FrameBatch | null> {
    const next = this.next();
    return this.options.async ? Promise.resolve(next) : next;
  }

  private next(): FrameBatch | null {
    const part = this.frames.slice(this.at, this.at + (this.options.perBatch ?? 2));
    this.at += part.length;
    if (part.length === 0) return null;
    const batch = new FrameBatch();
    batch.bytes = new Uint8Array(part.length * 20);
    batch.count = part.length;
    part.forEach((f, i) => {
      batch.start[i] = i * 20;
      batch.end[i] = batch.wireLen[i] = i * 20 + 20;
      batch.wireLen[i] = 20;
      batch.bytes[i * 20] = 0x45;
      (f.source ?? '10.0.0.1').split('.').forEach((b, k) => {
        batch.bytes[i * 20 + 12 + k] = Number(b);
      });
      batch.seconds[i] = Math.floor(f.at / 1000);
      batch.nanos[i] = (f.at % 1000) * 1e6;
      batch.direction[i] = f.direction ?? 0;
      batch.interfaceId[i] = f.interfaceId ?? 0;
    });
    return batch;
  }

  close(): void {}
}

/** Notes what it is given: `ms/way/interface`. */
class FakeHost {
  readonly interfaceNames = ['', 'lo', 'r0', 'r1'];
  readonly seen: string[] = [];
  readonly runs: number[] = [];
  lostEvents = 0;
  events: FlowEvent[] = [];

  interfaceIndex(name: string): number {
    return Math.max(0, this.interfaceNames.indexOf(name));
  }
  isLocal(bytes: Uint8Array, at: number): boolean {
    return bytes[at + 3] === 1;
  }
  run(
    b: FrameBatch,
    from: number,
    to: number,
    way: Uint8Array,
    dev: Int32Array,
    link: Int32Array,
    r: PacketResults,
  ): void {
    this.runs.push(to - from);
    for (let i = from; i < to; i++) {
      const ms = b.seconds[i] * 1000 + b.nanos[i] / 1e6;
      this.seen.push(`${ms}/${way[i]}/${dev[i]}/${link[i]}`);
      r.verdict[i] = ms % 3 === 0 ? RESULT_DROP : RESULT_ACCEPT;
      r.state[i] = 3;
      r.rule[i] = ms % 2 === 0 ? -1 : (7 << 24) | 3;
      r.reason[i] = 0;
    }
  }
  drainEvents(take: (e: FlowEvent) => void): void {
    for (const e of this.events.splice(0)) take(e);
  }
}

async function replay(
  sources: FrameSource[],
  more: Partial<DriverOptions> = {},
): Promise<{ host: FakeHost; summary: Summary }> {
  const host = new FakeHost();
  const summary = new Summary();
  const driver = new Driver(sources);
  await driver.begin();
  await driver.run({
    host: host as unknown as ReplayHost,
    summary,
    packet: null,
    event: null,
    interfaceFor: (_, name) => host.interfaceIndex(name === '' ? 'r0' : name),
    pause: null,
    idle: () => {},
    stop: () => false,
    ...more,
  });
  return { host, summary };
}

const times = (seen: readonly string[]): number[] => seen.map((s) => Number(s.split('/')[0]));

describe('captures in time order', () => {
  test('one capture goes through as it is, in whole batches', async () => {
    const frames = [1, 2, 3, 4, 5].map((at) => ({ at }));
    const { host } = await replay([new FakeSource('a', frames)]);
    expect(times(host.seen)).toEqual([1, 2, 3, 4, 5]);
    expect(host.runs).toEqual([2, 2, 1]);
  });
  test.each([[false], [true]])('three are merged by time (waiting for input: %s)', async (async) => {
    const a = new FakeSource(
      'a',
      [1, 4, 5, 900, 2000].map((at) => ({ at })),
      { async },
    );
    const b = new FakeSource(
      'b',
      [2, 3, 1001, 1002].map((at) => ({ at })),
      { async },
    );
    const c = new FakeSource('c', [], { async });
    const { host } = await replay([a, b, c]);
    expect(times(host.seen)).toEqual([1, 2, 3, 4, 5, 900, 1001, 1002, 2000]);
  });
  test('of equal times the capture named first comes first', async () => {
    const a = new FakeSource(
      'a',
      [
        { at: 5, direction: 2 },
        { at: 5, direction: 2 },
        { at: 7, direction: 2 },
      ],
      { perBatch: 9 },
    );
    const b = new FakeSource(
      'b',
      [
        { at: 5, direction: 1 },
        { at: 6, direction: 1 },
      ],
      { perBatch: 9 },
    );
    expect((await replay([a, b])).host.seen.map((s) => s.slice(0, 3))).toEqual(['5/1', '5/1', '5/0', '6/0', '7/1']);
  });
  test('of equal times the capture named first comes first, also when the other is ahead', async () => {
    const a = new FakeSource('a', [{ at: 6, direction: 2 }], { perBatch: 9 });
    const b = new FakeSource(
      'b',
      [
        { at: 5, direction: 1 },
        { at: 6, direction: 1 },
      ],
      { perBatch: 9 },
    );
    expect((await replay([a, b])).host.seen.map((s) => s.slice(0, 3))).toEqual(['5/0', '6/1', '6/0']);
  });
  test('a capture out of order keeps its own order', async () => {
    const { host } = await replay([
      new FakeSource(
        'a',
        [3, 1, 2].map((at) => ({ at })),
      ),
    ]);
    expect(times(host.seen)).toEqual([3, 1, 2]);
  });
  test('nothing at all is fine', async () => {
    expect((await replay([new FakeSource('a', [])])).summary.packets).toBe(0);
  });
});

describe('where a frame goes', () => {
  test.each([
    ['the flag says outbound', { at: 0, direction: 2, source: '10.0.0.9' }, '0/1/2/101'],
    ['the flag says inbound, whatever the source', { at: 0, direction: 1, source: '10.0.0.1' }, '0/0/2/101'],
    ['no flag and a source of the host: it made it', { at: 0, source: '10.0.0.1' }, '0/1/2/101'],
    ['no flag and another source: it arrived', { at: 0, source: '10.0.0.9' }, '0/0/2/101'],
    ['the interface is the one that the capture names', { at: 0, direction: 1, interfaceId: 1 }, '0/0/3/101'],
  ])('%s', async (_, frame, expected) => {
    const { host } = await replay([new FakeSource('a', [frame], { interfaces: ['', 'r1'] })]);
    expect(host.seen).toEqual([expected]);
  });
});

describe('packet by packet', () => {
  test('a sink hears of each packet alone, numbered from 1', async () => {
    const numbers: number[] = [];
    const { host } = await replay([new FakeSource('a', [{ at: 1 }, { at: 2 }, { at: 3 }])], {
      packet: (_b, _i, _l, _r, n) => numbers.push(n),
    });
    expect(numbers).toEqual([1, 2, 3]);
    expect(host.runs).toEqual([1, 1, 1]);
  });
  test('it stops where nobody listens any more', async () => {
    let packets = 0;
    const { host } = await replay([new FakeSource('a', [{ at: 1 }, { at: 2 }, { at: 3 }])], {
      packet: () => packets++,
      stop: () => packets === 2,
    });
    expect(host.seen).toHaveLength(2);
  });
});

describe('the summary', () => {
  const rules = {
    rule: (n: number) => ({
      family: 2,
      table: 'filter',
      chain: 'INPUT',
      number: n & 0xffffff,
      text: `-A INPUT ${n >> 24}`,
    }),
    reasonName: (n: number) => `reason-${n}`,
    skipName: (n: number) => `kind-${n}`,
    tableUse: () => ({ entries: 1, peak: 2, max: 4 }),
    doubts: () => [],
    lostEvents: 0,
  } as unknown as ReplayHost;

  test('counts packets, bytes, verdicts, deciding rules, drops outside the rules', async () => {
    const { summary } = await replay([
      new FakeSource(
        'a',
        [1, 2, 3, 4, 6, 7].map((at) => ({ at })),
      ),
    ]);
    const report = summary.report(rules);
    expect(report).toMatchObject({ packets: 6, bytes: 120, verdicts: { ACCEPT: 4, DROP: 2 }, states: { NEW: 6 } });
    expect(report.rules.map((r) => [r.number, r.text, r.packets])).toEqual([[3, '-A INPUT 7', 3]]);
    expect(report.dropped.outsideRules).toEqual([{ reason: 'reason-0', packets: 1 }]);
    expect([report.first, report.last]).toEqual([0.001, 0.007]);
  });

  test('INVALID is told by reason, what is not IP by kind', () => {
    const summary = new Summary();
    const batch = new FrameBatch();
    const r = {
      verdict: Uint8Array.of(RESULT_DROP, RESULT_ACCEPT, RESULT_SKIPPED, RESULT_SKIPPED),
      state: Uint8Array.of(0, 0, 5, 5),
      rule: Int32Array.of(1, -1, -1, -1),
      reason: Int32Array.of(16, 17, 0x806, 0x806),
    } as unknown as PacketResults;
    summary.count(batch, 0, 4, r);
    const report = summary.report(rules);
    expect(report.invalid).toEqual([
      { reason: 'reason-16', packets: 1 },
      { reason: 'reason-17', packets: 1 },
    ]);
    expect(report.skipped).toEqual({ 'kind-2054': 2 });
    expect(report.states).toEqual({ INVALID: 2 });
  });

  test('more rules than the table of counts began with are all counted', () => {
    const summary = new Summary();
    const batch = new FrameBatch();
    const n = 5000;
    for (let k = 0; k < 2 * n; k++) {
      const r = {
        verdict: Uint8Array.of(1),
        state: Uint8Array.of(1),
        rule: Int32Array.of((k % n) * 7919),
        reason: Int32Array.of(0),
      };
      summary.count(batch, 0, 1, r as unknown as PacketResults);
    }
    const counted = summary.report(rules).rules;
    expect(counted).toHaveLength(n);
    expect(new Set(counted.map((r) => r.packets))).toEqual(new Set([2]));
  });

  test('the text names verdicts, rules and the fullest table, in colour only when asked', async () => {
    const { summary } = await replay([new FakeSource('a', [{ at: 3 }, { at: 9 }])]);
    const text = summary.text(rules, false);
    expect(text).toContain('Packets     2 (40 bytes), 1970-01-01 00:00:00.003000 to 1970-01-01 00:00:00.009000 UTC\n');
    expect(text).toContain('at most 2 of 4 (50.0 %)');
    expect(text).toContain('Dropped or rejected by\n  2  filter INPUT 3: -A INPUT 7\n');
    expect(text).not.toContain('\x1b');
    expect(summary.text(rules, true)).toContain('\x1b[31mDROP 2\x1b[0m');
  });
});
