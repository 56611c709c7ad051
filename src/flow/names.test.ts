import { expect, test } from 'vitest';
import { protocolName, protocolNumber, stateNumber, statusBit, statusNames, tupleKind } from './names.js';

test.each([
  [6, 'tcp', 'ports'],
  [17, 'udp', 'ports'],
  [136, 'udplite', 'ports'],
  [132, 'sctp', 'ports'],
  [33, 'dccp', 'ports'],
  [1, 'icmp', 'icmp'],
  [58, 'icmpv6', 'icmp'],
  [47, 'gre', 'keys'],
  [50, 'unknown', 'none'],
])('protocol %i is %s and has %s', (number, name, kind) => {
  expect([protocolName(number), tupleKind(number)]).toEqual([name, kind]);
  expect(protocolNumber(name)).toBe(name === 'unknown' ? -1 : number);
});

test.each([
  [6, 'ESTABLISHED', 3],
  [132, 'ESTABLISHED', 4],
  [6, 'SYN_SENT2', 9],
  [6, 'LISTEN', 9],
  [132, 'LISTEN', -1],
  [17, 'ESTABLISHED', -1],
])('state %i %s is number %i', (protocol, name, number) => {
  expect(stateNumber(protocol, name)).toBe(number);
});

test('status bits have the names and numbers of the kernel', () => {
  expect(statusNames(0x18e)).toEqual(['SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'SRC_NAT_DONE', 'DST_NAT_DONE']);
  expect(statusBit('FIXED_TIMEOUT')).toBe(1 << 10);
  expect(statusBit('HELPER')).toBe(1 << 13);
  expect(statusBit('NOTHING')).toBe(0);
});
