import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { specOf } from '../../../test/support/option-lines.js';
import { testHost } from '../../../test/support/rules.js';
import { HAS_BROKEN_CHAIN, HAS_CUT, HAS_REASSEMBLED, Packet } from '../../wire/packet.js';
import { parseNetwork } from '../../wire/parse.js';
import type { LoadContext, RuleContext } from '../context.js';
import type { MatchExtension } from '../extension.js';
import type { Family } from '../model.js';
import { ah } from './ah.js';
import { dccp } from './dccp.js';
import { devgroup } from './devgroup.js';
import { dst } from './dst.js';
import { ecn } from './ecn.js';
import { esp } from './esp.js';
import { frag } from './frag.js';
import { hbh } from './hbh.js';
import { ipv6header } from './ipv6header.js';
import { policy } from './policy.js';
import { quota } from './quota.js';
import { rt } from './rt.js';
import { sctp } from './sctp.js';
import { statistic } from './statistic.js';
import { string } from './string.js';
import { tcpmss } from './tcpmss.js';
import { u32 } from './u32.js';

const MATCHES: readonly MatchExtension[] = [
  ah,
  dccp,
  dst,
  ecn,
  esp,
  frag,
  hbh,
  ipv6header,
  rt,
  sctp,
  string,
  tcpmss,
  u32,
];
const PROTOCOLS: Record<string, number> = { tcp: 6, dccp: 33, esp: 50, ah: 51, sctp: 132 };

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

function loaded(extension: MatchExtension, options: string, family: Family) {
  return extension.load!(specOf(extension, options, family), {} as LoadContext);
}

/** Evaluates `[-p NAME] -m NAME OPTIONS` as the rule walk does. */
function verdict(family: Family, rule: string, bytes: Uint8Array): string {
  const [, protocol, name, options] = /^(?:-p (\S+) )?-m (\S+) ?(.*)$/.exec(rule) as unknown as string[];
  const p = new Packet();
  expect(parseNetwork(p, bytes, 0, bytes.length)).toBe(0);
  if (protocol !== undefined && (p.has & HAS_BROKEN_CHAIN) !== 0) return 'drop';
  if (protocol !== undefined && p.protocol !== PROTOCOLS[protocol]) return 'no';
  const context: RuleContext = { ...testHost('eth0').context };
  const extension = MATCHES.find((e) => e.name === name)!;
  const matched = loaded(extension, options!, family)(p, context);
  if (context.hotdrop) return matched ? 'match, drop' : 'drop';
  return matched ? 'match' : 'no';
}

const ROWS = readFileSync(new URL('../../../test/fixtures/rules/match-packets.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t') as [string, string, string, string]);

/** Dropped by the kernel before its rules: nothing to compare. */
function reachesRules(hex: string): boolean {
  return parseNetwork(new Packet(), bytesOf(hex), 0, hex.length / 2) === 0;
}

describe('packets match as in Linux 6.18', () => {
  test.each(ROWS.filter(([, , hex]) => reachesRules(hex)))('IPv%s %s: %s', (family, rule, hex, result) => {
    expect(verdict(family === '6' ? 10 : 2, rule, bytesOf(hex))).toBe(result);
  });
});

/** An IPv4 UDP packet of `len` bytes, parsed. */
function packetOf(len: number): Packet {
  const bytes = new Uint8Array(len);
  bytes.set([0x45, 0, len >> 8, len & 255, 0, 0, 0, 0, 64, 17]);
  const p = new Packet();
  parseNetwork(p, bytes, 0, len);
  return p;
}

/** Which of `count` packets of 100 bytes match, as 1 and 0. */
function series(extension: MatchExtension, options: string, count: number): string {
  const { context } = testHost('eth0');
  const match = loaded(extension, options, 2);
  return Array.from({ length: count }, () => (match(packetOf(100), context) ? '1' : '0')).join('');
}

