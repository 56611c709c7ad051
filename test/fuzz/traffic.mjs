/**
 * Mutated traffic for a whole host: frames of every protocol and link type, replies, fragments of earlier packets, ICMP errors
 * that quote them, truncated captures. Few addresses and ports, so that packets meet their connections.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutate, SEED_FRAMES } from './seeds.mjs';

const cases = fileURLToPath(new URL('../kernel/cases', import.meta.url));
const fixtures = fileURLToPath(new URL('../fixtures/rules', import.meta.url));

/** Longest frame. */
export const MAX_FRAME = 4096;
const HISTORY = 64;
const ADDRESSES4 = [
  '0a010001',
  '0a010002',
  '0a010003',
  '0a020001',
  '0a020002',
  '0a020009',
  '7f000001',
  'e0000001',
  'ffffffff',
  '08080808',
];
const ADDRESSES6 = [
  'fd000001000000000000000000000001',
  'fd000001000000000000000000000002',
  'fd000002000000000000000000000001',
  'fd000002000000000000000000000009',
  '00000000000000000000000000000001',
  'ff020000000000000000000000000001',
  'fe800000000000000000000000000001',
  '20010db8000000000000000000000001',
];
const PORTS = [20, 21, 22, 53, 80, 443, 1000, 4000, 5060, 40000];
const FLAGS = [2, 18, 16, 24, 17, 25, 4, 20, 16, 24, 16, 1, 0, 41, 63, 194, 82, 6];
const ICMP_ERRORS = { 4: [3, 4, 5, 11, 12], 6: [1, 2, 3, 4] };
const hexBytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const addresses = { 4: ADDRESSES4.map(hexBytes), 6: ADDRESSES6.map(hexBytes) };

/** Offset of the network header by link type, where it is fixed. */
const LINK_LEN = { 0: 4, 1: 14, 12: 0, 101: 0, 108: 4, 113: 16, 228: 0, 229: 0, 276: 20 };
const LINK_TYPES = Object.keys(LINK_LEN).map(Number);

/** IP packets from the seed frames, the recorded cases and the rule fixtures. `lib`: what host.mjs imported. */
function readSeeds(lib) {
  const packets = [];
  const add = (bytes, from, to) => {
    if (to - from >= 20 && to - from <= 1600) packets.push(bytes.slice(from, to));
  };
  for (const [linkType, hex] of SEED_FRAMES) {
    const bytes = hexBytes(hex);
    add(bytes, LINK_LEN[linkType] ?? 0, bytes.length);
  }
  for (const name of ['match-packets.tsv', 'target-packets.tsv']) {
    for (const line of readFileSync(join(fixtures, name), 'utf8').split('\n')) {
      const hex = line.split('\t')[2];
      if (hex !== undefined && !line.startsWith('#')) add(hexBytes(hex), 0, hex.length / 2);
    }
  }
  const batch = new lib.FrameBatch(256);
  for (const name of readdirSync(cases)) {
    const path = join(cases, name, 'in.pcapng');
    if (!existsSync(path)) continue;
    const reader = new lib.CaptureReader();
    const file = readFileSync(path);
    for (let at = 0; !reader.atEnd && reader.error === null; ) {
      const rows = reader.read(batch);
      for (let i = 0; i < rows; i++) {
        const ethernet = reader.interfaces[batch.interfaceId[i]].linkType === 1;
        add(batch.bytes, batch.start[i] + (ethernet ? 14 : 0), batch.end[i]);
      }
      if (rows > 0) continue;
      if (at === file.length) reader.finish();
      else at += reader.feed(file, at, file.length);
    }
  }
  return packets;
}

/** Makes one frame after another. */
export class Traffic {
  constructor(lib, random) {
    this.lib = lib;
    this.random = random;
    this.seeds = readSeeds(lib);
    this.packet = new lib.Packet();
    /** The frame at hand. */
    this.bytes = new Uint8Array(MAX_FRAME);
    this.view = new DataView(this.bytes.buffer);
    this.work = new Uint8Array(MAX_FRAME);
    this.workView = new DataView(this.work.buffer);
    this.restart(random);
  }

  /** Forgets what was sent; `random` is the source from now on. */
  restart(random) {
    this.random = random;
    this.history = [];
    this.pending = [];
    this.ipId = 1;
    /** Per cent of ports that are any port at all. */
    this.spread = random.below(4) === 0 ? 90 : 8;
  }

  /** Fills `bytes`; sets `length`, `wireLen` and `linkType`. */
  next() {
    const random = this.random;
    let length = this.makePacket();
    if (length < 20) length = 20;
    if (random.below(30) === 0) length = this.lengthen(length);
    if (random.below(20) !== 0) this.repair(length);
    this.remember(length);
    this.wrap(length);
    if (random.below(40) === 0) mutate(this.bytes, 0, this.length, random);
    if (random.below(15) === 0) this.length = random.below(this.length + 1);
    this.wireLen = this.length;
    if (random.below(12) === 0) this.wireLen += random.below(1600);
  }

