/**
 * Rule lines that ask everything of every option of every extension, most of them wrong: values of all kinds, options twice, in pairs,
 * alone, abbreviated, with `!`, without a value, in the wrong table, chain and protocol. Made of the option tables.
 *
 *     node test/answers/lines.mjs BUILD [EXTENSION...] > LINES
 *
 * BUILD is the folder of compiled modules. ask.mjs makes rows of the lines.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [build, ...only] = process.argv.slice(2);
const { MATCHES, TARGETS } = await import(pathToFileURL(resolve(build, 'rules/registry.js')).href);

/** Where each extension can stand, `-p` first, what it cannot do without, and a value of each option; '' = takes none. */
const ROOMS = {
  ah: ['-p ah', ''],
  cluster: ['', '--cluster-total-nodes 4 --cluster-local-node 1 --cluster-hash-seed 5', 'mangle PREROUTING'],
  mh: ['-p mh', ''],
  osf: ['-p tcp', '--genre Linux'],
  owner: ['', '', 'filter OUTPUT'],
  physdev: ['', '', 'filter FORWARD'],
  rateest: ['', '--rateest x --rateest-pps1 5 --rateest-lt --rateest-pps2 6'],
  rpfilter: ['', '', 'raw PREROUTING'],
  socket: ['', '', 'mangle PREROUTING'],
  ipcomp: ['-p ipcomp', ''],
  connbytes: ['', '--connbytes 5 --connbytes-mode bytes --connbytes-dir both'],
  connlimit: ['', '--connlimit-upto 5'],
  dccp: ['-p dccp', ''],
  ecn: ['-p tcp', ''],
  esp: ['-p esp', ''],
  hashlimit: ['', '--hashlimit-upto 5/s --hashlimit-name x'],
  icmp: ['-p icmp', ''],
  icmp6: ['-p icmpv6', ''],
  ipv6header: ['', '--header ah'],
  multiport: ['-p tcp', ''],
  policy: ['', '--dir in --pol ipsec'],
  recent: ['', '--rcheck'],
  rt: ['', '--rt-type 0'],
  sctp: ['-p sctp', ''],
  statistic: ['', '--mode nth --every 3 --packet 0'],
  string: ['', '--algo bm --string x'],
  tcp: ['-p tcp', ''],
  tcpmss: ['-p tcp', ''],
  udp: ['-p udp', ''],
  AUDIT: ['', '--type accept'],
  CHECKSUM: ['', '', 'mangle POSTROUTING'],
  CLASSIFY: ['', '', 'mangle POSTROUTING'],
  CLUSTERIP: ['', '--new --hashmode sourceip --clustermac 01:00:5e:00:00:01 --total-nodes 2 --local-node 1'],
  CONNSECMARK: ['', '', 'mangle POSTROUTING'],
  DNPT: ['', '--src-pfx fd00::/64 --dst-pfx fd01::/64', 'mangle PREROUTING'],
  HMARK: ['', '--hmark-mod 5 --hmark-rnd 4 --hmark-tuple src,dst', 'mangle PREROUTING'],
  IDLETIMER: ['', '--timeout 5 --label x'],
  LED: ['', '--led-trigger-id x'],
  RATEEST: ['', '--rateest-name x --rateest-interval 250ms --rateest-ewmalog 500ms', 'mangle PREROUTING'],
  SECMARK: ['', '--selctx a:b:c:d', 'mangle PREROUTING'],
  SNPT: ['', '--src-pfx fd00::/64 --dst-pfx fd01::/64', 'mangle POSTROUTING'],
  SYNPROXY: ['-p tcp', ''],
  TEE: ['', '', 'mangle PREROUTING'],
  TPROXY: ['-p tcp', '--on-port 80', 'mangle PREROUTING'],
  CT: ['-p tcp', '', 'raw PREROUTING'],
  CONNMARK: ['', '--save-mark', 'mangle POSTROUTING'],
  DNAT: ['-p tcp', '--to-destination 10.0.0.1', 'nat PREROUTING'],
  DSCP: ['', '', 'mangle POSTROUTING'],
  ECN: ['-p tcp', '', 'mangle POSTROUTING'],
  HL: ['', '', 'mangle POSTROUTING'],
  MARK: ['', '', 'mangle POSTROUTING'],
  MASQUERADE: ['-p tcp', '', 'nat POSTROUTING'],
  NETMAP: ['', '', 'nat PREROUTING'],
  NOTRACK: ['', '', 'raw PREROUTING'],
  REDIRECT: ['-p tcp', '', 'nat PREROUTING'],
  SNAT: ['-p tcp', '--to-source 10.0.0.1', 'nat POSTROUTING'],
  TCPMSS: ['-p tcp --syn', '', 'filter FORWARD'],
  TCPOPTSTRIP: ['-p tcp', '', 'mangle POSTROUTING'],
  TOS: ['', '', 'mangle POSTROUTING'],
  TRACE: ['', '', 'raw PREROUTING'],
  TTL: ['', '', 'mangle POSTROUTING'],
};

