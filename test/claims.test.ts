/**
 * What articles about stateful iptables rules claim and what they advise, each as a conversation of a few packets: the state and
 * verdict of every packet, as Linux gives them. Where an article is wrong, the row has what Linux does and says so. The same on
 * recorded traffic: docs/try-it.md.
 */
import { describe, expect, it } from 'vitest';
import {
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  CT_NONE,
  CT_RELATED,
  CT_UNTRACKED,
  formatFlowLine,
  Host,
  type HostConfig,
  LINKTYPE_RAW,
  loadRules,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REJECT,
} from '../src/engine.js';
import { parseTable } from '../src/flow/table.js';
import { fillTransportChecksum } from '../src/wire/checksum.js';
import { Packet } from '../src/wire/packet.js';
import { parseNetwork } from '../src/wire/parse.js';
import { ip4, icmp as message, u16, u32 } from './support/wire-frames.js';

const STATES: Record<number, string> = {
  [CT_NEW]: 'NEW',
  [CT_ESTABLISHED]: 'ESTABLISHED',
  [CT_RELATED]: 'RELATED',
  [CT_INVALID]: 'INVALID',
  [CT_UNTRACKED]: 'UNTRACKED',
  [CT_NONE]: 'NONE',
};
const VERDICTS: Record<number, string> = {
  [VERDICT_ACCEPT]: 'ACCEPT',
  [VERDICT_DROP]: 'DROP',
  [VERDICT_REJECT]: 'REJECT',
};
const FLAGS: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, '.': 16, U: 32 };
const START_MS = Date.UTC(2026, 0, 1);

const ME = '192.168.43.104';
const PEER = '192.168.43.77';
const STRANGER = '203.0.113.66';

interface Segment {
  seq?: number;
  ack?: number;
  data?: number;
}

/** A host with one interface, rules as a list of commands or a saved ruleset, and packets to and from it. */
class Conversation {
  readonly host: Host;
  readonly log: string[] = [];
  readonly emitted: Uint8Array[] = [];
  nowMs = START_MS;

  constructor(rules: string, more: HostConfig = {}) {
    this.host = new Host({
      interfaces: [{ name: 'eth0', addresses: [`${ME}/24`, '192.168.1.1/24'] }],
      routes: [{ to: 'default', via: PEER, dev: 'eth0' }],
      ...more,
    });
    this.host.load(loadRules(rules, 'rules', 2));
    this.host.onLog = (line) => this.log.push(line);
    this.host.onEmit = (bytes, start, end, _out, _kind, hostMade) => {
      if (hostMade) this.emitted.push(bytes.slice(start, end));
    };
    this.host.advance(this.nowMs);
  }

  /** A segment, as `S`, `S.`, `P.`: its state and verdict. `from` may carry a port: 192.0.2.1:80. */
  tcp(from: string, to: string, flags: string, { seq = 1000, ack = 0, data = 0 }: Segment = {}): string {
    let bits = 0;
    for (const flag of flags === '0' ? '' : flags) bits |= FLAGS[flag]!;
    const [source, sport] = ends(from);
    const [destination, dport] = ends(to);
    const header = [...u16(sport), ...u16(dport), ...u32(seq), ...u32(ack), 0x50, bits, ...u16(8192), 0, 0, 0, 0];
    return this.pass(ip4(6, [...header, ...Array<number>(data).fill(65)], { source, destination }));
  }

  /** A handshake; the states of its three packets. */
  handshake(from: string, to: string, seq = 1000): string[] {
    return [
      this.tcp(from, to, 'S', { seq }),
      this.tcp(to, from, 'S.', { seq: 5000, ack: seq + 1 }),
      this.tcp(from, to, '.', { seq: seq + 1, ack: 5001 }),
    ];
  }

  udp(from: string, to: string): string {
    const [source, sport] = ends(from);
    const [destination, dport] = ends(to);
    return this.pass(ip4(17, [...u16(sport), ...u16(dport), ...u16(12), 0, 0, 1, 2, 3, 4], { source, destination }));
  }

  ping(source: string, destination: string, type = 8, id = 7): string {
    return this.pass(ip4(1, message(type, 0, [...u16(id), 0, 1], [1, 2, 3, 4]), { source, destination }));
  }

