/**
 * Handshakes of -j SYNPROXY with clients that answer the cookie that the host drew. What the kernel does in the same conversations:
 * test/kernel/synproxy.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { CONFIG, counts, load } from '../../test/support/router.js';
import { ACK, type Action, type Heard, PSH, play, type Router, RST, SYN } from '../../test/support/tcp-ends.js';
import { LINKTYPE_RAW } from '../wire/parse.js';
import { Host } from './host.js';
import type { HostOptions } from './host-options.js';

const START_MS = 1_700_000_000_000;

function rules(target: string): string {
  return `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j CT --notrack
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p tcp -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY ${target}
-A OUTPUT -m conntrack --ctstate INVALID
-A OUTPUT -m conntrack --ctstate NEW
-A OUTPUT -m conntrack --ctstate ESTABLISHED
COMMIT
`;
}

function proxy(target: string, options: HostOptions = {}): Host {
  const sysctl = { ...CONFIG.sysctl, 'net.netfilter.nf_conntrack_tcp_loose': 0 };
  const host = new Host({ ...CONFIG, sysctl }, options);
  load(host, rules(target));
  host.advance(START_MS);
  return host;
}

/** The host between the two ends. */
function router(host: Host): Router {
  let now = START_MS;
  return (side, packet, waitMs) => {
    const out: ['client' | 'server', Uint8Array][] = [];
    now += waitMs;
    host.advance(now);
    host.onEmit = (bytes, start, end, dev) =>
      out.push([dev === host.interfaceIndex('r0') ? 'client' : 'server', bytes.slice(start, end)]);
    const dev = host.interfaceIndex(side === 'client' ? 'r0' : 'r1');
    host.receive(packet, 0, packet.length, packet.length, LINKTYPE_RAW, dev);
    return Promise.resolve(out);
  };
}

const PLACE = { family: 4, client: '10.1.0.2', server: '10.2.0.2', clientPort: 1000, serverPort: 80 } as const;
const ALL = '--sack-perm --timestamp --wscale 7 --mss 1460';
const OFFER = { mss: 1400, sack: true, stamp: 5000, scale: 5 };
const HELLO: Action = { who: 'client', flags: SYN, options: OFFER };
const ANSWER: Action = { who: 'client', flags: ACK, options: { stamp: 5001 } };
const WELCOME: Action = {
  who: 'server',
  flags: SYN | ACK,
  options: { mss: 1300, sack: true, stamp: 900_000, scale: 3 },
};

const run = (target: string, script: Action[], options?: HostOptions): Promise<Heard[][]> =>
  play(PLACE, script, router(proxy(target, options)));