/** Good values by the option's name, or the extension's and the option's; `@` is an address. */
const GOOD = {
  'bpf bytecode': '4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0',
  'bpf object-pinned': '/x',
  'cgroup path': '/a',
  'ipvs vproto': 'tcp',
  'ipvs vaddr': '@/8',
  'ipvs vport': '80',
  'ipvs vdir': 'REPLY',
  'ipvs vmethod': 'GATE',
  'mh mh-type': 'binding-update',
  'nfacct nfacct-name': 'x',
  'osf genre': 'Linux',
  'osf ttl': '0',
  'osf log': '1',
  'owner uid-owner': 'root',
  'owner gid-owner': '0-10',
  'physdev physdev-in': 'eth0',
  'physdev physdev-out': 'eth+',
  'srh srh-psid': '@/64',
  'srh srh-nsid': '@',
  'srh srh-lsid': '@/128',
  'time datestart': '2024-01-02T03:04:05',
  'time datestop': '2030-01',
  'time timestart': '10:20',
  'time timestop': '12:30:40',
  'time weekdays': 'Mon,tue,7',
  'time monthdays': '1,2,31',
  'AUDIT type': 'drop',
  'CLASSIFY set-class': '1:ff',
  'CLUSTERIP hashmode': 'sourceip-sourceport',
  'CLUSTERIP clustermac': '01:00:5e:00:00:02',
  'HMARK hmark-tuple': 'ct,src,dport',
  'HMARK hmark-src-prefix': '24',
  'HMARK hmark-mod': '7',
  'IDLETIMER timeout': '9',
  'IDLETIMER label': 'ab',
  'LED led-trigger-id': 'ab',
  'LED led-delay': 'inf',
  'NFLOG nflog-prefix': 'a b',
  'NFQUEUE queue-balance': '1:4',
  'RATEEST rateest-name': 'ab',
  'RATEEST rateest-interval': '250ms',
  'RATEEST rateest-ewmalog': '0.5s',
  'SECMARK selctx': 'a:b',
  'TEE gateway': '@',
  'TEE oif': 'eth0',
  'TPROXY on-ip': '@',
  'TPROXY tproxy-mark': '1/3',
  'ULOG ulog-prefix': 'a b',
  'src-pfx': '@/64',
  'dst-pfx': '@/64',
  'src-type': 'LOCAL,unicast',
  'dst-type': 'BROADCAST',
  comment: 'text',
  'connbytes-dir': 'both',
  'connbytes-mode': 'avgpkt',
  ctstate: 'NEW,SNAT',
  ctstatus: 'SEEN_REPLY',
  ctproto: 'tcp',
  ctorigsrc: '@/9',
  ctorigdst: '@',
  ctreplsrc: '@',
  ctrepldst: '@',
  ctdir: 'REPLY',
  'dccp-types': 'REQUEST,INVALID',
  'dscp-class': 'AF11',
  'hbh-opts': '1:2,3',
  'dst-opts': '1:2,3',
  'hashlimit-upto': '7/min',
  'hashlimit-above': '512kb/s',
  'hashlimit-mode': 'srcip,dstport',
  'hashlimit-name': 'x',
  helper: 'ftp',
  'icmp-type': 'network-unreachable',
  'icmpv6-type': 'no-route',
  'src-range': '@-@',
  'dst-range': '@',
  header: 'hop,esp',
  limit: '7/min',
  'mac-source': '00:11:22:33:44:5f',
  ports: '22,80:90',
  'source-ports': 'ssh,80:90',
  'destination-ports': '22',
  'pkt-type': 'multicast',
  dir: 'in',
  pol: 'ipsec',
  proto: 'esp',
  mode: 'random',
  'tunnel-src': '@/8',
  'tunnel-dst': '@',
  name: 'x',
  mask: '0xff',
  'rt-type': '0',
  'rt-0-addrs': '::1,::2',
  'chunk-types': 'any DATA:Be,INIT',
  state: 'NEW,UNTRACKED',
  probability: '0.25',
  algo: 'kmp',
  string: 'abc',
  'hex-string': 'a|0d 0a|b',
  'tcp-flags': 'SYN,ACK SYN',
  tos: 'Minimize-Delay',
  u32: '0>>22&0x3C@4=1:5,7&&3=4',
  'set-tos': '0x12/0x3f',
  'set-dscp-class': 'EF',
  'to-destination': '@-@:80-90/85',
  'to-source': '@:80',
  'to-ports': '80-90',
  to: '@/24',
  timeout: 'none',
  ctevents: 'new,destroy',
  expevents: 'new',
  zone: 'mark',
  'log-level': 'debug',
  'log-prefix': 'a b',
  'reject-with': 'port-unreach',
  'strip-options': 'mss,19',
};

