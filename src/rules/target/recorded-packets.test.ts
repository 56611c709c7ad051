import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { specOf } from '../../../test/support/option-lines.js';
import { testHost } from '../../../test/support/rules.js';
import { ipv4ChecksumOk, replace16, transportChecksumOk } from '../../wire/checksum.js';
import { Packet } from '../../wire/packet.js';
import { parseNetwork, reparseNetwork } from '../../wire/parse.js';
import { type LoadContext, type RuleContext, VERDICT_DROP } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { ECN } from './ECN.js';
import { TCPMSS } from './TCPMSS.js';
import { TCPOPTSTRIP } from './TCPOPTSTRIP.js';

const TARGETS: readonly TargetExtension[] = [ECN, TCPMSS, TCPOPTSTRIP];
const SYN = 2;
/** Room behind a packet, as the host guarantees it. */
const ROOM = 64;

const ROWS = readFileSync(new URL('../../../test/fixtures/rules/target-packets.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t') as [string, string, string, string]);

/** The packet of a row as it stands in FORWARD: its TTL is one lower. */
function forwarded(hex: string): Packet {
  const raw = hex.match(/../g)!.map((byte) => Number.parseInt(byte, 16));
  const bytes = new Uint8Array(raw.length + ROOM);
  bytes.set(raw);
  const p = new Packet();
  expect(parseNetwork(p, bytes, 0, raw.length)).toBe(0);
  if (p.family === 2) {
    const before = p.view.getUint16(8);
    bytes[8] = bytes[8]! - 1;
    replace16(bytes, 10, before, p.view.getUint16(8));
  } else {
    bytes[7] = bytes[7]! - 1;
  }
  p.inInterface = 1;
  p.outInterface = 2;
  return p;
}

function contextOf(): RuleContext {
  const host = testHost('in', 'out');
  host.interfaces[1]!.mtu = 1300;
  host.interfaces[2]!.mtu = 1400;
  return { ...host.context, reparse: (p) => void reparseNetwork(p, p.end) };
}

function run(rule: string, p: Packet): number {
  const [, name, options] = /-j (\S+) (.*)/.exec(rule) as unknown as string[];
  const target = TARGETS.find((e) => e.name === name)!;
  const family = p.family === 2 ? 2 : 10;
  return target.load!(specOf(target, options!, family), {} as LoadContext)(p, contextOf());
}

function hexOf(p: Packet): string {
  return Array.from(p.bytes.subarray(p.l3Off, p.end), (byte) => (byte | 0x100).toString(16).slice(1)).join('');
}

describe('packets leave as from Linux 6.18', () => {
  test.each(ROWS)('IPv%s %s: %s', (_family, rule, hex, expected) => {
    const p = forwarded(hex);
    // The tcp match before the target: it drops what has no TCP header, and lets only SYN through.
    const whole = p.l4Off >= 0 && p.end - p.l4Off >= 20;
    const reached = !rule.includes('-m tcp') || (whole && (p.bytes[p.l4Off + 13]! & SYN) !== 0);
    const result = reached ? run(rule, p) : whole ? -1 : VERDICT_DROP;
    expect(result === VERDICT_DROP ? 'drop' : hexOf(p)).toBe(expected);
  });

  test('what was right stays right: checksums, lengths and offsets of a packet that grows', () => {
    const row = ROWS.find(
      ([family, rule, hex, out]) => family === '4' && rule.includes('TCPMSS') && out.length > hex.length,
    );
    const p = forwarded(row![2]);
    const before = p.end;
    expect([ipv4ChecksumOk(p.view, 0), transportChecksumOk(p)]).toEqual([true, true]);
    run(row![1], p);
    expect([ipv4ChecksumOk(p.view, 0), transportChecksumOk(p)]).toEqual([true, true]);
    expect([p.end, p.l3Len, p.payloadOff]).toEqual([before + 4, before + 4, before + 4]);
  });

  test('without room behind it a packet does not grow', () => {
    const row = ROWS.find(([, rule, hex, out]) => rule.includes('TCPMSS') && out.length > hex.length);
    const p = forwarded(row![2]);
    const small = p.bytes.slice(0, p.end);
    p.attach(small);
    run(row![1], p);
    expect(p.end).toBe(small.length);
  });

  test('the parsed flags follow what ECN rewrote', () => {
    const row = ROWS.find(([, rule, , out]) => rule.endsWith('--ecn-tcp-cwr 1') && out !== 'drop');
    const p = forwarded(row![2]);
    run('-j ECN --ecn-tcp-remove', p);
    expect(p.tcpFlags & 0xc0).toBe(0);
    run('-j ECN --ecn-tcp-cwr 1', p);
    expect(p.tcpFlags & 0xc0).toBe(0x80);
  });
});
