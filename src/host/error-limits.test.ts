import { describe, expect, test } from 'vitest';
import { AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_UDP, Packet } from '../wire/packet.js';
import { Sysctls } from './config.js';
import { ErrorLimits, parseBitmap } from './error-limits.js';

const BOTH = { 'net.ipv4.icmp_ratelimit': 1000, 'net.ipv6.icmp.ratelimit': 1000 };

/** An ICMP message that leaves on an interface; only what a limit looks at. */
function message(family: number, type: number, code = 0, outInterface = 2): Packet {
  const p = new Packet();
  p.family = family;
  p.protocol = family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  p.bytes = Uint8Array.of(0, 0, type, code);
  p.l4Off = 2;
  p.outInterface = outInterface;
  return p;
}

/** How many of ten such messages at once are allowed. */
function allowed(sysctl: Record<string, number | string>, p: Packet): number {
  const limits = new ErrorLimits(new Sysctls(sysctl));
  let n = 0;
  for (let i = 0; i < 10; i++) if (limits.allows(p, 0)) n++;
  return n;
}

describe('messages at once', () => {
  test.each<[string, Record<string, number | string>, Packet, number]>([
    ['no limit is named', {}, message(AF_INET, 3), 10],
    ['0 is none', { 'net.ipv4.icmp_ratelimit': 0 }, message(AF_INET, 3), 10],
    ['destination unreachable', BOTH, message(AF_INET, 3), 6],
    ['... but not "fragmentation needed"', BOTH, message(AF_INET, 3, 4), 10],
    ['time exceeded', BOTH, message(AF_INET, 11), 6],
    ['parameter problem', BOTH, message(AF_INET, 12), 6],
    ['echo replies are not in the mask', BOTH, message(AF_INET, 0), 10],
    ['... unless it says so', { ...BOTH, 'net.ipv4.icmp_ratemask': 1 }, message(AF_INET, 0), 6],
    ['what the mask has no more', { ...BOTH, 'net.ipv4.icmp_ratemask': 1 }, message(AF_INET, 3), 10],
    ['types above 18', { ...BOTH, 'net.ipv4.icmp_ratemask': -1 }, message(AF_INET, 40), 10],
    ['on lo', BOTH, message(AF_INET, 3, 0, 1), 10],
    ['ICMPv6 destination unreachable', BOTH, message(AF_INET6, 1), 6],
    ['ICMPv6 time exceeded', BOTH, message(AF_INET6, 3), 6],
    ['ICMPv6 packet too big, in the mask or not', { ...BOTH, 'net.ipv6.icmp.ratemask': '2' }, message(AF_INET6, 2), 10],
    ['ICMPv6 echo replies', BOTH, message(AF_INET6, 129), 10],
    ['... where the mask has them', { ...BOTH, 'net.ipv6.icmp.ratemask': '128-129' }, message(AF_INET6, 129), 6],
    ['a family without a limit', { 'net.ipv4.icmp_ratelimit': 1000 }, message(AF_INET6, 1), 10],
    ['another protocol', BOTH, Object.assign(message(AF_INET, 3), { protocol: IPPROTO_UDP }), 10],
  ])('%s', (_claim, sysctl, p, n) => expect(allowed(sysctl, p)).toBe(n));
});

test('"no route" takes from the same purse', () => {
  const limits = new ErrorLimits(new Sysctls(BOTH));
  const answer = message(AF_INET, 3);
  let told = 0;
  // the one who asks is the one who is told: both addresses of the packets are 0
  for (let i = 0; i < 10; i++) if (limits.allowsNoRoute(answer, 0) && limits.allows(answer, 0)) told++;
  expect(told).toBe(2);
});

test.each<[string, [number, number][] | null]>([
  ['', []],
  [
    '0-1,3-127',
    [
      [0, 1],
      [3, 127],
    ],
  ],
  ['255', [[255, 255]]],
  [
    ' 1 , 2 ',
    [
      [1, 1],
      [2, 2],
    ],
  ],
  ['256', null],
  ['3-1', null],
  ['1,', null],
  ['-1', null],
  ['x', null],
])('"%s" as a set of types', (text, ranges) => expect(parseBitmap(text)).toEqual(ranges));
