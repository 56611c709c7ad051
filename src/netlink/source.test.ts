/** The kernel's table as a FlowSource, over a kernel in memory that answers as ctnetlink does. */
import { describe, expect, it } from 'vitest';
import { FakeKernel } from '../../test/netlink/fake-kernel.js';
import { parseFlowLine } from '../flow/parse-line.js';
import {
  type ExpectationRecord,
  type FlowRecord,
  plainTuple,
  STATUS_ASSURED,
  STATUS_CONFIRMED,
} from '../flow/record.js';
import type { FlowChange, FlowEventItem, FlowLoss, FlowQuery, FlowSnapshot } from '../flow/source.js';
import * as C from './constants.js';
import { NetlinkError } from './error.js';
import { EVERYTHING, NetlinkFlowSource, type NetlinkOptions } from './source.js';

const flow = (n: number, more: Partial<FlowRecord> = {}): FlowRecord => ({
  ...parseFlowLine(
    `tcp 6 100 ESTABLISHED src=192.0.2.1 dst=192.0.2.2 sport=${n} dport=80 src=192.0.2.2 dst=192.0.2.1 sport=80 dport=${n} use=1`,
    { file: 'test', line: 1 },
  ),
  use: null,
  ...more,
});

const change = (record: FlowRecord, more: Partial<FlowChange> = {}): FlowChange => ({
  record,
  hasStatus: true,
  hasReply: true,
  sourceNat: null,
  destinationNat: null,
  labelMask: null,
  ...more,
});

async function withFlows(count: number, options: NetlinkOptions = {}): Promise<[FakeKernel, NetlinkFlowSource]> {
  const kernel = new FakeKernel();
  const source = new NetlinkFlowSource(kernel, options);
  for (let n = 1; n <= count; n++) await source.create(change(flow(n, { mark: n })));
  kernel.requests.length = 0;
  return [kernel, source];
}

async function all(source: NetlinkFlowSource, query: Partial<FlowQuery> = {}): Promise<FlowRecord[]> {
  const records: FlowRecord[] = [];
  for await (const batch of source.list('conntrack', { ...EVERYTHING, ...query })) records.push(...batch);
  return records;
}

const ports = (records: readonly FlowRecord[]) => records.map((r) => r.original.ports?.source);

