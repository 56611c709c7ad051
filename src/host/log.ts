/**
 * A packet as a line of the kernel's log: the texts of net/netfilter/nf_log_syslog.c, which LOG, TRACE and connection tracking's
 * log of invalid packets share.
 *
 * Byte for byte, with what looks odd: most words end in a blank, also the last one of a line; a TCP or UDP header that is too
 * short ends the line at once, so that no mark follows; the number of an INCOMPLETE is unsigned and wraps; an ICMP error quotes
 * one packet, but not one within that.
 *
 * Cold code: it makes strings.
 */
import { AF_INET6, type Packet } from '../wire/packet.js';

/** Flags of -j LOG (include/uapi/linux/netfilter/nf_log.h). */
export const LOG_TCP_SEQUENCE = 1;
export const LOG_TCP_OPTIONS = 2;
export const LOG_IP_OPTIONS = 4;
export const LOG_UID = 8;
export const LOG_MACDECODE = 32;
/** What TRACE and connection tracking log with. */
export const LOG_DEFAULT_FLAGS = LOG_TCP_SEQUENCE | LOG_TCP_OPTIONS | LOG_IP_OPTIONS | LOG_UID;

/** What a line says beyond the packet's own bytes. */
export interface LogExtra {
  /** Owner of the socket that sent the packet, printed with LOG_UID. */
  owner?: { uid: number; gid: number };
  /** Link-layer header where it does not stand before the packet (a reassembled one): destination, source, type; 14 bytes. */
  mac?: Uint8Array;
}

/**
 * The line without a newline: `prefix`, then `IN=... OUT=... `, then the packet.
 * @param flags LOG_ bits
 * @param inName name of the interface it came in on, '' = none (then there is no MAC= either)
 */
export function formatLog(
  p: Packet,
  prefix: string,
  flags: number,
  inName: string,
  outName: string,
  extra: LogExtra = {},
): string {
  const line = new Line(p, flags, extra.owner ?? null);
  line.add(`${prefix}IN=${inName} OUT=${outName} `);
  if (inName !== '') line.add(macText(p, flags, inName, extra.mac));
  if (p.family === AF_INET6) ipv6(line, p.l3Off, true);
  else ipv4(line, p.l3Off, true);
  return line.text;
}

/** The prefix of the line that `-j TRACE` makes; `kind` is rule, return or policy. */
export function tracePrefix(table: string, chain: string, kind: string, ruleNumber: number): string {
  return `TRACE: ${table}:${chain}:${kind}:${ruleNumber} `;
}

class Line {
  text = '';
  readonly view: DataView;

  constructor(
    readonly p: Packet,
    readonly flags: number,
    private readonly owner: { uid: number; gid: number } | null,
  ) {
    this.view = p.view;
  }

  add(text: string): void {
    this.text += text;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Whether `length` bytes can be read at `at` (skb_header_pointer). */
  there(at: number, length: number): boolean {
    return at + length <= this.p.end;
  }

  /** Bytes of the packet from `at` on, as the kernel computes them: unsigned. */
  rest(at: number): number {
    return (this.p.l3Off + this.p.l3Len - at) >>> 0;
  }

  incomplete(at: number): void {
    this.add(`INCOMPLETE [${this.rest(at)} bytes] `);
  }

  u8(at: number): number {
    return this.view.getUint8(at);
  }

  u16(at: number): number {
    return this.view.getUint16(at);
  }

  u32(at: number): number {
    return this.view.getUint32(at);
  }

  hex(at: number, length: number): string {
    let text = '';
    for (let i = 0; i < length; i++)
      text += this.u8(at + i)
        .toString(16)
        .toUpperCase()
        .padStart(2, '0');
    return text;
  }

  /** What ends the line of a packet that could be read. */
  tail(): void {
    if (this.has(LOG_UID) && this.owner !== null) this.add(`UID=${this.owner.uid} GID=${this.owner.gid} `);
    if (this.p.mark !== 0) this.add(`MARK=0x${(this.p.mark >>> 0).toString(16)} `);
  }
}

function macText(p: Packet, flags: number, inName: string, given: Uint8Array | undefined): string {
  const mac = given ?? macHeader(p, inName);
  if (mac.length === 14 && (flags & LOG_MACDECODE) !== 0 && inName !== 'lo') {
    const type = hexBytes(mac.subarray(12)).join('');
    return `MACSRC=${hexBytes(mac.subarray(6, 12)).join(':')} MACDST=${hexBytes(mac.subarray(0, 6)).join(':')} MACPROTO=${type} `;
  }
  return `MAC=${hexBytes(mac).join(':')} `;
}

/** Addresses and type; a VLAN tag between them is gone when the kernel prints it. Loopback has a header of zeros. */
function macHeader(p: Packet, inName: string): Uint8Array {
  if (p.macOff < 0 || p.l3Off - p.macOff < 14) {
    if (inName !== 'lo') return new Uint8Array(0);
    return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...(p.family === AF_INET6 ? [0x86, 0xdd] : [0x08, 0]));
  }
  const mac = p.bytes.slice(p.macOff, p.macOff + 14);
  mac.set(p.bytes.subarray(p.l3Off - 2, p.l3Off), 12);
  return mac;
}

