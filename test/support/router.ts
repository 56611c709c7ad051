/** A router of which one table has rules: packets in, counters out. */

import type { HostConfig } from '../../src/host/config.js';
import { Host } from '../../src/host/host.js';
import type { HostOptions } from '../../src/host/host-options.js';
import { loadRules } from '../../src/iptables/restore.js';
import type { Ruleset } from '../../src/rules/model.js';
import { fillTransportChecksum } from '../../src/wire/checksum.js';
import { Packet } from '../../src/wire/packet.js';
import { LINKTYPE_RAW, parseNetwork } from '../../src/wire/parse.js';
import { type Bytes, ip4, u16, u32 } from './wire-frames.js';

export const INTERFACES = [
  { name: 'r0', addresses: ['10.1.0.1/24', 'fd00:1::1/64'] },
  { name: 'r1', addresses: ['10.2.0.1/24', 'fd00:2::1/64'] },
];
export const CONFIG: HostConfig = {
  interfaces: INTERFACES,
  sysctl: { 'net.ipv4.ip_forward': 1, 'net.netfilter.nf_conntrack_max': 100 },
};

const CHAINS: Record<string, string[]> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

/** The rules of each host, for its counters. */
const loaded = new WeakMap<Host, Ruleset>();

/** Loads rules of which `counts` tells. */
export function load(host: Host, text: string, family: 2 | 10 = 2): Host {
  const ruleset = loadRules(text, 'rules', family);
  host.load(ruleset);
  loaded.set(host, ruleset);
  host.advance(1_000_000);
  return host;
}

/** A host with these rules in one table. */
export function hostWith(config: HostConfig, table: string, rules: readonly string[], options: HostOptions = {}): Host {
  const heads = CHAINS[table]!.map((chain) => `:${chain} ACCEPT [0:0]\n`).join('');
  const host = new Host({ ...CONFIG, ...config }, options);
  return load(host, `*${table}\n${heads}${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`);
}

/** Packets that each rule has counted, in the order of chains. */
export function counts(host: Host): number[] {
  const ruleset = loaded.get(host)!;
  host.exportCounters(ruleset);
  return [...ruleset.tables.values()].flatMap((t) =>
    [...t.chains.values()].flatMap((c) => c.rules.map((r) => r.packets)),
  );
}

function filled(packet: Bytes): Uint8Array {
  const bytes = Uint8Array.from(packet);
  const p = new Packet();
  parseNetwork(p, bytes, 0, bytes.length);
  fillTransportChecksum(p);
  return bytes;
}

/** The verdict on a packet that arrives. */
export function arrives(host: Host, packet: Bytes, dev = 'r0'): number {
  const bytes = filled(packet);
  return host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex(dev));
}

/** The verdict on a packet that the host makes. */
export function sends(host: Host, packet: Bytes): number {
  const bytes = filled(packet);
  return host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
}

export const SYN = 2;
export const SYN_ACK = 18;
export const ACK = 16;
export const RST = 4;
/** A segment from `address:port` to another. */
export function tcp(from: string, to: string, flags: number, seq = 1, ack = 1): Bytes {
  const [source, sport] = from.split(':') as [string, string];
  const [destination, dport] = to.split(':') as [string, string];
  const header = [...u16(+sport), ...u16(+dport), ...u32(seq), ...u32(ack), 0x50, flags, ...u16(9000), 0, 0, 0, 0];
  return ip4(6, header, { source, destination });
}
/** A datagram from `address:port` to another. */
export function udp(from: string, to: string, data: Bytes = [1, 2]): Bytes {
  const [source, sport] = from.split(':') as [string, string];
  const [destination, dport] = to.split(':') as [string, string];
  return ip4(17, [...u16(+sport), ...u16(+dport), ...u16(8 + data.length), 0, 0, ...data], { source, destination });
}
