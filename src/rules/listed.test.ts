import { expect, test } from 'vitest';
import { AF_INET, AF_INET6, IPPROTO_DCCP, IPPROTO_TCP } from '../wire/packet.js';
import { fillMask, readHost } from './address.js';
import { listedHost, listedPorts, listedRange } from './listed.js';

test.each([
  [{ from: 22, to: 22, invert: false }, IPPROTO_TCP, false, ' dpt:ssh'],
  [{ from: 22, to: 22, invert: true }, IPPROTO_TCP, true, ' dpt:!22'],
  [{ from: 22, to: 81, invert: false }, IPPROTO_TCP, false, ' dpts:ssh:81'],
  [{ from: 80, to: 22, invert: false }, IPPROTO_TCP, false, ' dpts:http:ssh'],
  // no service is known for this protocol
  [{ from: 22, to: 22, invert: false }, IPPROTO_DCCP, false, ' dpt:22'],
  [{ from: 0, to: 65535, invert: false }, IPPROTO_TCP, false, ''],
  [{ from: 0, to: 65535, invert: true }, IPPROTO_TCP, false, ' dpts:!0:65535'],
])('ports %j of protocol %i, numeric %s: "%s"', (range, protocol, numeric, text) => {
  expect(listedPorts('dpt', range, protocol, numeric)).toBe(text);
});

test.each([
  [5, 5, false, 'spi:5'],
  [5, 7, true, 'spis:!5:7'],
  [0, 0xffffffff, false, ''],
  [0, 0xffffffff, true, 'spis:!0:4294967295'],
])('numbers %i to %i, inverted %s: "%s"', (low, high, invert, text) => {
  expect(listedRange('spi', { low, high }, invert)).toBe(text);
});

test.each([
  ['10.0.0.1', 32, false, '10.0.0.1'],
  ['10.0.0.1', 8, false, '10.0.0.1/8'],
  ['127.0.0.1', 32, false, 'localhost'],
  ['127.0.0.1', 32, true, '127.0.0.1'],
  ['127.0.0.0', 8, false, 'loopback/8'],
  // whatever its mask
  ['0.0.0.0', 8, false, 'anywhere'],
  ['0.0.0.0', 8, true, '0.0.0.0/8'],
  ['::', 64, false, 'anywhere'],
  ['::1', 128, false, '::1'],
])('host %s/%i, numeric %s: %s', (host, bits, numeric, text) => {
  const family = host.includes(':') ? AF_INET6 : AF_INET;
  const address = new Int32Array(4);
  const mask = new Int32Array(4);
  readHost(host, family, address);
  fillMask(bits, mask);
  expect(listedHost(address, mask, family, numeric)).toBe(text);
});

test('a mask with holes is not shown', () => {
  const mask = Int32Array.of(0xff00ff00 | 0, 0, 0, 0);
  expect(listedHost(Int32Array.of(0x0a000001, 0, 0, 0), mask, AF_INET, false)).toBe('10.0.0.1');
});
