import { describe, expect, test } from 'vitest';
import { CLIENT, HelperBench, SERVER, Talk } from '../../test/support/helper-bench.js';
import { CT_NEW, CT_RELATED } from '../wire/packet.js';
import { moduleHelpers } from './modules.js';
import { HELPERS } from './registry.js';

/** `name ports nat` of the helpers with this beginning. */
function helpers(modules: string[] | null, name: string): string[] {
  return moduleHelpers(modules)
    .filter(({ helper }) => helper.name.startsWith(name))
    .map(({ helper, hasNat }) => `${helper.name} ${helper.ports.join()}${hasNat ? ' nat' : ''}`);
}

describe('what a host has', () => {
  test.each<[string, string[] | null, string[]]>([
    ['nothing said: everything', null, ['ftp 21 nat']],
    ['no module: rules may name it, ports do not', [], ['ftp ']],
    ['the helper alone', ['nf_conntrack_ftp'], ['ftp 21']],
    ['with its part for NAT', ['nf_conntrack_ftp', 'nf_nat_ftp'], ['ftp 21 nat']],
    ['by the old names', ['ip_conntrack_ftp', 'ip_nat_ftp'], ['ftp 21 nat']],
    ['with ports', ['nf_conntrack_ftp ports=21,2121'], ['ftp 21', 'ftp-2121 2121']],
    ['with other ports: its own name is for rules', ['nf_conntrack_ftp ports=2121'], ['ftp ', 'ftp-2121 2121']],
    ['dashes are underscores', ['nf-conntrack-ftp'], ['ftp 21']],
  ])('%s', (_name, modules, expected) => {
    expect(helpers(modules, 'ftp')).toEqual(expected);
  });
  test('helpers that need no part for NAT', () => {
    expect(helpers(['nf_conntrack_netbios_ns'], 'netbios')).toEqual(['netbios-ns 137 nat']);
    expect(helpers([], 'sane')).toEqual(['sane  nat']);
  });
  test('names and default ports are those of the kernel', () => {
    expect(HELPERS.map((h) => `${h.name} ${h.ports.join()} ${h.protocols.join()} ${h.families.join()}`)).toEqual([
      'amanda 10080 17 2,10',
      'ftp 21 6 2,10',
      'irc 6667 6 2',
      'netbios-ns 137 17 2',
      'pptp 1723 6 2',
      'sane 6566 6 2,10',
      'sip 5060 6,17 2,10',
      'snmp 161 17 2',
      'tftp 69 17 2,10',
    ]);
  });
});

const SYN = 2;

describe('helpers by port (nf_conntrack_helper=1)', () => {
  const OLD = { 'net.netfilter.nf_conntrack_helper': 1 };
  function opened(o: {
    sysctl?: Record<string, number>;
    modules?: string[];
    raw?: string;
    nat?: string;
    port?: number;
  }) {
    const { sysctl = OLD, modules, raw = '', nat, port = 21 } = o;
    const config = { sysctl, ...(modules === undefined ? {} : { modules }) };
    const bench = new HelperBench({
      helper: '',
      protocol: 'tcp',
      port,
      raw,
      config,
      ...(nat === undefined ? {} : { nat }),
    });
    new Talk(bench, { peerPort: port }).open();
    return [...bench.host.flows()].map((f) => f.helper);
  }
  test.each([
    ['of the port that answers come from', {}, 'ftp'],
    ['not where the setting is off', { sysctl: {} }, null],
    ['not on another port', { port: 2121 }, null],
    ['on another port, if the module has it', { modules: ['nf_conntrack_ftp ports=2121'], port: 2121 }, 'ftp-2121'],
    ['not without its module', { modules: [] }, null],
    ['a rule goes first', { raw: '-A PREROUTING -p tcp --dport 21 -j CT --helper sane\n' }, 'sane'],
    [
      'DNAT to the port',
      { port: 2121, nat: '-A PREROUTING -p tcp --dport 2121 -j DNAT --to-destination :21\n' },
      'ftp',
    ],
    ['DNAT away from the port', { nat: '-A PREROUTING -p tcp --dport 21 -j DNAT --to-destination :2121\n' }, null],
  ])('%s', (_name, o, helper) => {
    expect(opened(o)).toEqual([helper]);
  });
  // what guides of the time say: "modprobe nf_conntrack_ftp", and ESTABLISHED,RELATED does the rest
  test.each<[string, Record<string, number>, number, number]>([
    ['passive and active FTP work without a CT rule', OLD, CT_RELATED, CT_RELATED],
    ['since 6.0 neither does', {}, CT_NEW, CT_NEW],
  ])('%s', (_claim, sysctl, passive, active) => {
    const config = { sysctl, modules: ['nf_conntrack_ftp'] };
    const bench = new HelperBench({ helper: '', protocol: 'tcp', port: 21, raw: '', config });
    const talk = new Talk(bench, { peerPort: 21 }).open();
    talk.say('server', '220 x\r\n');
    talk.say('client', 'PASV\r\n');
    talk.say('server', '227 Entering Passive Mode (10,2,0,2,195,81)\r\n'); // 50001
    new Talk(bench, { address: CLIENT, port: 43000, peer: SERVER, peerPort: 50001 }).put('client', SYN);
    expect(bench.state).toBe(passive);
    talk.say('client', 'PORT 10,1,0,2,195,82\r\n'); // 50002
    const data = new Talk(bench, { from: 'server', address: SERVER, port: 20, peer: CLIENT, peerPort: 50002 });
    data.put('client', SYN);
    expect(bench.state).toBe(active);
  });
  test('an expected connection gets none, whatever its port', () => {
    const bench = new HelperBench({ helper: '', protocol: 'tcp', port: 21, raw: '', config: { sysctl: OLD } });
    const talk = new Talk(bench, { peerPort: 21 }).open();
    talk.say('server', '220 x\r\n');
    talk.say('server', '227 (10,2,0,2,26,11)\r\n'); // 6667
    expect(bench.expected).toHaveLength(1);
    new Talk(bench, { address: CLIENT, port: 43000, peer: SERVER, peerPort: 6667 }).open();
    expect([...bench.host.flows()].map((f) => f.helper)).toEqual(['ftp', null]);
  });
});