describe('a listing', () => {
  it('gives what was created, in batches as datagrams come', async () => {
    const [kernel, source] = await withFlows(5);
    const sizes: number[] = [];
    for await (const batch of source.list('conntrack', EVERYTHING)) sizes.push(batch.length);
    expect(sizes).toEqual([2, 2, 1]);
    expect((await all(source))[0]).toEqual({ ...flow(1), mark: 1, status: flow(1).status | STATUS_CONFIRMED });
    expect(kernel.sockets.size).toBe(1);
  });

  it('counts ages to the second in which its datagram came', async () => {
    const [kernel, source] = await withFlows(4);
    // began in second 1795000000
    const start = Uint8Array.of(12, 0, 1, 0, 0x18, 0xe9, 0x26, 0xf5, 0xe1, 0x48, 0xe0, 0);
    for (const entry of kernel.entries) entry.attributes.set(C.CTA_TIMESTAMP, start);
    const ages: (number | null)[] = [];
    for await (const batch of source.list()) {
      ages.push(...batch.map((r) => r.ageSeconds));
      kernel.timeUs += 5_000_000;
    }
    const [first = 0] = ages;
    expect(ages).toEqual([first, first, (first ?? 0) + 5, (first ?? 0) + 5]);
  });

  it('closes its socket when its reader leaves early', async () => {
    const [kernel, source] = await withFlows(5);
    for await (const _ of source.list('conntrack', EVERYTHING)) {
      expect(kernel.sockets.size).toBe(2);
      break;
    }
    expect(kernel.sockets.size).toBe(1);
    source.close();
    expect(kernel.sockets.size).toBe(0);
  });

  it.each([
    ['conntrack', false, C.MSG_GET],
    ['conntrack', true, C.MSG_CT_GET_CTRZERO],
    ['dying', false, C.MSG_CT_GET_DYING],
    ['unconfirmed', false, C.MSG_CT_GET_UNCONFIRMED],
  ] as const)('of %s, setting counters to zero %s, is message %d', async (list, zero, message) => {
    const [kernel, source] = await withFlows(0);
    for await (const _ of source.list(list, { ...EVERYTHING, zero, family: 10 }));
    expect(kernel.requests).toEqual([{ type: 0x100 | message, flags: 0x301, family: 10, attributes: [] }]);
  });

  it('hands the filter to the kernel, with the family that it needs', async () => {
    const [kernel, source] = await withFlows(3);
    const any = { source: null, destination: null, sourcePort: -1, destinationPort: -1 };
    const tuple = { protocol: 6, original: { ...any, source: '192.0.2.1' }, reply: { ...any, destinationPort: 2 } };
    const query = { mark: { value: 2, mask: 0xff }, status: { value: 0, mask: STATUS_ASSURED }, zone: 0, tuple };
    expect(ports(await all(source, query))).toEqual([2]);
    const { CTA_MARK, CTA_MARK_MASK, CTA_STATUS, CTA_STATUS_MASK, CTA_ZONE, CTA_FILTER } = C;
    expect(kernel.requests).toEqual([
      {
        type: 0x101,
        flags: 0x301,
        family: 2,
        attributes: [CTA_MARK, CTA_MARK_MASK, CTA_STATUS, CTA_STATUS_MASK, CTA_ZONE, CTA_FILTER, 1, 2],
      },
    ]);
  });

  it('filters itself what the kernel cannot or gets wrong: tuples without a family, IPv6 addresses', async () => {
    const [kernel, source] = await withFlows(2);
    const any = { source: null, destination: null, sourcePort: -1, destinationPort: -1 };
    const noFamily = { protocol: 6, original: { ...any, sourcePort: 2 }, reply: any };
    expect(ports(await all(source, { tuple: noFamily }))).toEqual([2]);
    const ipv6 = { protocol: 0, original: { ...any, source: '2001:db8::1' }, reply: any };
    expect(await all(source, { tuple: ipv6 })).toEqual([]);
    expect(kernel.requests.map((r) => [r.family, r.attributes])).toEqual([
      [0, []],
      [10, []],
    ]);
  });

  it.each([22, 95])('asks again without the filter where the kernel refuses it with %d', async (errno) => {
    const [kernel, source] = await withFlows(4);
    kernel.filterErrno = errno;
    expect(ports(await all(source, { mark: { value: 3, mask: 0xffffffff } }))).toEqual([3]);
    expect(kernel.requests.map((r) => r.attributes.length)).toEqual([2, 0]);
    expect(kernel.sockets.size).toBe(1);
  });

  it('that is interrupted says so at its end', async () => {
    const [kernel, source] = await withFlows(3);
    kernel.isInterrupted = true;
    const seen: FlowRecord[] = [];
    const reading = (async () => {
      for await (const batch of source.list('conntrack', EVERYTHING)) seen.push(...batch);
    })();
    await expect(reading).rejects.toThrow(/list connections.*the table changed while it was read/);
    expect(seen.length).toBe(3);
  });

  it('without permission fails with one line', async () => {
    const [kernel, source] = await withFlows(0);
    kernel.refusals.set(0x101, { errno: 1, text: '' });
    await expect(all(source)).rejects.toThrow(
      'cannot list connections: Operation not permitted: this takes CAP_NET_ADMIN (root has it)',
    );
    await expect(all(source)).rejects.toMatchObject({ errno: 1, operation: 'list connections' });
  });
});