  /** Destination unreachable about a packet of ours: `from:port` to `to:port`. */
  unreachable(router: string, from: string, to: string, protocol = 6): string {
    const [source, sport] = ends(from);
    const [destination, dport] = ends(to);
    const quoted = ip4(protocol, [...u16(sport), ...u16(dport), 0, 0, 0, 0], { source, destination });
    return this.pass(ip4(1, message(3, 3, [0, 0, 0, 0], quoted), { source: router, destination: source }));
  }

  wait(seconds: number): void {
    this.nowMs += seconds * 1000;
    this.host.advance(this.nowMs);
  }

  table(): string[] {
    return [...this.host.flows()].map((flow) => formatFlowLine(flow, { extended: true }));
  }

  private pass(packet: number[]): string {
    const bytes = Uint8Array.from(packet);
    const p = new Packet();
    parseNetwork(p, bytes, 0, bytes.length);
    if (p.protocol !== 1) fillTransportChecksum(p);
    const { host } = this;
    this.nowMs += 10;
    host.advance(this.nowMs);
    const own = packet.slice(12, 16).join('.');
    if (own === ME || own === '192.168.1.1') host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
    else host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex('eth0'));
    return `${STATES[host.result.state]} ${VERDICTS[host.result.verdict]}`;
  }
}

function ends(text: string): [string, number] {
  const [address, port] = text.split(':');
  return [address!, Number(port ?? 0)];
}

const NO_RULES = '*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n';

describe('states', () => {
  it('NEW is the first packet; from the second on it is ESTABLISHED, in both directions', () => {
    const c = new Conversation(NO_RULES);
    expect(c.handshake(`${PEER}:4000`, `${ME}:22`)).toEqual(['NEW ACCEPT', 'ESTABLISHED ACCEPT', 'ESTABLISHED ACCEPT']);
    expect(c.tcp(`${PEER}:4000`, `${ME}:22`, 'P.', { seq: 1001, ack: 5001, data: 10 })).toBe('ESTABLISHED ACCEPT');
  });

  it('a repeated first packet is NEW again: there has been no answer', () => {
    const c = new Conversation(NO_RULES);
    expect(c.tcp(`${PEER}:4000`, `${ME}:22`, 'S')).toBe('NEW ACCEPT');
    expect(c.tcp(`${PEER}:4000`, `${ME}:22`, 'S')).toBe('NEW ACCEPT');
  });

  it('a packet of ours is NEW in OUTPUT, its answer ESTABLISHED', () => {
    const c = new Conversation(NO_RULES);
    expect(c.handshake(`${ME}:4000`, `${PEER}:80`)).toEqual(['NEW ACCEPT', 'ESTABLISHED ACCEPT', 'ESTABLISHED ACCEPT']);
  });

  it('UDP and ICMP have states as well, though they have no connections', () => {
    const c = new Conversation(NO_RULES);
    expect(c.udp(`${ME}:4000`, `${PEER}:53`)).toBe('NEW ACCEPT');
    expect(c.udp(`${PEER}:53`, `${ME}:4000`)).toBe('ESTABLISHED ACCEPT');
    expect(c.ping(ME, PEER)).toBe('NEW ACCEPT');
    expect(c.ping(PEER, ME, 0)).toBe('ESTABLISHED ACCEPT');
  });

  it('an ICMP error about a packet of ours is RELATED, about one of nobody INVALID', () => {
    const c = new Conversation(NO_RULES);
    c.handshake(`${ME}:4000`, `${PEER}:80`);
    expect(c.unreachable('192.168.43.1', `${ME}:4000`, `${PEER}:80`)).toBe('RELATED ACCEPT');
    expect(c.unreachable('192.168.43.1', `${ME}:4001`, `${PEER}:80`)).toBe('INVALID ACCEPT');
  });

  it('flags that no TCP sends are INVALID', () => {
    const c = new Conversation(NO_RULES);
    for (const flags of ['0', 'FPU', 'SF', 'SR', 'FR']) {
      expect(c.tcp(`${PEER}:4000`, `${ME}:80`, flags)).toBe('INVALID ACCEPT');
      expect(c.host.reasonName(c.host.result.reason)).toBe('tcp-flags');
    }
  });

  it('an answer that nobody asked for is INVALID: no forged answers', () => {
    const c = new Conversation(NO_RULES);
    expect(c.tcp(`${STRANGER}:80`, `${ME}:4000`, 'S.', { ack: 1 })).toBe('INVALID ACCEPT');
    expect(c.tcp(`${STRANGER}:80`, `${ME}:4000`, 'R')).toBe('INVALID ACCEPT');
    expect(c.ping(STRANGER, ME, 0)).toBe('INVALID ACCEPT');
    // a UDP answer that nobody asked for cannot be told from a question
    expect(c.udp(`${STRANGER}:53`, `${ME}:4000`)).toBe('NEW ACCEPT');
  });

  it('a sequence number far outside of the window is INVALID', () => {
    const c = new Conversation(NO_RULES);
    c.handshake(`${PEER}:4000`, `${ME}:22`);
    const wrong = { seq: 900_000, ack: 5001, data: 10 };
    expect(c.tcp(`${PEER}:4000`, `${ME}:22`, 'P.', wrong)).toBe('INVALID ACCEPT');
    expect(c.host.reasonText()).toMatch(/window/);
  });

  it('a connection whose entry timed out: INVALID, articles say; NEW, unless tcp_loose is 0', () => {
    for (const [loose, state] of [
      [1, 'NEW ACCEPT'],
      [0, 'INVALID ACCEPT'],
    ] as const) {
      const c = new Conversation(NO_RULES, {
        sysctl: {
          'net.netfilter.nf_conntrack_tcp_timeout_established': 600,
          'net.netfilter.nf_conntrack_tcp_loose': loose,
        },
      });
      c.handshake(`${PEER}:4000`, `${ME}:22`);
      c.wait(601);
      expect(c.table()).toEqual([]);
      expect(c.tcp(`${PEER}:4000`, `${ME}:22`, 'P.', { seq: 1001, ack: 5001, data: 1 })).toBe(state);
    }
  });
});