  /** Puts an IP packet into `work`; its length. */
  makePacket() {
    const random = this.random;
    const work = this.work;
    const kind = random.below(20);
    if (this.pending.length > 0 && kind < 5) {
      const piece = this.pending.splice(random.below(this.pending.length), random.below(8) === 0 ? 0 : 1)[0];
      if (piece !== undefined) {
        work.set(piece);
        return piece.length;
      }
    }
    if (this.history.length > 0 && kind < 12) {
      const old = this.history[random.below(this.history.length)];
      if (kind < 6) return this.reply(old);
      if (kind === 6) return this.quote(old);
      if (kind === 7) this.cut(old);
      work.set(old);
      if (kind > 9) mutate(work, 0, old.length, random);
      return old.length;
    }
    const seed = this.seeds[random.below(this.seeds.length)];
    work.set(seed);
    if (kind < 15) this.readdress(seed.length);
    else if (kind < 18) mutate(work, 0, seed.length, random);
    return seed.length;
  }

  /** More payload, so that the packet does not fit where it has to go. */
  lengthen(length) {
    const { random, work, workView } = this;
    const more = Math.min(MAX_FRAME - 200, length + random.below(random.below(2) === 0 ? 600 : 3000));
    work.fill(random.below(256), length, Math.max(length, more));
    if (more <= length) return length;
    if (this.version() === 6) workView.setUint16(4, more - 40);
    else workView.setUint16(2, more);
    return more;
  }

  version() {
    return this.work[0] >> 4 === 6 ? 6 : 4;
  }

  /** Where the transport header probably is. */
  transport(bytes) {
    return bytes[0] >> 4 === 6 ? 40 : Math.max(20, (bytes[0] & 15) * 4);
  }

  /** New addresses and ports, and for TCP other flags and numbers. */
  readdress(length) {
    const { random, work } = this;
    const list = addresses[this.version()];
    const at = this.version() === 6 ? 8 : 12;
    const size = list[0].length;
    work.set(list[random.below(list.length)], at);
    work.set(list[random.below(list.length)], at + size);
    const l4 = this.transport(work);
    if (l4 + 4 > length) return;
    const port = () => (random.below(100) < this.spread ? random.below(65536) : PORTS[random.below(PORTS.length)]);
    this.workView.setUint16(l4, port());
    this.workView.setUint16(l4 + 2, port());
    this.tcpNumbers(l4, length);
  }

  tcpNumbers(l4, length) {
    const { random, work, workView } = this;
    const protocol = this.version() === 6 ? work[6] : work[9];
    if (protocol !== 6 || l4 + 20 > length) return;
    work[l4 + 13] = FLAGS[random.below(FLAGS.length)];
    if (random.below(3) === 0) {
      workView.setUint32(l4 + 4, 0xfffffff0 + random.below(64));
      workView.setUint32(l4 + 8, 0x08000000 + random.below(64));
    }
    if (random.below(4) === 0) workView.setUint16(l4 + 14, random.below(65536));
  }

  /** The other direction of an earlier packet. */
  reply(old) {
    const { random, work } = this;
    work.set(old);
    const size = this.version() === 6 ? 16 : 4;
    const at = this.version() === 6 ? 8 : 12;
    work.set(old.subarray(at, at + size), at + size);
    work.set(old.subarray(at + size, at + 2 * size), at);
    const l4 = this.transport(work);
    if (l4 + 12 > old.length) return old.length;
    const protocol = this.version() === 6 ? work[6] : work[9];
    if (protocol === 1 && (work[l4] === 8 || work[l4] === 0)) work[l4] ^= 8;
    else if (protocol === 58 && work[l4] >> 1 === 64) work[l4] ^= 1;
    else {
      work.copyWithin(l4, l4 + 2, l4 + 4);
      work.set(old.subarray(l4, l4 + 2), l4 + 2);
      if (protocol === 6 && l4 + 20 <= old.length) {
        work.set(old.subarray(l4 + 8, l4 + 12), l4 + 4);
        work.set(old.subarray(l4 + 4, l4 + 8), l4 + 8);
        if (old[l4 + 13] & 3) this.workView.setUint32(l4 + 8, (this.workView.getUint32(l4 + 8) + 1) >>> 0);
        work[l4 + 13] = old[l4 + 13] === 2 ? 18 : FLAGS[random.below(FLAGS.length)];
      }
    }
    return old.length;
  }