/** Values that most options refuse, and some that are taken by surprise. */
const VALUES = [
  '', ' ', '0', '1', '00', '07', '08', '0x1f', '0X1F', '0x', '-1', '+1', ' 1', '1 ', '1x', 'x1', '1.5', '1e3', '255', '256',
  '65535', '65536', '2147483648', '4294967295', '4294967296', '18446744073709551615', '18446744073709551616', '!', '-', '/',
  ':', ',', '1:2', '2:1', '1:', ':1', '1:2:3', '1-2', '2-1', '1-', '-2', '1,2', '1,', ',1', '1,,2', '1/2', '1/', '/1', '1/x', '1/2/3',
  'x', 'X', 'any', 'ALL', 'none', 'nosuch', 'nosuch,1', '1,nosuch', 'ssh', 'ssh:http', 'domain', '10.0.0.1', '10.0.0.256', '10.1',
  '10.0.0.1/33', '10.0.0.1/255.0.255.0', '10.0.0.1-10.0.0.2', '10.0.0.1:80', '::1', '::1/129', '[::1]:80', 'fd00::1-fd00::2',
  '1/s', '1/x', '0/s', '5/fortnight', '99999999/s', 'a"b', "it's", 'a\\b', '%s', 'ü', 'x'.repeat(300),
]; // biome-ignore format: a table

const address = (family) => (family === 6 ? 'fd00::5' : '10.0.0.5');
const goodOf = (extension, option, family) => {
  if (option.args === 0) return '';
  const value = GOOD[`${extension.name} ${option.name}`] ?? GOOD[option.name] ?? '3';
  return option.args === 2 ? value : value.replaceAll('@', address(family));
};
const word = (text) => `'${text.replaceAll("'", `'"'"'`)}'`;
const words = (option, value) => (option.args === 2 ? value.split(' ').map(word).join(' ') : word(value));

/** Small changes to a good value. */
function changed(good) {
  const all = [
    `${good}x`,
    `x${good}`,
    `${good},`,
    `,${good}`,
    `${good},${good}`,
    `${good}:`,
    `${good}/`,
    `${good}-`,
    `${good} `,
  ];
  all.push(
    good.toLowerCase(),
    good.toUpperCase(),
    good.slice(0, -1),
    good.slice(1),
    good.slice(0, 1),
    good.slice(0, 2),
    good.slice(0, 3),
  );
  return all;
}

