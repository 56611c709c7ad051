/**
 * Two routers in a row: two hosts, each with what one router was loaded with while both were recorded. Only what the ends sent goes
 * in; what one host sends to the other one is the host's own, and what comes out at the ends must be what the kernels sent.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Host } from '../../src/host/host.js';
import { EMIT_DELIVERED } from '../../src/host/path.js';
import { loadRules } from '../../src/iptables/restore.js';
import { parseHostFile } from '../../src/replay/host-file.js';
import { IPPROTO_ICMP } from '../../src/wire/packet.js';
import { LINKTYPE_RAW } from '../../src/wire/parse.js';
import { CASES, type RecordedCase, readCases } from './case.js';
import { compareOutputs } from './compare.js';
import { type CapturedPacket, readPcapng } from './pcapng.js';

/** One router, what arrived there, and what has come out where the other one is not. */
class Router {
  readonly host: Host;
  readonly arrived: CapturedPacket[];
  /** How many of `arrived` have been taken in. */
  taken = 0;
  readonly atEnd: CapturedPacket[] = [];
  /** What is on its way to the other router. */
  readonly between: Uint8Array[] = [];

  constructor(
    readonly recorded: RecordedCase,
    readonly endDev: string,
    readonly innerDev: string,
  ) {
    const text = (path: string) => readFileSync(path, 'utf8');
    this.host = new Host(parseHostFile(text(recorded.host), recorded.host).config);
    this.host.load(loadRules(text(recorded.rules4), recorded.rules4, 2));
    this.host.load(loadRules(text(recorded.rules6!), recorded.rules6!, 10));
    this.arrived = readPcapng(readFileSync(join(recorded.folder, 'in.pcapng')));
    const inner = this.host.interfaceIndex(innerDev);
    this.host.onEmit = (bytes, start, end, dev, kind, hostMade) => {
      if (kind === EMIT_DELIVERED) return;
      const ip = Buffer.from(bytes.subarray(start, end));
      if (dev === inner) this.between.push(ip);
      else this.atEnd.push({ dev: endDev, comment: hostMade ? 'host-made' : '', ip });
    };
  }

  take(ip: Uint8Array, dev: string, ms: number): void {
    const bytes = Uint8Array.from(ip);
    this.taken++;
    this.host.advance(ms);
    this.host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, this.host.interfaceIndex(dev));
  }
}

/** Without what the other router drew for an ICMP message of its own: the IPv4 identification, and so the header's checksum. */
function known(p: CapturedPacket): CapturedPacket {
  if (p.ip![0]! >> 4 !== 4 || p.ip![9] !== IPPROTO_ICMP) return p;
  const ip = Buffer.from(p.ip!);
  ip.fill(0, 4, 6);
  ip.fill(0, 10, 12);
  return { ...p, ip };
}

const hex = (packets: readonly CapturedPacket[], dev: string) =>
  packets.filter((p) => p.dev === dev).map((p) => p.ip!.toString('hex'));

describe('two routers in a row', () => {
  const cases = readCases(CASES);
  const [first, second] = ['nat-row-1', 'nat-row-2'].map((name) => cases.find((c) => c.name === name)!) as [
    RecordedCase,
    RecordedCase,
  ];

  it('were recorded as one: what the one sent is what arrived at the other', () => {
    const inputs = [first, second].map((c) => readPcapng(readFileSync(join(c.folder, 'in.pcapng'))));
    expect(hex(inputs[1]!, 'r0')).toEqual(hex(first.expected.packets, 'r1'));
    expect(hex(inputs[0]!, 'r1')).toEqual(hex(second.expected.packets, 'r0'));
    expect(hex(inputs[1]!, 'r0').length).toBeGreaterThan(50);
  });

  it('send to the ends what two kernels sent', () => {
    const a = new Router(first, 'r0', 'r1');
    const b = new Router(second, 'r1', 'r0');
    const ends = [a, b].flatMap((router) =>
      router.arrived.filter((p) => p.dev === router.endDev).map((p) => ({ router, ip: p.ip!, time: p.time! })),
    );
    let ms = 1_760_000_000_000;
    for (const { router, ip } of ends.sort((p, q) => p.time - q.time)) {
      router.take(ip, router.endDev, ++ms);
      while (a.between.length + b.between.length > 0) {
        for (const on of a.between.splice(0)) b.take(on, b.innerDev, ms);
        for (const on of b.between.splice(0)) a.take(on, a.innerDev, ms);
      }
    }
    expect([a.taken, b.taken]).toEqual([a.arrived.length, b.arrived.length]);
    for (const router of [a, b]) {
      const { expected } = router.recorded;
      const packets = expected.packets.filter((p) => p.dev === router.endDev).map(known);
      const actual = { ...expected, packets: router.atEnd.map(known) };
      expect(compareOutputs({ ...expected, packets }, actual).packets).toEqual([]);
      expect(packets.length).toBeGreaterThan(50);
    }
  });
});
