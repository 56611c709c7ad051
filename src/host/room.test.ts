import { describe, expect, test } from 'vitest';
import { ethernet, ip4, tcp } from '../../test/support/wire-frames.js';
import { loadRules } from '../iptables/restore.js';
import { VERDICT_ACCEPT } from '../rules/context.js';
import { HAS_REASSEMBLED, Packet } from '../wire/packet.js';
import { LINKTYPE_ETHERNET, parseFrame } from '../wire/parse.js';
import { Host } from './host.js';
import { PacketRoom } from './room.js';

/** A TCP packet with 100 bytes of another's before it and behind it. */
function packet(): Packet {
  const frame = Uint8Array.from(ethernet(0x0800, ip4(6, tcp({ flags: 2 }))));
  const bytes = new Uint8Array(frame.length + 200).fill(0xaa);
  bytes.set(frame, 100);
  const p = new Packet();
  expect(parseFrame(p, bytes, 100, 100 + frame.length, frame.length, LINKTYPE_ETHERNET)).toBe(0);
  return p;
}
const hex = (p: Packet) => Buffer.from(p.bytes.subarray(p.start, p.end)).toString('hex');

describe('a packet that grows', () => {
  test('moves with its link-layer header, and nothing else of it changes', () => {
    const p = packet();
    const before = hex(p);
    const offsets = [p.macOff, p.l3Off, p.l4Off, p.payloadOff, p.end].map((at) => at - p.start);
    const borrowed = p.bytes;
    expect(new PacketRoom().make(p, 4)).toBe(true);
    expect(p.bytes).not.toBe(borrowed);
    expect(p.view.buffer).toBe(p.bytes.buffer);
    expect(hex(p)).toBe(before);
    expect([p.macOff, p.l3Off, p.l4Off, p.payloadOff, p.end].map((at) => at - p.start)).toEqual(offsets);
    expect(p.fragmentOff).toBe(-1);
    p.bytes.fill(0, p.end, p.end + 4);
    expect(borrowed.subarray(-100).every((b) => b === 0xaa)).toBe(true);
  });
  test('moves once, and has its borrowed buffer again afterwards', () => {
    const p = packet();
    const { bytes, view } = p;
    const room = new PacketRoom();
    room.make(p, 4);
    const own = p.bytes;
    expect([room.make(p, 8), p.bytes === own]).toEqual([true, true]);
    room.giveBack();
    expect([p.bytes === bytes, p.view === view]).toEqual([true, true]);
    room.giveBack();
  });
  test('without a packet that moved there is nothing to give back', () => {
    const p = packet();
    const { bytes } = p;
    new PacketRoom().giveBack();
    expect(p.bytes).toBe(bytes);
  });
  test('in the defragmenter`s buffer stays there', () => {
    const p = packet();
    p.has |= HAS_REASSEMBLED;
    const { bytes } = p;
    expect([new PacketRoom().make(p, 4), p.bytes === bytes]).toEqual([true, true]);
    expect(new PacketRoom().make(p, 101)).toBe(false);
  });
  test('cannot grow by more than there is room for', () => {
    const p = packet();
    const { bytes } = p;
    expect([new PacketRoom().make(p, 100_000), p.bytes === bytes]).toEqual([false, true]);
  });
  test('leaves what lies behind its frame alone, packet after packet', () => {
    const host = new Host({ interfaces: [{ name: 'r0' }], routes: [{ to: 'default', dev: 'r0' }] });
    const rule = '-A OUTPUT -p tcp --syn -j TCPMSS --set-mss 500';
    host.load(loadRules(`*mangle\n${rule}\nCOMMIT\n`, 'rules', 2));
    const sent: number[] = [];
    host.onEmit = (_bytes, start, end) => sent.push(end - start);
    for (let n = 0; n < 2; n++) {
      const { bytes, start, end } = packet();
      expect(host.send(bytes, start, end, end - start, LINKTYPE_ETHERNET)).toBe(VERDICT_ACCEPT);
      expect(bytes.subarray(end).every((b) => b === 0xaa)).toBe(true);
    }
    expect(sent).toEqual([44, 44]);
  });
});
