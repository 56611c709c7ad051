/** The running kernel's table through netlink, against conntrack(8) 1.4.7 and nfct on the same network namespace. Needs root. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatEventLine } from '../../src/flow/event.js';
import { formatExpectationLine } from '../../src/flow/expectation.js';
import { formatFlowLine } from '../../src/flow/line.js';
import { parseFlowLine } from '../../src/flow/parse-line.js';
import { type ExpectationRecord, type FlowRecord, plainTuple } from '../../src/flow/record.js';
import type { FlowChange, FlowEventItem, FlowLoss, FlowQuery } from '../../src/flow/source.js';
import { writeChange, writeKey } from '../../src/netlink/encode-flow.js';
import { matchesQuery } from '../../src/netlink/match.js';
import { loadSystem } from '../../src/netlink/socket.js';
import { EVERYTHING, NetlinkFlowSource } from '../../src/netlink/source.js';
import { MessageWriter } from '../../src/netlink/writer.js';

const NAMESPACE = `statewall-netlink-${process.pid}`;
const FILE = `/var/run/netns/${NAMESPACE}`;

function run(program: string, ...args: string[]): string {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

const inside = (...words: string[]): string => run('ip', 'netns', 'exec', NAMESPACE, ...words);

const isThere =
  process.getuid?.() === 0 &&
  ['conntrack', 'nfct', 'ip', 'iptables-legacy'].every(
    (program) => spawnSync(program, ['--version']).error === undefined,
  );

const line = (text: string): FlowRecord => parseFlowLine(text, { file: 'live', line: 1 });
const change = (record: FlowRecord, more: Partial<FlowChange> = {}): FlowChange => ({
  record,
  hasStatus: true,
  hasReply: true,
  sourceNat: null,
  destinationNat: null,
  labelMask: null,
  ...more,
});

const PORTS = 'src=192.0.2.1 dst=192.0.2.2 sport=1 dport=2 src=192.0.2.2 dst=192.0.2.1 sport=2 dport=1';
const PORTS6 = 'src=2001:db8::1 dst=2001:db8::2 sport=1 dport=2 src=2001:db8::2 dst=2001:db8::1 sport=2 dport=1';
const CALM = `tcp 6 1000 ESTABLISHED ${PORTS} [ASSURED]`;

/** Connections of every protocol, of both families, in zones, with marks, labels and helpers. */
const RECORDS: readonly FlowRecord[] = [
  { ...line(`${CALM} mark=7 use=1`), labels: ['0', '3', '64', '127'] },
  line(`tcp 6 1000 SYN_SENT ${PORTS6} mark=1 use=1`.replace(' src=2001:db8::2', ' [UNREPLIED] src=2001:db8::2')),
  line(`tcp 6 1000 ESTABLISHED ${PORTS.replaceAll('=2 ', '=21 ')} [ASSURED] helper=ftp use=1`),
  line(`udp 17 1000 ${PORTS6} mark=4294967295 zone=9 use=1`),
  { ...line(`udp 17 1000 ${PORTS} mark=5 use=1`), zoneOriginal: 3 },
  { ...line(`udp 17 1000 ${PORTS} mark=5 use=1`), zoneReply: 4 },
  line(`udplite 136 1000 ${PORTS} use=1`),
  { ...line(`sctp 132 1000 ESTABLISHED ${PORTS} use=1`), vtags: { original: 1, reply: 0xfffffffe } },
  line(
    'icmp 1 1000 src=192.0.2.1 dst=192.0.2.2 type=8 code=0 id=7 src=192.0.2.2 dst=192.0.2.1 type=0 code=0 id=7 use=1',
  ),
  line(
    'icmpv6 58 1000 src=2001:db8::1 dst=2001:db8::2 type=128 code=0 id=7 src=2001:db8::2 dst=2001:db8::1 type=129 code=0 id=7 use=1',
  ),
  line(
    'gre 47 1000 src=192.0.2.1 dst=192.0.2.2 srckey=0x1 dstkey=0xffff src=192.0.2.2 dst=192.0.2.1 srckey=0xffff dstkey=0x1 use=1',
  ),
  line('unknown 89 1000 src=192.0.2.1 dst=192.0.2.2 src=192.0.2.2 dst=192.0.2.1 use=1'),
  line('unknown 4 1000 src=2001:db8::1 dst=2001:db8::2 src=2001:db8::2 dst=2001:db8::1 mark=77 use=1'),
];

