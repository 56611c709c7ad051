import { describe, expect, it, test } from 'vitest';
import { HelperBench, Talk } from '../../test/support/helper-bench.js';
import { moduleHelpers } from './modules.js';
import { HelperParameters, helperParameters, moduleProblem } from './parameters.js';

describe('options of modules', () => {
  it.each<[string, Partial<HelperParameters>]>([
    ['nf_conntrack_ftp', {}],
    ['nf_conntrack_ftp loose=1', { ftpLoose: true }],
    ['nf_conntrack_ftp ports=21 loose=Y', { ftpLoose: true }],
    ['nf_conntrack_ftp loose', { ftpLoose: true }],
    ['nf_conntrack_ftp loose=0', {}],
    ['ip-conntrack-ftp loose=on', { ftpLoose: true }],
    ['nf_conntrack_irc max_dcc_channels=2 dcc_timeout=60', { ircChannels: 2, ircTimeoutMs: 60_000 }],
    ['nf_conntrack_sip sip_timeout=600', { sipTimeoutMs: 600_000 }],
    ['nf_conntrack_sip sip_direct_signalling=0', { sipDirectSignalling: false }],
    ['nf_conntrack_sip sip-direct-media=n', { sipDirectMedia: false }],
    ['nf_conntrack_sip sip_external_media=1', { sipExternalMedia: true }],
    ['nf_conntrack_amanda master_timeout=30', { amandaTimeoutMs: 30_000 }],
    ['nf_conntrack_netbios_ns timeout=5', { netbiosTimeoutMs: 5000 }],
    ['nf_conntrack_snmp timeout=5', { snmpTimeoutMs: 5000 }],
    ['nf_conntrack_tftp timeout=5', {}],
    ['nf_nat_ftp loose=1', {}],
    ['nf_conntrack_sip unheard_of=5', {}],
  ])('%s', (text, expected) => {
    expect(helperParameters(['nf_conntrack', text])).toEqual({ ...new HelperParameters(), ...expected });
    expect(moduleProblem(text)).toBeNull();
  });

  it.each([
    ['nf_conntrack_ftp loose=maybe', 'loose: expected 0 or 1, got "maybe"'],
    ['nf_conntrack_irc max_dcc_channels=0', 'max_dcc_channels: expected 1 to 255, got "0"'],
    ['nf_conntrack_irc max_dcc_channels=256', 'max_dcc_channels: expected 1 to 255, got "256"'],
    ['nf_conntrack_irc max_dcc_channels', 'max_dcc_channels: expected 1 to 255, got none'],
    ['nf_conntrack_sip sip_timeout=-1', 'sip_timeout: expected seconds, at most 2147483, got "-1"'],
    ['nf_conntrack_sip sip_timeout=9999999', 'sip_timeout: expected seconds, at most 2147483, got "9999999"'],
  ])('%s is wrong', (text, problem) => {
    expect(moduleProblem(text)).toBe(problem);
  });

  test('none said: the kernel\u2019s defaults', () => {
    expect(helperParameters(null)).toEqual(new HelperParameters());
  });

  test('limits and timeouts of expectations', () => {
    const modules = [
      'nf_conntrack_irc max_dcc_channels=2 dcc_timeout=60',
      'nf_conntrack_snmp timeout=5',
      'nf_conntrack_netbios_ns timeout=6',
    ];
    const policies = moduleHelpers(modules, helperParameters(modules)).map(({ helper }) => [
      helper.name,
      ...helper.policies.flatMap((p) => [p.maxExpected, p.timeoutMs]),
    ]);
    expect(policies).toContainEqual(['irc', 2, 60_000]);
    expect(policies).toContainEqual(['snmp', 1, 5000]);
    expect(policies).toContainEqual(['netbios-ns', 1, 6000]);
  });

  // this kernel has both built in, and does not let them be changed
  test('IRC: the third of two channels ends the first', () => {
    const config = { modules: ['nf_conntrack_irc max_dcc_channels=2 dcc_timeout=60'] };
    const bench = new HelperBench({ helper: 'irc', protocol: 'tcp', port: 6667, config });
    const talk = new Talk(bench, { peerPort: 6667 }).open();
    talk.say('server', 'x\r\n');
    for (const port of [45_001, 45_002, 45_003])
      talk.say('client', `PRIVMSG bob :\u0001DCC SEND f 167837698 ${port} 10\u0001\r\n`);
    expect(bench.expected.map((line) => /:(45\d+).* (\d+)s$/.exec(line)?.slice(1))).toEqual([
      ['45002', '60'],
      ['45003', '60'],
    ]);
  });
});
