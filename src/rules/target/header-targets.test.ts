import { describe, expect, test } from 'vitest';
import { R_MARK, RECORD_SHIFT } from '../../conntrack/layout.js';
import type { Template } from '../../conntrack/lifecycle.js';
import { fillIpv4Checksum, ipv4ChecksumOk } from '../../wire/checksum.js';
import { CT_NONE, CT_UNTRACKED, HAS_UNTRACKED_CAUSE, Packet } from '../../wire/packet.js';
import { parseNetwork } from '../../wire/parse.js';
import { type LoadContext, type LogRequest, type RuleContext, VERDICT_CONTINUE, VERDICT_REJECT } from '../context.js';
import type { OptionContext, TargetExtension } from '../extension.js';
import type { Family } from '../model.js';
import { CONNMARK } from './CONNMARK.js';
import { CT } from './CT.js';
import { DSCP } from './DSCP.js';
import { HL } from './HL.js';
import { LOG, LOG_TCP_OPTIONS, LOG_UID } from './LOG.js';
import { MARK } from './MARK.js';
import { NOTRACK } from './NOTRACK.js';
import {
  REJECT,
  REJECT_HOST_PROHIBITED,
  REJECT_PORT_UNREACH,
  REJECT_TCP_RESET,
  REJECT6_ADM_PROHIBITED,
} from './REJECT.js';
import { TOS } from './TOS.js';
import { TRACE } from './TRACE.js';
import { TTL } from './TTL.js';

const UDP = [4, 210, 0, 53, 0, 8, 0, 0];

function v4(tos = 0, ttl = 64, id = 1): Packet {
  const bytes = Uint8Array.from([
    0x45,
    tos,
    0,
    28,
    id >> 8,
    id & 255,
    0,
    0,
    ttl,
    17,
    0,
    0,
    10,
    0,
    0,
    1,
    10,
    0,
    0,
    2,
    ...UDP,
  ]);
  fillIpv4Checksum(new DataView(bytes.buffer), 0);
  const p = new Packet();
  parseNetwork(p, bytes, 0, bytes.length);
  return p;
}

function v6(trafficClass = 0): Packet {
  const addresses = [...new Array(15).fill(0), 1, ...new Array(15).fill(0), 2];
  const start = [0x60 | (trafficClass >> 4), ((trafficClass & 15) << 4) | 0xa, 0xbc, 0xde, 0, 8, 17, 64];
  const bytes = Uint8Array.from([...start, ...addresses, ...UDP]);
  const p = new Packet();
  parseNetwork(p, bytes, 0, bytes.length);
  return p;
}

interface World {
  logged: LogRequest[];
  rejected: number[];
  changed: number[];
  templates: Template[];
  words: Int32Array;
}

function world(): World {
  return { logged: [], rejected: [], changed: [], templates: [], words: new Int32Array(64) };
}

/** Loads `--x a` style options and runs the packet through. */
function run(extension: TargetExtension, options: string, p: Packet, w: World = world()): number {
  const family = p.family as Family;
  const c: OptionContext = {
    family,
    protocol: null,
    table: 'mangle',
    fail: (message) => {
      throw new Error(message);
    },
  };
  const spec: unknown = extension.init(family);
  const seen = new Set<string>();
  const words = options.split(' ').filter((word) => word !== '');
  for (let i = 0; i < words.length; i++) {
    const option = extension.options.find((o) => `--${o.name}` === words[i]);
    seen.add(option?.name as string);
    extension.option(spec, option?.name as string, option?.args === 1 ? (words[++i] as string) : '', false, c);
  }
  extension.check?.(spec, seen, c);
  const load = {
    template: (t: Template) => w.templates.push(t),
  } as unknown as LoadContext;
  const context = {
    tracker: { table: { words: w.words }, markChanged: (ref: number) => w.changed.push(ref) },
    log: (_p: Packet, request: LogRequest) => w.logged.push(request),
    reject: (_p: Packet, type: number) => w.rejected.push(type),
  } as unknown as RuleContext;
  return extension.load?.(spec, load)(p, context) as number;
}

