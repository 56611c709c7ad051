import { describe, expect, test } from 'vitest';
import { testHost } from '../../test/support/rules.js';
import { HAS_CUT, Packet } from '../wire/packet.js';
import type { RuleAround } from './extension.js';
import { EINVAL, headerMissing, transportOff, wantsHooks } from './kernel-checks.js';

const around = (hooks: number): RuleAround => ({ family: 2, table: 'filter', hooks, protocol: null });

describe('kernel checks', () => {
  test('one hook outside those allowed refuses the rule', () => {
    expect(wantsHooks('x', 0b0110, around(0b0100), 'here')).toBeNull();
    expect(wantsHooks('x', 0b0110, around(0), 'here')).toBeNull();
    expect(wantsHooks('x', 0b0110, around(0b1100), 'here')?.errno).toBe(EINVAL);
  });

  test.each([
    ['where the parser found it', 2, 60, 0x45, 60],
    ['behind the header of a later IPv4 fragment', 2, -1, 0x46, 14 + 24],
    ['the IP header itself in a later IPv6 fragment', 10, -1, 0x60, 14],
  ])('the transport header stands %s', (_claim, family, l4Off, firstByte, expected) => {
    const p = new Packet();
    p.attach(new Uint8Array(100));
    p.bytes[14] = firstByte;
    Object.assign(p, { family, l3Off: 14, l4Off });
    expect(transportOff(p)).toBe(expected);
  });

  test('a missing header drops the packet, unless the capture cut it off', () => {
    const { context } = testHost('eth0');
    const p = new Packet();
    p.has = HAS_CUT;
    expect([headerMissing(p, context), context.hotdrop]).toEqual([false, false]);
    p.has = 0;
    expect([headerMissing(p, context), context.hotdrop]).toEqual([false, true]);
  });
});
