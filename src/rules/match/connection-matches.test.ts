import { beforeEach, describe, expect, test } from 'vitest';
import { packet, testInterface, word } from '../../../test/support/rules.js';
import {
  F_COUNTERS,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  R_DEADLINE,
  R_STATE,
  R_STATUS,
  RECORD_SHIFT,
  TCP_CONNTRACK_CLOSE,
} from '../../conntrack/layout.js';
import { ConnTable } from '../../conntrack/table.js';
import type { Tracker } from '../../conntrack/tracker.js';
import { loadScript } from '../../iptables/script.js';
import {
  AF_INET6,
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  CT_NONE,
  CT_UNTRACKED,
  HAS_TCP,
  HAS_TUPLE,
  HOOK_FORWARD,
  PACKET_BROADCAST,
  PACKET_LOOPBACK,
  type Packet,
  T_DST,
  T_SRC,
} from '../../wire/packet.js';
import { type LoadContext, RTN_LOCAL, RTN_UNICAST, type RuleContext } from '../context.js';
import type { MatchFunction } from '../extension.js';
import type { Family } from '../model.js';

let table: ConnTable;
let context: RuleContext;
let shared: Map<string, unknown>;
let accounting: boolean;

beforeEach(() => {
  table = new ConnTable(1024, 1);
  accounting = false;
  const tracker = {
    table,
    nowMs: 0,
    enableAccounting: () => {
      accounting = true;
    },
  } as unknown as Tracker;
  shared = new Map();
  context = {
    tracker,
    interfaces: [null, testInterface('lo', 1), testInterface('eth0', 2)],
    nowMs: 1_000_000,
    hotdrop: false,
    addressType: (_f: number, words: Int32Array, at: number, dev: number) =>
      words[at] === word('10.0.0.2') && dev !== 1 ? RTN_LOCAL : RTN_UNICAST,
  } as unknown as RuleContext;
});

/** The test of the first match of a rule. */
function load(rule: string, family: Family = 2): MatchFunction {
  const text = `${family === 2 ? 'iptables' : 'ip6tables'} -A FORWARD ${rule}\n`;
  const use = loadScript(text, 'test', family).tables.get('filter')!.chains.get('FORWARD')!.rules[0]!.matches[0]!;
  const c = {
    family,
    tracker: context.tracker,
    interfaces: context.interfaces,
    shared: (key: string, make: () => unknown) => shared.get(key) ?? shared.set(key, make()).get(key),
    fail: (message: string) => {
      throw new Error(message);
    },
  } as unknown as LoadContext;
  return use.extension.load!(use.spec, c);
}

/** Whether a rule's match takes a packet. */
function takes(rule: string, p: Packet): boolean {
  return load(rule, p.family as Family)(p, context);
}

/** A packet with bytes: TOS 0x2c, TTL 61, source MAC 02:00:00:00:00:07. */
function bytesPacket(part: Parameters<typeof packet>[0] = {}): Packet {
  const p = packet({ l3Off: 14, l4Off: 34, payloadOff: 54, macOff: 0, inInterface: 2, hook: HOOK_FORWARD, ...part });
  const bytes = new Uint8Array(74);
  bytes.set([2, 0, 0, 0, 0, 7], 6);
  bytes.set(p.family === AF_INET6 ? [0x62, 0xc0] : [0x45, 0x2c], 14);
  bytes[14 + (p.family === AF_INET6 ? 7 : 8)] = 61;
  p.attach(bytes);
  p.end = 74;
  p.has |= HAS_TUPLE;
  return p;
}

/** Gives a packet a connection with a status; it has 90 s left. */
function track(p: Packet, status: number, state = CT_ESTABLISHED, direction = 0): Packet {
  const slot = table.reserve(p.tuple, ((p.tuple[8]! & 0xffff) << 16) | (p.tuple[8]! >>> 16), 0);
  table.words[(slot << RECORD_SHIFT) + R_STATUS] = status;
  table.words[(slot << RECORD_SHIFT) + R_DEADLINE] = 90_500;
  if ((status & IPS_CONFIRMED) !== 0) table.insert(slot);
  p.connection = (slot << 1) | direction;
  p.state = state;
  return p;
}

