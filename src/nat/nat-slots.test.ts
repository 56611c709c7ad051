/** What src/nat/nat.ts keeps of connections, in any slot and in slots that are used again. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type Ends, NatBench, rangeOf, tupleText, words } from '../../test/support/nat-bench.js';
import { busy, IN, leaving, masqueraded, NONE, OUT, PUBLIC } from '../../test/support/nat-busy.js';
import type { Expectation } from '../conntrack/expect.js';
import { IPS_CONFIRMED, IPS_DST_NAT, IPS_DYING, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import {
  AF_INET,
  AF_INET6,
  CT_ESTABLISHED,
  CT_RELATED,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  IPPROTO_ICMP,
  IPPROTO_UDP,
  type Packet,
} from '../wire/packet.js';
import { MANIP_DST, MANIP_SRC } from './range.js';

describe('in any slot', () => {
  it.each([0, 1, 2, 3, 4, 5])('%i: rules are asked for the half that is open', (slot) => {
    const bench = busy(slot);
    const p = bench.arrive();
    expect(p.connection >> 1).toBe(slot);
    expect([bench.nat.isOpen(p, MANIP_SRC), bench.nat.isOpen(p, MANIP_DST)]).toEqual([true, true]);
    bench.nat.setup(slot, rangeOf('10.9.0.1'), MANIP_DST);
    expect([bench.nat.isOpen(p, MANIP_SRC), bench.nat.isOpen(p, MANIP_DST)]).toEqual([true, false]);
    bench.nat.setup(slot, rangeOf(PUBLIC), MANIP_SRC);
    expect([bench.nat.isOpen(p, MANIP_SRC), bench.nat.isOpen(p, MANIP_DST)]).toEqual([false, false]);
    expect(bench.reply(slot)).toBe(`10.9.0.1:80>${PUBLIC}:1000`);
  });

  it.each([0, 1, 2, 3, 4, 5])('%i: MASQUERADE, REDIRECT and NETMAP change the connection of the packet', (slot) => {
    const masqueraded = busy(slot);
    masqueraded.nat.masquerade(leaving(masqueraded, {}), NONE);
    expect(masqueraded.reply(slot)).toBe('10.2.0.3:80>10.2.0.1:1000');
    const redirected = busy(slot);
    const p = redirected.arrive();
    p.inInterface = IN;
    redirected.nat.redirect(p, NONE);
    expect(redirected.reply(slot)).toBe('10.1.0.1:80>10.1.0.2:1000');
    const mapped = busy(slot);
    mapped.nat.netmap(mapped.arrive(), MANIP_DST, words('172.16.0.0'), words('255.255.0.0'));
    expect(mapped.reply(slot)).toBe('172.16.0.3:80>10.1.0.2:1000');
  });

  it.each([0, 1, 2, 3, 4, 5])('%i: packets are translated as that connection is', (slot) => {
    const bench = busy(slot);
    expect(bench.connect({}, rangeOf(PUBLIC), MANIP_SRC)).toBe(slot);
    const next = bench.arrive();
    expect(bench.nat.translate(next, MANIP_SRC)).toBe(NF_ACCEPT);
    expect(tupleText(next.tuple)).toBe(`${PUBLIC}:1000>10.2.0.3:80`);
    const plain = bench.arrive({ from: 777 });
    const before = plain.bytes.slice();
    expect(bench.nat.translate(plain, MANIP_SRC)).toBe(NF_ACCEPT);
    expect(plain.bytes).toEqual(before);
  });

  it.each([0, 1, 2, 3, 4, 5])('%i: a packet is redirected or not', (slot) => {
    const bench = busy(slot);
    const redirected = bench.arrive({ source: 'fd01::2', destination: 'fd02::3' });
    bench.nat.setup(redirected.connection >> 1, rangeOf('fd02::4'), MANIP_DST);
    const plain = bench.arrive({ source: 'fd01::2', destination: 'fd02::3', from: 77 });
    for (let i = 0; i < 2; i++) {
      expect(bench.nat.isRedirected(redirected)).toBe(true);
      expect(bench.nat.isRedirected(plain)).toBe(false);
    }
    bench.nat.settle(redirected, MANIP_SRC);
    bench.leave(redirected);
    const answer = bench.arrive({ source: 'fd02::4', destination: 'fd01::2', from: 80, to: 1000, flags: 18 });
    expect(answer.connection & 1).toBe(1);
    expect(bench.nat.isRedirected(answer)).toBe(false);
    const snat = bench.arrive({ source: 'fd01::2', destination: 'fd02::3', from: 78 });
    bench.nat.setup(snat.connection >> 1, rangeOf('fd09::1'), MANIP_SRC);
    bench.leave(snat);
    const back = bench.arrive({ source: 'fd02::3', destination: 'fd09::1', from: 80, to: 78, flags: 18 });
    expect([bench.nat.isRedirected(snat), bench.nat.isRedirected(back)]).toEqual([false, true]);
    bench.nat.isRedirected(answer);
    expect(bench.nat.isRedirected(back)).toBe(true);
  });
});

describe('a half', () => {
  it('is open also to the first packet of an expected connection, but not to an error', () => {
    const bench = busy();
    const p = bench.arrive();
    p.state = CT_RELATED;
    expect(bench.nat.isOpen(p, MANIP_SRC)).toBe(true);
    p.state = CT_ESTABLISHED;
    expect(bench.nat.isOpen(p, MANIP_SRC)).toBe(false);
    const error = bench.arrive({ protocol: IPPROTO_ICMP });
    error.state = CT_RELATED;
    expect(bench.nat.isOpen(error, MANIP_SRC)).toBe(false);
  });

  it('of an expected connection is translated by its own tuple', () => {
    const bench = busy();
    const p = bench.arrive();
    bench.nat.setup(p.connection >> 1, rangeOf(PUBLIC), MANIP_SRC);
    p.state = CT_RELATED;
    expect(bench.nat.translate(p, MANIP_SRC)).toBe(NF_ACCEPT);
    expect(tupleText(p.tuple)).toBe(`${PUBLIC}:1000>10.2.0.3:80`);
  });

  it('that a target has settled is not settled again', () => {
    const bench = busy();
    const p = leaving(bench, {});
    bench.nat.masquerade(p, NONE);
    expect(bench.nat.settle(p, MANIP_SRC)).toBe(NF_ACCEPT);
    bench.leave(p);
    bench.nat.forgetMasqueraded(OUT, 0, null);
    expect(bench.tracker.table.count).toBe(5);
  });

  it('without a rule is settled without the ports of the rule before', () => {
    const bench = busy();
    bench.nat.masquerade(leaving(bench, { from: 9 }), rangeOf('', [7000, 7999]));
    const p = bench.arrive({ from: 10 });
    bench.nat.settle(p, MANIP_SRC);
    expect(bench.reply(p.connection >> 1)).toBe('10.2.0.3:80>10.1.0.2:10');
  });

  it('that is translated to a port with a helper of its own gets that helper, and what that sets stays', () => {
    const bench = busy();
    const calls: number[] = [];
    bench.tracker.assignByPort = (slot) => {
      calls.push(slot);
      bench.tracker.table.words[(slot << RECORD_SHIFT) + R_STATUS]! |= IPS_DYING;
    };
    const p = bench.arrive();
    bench.nat.setup(p.connection >> 1, rangeOf('10.9.0.1', [21, 21]), MANIP_DST);
    expect(calls).toEqual([]);
    const again = bench.arrive({ from: 9 });
    bench.tracker.helpersByPort = true;
    bench.nat.setup(again.connection >> 1, rangeOf('10.2.0.3'), MANIP_DST);
    expect(calls).toEqual([]);
    bench.nat.setup(again.connection >> 1, rangeOf('10.9.0.1', [21, 21]), MANIP_DST);
    expect(calls).toEqual([again.connection >> 1]);
    expect(bench.status(again.connection >> 1) & (IPS_DYING | IPS_DST_NAT)).toBe(IPS_DYING | IPS_DST_NAT);
  });

  it('of a source is the same towards another destination', () => {
    const bench = busy();
    const wide = rangeOf('203.0.113.0-203.0.113.255');
    bench.connect({ destination: '10.2.0.99' }, rangeOf('203.0.113.200'), MANIP_SRC);
    const slot = bench.connect({}, wide, MANIP_SRC);
    expect(bench.reply(slot)).toBe('10.2.0.3:80>203.0.113.200:1000');
  });
});

describe('MASQUERADE', () => {
  it('has no pity with an IPv6 client whose address begins with zeros', () => {
    const bench = busy();
    bench.addresses.set(OUT, 'fd02::1');
    const p = leaving(bench, { source: '::7', destination: 'fd02::3' });
    bench.nat.masquerade(p, NONE);
    expect(bench.reply(p.connection >> 1)).toBe('fd02::3:80>fd02::1:1000');
  });
  it('leaves a client alone that has no address yet, in any slot', () => {
    for (const slot of [0, 1, 2, 3]) {
      const bench = busy(slot);
      const p = leaving(bench, { source: '0.0.0.0', protocol: IPPROTO_UDP });
      expect(bench.nat.masquerade(p, NONE)).toBe(NF_ACCEPT);
      expect(bench.reply(slot)).toBe('10.2.0.3:80>0.0.0.0:1000');
    }
  });
});

it('REDIRECT in OUTPUT is to loopback, whatever was done before', () => {
  const bench = busy();
  bench.addresses.set(OUT, 'fd02:1:2:3:4:5:6:7');
  bench.nat.masquerade(leaving(bench, { source: 'fd01::2' }), NONE);
  const p = bench.arrive({ source: 'fd01::2', from: 9 });
  p.hook = HOOK_OUTPUT;
  bench.nat.redirect(p, NONE);
  expect(bench.reply(p.connection >> 1)).toBe('::1:80>fd01::2:9');
});

describe('an expected connection follows its master', () => {
  // master: client > server, the direction that its expectation is for, the expected packet, its reply then
  const rows: [string, Ends, () => [ReturnType<typeof rangeOf>, number], number, Ends, string][] = [
    [
      'of a client behind SNAT',
      { to: 21 },
      () => [rangeOf(PUBLIC), MANIP_SRC],
      1,
      { source: '10.2.0.3', from: 20, destination: PUBLIC, to: 40000 },
      '10.1.0.2:5555>10.2.0.3:20',
    ],
    [
      'to a server behind DNAT',
      { destination: '10.2.0.8', to: 21 },
      () => [rangeOf('10.9.0.1'), MANIP_DST],
      0,
      { source: '10.1.0.2', from: 3000, destination: '10.2.0.8', to: 40000 },
      '10.9.0.1:5555>10.1.0.2:3000',
    ],
  ];
  it.each(rows)('%s', (_, master, how, direction, e, reply) => {
    for (const count of [0, 1, 2, 5]) {
      const bench = busy(count);
      const slot = bench.connect(master, ...how());
      const p = bench.arrive(e);
      // what an earlier target has left behind
      bench.nat.masquerade(leaving(bench, { from: 1 }), rangeOf('', [7000, 7999]));
      bench.nat.followMaster(p.connection >> 1, { master: slot, direction, savedPort: 5555 } as Expectation);
      expect(bench.reply(p.connection >> 1)).toBe(reply);
      expect([bench.nat.isOpen(p, MANIP_SRC), bench.nat.isOpen(p, MANIP_DST)]).toEqual([false, false]);
    }
  });
  it('also where its source is another', () => {
    const bench = busy();
    const slot = bench.connect({ to: 21 }, rangeOf(PUBLIC), MANIP_SRC);
    const p = bench.arrive({ source: '10.2.0.77', from: 20, destination: PUBLIC, to: 40000 });
    bench.nat.followMaster(p.connection >> 1, { master: slot, direction: 1, savedPort: 5555 } as Expectation);
    expect(bench.reply(p.connection >> 1)).toBe('10.1.0.2:5555>10.2.0.3:20');
  });
});

describe('a connection that is to leave by another interface', () => {
  let bench: NatBench;
  let slot: number;
  const send = (change: (p: Packet) => void, e: Ends = {}): number => {
    const p = leaving(bench, e, IN);
    change(p);
    const verdict = bench.nat.translate(p, MANIP_SRC);
    bench.tracker.settle();
    return verdict;
  };
  beforeEach(() => {
    bench = busy(3);
    slot = masqueraded(bench, {});
  });

  it('ends if its source is masqueraded, and that packet is counted', () => {
    const counted: number[][] = [];
    bench.tracker.account = (...args) => counted.push(args);
    expect(send(() => {})).toBe(NF_DROP);
    expect(counted).toEqual([[slot, 0, 40]]);
    expect(bench.tracker.table.count).toBe(3);
  });
  it.each([
    ['it is delivered', HOOK_INPUT, 0],
    ['it leaves where the first one did', HOOK_POSTROUTING, OUT],
  ])('goes on if %s', (_, hook, outInterface) => {
    expect(send((p) => Object.assign(p, { hook, outInterface }))).toBe(NF_ACCEPT);
    expect(bench.tracker.table.count).toBe(4);
  });
  it('goes on if it is an answer', () => {
    const e = { source: '10.2.0.3', from: 80, destination: '10.2.0.1', to: 1000, flags: 18 };
    expect(send(() => {}, e)).toBe(NF_ACCEPT);
    expect(bench.tracker.table.count).toBe(4);
  });
  it('goes on if its source is another one', () => {
    bench.connect({ from: 9 }, rangeOf('10.2.0.1'), MANIP_SRC);
    expect(send(() => {}, { from: 9 })).toBe(NF_ACCEPT);
    expect(bench.tracker.table.count).toBe(5);
  });
  it('goes on if nothing of it is settled, whatever had its slot', () => {
    bench.tracker.kill(slot);
    bench.tracker.settle();
    const p = leaving(bench, { from: 12 }, IN);
    expect(p.connection >> 1).toBe(slot);
    expect(bench.nat.translate(p, MANIP_SRC)).toBe(NF_ACCEPT);
  });
});

describe('when an address goes', () => {
  const left = (bench: NatBench) => bench.tracker.table.count;

  it('all that it was given to end, and at once', () => {
    const bench = new NatBench();
    bench.addresses.set(OUT, '10.2.0.1').set(IN, '10.1.0.1');
    for (const from of [1, 2, 3, 4]) masqueraded(bench, { from });
    masqueraded(bench, { from: 5 }, IN);
    bench.connect({ from: 6 }, rangeOf('10.2.0.1'), MANIP_SRC);
    bench.nat.forgetMasqueraded(OUT, AF_INET, words('10.2.0.1'));
    expect(left(bench)).toBe(2);
    bench.nat.forgetMasqueraded(1, 0, null);
    expect(left(bench)).toBe(2);
    bench.nat.forgetMasqueraded(IN, 0, null);
    expect(left(bench)).toBe(1);
  });

  it('what was given another one does not', () => {
    const bench = busy();
    masqueraded(bench, {});
    bench.nat.forgetMasqueraded(OUT, AF_INET, words('10.2.0.2'));
    bench.nat.forgetMasqueraded(IN, AF_INET, words('10.2.0.1'));
    expect(left(bench)).toBe(6);
  });

  it('IPv6 addresses count in every word', () => {
    const bench = busy(1);
    bench.addresses.set(OUT, 'fd02:1:2:3:4:5:6:7');
    masqueraded(bench, { source: 'fd01::2' });
    for (const near of ['fd02:1:2:3:4:5:6:8', 'fd02:1:2:3:4:6:6:7', 'fd02:1:2:4:4:5:6:7', 'fd02:2:2:3:4:5:6:7'])
      bench.nat.forgetMasqueraded(OUT, AF_INET6, words(near));
    expect(left(bench)).toBe(2);
    bench.nat.forgetMasqueraded(OUT, AF_INET6, words('fd02:1:2:3:4:5:6:7'));
    expect(left(bench)).toBe(1);
  });

  it('those of the other family do not end, even with the same words', () => {
    const bench = new NatBench();
    bench.addresses.set(OUT, 'a02:1::');
    masqueraded(bench, { source: 'fd01::2' });
    bench.nat.forgetMasqueraded(OUT, AF_INET, words('10.2.0.1'));
    expect(left(bench)).toBe(1);
    bench.nat.forgetMasqueraded(OUT, AF_INET6, words('a02:1::'));
    expect(left(bench)).toBe(0);
  });

  it('those that are not in the table, or on their way out, are left alone', () => {
    const bench = busy();
    const killed: number[] = [];
    const reserved = leaving(bench, { from: 1 });
    bench.nat.masquerade(reserved, NONE);
    const dying = masqueraded(bench, { from: 2 });
    bench.tracker.table.words[(dying << RECORD_SHIFT) + R_STATUS]! |= IPS_DYING;
    const settled = masqueraded(bench, { from: 3 });
    bench.tracker.kill = (slot) => killed.push(slot) > 0;
    bench.nat.forgetMasqueraded(OUT, 0, null);
    expect(killed).toEqual([settled]);
    expect(bench.status(reserved.connection >> 1) & IPS_CONFIRMED).toBe(0);
  });

  it('a connection in the slot of one that was masqueraded goes on', () => {
    const bench = busy(1);
    const slot = masqueraded(bench, {});
    bench.tracker.kill(slot);
    bench.tracker.settle();
    expect(bench.connect({}, rangeOf(PUBLIC), MANIP_SRC)).toBe(slot);
    for (const dev of [-1, 0, 1, OUT]) bench.nat.forgetMasqueraded(dev === 0 ? 99 : dev, 0, null);
    expect(left(bench)).toBe(2);
  });

  it('making room for NAT once more forgets nothing', () => {
    const bench = busy(1);
    masqueraded(bench, {});
    bench.nat.enable();
    bench.nat.forgetMasqueraded(OUT, 0, null);
    expect(left(bench)).toBe(1);
  });
});