const OUTGOING = `iptables -F
iptables -t filter -I INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
iptables -t filter -A INPUT -j REJECT
`;

describe('accept what answers, reject the rest', () => {
  it('lets the host open connections of every kind', () => {
    const c = new Conversation(OUTGOING);
    expect(c.handshake(`${ME}:4000`, `${PEER}:22`)).toEqual(['NEW ACCEPT', 'ESTABLISHED ACCEPT', 'ESTABLISHED ACCEPT']);
    c.udp(`${ME}:4000`, `${PEER}:53`);
    expect(c.udp(`${PEER}:53`, `${ME}:4000`)).toBe('ESTABLISHED ACCEPT');
    c.ping(ME, PEER);
    expect(c.ping(PEER, ME, 0)).toBe('ESTABLISHED ACCEPT');
    c.udp(`${ME}:4001`, `${PEER}:9`);
    expect(c.unreachable(PEER, `${ME}:4001`, `${PEER}:9`, 17)).toBe('RELATED ACCEPT');
    expect(c.emitted).toEqual([]);
  });

  it.each([
    ['TCP', (c: Conversation) => c.tcp(`${PEER}:4000`, `${ME}:22`, 'S')],
    ['TCP from port 22', (c: Conversation) => c.tcp(`${PEER}:22`, `${ME}:4000`, 'S')],
    ['UDP', (c: Conversation) => c.udp(`${PEER}:4000`, `${ME}:53`)],
    ['ping', (c: Conversation) => c.ping(PEER, ME)],
  ])('rejects what others begin with "port unreachable": %s', (_name, send) => {
    const c = new Conversation(OUTGOING);
    expect(send(c)).toBe('NEW REJECT');
    expect(c.emitted.map((bytes) => [bytes[9], bytes[20], bytes[21]])).toEqual([[1, 3, 3]]);
    expect(c.table()).toEqual([]);
  });

  it('matching the SYN instead does nothing about UDP and ICMP', () => {
    const c = new Conversation('iptables -A INPUT -p tcp --tcp-flags SYN,RST,ACK,FIN SYN -j DROP\n');
    expect(c.tcp(`${PEER}:4000`, `${ME}:22`, 'S')).toBe('NEW DROP');
    expect(c.udp(`${PEER}:4000`, `${ME}:53`)).toBe('NEW ACCEPT');
    expect(c.ping(PEER, ME)).toBe('NEW ACCEPT');
  });
});

const TEMPLATE = `#!/bin/bash
# 1. empty all
iptables -F
iptables -X
iptables -t nat -F
iptables -t nat -X

# 2. policies
iptables -P INPUT DROP
iptables -P FORWARD DROP
iptables -P OUTPUT ACCEPT

iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m state --state INVALID -j DROP
iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -m state --state NEW -j ACCEPT   # SSH
iptables -A INPUT -p tcp --dport 80 -m state --state NEW -j ACCEPT   # HTTP
iptables -A INPUT -p tcp --dport 443 -m state --state NEW -j ACCEPT  # HTTPS
iptables -A INPUT -j LOG --log-prefix "DROP: "
iptables -A INPUT -j DROP
`;

