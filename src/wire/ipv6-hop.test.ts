import { describe, expect, it } from 'vitest';
import { parse } from '../../test/support/parse.js';
import { type Bytes, ip6, u32, udp } from '../../test/support/wire-frames.js';
import { PARSE_OK } from './packet.js';
import * as reasons from './parse-reasons.js';

const U = udp([1, 2, 3]);

describe('hop-by-hop options, judged before the hooks', () => {
  const hop = (options: Bytes, payload: Bytes = U, f = {}) =>
    ip6(0, [17, (options.length + 2) / 8 - 1, ...options, ...payload], f);
  const skip = (count: number) => Array.from({ length: count }, () => [0x1e, 0]).flat();
  const rows: [string, Bytes, number][] = [
    ['hop options: PadN', hop([1, 4, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: PadN not zero', hop([1, 4, 0, 0, 1, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: 7 x Pad1', hop([0, 0, 0, 0, 0, 0, 0, 0x1e, 5, 0, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: 8 x Pad1', hop([0, 0, 0, 0, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: 7 bytes of PadN', hop([1, 5, 0, 0, 0, 0, 0, 0x1e, 5, 0, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: 8 bytes of PadN', hop([1, 6, 0, 0, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: unknown, skip', hop([0x1e, 4, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: unknown, discard', hop([0x5e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: unknown, answer', hop([0x9e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: 8 of them', hop([...skip(7), 0x1e, 6, 0, 0, 0, 0, 0, 0]), PARSE_OK],
    ['hop options: 9 of them', hop([...skip(8), 0x1e, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: router alert', hop([5, 2, 0, 0, 1, 0]), PARSE_OK],
    ['hop options: router alert of 4', hop([5, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: an option overruns', hop([0x1e, 5, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: IOAM at offset 42', hop([0x31, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: IOAM at offset 44', hop([1, 0, 0x31, 2, 0, 0]), PARSE_OK],
    ['hop options: CALIPSO too short', hop([7, 4, 0, 0, 0, 0]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop options: CALIPSO, wrong CRC', hop([7, 12, ...Array(12).fill(0)]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['hop header overruns', ip6(0, [17, 9, 1, 4, 0, 0, 0, 0, ...U]), reasons.PARSE_IP6_HOP_OPTIONS],
    ['length 0 with hop options: the frame rules', hop([1, 4, 0, 0, 0, 0], U, { payloadLen: 0 }), PARSE_OK],
    ['jumbo for a small packet', hop([0xc2, 4, ...u32(21)], U, { payloadLen: 0 }), reasons.PARSE_IP6_JUMBO],
    ['jumbo and a payload length', hop([0xc2, 4, ...u32(70000)]), reasons.PARSE_IP6_JUMBO],
    ['jumbo longer than the frame', hop([0xc2, 4, ...u32(70000)], U, { payloadLen: 0 }), reasons.PARSE_IP6_JUMBO],
  ];
  it.each(rows)('%s', (_, packet, code) => expect(parse(packet, 101).code).toBe(code));

  it.each<[string, Bytes, object, number]>([
    ['unknown, discard', [0x5e, 4, 0, 0, 0, 0], {}, 0],
    ['unknown, tell the sender', [0x9e, 4, 0, 0, 0, 0], {}, 42],
    ['unknown, behind another one', [5, 2, 0, 0, 0xde, 0], {}, 46],
    ['unknown, to a group', [0x9e, 4, 0, 0, 0, 0], { destination: 'ff0e::5' }, 42],
    ['unknown, to a group, not to be told', [0xde, 4, 0, 0, 0, 0], { destination: 'ff0e::5' }, 0],
    ['malformed', [0x1e, 5, 0, 0, 0, 0], {}, 0],
    ['jumbo for a small packet', [0xc2, 4, ...u32(21)], { payloadLen: 0 }, 44],
    ['jumbo and a payload length', [0xc2, 4, ...u32(70000)], {}, 42],
    ['jumbo of another length', [0xc2, 3, ...u32(70000)], {}, 0],
    ['jumbo longer than the frame', [0xc2, 4, ...u32(70000)], { payloadLen: 0 }, 0],
  ])('%s: where the sender is pointed to', (_, options, f, pointer) =>
    expect(parse(hop(options, U, f), 101).p.reasonArgs[1]).toBe(pointer),
  );

  it('takes a jumbo packet whose length fits, and trims what follows it', () => {
    const { p, code } = parse([...hop([0xc2, 4, ...u32(70008)], Array(70000).fill(7), { payloadLen: 0 }), 1, 2], 101);
    expect([code, p.l3Len, p.end - p.l3Off]).toEqual([PARSE_OK, 70048, 70048]);
  });

  it('that the capture cut off count as good', () => {
    const frame = ip6(0, [17, 0, 0x5e, 4, 0, 0, 0, 0, ...U]);
    expect(parse(frame.slice(0, 44), 101, frame.length).code).toBe(PARSE_OK);
  });
});