function linesOf(extension, flag, family, say) {
  const { name, options } = extension;
  const [protocol, need, place = 'filter INPUT'] = ROOMS[name] ?? ['', ''];
  const [table, chain] = place.split(' ');
  const at = (t, c) => `${t === 'filter' ? '' : `-t ${t} `}-A ${c}`;
  const head = `${at(table, chain)} ${protocol}`.trimEnd();
  const use = `${flag} ${name}`;
  const full = (option) =>
    `--${option.name}${option.args === 0 ? '' : ` ${words(option, goodOf(extension, option, family))}`}`;
  const others = (...not) => without(need, not);
  const rule = (...texts) => say([head, use, ...texts].filter((t) => t !== '').join(' '));

  rule();
  rule(need);
  rule(need, '--nosuch');
  rule(need, '--nosuch', '5');
  rule(need, 'word');
  rule(need, '!');
  say(`${at(table, chain)} ! ${use} ${need}`);
  for (const option of options) {
    const rest = others(option.name);
    rule(full(option));
    rule(rest, full(option));
    rule(full(option), rest);
    rule(rest, '!', full(option));
    rule(rest, '! !', full(option));
    rule(rest, full(option), full(option));
    rule(rest, `--${option.name}`);
    rule(rest, `--${option.name} -j ACCEPT`);
    rule(rest, `--${option.name} ! ${words(option, goodOf(extension, option, family))}`);
    rule(rest, `--${option.name}=${word(goodOf(extension, option, family))}`);
    rule(rest, `--${option.name}=`);
    for (const alias of option.aliases ?? []) rule(rest, full({ ...option, name: alias }));
    for (let n = 1; n < option.name.length; n++) rule(rest, full({ ...option, name: option.name.slice(0, n) }));
    if (option.args !== 0) {
      for (const value of [...VALUES, ...changed(goodOf(extension, option, family))])
        rule(rest, `--${option.name} ${words(option, value)}`);
      for (const value of ['1', 'x', '']) rule(rest, `! --${option.name} ${words(option, value)}`);
    }
    for (const other of options) {
      if (other === option) continue;
      rule(others(option.name, other.name), full(option), full(other));
      rule(others(option.name, other.name), '!', full(option), '!', full(other));
      rule(full(option), full(other));
    }
  }
  // which of several conflicts is told
  const exclusive = options.filter((option) => option.excludes !== undefined);
  for (const a of exclusive) {
    for (const b of exclusive)
      for (const c of exclusive) if (a.name < b.name && b.name < c.name) rule(full(a), full(b), full(c));
  }
  const all = options.map(full);
  rule(need, ...all);
  for (const p of [
    '',
    '-p tcp',
    '! -p tcp',
    '-p udp',
    '-p icmp',
    '-p sctp',
    '-p 6',
    '-p 17',
    '-p all',
    '-p esp',
    '! -p all',
  ]) {
    say(`${at(table, chain)} ${p} ${use} ${need}`);
    for (const option of options) say(`${at(table, chain)} ${p} ${use} ${others(option.name)} ${full(option)}`);
    say(`${at(table, chain)} ${use} ${need} ${p}`);
  }
  for (const option of options.slice(0, 4)) {
    for (const [t, c] of PLACES) say(`${at(t, c)} ${protocol} ${use} ${others(option.name)} ${full(option)}`);
  }
  for (const [t, c] of PLACES) say(`${at(t, c)} ${protocol} ${use} ${need}`);
}

/** `--a 1 --b 2` without some options. */
function without(text, names) {
  const kept = text
    .split(/ (?=--)/)
    .filter((part) => !names.some((name) => part === `--${name}` || part.startsWith(`--${name} `)));
  return kept.join(' ');
}

const PLACES = [
  'raw PREROUTING',
  'raw OUTPUT',
  'nat PREROUTING',
  'nat INPUT',
  'nat OUTPUT',
  'nat POSTROUTING',
  'mangle FORWARD',
]
  .concat([
    'mangle PREROUTING',
    'mangle INPUT',
    'mangle OUTPUT',
    'mangle POSTROUTING',
    'filter INPUT',
    'filter FORWARD',
    'filter OUTPUT',
  ])
  .map((place) => place.split(' '));

for (const family of [4, 6]) {
  const said = new Set();
  for (const [list, flag] of [
    [MATCHES, '-m'],
    [TARGETS, '-j'],
  ]) {
    for (const extension of list) {
      if (only.length > 0 && !only.includes(extension.name)) continue;
      linesOf(extension, flag, family, (line) => said.add(line.replace(/ +$/, '')));
    }
  }
  for (const line of said) process.stdout.write(`${family}\t${line}\n`);
}
