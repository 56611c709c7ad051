/** The recording for the end-to-end measurement, as a pcap file. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { Connections, FrameList, recording } from './traffic.js';

/** Microseconds between two packets of the file. */
export const GAP_MICROS = 10;
/** 2026-01-01 00:00:00 UTC. */
export const START_SECONDS = 1_767_225_600;

/** Bytes that a pcap file of Ethernet frames begins with: little-endian, microseconds. */
export function fileHeader() {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(1, 20);
  return header;
}

/** Writes whole lives of `connections` connections; returns the number of packets. */
export function writeRecording(path, connections, open, seed) {
  const fd = openSync(path, 'w');
  writeSync(fd, fileHeader());
  let packets = 0;
  let out = Buffer.alloc(0);
  recording(new Connections(connections, 4, seed), open, seed + 1, new FrameList(65_536), (list) => {
    const bytes = list.offsets[list.count];
    if (out.length < bytes + list.count * 16) out = Buffer.alloc(bytes + list.count * 16);
    let at = 0;
    for (let i = 0; i < list.count; i++) {
      const length = list.offsets[i + 1] - list.offsets[i];
      const micros = packets++ * GAP_MICROS;
      out.writeUInt32LE(START_SECONDS + Math.floor(micros / 1e6), at);
      out.writeUInt32LE(micros % 1e6, at + 4);
      out.writeUInt32LE(length, at + 8);
      out.writeUInt32LE(length, at + 12);
      out.set(list.bytes.subarray(list.offsets[i], list.offsets[i + 1]), at + 16);
      at += 16 + length;
    }
    writeSync(fd, out, 0, at);
  });
  closeSync(fd);
  return packets;
}

/** Hands each packet of such a file to `each(bytes, view, start, end, nowMs)`; the plain reader of the twin. */
export function readRecording(path, each) {
  const fd = openSync(path, 'r');
  const bytes = new Uint8Array(1 << 20);
  const view = new DataView(bytes.buffer);
  let have = readSync(fd, bytes, 0, bytes.length, null);
  let at = 24;
  for (;;) {
    while (at + 16 <= have) {
      const length = view.getUint32(at + 8, true);
      if (at + 16 + length > have) break;
      const nowMs = view.getUint32(at, true) * 1000 + view.getUint32(at + 4, true) / 1000;
      each(bytes, view, at + 16, at + 16 + length, nowMs);
      at += 16 + length;
    }
    bytes.copyWithin(0, at, have);
    have -= at;
    at = 0;
    const more = readSync(fd, bytes, have, bytes.length - have, null);
    if (more === 0) break;
    have += more;
  }
  closeSync(fd);
}
