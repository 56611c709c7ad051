import { describe, expect, it } from 'vitest';
import { arrives, CONFIG, counts, load } from '../../test/support/router.js';
import { type Bytes, ip6 } from '../../test/support/wire-frames.js';
import { Host } from './host.js';
import { VERDICT_SKIPPED } from './results.js';

const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 4/2
-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 4/0
-A FORWARD
COMMIT
`;
const ECHO: Bytes = [128, 0, 0, 0, 0, 1, 0, 1];
const ERROR: Bytes = [1, 0, 0, 0, 0, 0, 0, 0];

describe('hop-by-hop options that nobody knows', () => {
  // test/kernel/cases/tracking-hop-options
  it.each<[string, Bytes, Bytes, string, number[]]>([
    ['tell the sender, before any hook', [0x9e, 4, 0, 0, 0, 0], ECHO, 'fd00:1::2', [1, 0, 0]],
    ['discard', [0x5e, 4, 0, 0, 0, 0], ECHO, 'fd00:1::2', [0, 0, 0]],
    ['are not told about in errors about errors', [0x9e, 4, 0, 0, 0, 0], ERROR, 'fd00:1::2', [0, 0, 0]],
    ['are not told to the loopback address', [0x9e, 4, 0, 0, 0, 0], ECHO, '::1', [0, 0, 0]],
    ['jumbo payload of a small packet', [0xc2, 4, 0, 0, 0, 9], ECHO, 'fd00:1::2', [0, 1, 0]],
  ])('%s', (_claim, options, body, source, counted) => {
    const host = new Host({ ...CONFIG, sysctl: { 'net.ipv6.conf.all.forwarding': 1 } });
    load(host, RULES, 10);
    const packet = ip6(0, [58, 0, ...options, ...body], { source, destination: 'fd00:2::2' });
    expect(arrives(host, packet)).toBe(VERDICT_SKIPPED);
    const [forwarded, unknown, field] = counts(host);
    expect([unknown, field, forwarded]).toEqual(counted);
  });
});
