import { describe, expect, it } from 'vitest';
import { frame, pcap, readAll, record } from '../../test/support/capture-files.js';
import { MAX_FRAME_LEN } from './input.js';

describe('pcap', () => {
  for (const order of ['little', 'big'] as const) {
    it(`${order}-endian, microseconds`, () => {
      const b = pcap(order, 0xa1b2c3d4, 0x14000071);
      record(record(b, 0xfffffff0, 999999, frame(5), 1500), 3, 0, []);
      const { rows, reader, atEnd } = readAll(b.file);
      expect(rows).toEqual([
        { data: frame(5), wireLen: 1500, seconds: 0xfffffff0, nanos: 999999000, interfaceId: 0, direction: 0 },
        { data: [], wireLen: 0, seconds: 3, nanos: 0, interfaceId: 0, direction: 0 },
      ]);
      expect(reader.interfaces).toEqual([{ name: '', linkType: 113, snaplen: 65535, tsresol: 1e6 }]);
      expect([reader.format, atEnd, reader.byteCount]).toEqual(['pcap', true, b.bytes.length]);
    });

    it(`${order}-endian, nanoseconds`, () => {
      const { rows, reader } = readAll(record(pcap(order, 0xa1b23c4d), 1, 999999999, frame(3)).file);
      expect([rows[0].seconds, rows[0].nanos, reader.interfaces[0].tsresol]).toEqual([1, 999999999, 1e9]);
    });

    it(`${order}-endian, Kuznetzov's longer record headers`, () => {
      const b = pcap(order, 0xa1b2cd34);
      for (const packetType of [0, 4]) {
        b.u32(1).u32(2).u32(3).u32(3).u32(1).u16(0x800).raw([packetType, 0]).raw(frame(3));
      }
      const { rows } = readAll(b.file);
      expect(rows.map((r) => [r.direction, r.data])).toEqual([
        [1, frame(3)],
        [2, frame(3)],
      ]);
    });
  }

  it('a fraction beyond a second is carried over', () => {
    const { rows } = readAll(record(pcap('little'), 10, 1000001, frame(1)).file);
    expect([rows[0].seconds, rows[0].nanos]).toEqual([11, 1000]);
  });

  it('a wire length below the captured one counts as the captured one', () => {
    expect(readAll(record(pcap('little'), 0, 0, frame(9), 4).file).rows[0].wireLen).toBe(9);
  });

  it('lengths stand the other way round in old versions', () => {
    const swapped = (version: number[]) => {
      const b = pcap('big', 0xa1b2c3d4, 1, version);
      return readAll(b.u32(0).u32(0).u32(100).u32(4).raw(frame(4)).file).rows[0];
    };
    for (const version of [
      [2, 2],
      [2, 3],
      [2, 543],
    ]) {
      expect([swapped(version).data, swapped(version).wireLen]).toEqual([frame(4), 100]);
    }
    expect(readAll(record(pcap('big', 0xa1b2c3d4, 1, [2, 3]), 0, 0, frame(4), 9).file).rows[0].wireLen).toBe(9);
  });

  it('a frame of the greatest length is read, one byte more is an error', () => {
    const { rows, error } = readAll(record(pcap('little'), 0, 0, frame(MAX_FRAME_LEN)).file);
    expect([rows[0].data.length, error]).toEqual([MAX_FRAME_LEN, null]);
    const b = record(record(pcap('little'), 0, 0, frame(4)), 0, 0, frame(MAX_FRAME_LEN + 1));
    const r = readAll(b.file);
    expect(r.rows.length).toBe(1);
    expect([r.error?.packet, r.error?.offset]).toEqual([2, 24 + 20]);
    expect(r.error?.message).toBe('packet 2 at byte 44: expected a captured length up to 262144, got 262145');
  });

  it('negative lengths are errors', () => {
    const b = pcap('little').u32(0).u32(0).u32(0xffffffff).u32(4);
    expect(readAll(b.file).error?.got).toBe('4294967295');
    const c = pcap('little').u32(0).u32(0).u32(2).u32(0x80000000).raw([1, 2]);
    expect(readAll(c.file).error?.got).toBe('2147483648');
  });

  it('another major version is an error', () => {
    expect(readAll(pcap('big', 0xa1b2c3d4, 1, [3, 0]).file).error?.message).toMatch(
      /expected pcap version 2, got 3\.0/,
    );
  });
});