  /** An ICMP error about an earlier packet. */
  quote(old) {
    const { random, work, workView } = this;
    const six = old[0] >> 4 === 6;
    const header = six ? 40 : 20;
    const quoted = Math.min(old.length, random.below(3) === 0 ? header + 8 : 548, MAX_FRAME - 200);
    work.fill(0, 0, header + 8);
    work.set(old.subarray(0, quoted), header + 8);
    const types = ICMP_ERRORS[six ? 6 : 4];
    work[header] = types[random.below(types.length)];
    work[header + 1] = random.below(6);
    if (random.below(2) === 0) workView.setUint16(header + 6, random.below(1600));
    const length = header + 8 + quoted;
    if (six) {
      work[0] = 0x60;
      workView.setUint16(4, length - 40);
      work[6] = 58;
      work[7] = 64;
      work.set(addresses[6][random.below(addresses[6].length)], 8);
      work.set(old.subarray(8, 24), 24);
    } else {
      work[0] = 0x45;
      workView.setUint16(2, length);
      work[8] = 64;
      work[9] = 1;
      work.set(addresses[4][random.below(addresses[4].length)], 12);
      work.set(old.subarray(12, 16), 16);
    }
    return length;
  }

  /** Cuts an earlier packet into fragments that come later, in any order; sometimes they overlap. */
  cut(old) {
    const { random } = this;
    if (this.pending.length > 40) this.pending.length = 0;
    const six = old[0] >> 4 === 6;
    const header = this.transport(old);
    if (old.length - header < 16) return;
    const id = this.ipId++;
    const size = 8 * (1 + random.below(Math.min(180, (old.length - header) >> 3)));
    for (let from = 0; from < old.length - header; ) {
      const to = Math.min(old.length - header, from + size);
      const more = to < old.length - header ? 1 : 0;
      const extra = six ? 8 : 0;
      const piece = new Uint8Array(header + extra + to - from);
      const view = new DataView(piece.buffer);
      piece.set(old.subarray(0, header));
      piece.set(old.subarray(header + from, header + to), header + extra);
      if (six) {
        view.setUint16(4, piece.length - 40);
        piece[40] = old[6];
        piece[6] = 44;
        view.setUint16(42, from | more);
        view.setUint32(44, id);
      } else {
        view.setUint16(2, piece.length);
        view.setUint16(4, id);
        view.setUint16(6, (from >> 3) | (more << 13));
      }
      this.pending.push(piece);
      from = random.below(30) === 0 ? Math.max(from + 8, to - 8) : to;
    }
  }

  /** Makes lengths and checksums right, so that what lies behind them is reached. */
  repair(length) {
    const { random, work, workView, lib, packet } = this;
    if (work[0] >> 4 === 4) {
      if (random.below(2) === 0 || workView.getUint16(2) > length) workView.setUint16(2, length);
      const headerLen = (work[0] & 15) * 4;
      if (headerLen >= 20 && headerLen <= length) lib.fillIpv4Checksum(workView, 0);
    } else if (work[0] >> 4 === 6 && (random.below(2) === 0 || workView.getUint16(4) + 40 > length)) {
      workView.setUint16(4, Math.max(0, length - 40));
    }
    if (random.below(8) === 0) return;
    if (lib.parseNetwork(packet, work, 0, length) === 0) lib.fillTransportChecksum(packet);
  }

  remember(length) {
    const copy = this.work.slice(0, length);
    if (this.history.length < HISTORY) this.history.push(copy);
    else this.history[this.random.below(HISTORY)] = copy;
  }

  /** Puts the packet behind a link-layer header. */
  wrap(length) {
    const { random, work, bytes, view } = this;
    const type = work[0] >> 4 === 6 ? 0x86dd : 0x0800;
    let linkType = 1;
    if (random.below(8) === 0) linkType = LINK_TYPES[random.below(LINK_TYPES.length)];
    let at = LINK_LEN[linkType];
    bytes.fill(0, 0, 40);
    if (linkType === 1) {
      bytes[0] = random.below(8) === 0 ? 255 : 2;
      bytes[6] = 2;
      if (random.below(30) === 0) {
        view.setUint16(12, random.below(2) === 0 ? 0x8100 : 0x88a8);
        at = 18;
      }
      view.setUint16(at - 2, type);
    } else if (linkType === 113) view.setUint16(14, type);
    else if (linkType === 276) view.setUint16(0, type);
    else if (linkType === 0 || linkType === 108) view.setUint32(0, type === 0x0800 ? 2 : 24, linkType === 0);
    const fits = Math.min(length, MAX_FRAME - at);
    for (let i = 0; i < fits; i++) bytes[at + i] = work[i];
    this.linkType = linkType;
    this.length = at + fits;
  }
}
