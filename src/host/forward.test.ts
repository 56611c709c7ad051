import { describe, expect, it } from 'vitest';
import { ip4, ip6, tcp, udp } from '../../test/support/wire-frames.js';
import { loadRules } from '../iptables/restore.js';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../rules/context.js';
import { LINKTYPE_RAW } from '../wire/parse.js';
import { Host } from './host.js';

const IP_DF = 0x4000;
const TCP = 6;
const UDP = 17;

/** The verdict on a packet of `length` bytes behind the IP header, and the lengths of what leaves because of it. */
function passed(family: 4 | 6, protocol: number, length: number, arrives: boolean): { verdict: number; sent: string } {
  const h = new Host({
    interfaces: [
      { name: 'r0', addresses: ['10.1.0.1/24', 'fd01::1/64'], mtu: 1500 },
      { name: 'r1', addresses: ['10.2.0.1/24', 'fd02::1/64'], mtu: 1400 },
    ],
    sysctl: {
      'net.ipv4.ip_forward': 1,
      'net.ipv6.conf.all.forwarding': 1,
      'net.netfilter.nf_conntrack_max': 100,
      'net.netfilter.nf_conntrack_checksum': 0,
    },
  });
  h.advance(1_000_000);
  const sent: string[] = [];
  h.onEmit = (_bytes, start, end, _dev, _kind, made) => sent.push(`${made ? 'made ' : ''}${end - start}`);
  const data = new Array<number>(length - (protocol === TCP ? 20 : 8)).fill(0);
  const payload = protocol === TCP ? tcp({ data }) : udp(data);
  const bytes = Uint8Array.from(
    family === 4
      ? ip4(protocol, payload, { fragment: IP_DF, ...(arrives ? {} : { source: '10.2.0.1' }) })
      : ip6(protocol, payload, arrives ? {} : { source: 'fd02::1' }),
  );
  const verdict = arrives
    ? h.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, h.interfaceIndex('r0'))
    : h.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
  return { verdict, sent: sent.join(' ') };
}

describe('the MTU of the way out', () => {
  it.each<[string, 4 | 6, number, number, boolean, number, string]>([
    ['stops what arrived and is too long', 4, TCP, 1400, true, VERDICT_DROP, 'made 576'],
    ['IPv6 alike', 6, TCP, 1400, true, VERDICT_DROP, 'made 1280'],
    [
      'does not stop segments that offload joined: they were longer than their own link',
      4,
      TCP,
      4000,
      true,
      VERDICT_ACCEPT,
      '4020',
    ],
    ['IPv6 alike, joined', 6, TCP, 4000, true, VERDICT_ACCEPT, '4040'],
    ['stops UDP of any length', 4, UDP, 4000, true, VERDICT_DROP, 'made 576'],
    [
      'does not stop segments of the host itself, which its network card cuts',
      4,
      TCP,
      4000,
      false,
      VERDICT_ACCEPT,
      '4020',
    ],
    ['IPv6 alike, of the host', 6, TCP, 4000, false, VERDICT_ACCEPT, '4040'],
    ['cuts other IPv6 packets of the host', 6, UDP, 2000, false, VERDICT_ACCEPT, '1400 696'],
  ])('%s', (_, family, protocol, length, arrives, verdict, sent) => {
    expect(passed(family, protocol, length, arrives)).toEqual({ verdict, sent });
  });
});

it('answers what is too big whether or not somebody takes what leaves', () => {
  const counted = [true, false].map((listens) => {
    const h = new Host({
      interfaces: [{ name: 'r0', addresses: ['10.1.0.1/24'], mtu: 1400 }],
      sysctl: { 'net.netfilter.nf_conntrack_max': 100 },
    });
    const rules = loadRules('*filter\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n', 'rules', 2);
    h.load(rules);
    h.advance(1_000_000);
    if (listens) h.onEmit = () => {};
    const packet = ip4(UDP, udp(new Array<number>(1400).fill(0)), { fragment: IP_DF, source: '10.1.0.1' });
    const bytes = Uint8Array.from(packet);
    h.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, h.interfaceIndex('r0'));
    h.exportCounters(rules);
    return rules.tables.get('filter')!.chains.get('OUTPUT')!.packets;
  });
  expect(counted).toEqual([2, 2]);
});
