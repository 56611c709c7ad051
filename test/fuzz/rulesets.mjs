/**
 * Random rulesets for the fuzzers, made of the rule lines of test/fixtures/rules and of the rulesets of test/kernel/cases:
 * every match and target that those know is used, in every chain that takes it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const fixtures = fileURLToPath(new URL('../fixtures/rules', import.meta.url));
const cases = fileURLToPath(new URL('../kernel/cases', import.meta.url));

const CHAINS = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};
const USER_CHAINS = ['one', 'two', 'three'];

const REJECT_TYPES = {
  4: 'icmp-net-unreachable icmp-host-unreachable icmp-proto-unreachable icmp-port-unreachable icmp-net-prohibited icmp-host-prohibited icmp-admin-prohibited tcp-reset',
  6: 'icmp6-no-route icmp6-adm-prohibited icmp6-addr-unreachable icmp6-port-unreachable icmp6-policy-fail icmp6-reject-route tcp-reset',
};
/** Ends of rules whose match lines have none, by table; '' = any. */
const TARGETS = {
  '': [
    '',
    '-m set --match-set nets src -j DROP',
    '-m set ! --match-set pairs src,dst --return-nomatch',
    '-m set --match-set list src -j ACCEPT',
    '-j SET --add-set nets src --exist --timeout 5',
    '-j SET --del-set pairs dst,src',
    '-j LOG --log-prefix "a " --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode',
    '-j ACCEPT',
    '-j RETURN',
    '-j one',
    '-g two',
    '-j three',
    '-j MARK --set-xmark 0x7/0xff',
    '-j MARK --set-mark 5',
  ],
  raw: [
    '-j TRACE',
    '-j NOTRACK',
    '-j CT --notrack',
    '-j CT --zone 3',
    '-j CT --zone-orig 2',
    '-j CT --zone-reply mark',
    '-j CT --ctevents new,destroy',
    '-p tcp -j CT --helper ftp',
  ],
  mangle: [
    '-j CONNMARK --save-mark',
    '-j CONNMARK --restore-mark',
    '-j CONNMARK --set-xmark 0x1/0x3',
    '-j TOS --set-tos 0x10/0x3f',
    '-j DSCP --set-dscp 0x1a',
    '-p tcp -j ECN --ecn-tcp-remove',
    '-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
    '-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 300',
    '-p tcp -j TCPOPTSTRIP --strip-options wscale,mss,sack-permitted,timestamp',
    '-j TTL --ttl-dec 1',
    '-j TTL --ttl-set 3',
    '-j HL --hl-inc 1',
    '-j HL --hl-set 2',
  ],
  nat: [
    '-p tcp -j DNAT --to-destination 10.2.0.9:80',
    '-j DNAT --to-destination 10.2.0.3-10.2.0.9',
    '-p udp -j DNAT --to-destination [fd00:2::9]:53',
    '-j SNAT --to-source 10.2.0.1',
    '-p udp -j SNAT --to-source 10.2.0.1:3000-3003',
    '-j SNAT --to-source fd00:2::1',
    '-j MASQUERADE',
    '-p tcp -j REDIRECT --to-ports 8080',
    '-j NETMAP --to 10.2.0.0/24',
  ],
  filter: [],
  security: [],
};

/** All fixture lines as { family 4 | 6, table, text without -A CHAIN }. */
function readLines() {
  const lines = [];
  const rows = (name) =>
    readFileSync(join(fixtures, name), 'utf8')
      .split('\n')
      .filter((l) => l !== '' && !l.startsWith('#'))
      .map((l) => l.split('\t'));
  for (const [family, table, , text] of rows('connection-options.tsv')) lines.push({ family, table, text });
  for (const [family, table, text] of rows('option-lines.tsv')) lines.push({ family, table, text });
  for (const name of ['host-facts.tsv', 'packet-extension-lines.tsv']) {
    for (const [family, table, , text] of rows(name)) lines.push({ family, table, text });
  }
  for (const [family, text] of rows('match-packets.tsv')) lines.push({ family, table: 'filter', text });
  for (const [family, text] of rows('target-packets.tsv')) lines.push({ family, table: 'mangle', text });
  for (const [family, text] of rows('iptables-lines.tsv')) {
    const m = /^(?:-t (\w+) )?-A \w+ (.*)$/.exec(text);
    if (m !== null) lines.push({ family, table: m[1] ?? 'filter', text: m[2] });
  }
  return lines;
}

