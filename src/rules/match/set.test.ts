/** -m set and -j SET: rule text as iptables 1.8.9 reads and prints it, and what rules do to sets. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as K from '../../../test/support/rules.js';
import { loadRules } from '../../iptables/restore.js';
import { printRule } from '../../iptables/save.js';
import { AF_INET, HAS_LATER_FRAGMENT, type Packet } from '../../wire/packet.js';
import { RuleError } from '../context.js';
import { loadTable } from '../load.js';
import type { Family, Rule, TableName } from '../model.js';
import { Sets } from '../set/sets.js';

const FIXTURE = new URL('../../../test/fixtures/sets/rule-lines.tsv', import.meta.url);
const LINES = readFileSync(FIXTURE, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map(
    (line) =>
      line.split('\t') as [family: string, table: string, chain: string, rule: string, saved: string, listed: string],
  );

function read(rule: string, family: Family, table: TableName, chain: string): Rule {
  const ruleset = loadRules(`*${table}\n-A ${chain} ${rule}\nCOMMIT\n`, 'rules', family);
  return ruleset.tables.get(table)!.chains.get(chain)!.rules[0]!;
}

describe('options are read, refused, printed and listed as by iptables 1.8.9', () => {
  it.each(LINES)('IPv%s %s %s %s', (version, table, chain, text, saved, listed) => {
    const family: Family = version === '6' ? 10 : 2;
    const refused = /^exit (\d): (.*)$/.exec(saved);
    try {
      const rule = read(text, family, table as TableName, chain);
      expect(printRule(chain, rule, family)).toBe(`-A ${chain} ${saved === '=' ? text : saved}`);
      const target = rule.target?.kind === 'extension' ? [rule.target] : [];
      const parts = [...rule.matches, ...target].map(({ extension, spec }) => extension.list!(spec, family, true));
      expect(parts.join('')).toBe(` ${listed}`);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      expect(`exit ${error.status}`).toBe(`exit ${refused?.[1]}`);
      if (error.status === 2) expect(error.message.split('\n')[0]).toBe(refused?.[2]);
    }
  });
});

/** A host with sets, whose rules' matches and targets are functions of a packet. */
function host(text: string) {
  const testHost = K.testHost('lo', 'eth0', 'ppp0');
  const sets = new Sets(testHost.context);
  testHost.context.nowMs = 1_000_000;
  sets.store.begin();
  sets.restore(text, 'sets');
  const setStore = sets.store;
  const load = (rule: string, table: TableName = 'mangle', family: Family = 2) => {
    const ruleset = loadRules(`*${table}\n-A PREROUTING ${rule}\nCOMMIT\n`, 'rules', family);
    const loaded = loadTable(ruleset.tables.get(table)!, family, { ...testHost, setStore });
    setStore.rulesLoaded(family, true);
    return loaded.byName.get('PREROUTING')!.rules[0]!;
  };
  return {
    sets,
    context: testHost.context,
    load,
    matches: (rule: string, p: Packet) => load(rule).matches.every((match) => match(p, testHost.context)),
    act: (rule: string, p: Packet) => load(rule).target!(p, testHost.context),
  };
}

/** 10.0.0.1:1000 to 10.0.0.2:80, TCP, with its bytes. */
function packet(part: Parameters<typeof K.packet>[0] = {}): Packet {
  const p = K.packet(part);
  const bytes = new Uint8Array(64);
  p.attach(bytes);
  p.view.setUint32(20, 0x03e80050);
  return p;
}

describe('a set that the rule cannot use', () => {
  const h = host('create six hash:ip family inet6\ncreate a hash:ip\ncreate p bitmap:port range 0-9\n');
  it.each([
    ['-m set --match-set nope src', "Set nope doesn't exist."],
    ['-j SET --add-set nope src', "Set nope doesn't exist."],
    ['-m set --match-set six src', 'The protocol family of set six is IPv6, which is not applicable.'],
  ])('%s', (rule, message) => {
    expect(() => h.load(rule)).toThrow(message);
  });

  it('is held by rules that were loaded, until others take their place', () => {
    h.load('-m set --match-set a src -j SET --add-set a dst');
    expect(h.sets.describe().map((s) => s.references)).toEqual([0, 2, 0]);
    expect(() => h.sets.restore('destroy a\n', '')).toThrow('it is in use by a kernel component');
    h.load('-m set --match-set p src');
    expect(h.sets.describe().map((s) => s.references)).toEqual([0, 0, 1]);
    h.sets.restore('destroy a\n', '');
  });

  it('a type of no family is for both', () => {
    expect(() => h.load('-m set --match-set p src', 'mangle', 10)).not.toThrow();
  });
});

