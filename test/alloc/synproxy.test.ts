/** -j SYNPROXY answers millions of SYNs and ACKs, and passes what follows, without a garbage collection. */
import { expect, it } from 'vitest';
import { Host } from '../../src/host/host.js';
import { loadRules } from '../../src/iptables/restore.js';
import { fillTransportChecksum } from '../../src/wire/checksum.js';
import { Packet } from '../../src/wire/packet.js';
import { LINKTYPE_RAW, parseNetwork } from '../../src/wire/parse.js';
import { fewestCollections } from '../support/collections.js';
import { ACK, PSH, play, type Router, SYN } from '../support/tcp-ends.js';

const PACKETS = 200_000;
const RULES = `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp --tcp-flags FIN,SYN,RST,ACK SYN -j CT --notrack
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p tcp -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460
COMMIT
`;
const PLACE = { family: 4, client: '10.1.0.2', server: '10.2.0.2', clientPort: 1000, serverPort: 80 } as const;
const stamp = { stamp: 5000 };

it('SYNs, ACKs with wrong cookies, and data whose numbers are adjusted', async () => {
  const host = new Host({
    interfaces: [1, 2].map((n) => ({ name: `r${n - 1}`, addresses: [`10.${n}.0.1/24`] })),
    sysctl: {
      'net.ipv4.ip_forward': 1,
      'net.netfilter.nf_conntrack_max': 100,
      'net.netfilter.nf_conntrack_tcp_loose': 0,
    },
  });
  host.load(loadRules(RULES, 'rules', 2));
  host.advance(1_700_000_000_000);
  const sent: { bytes: Uint8Array; dev: number }[] = [];
  const router: Router = (side, packet) => {
    const out: ['client' | 'server', Uint8Array][] = [];
    const dev = host.interfaceIndex(side === 'client' ? 'r0' : 'r1');
    sent.push({ bytes: packet.slice(), dev });
    host.onEmit = (bytes, start, end, to) => out.push([to === 1 + 1 ? 'client' : 'server', bytes.slice(start, end)]);
    host.receive(packet, 0, packet.length, packet.length, LINKTYPE_RAW, dev);
    return Promise.resolve(out);
  };
  await play(
    PLACE,
    [
      { who: 'client', flags: SYN, options: { mss: 1460, sack: true, scale: 7, ...stamp } },
      { who: 'client', flags: ACK, options: stamp },
      { who: 'server', flags: SYN | ACK, options: { mss: 1460, stamp: 900_000, scale: 3 } },
      { who: 'client', flags: PSH | ACK, data: 5, options: stamp },
      { who: 'server', flags: PSH | ACK, data: 7, options: { stamp: 900_004 } },
      // of another connection, and with a cookie that is none
      { who: 'client', flags: ACK, ackOff: 77_777, options: stamp },
    ],
    router,
  );
  host.onEmit = null;
  const [syn, , , ask, tell] = sent;
  const stray = sent[5]!.bytes.slice();
  stray[21] = 7;
  const p = new Packet();
  parseNetwork(p, stray, 0, stray.length);
  fillTransportChecksum(p);
  const rounds = [syn!, ask!, tell!, { bytes: stray, dev: syn!.dev }];
  const work = new Uint8Array(200);
  const before = host.proxy.statistics.synReceived;
  const count = await fewestCollections(() => {
    for (let n = 0; n < PACKETS; n++) {
      const { bytes, dev } = rounds[n & 3]!;
      work.set(bytes);
      host.receive(work, 0, bytes.length, bytes.length, LINKTYPE_RAW, dev);
    }
  }, 6);
  expect(host.proxy.statistics.synReceived).toBeGreaterThan(before + PACKETS / 4 - 1);
  expect(host.proxy.statistics.cookieInvalid).toBeGreaterThan(PACKETS / 4 - 1);
  expect(count).toBe(0);
});
