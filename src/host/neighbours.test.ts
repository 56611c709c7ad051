import { describe, expect, it } from 'vitest';
import { formatMac, parseAddress, parseMac } from '../wire/address.js';
import { AF_INET6 } from '../wire/packet.js';
import { ETHERNET_LEN, NEIGHBOUR_MISSING, NEIGHBOUR_UNKNOWN, NeighbourTable } from './neighbours.js';

const OWN = parseMac('02:00:00:00:01:01')!;
const PEER = parseMac('02:00:00:00:01:02')!;

describe('neighbours', () => {
  const table = new NeighbourTable();
  const words = new Int32Array(4);
  for (let i = 2; i < 40; i++) table.set(parseAddress(`10.1.0.${i}`, words), words, 2, PEER);

  it.each([
    ['10.1.0.2', 2, 0],
    ['10.1.0.39', 2, 37],
    ['10.1.0.40', 2, NEIGHBOUR_MISSING],
    ['10.1.0.2', 3, NEIGHBOUR_UNKNOWN],
    ['fd00::2', 3, NEIGHBOUR_UNKNOWN],
  ])('%s on interface %i: %i', (text, dev, entry) => {
    const family = parseAddress(text, words);
    expect(table.resolve(family, words, 0, dev)).toBe(entry);
  });

  it('a second entry for an address replaces the first', () => {
    const one = new NeighbourTable();
    one.set(parseAddress('fd00::2', words), words, 100, PEER);
    one.set(AF_INET6, words, 100, OWN);
    const out = new Uint8Array(ETHERNET_LEN);
    one.writeEthernet(out, 0, OWN, one.resolve(AF_INET6, words, 0, 100), AF_INET6, words, 0, false);
    expect(formatMac(out)).toBe('02:00:00:00:01:01');
  });

  it.each([
    ['10.1.0.2', false, '02:00:00:00:01:02', '0800'],
    ['10.9.0.2', false, '00:00:00:00:00:00', '0800'],
    ['10.9.0.255', true, 'ff:ff:ff:ff:ff:ff', '0800'],
    ['224.129.2.3', false, '01:00:5e:01:02:03', '0800'],
    ['ff02::1:ff00:1', false, '33:33:ff:00:00:01', '86dd'],
  ])('a frame to %s', (text, broadcast, mac, type) => {
    const family = parseAddress(text, words);
    const out = new Uint8Array(ETHERNET_LEN + 2);
    table.writeEthernet(out, 2, OWN, table.resolve(family, words, 0, 2), family, words, 0, broadcast);
    expect(formatMac(out, 2)).toBe(mac);
    expect(formatMac(out, 8)).toBe('02:00:00:00:01:01');
    expect(((out[14]! << 8) | out[15]!).toString(16).padStart(4, '0')).toBe(type);
  });
});
