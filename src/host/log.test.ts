import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HAS_CUT, Packet } from '../wire/packet.js';
import { LINKTYPE_ETHERNET, parseFrame, parseNetwork } from '../wire/parse.js';
import { formatLog, LOG_DEFAULT_FLAGS, LOG_MACDECODE, LOG_UID, tracePrefix } from './log.js';

/** Lines from SRC= on that Linux 6.18 logged in raw PREROUTING for these packets. */
const RECORDED: { name: string; packet: string; flags: number; mark: number; line: string }[] = JSON.parse(
  readFileSync(new URL('../../test/fixtures/log/kernel-lines.json', import.meta.url), 'utf8'),
);

const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (x) => Number.parseInt(x, 16));

function packetOf(hex: string): Packet {
  const p = new Packet();
  const bytes = bytesOf(hex);
  parseNetwork(p, bytes, 0, bytes.length);
  return p;
}

const UDP = '4500001d0029000040114000' + '0a010002' + '0a020002' + '0005000600090000' + '78';
const MAC = '020000000101' + '020000000102';

function frameOf(hex: string, type = '0800'): Packet {
  const p = new Packet();
  const bytes = bytesOf(MAC + type + hex);
  parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_ETHERNET);
  return p;
}

describe('the packet as the kernel prints it', () => {
  it.each(RECORDED)('$name (flags $flags)', ({ packet, flags, mark, line }) => {
    const p = packetOf(packet);
    p.mark = mark;
    expect(formatLog(p, '', flags, '', '')).toBe(`IN= OUT= ${line}`);
  });
});

describe('what stands before the packet', () => {
  const rest = 'SRC=10.1.0.2 DST=10.2.0.2 LEN=29 TOS=0x00 PREC=0x00 TTL=64 ID=41 PROTO=UDP SPT=5 DPT=6 LEN=9 ';
  it('prefix, interfaces and the link-layer header of a packet that came in', () => {
    expect(formatLog(frameOf(UDP), 'fm: ', 0, 'r0', 'r1')).toBe(
      `fm: IN=r0 OUT=r1 MAC=02:00:00:00:01:01:02:00:00:00:01:02:08:00 ${rest}`,
    );
  });

  it('no MAC where nothing came in', () => {
    expect(formatLog(frameOf(UDP), 'om: ', 0, '', 'r0')).toBe(`om: IN= OUT=r0 ${rest}`);
  });

  it('the header in words with --log-macdecode', () => {
    expect(formatLog(frameOf(UDP), '', LOG_MACDECODE, 'r0', '')).toBe(
      `IN=r0 OUT= MACSRC=02:00:00:00:01:02 MACDST=02:00:00:00:01:01 MACPROTO=0800 ${rest}`,
    );
  });

  it('an empty MAC on an interface without link-layer header', () => {
    expect(formatLog(packetOf(UDP), '', LOG_MACDECODE, 'tun0', '')).toBe(`IN=tun0 OUT= MAC= ${rest}`);
  });

  it('zeros on loopback, never in words', () => {
    const zeros = 'MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00';
    expect(formatLog(packetOf(UDP), 'p: ', LOG_MACDECODE, 'lo', '')).toBe(`p: IN=lo OUT= ${zeros} ${rest}`);
  });

  it('no VLAN tag', () => {
    expect(formatLog(frameOf(UDP, '810000070800'), '', 0, 'eth0.7', '')).toContain(':01:02:08:00 SRC=');
  });

  it('the header that is given for a reassembled packet', () => {
    const mac = bytesOf(MAC + '0800');
    expect(formatLog(packetOf(UDP), '', 0, 'r0', '', { mac })).toContain(
      'MAC=02:00:00:00:01:01:02:00:00:00:01:02:08:00 ',
    );
  });

  it("TRACE's own prefix", () => {
    expect(tracePrefix('filter', 'OUTPUT', 'rule', 2)).toBe('TRACE: filter:OUTPUT:rule:2 ');
  });
});

describe('what stands behind the packet', () => {
  it('owner, only when asked for, and mark as unsigned hexadecimal', () => {
    const p = packetOf(UDP);
    p.mark = 0xdeadbeef | 0;
    const extra = { owner: { uid: 0, gid: 100 } };
    expect(formatLog(p, '', LOG_UID, '', 'lo', extra)).toMatch(/ LEN=9 UID=0 GID=100 MARK=0xdeadbeef $/);
    expect(formatLog(p, '', 0, '', 'lo', extra)).toMatch(/ LEN=9 MARK=0xdeadbeef $/);
  });
});

it('reads nothing behind the captured bytes', () => {
  for (const { packet } of RECORDED) {
    const whole = packet.length / 2;
    for (let cut = 0; cut <= whole; cut++) {
      const p = new Packet();
      p.attach(bytesOf(packet).slice(0, cut));
      p.family = packet[0] === '6' ? 10 : 2;
      p.l3Off = 0;
      p.l3Len = whole;
      p.end = cut;
      p.has = HAS_CUT;
      expect(() => formatLog(p, '', LOG_DEFAULT_FLAGS, 'r0', '')).not.toThrow();
    }
  }
});