const WEB = `iptables -A INPUT -p tcp --dport 80 -m state --state NEW,ESTABLISHED -j ACCEPT
iptables -A INPUT -p tcp --dport 443 -m state --state NEW,ESTABLISHED -j ACCEPT
iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m state --state INVALID -j DROP
iptables -A INPUT -j DROP
`;

const DATABASE = `iptables -A INPUT -p tcp -s 192.168.1.10 --dport 3306 -m state --state NEW,ESTABLISHED -j ACCEPT
iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -p tcp --dport 3306 -m state --state NEW -j DROP
`;

const BOTH_WAYS = `iptables -P INPUT DROP
iptables -P OUTPUT DROP
iptables -A INPUT -d 192.168.43.104 -p tcp -m multiport --dports 22,80 -m state --state NEW,ESTABLISHED -j ACCEPT
iptables -A OUTPUT -s 192.168.43.104 -p tcp -m multiport --sports 22,80 -m state --state ESTABLISHED -j ACCEPT
`;

const SUBNET = `iptables -A INPUT -p tcp --dport 22 -s 192.168.1.0/24 -m state --state NEW -j ACCEPT
iptables -A INPUT -m state --state NEW -j DROP
`;

const ANSWERS_OF_WEB = `iptables -P INPUT DROP
iptables -A INPUT -p tcp --sport 80 -m state --state ESTABLISHED -j ACCEPT
iptables -A INPUT -p icmp -m state --state RELATED -j ACCEPT
`;

