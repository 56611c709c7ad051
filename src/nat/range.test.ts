import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetBytes, parsed, rangeOf, words } from '../../test/support/nat-bench.js';
import { IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../wire/packet.js';
import {
  MANIP_DST,
  MANIP_SRC,
  NatRange,
  portInRange,
  RANGE_MAP_IPS,
  RANGE_OFFSET,
  RANGE_PERSISTENT,
  RANGE_PORTS,
  RANGE_RANDOM,
  RANGE_RANDOM_FULLY,
  sourceInRange,
} from './range.js';

const IPPROTO_ESP = 50;

describe('a source needs no change', () => {
  const rows: [string, string, string, [number, number] | null, boolean][] = [
    ['inside the addresses', '10.1.0.2', '10.1.0.1-10.1.0.3', null, true],
    ['at the first one', '10.1.0.2', '10.1.0.2-10.1.0.3', null, true],
    ['at the last one', '10.1.0.2', '10.1.0.1-10.1.0.2', null, true],
    ['not below them', '10.1.0.2', '10.1.0.3-10.1.0.9', null, false],
    ['not above them', '10.1.0.2', '10.1.0.0-10.1.0.1', null, false],
    ['addresses compare unsigned', '192.0.2.1', '10.0.0.0-200.0.0.0', null, true],
    ['unsigned, outside', '192.0.2.1', '10.0.0.0-127.0.0.0', null, false],
    ['with its port in the range', '10.1.0.2', '10.1.0.2', [1000, 1000], true],
    ['not with the port below', '10.1.0.2', '10.1.0.2', [1001, 2000], false],
    ['not with the port above', '10.1.0.2', '10.1.0.2', [1, 999], false],
    ['ports alone', '10.1.0.2', '', [999, 1001], true],
    ['anything where nothing is asked', '10.1.0.2', '', null, true],
    ['IPv6, inside', 'fd01::2', 'fd01::1-fd01::3', null, true],
    ['IPv6, the first differing word decides', 'fd01::2', 'fd00::3-fd01:0:0:1::', null, true],
    ['IPv6, not above', 'fd01::2', 'fd01::-fd01::1', null, false],
    ['IPv6, not below', 'fd01::2', 'fd01:0:0:1::-fd02::', null, false],
  ];
  it.each(rows)('%s', (_, source, addresses, ports, expected) => {
    expect(sourceInRange(parsed(packetBytes({ source })).tuple, rangeOf(addresses, ports))).toBe(expected);
  });

  it('IPv4 addresses as numbers say the same', () => {
    const address = fc.nat(0xffffffff);
    fc.assert(
      fc.property(address, address, address, (a, b, c) => {
        const range = new NatRange();
        range.flags = RANGE_MAP_IPS;
        range.minAddress[0] = b;
        range.maxAddress[0] = c;
        const tuple = parsed(packetBytes()).tuple;
        tuple[0] = a;
        expect(sourceInRange(tuple, range)).toBe(a >= b && a <= c);
      }),
    );
  });
});

describe('a port is in the range', () => {
  const rows: [string, number, number, [number, number], boolean][] = [
    ['TCP source', IPPROTO_TCP, MANIP_SRC, [1000, 1000], true],
    ['TCP source, not by its destination', IPPROTO_TCP, MANIP_SRC, [80, 80], false],
    ['TCP destination', IPPROTO_TCP, MANIP_DST, [80, 80], true],
    ['UDP destination, not by its source', IPPROTO_UDP, MANIP_DST, [1000, 1000], false],
    ['SCTP source', IPPROTO_SCTP, MANIP_SRC, [1, 1000], true],
    ['SCTP source outside', IPPROTO_SCTP, MANIP_SRC, [1001, 2000], false],
    ['ICMP id, whichever half is changed', IPPROTO_ICMP, MANIP_DST, [1000, 1000], true],
    ['ICMP id outside', IPPROTO_ICMP, MANIP_DST, [1001, 1002], false],
    ['protocols without ports are always in', IPPROTO_ESP, MANIP_SRC, [5, 6], true],
  ];
  it.each(rows)('%s', (_, protocol, manip, ports, expected) => {
    expect(portInRange(parsed(packetBytes({ protocol })).tuple, manip, rangeOf('', ports))).toBe(expected);
  });
  it('by its last bit', () => {
    const { tuple } = parsed(packetBytes({ to: 81 }));
    expect([80, 81].map((port) => portInRange(tuple, MANIP_DST, rangeOf('', [port, port])))).toEqual([false, true]);
  });
  it('up to 65535', () => {
    const { tuple } = parsed(packetBytes({ from: 65535 }));
    expect(portInRange(tuple, MANIP_SRC, rangeOf('', [65535, 65535]))).toBe(true);
    expect(portInRange(tuple, MANIP_SRC, rangeOf('', [0, 65534]))).toBe(false);
  });
});

it('flags are the numbers of struct nf_nat_range2', () => {
  const flags = [RANGE_MAP_IPS, RANGE_PORTS, RANGE_RANDOM, RANGE_PERSISTENT, RANGE_RANDOM_FULLY, RANGE_OFFSET];
  expect(flags).toEqual([1, 2, 4, 8, 16, 32]);
});

it('a new range asks for nothing', () => {
  const { flags, minPort, maxPort, basePort, minAddress, maxAddress } = new NatRange();
  expect([flags, minPort, maxPort, basePort, ...minAddress, ...maxAddress]).toEqual(new Array(12).fill(0));
});

it('a range of ports gets an address of its own', () => {
  const ports = rangeOf('', [10, 20], RANGE_PERSISTENT);
  ports.basePort = 15;
  const range = new NatRange();
  range.takePorts(ports);
  range.setAddress(Int32Array.from([7, ...words('fd01::9')]), 1);
  expect(range.flags).toBe(RANGE_MAP_IPS | RANGE_PORTS | RANGE_PERSISTENT);
  expect([range.minPort, range.maxPort, range.basePort]).toEqual([10, 20, 15]);
  expect([range.minAddress, range.maxAddress]).toEqual([words('fd01::9'), words('fd01::9')]);
});
