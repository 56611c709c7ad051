import { expect, test } from 'vitest';
import { filterFromOptions } from '../../test/flow/options.js';
import { explain } from './explain.js';
import { newFilter } from './filter.js';

test.each([
  ['-f ipv4', 'IPv4 connections'],
  ['-f ipv6 -p tcp', 'IPv6 tcp connections'],
  ['-p 50', 'protocol 50 connections'],
  ['-s 10.0.0.0/8 -p tcp --dport 80', 'tcp connections from 10.0.0.0/8 to port 80'],
  ['-s 10.0.0.1 -p tcp --sport 7 -d fd00::/16 --dport 80', 'tcp connections from 10.0.0.1 port 7 to fd00::/16 port 80'],
  ['-p udp --sport 53', 'udp connections from port 53'],
  ['-s 10.0.0.3 --mask-src 0.0.0.3', 'connections from 0.0.0.3 under the mask 0.0.0.3'],
  ['-r 10.0.0.1 -q 10.0.0.2', 'connections, whose replies come from 10.0.0.1 to 10.0.0.2'],
  ['-p tcp --state LISTEN', 'tcp connections, in state SYN_SENT2'],
  ['-u ASSURED,SEEN_REPLY', 'connections, answered and assured'],
  ['-u UNREPLIED', 'connections, not answered'],
  ['-u ASSURED -u UNREPLIED', 'connections, not answered and assured'],
  ['-u UNREPLIED -u ASSURED', 'connections, of a status that cannot be (ASSURED at once)'],
  ['-u UNSET', 'connections, of no status (which the kernel refuses)'],
  ['-m 3', 'connections, with mark 3'],
  ['-m 0x10/0xff', 'connections, with mark 16 under the mask 0xff'],
  ['-l db,web', 'connections, with the labels db and web'],
  ['-l db', 'connections, with the label db'],
  ['-w 5', 'connections, in zone 5'],
  ['--orig-zone 6 --reply-zone 7', 'connections, in zone 6 on the way out only, in zone 7 on the way back only'],
  ['-n', 'connections, whose source is translated'],
  ['-g 10.0.0.1:80', 'connections, whose destination is translated to 10.0.0.1 port 80'],
  ['-j 10.0.0.1', 'connections, whose source or destination is translated to 10.0.0.1'],
  ['-p icmp --icmp-type 8 --icmp-code 0 --icmp-id 9', 'icmp connections of type 8 with code 0 with id 9'],
  [
    '-p tcp -j 10.0.0.1',
    'tcp connections, whose source or destination is translated to 10.0.0.1 (nothing matches, because -j with an address goes with no other filter)',
  ],
  [
    '-n fd00::1',
    'connections, whose source is translated to fd00::1 (IPv6 addresses of translations are not looked at)',
  ],
  ['-c 5', 'all connections (the security mark is not looked at)'],
  [
    '-p gre --srckey 16 --dstkey 2',
    'gre connections with source key 0x10 with destination key 0x2 (keys are not looked at)',
  ],
])('%s is: %s', (options, words) => expect(explain(filterFromOptions(options))).toBe(words));

test('what has no option', () => {
  const f = { ...newFilter(false), helper: 'ftp', secctx: 'x', id: 3, originalVtag: 1, replyVtag: 2 };
  expect(explain(f)).toBe(
    'connections, with the verification tag 1, with the verification tag 2 on the way back, of the security context x, with the helper ftp, with the id 3',
  );
  expect(explain(newFilter())).toBe('all connections');
  expect(explain(newFilter(), 'expectations')).toBe('all expectations');
  expect(explain({ ...newFilter(), family: 10 }, 'expectations')).toBe('IPv6 expectations');
  const j = filterFromOptions('-p tcp -j 10.0.0.1');
  expect(explain({ ...j, asOriginal: false })).toBe(
    'tcp connections, whose source or destination is translated to 10.0.0.1',
  );
});