describe('rulesets that articles give', () => {
  const syn = (from: string, port: number) => (c: Conversation) => c.tcp(`${from}:4000`, `${ME}:${port}`, 'S');
  const rows: [string, string, (c: Conversation) => string, string][] = [
    ['template: SSH', TEMPLATE, syn(STRANGER, 22), 'NEW ACCEPT'],
    ['template: HTTPS', TEMPLATE, syn(STRANGER, 443), 'NEW ACCEPT'],
    ['template: any other port', TEMPLATE, syn(STRANGER, 3306), 'NEW DROP'],
    ['template: nonsense to an open port', TEMPLATE, (c) => c.tcp(`${STRANGER}:1`, `${ME}:80`, 'FPU'), 'INVALID DROP'],
    ['template: the host may ask', TEMPLATE, (c) => c.udp(`${ME}:4000`, `${PEER}:53`), 'NEW ACCEPT'],
    ['template: 127.0.0.1 from outside', TEMPLATE, (c) => c.tcp('127.0.0.1:4000', '127.0.0.1:9', 'S'), 'NEW DROP'],
    ['web server: port 80', WEB, syn(STRANGER, 80), 'NEW ACCEPT'],
    ['web server: port 25', WEB, syn(STRANGER, 25), 'NEW DROP'],
    ['web server: nonsense', WEB, (c) => c.tcp(`${STRANGER}:1`, `${ME}:80`, 'SF'), 'INVALID DROP'],
    ['database: the web server', DATABASE, syn('192.168.1.10', 3306), 'NEW ACCEPT'],
    ['database: others', DATABASE, syn('192.168.1.11', 3306), 'NEW DROP'],
    ['database: other ports are open, no rule closes them', DATABASE, syn(STRANGER, 22), 'NEW ACCEPT'],
    ['both ways: a client', BOTH_WAYS, syn(STRANGER, 80), 'NEW ACCEPT'],
    ['both ways: the server begins nothing', BOTH_WAYS, (c) => c.tcp(`${ME}:80`, `${PEER}:25`, 'S'), 'NEW DROP'],
    ['subnet: from inside', SUBNET, syn('192.168.1.50', 22), 'NEW ACCEPT'],
    ['subnet: from outside', SUBNET, syn(STRANGER, 22), 'NEW DROP'],
    [
      'answers of web servers: a SYN from port 80',
      ANSWERS_OF_WEB,
      (c) => c.tcp(`${STRANGER}:80`, `${ME}:4000`, 'S'),
      'NEW DROP',
    ],
  ];
  it.each(rows)('%s', (_name, rules, send, outcome) => expect(send(new Conversation(rules))).toBe(outcome));

  it.each([
    ['template', TEMPLATE],
    ['web server', WEB],
    ['both ways', BOTH_WAYS],
  ])('%s: a whole connection to port 80 passes', (_name, rules) => {
    const c = new Conversation(rules);
    expect(c.handshake(`${STRANGER}:4000`, `${ME}:80`)).toEqual([
      'NEW ACCEPT',
      'ESTABLISHED ACCEPT',
      'ESTABLISHED ACCEPT',
    ]);
    expect(c.tcp(`${STRANGER}:4000`, `${ME}:80`, 'P.', { seq: 1001, ack: 5001, data: 5 })).toBe('ESTABLISHED ACCEPT');
    expect(c.tcp(`${ME}:80`, `${STRANGER}:4000`, 'F.', { seq: 5001, ack: 1006 })).toBe('ESTABLISHED ACCEPT');
  });

  it('answers of web servers: what the host asked for', () => {
    const c = new Conversation(ANSWERS_OF_WEB);
    c.tcp(`${ME}:4000`, `${PEER}:80`, 'S');
    expect(c.tcp(`${PEER}:80`, `${ME}:4000`, 'S.', { seq: 5000, ack: 1001 })).toBe('ESTABLISHED ACCEPT');
    expect(c.unreachable('192.168.43.1', `${ME}:4000`, `${PEER}:80`)).toBe('RELATED ACCEPT');
  });

  it('a LOG rule writes a line with its prefix and lets the next rule decide', () => {
    const c = new Conversation(
      'iptables -A INPUT -m state --state INVALID -j LOG --log-prefix "INVALID packet: "\niptables -A INPUT -m state --state INVALID -j DROP\n',
    );
    expect(c.tcp(`${STRANGER}:1`, `${ME}:80`, '0')).toBe('INVALID DROP');
    expect(c.log).toEqual([expect.stringMatching(/^INVALID packet: IN=eth0 OUT= .*SRC=203\.0\.113\.66 .*DPT=80 /)]);
  });

  it('! --state turns it round; one rule may name several states', () => {
    const c = new Conversation('iptables -A INPUT -m state ! --state ESTABLISHED,RELATED -j DROP\n');
    expect(c.tcp(`${STRANGER}:4000`, `${ME}:80`, 'S')).toBe('NEW DROP');
    c.udp(`${ME}:4000`, `${PEER}:53`);
    expect(c.udp(`${PEER}:53`, `${ME}:4000`)).toBe('ESTABLISHED ACCEPT');
  });

  it('passive FTP: the control connection passes; its data needs a helper, and is NEW without', () => {
    const c = new Conversation(`iptables -P INPUT DROP
iptables -A INPUT -d ${ME} -p tcp --dport 21 -m state --state NEW,ESTABLISHED -j ACCEPT
iptables -A INPUT -d ${ME} -p tcp -m state --state RELATED,ESTABLISHED -j ACCEPT
iptables -I OUTPUT -s ${ME} -m state --state ESTABLISHED -j ACCEPT
`);
    expect(c.handshake(`${PEER}:4000`, `${ME}:21`)).toEqual(['NEW ACCEPT', 'ESTABLISHED ACCEPT', 'ESTABLISHED ACCEPT']);
    expect(c.tcp(`${PEER}:4001`, `${ME}:51210`, 'S')).toBe('NEW DROP');
  });
});

describe('guards by recent', () => {
  const SSH = `iptables -A INPUT -p tcp --dport 22 -m state --state NEW -m recent --set
iptables -A INPUT -p tcp --dport 22 -m state --state NEW -m recent --update --seconds 60 --hitcount 4 -j DROP
`;
  const SCAN = `iptables -A INPUT -m state --state NEW -m recent --set
iptables -A INPUT -m state --state NEW -m recent --update --seconds 30 --hitcount 20 -j DROP
`;

  it('three connections in 60 s, the fourth is dropped, each try begins the minute anew', () => {
    const c = new Conversation(SSH);
    const attempt = (port: number, from = STRANGER) => c.tcp(`${from}:${port}`, `${ME}:22`, 'S');
    expect([1, 2, 3, 4, 5].map((n) => attempt(n))).toEqual([
      'NEW ACCEPT',
      'NEW ACCEPT',
      'NEW ACCEPT',
      'NEW DROP',
      'NEW DROP',
    ]);
    expect(attempt(9, PEER)).toBe('NEW ACCEPT'); // addresses are counted one by one
    c.wait(50);
    expect(attempt(6)).toBe('NEW DROP');
    c.wait(61);
    expect(attempt(7)).toBe('NEW ACCEPT');
  });

  it('a scan of many ports is cut off at the twentieth within 30 s', () => {
    const c = new Conversation(SCAN);
    const outcomes = Array.from({ length: 25 }, (_, n) => c.tcp(`${STRANGER}:4000`, `${ME}:${100 + n}`, 'S'));
    expect(outcomes.indexOf('NEW DROP')).toBe(19);
    expect(outcomes.slice(19)).toEqual(Array<string>(6).fill('NEW DROP'));
  });

  it('both at once share the list DEFAULT: a SYN to port 22 counts twice', () => {
    const c = new Conversation(SSH + SCAN);
    const attempt = (port: number) => c.tcp(`${STRANGER}:${port}`, `${ME}:22`, 'S');
    expect([1, 2, 3].map(attempt)).toEqual(['NEW ACCEPT', 'NEW ACCEPT', 'NEW DROP']);
  });
});

