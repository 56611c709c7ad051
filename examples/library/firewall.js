// A host with a ruleset, five packets, and what became of them. From a clone: npm ci && npm run build, then
//   node examples/library/firewall.js
import {
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  formatEventLine,
  formatFlowLine,
  Host,
  LINKTYPE_RAW,
  loadRules,
  printRuleset,
  VERDICT_ACCEPT,
  VERDICT_DROP,
} from 'statewall/engine';

const STATES = { [CT_NEW]: 'NEW', [CT_ESTABLISHED]: 'ESTABLISHED', [CT_INVALID]: 'INVALID' };
const VERDICTS = { [VERDICT_ACCEPT]: 'ACCEPT', [VERDICT_DROP]: 'DROP' };

const RULES = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;

/** IPv4 packets between 198.51.100.7 and this host, in hexadecimal. */
const PACKETS = [
  ['SYN to port 80', '450000280001000040068e8ac6336407c000020ac3500050000003e8000000005002fffffc140000'],
  ['SYN+ACK from port 80', '450000280002000040068e89c000020ac63364070050c35000001388000003e95012ffffe87b0000'],
  ['ACK to port 80', '450000280003000040068e88c6336407c000020ac3500050000003e9000013895010ffffe87c0000'],
  ['FIN+PSH+URG to port 80', '450000280005000040068e86c6336407c000020ac351005000000001000000005029ffffffd30000'],
  ['SYN to port 23', '450000280006000040068e85c6336407c000020ac352001700000001000000005002ffff00330000'],
];

const host = new Host({
  interfaces: [{ name: 'eth0', addresses: ['192.0.2.10/24'] }],
  routes: [{ to: 'default', via: '192.0.2.1', dev: 'eth0' }],
  sysctl: { 'net.netfilter.nf_conntrack_acct': 1 },
});
const ruleset = loadRules(RULES, 'rules', 2);
host.load(ruleset);
host.listen();

const eth0 = host.interfaceIndex('eth0');
let timeMs = Date.UTC(2026, 0, 1);
for (const [name, hex] of PACKETS) {
  const bytes = Uint8Array.from(hex.match(/../g), (byte) => Number.parseInt(byte, 16));
  const fromUs = hex.slice(24, 32) === 'c000020a';
  timeMs += 10;
  host.advance(timeMs);
  if (fromUs) host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
  else host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, eth0);
  const { verdict, state, rule } = host.result;
  const decision = host.decision(rule);
  const by = decision === null ? '-' : `${decision.chain} ${decision.number ?? 'policy'}`;
  const why = host.reasonText();
  console.log(`${name.padEnd(24)}${STATES[state].padEnd(12)}${VERDICTS[verdict].padEnd(8)}${by}${why && `: ${why}`}`);
}

console.log('\nconnections');
for (const flow of host.flows()) console.log(formatFlowLine(flow));

console.log('\nevents');
for (let event = host.nextEvent(); event !== null; event = host.nextEvent()) console.log(formatEventLine(event));

host.engine.exportCounters(ruleset);
console.log(`\nrules and their counters\n${printRuleset(ruleset, { counters: true })}`);