describe('header fields', () => {
  test.each([
    ['-m dscp --dscp 0x0b', true],
    ['-m dscp ! --dscp 0x0b', false],
    ['-m dscp --dscp-class EF', false],
    ['-m tos --tos 0x2c', true],
    ['-m tos --tos 0x0c/0x0f', true],
    ['-m tos --tos 0xff/0x0f', false],
    ['-m tos ! --tos Minimize-Delay', true],
    ['-m iprange --src-range 10.0.0.1-10.0.0.1 --dst-range 10.0.0.0-255.0.0.0', true],
    ['-m iprange ! --src-range 10.0.0.0-10.0.0.9', false],
    ['-m iprange --src-range 10.0.0.9-10.0.0.0', false],
    ['-m mac --mac-source 02:00:00:00:00:07', true],
    ['-m mac ! --mac-source 02:00:00:00:00:08', true],
    ['-m pkttype --pkt-type unicast', true],
    ['-m pkttype ! --pkt-type broadcast', true],
    ['-m addrtype --dst-type LOCAL', true],
    ['-m addrtype --src-type LOCAL', false],
    ['-m addrtype ! --src-type LOCAL --dst-type LOCAL,BROADCAST', true],
    ['-m addrtype --dst-type LOCAL --limit-iface-in', true],
  ])('%s: %s', (rule, expected) => expect(takes(rule, bytesPacket())).toBe(expected));

  test('the traffic class of IPv6 is read from two bytes', () => {
    expect(takes('-m tos --tos 0x2c', bytesPacket({ family: AF_INET6 }))).toBe(true);
  });

  test('mac matches nothing on loopback and without Ethernet, inverted or not', () => {
    for (const rule of ['-m mac --mac-source 02:00:00:00:00:07', '-m mac ! --mac-source 02:00:00:00:00:07']) {
      expect(takes(rule, bytesPacket({ inInterface: 1 }))).toBe(false);
      expect(takes(rule, bytesPacket({ macOff: -1 }))).toBe(false);
    }
  });

  test('what the host hears of itself is told apart by its destination', () => {
    const p = bytesPacket({ packetType: PACKET_LOOPBACK, dst: word('224.0.0.1') });
    expect(takes('-m pkttype --pkt-type multicast', p)).toBe(true);
    const q = bytesPacket({ packetType: PACKET_BROADCAST });
    expect(takes('-m pkttype --pkt-type broadcast', q)).toBe(true);
  });
});

describe('conntrack and state', () => {
  test.each([
    [CT_INVALID, '-m conntrack --ctstate INVALID', true],
    [CT_NONE, '-m conntrack --ctstate INVALID', true],
    [CT_NONE, '-m state --state NEW', false],
    [CT_UNTRACKED, '-m state ! --state INVALID,NEW', true],
    [CT_INVALID, '-m conntrack --ctproto 6', false],
    [CT_INVALID, '-m conntrack ! --ctproto 6', false],
    // without a connection the kernel looks no further than the state
    [CT_INVALID, '-m conntrack --ctstate INVALID --ctproto 17', true],
    [CT_UNTRACKED, '-m conntrack ! --ctstate NEW --ctdir REPLY', true],
  ])('without connection, state %i: %s: %s', (state, rule, expected) =>
    expect(takes(rule, packet({ state }))).toBe(expected),
  );

  test.each([
    ['--ctstate ESTABLISHED,RELATED', true],
    ['--ctstate SNAT', true],
    ['--ctstate DNAT', false],
    ['--ctproto 6 --ctdir ORIGINAL', true],
    ['--ctdir REPLY', false],
    ['--ctorigsrc 10.0.0.0/31 --ctrepldst 10.0.0.1', true],
    ['! --ctorigdst 10.0.0.2', false],
    ['--ctorigsrcport 1000 --ctorigdstport 80:90 --ctreplsrcport 80', true],
    ['! --ctrepldstport 1000', false],
    ['--ctorigsrcport 2000:1', false],
    ['--ctstatus ASSURED', false],
    ['--ctstatus ASSURED,SEEN_REPLY', true],
    ['--ctstatus NONE', false],
    ['! --ctstatus NONE', true],
    ['--ctexpire 90', true],
    ['--ctexpire 91:100', false],
    ['! --ctexpire 0:89', true],
  ])('-m conntrack %s: %s', (rule, expected) => {
    const p = track(packet(), IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_SRC_NAT);
    expect(takes(`-m conntrack ${rule}`, p)).toBe(expected);
  });

  // a deadline at 91,003 ms was set in the tick of 1,000 to 1,003 ms, 90 s before
  test.each([
    [1000, true],
    [1003, true],
    [1004, false],
  ])('--ctexpire counts seconds by ticks of 4 ms: 90 are left at %i ms: %s', (nowMs, expected) => {
    const p = track(packet(), IPS_CONFIRMED);
    table.words[((p.connection >> 1) << RECORD_SHIFT) + R_DEADLINE] = 91_003;
    (context.tracker as { nowMs: number }).nowMs = nowMs;
    expect(takes('-m conntrack --ctexpire 90', p)).toBe(expected);
  });

  test('a connection that is not confirmed yet has no time left', () => {
    expect(takes('-m conntrack --ctexpire 0', track(packet(), 0, CT_NEW))).toBe(true);
  });

  test('a template of -j CT is a new connection of zeros', () => {
    const p = packet({ state: CT_NONE, template: 1 });
    expect(takes('-m conntrack --ctstate NEW --ctproto 0', p)).toBe(true);
    expect(takes('-m conntrack --ctproto 6', p)).toBe(false);
    expect(takes('-m conntrack --ctstatus CONFIRMED --ctorigsrc 0.0.0.0', p)).toBe(true);
  });
});

