/** What is written is read back: any record, any query; and labels, NAT, masks, timeouts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeKernel } from '../../test/netlink/fake-kernel.js';
import { formatAddress } from '../flow/address.js';
import { tupleKind } from '../flow/names.js';
import { type FlowRecord, type FlowTuple, newRecord, STATUS_CONFIRMED } from '../flow/record.js';
import type { FlowChange, FlowQuery } from '../flow/source.js';
import { attributeEnd, attributeType, nextAttribute } from './attribute.js';
import * as C from './constants.js';
import { FlowDecoder } from './decode-flow.js';
import { writeChange, writeKey, writeQuery } from './encode-flow.js';
import { LabelNames } from './labels.js';
import { isNarrowed, matchesQuery } from './match.js';
import { MessageBuffer, NFGEN_LEN } from './message.js';
import { EVERYTHING, NetlinkFlowSource } from './source.js';
import { timeoutStates } from './timeout-policies.js';
import { MessageWriter } from './writer.js';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u8 = fc.integer({ min: 0, max: 0xff });
const i32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });

const address = (family: 2 | 10) =>
  fc
    .tuple(i32, i32, i32, i32)
    .map((words) => formatAddress(family, Int32Array.from(family === 2 ? [words[0], 0, 0, 0] : words)));

function tuple(family: 2 | 10, protocol: number): fc.Arbitrary<FlowTuple> {
  const kind = tupleKind(protocol);
  const none = fc.constant(null);
  const pair = fc.record({ source: u16, destination: u16 });
  return fc.record({
    source: address(family),
    destination: address(family),
    ports: kind === 'ports' ? pair : none,
    icmp: kind === 'icmp' ? fc.record({ type: u8, code: u8, id: u16 }) : none,
    keys: kind === 'keys' ? pair : none,
  });
}

const sequence = fc.record({ correctionPosition: u32, offsetBefore: i32, offsetAfter: i32 });
const labels = fc
  .uniqueArray(fc.integer({ min: 0, max: 127 }), { maxLength: 6 })
  .map((bits) => bits.sort((a, b) => a - b).map(String));

function details(family: 2 | 10, protocol: number) {
  const tcp = fc.record({ scaleOriginal: u8, scaleReply: u8, flagsOriginal: u8, flagsReply: u8 });
  return fc.record({
    tcp: protocol === 6 ? tcp : fc.constant(null),
    dccp: fc.constant(null),
    adjustOriginal: fc.option(sequence),
    adjustReply: fc.option(sequence),
    synproxy: fc.option(fc.record({ isn: u32, its: u32, timestampOffset: i32 })),
    master: fc.option(fc.record({ tuple: tuple(family, 6), protocol: fc.constant(6) })),
  });
}

const record: fc.Arbitrary<FlowRecord> = fc
  .tuple(fc.constantFrom<2 | 10>(2, 10), fc.constantFrom(1, 6, 17, 33, 47, 58, 89, 132, 136, 255))
  .chain(([family, protocol]) =>
    fc
      .record({
        original: tuple(family, protocol),
        reply: tuple(family, protocol),
        zones: fc.constantFrom([0, 0], [5, 5], [7, 0], [0, 9], [3, 4]),
        status: fc.integer({ min: 0, max: 0xffff }),
        timeout: fc.option(u32),
        mark: fc.option(u32),
        labels: fc.option(labels),
        helper: fc.option(fc.constantFrom('ftp', 'sip-20000')),
        id: fc.option(u32),
        state: protocol === 6 || protocol === 132 ? u8 : fc.constant(null),
        vtags: protocol === 132 ? fc.record({ original: u32, reply: u32 }) : fc.constant(null),
        details: details(family, protocol),
      })
      .map(({ original, reply, zones, ...rest }) => ({
        ...newRecord(family, protocol, original, reply),
        ...rest,
        zoneOriginal: zones[0],
        zoneReply: zones[1],
      })),
  );

const change = (r: FlowRecord, more: Partial<FlowChange> = {}): FlowChange => ({
  record: r,
  hasStatus: true,
  hasReply: true,
  sourceNat: null,
  destinationNat: null,
  labelMask: null,
  ...more,
});

function written(family: number, write: (w: MessageWriter) => void): MessageBuffer {
  // small, so that it has to grow
  const w = new MessageWriter(24).begin(C.SUBSYS_CONNTRACK << 8, 0, 0, family);
  write(w);
  w.end();
  return MessageBuffer.of(w.bytes.subarray(0, w.length));
}

/** Payloads by attribute number, in hex. */
function attributes(buffer: MessageBuffer, start = NFGEN_LEN, end = buffer.bytes.length): Record<number, string> {
  const found: Record<number, string> = {};
  for (let a = start, next = 0; a < end; a = next) {
    next = nextAttribute(buffer, a, end);
    found[attributeType(buffer, a)] = Buffer.from(buffer.bytes.subarray(a + 4, attributeEnd(buffer, a))).toString(
      'hex',
    );
  }
  return found;
}