describe('matches that keep count', () => {
  test.each([
    ['every third, from the first', '--mode nth --every 3 --packet 0', '100100100'],
    ['every third, from the third', '--mode nth --every 3 --packet 2', '001001001'],
    ['all but every second', '--mode nth ! --every 2 --packet 1', '101010101'],
    ['every packet', '--mode nth --every 1 --packet 0', '111111111'],
    ['certain', '--mode random --probability 1', '111111111'],
    ['impossible', '--mode random --probability 0', '000000000'],
    ['not impossible', '--mode random ! --probability 0', '111111111'],
  ])('statistic: %s', (_claim, options, expected) => {
    expect(series(statistic, options, 9)).toBe(expected);
  });

  test('statistic: chance is the low 31 bits of the random word', () => {
    const context: RuleContext = { ...testHost('eth0').context, random: () => -0x80000000 };
    expect(loaded(statistic, '--mode random --probability 0.0000000005', 2)(packetOf(40), context)).toBe(true);
  });

  test.each([
    ['matches while enough is left', '--quota 250', '110000'],
    ['takes the last byte', '--quota 300', '111000'],
    ['inverted', '! --quota 250', '001111'],
    ['of nothing', '--quota 0', '000000'],
    ['of 64 bits', '--quota 18446744073709551615', '111111'],
    ['borrows from its high word', '--quota 4294967300', '111111'],
  ])('quota: %s', (_claim, options, expected) => {
    expect(series(quota, options, 6)).toBe(expected);
  });

  test('quota: a packet that is too large empties it for smaller ones', () => {
    const { context } = testHost('eth0');
    const match = loaded(quota, '--quota 150', 2);
    expect([100, 60, 20].map((len) => match(packetOf(len), context))).toEqual([true, false, false]);
  });

  test('every load counts for itself', () => {
    const { context } = testHost('eth0');
    const spec = specOf(quota, '--quota 100', 2);
    const matches = [0, 1].map(() => quota.load!(spec, {} as LoadContext)(packetOf(100), context));
    expect(matches).toEqual([true, true]);
  });
});

describe('matches on what the host knows', () => {
  test.each([
    ['--src-group 5', true],
    ['--src-group 4', false],
    ['! --src-group 4', true],
    ['--src-group 0x105/0xff', true],
    ['--dst-group default', true],
    ['--src-group 5 --dst-group 1', false],
  ])('devgroup %s: %s', (options, expected) => {
    const host = testHost('eth0', 'eth1');
    host.interfaces[1]!.group = 5;
    const p = packetOf(40);
    p.inInterface = 1;
    p.outInterface = 2;
    expect(loaded(devgroup, options, 2)(p, host.context)).toBe(expected);
  });

  test.each([
    ['--dir in --pol none', true],
    ['--dir in --pol ipsec', false],
    ['--dir out --pol ipsec --reqid 1', false],
  ])('policy %s: %s, without IPsec', (options, expected) => {
    expect(loaded(policy, options, 2)(packetOf(40), testHost('eth0').context)).toBe(expected);
  });

  test.each([
    ['all ALL', false],
    ['any ALL', true],
    ['only ALL', true],
  ])('sctp --chunk-types %s, of a packet with all 256 types: %s', (options, expected) => {
    const chunks = Array.from({ length: 256 }, (_, type) => [type, 0, 0, 4]).flat();
    const length = 20 + 12 + chunks.length;
    const bytes = new Uint8Array(length);
    bytes.set([0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, 132]);
    bytes.set(chunks, 32);
    const p = new Packet();
    expect(parseNetwork(p, bytes, 0, length)).toBe(0);
    expect(loaded(sctp, `--chunk-types ${options}`, 2)(p, testHost('eth0').context)).toBe(expected);
  });

  test.each([
    ['--algo bm --string "abcd"', [10, 20], true],
    ['--algo bm --string "abcd"', [12, 20], false],
    ['--algo kmp --string "abcd"', [12, 20], true],
    ['--algo bm --from 30 --string "abcd"', [5, 10, 14], true],
    ['--algo bm --from 31 --string "abcd"', [5, 10, 14], false],
    ['--algo bm --to 33 --string "abcd"', [14], false],
    ['--algo bm --string "abcd"', [13, 14], false],
  ])('string %s in fragments that end at %j: %s', (options, cuts, expected) => {
    const p = packetOf(40);
    p.bytes.set([97, 98, 99, 100], 30);
    p.has |= HAS_REASSEMBLED;
    const fragments = { headerLen: 20, cuts: Int32Array.from([...cuts, 20]), cutCount: cuts.length + 1 };
    expect(loaded(string, options, 2)(p, { ...testHost('eth0').context, fragments })).toBe(expected);
  });

  test('a header that the capture cut off does not drop the packet', () => {
    const p = packetOf(28);
    p.has |= HAS_CUT;
    p.end = 24;
    const context: RuleContext = { ...testHost('eth0').context };
    expect(loaded(sctp, '--sport 0', 2)(p, context)).toBe(false);
    expect(context.hotdrop).toBe(false);
  });
});