describe('MARK', () => {
  test.each([
    ['--set-mark 0x80000000', 0xff, 0x80000000],
    ['--set-mark 0x1/0xf', 0xff, 0xf1],
    ['--set-xmark 0x3/0x2', 0xff, 0xfe],
    ['--and-mark 0xf0', 0xff, 0xf0],
    ['--or-mark 0x100', 0xff, 0x1ff],
    ['--xor-mark 0x0f', 0xff, 0xf0],
  ])('%s', (options, before, after) => {
    const p = v4();
    p.mark = before;
    expect(run(MARK, options, p)).toBe(VERDICT_CONTINUE);
    expect(p.mark >>> 0).toBe(after);
  });
});

describe('CONNMARK: connection mark, packet mark and event', () => {
  test.each([
    ['--set-mark 0x5/0xf', 0x12, 0, 0x15, 0, 1],
    ['--set-mark 0x12', 0x12, 0, 0x12, 0, 0],
    ['--set-xmark 0x1/0xff --left-shift-mark 8', 0x3400, 0, 0x340100, 0, 1],
    ['--and-mark 0x10', 0x12, 0, 0x10, 0, 1],
    ['--save-mark', 0x12, 0x80000000, 0x80000000, 0x80000000, 1],
    ['--save-mark --nfmask 0xf --ctmask 0xf0', 0xff, 0x35, 0x0f ^ 0x5, 0x35, 1],
    ['--save-mark --nfmask 0xff00 --ctmask 0xff --right-shift-mark 8', 0, 0x4500, 0x45, 0x4500, 1],
    ['--restore-mark', 0x12, 0xff, 0x12, 0x12, 0],
    ['--restore-mark --nfmask 0xf0 --ctmask 0xf', 0x12, 0xff, 0x12, 0x0f ^ 0x2, 0],
  ])('%s', (options, ct, nf, ctAfter, nfAfter, events) => {
    const p = v4();
    const w = world();
    const at = (1 << RECORD_SHIFT) + R_MARK;
    w.words[at] = ct;
    p.mark = nf | 0;
    p.connection = (1 << 1) | 1;
    expect(run(CONNMARK, options, p, w)).toBe(VERDICT_CONTINUE);
    expect([(w.words[at] as number) >>> 0, p.mark >>> 0, w.changed]).toEqual([
      ctAfter,
      nfAfter,
      events === 1 ? [3] : [],
    ]);
  });

  test('a packet without a connection passes', () => {
    const p = v4();
    p.mark = 3;
    expect(run(CONNMARK, '--restore-mark', p)).toBe(VERDICT_CONTINUE);
    expect(p.mark).toBe(3);
  });
});

describe('TTL and HL', () => {
  test.each([
    ['--ttl-set 5', 64, 5],
    ['--ttl-inc 5', 64, 69],
    ['--ttl-inc 5', 253, 255],
    ['--ttl-dec 5', 64, 59],
    ['--ttl-dec 5', 3, 0],
  ])('%s on %i', (options, before, after) => {
    const p = v4(0, before);
    expect(run(TTL, options, p)).toBe(VERDICT_CONTINUE);
    expect([p.bytes[8], ipv4ChecksumOk(p.view, 0)]).toEqual([after, true]);
  });
  test('the hop limit of IPv6', () => {
    const p = v6();
    run(HL, '--hl-dec 4', p);
    expect(p.bytes[7]).toBe(60);
  });
});

