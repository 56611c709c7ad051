/**
 * Records what a kernel sends about connections of every kind, beside what conntrack(8) says of the same table: recorded.json.
 *
 *   unshare -n node test/netlink/record.mjs [BUILD] > test/netlink/recorded.json
 *
 * as root, with a built tree. The table is the network namespace's own, and is flushed before.
 */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const build = resolve(process.argv[2] ?? 'build');
const load = (file) => import(pathToFileURL(resolve(build, file)).href);
const { loadSystem } = await load('netlink/socket.js');
const { MessageWriter } = await load('netlink/writer.js');
const { newDatagrams } = await load('netlink/system.js');
const { NetlinkFlowSource } = await load('netlink/source.js');
const { parseFlowLine } = await load('flow/parse-line.js');

const run = (program, ...args) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const hex = (bytes, length) => Buffer.from(bytes.subarray(0, length)).toString('hex');

run('ip', 'link', 'set', 'lo', 'up');
run('sysctl', '-qw', 'net.netfilter.nf_conntrack_acct=1', 'net.netfilter.nf_conntrack_timestamp=1');
// labels and helpers are kept only where a rule asks for them
run('iptables-legacy', '-A', 'OUTPUT', '-m', 'connlabel', '--label', '3');

const system = await loadSystem();
const table = new NetlinkFlowSource(system);

const line = (text) => parseFlowLine(text, { file: 'record.mjs', line: 1 });
const none = { sourceNat: null, destinationNat: null, labelMask: null };
const change = (record, more = {}) => ({ record, hasStatus: true, hasReply: true, ...none, ...more });
const tcp = (n) =>
  `tcp 6 1000 ESTABLISHED src=192.0.2.1 dst=192.0.2.2 sport=${n} dport=21 src=192.0.2.2 dst=192.0.2.1 sport=21 dport=${n}`;

/** A socket that has seen everything since it was made. */
const events = system.open(null);
events.setBufferBytes(1 << 20);
for (const group of [1, 2, 3, 4, 5, 6]) events.join(group);

const master = { ...line(`${tcp(1000)} [ASSURED] mark=7 helper=ftp use=1`), labels: ['3', '64', '127'] };
await table.create(change(master));
const udp6 =
  'src=2001:db8::1 dst=2001:db8::2 sport=5 dport=53 [UNREPLIED] src=2001:db8::2 dst=2001:db8::1 sport=53 dport=5';
await table.create(change(line(`udp 17 100 ${udp6} mark=4294967295 zone=9 use=1`)));
const ping = 'src=192.0.2.1 dst=192.0.2.2 type=8 code=0 id=7 src=192.0.2.2 dst=192.0.2.1 type=0 code=0 id=7';
await table.create(change(line(`icmp 1 100 ${ping} use=1`)));
const ping6 =
  'src=2001:db8::1 dst=2001:db8::2 type=128 code=0 id=7 src=2001:db8::2 dst=2001:db8::1 type=129 code=0 id=7';
await table.create(change(line(`icmpv6 58 100 ${ping6} use=1`)));
const gre = 'src=192.0.2.1 dst=192.0.2.2 srckey=0x1 dstkey=0xffff src=192.0.2.2 dst=192.0.2.1 srckey=0xffff dstkey=0x1';
await table.create(change(line(`gre 47 100 ${gre} use=1`)));
const ports = 'src=192.0.2.1 dst=192.0.2.2 sport=1 dport=2 src=192.0.2.2 dst=192.0.2.1 sport=2 dport=1';
const sctp = {
  ...line(`sctp 132 100 ESTABLISHED ${ports} [ASSURED] use=1`),
  vtags: { original: 1, reply: 0xfffffffe },
};
await table.create(change(sctp));
await table.create(change(line(`udplite 136 100 ${ports} use=1`)));
const split = { ...line(`udp 17 100 ${ports} use=1`), zoneOriginal: 3 };
await table.create(change(split));
await table.create(change(line('unknown 89 100 src=192.0.2.1 dst=192.0.2.2 src=192.0.2.2 dst=192.0.2.1 use=1')));
const nat = line(`${tcp(1001)} [ASSURED] use=1`);
nat.details = {
  tcp: { scaleOriginal: 7, scaleReply: 9, flagsOriginal: 0x2b, flagsReply: 0x23 },
  dccp: null,
  adjustOriginal: { correctionPosition: 4_000_000_000, offsetBefore: -5, offsetAfter: 12 },
  adjustReply: { correctionPosition: 0, offsetBefore: 0, offsetAfter: 0 },
  synproxy: { isn: 3_000_000_000, its: 1, timestampOffset: -2 },
  master: { tuple: master.original, protocol: 6 },
};
const range = { first: '198.51.100.7', last: '198.51.100.7', firstPort: 4000, lastPort: 4000 };
await table.create(change(nat, { sourceNat: range }));
await table.update({ ...change({ ...master, timeout: 500, labels: null }), hasStatus: false, hasReply: false });
const mask = { source: '255.255.255.255', destination: '255.255.255.255' };
const bare = { icmp: null, keys: null };
await table.createExpectation({
  record: {
    family: 2,
    protocol: 6,
    timeout: 60,
    tuple: { source: '192.0.2.1', destination: '192.0.2.2', ports: { source: 0, destination: 4444 }, ...bare },
    mask: { ...mask, ports: { source: 0, destination: 65535 }, ...bare },
    master: master.original,
    zone: 0,
    flags: 1,
    class: 0,
    helper: 'ftp',
  },
});

await table.timeoutPolicies.set({ name: 'slow', family: 2, protocol: 6, timeouts: { established: 77 } });

/** The datagrams that answer a request, and conntrack's text at the same time. */
function ask(name, type, family, text) {
  const socket = system.open(null);
  const into = newDatagrams(1, 65536);
  const w = new MessageWriter().begin(type, 0x301, 1, family).end();
  socket.send(w.bytes, w.length);
  const datagrams = [];
  while (socket.receive(into) > 0) datagrams.push(hex(into.buffer.bytes, into.lengths[0]));
  socket.close();
  return {
    name,
    family,
    nowSeconds: Math.floor(Date.now() / 1000),
    datagrams,
    text:
      text === null
        ? []
        : run(...text)
            .trimEnd()
            .split('\n'),
  };
}

// the texts tick: what is recorded within one second is the same
const options = 'extended,id,ktimestamp,labels';
const recorded = {
  kernel: run('uname', '-r').trim(),
  answers: [
    ask('connections of IPv4', 0x101, 2, ['conntrack', '-L', '-f', 'ipv4', '-o', options]),
    ask('connections of IPv6', 0x101, 10, ['conntrack', '-L', '-f', 'ipv6', '-o', options]),
    ask('expectations', 0x201, 0, ['conntrack', '-L', 'expect']),
    ask('statistics', 0x104, 0, ['conntrack', '-S']),
    ask('statistics of expectations', 0x203, 0, null),
    ask('timeout policies', 0x801, 0, null),
  ],
  events: [],
};
await table.delete(split, false);
await table.flushExpectations();
await table.timeoutPolicies.delete('slow');
await table.delete(master, false);
const into = newDatagrams(1, 65536);
while (events.receive(into) > 0) recorded.events.push(hex(into.buffer.bytes, into.lengths[0]));
events.close();
table.close();
process.stdout.write(`${JSON.stringify(recorded, null, 1)}\n`);
