/**
 * A small pcapng reader for the comparison, kept apart from src/capture so that a fault there cannot hide itself.
 * Only what recordings and `--save-capture` contain: section header, interface description, enhanced packet.
 */

/** One captured packet. */
export interface CapturedPacket {
  /** Interface name (if_name); '' where the file names none. */
  dev: string;
  /** The packet comment (opt_comment); '' = none. */
  comment: string;
  /** From the network header on, without Ethernet padding; null = not IP. */
  ip: Buffer | null;
  /** When, in the file's unit: to put packets of two recordings in order. */
  time?: number;
}

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED = 6;
const OPT_COMMENT = 1;
const IF_NAME = 2;

const LINK_ETHERNET = 1;
const LINK_SLL = 113;
const RAW_IP = new Set([12, 14, 101, 228, 229]);

class Reader {
  constructor(
    private readonly data: Buffer,
    private readonly little: boolean,
  ) {}
  u16(at: number): number {
    return this.little ? this.data.readUInt16LE(at) : this.data.readUInt16BE(at);
  }
  u32(at: number): number {
    return this.little ? this.data.readUInt32LE(at) : this.data.readUInt32BE(at);
  }
  /** The text of an option between two offsets, '' = not there. */
  option(code: number, from: number, to: number): string {
    for (let at = from; at + 4 <= to; ) {
      const found = this.u16(at);
      const length = this.u16(at + 2);
      if (found === 0) break;
      if (found === code) return this.data.toString('utf8', at + 4, at + 4 + length);
      at += 4 + length + (-length & 3);
    }
    return '';
  }
}

/** Cuts link header and padding off; null where the frame is not IP. */
function networkPart(frame: Buffer, link: number): Buffer | null {
  let ip: Buffer;
  if (link === LINK_ETHERNET) {
    const type = frame.length >= 14 ? frame.readUInt16BE(12) : 0;
    if (type !== 0x0800 && type !== 0x86dd) return null;
    ip = frame.subarray(14);
  } else if (link === LINK_SLL) ip = frame.subarray(16);
  else if (RAW_IP.has(link)) ip = frame;
  else return null;
  const version = ip.length > 0 ? ip[0]! >> 4 : 0;
  let length = ip.length;
  if (version === 4 && ip.length >= 20) {
    const total = ip.readUInt16BE(2);
    if (total >= 20) length = Math.min(length, total);
  } else if (version === 6 && ip.length >= 40) length = Math.min(length, 40 + ip.readUInt16BE(4));
  return ip.subarray(0, length);
}

/** Reads a whole pcapng file; throws on a block that does not fit into the file. */
export function readPcapng(data: Buffer): CapturedPacket[] {
  const packets: CapturedPacket[] = [];
  let interfaces: { link: number; name: string }[] = [];
  let reader = new Reader(data, true);
  for (let at = 0; at < data.length; ) {
    if (data.readUInt32BE(at) === SECTION) {
      reader = new Reader(data, data.readUInt32LE(at + 8) === 0x1a2b3c4d);
      interfaces = [];
    }
    const type = reader.u32(at);
    const length = reader.u32(at + 4);
    if (length < 12 || at + length > data.length) throw new Error(`block at byte ${at}: length ${length} does not fit`);
    const body = at + 8;
    const end = at + length - 4;
    if (type === INTERFACE) {
      const name = reader.option(IF_NAME, body + 8, end);
      interfaces.push({ link: reader.u16(body), name: name.replace(/\0.*$/s, '') });
    } else if (type === ENHANCED) {
      const device = interfaces[reader.u32(body)];
      if (device === undefined) throw new Error(`packet at byte ${at} names an interface that is not there`);
      const captured = reader.u32(body + 12);
      const first = body + 20;
      packets.push({
        dev: device.name,
        comment: reader.option(OPT_COMMENT, first + captured + (-captured & 3), end),
        ip: networkPart(data.subarray(first, first + captured), device.link),
        time: reader.u32(body + 4) * 2 ** 32 + reader.u32(body + 8),
      });
    }
    at += length;
  }
  return packets;
}