describe('TOS and DSCP', () => {
  test.each([
    [TOS, '--set-tos 0x20/0xe0', 0x1f, 0x3f],
    [TOS, '--and-tos 0x12', 0xff, 0x12],
    [TOS, '--or-tos 0x12', 0x01, 0x13],
    [TOS, '--xor-tos 0x11', 0x01, 0x10],
    [DSCP, '--set-dscp 10', 0x03, 0x2b],
    [DSCP, '--set-dscp-class EF', 0xff, 0xbb],
  ] as const)('%# %o %s', (extension, options, before, after) => {
    const four = v4(before);
    expect(run(extension, options, four)).toBe(VERDICT_CONTINUE);
    expect([four.bytes[1], ipv4ChecksumOk(four.view, 0)]).toEqual([after, true]);
    const six = v6(before);
    run(extension, options, six);
    expect(Array.from(six.bytes.slice(0, 4))).toEqual([0x60 | (after >> 4), ((after & 15) << 4) | 0xa, 0xbc, 0xde]);
  });

  test('the checksum stays right for every pair of values', () => {
    for (let before = 0; before < 256; before += 5) {
      for (let after = 0; after < 256; after += 7) {
        const p = v4(before, 64, before * 257 + after);
        run(TOS, `--set-tos ${after}`, p);
        expect(ipv4ChecksumOk(p.view, 0)).toBe(true);
      }
    }
  });
});

describe('LOG, REJECT, TRACE', () => {
  test('LOG asks for its line and goes on', () => {
    const w = world();
    expect(run(LOG, '--log-prefix x: --log-level debug --log-uid --log-tcp-options', v4(), w)).toBe(VERDICT_CONTINUE);
    expect(w.logged).toEqual([{ prefix: 'x:', level: 7, flags: LOG_UID | LOG_TCP_OPTIONS }]);
  });
  test.each([
    ['', v4(), REJECT_PORT_UNREACH],
    ['--reject-with host-prohib', v4(), REJECT_HOST_PROHIBITED],
    ['--reject-with tcp-reset', v4(), REJECT_TCP_RESET],
    ['--reject-with adm-prohibited', v6(), REJECT6_ADM_PROHIBITED],
  ])('REJECT %s', (options, p, type) => {
    const w = world();
    expect(run(REJECT, options, p, w)).toBe(VERDICT_REJECT);
    expect(w.rejected).toEqual([type]);
  });
  test('TRACE marks the packet', () => {
    const p = v4();
    expect(run(TRACE, '', p)).toBe(VERDICT_CONTINUE);
    expect(p.traced).toBe(true);
  });
});

describe('NOTRACK and CT', () => {
  test.each([
    [NOTRACK, ''],
    [CT, '--notrack'],
  ] as const)('%# %o %s makes a packet untracked unless it is tracked already', (extension, options) => {
    const fresh = v4();
    expect(run(extension, options, fresh)).toBe(VERDICT_CONTINUE);
    expect([fresh.state, fresh.connection]).toEqual([CT_UNTRACKED, -1]);
    const known = v4();
    known.connection = 4;
    run(extension, options, known);
    expect(known.state).toBe(CT_NONE);
    const about = v4();
    about.has |= HAS_UNTRACKED_CAUSE;
    run(extension, options, about);
    expect(about.state).toBe(CT_NONE);
  });

  test('CT attaches its template to a packet that has nothing yet', () => {
    const w = world();
    const p = v4();
    run(CT, '--zone-orig 3 --helper ftp --ctevents new,destroy', p, w);
    expect(p.template).toBe(1);
    expect(w.templates[0]).toEqual({
      zone: 3,
      zoneDirection: 1,
      zoneFromMark: false,
      helper: 'ftp',
      timeout: '',
      ctevents: 5,
      expevents: -1,
    });
    const untracked = v4();
    untracked.state = CT_UNTRACKED;
    run(CT, '--zone mark', untracked, w);
    expect(untracked.template).toBe(0);
    const about = v4();
    about.has |= HAS_UNTRACKED_CAUSE;
    run(CT, '--zone mark', about, w);
    expect(about.template).toBe(0);
  });
});
