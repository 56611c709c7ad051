import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import '../../../test/support/seed.js';
import { RuleError } from '../context.js';
import { Sets } from './sets.js';

/** Sets on a clock that the test moves. */
function clocked(text = ''): { sets: Sets; clock: { nowMs: number } } {
  const clock = { nowMs: 1_000_000 };
  const sets = new Sets(clock);
  sets.store.begin();
  sets.restore(text, 'sets');
  return { sets, clock };
}

function errorOf(run: () => void): RuleError {
  try {
    run();
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('the most specific prefix decides', () => {
  const { sets } = clocked(
    'create n hash:net\nadd n 10.0.0.0/8\nadd n 10.1.0.0/16 nomatch\nadd n 10.1.2.0/24\nadd n 10.1.2.3 nomatch\n',
  );
  it.each([
    ['10.9.9.9', true, 'in the /8 alone'],
    ['10.1.9.9', false, 'nomatch of the /16'],
    ['10.1.2.9', true, 'the /24 in it'],
    ['10.1.2.3', false, 'nomatch of the address'],
    ['11.0.0.1', false, 'in none'],
    ['10.1.2.3 nomatch', true, 'asked for nomatch'],
    ['10.1.2.9 nomatch', false, 'asked for nomatch, but it matches'],
    ['10.1.0.0/16 nomatch', true, 'the element itself'],
    ['10.1.0.0/17', false, 'no element of this length'],
  ])('%s: %s (%s)', (entry, expected) => {
    expect(sets.test('n', entry)).toBe(expected);
  });
});

describe('large sets answer as small ones', () => {
  const octet = fc.nat(3);
  const net = fc.tuple(octet, octet, octet, octet, fc.integer({ min: 1, max: 32 }), fc.boolean());
  it('hash:net, with and without the index of prefixes', () => {
    fc.assert(
      fc.property(fc.array(net, { minLength: 65, maxLength: 90 }), fc.tuple(octet, octet, octet, octet), (nets, a) => {
        const { sets } = clocked('create n hash:net\n');
        const model = new Map<string, boolean>();
        for (const [b, c, d, e, length, nomatch] of nets) {
          sets.add('n', `${b}.${c}.${d}.${e}/${length}${nomatch ? ' nomatch' : ''}`, true);
          model.set(prefixOf([b, c, d, e], length), !nomatch);
        }
        let expected = false;
        for (let length = 32; length > 0; length--) {
          const found = model.get(prefixOf(a, length));
          if (found === undefined) continue;
          expected = found;
          break;
        }
        expect(sets.test('n', a.join('.'))).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });

  function prefixOf(octets: readonly number[], length: number): string {
    const bits = octets.map((o) => o.toString(2).padStart(8, '0')).join('');
    return bits.slice(0, length);
  }
});

describe('timeouts', () => {
  it('an element is there to the end of its seconds and not longer', () => {
    const { sets, clock } = clocked(
      'create t hash:ip timeout 10\nadd t 10.0.0.1\nadd t 10.0.0.2 timeout 2\nadd t 10.0.0.3 timeout 0\n',
    );
    clock.nowMs += 2000;
    expect(sets.test('t', '10.0.0.2')).toBe(true);
    clock.nowMs += 4;
    expect(sets.test('t', '10.0.0.2')).toBe(false);
    expect(sets.entries('t')).toEqual(['10.0.0.1 timeout 7', '10.0.0.3 timeout 0']);
    clock.nowMs += 10_000;
    expect(sets.entries('t')).toEqual(['10.0.0.3 timeout 0']);
    expect(sets.describe()[0]!.size).toBe(1);
  });

  it('less than a second is printed as one', () => {
    const { sets, clock } = clocked('create t hash:ip timeout 1\nadd t 10.0.0.1\n');
    clock.nowMs += 900;
    expect(sets.entries('t')).toEqual(['10.0.0.1 timeout 1']);
  });

  it('an element that ended can be added again, and its counters begin anew', () => {
    const { sets, clock } = clocked('create t hash:ip timeout 1 counters\nadd t 10.0.0.1 packets 5 bytes 6\n');
    clock.nowMs += 2000;
    sets.add('t', '10.0.0.1');
    expect(sets.entries('t')).toEqual(['10.0.0.1 timeout 1 packets 0 bytes 0']);
  });

  it('elements that ended make room in a full set', () => {
    const { sets, clock } = clocked('create t hash:ip timeout 1 maxelem 1\nadd t 10.0.0.1\n');
    expect(() => sets.add('t', '10.0.0.2')).toThrow('Hash is full');
    clock.nowMs += 2000;
    sets.add('t', '10.0.0.2');
    expect(sets.entries('t')).toEqual(['10.0.0.2 timeout 1']);
  });

  it('run from the first time on that the clock tells, not from before', () => {
    const clock = { nowMs: -1 };
    const sets = new Sets(clock);
    sets.restore('create t hash:ip timeout 10\nadd t 10.0.0.1\n', 'sets');
    clock.nowMs = 1_700_000_000_000;
    sets.store.begin();
    expect(sets.entries('t')).toEqual(['10.0.0.1 timeout 10']);
    clock.nowMs += 11_000;
    sets.store.begin();
    expect(sets.entries('t')).toEqual([]);
  });
});

describe('types that the kernel of the recordings did not have', () => {
  it.each([
    ['create x hash:mac', ['02:00:00:00:00:01'], ['02:00:00:00:00:01']],
    ['create x hash:ip,mac', ['10.0.0.1,02:00:00:00:00:01'], ['10.0.0.1,02:00:00:00:00:01']],
    ['create x hash:ip,mark markmask 0xff', ['10.0.0.1,0x1234'], ['10.0.0.1,0x00000034']],
    ['create x hash:net,net', ['10.0.0.0/8,11.0.0.0/9 nomatch'], ['10.0.0.0/8,11.0.0.0/9 nomatch']],
    [
      'create x hash:net,port,net',
      ['10.0.0.0/8,80-81,0.0.0.0/0'],
      ['10.0.0.0/8,tcp:80,0.0.0.0/0', '10.0.0.0/8,tcp:81,0.0.0.0/0'],
    ],
  ])('%s', (create, entries, printed) => {
    const { sets } = clocked(`${create}\n`);
    for (const entry of entries) sets.add('x', entry);
    expect(sets.entries('x')).toEqual(printed);
    const again = clocked(sets.save());
    expect(again.sets.save()).toBe(sets.save());
  });

  it('two prefixes: longest first in the first, then in the second', () => {
    const { sets } = clocked(
      'create x hash:net,net\nadd x 10.0.0.0/8,11.0.0.0/8\nadd x 10.1.0.0/16,11.0.0.0/8 nomatch\nadd x 10.0.0.0/8,11.1.0.0/16 nomatch\n',
    );
    expect(sets.test('x', '10.2.0.1,11.2.0.1')).toBe(true);
    expect(sets.test('x', '10.1.0.1,11.2.0.1')).toBe(false);
    expect(sets.test('x', '10.2.0.1,11.1.0.1')).toBe(false);
  });
});

describe('places', () => {
  it('a swap puts the elements of one set under the name of the other', () => {
    const { sets } = clocked(
      'create a hash:ip\ncreate b hash:ip\nadd a 10.0.0.1\ncreate l list:set\nadd l a\nswap a b\n',
    );
    expect(sets.entries('b')).toEqual(['10.0.0.1']);
    expect(sets.entries('l')).toEqual(['a']);
    expect(sets.describe().map((s) => [s.name, s.references])).toEqual(
      [
        ['b', 0],
        ['a', 1],
        ['l', 0],
      ].sort(),
    );
  });

  it('a full set with forceadd gives up an element', () => {
    const { sets } = clocked('create f hash:ip maxelem 3 forceadd\nadd f 10.0.0.0/30\n');
    expect(sets.describe()[0]!.size).toBe(3);
    expect(sets.test('f', '10.0.0.3')).toBe(true);
  });
});

it.each(['add -exist a 10.0.0.1', 'add a 10.0.0.1 -exist', '-! add a 10.0.0.1', '-exist add a 10.0.0.1 -q'])(
  '%s: what is there already is fine',
  (line) => {
    const { sets } = clocked(`create a hash:ip\nadd a 10.0.0.1\n${line}\n`);
    expect(sets.entries('a')).toEqual(['10.0.0.1']);
  },
);

it.each([
  ['10.1', '10.0.0.1', 'as inet_aton reads it, not as iptables does'],
  ['10.1.515', '10.1.2.3', 'the last number takes what is left'],
  ['010.0.0.1', '8.0.0.1', 'octal'],
  ['[10.0.0.1]', '10.0.0.1', 'brackets'],
  ['localhost', '127.0.0.1', 'the only name'],
])('the address %s is %s: %s', (text, expected) => {
  const { sets } = clocked('create a hash:ip\n');
  sets.add('a', text);
  expect(sets.entries('a')).toEqual([expected]);
});

describe('what is wrong is told with its place', () => {
  it.each([
    ['create a hash:ip\nadd a 10.0.0.256\n', 2, 7, 'cannot parse 10.0.0.256'],
    ['create a hash:ipp\n', 1, 10, "typename 'hash:ipp' is unknown"],
    ['# comment\n\n  add b 10.0.0.1\n', 3, 7, 'The set with the given name does not exist'],
    ['create a hash:ip timeuot 5\n', 1, 18, 'Unknown argument: `timeuot'],
    ['create a hash:ip comment\nadd a 10.0.0.1 comment "x\n', 2, 24, 'Missing close quote'],
    ['create a hash:ip\nadd a 10.0.0.1\nadd a 10.0.0.1\n', 3, 7, "it's already added"],
    ['frobnicate a\n', 1, 1, 'No command specified: unknown argument frobnicate'],
    ['list a\nrestore\n', 2, 1, "Command `restore' is invalid in restore mode."],
  ])('%j', (text, line, column, message) => {
    const error = errorOf(() => clocked(text));
    expect(error.position).toEqual({ file: 'sets', line, column });
    expect(error.message).toContain(message);
  });

  it('an entry of a program has no place', () => {
    const { sets } = clocked('create a hash:ip\n');
    const error = errorOf(() => sets.add('a', '10.0.0.1 timeout 4'));
    expect(error.position).toBeNull();
    expect(error.message).toBe('Timeout cannot be used: set was created without timeout support');
  });
});

it('whatever the text is, it is taken or refused with its place', () => {
  const word = fc.oneof(
    fc.constantFrom('create', 'add', 'del', 'test', 'flush', 'swap', 'rename', 'destroy', '-exist', 'a', 'b', 'a', 'b'),
    fc.constantFrom(
      'hash:ip',
      'hash:net',
      'hash:ip,port',
      'hash:net,iface',
      'bitmap:port',
      'list:set',
      'bitmap:ip,mac',
    ),
    fc.constantFrom(
      'timeout',
      'comment',
      'range',
      'netmask',
      'nomatch',
      'skbmark',
      'family',
      'inet6',
      'maxelem',
      'before',
    ),
    fc.constantFrom(
      '10.0.0.0/24',
      '10.0.0.1',
      '10.0.0.0/24,tcp:1-9',
      '1-9',
      '::1',
      '10.0.0.1,eth0',
      '5',
      '0',
      '-1',
      '"x y"',
    ),
    fc.string({ maxLength: 6 }),
  );
  const line = fc.array(word, { maxLength: 7 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const { sets } = clocked('create a hash:ip maxelem 300\ncreate b hash:net,iface timeout 5\n');
      lines.forEach((text, n) => {
        try {
          sets.restore(text, 'sets');
        } catch (error) {
          expect(error, `line ${n}: ${text}`).toBeInstanceOf(RuleError);
          expect((error as RuleError).position?.line).toBeGreaterThan(0);
        }
      });
      expect(clocked(sets.save()).sets.save()).toBe(sets.save());
    }),
  );
});

it('ipset list: header, references and members', () => {
  const { sets } = clocked(
    'create a hash:ip timeout 5 comment\nadd a 10.0.0.1 comment "x y"\ncreate l list:set\nadd l a\n',
  );
  expect(sets.list().replace(/memory: \d+/g, 'memory: N')).toBe(
    [
      'Name: a',
      'Type: hash:ip',
      'Revision: 6',
      'Header: family inet hashsize 1024 maxelem 65536 timeout 5 comment bucketsize 12 initval 0x00000000',
      'Size in memory: N',
      'References: 1',
      'Number of entries: 1',
      'Members:',
      '10.0.0.1 timeout 5 comment "x y"',
      '',
      'Name: l',
      'Type: list:set',
      'Revision: 3',
      'Header: size 8',
      'Size in memory: N',
      'References: 0',
      'Number of entries: 1',
      'Members:',
      'a',
      '',
    ].join('\n'),
  );
});

describe('text', () => {
  const ip4 = fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `10.${a}.0.${b}`);
  const ip6 = fc.tuple(fc.nat(65535), fc.nat(65535)).map(([a, b]) => `2001:${a.toString(16)}::${b.toString(16)}`);
  const port = fc.oneof(
    fc.nat(65535).map((n) => `tcp:${n}`),
    fc.nat(65535).map((n) => `udp:${n}`),
    fc.constant('gre:0'),
  );
  const net = (ip: fc.Arbitrary<string>, bits: number) =>
    fc.tuple(ip, fc.integer({ min: 1, max: bits })).map(([a, n]) => `${a}/${n}`);
  const iface = fc.constantFrom('eth0', 'physdev:br0', 'ppp+');
  const part: Record<string, (v6: boolean) => fc.Arbitrary<string>> = {
    ip: (v6) => (v6 ? ip6 : ip4),
    net: (v6) => net(v6 ? ip6 : ip4, v6 ? 128 : 32),
    port: () => port,
    iface: () => iface,
    mac: () => fc.nat(255).map((n) => `02:00:00:00:00:${n.toString(16)}`),
    mark: () => fc.nat().map(String),
  };
  const types = [
    ...[
      'hash:ip',
      'hash:net',
      'hash:ip,port',
      'hash:net,port',
      'hash:ip,port,ip',
      'hash:ip,port,net',
      'hash:net,iface',
    ],
    ...['hash:mac', 'hash:ip,mac', 'hash:ip,mark', 'hash:net,net', 'hash:net,port,net'],
  ];
  const extras = fc.record({
    timeout: fc.option(fc.integer({ min: 2, max: 2_000_000 })),
    counters: fc.option(fc.tuple(fc.nat(), fc.nat())),
    comment: fc.option(fc.stringMatching(/^[a-z !#;]{1,20}$/)),
    skb: fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 65535 }))),
    nomatch: fc.boolean(),
  });
  const arbitrary = fc.record({ type: fc.constantFrom(...types), v6: fc.boolean() }).chain(({ type, v6 }) => {
    const parts = type
      .slice('hash:'.length)
      .split(',')
      .map((p) => part[p]!(v6));
    const element = fc.tuple(...parts).map((texts) => texts.join(','));
    return fc.record({
      type: fc.constant(type),
      v6: fc.constant(v6),
      rows: fc.array(fc.tuple(element, extras), { maxLength: 12 }),
    });
  });

  it('what is printed reads as the same sets', () => {
    fc.assert(
      fc.property(arbitrary, ({ type, v6, rows }) => {
        const { sets } = clocked();
        const family = type === 'hash:mac' ? '' : `family ${v6 ? 'inet6' : 'inet'}`;
        sets.create('s', type, `${family} timeout 100 counters comment skbinfo`);
        for (const [element, e] of rows) {
          let entry = element;
          if (e.timeout !== null) entry += ` timeout ${e.timeout}`;
          if (e.counters !== null) entry += ` packets ${e.counters[0]} bytes ${e.counters[1]}`;
          if (e.comment !== null) entry += ` comment "${e.comment}"`;
          if (e.skb !== null) entry += ` skbmark 0x${e.skb[0].toString(16)} skbprio 1:${e.skb[1].toString(16)}`;
          if (e.nomatch && type.includes('net')) entry += ' nomatch';
          sets.add('s', entry, true);
        }
        const text = sets.save();
        expect(text.split('\n').length - 2).toBe(sets.describe()[0]!.size);
        const again = clocked(text).sets;
        expect(again.save()).toBe(text);
        expect(again.list()).toBe(sets.list());
      }),
    );
  });
});