describe('connbytes', () => {
  test.each([
    ['10 --connbytes-mode packets --connbytes-dir original', true],
    ['10:15 --connbytes-mode packets --connbytes-dir both', false],
    ['5000:5000 --connbytes-mode bytes --connbytes-dir reply', true],
    ['! 5000:6000 --connbytes-mode bytes --connbytes-dir reply', false],
    ['387:387 --connbytes-mode avgpkt --connbytes-dir both', true],
  ])('%s: %s', (text, expected) => {
    const rule = text.startsWith('!')
      ? `-m connbytes ! --connbytes ${text.slice(2)}`
      : `-m connbytes --connbytes ${text}`;
    const match = load(rule);
    expect(accounting).toBe(true);
    const p = track(packet(), IPS_CONFIRMED | F_COUNTERS);
    [12, 1200, 4, 5000].forEach((value, which) => {
      table.setCounter(p.connection >> 1, which, value);
    });
    expect(match(p, context)).toBe(expected);
    table.words[((p.connection >> 1) << RECORD_SHIFT) + R_STATUS] = IPS_CONFIRMED;
    expect(match(p, context)).toBe(false);
  });
});

describe('helper', () => {
  test.each([
    ['ftp', 'ftp', true],
    ['ftp-2121', 'ftp', true],
    ['ftp', 'ftp-2121', false],
    ['""', 'irc', true],
    ['""', '', false],
  ])('--helper %s on a connection expected by "%s": %s', (name, master, expected) => {
    const p = track(packet(), IPS_CONFIRMED);
    table.coldFor(p.connection >> 1).masterHelper = master;
    expect(takes(`-m helper --helper ${name}`, p)).toBe(expected);
    expect(takes(`-m helper ! --helper ${name}`, p)).toBe(!expected);
  });
});

describe('limit', () => {
  test('a bucket of three, refilled ten times a second', () => {
    const match = load('-m limit --limit 10/sec --limit-burst 3');
    const passes = (ms: number) => {
      context.nowMs = 1_000_000 + ms;
      return match(packet(), context);
    };
    expect([0, 0, 0, 0, 96, 100, 100, 196, 200, 900, 900, 900, 900].map(passes)).toEqual(
      [1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0].map(Boolean),
    );
  });
});

describe('hashlimit', () => {
  const from = (src: string) => bytesPacket({ src: word(src) });

  test('each source has a bucket; a full table drops', () => {
    const table3 = '--hashlimit-htable-size 1 --hashlimit-htable-max 2';
    const match = load(
      `-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 1 --hashlimit-mode srcip ${table3} --hashlimit-name a`,
    );
    expect(match(from('1.0.0.1'), context)).toBe(true);
    expect(match(from('1.0.0.1'), context)).toBe(false);
    expect(match(from('1.0.0.2'), context)).toBe(true);
    expect(context.hotdrop).toBe(false);
    expect(match(from('1.0.0.3'), context)).toBe(false);
    expect(context.hotdrop).toBe(true);
    // a second later both buckets have expired and were collected
    context.hotdrop = false;
    context.nowMs += 2000;
    expect(match(from('1.0.0.3'), context)).toBe(true);
  });

  test('ports wanted of a packet without next header: it is dropped; IPv4 knows no such thing', () => {
    const match = (family: Family) =>
      load('-m hashlimit --hashlimit-upto 1/min --hashlimit-mode dstport --hashlimit-name c', family);
    const p = bytesPacket({ family: AF_INET6, protocol: 59, l4Off: -1 });
    expect([match(AF_INET6)(p, context), context.hotdrop]).toEqual([false, true]);
    context.hotdrop = false;
    expect([match(2)(bytesPacket({ protocol: 59 }), context), context.hotdrop]).toEqual([true, false]);
  });

  test('rules of one name share buckets, and the first one decides their size', () => {
    const one = load(
      '-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-name b',
    );
    const two = load(
      '-m hashlimit --hashlimit-above 5/sec --hashlimit-burst 9 --hashlimit-mode srcip --hashlimit-name b',
    );
    expect(one(from('1.0.0.1'), context)).toBe(true);
    expect(two(from('1.0.0.1'), context)).toBe(true);
  });

  test('rules of one name agree on --hashlimit-rate-match, or the kernel refuses the table', () => {
    const one = '-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name d';
    load(one);
    expect(() => load(`${one} --hashlimit-rate-match`)).toThrow(/^Invalid argument/);
    expect(() => load(`${one} -m hashlimit --hashlimit-upto 5/sec --hashlimit-rate-match --hashlimit-name d`)).toThrow(
      /^Invalid argument/,
    );
  });
});