/** Whole rulesets: { family, name, text }. */
function readWhole() {
  const whole = [];
  const add = (path, name) => {
    if (existsSync(path))
      whole.push({ family: path.endsWith('6') ? '6' : '4', name, text: readFileSync(path, 'utf8') });
  };
  for (const name of readdirSync(fixtures)) if (/\.v[46]$/.test(name)) add(join(fixtures, name), name);
  for (const name of readdirSync(cases)) {
    add(join(cases, name, 'rules.v4'), `${name}.v4`);
    add(join(cases, name, 'rules.v6'), `${name}.v6`);
  }
  for (const { name, text } of whole.slice())
    whole.push({ family: '4', name: `${name} as script`, text: asScript(text, name) });
  return whole;
}

/** iptables-save text as a shell script of commands. */
function asScript(text, name) {
  const program = name.endsWith('6') ? 'ip6tables' : 'iptables';
  let table = 'filter';
  const out = ['#!/bin/sh', 'set -e', 'LAN=10.1.0.0/24'];
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const chain = /^:(\S+) (\S+)/.exec(line);
    if (chain !== null) {
      out.push(
        chain[2] === '-'
          ? `${program} -t ${table} -N ${chain[1]}`
          : `${program} -t ${table} -P ${chain[1]} ${chain[2]}`,
      );
    }
    const rule = /^(?:\[\S+\] )?(-A .*)$/.exec(line);
    if (rule !== null) out.push(`${program} -t ${table} ${rule[1]}`);
  }
  return `${out.join('\n')}\n`;
}

/** Makes rulesets; `random` as seeds.mjs has it. */
export class RulesetMaker {
  constructor() {
    const lines = readLines();
    this.lines = { 4: lines.filter((l) => l.family === '4'), 6: lines.filter((l) => l.family === '6') };
    this.whole = readWhole();
  }

  /** iptables-save text of a random ruleset; load it leniently, since many of its lines are ones that iptables refuses. */
  make(family, random) {
    const whole = this.whole.filter((w) => w.family === family && !w.name.endsWith('script'));
    if (random.below(8) === 0) return whole[random.below(whole.length)].text;
    const text = [];
    for (const [table, chains] of Object.entries(CHAINS)) {
      if (random.below(4) === 0) continue;
      text.push(`*${table}`);
      for (const c of chains) text.push(`:${c} ${table !== 'nat' && random.below(12) === 0 ? 'DROP' : 'ACCEPT'} [0:0]`);
      for (const c of USER_CHAINS) text.push(`:${c} - [0:0]`);
      // of some hundred rules chains have trees
      const rules = random.below(4) === 0 ? 1 + random.below(random.below(3) === 0 ? 700 : 100) : 1 + random.below(12);
      for (let n = 0; n < rules; n++) text.push(this.rule(family, table, chains, random));
      text.push('COMMIT');
    }
    return `${text.join('\n')}\n`;
  }

  rule(family, table, chains, random) {
    const chain = random.below(4) === 0 ? USER_CHAINS[random.below(3)] : chains[random.below(chains.length)];
    const lines = this.lines[family];
    let line = lines[random.below(lines.length)];
    for (let n = 0; n < 4 && line.table !== table; n++) line = lines[random.below(lines.length)];
    const text = random.below(6) === 0 ? '' : line.text;
    if (/(^| )-[jg] /.test(text)) return `-A ${chain} ${text}`;
    let target;
    const kind = random.below(10);
    if (kind === 0) target = '-j DROP';
    else if (kind <= 2 && table === 'filter') {
      const types = REJECT_TYPES[family].split(' ');
      const type = types[random.below(types.length)];
      target = `${type === 'tcp-reset' && !text.includes('-p ') ? '-p tcp ' : ''}-j REJECT --reject-with ${type}`;
    } else if (kind <= 5 && TARGETS[table].length > 0) target = TARGETS[table][random.below(TARGETS[table].length)];
    else target = TARGETS[''][random.below(TARGETS[''].length)];
    // user chains call only later ones
    if (USER_CHAINS.includes(chain) && / (one|two|three)$/.test(target)) target = chain === 'one' ? '-j three' : '';
    return `-A ${chain} ${text} ${target}`.trimEnd();
  }
}