/** A listing's lines without what ticks, sorted. */
function calm(lines: readonly string[]): string[] {
  return lines
    .filter((text) => text !== '')
    .map((text) =>
      text.replace(/( \d+|^unknown +\d+|^\S+ +\d+) \d+ /, '$1 T ').replace(/delta-time=\d+/, 'delta-time=T'),
    )
    .sort();
}

describe.skipIf(process.env.CI === undefined && !isThere)('the table of this kernel', () => {
  let table: NetlinkFlowSource;

  beforeAll(async () => {
    run('ip', 'netns', 'add', NAMESPACE);
    inside('ip', 'link', 'set', 'lo', 'up');
    inside('sysctl', '-qw', 'net.netfilter.nf_conntrack_acct=1', 'net.netfilter.nf_conntrack_timestamp=1');
    inside('iptables-legacy', '-A', 'OUTPUT', '-m', 'connlabel', '--label', '3');
    table = new NetlinkFlowSource(await loadSystem(), { namespace: FILE });
  });
  afterAll(() => {
    table.close();
    run('ip', 'netns', 'del', NAMESPACE);
  });
  beforeEach(async () => {
    await table.flush(0);
  });

  async function all(query: Partial<FlowQuery> = {}): Promise<FlowRecord[]> {
    const records: FlowRecord[] = [];
    for await (const batch of table.list('conntrack', { ...EVERYTHING, ...query })) records.push(...batch);
    return records;
  }

  async function fill(): Promise<void> {
    for (const record of RECORDS) await table.create(change(record));
    const range = { first: '198.51.100.7', last: '198.51.100.7', firstPort: 4000, lastPort: 4000 };
    const nat = line(`tcp 6 1000 ESTABLISHED ${PORTS.replaceAll('=2 ', '=443 ')} [ASSURED] use=1`);
    await table.create(change(nat, { sourceNat: range }));
    const range6 = { first: '2001:db8::77', last: '2001:db8::77', firstPort: 0, lastPort: 0 };
    const nat6 = line(`udp 17 1000 ${PORTS6.replaceAll('=2 ', '=53 ')} use=1`);
    await table.create(change(nat6, { destinationNat: range6 }));
  }

  it.each([2, 10] as const)('is listed as conntrack -L lists it, family %d', async (family) => {
    await fill();
    const options = ['-f', family === 2 ? 'ipv4' : 'ipv6', '-o', 'extended,id,ktimestamp'];
    const theirs = inside('conntrack', '-L', ...options).split('\n');
    const records = await all({ family });
    const ours = records.map((r) => formatFlowLine(r, { extended: true, id: true, ktimestamp: true, localTime: true }));
    expect(calm(ours)).toEqual(calm(theirs));
    expect(records.length).toBe(family === 2 ? 10 : 5);
  });

  it('is listed with the labels that were set, by number', async () => {
    await fill();
    const labels = (await all()).map((r) => r.labels).filter((l) => l !== null && l.length > 0);
    expect(labels).toEqual([['0', '3', '64', '127']]);
  });

  it('has the same connections after they were listed, deleted and created again', async () => {
    for (const record of RECORDS) await table.create(change(record));
    const before = await all();
    await table.flush(0);
    expect((await table.count()).count).toBe(0);
    for (const record of before) await table.create(change({ ...record, id: null }));
    const forms = (records: readonly FlowRecord[]) => calm(records.map((r) => `${formatFlowLine(r)} ${r.labels}`));
    expect(forms(await all())).toEqual(forms(before));
    expect(before.length).toBe(RECORDS.length);
  });

  const any = { source: null, destination: null, sourcePort: -1, destinationPort: -1 };
  const QUERIES: [string, Partial<FlowQuery>][] = [
    ['a mark', { mark: { value: 5, mask: 0xffffffff } }],
    ['no mark', { mark: { value: 0, mask: 0xffffffff } }],
    ['bits of a mark', { mark: { value: 1, mask: 3 } }],
    ['a mark beyond 2^31', { mark: { value: 0xf0000000, mask: 0xf0000000 } }],
    ['a status', { status: { value: 4, mask: 4 } }],
    ['a status that is not set', { status: { value: 0, mask: 4 } }],
    ['zone 0', { zone: 0 }],
    ['a zone', { zone: 9 }],
    ['a zone of the original direction', { zone: 3 }],
    ['a zone of the reply direction', { zone: 4 }],
    ['a protocol', { family: 2, tuple: { protocol: 17, original: any, reply: any } }],
    ['a protocol of any family', { tuple: { protocol: 17, original: any, reply: any } }],
    ...([1, 47, 89, 132, 136] as const).map((protocol): [string, Partial<FlowQuery>] => [
      `protocol ${protocol}`,
      { family: 2, tuple: { protocol, original: any, reply: any } },
    ]),
    ['protocol 58', { family: 10, tuple: { protocol: 58, original: any, reply: any } }],
    ['a source', { tuple: { protocol: 0, original: { ...any, source: '192.0.2.1' }, reply: any } }],
    ['a source that is not there', { tuple: { protocol: 0, original: { ...any, source: '192.0.2.9' }, reply: any } }],
    ['a reply', { tuple: { protocol: 6, original: any, reply: { ...any, destination: '198.51.100.7' } } }],
    ['a port', { family: 2, tuple: { protocol: 6, original: { ...any, destinationPort: 443 }, reply: any } }],
    ['a port of the reply', { family: 2, tuple: { protocol: 6, original: any, reply: { ...any, sourcePort: 21 } } }],
    [
      'all of a tuple',
      {
        tuple: {
          protocol: 6,
          original: { source: '192.0.2.1', destination: '192.0.2.2', sourcePort: 1, destinationPort: 2 },
          reply: { source: '192.0.2.2', destination: '192.0.2.1', sourcePort: 2, destinationPort: 1 },
        },
      },
    ],
    ['an IPv6 source', { tuple: { protocol: 0, original: { ...any, source: '2001:db8::1' }, reply: any } }],
    ['an IPv6 reply', { tuple: { protocol: 0, original: any, reply: { ...any, source: '2001:0db8::0077' } } }],
    ['everything at once', { family: 2, mark: { value: 7, mask: 7 }, status: { value: 4, mask: 4 }, zone: 0 }],
  ];

  it.each(QUERIES)('filtered by %s has what the whole table has of it', async (_what, query) => {
    await fill();
    const whole = (await all()).filter((r) => matchesQuery(r, { ...EVERYTHING, ...query }));
    const found = await all(query);
    const ids = (records: readonly FlowRecord[]) => records.map((r) => r.id).sort();
    expect(ids(found)).toEqual(ids(whole));
    if (_what !== 'a source that is not there') expect(found.length).toBeGreaterThan(0);
  });

  it('is changed as conntrack -L then shows: mark under a mask, timeout, status, labels, helper', async () => {
    const record = line(`${CALM} mark=7 use=1`);
    await table.create(change(record));
    await table.update(change({ ...record, mark: 0xff00, timeout: 500 }, { hasStatus: false, markMask: 0xff00 }));
    expect(inside('conntrack', '-L')).toMatch(/tcp +6 (500|499) ESTABLISHED .* mark=65287 /);
    await table.update(change({ ...record, labels: ['5'], labelMask: ['5'] } as FlowRecord, { hasStatus: false }));
    await table.update(change({ ...record, labels: ['9'] }, { hasStatus: false, labelMask: ['9'] }));
    expect((await table.get(record, true)).labels).toEqual(['5', '9']);
    await table.update(change({ ...record, labels: ['1'] }, { hasStatus: false }));
    expect((await table.get(record, false)).labels).toEqual(['1']);
    const { id } = await table.get(record, false);
    await expect(table.delete({ ...record, id: ((id ?? 0) ^ 1) >>> 0 }, false)).rejects.toMatchObject({ errno: 2 });
    await table.delete({ ...record, id }, false);
    await expect(table.get(record, false)).rejects.toMatchObject({ errno: 2 });
  });

  it.each([
    ['what is there already', 17, /File exists/, (r: FlowRecord) => r],
    ['an unknown helper', 95, /Operation not supported/, (r: FlowRecord) => ({ ...r, helper: 'no-such', id: null })],
    [
      'no address',
      22,
      /"nowhere" is not an address/,
      (r: FlowRecord) => ({ ...r, original: { ...r.original, source: 'nowhere' } }),
    ],
  ])('refuses to create %s with %d', async (_what, errno, text, make) => {
    const record = line(`${CALM} use=1`);
    await table.create(change(record));
    const other = make(record);
    const created = table.create(change(other === record ? record : { ...other, zoneOriginal: 1, zoneReply: 1 }));
    await expect(created).rejects.toMatchObject({ errno });
    await expect(created).rejects.toThrow(text);
  });

  it("tells the kernel's own words", async () => {
    const set = table.timeoutPolicies.set({ name: 'x'.repeat(40), family: 2, protocol: 6, timeouts: {} });
    await expect(set).rejects.toMatchObject({ errno: 22, reason: expect.stringMatching(/\w/) });
  });

  it('sets counters to zero as it reads them', async () => {
    inside('ping', '-c1', '-W1', '127.0.0.1');
    const read = async () => (await all({ zero: true })).find((r) => r.protocol === 1)?.counters?.original.packets;
    expect(await read()).toBe(1);
    expect(await read()).toBe(0);
  });

  it('counts as conntrack -C and -S do', async () => {
    await fill();
    const limit = Number(inside('sysctl', '-n', 'net.netfilter.nf_conntrack_max'));
    expect(await table.count()).toEqual({ count: Number(inside('conntrack', '-C')), limit });
    const lines = (await table.statistics('conntrack')).map(
      (s) => `cpu=${s.cpu} ${s.counts.map(([name, count]) => `${name}=${count}`).join(' ')}`,
    );
    const theirs = inside('conntrack', '-S').split('\n');
    expect(lines).toEqual(theirs.filter((text) => text !== '').map((text) => text.trim().replace(/\s+/g, ' ')));
    const names = (await table.statistics('expect')).map((s) => s.counts.map(([name]) => name));
    expect(names[0]).toEqual(['expect_new', 'expect_create', 'expect_delete']);
  });

  it('lists the dying and the unconfirmed, of which there are none', async () => {
    for (const list of ['dying', 'unconfirmed'] as const)
      for await (const batch of table.list(list, EVERYTHING)) expect(batch).toEqual([]);
  });

  it('has expectations as conntrack -L expect shows them', async () => {
    const master = line(`tcp 6 1000 ESTABLISHED ${PORTS.replaceAll('=2 ', '=21 ')} [ASSURED] helper=ftp use=1`);
    await table.create(change(master));
    const record: ExpectationRecord = {
      family: 2,
      protocol: 6,
      timeout: 300,
      tuple: { ...plainTuple('192.0.2.1', '192.0.2.2'), ports: { source: 0, destination: 4444 } },
      mask: { ...plainTuple('255.255.255.255', '255.255.255.255'), ports: { source: 0, destination: 65535 } },
      master: master.original,
      zone: 0,
      flags: 1,
      class: 0,
      helper: 'ftp',
    };
    await table.createExpectation({ record });
    const ticking = (text: string) => text.replace(/^\d+ /, '');
    const theirs = inside('conntrack', '-L', 'expect').trimEnd();
    const ours: string[] = [];
    for await (const batch of table.listExpectations(0)) ours.push(...batch.map((e) => formatExpectationLine(e)));
    expect(ours.map(ticking)).toEqual([ticking(theirs)]);
    expect(ticking(formatExpectationLine(await table.getExpectation(record)))).toBe(ticking(theirs));
    await table.deleteExpectation(record);
    await expect(table.getExpectation(record)).rejects.toMatchObject({ errno: 2 });
    await table.createExpectation({ record });
    await table.flushExpectations();
    await expect(table.getExpectation(record)).rejects.toMatchObject({ errno: 2 });
  });

  it('has timeout policies as nfct shows them', async () => {
    const { timeoutPolicies } = table;
    await timeoutPolicies.set({ name: 'slow', family: 2, protocol: 6, timeouts: { established: 77 } });
    expect(inside('nfct', 'list', 'timeout')).toMatch(/\.slow = \{[^}]*\.ESTABLISHED = 77,/);
    await expect(timeoutPolicies.set({ name: 'slow', family: 2, protocol: 6, timeouts: {} })).rejects.toMatchObject({
      errno: 17,
    });
    await timeoutPolicies.set({ name: 'slow', family: 2, protocol: 6, timeouts: { established: 78 } }, true);
    expect((await timeoutPolicies.get('slow')).timeouts.established).toBe(78);
    expect((await timeoutPolicies.list()).map((p) => p.name)).toEqual(['slow']);
    await timeoutPolicies.delete('slow');
    await expect(timeoutPolicies.get('slow')).rejects.toMatchObject({ errno: 2 });
    await timeoutPolicies.setDefaults(2, 17, { replied: 99 });
    expect((await timeoutPolicies.defaults(2, 17)).timeouts).toEqual({ unreplied: 30, replied: 99 });
    expect(inside('sysctl', '-n', 'net.netfilter.nf_conntrack_udp_timeout_stream').trim()).toBe('99');
    await expect(timeoutPolicies.setDefaults(2, 17, { established: 1 })).rejects.toThrow(/no state "established"/);
  });

  describe('events', () => {
    const groups = { isNew: true, isUpdate: true, isDestroy: true };

    it('are those of conntrack -E, line by line', async () => {
      const theirs = spawn('ip', ['netns', 'exec', NAMESPACE, 'stdbuf', '-oL', 'conntrack', '-E', '-o', 'extended,id']);
      let text = '';
      theirs.stdout.on('data', (part) => {
        text += part;
      });
      const stream = table.events(groups, false, 0, { programs: true })[Symbol.asyncIterator]();
      const ours: string[] = [];
      let next = stream.next();
      const probe = line(`udp 17 1000 ${PORTS.replaceAll('=2 ', '=9999 ')} use=1`);
      // both listen when both have seen a first one; what comes before does not count
      while (!text.includes('dport=9999')) {
        await table.create(change(probe));
        await table.delete(probe, false);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await fill();
      await table.update(change({ ...line(`${CALM} use=1`), mark: 0x99 }, { hasStatus: false }));
      await table.delete(line(`${CALM} use=1`), false);
      await table.flush(0);
      const isLast = (lines: readonly string[]) =>
        lines.filter((l) => l.startsWith('[DESTROY]') && !l.includes('=9999')).length;
      while (isLast(ours) < 15) {
        const { value } = await next;
        for (const item of value ?? [])
          if ('type' in item) ours.push(formatEventLine(item as never, { extended: true, id: true }));
        next = stream.next();
      }
      while (isLast(text.split('\n')) < 15) await new Promise((resolve) => setTimeout(resolve, 10));
      await stream.return?.();
      theirs.kill('SIGINT');
      await once(theirs, 'exit');
      const counted = (lines: readonly string[]) => lines.filter((l) => l !== '' && !l.includes('=9999'));
      const masked = (lines: readonly string[]) =>
        counted(lines).map((l) => l.replace(/delta-time=\d+/, 'delta-time=T'));
      expect(masked(ours)).toEqual(masked(text.split('\n')));
      expect(counted(ours).length).toBe(15 + 1 + 15);
    });

    it('that were lost are counted exactly, and a snapshot follows', async () => {
      const system = await loadSystem();
      const stream = table.events(groups, false, 4096, { resynchronise: true })[Symbol.asyncIterator]();
      const first = stream.next();
      const socket = system.open(FILE);
      const w = new MessageWriter(1 << 16);
      const made = 400;
      for (let n = 0; n < made / 2; n++) {
        const record = line(`udp 17 1000 ${PORTS.replaceAll('=2 ', `=${n + 100} `)} use=1`);
        writeChange(w.begin(0x100, 0x601, 1, 2), change(record), true, null);
        w.end();
        if (n === 0) continue;
        writeKey(w.begin(0x102, 0x1, 1, 2), record, false, false);
        w.end();
      }
      socket.send(w.bytes, w.length);
      const items: FlowEventItem[] = [...((await first).value ?? [])];
      while (!items.some((item) => 'complete' in item && item.complete))
        items.push(...((await stream.next()).value ?? []));
      await stream.return?.();
      socket.close();
      const seen = items.filter((item) => 'type' in item).length;
      const losses = items.filter((item): item is FlowLoss => 'lost' in item);
      expect(losses.length).toBeGreaterThan(0);
      expect(seen + losses.reduce((sum, loss) => sum + (loss.lost ?? 0), 0)).toBe(made - 1);
      expect(losses[0]?.bufferBytes).toBeGreaterThan(8192);
      const snapshot = items.flatMap((item) => ('snapshot' in item ? item.snapshot : []));
      expect(snapshot.map((r) => r.original.ports?.destination)).toEqual([100]);
    });

    it('of expectations have a time', async () => {
      const master = line(`tcp 6 1000 ESTABLISHED ${PORTS.replaceAll('=2 ', '=21 ')} [ASSURED] helper=ftp use=1`);
      const stream = table.events(groups, true, 0)[Symbol.asyncIterator]();
      const first = stream.next();
      // of what began while nobody listened the kernel tells nothing (nf_conntrack_events = 2)
      await table.create(change(master));
      const address = plainTuple('192.0.2.1', '192.0.2.2');
      const mask = { ...plainTuple('255.255.255.255', '255.255.255.255'), ports: { source: 0, destination: 65535 } };
      const tuple = { ...address, ports: { source: 0, destination: 5 } };
      const rest = { master: master.original, zone: 0, flags: 0, class: 0, helper: 'ftp' };
      await table.createExpectation({ record: { family: 2, protocol: 6, timeout: 9, tuple, mask, ...rest } });
      const { value } = await first;
      expect(value?.[0]).toMatchObject({ type: 'NEW', record: { tuple }, timestampUs: expect.any(Number) });
      await stream.return?.();
    });
  });
});
