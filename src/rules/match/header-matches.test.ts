import { describe, expect, test } from 'vitest';
import { R_MARK, RECORD_SHIFT } from '../../conntrack/layout.js';
import { HAS_CUT, Packet } from '../../wire/packet.js';
import { parseNetwork } from '../../wire/parse.js';
import type { LoadContext, RuleContext } from '../context.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import type { Family } from '../model.js';
import { comment } from './comment.js';
import { connmark } from './connmark.js';
import { hl } from './hl.js';
import { icmp } from './icmp.js';
import { icmp6 } from './icmp6.js';
import { length } from './length.js';
import { mark } from './mark.js';
import { multiport } from './multiport.js';
import { tcp } from './tcp.js';
import { ttl } from './ttl.js';
import { udp } from './udp.js';

/** An IPv4 packet; `fragment` is the field as on the wire. */
function v4(protocol: number, payload: number[], fragment = 0, ttlValue = 64): Packet {
  const total = 20 + payload.length;
  const header = [0x45, 0, total >> 8, total & 255, 0, 1, fragment >> 8, fragment & 255, ttlValue, protocol, 0, 0];
  const bytes = Uint8Array.from([...header, 10, 0, 0, 1, 10, 0, 0, 2, ...payload]);
  const p = new Packet();
  parseNetwork(p, bytes, 0, bytes.length);
  return p;
}

function v6(protocol: number, payload: number[]): Packet {
  const addresses = [...new Array(15).fill(0), 1, ...new Array(15).fill(0), 2];
  const bytes = Uint8Array.from([0x60, 0, 0, 0, 0, payload.length, protocol, 7, ...addresses, ...payload]);
  const p = new Packet();
  parseNetwork(p, bytes, 0, bytes.length);
  return p;
}

/** A TCP header from port 1234 to port 80. */
function tcpHeader(flags: number, options: number[] = []): number[] {
  const words = 5 + options.length / 4;
  return [4, 210, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, words << 4, flags, 255, 255, 0, 0, 0, 0, ...options];
}

const UDP_53 = [4, 210, 0, 53, 0, 8, 0, 0];
const ECHO = [8, 0, 0, 0, 0, 7, 0, 1];

/** Reads `! --x a b` style words into a spec and tests the packet; 'drop' = hotdrop. */
function ask(extension: MatchExtension, options: string, p: Packet, protocol = 6): boolean | 'drop' {
  const family = p.family as Family;
  const c: OptionContext = {
    family,
    protocol: { number: protocol, invert: false },
    table: 'filter',
    fail: (message) => {
      throw new Error(message);
    },
  };
  const spec: unknown = extension.init(family);
  const words = options.split(' ').filter((word) => word !== '');
  for (let i = 0, invert = false; i < words.length; i++) {
    if (words[i] === '!') {
      invert = true;
      continue;
    }
    const name = words[i]?.slice(2) as string;
    const option = extension.options.find((o) => o.name === name || o.aliases?.includes(name));
    const args = option?.args as number;
    extension.option(spec, option?.name as string, words.slice(i + 1, i + 1 + args).join(' '), invert, c);
    i += args;
    invert = false;
  }
  const words2 = new Int32Array(64);
  words2[(1 << RECORD_SHIFT) + R_MARK] = 0x12;
  const context = { hotdrop: false, tracker: { table: { words: words2 } } } as unknown as RuleContext;
  const result = extension.load?.(spec, {} as LoadContext)(p, context) as boolean;
  return context.hotdrop ? 'drop' : result;
}

const SYN = v4(6, tcpHeader(2, [2, 4, 5, 180]));
const NOPS = v4(6, tcpHeader(16, [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0]));

describe('tcp', () => {
  test.each([
    ['', SYN, true],
    ['--sport 1234', SYN, true],
    ['--sport 1233', SYN, false],
    ['! --sport 1234', SYN, false],
    ['--dport 79:81', SYN, true],
    ['--dport :79', SYN, false],
    ['! --dport 81:', SYN, true],
    ['--syn', SYN, true],
    ['! --syn', SYN, false],
    ['--tcp-flags SYN,ACK SYN,ACK', SYN, false],
    ['--tcp-flags ALL NONE', SYN, false],
    ['--tcp-option 2', SYN, true],
    ['--tcp-option 8', SYN, false],
    ['--tcp-option 8', NOPS, true],
    ['! --tcp-option 8', NOPS, false],
    ['! --tcp-option 2', v4(6, tcpHeader(2)), true],
  ])('%s', (options, p, result) => expect(ask(tcp, options, p)).toBe(result));

  test('a header cut short by its sender drops the packet', () => {
    expect(ask(tcp, '--dport 80', v4(6, tcpHeader(2).slice(0, 19)))).toBe('drop');
  });
  test('one cut short by the capture does not match', () => {
    const p = v4(6, tcpHeader(2).slice(0, 19));
    p.has |= HAS_CUT;
    expect(ask(tcp, '--dport 80', p)).toBe(false);
  });
  test('options that point outside the packet drop it', () => {
    const header = tcpHeader(2);
    header[12] = 0xf0;
    expect(ask(tcp, '--tcp-option 2', v4(6, header))).toBe('drop');
    header[12] = 0x40;
    expect(ask(tcp, '--tcp-option 2', v4(6, header))).toBe('drop');
  });
  test('a fragment at offset 1 drops the packet, later ones do not match', () => {
    expect(ask(tcp, '', v4(6, tcpHeader(2), 1))).toBe('drop');
    expect(ask(tcp, '', v4(6, tcpHeader(2), 2))).toBe(false);
    expect(ask(tcp, '! --dport 1', v4(6, tcpHeader(2), 0x2000))).toBe(true);
  });
  test('works over IPv6', () => expect(ask(tcp, '--dport 80', v6(6, tcpHeader(2)))).toBe(true));
});

