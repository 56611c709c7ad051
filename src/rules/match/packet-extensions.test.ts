import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { specOf } from '../../../test/support/option-lines.js';
import { testHost } from '../../../test/support/rules.js';
import { R_ORIG_PORTS, R_ORIG_SRC, R_PROTO, R_REPLY_PORTS, RECORD_WORDS } from '../../conntrack/layout.js';
import {
  AF_INET,
  HAS_BROKEN_CHAIN,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  Packet,
  T_DST,
  T_PORTS,
  T_PROTO,
  T_SRC,
} from '../../wire/packet.js';
import { parseFrame } from '../../wire/parse.js';
import type { LoadContext, RuleContext } from '../context.js';
import { registryOf } from '../registry.js';

type Row = [family: string, table: string, rule: string, mac: string, packet: string, result: string];

/** What Linux 6.18 did with packets in PREROUTING: whether the rule counted, or which mark it left. */
const ROWS = readFileSync(new URL('../../../test/fixtures/rules/packet-extension-packets.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t') as Row);

const PROTOCOLS: Record<string, number> = { tcp: 6, udp: 17, ipcomp: 108, mh: 135 };
const ETHERNET_HEADER_LEN = 14;

function bytesOf(hex: string): number[] {
  return (hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
}

/** The packet behind an Ethernet header; null: the kernel and the parser take it for no IP packet. */
function packetOf([family, , , mac, hex]: Row): Packet | null {
  const type = family === '6' ? [0x86, 0xdd] : [8, 0];
  const bytes = Uint8Array.from([2, 0, 0, 0, 1, 2, ...bytesOf(mac), ...type, ...bytesOf(hex)]);
  const p = new Packet();
  if (parseFrame(p, bytes, 0, bytes.length, bytes.length, 1) !== 0) return null;
  p.inInterface = 1;
  return p;
}

/** A context whose tracker knows the packet as the first one of connection 1. */
function contextOf(p: Packet): RuleContext {
  const words = new Int32Array(2 * RECORD_WORDS);
  const base = RECORD_WORDS;
  const ports = p.tuple[T_PORTS]!;
  words[base + R_ORIG_SRC] = p.tuple[T_SRC]!;
  words[base + R_ORIG_PORTS] = ports;
  const isIcmp = p.protocol === IPPROTO_ICMP || p.protocol === IPPROTO_ICMPV6;
  words[base + R_REPLY_PORTS] = isIcmp ? ports : (ports << 16) | (ports >>> 16);
  words[base + R_PROTO] = p.tuple[T_PROTO]!;
  const readTuple = (_slot: number, direction: number, out: Int32Array) => {
    for (let i = 0; i < 4; i++) {
      out[T_SRC + i] = p.tuple[(direction === 0 ? T_SRC : T_DST) + i]!;
      out[T_DST + i] = p.tuple[(direction === 0 ? T_DST : T_SRC) + i]!;
    }
  };
  p.connection = 1 << 1;
  const tracker = { table: { words, readTuple } } as unknown as RuleContext['tracker'];
  return { ...testHost('v1').context, tracker };
}

/** What `[-p NAME] -m NAME OPTIONS` or `-j NAME OPTIONS` does with the packet, in the fixture's words. */
function outcome(row: Row, p: Packet): string {
  const [, protocol, kind, name, options] = /^(?:-p (\S+) )?-([mj]) (\S+) ?(.*)$/.exec(row[2]) as unknown as string[];
  if (protocol !== undefined && (p.has & HAS_BROKEN_CHAIN) !== 0) return 'drop';
  if (protocol !== undefined && p.protocol !== PROTOCOLS[protocol]) return 'no';
  const family = p.family === AF_INET ? 2 : 10;
  const context = contextOf(p);
  if (kind === 'j') {
    const { extension } = registryOf(family).targets.get(name!)!;
    extension.load!(specOf(extension, options!, family), {} as LoadContext)(p, context);
    return `0x${(p.mark >>> 0).toString(16)}`;
  }
  const { extension } = registryOf(family).matches.get(name!)!;
  const spec = specOf(extension, options!, family);
  const around = { family, table: row[1], hooks: 1, protocol: null } as const;
  if (protocol === undefined && (extension.refusedBy?.(spec, around) ?? null) !== null) return 'refused';
  const matched = extension.load!(spec, {} as LoadContext)(p, context);
  if (context.hotdrop) return matched ? 'match, drop' : 'drop';
  return matched ? 'match' : 'no';
}

describe('packets match and are marked as in Linux 6.18', () => {
  const readable = ROWS.map((row) => [row, packetOf(row)] as const).filter(([, p]) => p !== null);

  test('few packets are none for the parser, and none that matched', () => {
    const unreadable = ROWS.filter((row) => packetOf(row) === null);
    expect(unreadable.filter((row) => row[5] === 'match')).toEqual([]);
    expect(unreadable.length).toBeLessThan(ROWS.length / 20);
  });

  test.each(readable.map(([row, p]) => [row[0], row[2], row[4], row, p!] as const))(
    'IPv%s %s: %s',
    (...[, , , row, p]) => {
      expect(p.bytes.length).toBeGreaterThan(ETHERNET_HEADER_LEN);
      expect(outcome(row, p)).toBe(row[5]);
    },
  );
});