function hexBytes(bytes: Uint8Array): string[] {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0'));
}

/** dump_ipv4_packet. `outer`: not one that an ICMP error quotes. */
function ipv4(line: Line, at: number, outer: boolean): void {
  if (!line.there(at, 20)) {
    line.add('TRUNCATED');
    return;
  }
  const tos = line.u8(at + 1);
  const fragment = line.u16(at + 6);
  line.add(`SRC=${address4(line, at + 12)} DST=${address4(line, at + 16)} `);
  line.add(`LEN=${line.u16(at + 2)} TOS=0x${hex2(tos & 0x1e)} PREC=0x${hex2(tos & 0xe0)} `);
  line.add(`TTL=${line.u8(at + 8)} ID=${line.u16(at + 4)} `);
  if ((fragment & 0x8000) !== 0) line.add('CE ');
  if ((fragment & 0x4000) !== 0) line.add('DF ');
  if ((fragment & 0x2000) !== 0) line.add('MF ');
  if ((fragment & 0x1fff) !== 0) line.add(`FRAG:${fragment & 0x1fff} `);
  const headerLen = (line.u8(at) & 15) * 4;
  if (line.has(LOG_IP_OPTIONS) && headerLen > 20) {
    if (!line.there(at + 20, headerLen - 20)) {
      line.add('TRUNCATED');
      return;
    }
    line.add(`OPT (${line.hex(at + 20, headerLen - 20)}) `);
  }
  if (!transport4(line, at + headerLen, line.u8(at + 9), (fragment & 0x1fff) !== 0, outer)) return;
  if (outer) line.tail();
}

/** False: nothing more of this packet is printed. */
function transport4(line: Line, at: number, protocol: number, later: boolean, outer: boolean): boolean {
  switch (protocol) {
    case 6:
      return tcp(line, at, later);
    case 17:
    case 136:
      return udp(line, at, later, protocol);
    case 1:
      icmp(line, at, later, outer);
      return true;
    case 51:
      if (later) return true;
      line.add('PROTO=AH ');
      if (line.there(at, 12)) line.add(`SPI=0x${line.u32(at + 4).toString(16)} `);
      else line.incomplete(at);
      return true;
    case 50:
      line.add('PROTO=ESP ');
      if (later) return true;
      if (line.there(at, 8)) line.add(`SPI=0x${line.u32(at).toString(16)} `);
      else line.incomplete(at);
      return true;
    default:
      line.add(`PROTO=${protocol} `);
      return true;
  }
}

/** In the order in which they are printed; bits of the word at offset 12. */
const TCP_FLAGS: readonly [number, string][] = [
  [1 << 24, 'AE '],
  [1 << 23, 'CWR '],
  [1 << 22, 'ECE '],
  [1 << 21, 'URG '],
  [1 << 20, 'ACK '],
  [1 << 19, 'PSH '],
  [1 << 18, 'RST '],
  [1 << 17, 'SYN '],
  [1 << 16, 'FIN '],
];