describe('parts of a packet', () => {
  const h = host(
    'create i hash:ip\nadd i 10.0.0.1\ncreate ip hash:ip,port\nadd ip 10.0.0.1,80\nadd ip 10.0.0.1,gre:0\n' +
      'create n hash:net,iface\nadd n 10.0.0.0/8,eth0\nadd n 10.0.0.0/24,ppp wildcard\nadd n 10.0.0.2,x\n' +
      'create p bitmap:port range 0-1023\nadd p 80\ncreate m hash:ip,mark markmask 0xff\nadd m 10.0.0.1,5\n',
  );
  it.each([
    ['i src', {}, true],
    ['i dst', {}, false],
    ['ip src,dst', {}, true],
    ['ip src,src', {}, false],
    ['ip src', {}, false, 'too few parts never match'],
    ['i src,dst,dst', {}, true, 'too many are fine'],
    ['ip src,dst', { protocol: 17 }, false],
    ['ip src,dst', { protocol: 47 }, true, 'a protocol without ports'],
    ['ip src,dst', { has: HAS_LATER_FRAGMENT }, false, 'a later fragment'],
    ['ip src,dst', { protocol: 47, has: HAS_LATER_FRAGMENT }, true],
    ['ip src,dst', { end: 38 }, false, 'a TCP header cut short'],
    ['p dst', {}, true],
    ['p dst', { protocol: 132 }, false, 'bitmap:port knows TCP and UDP'],
    ['n src,src', { inInterface: 2 }, false, 'only the longest prefix is asked for its interface'],
    ['n src,src', { inInterface: 3 }, true, 'the beginning of a name'],
    ['n src,dst', { outInterface: 3 }, true],
    ['n src,src', {}, false, 'no interface'],
    ['n dst,src', { inInterface: 2 }, false, 'the address itself has another interface'],
    ['m src,src', { mark: 0x705 }, true],
    ['m src,src', { mark: 0x706 }, false],
  ] as [string, Partial<Packet>, boolean, string?][])('%s %o: %s', (reference, part, expected) => {
    const p = packet({ family: AF_INET, ...part });
    expect(h.matches(`-m set --match-set ${reference}`, p)).toBe(expected);
    expect(h.matches(`-m set ! --match-set ${reference}`, p)).toBe(!expected);
  });
});

describe('nomatch', () => {
  const h = host('create n hash:net\nadd n 10.0.0.0/8\nadd n 10.0.0.1 nomatch\n');
  it.each([
    ['src', false],
    ['dst', true],
    ['src --return-nomatch', true],
    ['dst --return-nomatch', false],
  ])('--match-set n %s: %s', (reference, expected) => {
    expect(h.matches(`-m set --match-set n ${reference}`, packet())).toBe(expected);
  });
});

describe('counters', () => {
  const start = 'create c hash:ip counters\nadd c 10.0.0.1 packets 2 bytes 100\ncreate l list:set counters\nadd l c\n';
  it.each([
    ['c src', true, '3 bytes 160', '0 bytes 0'],
    ['c src ! --update-counters', true, '2 bytes 100', '0 bytes 0'],
    ['c src --packets-eq 3', true, '3 bytes 160', '0 bytes 0'],
    ['c src --packets-lt 3', false, '3 bytes 160', '0 bytes 0'],
    ['c src --bytes-gt 160', false, '3 bytes 160', '0 bytes 0'],
    ['c src ! --update-counters --packets-lt 3', true, '2 bytes 100', '0 bytes 0'],
    ['l src', true, '3 bytes 160', '1 bytes 60'],
    ['l src ! --update-subcounters', true, '2 bytes 100', '1 bytes 60'],
    ['l src --packets-eq 1', true, '3 bytes 160', '1 bytes 60'],
    ['l src --packets-eq 2', false, '3 bytes 160', '1 bytes 60'],
    ['l dst', false, '2 bytes 100', '0 bytes 0'],
  ])('%s: %s, then %s in the set and %s in the list', (reference, expected, inSet, inList) => {
    const h = host(start);
    expect(h.matches(`-m set --match-set ${reference}`, packet())).toBe(expected);
    expect(h.sets.entries('c')).toEqual([`10.0.0.1 packets ${inSet}`]);
    expect(h.sets.entries('l')).toEqual([`c packets ${inList}`]);
  });
});

