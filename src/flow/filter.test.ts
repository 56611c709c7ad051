import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { filterFromOptions } from '../../test/flow/options.js';
import { parseExpectationLine } from './expectation.js';
import { addressFilter, type FlowFilter, matches, matchesExpectation, newFilter, statusFilter } from './filter.js';
import { parseFlowLine } from './parse-line.js';
import { type FlowRecord, STATUS_CONFIRMED, STATUS_SRC_NAT_DONE } from './record.js';

const lines = (name: string): string[] =>
  readFileSync(new URL(`../../test/flow/fixtures/${name}.txt`, import.meta.url), 'utf8')
    .split('\n')
    .slice(0, -1);
const table = lines('filter-table').map((l, i) => parseFlowLine(l, { file: 'filter-table', line: i + 1 }));
const found = lines('filter-found').map((l) => l.split(' =>').map((s) => s.trim()));
const ids = (f: FlowFilter): string =>
  table
    .filter((r) => matches(f, r))
    .map((r) => r.id ?? 0)
    .sort((a, b) => a - b)
    .join(' ');

/** A text does not tell these bits; the program went by them. */
const STATUS_IN_TEXTS = /-u (EXPECTED|FIXED_TIMEOUT|SEEN_REPLY,FIXED_TIMEOUT)/;
for (const r of table) if (r.original.ports?.source === 1010) r.status |= 1 << 10;

describe('filters find what conntrack(8) 1.4.7 finds', () => {
  test.each(found)('%s', (options, recorded) => expect(ids(filterFromOptions(options))).toBe(recorded));
  test('and half of them find something', () => {
    expect(found.filter((f) => f[1] !== '').length).toBeGreaterThan(found.length / 2);
    expect(found.filter((f) => STATUS_IN_TEXTS.test(f[0]))).toHaveLength(3);
  });
});