describe('recent', () => {
  test('the hits of the last seconds count, and an update that fits is a hit', () => {
    const set = load('-m recent --name r --set');
    const update = load('-m recent --name r --update --seconds 2 --hitcount 3');
    const p = bytesPacket();
    const at = (ms: number, match: MatchFunction) => {
      context.nowMs = 1_000_000 + ms;
      return match(p, context);
    };
    expect(at(0, update)).toBe(false);
    expect([at(0, set), at(500, set), at(1000, update), at(1000, set)]).toEqual([true, true, false, true]);
    expect([at(1500, update), at(2400, update), at(4900, update)]).toEqual([true, true, false]);
  });

  test('the 101st address takes the place of the least recently seen', () => {
    const set = load('-m recent --set');
    const check = load('-m recent --rcheck');
    for (let i = 0; i < 101; i++) {
      set(bytesPacket({ src: i }), context);
      if (i === 50) set(bytesPacket({ src: 0 }), context);
    }
    expect([0, 1, 2, 100].map((src) => check(bytesPacket({ src }), context))).toEqual([true, false, true, true]);
  });

  test('a greater hitcount empties the list', () => {
    const set = load('-m recent --set');
    set(bytesPacket(), context);
    expect(takes('-m recent --rcheck', bytesPacket())).toBe(true);
    load('-m recent --rcheck --hitcount 33');
    expect(takes('-m recent --rcheck', bytesPacket())).toBe(false);
  });

  test('with rttl the TTL before forwarding must be the same', () => {
    load('-m recent --name t --set')(bytesPacket(), context);
    const rttl = load('-m recent --name t --rcheck --rttl');
    expect(rttl(bytesPacket(), context)).toBe(true);
    // 61 on the way in is not the 62 that was noted
    expect(rttl(bytesPacket({ hook: 0 }), context)).toBe(false);
  });
});

describe('connlimit', () => {
  const syn = (port: number) => bytesPacket({ ports: (port << 16) | 80, has: HAS_TCP });

  test('living connections count, closed and dropped ones do not', () => {
    const match = load('-m connlimit --connlimit-above 1');
    const step = (p: Packet) => {
      context.nowMs += 10;
      return match(p, context);
    };
    const first = track(syn(1), 0, CT_NEW);
    expect(step(first)).toBe(false);
    table.words[((first.connection >> 1) << RECORD_SHIFT) + R_STATUS] = IPS_CONFIRMED | IPS_ASSURED;
    table.insert(first.connection >> 1);
    const second = track(syn(2), 0, CT_NEW);
    expect(step(second)).toBe(true);
    table.free(second.connection >> 1);
    expect(step(first)).toBe(false);
    table.words[((first.connection >> 1) << RECORD_SHIFT) + R_STATE] = TCP_CONNTRACK_CLOSE;
    expect(context.hotdrop).toBe(false);
    expect(step(first)).toBe(false);
    // nothing is left: the kernel takes 0 for lack of memory
    expect(context.hotdrop).toBe(true);
  });

  test('a dropped SYN counts again once its tuple has a connection, be it picked up in the middle', () => {
    const match = load('-m connlimit --connlimit-above 1');
    const step = (p: Packet) => {
      context.nowMs += 10;
      return match(p, context);
    };
    expect(step(track(syn(1), IPS_CONFIRMED, CT_NEW))).toBe(false);
    const dropped = track(syn(2), 0, CT_NEW);
    expect(step(dropped)).toBe(true);
    table.free(dropped.connection >> 1);
    track(syn(2), IPS_CONFIRMED | IPS_ASSURED);
    expect(step(track(syn(3), 0, CT_NEW))).toBe(true);
    const assured = track(syn(4), IPS_CONFIRMED | IPS_ASSURED);
    expect(step(assured)).toBe(true);
  });

  test('an invalid packet is noted by its own tuple, even where that is the reply of a connection', () => {
    const match = load('-m connlimit --connlimit-above 1 --connlimit-mask 0');
    const confirmed = track(syn(1), IPS_CONFIRMED, CT_NEW);
    expect(match(confirmed, context)).toBe(false);
    const reply = bytesPacket({
      src: confirmed.tuple[T_DST]!,
      dst: confirmed.tuple[T_SRC]!,
      ports: (80 << 16) | 1,
      has: HAS_TCP,
    });
    context.nowMs += 10;
    expect(match(reply, context)).toBe(true);
    context.nowMs += 10;
    // both are there now: neither is noted again
    expect([match(reply, context), match(confirmed, context)]).toEqual([true, true]);
    const two = load('-m connlimit --connlimit-above 2 --connlimit-mask 0');
    expect([confirmed, reply, reply].map((p) => two(p, context))).toEqual([false, false, false]);
  });
});