describe('a connection', () => {
  it('is read back as it was written, with everything that can be set', () => {
    fc.assert(
      fc.property(record, (r) => {
        const buffer = written(r.family, (w) => writeChange(w, change(r), false, null));
        const back = new FlowDecoder({ details: true }).decode(buffer, 0, buffer.bytes.length);
        expect(back).toEqual({ ...r, status: r.status | STATUS_CONFIRMED });
      }),
    );
  });

  it('is found by one tuple, its zone and its id', () => {
    fc.assert(
      fc.property(record, fc.boolean(), fc.boolean(), (r, byReply, withId) => {
        const found = attributes(written(r.family, (w) => writeKey(w, r, byReply, withId)));
        const hasZone = r.zoneOriginal === r.zoneReply && r.zoneOriginal !== 0;
        const wanted = [byReply ? C.CTA_TUPLE_REPLY : C.CTA_TUPLE_ORIG];
        if (withId && r.id !== null) wanted.push(C.CTA_ID);
        if (hasZone) wanted.push(C.CTA_ZONE);
        expect(Object.keys(found).map(Number)).toEqual(wanted.sort((a, b) => a - b));
      }),
    );
  });

  const plain = newRecord(
    2,
    6,
    { source: '192.0.2.1', destination: '192.0.2.2', ports: { source: 1, destination: 2 }, icmp: null, keys: null },
    { source: '192.0.2.2', destination: '192.0.2.1', ports: { source: 2, destination: 1 }, icmp: null, keys: null },
  );

  it('of which nothing is to change is its tuple alone', () => {
    const found = attributes(
      written(2, (w) => writeChange(w, change(plain, { hasStatus: false, hasReply: false }), false, null)),
    );
    expect(Object.keys(found)).toEqual([String(C.CTA_TUPLE_ORIG)]);
  });

  it('that begins in a TCP state forgives windows that nobody saw', () => {
    const buffer = written(2, (w) => writeChange(w, change({ ...plain, state: 3 }), true, null));
    expect(attributes(buffer)[C.CTA_PROTOINFO]).toBe(
      '1c000180050001000300000006000400' + '0a0a00000600' + '05000a0a0000',
    );
  });

  it('has an id only where it is there already', () => {
    const write = (isCreate: boolean) => written(2, (w) => writeChange(w, change({ ...plain, id: 5 }), isCreate, null));
    expect([attributes(write(true))[C.CTA_ID], attributes(write(false))[C.CTA_ID]]).toEqual([undefined, '00000005']);
  });

  it('is changed under masks of its mark and labels', () => {
    const names = LabelNames.parse('33 seen');
    const wanted = change({ ...plain, mark: 1, labels: ['seen'] }, { markMask: 0xff, labelMask: ['seen', '0'] });
    const found = attributes(written(2, (w) => writeChange(w, wanted, false, names)));
    expect([found[C.CTA_MARK], found[C.CTA_MARK_MASK]]).toEqual(['00000001', '000000ff']);
    expect(found[C.CTA_LABELS]).toBe('00000000020000000000000000000000');
    expect(found[C.CTA_LABELS_MASK]).toBe('01000000020000000000000000000000');
  });

  it.each(['seen', '128', '-1', ''])('has no label "%s"', (label) => {
    const wanted = change({ ...plain, labels: [label] });
    expect(() => written(2, (w) => writeChange(w, wanted, false, null))).toThrow(`there is no label "${label}"`);
    expect(() => written(2, (w) => writeChange(w, wanted, false, new LabelNames()))).toThrow(/there is no label/);
  });

  it('is translated to a range of addresses and ports', () => {
    const sourceNat = { first: '10.0.0.1', last: '10.0.0.9', firstPort: 256, lastPort: 257 };
    const destinationNat = { first: '2001:db8::1', last: '2001:db8::2', firstPort: 0, lastPort: 0 };
    const found = attributes(
      written(2, (w) => writeChange(w, change(plain, { sourceNat, destinationNat }), true, null)),
    );
    expect(found[C.CTA_NAT_SRC]).toBe('080001000a000001080002000a0000091400038006000100010000000600020001010000');
    const v6 = '20010db80000000000000000000000';
    expect(found[C.CTA_NAT_DST]).toBe(`14000400${v6}0114000500${v6}02`);
  });

  it.each(['192.0.2', '192.0.2.1.1', 'router', ''])('has no address "%s"', (text) => {
    const wrong = { ...plain, original: { ...plain.original, source: text } };
    expect(() => written(2, (w) => writeKey(w, wrong, false, false))).toThrow(`"${text}" is not an address`);
  });
});

