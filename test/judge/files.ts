/** Scenarios and recordings as files: the form of test/kernel/cases, which a replay takes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND } from '../../src/capture/frame-batch.js';
import { PcapngWriter } from '../../src/capture/pcapng-writer.js';
import type { Outputs } from '../kernel/compare.js';
import { type CapturedPacket, readPcapng } from '../kernel/pcapng.js';
import type { Recording, Seen } from './lab.js';
import { addressText } from './packets.js';
import type { Scenario } from './scenario.js';
import { hasPolicies, hostFile, OWN_ADDRESSES } from './world.js';

const LINK_ETHERNET = 1;
/** Frames since which a packet that goes out may have come in: the router is done with one before the next one. */
const LOOK_BACK = 2;
const HOST_MADE = 'host-made';

/** What an IPv4 packet can be known by on both sides of a router: protocol and identification. */
function identityOf(ip: Buffer): number {
  return ip.length >= 20 && ip[0]! >> 4 === 4 ? (ip[9]! << 16) | ip.readUInt16BE(4) : -1;
}

/** Whether the router made an IPv6 packet by itself: the source is its own, or it has a flow label, which no step has. */
function isMade6(ip: Buffer): boolean {
  return (
    ip.length >= 40 && ((ip.readUInt32BE(0) & 0xfffff) !== 0 || OWN_ADDRESSES.has(addressText(ip.subarray(8, 24))))
  );
}

/** Packets that went out, each with whether the router made it by itself. */
function emittedOf(seen: readonly Seen[]): { packet: Seen; comment: string }[] {
  const recent: number[] = [];
  const out: { packet: Seen; comment: string }[] = [];
  for (const packet of seen) {
    const ip = packet.frame.subarray(14);
    if (packet.way !== 'went') {
      recent.push(identityOf(ip));
      if (recent.length > LOOK_BACK) recent.shift();
      continue;
    }
    const isMade = ip[0]! >> 4 === 4 ? !recent.includes(identityOf(ip)) : isMade6(ip);
    out.push({ packet, comment: isMade ? HOST_MADE : '' });
  }
  return out;
}

interface Row {
  packet: Seen;
  direction: number;
  comment: string;
}

function pcapng(rows: readonly Row[]): Buffer {
  const chunks: Buffer[] = [];
  const writer = new PcapngWriter((bytes, start, end) => chunks.push(Buffer.from(bytes.subarray(start, end))), '');
  const names = rows.some(({ packet }) => packet.dev === 'lo')
    ? (['r0', 'r1', 'lo'] as const)
    : (['r0', 'r1'] as const);
  const devices = new Map<string, number>(names.map((name) => [name, writer.addInterface(name, LINK_ETHERNET)]));
  for (const { packet, direction, comment } of rows) {
    const { time, frame, dev } = packet;
    const seconds = Number(time / 1_000_000_000n);
    const nanos = Number(time % 1_000_000_000n);
    writer.writePacket(devices.get(dev)!, seconds, nanos, frame, 0, frame.length, frame.length, direction, comment);
  }
  writer.flush();
  return Buffer.concat(chunks);
}

/**
 * The flag of a packet in `in.pcapng`. Where all are marked as arrived, a replay takes it that the router's own ones were left out;
 * where none is marked, that there were none, and answers by itself.
 */
function directionOf({ way, frame }: Seen, isDeaf: boolean): number {
  if (way === 'made') return DIRECTION_OUTBOUND;
  const ip = frame.subarray(14);
  const six = ip.length > 0 && ip[0]! >> 4 === 6;
  const source = six ? ip.subarray(8, 24) : ip.subarray(12, 16);
  const isOwn = source.length === (six ? 16 : 4) && OWN_ADDRESSES.has(addressText(source));
  return isDeaf || isOwn ? DIRECTION_INBOUND : 0;
}

/** Writes what a replay needs: in.pcapng, rules.v4, rules.v6, host.yaml. */
export function writeInput(folder: string, scenario: Scenario, seen: readonly Seen[]): void {
  mkdirSync(folder, { recursive: true });
  const put = (name: string, data: string | Buffer): void => writeFileSync(join(folder, name), data);
  const rows = seen
    .filter((packet) => packet.way !== 'went')
    .map((packet) => ({
      packet,
      direction: directionOf(packet, scenario.isDeaf),
      comment: '',
    }));
  put('in.pcapng', pcapng(rows));
  put('rules.v4', scenario.rules4);
  put('rules.v6', scenario.rules6);
  put('host.yaml', hostFile(scenario.sysctls, hasPolicies(scenario)));
}

/** What the kernel did, as the comparison takes it. */
export function outputsOf(recording: Recording): Outputs & { capture: Buffer } {
  const rows = emittedOf(recording.seen).map((row) => ({ ...row, direction: 0 }));
  const capture = pcapng(rows);
  const packets: CapturedPacket[] = readPcapng(capture);
  const { rules4, rules6, table, expectationEvents, events, log } = recording;
  const expectations = recording.expectations + recording.expectations6;
  return { rules4, rules6, table, expectations, expectationEvents, events, packets, log, capture };
}

/** Saves a scenario and what the kernel did as a case. */
export function writeCase(folder: string, scenario: Scenario, recording: Recording, covers = scenario.covers): void {
  writeInput(folder, scenario, recording.seen);
  const expected = outputsOf(recording);
  const expect = join(folder, 'expect');
  mkdirSync(expect, { recursive: true });
  const files = {
    'rules.v4': recording.rules4,
    'rules.v6': recording.rules6,
    'table.txt': recording.table,
    'expect.txt': recording.expectations,
    'expect6.txt': recording.expectations6,
    'expect-events.txt': recording.expectationEvents,
    ...(recording.log === null ? {} : { 'log.txt': recording.log }),
    'events.txt': recording.events,
    'out.pcapng': expected.capture,
  };
  for (const [name, data] of Object.entries(files)) writeFileSync(join(expect, name), data);
  const arrived = recording.seen.filter((packet) => packet.way !== 'went').length;
  const about = `name: ${scenario.name}\nfamily: ${scenario.family}\ncovers: ${JSON.stringify(covers)}\n`;
  writeFileSync(join(folder, 'case.yaml'), `${about}packets: ${arrived}\nemitted: ${expected.packets.length}\n`);
}