describe('-j SET', () => {
  it.each([
    ['create s hash:ip counters', '--add-set s src', ['10.0.0.1 packets 1 bytes 60']],
    ['create s hash:ip timeout 50', '--add-set s src', ['10.0.0.1 timeout 50']],
    ['create s hash:ip timeout 50', '--add-set s src --timeout 7', ['10.0.0.1 timeout 7']],
    ['create s hash:ip timeout 50', '--add-set s src --timeout 4000000000', ['10.0.0.1 timeout 2147483']],
    ['create s hash:ip timeout 50\nadd s 10.0.0.1 timeout 0', '--add-set s src', ['10.0.0.1 timeout 0']],
    ['create s hash:ip timeout 50\nadd s 10.0.0.1 timeout 0', '--add-set s src --exist', ['10.0.0.1 timeout 50']],
    ['create s hash:net', '--add-set s src', ['10.0.0.1']],
    [
      'create s hash:net\nadd s 11.0.0.0/24\nadd s 12.0.0.0/8',
      '--add-set s src',
      ['11.0.0.0/24', '12.0.0.0/8', '10.0.0.0/24'],
    ],
    ['create s hash:ip,port', '--add-set s src,dst', ['10.0.0.1,tcp:80']],
    ['create s hash:ip,port', '--add-set s src', []],
    ['create s hash:ip maxelem 1\nadd s 1.1.1.1', '--add-set s src', ['1.1.1.1']],
    ['create s hash:ip\nadd s 10.0.0.1', '--del-set s src', []],
    ['create s hash:ip\nadd s 10.0.0.1', '--del-set s dst', ['10.0.0.1']],
    ['create s hash:ip', '--add-set s src --del-set s src', []],
    ['create s hash:ip', '--add-set s src,dst,src', ['10.0.0.1']],
    ['create s bitmap:ip range 10.0.1.0/24', '--add-set s src', []],
    ['create s hash:ip\ncreate l list:set\nadd l s', '--add-set l src', ['10.0.0.1']],
  ])('%j, %s: %j', (text, options, expected) => {
    const h = host(`${text}\n`);
    h.act(`-j SET ${options}`, packet());
    expect(h.sets.entries('s')).toEqual(expected);
  });

  it.each([
    ['--map-set s src --map-mark', 0xabc5, 9],
    ['--map-set s src --map-prio', 0xabcd, 0x10002],
    ['--map-set s src --map-mark --map-prio', 0xabc5, 0x10002],
    ['--map-set s dst --map-mark --map-prio', 0xabcd, 9],
    ['--map-set plain src --map-prio --map-mark', 0xabcd, 0],
  ])('%s: mark %i, priority %i', (options, mark, priority) => {
    const h = host(
      'create s hash:ip skbinfo\nadd s 10.0.0.1 skbmark 0x5/0xf skbprio 1:2\ncreate plain hash:ip\nadd plain 10.0.0.1\n',
    );
    const p = packet({ mark: 0xabcd, priority: 9 });
    const ruleset = loadRules(`*mangle\n-A FORWARD -j SET ${options}\nCOMMIT\n`, 'rules', 2);
    const loaded = loadTable(ruleset.tables.get('mangle')!, 2, { ...K.testHost(), setStore: h.sets.store });
    loaded.byName.get('FORWARD')!.rules[0]!.target!(p, h.context);
    expect([p.mark, p.priority]).toEqual([mark, priority]);
  });
});

it('bitmap:ip,mac learns the MAC address of the first packet, and its timeout begins then', () => {
  const h = host('create b bitmap:ip,mac range 10.0.0.0/24 timeout 9\nadd b 10.0.0.1 timeout 5\n');
  const p = packet({ inInterface: 2 });
  p.attach(new Uint8Array(80));
  p.bytes.set([2, 0, 0, 0, 0, 7], 6);
  p.macOff = 0;
  h.context.nowMs += 60_000;
  expect(h.sets.entries('b')).toEqual(['10.0.0.1 timeout 5']);
  expect(h.matches('-m set --match-set b src,src', p)).toBe(true);
  expect(h.sets.entries('b')).toEqual(['10.0.0.1,02:00:00:00:00:07 timeout 5']);
  p.bytes[11] = 8;
  expect(h.matches('-m set --match-set b src,src', p)).toBe(false);
  h.context.nowMs += 6_000;
  p.bytes[11] = 7;
  expect(h.matches('-m set --match-set b src,src', p)).toBe(false);
});
