/** The packet path through wire/ and capture/ allocates nothing: no garbage collection over millions of packets. */
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { FrameBatch } from '../../src/capture/frame-batch.js';
import { PcapngWriter } from '../../src/capture/pcapng-writer.js';
import { CaptureReader } from '../../src/capture/reader.js';
import { fillTransportChecksum, replace32, transportChecksumOk } from '../../src/wire/checksum.js';
import { parseQuoted } from '../../src/wire/icmp.js';
import { Packet } from '../../src/wire/packet.js';
import { parseFrame } from '../../src/wire/parse.js';
import { readTcpOptions, TcpOptions, tcpSackEnd } from '../../src/wire/tcp-options.js';
import { type Bytes, ethernet, icmp, ip4, ip6, tcp, u32, udp } from '../support/wire-frames.js';

/** Collections while `work` runs `turns` times, after a warm-up of `warm` turns. */
async function collections(work: (turn: number) => unknown, warm: number, turns: number): Promise<number> {
  const starts: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) starts.push(entry.startTime);
  });
  observer.observe({ entryTypes: ['gc'] });
  for (let turn = 0; turn < warm; turn++) work(turn);
  await new Promise((done) => setTimeout(done, 50));
  const begin = performance.now();
  for (let turn = 0; turn < turns; turn++) work(turn);
  const end = performance.now();
  await new Promise((done) => setTimeout(done, 50));
  observer.disconnect();
  return starts.filter((at) => at >= begin && at <= end).length;
}

const SLOT = 256;
const sack = [1, 1, 5, 10, ...u32(5), ...u32(9)];
const frames: Bytes[] = [
  ethernet(0x800, ip4(6, tcp({ options: sack, data: [1, 2, 3] }))),
  ethernet(0x800, ip4(17, udp([1, 2, 3]))),
  ethernet(0x86dd, ip6(6, tcp())),
  ethernet(0x86dd, ip6(60, [17, 0, 1, 4, 0, 0, 0, 0, ...udp([1])])),
  ethernet(0x800, ip4(1, icmp(3, 1, [0, 0, 0, 0], ip4(17, udp())))),
  ethernet(0x800, ip4(17, udp(), { checksumDelta: 1 })),
  ethernet(0x806, [1, 2, 3]),
];
const bytes = new Uint8Array(frames.length * SLOT);
frames.forEach((frame, i) => {
  bytes.set(frame, i * SLOT);
});

describe('no allocation', () => {
  it('the measure sees one that allocates', async () => {
    const kept: object[] = [];
    const count = await collections((turn) => kept.push({ turn }) > 64 && kept.splice(0), 1000, 3_000_000);
    expect(count).toBeGreaterThan(0);
  });

  it('in parsing, checksums, options, quoted packets', async () => {
    const p = new Packet();
    const inner = new Packet();
    const options = new TcpOptions();
    let used = 0;
    const work = (turn: number) => {
      const slot = turn % frames.length;
      const start = slot * SLOT;
      const length = frames[slot].length;
      used += parseFrame(p, bytes, start, start + length, length, 1);
      used += transportChecksumOk(p) ? 1 : 0;
      if (slot < 5) fillTransportChecksum(p);
      if (slot === 0) {
        readTcpOptions(p, options);
        used = (used + tcpSackEnd(p)) | 0;
        replace32(p.bytes, p.l4Off + 16, turn, turn + 1);
      }
      if (slot === 4) used += parseQuoted(p, inner);
    };
    const count = await collections(work, 300_000, 3_000_000);
    expect([count, Number.isInteger(used)]).toEqual([0, true]);
  });

  it('in reading captures', async () => {
    const chunks: number[] = [];
    const writer = new PcapngWriter((chunk, start, end) => {
      for (let i = start; i < end; i++) chunks.push(chunk[i]);
    });
    const id = writer.addInterface('r0', 1);
    const reader = new CaptureReader();
    const batch = new FrameBatch();
    writer.flush();
    reader.feed(Uint8Array.from(chunks), 0, chunks.length);
    reader.read(batch);
    chunks.length = 0;
    for (let i = 0; i < 1000; i++) writer.writePacket(id, 1760000000, i, bytes, 0, 100, 100, 1);
    writer.flush();
    const thousand = Uint8Array.from(chunks);
    let packets = 0;
    const work = () => {
      reader.feed(thousand, 0, thousand.length);
      for (let count = reader.read(batch); count > 0; count = reader.read(batch)) packets += count;
    };
    const count = await collections(work, 300, 3000);
    expect([count, packets]).toEqual([0, 3_300_000]);
  });
});