describe('a query', () => {
  const any = { source: null, destination: null, sourcePort: -1, destinationPort: -1 };
  const query = (more: Partial<FlowQuery>): FlowQuery => ({ ...EVERYTHING, ...more });
  const tupleOf = (more: object) => query({ tuple: { protocol: 0, original: any, reply: any, ...more } });

  it.each([
    ['of everything has no attribute', EVERYTHING, []],
    ['of a tuple without a condition has none either', tupleOf({}), []],
    [
      'of an IPv6 address has none, because the kernel compares it wrong',
      tupleOf({ original: { ...any, source: '2001:db8::1' } }),
      [],
    ],
    ['of a port without a protocol has none', tupleOf({ original: { ...any, sourcePort: 5 } }), []],
    ['of a protocol has both tuples', tupleOf({ protocol: 6 }), [C.CTA_TUPLE_ORIG, C.CTA_TUPLE_REPLY, C.CTA_FILTER]],
    [
      'of a reply has that tuple',
      tupleOf({ reply: { ...any, source: '192.0.2.1' } }),
      [C.CTA_TUPLE_REPLY, C.CTA_FILTER],
    ],
    ['of a zone has it', query({ zone: 0 }), [C.CTA_ZONE]],
  ])('%s', (_what, wanted, types) => {
    expect(Object.keys(attributes(written(2, (w) => writeQuery(w, wanted, 2)))).map(Number)).toEqual(types);
  });

  it('of addresses names no protocol', () => {
    const wanted = tupleOf({ original: { ...any, source: '192.0.2.1' } });
    const found = attributes(written(2, (w) => writeQuery(w, wanted, 2)));
    expect(found[C.CTA_TUPLE_ORIG]).toBe('0c000180' + '08000100c0000201' + '04000280');
  });

  it('says in its flags which parts count, in the order of the host', () => {
    const original = { source: '192.0.2.1', destination: '192.0.2.2', sourcePort: 1, destinationPort: 2 };
    const found = attributes(written(2, (w) => writeQuery(w, tupleOf({ protocol: 6, original }), 2)));
    expect(found[C.CTA_FILTER]).toBe('080001003b0000000800020008000000');
  });

  it.each<[string, Partial<FlowQuery>, boolean]>([
    ['everything', {}, true],
    ['its family', { family: 2 }, true],
    ['another family', { family: 10 }, false],
    ['its mark', { mark: { value: 5, mask: 0xff } }, true],
    ['another mark', { mark: { value: 5, mask: 0xfff } }, false],
    ['its status', { status: { value: 4, mask: 4 } }, true],
    ['another status', { status: { value: 0, mask: 4 } }, false],
    ['its zone', { zone: 3 }, true],
    ['another zone', { zone: 0 }, false],
    ['its protocol', { tuple: { protocol: 6, original: any, reply: any } }, true],
    ['another protocol', { tuple: { protocol: 17, original: any, reply: any } }, false],
    ['its source', { tuple: { protocol: 0, original: { ...any, source: '192.0.2.1' }, reply: any } }, true],
    ['another source', { tuple: { protocol: 0, original: { ...any, source: '192.0.2.2' }, reply: any } }, false],
    ['its destination', { tuple: { protocol: 0, original: { ...any, destination: '192.0.2.2' }, reply: any } }, true],
    [
      'another destination',
      { tuple: { protocol: 0, original: { ...any, destination: '192.0.2.1' }, reply: any } },
      false,
    ],
    ['its port', { tuple: { protocol: 0, original: { ...any, sourcePort: 1 }, reply: any } }, true],
    ['another port', { tuple: { protocol: 0, original: { ...any, sourcePort: 2 }, reply: any } }, false],
    ['its port of the reply', { tuple: { protocol: 0, original: any, reply: { ...any, destinationPort: 1 } } }, true],
    [
      'another port of the reply',
      { tuple: { protocol: 0, original: any, reply: { ...any, destinationPort: 9 } } },
      false,
    ],
  ])('is met by %s: %o', (_what, more, result) => {
    const t = {
      source: '192.0.2.1',
      destination: '192.0.2.2',
      ports: { source: 1, destination: 2 },
      icmp: null,
      keys: null,
    };
    const back = {
      source: '192.0.2.2',
      destination: '192.0.2.1',
      ports: { source: 2, destination: 1 },
      icmp: null,
      keys: null,
    };
    const r = { ...newRecord(2, 6, t, back), mark: 0x105, status: 0xe, zoneOriginal: 0, zoneReply: 3 };
    expect(matchesQuery(r, query(more))).toBe(result);
    expect(isNarrowed(query(more))).toBe(Object.keys(more).some((key) => key !== 'family'));
  });
});

