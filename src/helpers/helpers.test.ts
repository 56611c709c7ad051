import { describe, expect, test } from 'vitest';
import { CLIENT, HelperBench, MASQUERADE, OUTSIDE, SERVER, Talk } from '../../test/support/helper-bench.js';
import { TrackBench } from '../../test/support/track-bench.js';
import { ip4, u16, u32 } from '../../test/support/wire-frames.js';
import type { Nat } from '../nat/nat.js';
import { CT_RELATED } from '../wire/packet.js';
import { Helpers } from './helpers.js';

const FTP = { helper: 'ftp', protocol: 'tcp', port: 21 } as const;

describe('where helpers are asked', () => {
  test('an ICMP error about a connection has no payload of it', () => {
    const bench = new HelperBench({ ...FTP, nat: '-A POSTROUTING -o r1 -j SNAT --to-source 123.123.123.123\n' });
    const talk = new Talk(bench, { peerPort: 21 }).open();
    talk.say('server', '220 x\r\n');
    talk.say('client', 'USER x\r\n');
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    const quoted = ip4(6, [...u16(40000), ...u16(21), ...u32(1000), ...u32(0)], {
      source: '123.123.123.123',
      destination: SERVER,
    });
    const error = ip4(1, [3, 1, 0, 0, 0, 0, 0, 0, ...quoted], { source: SERVER, destination: '123.123.123.123' });
    const [left] = bench.send('server', error);
    expect([bench.state, left!.destination, left!.isSound]).toEqual([CT_RELATED, CLIENT, true]);
  });
  test('an ICMP error of the client about a connection whose numbers are adjusted is taken for a segment', () => {
    const bench = new HelperBench({ ...FTP, nat: '-A POSTROUTING -o r1 -j SNAT --to-source 123.123.123.123\n' });
    const talk = new Talk(bench, { peerPort: 21 }).open();
    talk.say('server', '220 x\r\n');
    talk.say('client', 'USER x\r\n');
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    const quoted = ip4(6, [...u16(21), ...u16(40000), ...u32(1), ...u32(0), ...u32(0), ...u32(0)], {
      source: SERVER,
      destination: CLIENT,
    });
    let out: number[] | undefined;
    bench.host.onEmit = (bytes, start, end) => {
      out = [...bytes.slice(start, end)];
    };
    bench.send('client', ip4(1, [3, 1, 0, 0, ...u32(5000), ...quoted], { source: CLIENT, destination: SERVER }));
    expect(out?.slice(24, 28)).toEqual(u32(5007));
  });
  test('a connection that does not exist any longer expects nothing', () => {
    const bench = new HelperBench(FTP);
    const talk = new Talk(bench, { peerPort: 21 }).open();
    talk.say('server', '220 x\r\n');
    talk.say('client', 'USER x\r\n');
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    expect(bench.expected).toHaveLength(1);
    talk.put('client', 4 | 16);
    bench.wait(11_000);
    expect([[...bench.host.flows()], bench.expected]).toEqual([[], []]);
  });
  test('a helper whose name no host has is shown, and does nothing', () => {
    const bench = new HelperBench({ helper: 'Q.931', protocol: 'tcp', port: 1720 });
    const talk = new Talk(bench, { peerPort: 1720 }).open();
    talk.say('client', 'anything');
    expect([...bench.host.flows()].map((f) => f.helper)).toEqual(['Q.931']);
  });
  test('the nat table is not asked about an expected connection of a translated master', () => {
    const nat = `${MASQUERADE}-A PREROUTING -p tcp --dport 41000 -j DNAT --to-destination 10.1.0.9\n`;
    const bench = new HelperBench({ ...FTP, nat });
    const talk = new Talk(bench, { peerPort: 21 }).open();
    talk.say('server', '220 x\r\n');
    talk.say('client', 'USER x\r\n');
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    const data = new Talk(bench, { address: SERVER, port: 20, peer: OUTSIDE, peerPort: 41000, from: 'server' });
    expect(data.put('client', 2)!.destination).toBe(CLIENT);
  });
});

describe('what is told of expectations', () => {
  test.each([
    ['all that happens', '', 1],
    ['nothing, where a rule names events of connections only', ' --ctevents new', 0],
    ['what the rule names', ' --expevents new --ctevents new', 1],
  ])('%s; their zone never is', (_claim, given, count) => {
    const raw = `-A PREROUTING -p tcp --dport 21 -j CT --helper ftp --zone 7${given}\n-A PREROUTING -j CT --zone 7\n`;
    const bench = new HelperBench({ ...FTP, raw });
    const talk = new Talk(bench, { peerPort: 21 }).open();
    talk.say('server', '220 x\r\n');
    talk.say('client', 'USER x\r\n');
    talk.say('client', 'PORT 10,1,0,2,160,40\r\n');
    const [shown] = [...bench.host.expectations()];
    expect([shown!.zone, bench.events.length]).toEqual([0, count]);
  });
});

test('a host has the helpers of its modules, under their names', () => {
  const { tracker } = new TrackBench();
  const asked = { makeRoom: () => true, random: () => 0, broadcastMask: () => 0, interfaceTo: () => 0 };
  new Helpers(tracker, null as unknown as Nat, asked, ['nf_conntrack_sip ports=5060,5070']);
  expect(tracker.helpers.get('sip-5070')!.ports).toEqual([5070]);
  expect(tracker.helpers.get('ftp')!.ports).toEqual([]);
});
