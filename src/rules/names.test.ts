import { expect, test } from 'vitest';
import { fileProtocolNumber, protocolName, protocolNumber, serviceName, servicePort } from './names.js';

test('protocols: the first name of a number is printed, others are read', () => {
  expect([protocolNumber('icmpv6'), protocolNumber('mh'), protocolNumber('all'), protocolNumber('ipv4')]).toEqual([
    58, 135, 0, -1,
  ]);
  expect([protocolName(58), protocolName(135), protocolName(4), protocolName(254)]).toEqual([
    'ipv6-icmp',
    'mobility-header',
    'ipencap',
    '254',
  ]);
});

test('services are known for their protocols only', () => {
  expect([servicePort('ssh', 6), servicePort('domain', 17), servicePort('ntp', 17)]).toEqual([22, 53, 123]);
  expect([servicePort('ntp', 6), servicePort('ntp', null), servicePort('nosuch', 6)]).toEqual([-1, 123, -1]);
});

test.each([
  [22, 6, 'ssh'],
  [53, 17, 'domain'],
  [514, 6, 'shell'],
  [514, 17, 'syslog'],
  [5672, 132, 'amqp'],
  // an alias of port 104, too
  [11112, 6, 'dicom'],
  [123, 6, ''],
  [7, 33, ''],
])('port %i of protocol %i is called %s', (port, protocol, name) => expect(serviceName(port, protocol)).toBe(name));

test.each([
  ['tcp', 6],
  ['TCP', 6],
  ['Tcp', -1],
  ['IPSEC-AH', 51],
  ['AH', -1],
  ['CPHB', 73],
  ['MANET', -1],
  ['AX.25', 93],
  // iptables knows this one by itself
  ['icmpv6', -1],
  ['IPv6-ICMP', 58],
])('/etc/protocols has %s for %i', (name, number) => expect(fileProtocolNumber(name)).toBe(number));