describe('what the recorded table cannot show', () => {
  const line = (text: string): FlowRecord => parseFlowLine(text, { file: 'f', line: 1 });
  const tcp = line(
    'tcp 6 5 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=192.0.2.1 sport=2 dport=1',
  );
  const gre = line(
    'gre 47 5 src=10.0.0.1 dst=10.0.0.2 srckey=0x10 dstkey=0x20 src=10.0.0.2 dst=10.0.0.1 srckey=0x20 dstkey=0x10',
  );
  const dccp = line('dccp 33 5 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1');
  const v6 = line(
    'tcp 6 5 ESTABLISHED src=fd00::1 dst=fd00::2 sport=1 dport=2 src=fd00::2 dst=fd00::9 sport=2 dport=1',
  );
  const filter = (part: Partial<FlowFilter>, asOriginal = true): FlowFilter => ({ ...newFilter(asOriginal), ...part });
  const tuple = (part: Partial<FlowFilter['original']>): FlowFilter['original'] => ({
    ...newFilter().original,
    ...part,
  });

  const ping = line(
    'icmp 1 5 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7',
  );
  const pings = (part: Partial<FlowRecord>): FlowRecord => ({ ...ping, ...part });
  const DONE = STATUS_CONFIRMED | STATUS_SRC_NAT_DONE;
  const any = { address: null, port: null };
  const zero = { type: 8, code: 0, id: 0 };
  const moved = { ...gre, reply: { ...gre.reply, keys: { source: 0x20, destination: 0x11 } } };

  test.each<[string, FlowFilter, FlowRecord, boolean]>([
    ['a ping that the nat table has seen', filter({ sourceNat: any }), pings({ status: DONE }), true],
    ['only the half that it has seen', filter({ destinationNat: any }), pings({ status: DONE }), false],
    ['a ping that it has not seen', filter({ sourceNat: any }), pings({ status: STATUS_CONFIRMED }), false],
    ['a ping of which no status is told', filter({ sourceNat: any }), ping, false],
    ['a ping, not as the original', filter({ sourceNat: any }, false), pings({ status: DONE }), false],
    [
      'a ping whose id is the type and code of its answers',
      filter({ sourceNat: any }),
      pings({
        status: DONE,
        original: { ...ping.original, icmp: zero },
        reply: { ...ping.reply, icmp: { ...zero, type: 0 } },
      }),
      false,
    ],
    ['a GRE key that is another one', filter({ sourceNat: any }), moved, true],
    ['GRE keys as they were', filter({ sourceNat: any }), gre, false],
    [
      'another reply without the kernel having translated is no translation',
      filter({ sourceNat: { address: null, port: null } }),
      { ...tcp, status: STATUS_CONFIRMED },
      false,
    ],
    [
      'with the kernel having translated it is one',
      filter({ sourceNat: { address: null, port: null } }),
      { ...tcp, status: STATUS_CONFIRMED | STATUS_SRC_NAT_DONE },
      true,
    ],
    ['where the status is not told the tuples decide', filter({ sourceNat: { address: null, port: null } }), tcp, true],
    ['the original does not look at keys', filter({ original: tuple({ sourceKey: 1 }) }), gre, true],
    ['keys are looked at otherwise', filter({ original: tuple({ sourceKey: 1 }) }, false), gre, false],
    ['the right key', filter({ original: tuple({ sourceKey: 0x10, destinationKey: 0x20 }) }, false), gre, true],
    ['the wrong second key', filter({ original: tuple({ destinationKey: 0x21 }) }, false), gre, false],
    ['the original knows no ports of DCCP', filter({ original: tuple({ sourcePort: 1 }) }), dccp, false],
    ['ports of DCCP otherwise', filter({ original: tuple({ sourcePort: 1 }) }, false), dccp, true],
    [
      'the original does not look at an IPv6 translation',
      filter({ sourceNat: { address: 'fd00::8', port: null } }),
      v6,
      true,
    ],
    ['it is looked at otherwise', filter({ sourceNat: { address: 'fd00::8', port: null } }, false), v6, false],
    ['the right IPv6 translation', filter({ sourceNat: { address: 'fd00::9', port: null } }, false), v6, true],
    [
      '-j with an address and a protocol',
      filter({ protocol: 6, anyNat: { address: '192.0.2.1', port: null } }),
      tcp,
      false,
    ],
    [
      'which is found otherwise',
      filter({ protocol: 6, anyNat: { address: '192.0.2.1', port: null } }, false),
      tcp,
      true,
    ],
    ['a record without a mark', filter({ mark: { value: 0, mask: 0 } }), { ...tcp, mark: null }, false],
    [
      'a mark of all bits',
      filter({ mark: { value: 0xffffffff, mask: 0xffffffff } }),
      { ...tcp, mark: 0xffffffff },
      true,
    ],
    ['a mark as Int32', filter({ mark: { value: -1, mask: -1 } }), { ...tcp, mark: 0xffffffff }, true],
    ['a security context', filter({ secctx: 'a' }), { ...tcp, secctx: 'a' }, true],
    ['another security context', filter({ secctx: 'a' }), { ...tcp, secctx: 'b' }, false],
    ['a security mark is no part of a record', filter({ secmark: 1 }, false), tcp, false],
    ['a helper', filter({ helper: 'ftp' }), { ...tcp, helper: 'ftp' }, true],
    ['no helper', filter({ helper: 'ftp' }), tcp, false],
    ['an id', filter({ id: 7 }), { ...tcp, id: 7 }, true],
    ['another id', filter({ id: 7 }), { ...tcp, id: 8 }, false],
    ['a tag', filter({ originalVtag: 7 }), { ...tcp, vtags: { original: 7, reply: 8 } }, true],
    ['another tag', filter({ originalVtag: 7, replyVtag: 9 }), { ...tcp, vtags: { original: 7, reply: 8 } }, false],
    ['no tag', filter({ replyVtag: 8 }), tcp, false],
    ['no labels', filter({ labels: ['a'] }), tcp, false],
  ])('%s', (_, f, r, expected) => expect(matches(f, r)).toBe(expected));

  const expectation = parseExpectationLine(
    '298 proto=6 src=127.0.0.1 dst=127.0.0.2 sport=0 dport=51210 mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 master-src=127.0.0.1 master-dst=127.0.0.1 sport=40000 dport=21 class=0 helper=ftp',
    { file: 'f', line: 1 },
  );
  test.each<[string, Partial<FlowFilter>, boolean]>([
    ['all', {}, true],
    ['its family', { family: 2 }, true],
    ['another family', { family: 10 }, false],
    ['its protocol', { protocol: 6 }, true],
    ['another protocol', { protocol: 17 }, false],
    ['its zone', { zone: 0 }, true],
    ['another zone', { zone: 1 }, false],
    ['its helper', { helper: 'ftp' }, true],
    ['another helper', { helper: 'sip' }, false],
    [
      'what is expected',
      { original: tuple({ destination: addressFilter('127.0.0.0/30'), destinationPort: 51210 }) },
      true,
    ],
    ['something else', { original: tuple({ destinationPort: 51211 }) }, false],
  ])('an expectation: %s', (_, part, expected) => expect(matchesExpectation(filter(part), expectation)).toBe(expected));
});

describe('addresses and status of a filter', () => {
  test.each([
    ['10.0.0.1/33', null],
    ['10.0.0.1/', null],
    ['10.0.0.1/-1', null],
    ['10.0.0.1/1x', null],
    ['fd00::/129', null],
    ['10.0.0', null],
    ['', null],
    ['10.0.0.1', 'ffff::'],
    ['10.0.0.1', 'x'],
  ])('%s with the mask %s is none', (text, mask) => expect(addressFilter(text, mask)).toBeNull());
  test('words, mask and canonical text', () => {
    const f = addressFilter('FD00:0::1/20');
    expect(f).toMatchObject({ family: 10, text: 'fd00::1', isWhole: false });
    expect([...(f?.words ?? [])]).toEqual([0xfd000000 | 0, 0, 0, 0]);
    expect([...(f?.mask ?? [])]).toEqual([0xfffff000 | 0, 0, 0, 0]);
    expect(addressFilter('fd00::1/128')).toMatchObject({ isWhole: true });
    expect(addressFilter('10.0.0.1/32')).toMatchObject({ isWhole: true });
  });
  test('bits of several -u add up, the mask is that of the first', () => {
    expect(statusFilter(null, 4, false)).toEqual({ value: 4, mask: 4 });
    expect(statusFilter(statusFilter(null, 4, false), 2, false)).toEqual({ value: 6, mask: 4 });
    expect(statusFilter(null, 0, true)).toEqual({ value: 0, mask: 2 });
    expect(statusFilter(null, 0, false)).toEqual({ value: 0, mask: 0 });
  });
});