describe('changes', () => {
  it('of a connection that is there or is not are answered by number', async () => {
    const [, source] = await withFlows(1);
    await expect(source.create(change(flow(1)))).rejects.toMatchObject({ errno: 17 });
    await expect(source.update(change(flow(2)))).rejects.toMatchObject({ errno: 2 });
    await expect(source.get(flow(2), false)).rejects.toMatchObject({ errno: 2 });
    await expect(source.delete(flow(2), false)).rejects.toBeInstanceOf(NetlinkError);
  });

  it('reach the connection, by its original or by its reply tuple', async () => {
    const [, source] = await withFlows(2);
    await source.update(change(flow(1, { mark: 77 }), { hasReply: false, hasStatus: false }));
    expect((await source.get(flow(1), true)).mark).toBe(77);
    await source.delete(flow(1), true);
    expect(ports(await all(source))).toEqual([2]);
    await source.flush(0);
    expect(await source.count()).toEqual({ count: 0, limit: 262_144 });
  });

  it("carry the kernel's own words", async () => {
    const [kernel, source] = await withFlows(0);
    kernel.refusals.set(0x100, { errno: 22, text: 'NLA_F_NESTED is missing' });
    await expect(source.create(change(flow(1)))).rejects.toMatchObject({
      reason: 'NLA_F_NESTED is missing',
      message: 'cannot create the connection: Invalid argument (NLA_F_NESTED is missing)',
    });
  });

  it('that cannot be written name what is wrong, and the next one is as if they had not been', async () => {
    const [, source] = await withFlows(0);
    await expect(source.create(change(flow(1, { labels: ['seen'] })))).rejects.toThrow('there is no label "seen"');
    const wrong = flow(1);
    wrong.original = { ...wrong.original, source: '192.0.2.300' };
    await expect(source.create(change(wrong))).rejects.toThrow('"192.0.2.300" is not an address');
    await source.create(change(flow(1)));
    expect(ports(await all(source))).toEqual([1]);
  });

  it('one after another, though none is waited for', async () => {
    const [, source] = await withFlows(0);
    const [one, two, three] = [source.create(change(flow(1))), source.create(change(flow(1))), source.count()];
    await expect(two).rejects.toMatchObject({ errno: 17 });
    await one;
    expect((await three).count).toBe(1);
  });

  it('know labels by the names of the file, or of the caller', async () => {
    const [kernel, source] = await withFlows(0);
    kernel.files.set('/etc/xtables/connlabel.conf', '5 seen\n');
    const named = new NetlinkFlowSource(kernel);
    await named.create(change(flow(1, { labels: ['seen', '9'] })));
    expect((await named.get(flow(1), false)).labels).toEqual(['seen', '9']);
    expect((await source.get(flow(1), false)).labels).toEqual(['5', '9']);
  });

  it('are made in the namespace that was asked for', async () => {
    const [kernel, source] = await withFlows(0, { namespace: '/var/run/netns/x' });
    await source.count();
    await all(source);
    expect(new Set(kernel.namespaces)).toEqual(new Set(['/var/run/netns/x']));
  });
});

describe('expectations', () => {
  const record: ExpectationRecord = {
    family: 2,
    protocol: 6,
    timeout: 60,
    tuple: { ...plainTuple('192.0.2.1', '192.0.2.2'), ports: { source: 0, destination: 4444 } },
    mask: { ...plainTuple('255.255.255.255', '255.255.255.255'), ports: { source: 0, destination: 65535 } },
    master: { ...plainTuple('192.0.2.1', '192.0.2.2'), ports: { source: 1000, destination: 21 } },
    zone: 3,
    flags: 1,
    class: 2,
    helper: 'ftp',
  };

  it('are created, listed, found and deleted as they are', async () => {
    const [, source] = await withFlows(1);
    await source.createExpectation({ record });
    const listed: ExpectationRecord[] = [];
    for await (const batch of source.listExpectations(0)) listed.push(...batch);
    expect(listed).toEqual([record]);
    expect(await source.getExpectation(record)).toEqual(record);
    await source.deleteExpectation(record);
    await expect(source.getExpectation(record)).rejects.toMatchObject({ errno: 2 });
    await source.flushExpectations();
    expect((await all(source)).length).toBe(1);
  });

  it('may have a master of another protocol, a function and a translation', async () => {
    const [, source] = await withFlows(0, { details: true });
    const tuple = { ...plainTuple('10.0.0.1', '0.0.0.0'), ports: { source: 5, destination: 0 } };
    const details = { id: 0, masterProtocol: 17, function: 'nat-follow-master', nat: { direction: 1, tuple } };
    await source.createExpectation({ record: { ...record, details } });
    expect((await source.getExpectation({ ...record })).details).toEqual(details);
  });
});