describe('-j SYNPROXY', () => {
  it('answers in the place of the server, then tells it, then steps aside', async () => {
    const script: Action[] = [
      HELLO,
      ANSWER,
      WELCOME,
      { who: 'client', flags: PSH | ACK, data: 5, options: { stamp: 5002 } },
      { who: 'server', flags: PSH | ACK, data: 7, options: { stamp: 900_004 } },
    ];
    const [syn, ack, synAck, asked, told] = await run(ALL, script);
    const common = { window: 65_000, data: 0, ttl: 64 };
    const offered = { mss: 1460, sack: true, scale: 7, stamp: 0x15, echo: 5000, window: 0 };
    expect(syn).toEqual([{ ...common, at: 'client', flags: SYN | ACK, seq: 0, ack: 1, ...offered }]);
    const passedOn = { mss: 1300, sack: true, scale: 5, stamp: 5001, echo: 0x15 };
    expect(ack).toEqual([{ ...common, at: 'server', flags: SYN, seq: 0, ack: 0, ...passedOn }]);
    // the timestamp that it echoes is moved once too often, as in the kernel
    expect(synAck).toEqual([
      { ...common, at: 'server', flags: ACK, seq: 1, ack: 1, stamp: 5001, echo: 1_800_000 - 0x15 },
      { ...common, at: 'client', flags: ACK, seq: 1, ack: 1, stamp: 0x15, echo: 5001, window: 65_000 >> 3 },
    ]);
    const data = { flags: PSH | ACK, ttl: 63, window: 65_000 };
    expect(asked).toEqual([{ ...data, at: 'server', seq: 1, ack: 1, data: 5, stamp: 5002, echo: 900_000 }]);
    expect(told).toEqual([{ ...data, at: 'client', seq: 1, ack: 6, data: 7, stamp: 0x15 + 4, echo: 5002 }]);
  });

  it.each<[string, string, Action['options'], Partial<Heard>]>([
    ['nothing but what was asked for', ALL, {}, {}],
    ['nothing but what the rule has', '', OFFER, {}],
    ['the rule\u2019s size', '--mss 536', OFFER, { mss: 536 }],
    ['scale and SACK only beside timestamps, which carry them', '--sack-perm --wscale 7', OFFER, {}],
    ['a timestamp that says: no scale', '--timestamp', OFFER, { stamp: 0x0f, echo: 5000 }],
    ['a timestamp with SACK', '--timestamp --sack-perm', OFFER, { stamp: 0x1f, echo: 5000, sack: true }],
  ])('a SYN/ACK offers %s', async (_claim, target, options, expected) => {
    const [syn] = await run(target, [{ ...HELLO, options: options! }]);
    const common = { at: 'client', flags: SYN | ACK, seq: 0, ack: 1, window: 0, data: 0, ttl: 64 };
    expect(syn).toEqual([{ ...common, ...expected }]);
  });

  it.each([
    [0, 536],
    [535, 536],
    [1299, 536],
    [1300, 1300],
    [1440, 1440],
    [1459, 1440],
    [1460, 1460],
    [9000, 1460],
  ])('a client that can take %d bytes is believed %d', async (mss, told) => {
    const offer = mss === 0 ? {} : { mss };
    const [, ack] = await run('--mss 1460', [
      { ...HELLO, options: offer },
      { who: 'client', flags: ACK },
    ]);
    expect(ack).toMatchObject([{ at: 'server', flags: SYN, mss: told }]);
  });

  it.each<[string, Partial<Action>, number, HostOptions]>([
    ['right', {}, 1, {}],
    ['one too high: it tells the next size', { ackOff: 1 }, 1, {}],
    ['three too high: there is no such size', { ackOff: 3 }, 0, {}],
    ['two too low', { ackOff: -2 }, 0, {}],
    ['of another number of the client', { seq: 2_000_000 }, 0, {}],
    ['a minute old', { waitMs: 60_000 }, 1, {}],
    ['more than two minutes old', { waitMs: 120_000 }, 0, {}],
    ['another host\u2019s', { ackOff: 12_345_678 }, 0, {}],
    ['another host\u2019s, where those are believed', { ackOff: 12_345_678 }, 1, { foreignCookies: true }],
    ['the same, but too old', { ackOff: 12_345_678, waitMs: 120_000 }, 0, { foreignCookies: true }],
    ['the same, but not behind the SYN', { ackOff: 12_345_678, seq: 9 }, 0, { foreignCookies: true }],
  ])('a cookie that is %s', async (_claim, change, sent, options) => {
    const host = proxy(ALL, options);
    const [, ack] = await play(PLACE, [HELLO, { ...ANSWER, ...change }], router(host));
    expect(ack).toHaveLength(sent);
    expect(host.proxy.statistics).toMatchObject({ synReceived: 1, cookieValid: sent, cookieInvalid: 1 - sent });
  });

  it('counts ACKs that it only believes as in doubt, and no others', async () => {
    for (const [ackOff, doubtful] of [
      [0, []],
      [77, [{ extension: '-j SYNPROXY', packets: 1 }]],
    ] as const) {
      const host = proxy(ALL, { foreignCookies: true });
      await play(PLACE, [HELLO, { ...ANSWER, ackOff }], router(host));
      expect(host.doubts()).toMatchObject(doubtful);
    }
  });

  it('what it sends passes OUTPUT: the SYN/ACK as INVALID, the SYN as NEW, both ACKs as ESTABLISHED', async () => {
    const host = proxy(ALL);
    await play(PLACE, [HELLO, ANSWER, WELCOME], router(host));
    expect(counts(host).slice(-3)).toEqual([1, 1, 2]);
  });

  it.each<[string, Action[], object]>([
    ['as a keep-alive', [{ ...ANSWER, seq: 0 }], { cookieValid: 2, cookieRetrans: 1 }],
    ['twice', [ANSWER], { cookieValid: 2, cookieRetrans: 0 }],
    ['with a wrong cookie', [{ ...ANSWER, seq: 0, ackOff: 9 }], { cookieInvalid: 1, cookieRetrans: 0 }],
    ['two too low', [{ ...ANSWER, seq: -1 }], { cookieValid: 2, cookieRetrans: 0 }],
    ['when the server has answered', [WELCOME, { ...ANSWER, seq: 0 }], { cookieValid: 1, cookieRetrans: 0 }],
    ['of the server\u2019s', [{ who: 'server', flags: ACK, seq: 0 }], { cookieValid: 1, cookieRetrans: 0 }],
  ])('the ACK again, %s', async (_claim, more, counted) => {
    const host = proxy(ALL);
    await play(PLACE, [HELLO, ANSWER, ...more], router(host));
    expect(host.synproxyStatistics).toMatchObject(counted);
  });

  it('a server that refuses is heard by the client, in numbers that fit', async () => {
    const refusal: Action = { who: 'server', flags: RST | ACK, seq: -700_000 };
    const [, , refused] = await run(ALL, [HELLO, ANSWER, refusal]);
    expect(refused).toMatchObject([{ at: 'client', flags: RST | ACK, seq: 1, ack: 1 }]);
  });

  it('two hosts of one seed draw the same cookies, those of another seed others', async () => {
    const cookie = async (seed: number): Promise<number> => {
      const host = proxy(ALL, { seed });
      let seen = 0;
      await play(PLACE, [HELLO], async (...asked) => {
        const out = await router(host)(...asked);
        for (const [, packet] of out) seen = new DataView(packet.buffer).getUint32(24);
        return out;
      });
      return seen;
    };
    expect(await cookie(5)).toBe(await cookie(5));
    expect(await cookie(5)).not.toBe(await cookie(6));
  });
});