describe('timeout policies', () => {
  const source = () => {
    const kernel = new FakeKernel();
    return { kernel, policies: new NetlinkFlowSource(kernel).timeoutPolicies };
  };

  it('are set with the timeouts that are named', async () => {
    const { kernel, policies } = source();
    await policies.set({ name: 'slow', family: 10, protocol: 132, timeouts: { closed: 5, heartbeat_acked: 7 } });
    expect(kernel.requests[0]).toMatchObject({ type: 0x800, flags: 0x605, attributes: [1, 2, 3, 4] });
    await policies.delete('slow');
    expect(kernel.requests[1]).toMatchObject({ type: 0x802, attributes: [C.CTA_TIMEOUT_NAME] });
  });

  it('refuse a state that a protocol does not have, and say which it has', async () => {
    const { policies } = source();
    const set = policies.set({ name: 'x', family: 2, protocol: 17, timeouts: { established: 1 } });
    await expect(set).rejects.toThrow('protocol 17 has no state "established", it has unreplied, replied');
  });

  it('that the kernel does not know at all name the module', async () => {
    const { kernel, policies } = source();
    kernel.refusals.set(0x801, { errno: 22, text: '' });
    await expect(policies.list()).rejects.toThrow(
      'cannot list timeout policies: Invalid argument: this kernel does not know the request (is its module nfnetlink_cttimeout there?)',
    );
    await expect(policies.get('x')).rejects.toThrow(/^cannot get the timeout policy x: Invalid argument$/);
  });

  it('of protocols without states have one timeout', () => {
    expect([timeoutStates(1), timeoutStates(255), timeoutStates(47)]).toEqual([
      ['timeout'],
      ['timeout'],
      ['unreplied', 'replied'],
    ]);
  });
});