function tcp(line: Line, at: number, later: boolean): boolean {
  line.add('PROTO=TCP ');
  if (later) return true;
  if (!line.there(at, 20)) {
    line.incomplete(at);
    return false;
  }
  line.add(`SPT=${line.u16(at)} DPT=${line.u16(at + 2)} `);
  if (line.has(LOG_TCP_SEQUENCE)) line.add(`SEQ=${line.u32(at + 4)} ACK=${line.u32(at + 8)} `);
  const word = line.u32(at + 12);
  line.add(`WINDOW=${word & 0xffff} RES=0x${((word & 0x0e000000) >>> 22).toString(16).padStart(2, '0')} `);
  for (const [bit, name] of TCP_FLAGS) if ((word & bit) !== 0) line.add(name);
  line.add(`URGP=${line.u16(at + 18)} `);
  const optionsLen = (word >>> 28) * 4 - 20;
  if (!line.has(LOG_TCP_OPTIONS) || optionsLen <= 0) return true;
  if (!line.there(at + 20, optionsLen)) {
    line.add('OPT (TRUNCATED)');
    return false;
  }
  line.add(`OPT (${line.hex(at + 20, optionsLen)}) `);
  return true;
}

function udp(line: Line, at: number, later: boolean, protocol: number): boolean {
  line.add(protocol === 17 ? 'PROTO=UDP ' : 'PROTO=UDPLITE ');
  if (later) return true;
  if (!line.there(at, 8)) {
    line.incomplete(at);
    return false;
  }
  line.add(`SPT=${line.u16(at)} DPT=${line.u16(at + 2)} LEN=${line.u16(at + 4)} `);
  return true;
}

/** Bytes that an ICMP message must have, by type; others need the header only. */
const ICMP_NEEDS: Readonly<Record<number, number>> = {
  0: 4,
  3: 28,
  4: 28,
  5: 28,
  8: 4,
  11: 28,
  12: 28,
  13: 20,
  14: 20,
  17: 12,
  18: 12,
};

function icmp(line: Line, at: number, later: boolean, outer: boolean): void {
  line.add('PROTO=ICMP ');
  if (later) return;
  if (!line.there(at, 8)) {
    line.incomplete(at);
    return;
  }
  const type = line.u8(at);
  const code = line.u8(at + 1);
  line.add(`TYPE=${type} CODE=${code} `);
  if (line.rest(at) < (ICMP_NEEDS[type] ?? 0)) {
    line.incomplete(at);
    return;
  }
  if (type === 0 || type === 8) line.add(`ID=${line.u16(at + 4)} SEQ=${line.u16(at + 6)} `);
  if (type === 12) line.add(`PARAMETER=${line.u8(at + 4)} `);
  if (type === 5) line.add(`GATEWAY=${address4(line, at + 4)} `);
  if (type !== 3 && type !== 4 && type !== 5 && type !== 11) return;
  if (outer) {
    line.add('[');
    ipv4(line, at + 8, false);
    line.add('] ');
  }
  if (type === 3 && code === 4) line.add(`MTU=${line.u16(at + 6)} `);
}

/** dump_ipv6_packet. */
function ipv6(line: Line, at: number, outer: boolean): void {
  if (!line.there(at, 40)) {
    line.add('TRUNCATED');
    return;
  }
  const word = line.u32(at);
  line.add(`SRC=${address6(line, at + 8)} DST=${address6(line, at + 24)} `);
  line.add(
    `LEN=${line.u16(at + 4) + 40} TC=${(word >>> 20) & 0xff} HOPLIMIT=${line.u8(at + 7)} FLOWLBL=${word & 0xfffff} `,
  );
  const chain = { next: line.u8(at + 6), at: at + 40, later: false };
  while (isExtension(chain.next)) if (!extension(line, chain)) return;
  if (!transport6(line, chain, outer)) return;
  if (outer) line.tail();
}

/** Where the walk along the extension headers stands; `later`: behind the header of a later fragment. */
interface HeaderChain {
  next: number;
  at: number;
  later: boolean;
}