describe('a stream of events', () => {
  const groups = { isNew: true, isUpdate: true, isDestroy: true };
  const label = (item: FlowEventItem) => ('type' in item ? item.type : 'lost' in item ? 'LOST' : 'SNAPSHOT');

  it('has what happens from its first next() on, with port and time', async () => {
    const [kernel, source] = await withFlows(1);
    const events = source.events(groups, false, 0)[Symbol.asyncIterator]();
    const first = events.next();
    await source.create(change(flow(2)));
    await source.update(change(flow(2, { mark: 5 })));
    await source.flush(0);
    const items = [...((await first).value ?? [])];
    while (items.length < 4) items.push(...((await events.next()).value ?? []));
    expect(items.map(label)).toEqual(['NEW', 'UPDATE', 'DESTROY', 'DESTROY']);
    expect(items[1]).toMatchObject({ record: { mark: 5 }, portid: 1001, progname: null, timestampUs: kernel.timeUs });
    kernel.notify('NEW', { subsystem: C.SUBSYS_CONNTRACK, family: 2, attributes: new Map() });
    expect((await events.next()).value?.[0]).toMatchObject({ portid: null });
    await events.return?.();
    expect(kernel.sockets.size).toBe(1);
  });

  it("has the kernel's time where it is told, and the program's name where it is asked for", async () => {
    const [kernel, source] = await withFlows(0);
    kernel.programs.set(77, 'router');
    const events = source.events(groups, false, 0, { programs: true })[Symbol.asyncIterator]();
    const first = events.next();
    const attributes = new Map([[C.CTA_TIMESTAMP_EVENT, Uint8Array.of(0, 0, 0, 0, 0, 0x0f, 0x42, 0x40)]]);
    kernel.notify('NEW', { subsystem: C.SUBSYS_CONNTRACK, family: 2, attributes }, 77);
    expect((await first).value?.[0]).toMatchObject({ timestampUs: 1000, portid: 77, progname: 'router' });
    await events.return?.();
  });

  it.each([
    [{ isNew: true, isUpdate: false, isDestroy: false }, false, [1]],
    [{ isNew: false, isUpdate: true, isDestroy: true }, false, [2, 3]],
    [groups, true, [4, 5, 6]],
  ])('joins the groups of %o, expectations %s', async (wanted, isExpect, numbers) => {
    const [kernel, source] = await withFlows(0);
    const events = source.events(wanted, isExpect, 50_000)[Symbol.asyncIterator]();
    const first = events.next();
    const [socket] = [...kernel.sockets].slice(-1);
    expect([...(socket?.groups ?? [])]).toEqual(numbers);
    expect(socket?.bufferBytes()).toBe(100_000);
    await events.return?.();
    expect(await first).toEqual({ value: undefined, done: true });
  });

  it('of expectations has them', async () => {
    const [kernel, source] = await withFlows(0);
    const events = source.events(groups, true, 0)[Symbol.asyncIterator]();
    const first = events.next();
    const attributes = new Map([[C.CTA_EXPECT_TIMEOUT, Uint8Array.of(0, 0, 0, 9)]]);
    kernel.notify('NEW', { subsystem: C.SUBSYS_EXPECT, family: 2, attributes });
    expect((await first).value?.[0]).toMatchObject({ type: 'NEW', record: { timeout: 9 } });
    await events.return?.();
  });

  it('marks where events are missing, says how many, and has room for more from then on', async () => {
    const [kernel, source] = await withFlows(1);
    const events = source.events(groups, false, 5000)[Symbol.asyncIterator]();
    const first = events.next();
    const [entry] = kernel.entries;
    for (let i = 0; i < 100; i++) if (entry) kernel.notify('UPDATE', entry);
    const { value } = await first;
    const items: readonly FlowEventItem[] = value ?? [];
    const loss = items.at(-1) as FlowLoss;
    expect(items.slice(0, -1).every((item) => label(item) === 'UPDATE')).toBe(true);
    expect(loss).toEqual({ lost: 100 - (items.length - 1), bufferBytes: 20_000 });
    expect(loss.lost).toBeGreaterThan(0);
    // what comes now is after the marker
    if (entry) kernel.notify('DESTROY', entry);
    expect((await events.next()).value?.map(label)).toEqual(['DESTROY']);
    for (let i = 0; i < 100; i++) if (entry) kernel.notify('UPDATE', entry);
    const again = (await events.next()).value ?? [];
    expect(again.at(-1)).toEqual({ lost: 100 - (again.length - 1), bufferBytes: 40_000 });
    await events.return?.();
  });

  it('lists the table after a loss where this was asked for', async () => {
    const [kernel, source] = await withFlows(3);
    const events = source.events(groups, false, 500, { resynchronise: true })[Symbol.asyncIterator]();
    const first = events.next();
    const [entry] = kernel.entries;
    for (let i = 0; i < 5; i++) if (entry) kernel.notify('UPDATE', entry);
    expect((await first).value?.map(label).at(-1)).toBe('LOST');
    if (entry) kernel.notify('DESTROY', entry);
    const parts: FlowSnapshot[] = [];
    do parts.push(...((await events.next()).value as FlowSnapshot[]));
    while (!parts.at(-1)?.complete);
    expect(parts.flatMap((p) => ports(p.snapshot))).toEqual([1, 2, 3]);
    expect((await events.next()).value?.map(label)).toEqual(['DESTROY']);
    await events.return?.();
    expect(kernel.sockets.size).toBe(1);
  });

  it('ends when its signal says so, also while nothing happens', async () => {
    const [kernel, source] = await withFlows(0);
    const controller = new AbortController();
    const stream = source.events(groups, false, 0, { signal: controller.signal });
    setImmediate(() => controller.abort());
    for await (const _ of stream) throw new Error('nothing happens');
    for await (const _ of stream) throw new Error('it has ended');
    expect([kernel.opened, kernel.sockets.size]).toEqual([1, 0]);
  });

  it('is not read again and again while nothing happens', async () => {
    const [kernel, source] = await withFlows(1);
    const events = source.events()[Symbol.asyncIterator]();
    let next = events.next();
    const [socket] = [...kernel.sockets].slice(-1);
    const reads = async (): Promise<number> => {
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
      return socket?.receives ?? 0;
    };
    expect(await reads()).toBe(1);
    const [entry] = kernel.entries;
    if (entry) kernel.notify('UPDATE', entry);
    expect((await next).value?.length).toBe(1);
    next = events.next();
    // one read of the event, one after the others had time to come, and one that finds nothing
    expect(await reads()).toBeLessThan(6);
    await events.return?.();
    await next;
  });

  it('whose bytes are no messages fails, and leaves no socket', async () => {
    const [kernel, source] = await withFlows(1);
    source.close();
    const events = source.events()[Symbol.asyncIterator]();
    const first = events.next();
    for (const socket of kernel.sockets) socket.deliver(Uint8Array.of(255, 0, 0, 0, 1, 2));
    await expect(first).rejects.toThrow(/broken netlink message/);
    expect(kernel.sockets.size).toBe(0);
  });

  it('passes over messages that are no events', async () => {
    const [kernel, source] = await withFlows(1);
    const events = source.events()[Symbol.asyncIterator]();
    const first = events.next();
    for (const socket of kernel.sockets) {
      for (const type of [C.NLMSG_NOOP, 0x801, 0x105, 0x800])
        socket.deliver(Uint8Array.of(20, 0, 0, 0, type & 255, type >> 8, ...new Array<number>(14).fill(0)));
    }
    for (const entry of kernel.entries) kernel.notify('NEW', entry);
    expect((await first).value?.map(label)).toEqual(['NEW']);
    await events.return?.();
  });

  it('that may not join fails with one line, and leaves no socket', async () => {
    const [kernel, source] = await withFlows(0);
    source.close();
    kernel.joinErrno = 1;
    const events = source.events(groups, false, 0)[Symbol.asyncIterator]();
    await expect(events.next()).rejects.toThrow(
      'cannot watch events: Operation not permitted: this takes CAP_NET_ADMIN',
    );
    expect(kernel.sockets.size).toBe(0);
    expect(await events.next()).toEqual({ value: undefined, done: true });
  });
});