describe('udp', () => {
  test.each([
    ['--dport 53', v4(17, UDP_53), true],
    ['! --dport 53', v4(17, UDP_53), false],
    ['--sport 5:3', v4(17, UDP_53), false],
    ['--dport 53', v6(17, UDP_53), true],
    ['', v4(17, UDP_53.slice(0, 7)), 'drop'],
    ['', v4(17, UDP_53, 1), false],
  ])('%s (%#)', (options, p, result) => expect(ask(udp, options, p, 17)).toBe(result));
});

describe('icmp and icmp6', () => {
  test.each([
    [icmp, '--icmp-type 8', v4(1, ECHO), true],
    [icmp, '--icmp-type any', v4(1, ECHO), true],
    [icmp, '! --icmp-type any', v4(1, ECHO), false],
    [icmp, '--icmp-type 8/1', v4(1, ECHO), false],
    [icmp, '! --icmp-type echo-reply', v4(1, ECHO), true],
    [icmp, '--icmp-type any', v4(1, ECHO.slice(0, 7)), 'drop'],
    [icmp, '--icmp-type any', v4(1, ECHO, 3), false],
    [icmp6, '--icmpv6-type echo-request', v6(58, [128, 0, 0, 0, 0, 7, 0, 1]), true],
    [icmp6, '--icmpv6-type 255', v6(58, [128, 0, 0, 0, 0, 7, 0, 1]), false],
    [icmp6, '--icmpv6-type 128/1', v6(58, [128, 0, 0, 0, 0, 7, 0, 1]), false],
  ] as const)('$name %s (%#)', (extension, options, p, result) => expect(ask(extension, options, p)).toBe(result));
});

describe('multiport', () => {
  test.each([
    ['--dports 22,80', SYN, true],
    ['--dports 22,81:90', SYN, false],
    ['! --dports 22,81:90', SYN, true],
    ['--sports 80', SYN, false],
    ['--ports 80', SYN, true],
    ['--ports 1000:2000', SYN, true],
    ['! --ports 1000:2000', SYN, false],
    ['--ports 80', v4(6, [4, 210, 0]), 'drop'],
    ['--ports 80', v4(6, [4, 210, 0, 80]), true],
    ['! --ports 80', v4(6, tcpHeader(2), 1), false],
  ])('%s (%#)', (options, p, result) => expect(ask(multiport, options, p)).toBe(result));
});

describe('mark, connmark, length, ttl, hl, comment', () => {
  const marked = v4(6, tcpHeader(2));
  marked.mark = 0x80000001 | 0;
  const connected = v4(6, tcpHeader(2));
  connected.connection = (1 << 1) | 1;
  test.each([
    [mark, '--mark 0x80000001', marked, true],
    [mark, '--mark 1/1', marked, true],
    [mark, '! --mark 1/1', marked, false],
    [mark, '--mark 2/1', marked, false],
    [connmark, '--mark 0x12', connected, true],
    [connmark, '--mark 2/0xf', connected, true],
    [connmark, '! --mark 0x12', connected, false],
    [connmark, '! --mark 5', SYN, false],
    [length, '--length 44', SYN, true],
    [length, '--length 45:', SYN, false],
    [length, '! --length :44', SYN, false],
    [length, '--length 48', v6(17, UDP_53), true],
    [ttl, '--ttl-eq 64', SYN, true],
    [ttl, '! --ttl-eq 64', SYN, false],
    [ttl, '--ttl-lt 64', SYN, false],
    [ttl, '--ttl-gt 63', SYN, true],
    [hl, '--hl-eq 7', v6(17, UDP_53), true],
    [hl, '--hl-lt 8', v6(17, UDP_53), true],
    [comment, '--comment x', SYN, true],
  ] as const)('%# %o %s', (extension, options, p, result) => expect(ask(extension, options, p)).toBe(result));
});