describe('the table', () => {
  it('a line: protocol, seconds, state, both directions, [ASSURED]', () => {
    const c = new Conversation(NO_RULES);
    c.handshake('192.168.10.252:59148', `${ME}:22`);
    expect(c.table()).toEqual([
      `ipv4     2 tcp      6 432000 ESTABLISHED src=192.168.10.252 dst=${ME} sport=59148 dport=22 ` +
        `src=${ME} dst=192.168.10.252 sport=22 dport=59148 [ASSURED] mark=0 use=1`,
    ]);
  });

  it('[UNREPLIED] until there is an answer; the seconds run down and begin anew with each packet', () => {
    const c = new Conversation(NO_RULES);
    c.udp(`${ME}:4000`, `${PEER}:53`);
    expect(c.table()[0]).toMatch(/^ipv4 {5}2 udp {6}17 30 .*\[UNREPLIED\]/);
    c.wait(12);
    expect(c.table()[0]).toMatch(/^ipv4 {5}2 udp {6}17 18 /);
    c.udp(`${ME}:4000`, `${PEER}:53`);
    expect(c.table()[0]).toMatch(/^ipv4 {5}2 udp {6}17 30 /);
    c.udp(`${PEER}:53`, `${ME}:4000`);
    expect(c.table()[0]).not.toContain('UNREPLIED');
    c.wait(200);
    expect(c.table()).toEqual([]);
  });

  it.each([
    ['nf_conntrack_tcp_timeout_established', 7200, /tcp {6}6 7200 ESTABLISHED/],
    ['nf_conntrack_tcp_timeout_established', 600, /tcp {6}6 600 ESTABLISHED/],
    ['nf_conntrack_tcp_timeout_established', 300, /tcp {6}6 300 ESTABLISHED/],
  ])('%s = %i shows', (name, value, line) => {
    const c = new Conversation(NO_RULES, { sysctl: { [`net.netfilter.${name}`]: value } });
    c.handshake(`${PEER}:4000`, `${ME}:22`);
    expect(c.table()[0]).toMatch(line);
  });

  it('a connection that is closed leaves the table after its last timeout', () => {
    const c = new Conversation(NO_RULES);
    c.handshake(`${PEER}:4000`, `${ME}:80`);
    c.tcp(`${PEER}:4000`, `${ME}:80`, 'F.', { seq: 1001, ack: 5001 });
    c.tcp(`${ME}:80`, `${PEER}:4000`, 'F.', { seq: 5001, ack: 1002 });
    c.tcp(`${PEER}:4000`, `${ME}:80`, '.', { seq: 1002, ack: 5002 });
    expect(c.table()[0]).toMatch(/ 120 TIME_WAIT /);
    c.wait(121);
    expect(c.table()).toEqual([]);
  });

  it('a full table: unassured entries make room, assured ones stay, and then packets are dropped', () => {
    const c = new Conversation(NO_RULES, { sysctl: { 'net.netfilter.nf_conntrack_max': 3 } });
    c.handshake(`${PEER}:4000`, `${ME}:22`);
    c.handshake(`${PEER}:4001`, `${ME}:22`);
    c.handshake(`${PEER}:4002`, `${ME}:22`);
    expect(c.tcp(`${PEER}:4003`, `${ME}:22`, 'S')).toBe('INVALID DROP');
    expect(c.log).toEqual(['nf_conntrack: nf_conntrack: table full, dropping packet']);
    expect(c.table().filter((line) => line.includes('ASSURED')).length).toBe(3);
    // the connections that are there work on
    expect(c.tcp(`${PEER}:4000`, `${ME}:22`, 'P.', { seq: 1001, ack: 5001, data: 1 })).toBe('ESTABLISHED ACCEPT');
  });

  it('takes the lines that articles show, of older kernels as well', () => {
    const lines = [
      'ipv4     2 tcp      6 299 ESTABLISHED src=192.168.10.252 dst=192.168.10.150 sport=59148 dport=22 src=192.168.10.150 dst=192.168.10.252 sport=22 dport=59148 [ASSURED] mark=0 secctx=system_u:object_r:unlabeled_t:s0 zone=0 use=2',
      'ipv4     2 udp      17 9 src=0.0.0.0 dst=255.255.255.255 sport=68 dport=67 [UNREPLIED] src=255.255.255.255 dst=0.0.0.0 sport=67 dport=68 mark=0 secctx=system_u:object_r:unlabeled_t:s0 zone=0 use=2',
      'tcp      6 431999 ESTABLISHED src=192.168.1.2 dst=1.1.1.1 sport=5432 dport=80 src=1.1.1.1 dst=192.168.1.2 sport=80 dport=5432 [ASSURED] mark=0 use=1',
    ];
    const flows = parseTable(`${lines.join('\n')}\n`, 'table');
    expect(flows.map((flow) => [flow.protocol, flow.timeout])).toEqual([
      [6, 299],
      [17, 9],
      [6, 431999],
    ]);
    const c = new Conversation(NO_RULES);
    for (const flow of flows) expect(c.host.addFlow(flow)).toBe(true);
    expect(c.table()[0]).toContain('ESTABLISHED');
  });
});