/** ipv6_ext_hdr and ESP, but not "no next header". */
function isExtension(next: number): boolean {
  return next === 0 || next === 43 || next === 44 || next === 50 || next === 51 || next === 60;
}

/** One extension header; false: nothing more of this packet is printed. */
function extension(line: Line, chain: HeaderChain): boolean {
  const { next, at } = chain;
  const options = line.has(LOG_IP_OPTIONS);
  if (!line.there(at, 2)) {
    line.add('TRUNCATED');
    return false;
  }
  if (options) line.add('OPT ( ');
  const len = line.u8(at + 1);
  if (next === 44) {
    if (!fragmentHeader(line, chain)) return false;
    chain.at += 8;
  } else if (next === 51 || next === 50) {
    if (options && !securityHeader(line, chain, next === 51 ? 'AH' : 'ESP')) return false;
    if (next === 50) return false;
    chain.at += (len + 2) * 4;
  } else {
    if (chain.later) {
      if (options) line.add(')');
      return false;
    }
    chain.at += (len + 1) * 8;
  }
  if (options) line.add(') ');
  chain.next = line.u8(at);
  return true;
}

function fragmentHeader(line: Line, chain: HeaderChain): boolean {
  line.add('FRAG:');
  if (!line.there(chain.at, 8)) {
    line.add('TRUNCATED ');
    return false;
  }
  const field = line.u16(chain.at + 2);
  line.add(`${field & 0xfff8} `);
  if ((field & 1) !== 0) line.add('INCOMPLETE ');
  line.add(
    `ID:${line
      .u32(chain.at + 4)
      .toString(16)
      .padStart(8, '0')} `,
  );
  if ((field & 0xfff8) !== 0) chain.later = true;
  return true;
}

/** AH and ESP, which the kernel looks into only when options are asked for. */
function securityHeader(line: Line, { at, later }: HeaderChain, name: 'AH' | 'ESP'): boolean {
  line.add(`${name} `);
  if (later) {
    line.add(')');
    return false;
  }
  if (!line.there(at, name === 'AH' ? 12 : 8)) {
    line.add(`INCOMPLETE [${line.rest(at)} bytes] )`);
    return false;
  }
  const spi = line.u32(name === 'AH' ? at + 4 : at).toString(16);
  line.add(name === 'AH' ? `SPI=0x${spi} ` : `SPI=0x${spi} )`);
  return true;
}

function transport6(line: Line, { next, at, later }: HeaderChain, outer: boolean): boolean {
  switch (next) {
    case 6:
      return tcp(line, at, later);
    case 17:
    case 136:
      return udp(line, at, later, next);
    case 58:
      return icmpv6(line, at, later, outer);
    default:
      line.add(`PROTO=${next} `);
      return true;
  }
}

function icmpv6(line: Line, at: number, later: boolean, outer: boolean): boolean {
  line.add('PROTO=ICMPv6 ');
  if (later) return true;
  if (!line.there(at, 8)) {
    line.incomplete(at);
    return false;
  }
  const type = line.u8(at);
  line.add(`TYPE=${type} CODE=${line.u8(at + 1)} `);
  if (type === 128 || type === 129) line.add(`ID=${line.u16(at + 4)} SEQ=${line.u16(at + 6)} `);
  if (type === 4)
    line.add(
      `POINTER=${line
        .u32(at + 4)
        .toString(16)
        .padStart(8, '0')} `,
    );
  if (type < 1 || type > 4) return true;
  if (outer) {
    line.add('[');
    ipv6(line, at + 8, false);
    line.add('] ');
  }
  if (type === 2) line.add(`MTU=${line.u32(at + 4)} `);
  return true;
}

function address4(line: Line, at: number): string {
  return `${line.u8(at)}.${line.u8(at + 1)}.${line.u8(at + 2)}.${line.u8(at + 3)}`;
}

/** All eight groups with all digits. */
function address6(line: Line, at: number): string {
  const groups: string[] = [];
  for (let g = 0; g < 8; g++)
    groups.push(
      line
        .u16(at + 2 * g)
        .toString(16)
        .padStart(4, '0'),
    );
  return groups.join(':');
}

function hex2(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}
