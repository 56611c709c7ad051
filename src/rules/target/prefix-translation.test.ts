import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { specOf } from '../../../test/support/option-lines.js';
import { testHost } from '../../../test/support/rules.js';
import { transportChecksumOk } from '../../wire/checksum.js';
import { Packet, T_DST, T_SRC } from '../../wire/packet.js';
import { parseNetwork, reparseNetwork } from '../../wire/parse.js';
import { type LoadContext, type RuleContext, VERDICT_CONTINUE, VERDICT_DROP } from '../context.js';
import { DNPT } from './DNPT.js';
import { SNPT } from './SNPT.js';

/** The packet that arrived at Linux 6.18 and the one that it forwarded, its hop limit one lower, or drop. */
const ROWS = readFileSync(new URL('../../../test/fixtures/rules/npt-packets.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t') as [family: string, rule: string, packet: string, result: string]);

const HOP_LIMIT_OFF = 7;

function packetOf(bytes: Uint8Array): Packet {
  const p = new Packet();
  expect(parseNetwork(p, bytes, 0, bytes.length)).toBe(0);
  return p;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

function run(rule: string, p: Packet): number {
  const [, name, options] = /^-j (\S+) (.*)$/.exec(rule) as unknown as string[];
  const target = name === 'SNPT' ? SNPT : DNPT;
  const context: RuleContext = { ...testHost('v1').context, reparse: (q) => void reparseNetwork(q, q.end) };
  return target.load!(specOf(target, options!, 10), {} as LoadContext)(p, context);
}

describe('SNPT and DNPT', () => {
  test.each(ROWS)('IPv%s %s: %s', (_family, rule, packet, result) => {
    const p = packetOf(bytesOf(packet));
    const verdict = run(rule, p);
    p.bytes[HOP_LIMIT_OFF]! -= 1;
    const after = Array.from(p.bytes, (byte) => (byte | 0x100).toString(16).slice(1)).join('');
    expect(verdict === VERDICT_DROP ? 'drop' : after).toBe(result);
  });

  test('later rules see the new address', () => {
    const [, rule, packet] = ROWS.find((row) => row[1].includes('SNPT') && row[3] !== 'drop')!;
    const p = packetOf(bytesOf(packet));
    const before = [...p.tuple];
    expect(run(rule, p)).toBe(VERDICT_CONTINUE);
    expect([...p.tuple.subarray(T_SRC, T_DST)]).not.toEqual(before.slice(T_SRC, T_DST));
    expect([...p.tuple.subarray(T_DST)]).toEqual(before.slice(T_DST));
  });

  test('the transport checksum stays right whatever the prefixes are', () => {
    const [, , packet] = ROWS.find((row) => row[2].slice(12, 14) === '11')!;
    const part = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16));
    fc.assert(
      fc.property(part, part, (first, second) => {
        const p = packetOf(bytesOf(packet));
        expect(transportChecksumOk(p)).toBe(true);
        const own = packet.slice(16, 24);
        run(`-j SNPT --src-pfx ${own.slice(0, 4)}:${own.slice(4)}::/32 --dst-pfx ${first}:${second}::/32`, p);
        expect(transportChecksumOk(p)).toBe(true);
      }),
    );
  });
});