describe('NOTRACK', () => {
  const NOTRACK = `iptables -t raw -A PREROUTING -p tcp --dport 80 -j NOTRACK
iptables -t raw -A OUTPUT -p tcp --sport 80 -j NOTRACK
iptables -P INPUT DROP
iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
`;

  it('packets are UNTRACKED, in no table, and no rule about NEW or ESTABLISHED lets them in', () => {
    const c = new Conversation(NOTRACK);
    expect(c.tcp(`${PEER}:4000`, `${ME}:80`, 'S')).toBe('UNTRACKED DROP');
    expect(c.tcp(`${PEER}:4000`, `${ME}:80`, '.', { ack: 1 })).toBe('UNTRACKED DROP');
    expect(c.table()).toEqual([]);
  });

  it('a static rule takes the place of state, for all packets alike', () => {
    const c = new Conversation(`${NOTRACK}iptables -A INPUT -p tcp --dport 80 -j ACCEPT\n`);
    expect(c.handshake(`${PEER}:4000`, `${ME}:80`)).toEqual(Array<string>(3).fill('UNTRACKED ACCEPT'));
    expect(c.tcp(`${PEER}:4000`, `${ME}:80`, 'FPU')).toBe('UNTRACKED ACCEPT');
  });

  it('other ports are tracked as ever', () => {
    const c = new Conversation(NOTRACK);
    expect(c.handshake(`${PEER}:4000`, `${ME}:22`)).toEqual(['NEW ACCEPT', 'ESTABLISHED ACCEPT', 'ESTABLISHED ACCEPT']);
  });

  it('an ICMP error about an untracked packet is INVALID', () => {
    const c = new Conversation(NOTRACK);
    c.tcp(`${ME}:80`, `${PEER}:4000`, 'S.', { ack: 1001 });
    expect(c.unreachable('192.168.43.1', `${ME}:80`, `${PEER}:4000`)).toBe('INVALID DROP');
  });

  it('NAT does not see untracked packets', () => {
    const nat = 'iptables -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080\n';
    const redirected = new Conversation(nat);
    redirected.tcp(`${PEER}:4000`, `${ME}:80`, 'S');
    expect(redirected.table()[0]).toContain(`src=${ME} dst=${PEER} sport=8080 dport=4000`);
    const untracked = new Conversation(`iptables -t raw -A PREROUTING -p tcp --dport 80 -j NOTRACK\n${nat}`);
    expect(untracked.tcp(`${PEER}:4000`, `${ME}:80`, 'S')).toBe('UNTRACKED ACCEPT');
    expect(untracked.table()).toEqual([]);
  });
});
