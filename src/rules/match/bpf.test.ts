import { describe, expect, test } from 'vitest';
import { specOf } from '../../../test/support/option-lines.js';
import { testHost } from '../../../test/support/rules.js';
import { fillIpv4Checksum } from '../../wire/checksum.js';
import {
  HAS_LOCAL_ORIGIN,
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  PACKET_MULTICAST,
  Packet,
} from '../../wire/packet.js';
import { parseFrame } from '../../wire/parse.js';
import type { LoadContext, RuleContext } from '../context.js';
import { bpf } from './bpf.js';
import { BpfMachine } from './bpf-machine.js';

/** Absolute word load of something beside the packet, then: is it `value`? */
function asks(ancillary: number, value: number): string {
  return `--bytecode "4,32 0 0 ${0xfffff000 + ancillary},21 0 1 ${value},6 0 0 1,6 0 0 0"`;
}

/** A UDP packet that came in on interface 1 and leaves on 2, behind an Ethernet header. */
function packet(): Packet {
  const frame = [2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 1, 8, 0, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1];
  const bytes = Uint8Array.from([...frame, 10, 0, 0, 2, 4, 210, 0, 53, 0, 8, 0, 0]);
  fillIpv4Checksum(new DataView(bytes.buffer), 14);
  const p = new Packet();
  expect(parseFrame(p, bytes, 0, bytes.length, bytes.length, 1)).toBe(0);
  p.inInterface = 1;
  p.outInterface = 2;
  return p;
}

function matches(options: string, p: Packet, context: Partial<RuleContext> = {}): boolean {
  const c: RuleContext = { ...testHost('lo', 'eth0').context, hook: HOOK_FORWARD, ...context };
  return bpf.load!(specOf(bpf, options, 2), {} as LoadContext)(p, c);
}

describe('what stands beside the packet', () => {
  test.each([
    ['the protocol is the frame’s type', 0, 0x0800],
    ['the mark', 20, 0x55],
    ['the packet’s kind', 4, PACKET_MULTICAST],
    ['where the payload begins', 52, 28],
    ['chance is the host’s', 56, 4],
    ['no VLAN tag', 44, 0],
  ])('%s', (_claim, ancillary, value) => {
    const p = packet();
    p.mark = 0x55;
    p.packetType = PACKET_MULTICAST;
    expect(matches(asks(ancillary, value), p)).toBe(true);
    expect(matches(asks(ancillary, value + 1), p)).toBe(false);
  });

  test.each([
    ['INPUT', HOOK_INPUT, 1, 772],
    ['FORWARD', HOOK_FORWARD, 1, 772],
    ['POSTROUTING', HOOK_POSTROUTING, 2, 1],
  ])('in %s the device is the one that the packet is at', (_claim, hook, index, kind) => {
    expect([matches(asks(8, index), packet(), { hook }), matches(asks(28, kind), packet(), { hook })]).toEqual([
      true,
      true,
    ]);
  });

  test('in OUTPUT there is no device: the program ends with 0', () => {
    expect(matches('--bytecode "2,32 0 0 4294963208,6 0 0 1"', packet(), { hook: HOOK_OUTPUT })).toBe(false);
  });

  test('packets of the host’s own have no Ethernet header yet', () => {
    const loadsLink = '--bytecode "2,48 0 0 4292870144,6 0 0 1"';
    const p = packet();
    expect(matches(loadsLink, p)).toBe(true);
    p.has |= HAS_LOCAL_ORIGIN;
    expect(matches(loadsLink, p)).toBe(false);
  });
});

describe('what a host cannot know makes a rule doubtful', () => {
  test.each([
    ['the processor', asks(36, 0), true],
    ['the flow hash', asks(32, 0), true],
    ['the interface’s number', asks(8, 1), true],
    ['the mark', asks(20, 0), false],
    ['an offset that only looks like one', '--bytecode "2,48 0 0 36,6 0 0 1"', false],
  ])('%s', (_claim, options, doubtful) => {
    expect(bpf.isDoubtful!(specOf(bpf, options, 2), {} as LoadContext)).toBe(doubtful);
  });
});

describe('arithmetic is of 32 bits, unsigned', () => {
  const load = (k: number) => ({ code: 0, jt: 0, jf: 0, k });
  const alu = (code: number, k: number) => ({ code: 4 | code, jt: 0, jf: 0, k });
  test.each([
    ['a product is cut', [load(0xffffffff), alu(0x20, 0xffffffff)], 1],
    ['a quotient of a large number', [load(0xfffffffe), alu(0x30, 2)], 0x7fffffff],
    ['a rest of a large number', [load(0xffffffff), alu(0x90, 10)], 5],
    ['right shifts bring zeros', [load(0x80000000), alu(0x70, 31)], 1],
    ['the negative of 1', [load(1), alu(0x80, 0)], -1],
    ['a difference goes round', [load(0), alu(0x10, 1)], -1],
  ])('%s', (_claim, program, expected) => {
    const machine = new BpfMachine([...program, { code: 0x16, jt: 0, jf: 0, k: 0 }]);
    expect(machine.run(packet(), testHost('eth0').context)).toBe(expected);
  });

  test('a division by an index of 0 ends the program with 0', () => {
    expect(matches('--bytecode "3,0 0 0 7,60 0 0 0,6 0 0 1"', packet())).toBe(false);
  });
});

test('a pinned object is refused in iptables’ words, and a line below says why', () => {
  const said: (string | undefined)[] = [];
  const c = {
    family: 2 as const,
    protocol: null,
    table: 'filter',
    fail(...words: (string | undefined)[]): never {
      said.push(...words);
      throw new Error('refused');
    },
  };
  expect(() => bpf.option(bpf.init(2), 'object-pinned', '/sys/fs/bpf/x', false, c)).toThrow('refused');
  expect(said[0]).toBe('bpf: failed to get bpf object');
  expect(said[2]).toContain('--bytecode');
});
