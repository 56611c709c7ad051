/**
 * Seeded rulesets as iptables-save text, with what a packet must be to fit each rule. All rules stand in FORWARD and end the walk;
 * the last one fits every packet.
 *
 * A rule's wishes: source, destination (unsigned address), sourceBits, destinationBits, protocol, port, inInterface; undefined =
 * anything.
 */
import { seeded } from './traffic.js';

/** Interfaces that rules and packets name, by index from 1. */
export const INTERFACES = ['lo', 'eth0', 'eth1', 'eth2', 'wg0'];
const TCP = 6;
const UDP = 17;

/** By name: what makes `count` rules. */
export const MIXES = {
  'typical mix': typical,
  'diverse prefixes': diverse,
  'port ranges': ranges,
  'nets x nets x ports': grid,
};

/** { text, wishes } */
export function makeRuleset(name, count, seed) {
  const wishes = MIXES[name](count - 1, below(seed));
  wishes.push({});
  const lines = wishes.map(ruleText);
  const head = ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD DROP [0:0]', ':OUTPUT ACCEPT [0:0]'];
  return { text: [...head, ...lines, 'COMMIT', ''].join('\n'), wishes };
}

/** Numbers below n, seeded. */
export function below(seed) {
  const next = seeded(seed);
  return (n) => next() % n;
}

/** Source nets, protocols and ports, interfaces and states, as in a firewall between networks. */
function typical(count, random) {
  const rules = [];
  for (let k = 0; rules.length < count; k++) {
    const protocol = k % 4 === 3 ? UDP : TCP;
    const port = 1024 + random(40_000);
    const source = ((203 << 24) >>> 0) + (random(1 << 24) & ~255);
    const destination = (10 << 24) + (random(1 << 24) & ~15);
    switch (k % 5) {
      case 0:
        rules.push({ protocol, port, isNew: true });
        break;
      case 1:
        rules.push({ source, sourceBits: 24, target: 'DROP' });
        break;
      case 2:
        rules.push({ inInterface: 'eth2', protocol, port, isNew: true });
        break;
      case 3:
        rules.push({ destination, destinationBits: 28, protocol, port });
        break;
      default:
        rules.push({ source, sourceBits: 24, protocol: TCP, ports: `80,443,${port}`, port });
    }
  }
  return rules;
}

/** Prefixes of 8 to 32 bits anywhere, so that they nest. */
function diverse(count, random) {
  return Array.from({ length: count }, () => {
    const sourceBits = 8 + random(25);
    const wish = { source: prefix(random, sourceBits), sourceBits, protocol: TCP };
    if (random(2) === 0) {
      wish.destinationBits = 8 + random(25);
      wish.destination = prefix(random, wish.destinationBits);
    }
    if (random(2) === 0) wish.port = 1 + random(2000);
    return wish;
  });
}

function prefix(random, bits) {
  const value = (random(1 << 16) * 65_536 + random(1 << 16)) >>> 0;
  return Math.floor(value / 2 ** (32 - bits)) * 2 ** (32 - bits);
}

/** Overlapping ranges of ports on one interface. */
function ranges(count, random) {
  return Array.from({ length: count }, () => {
    const port = 1 + random(60_000);
    return { inInterface: 'eth2', protocol: TCP, port, to: port + random(512) };
  });
}

/** No field alone says much: every combination of some source nets, destination nets and ports, shuffled. */
function grid(count, random) {
  const side = Math.ceil(Math.cbrt(count));
  const rules = [];
  for (let k = 0; k < count; k++) {
    rules.push({
      source: (10 << 24) + ((k % side) << 16),
      sourceBits: 16,
      destination: (11 << 24) + ((Math.floor(k / side) % side) << 16),
      destinationBits: 16,
      protocol: TCP,
      port: 1000 + Math.floor(k / side / side),
    });
  }
  for (let k = rules.length - 1; k > 0; k--) {
    const other = random(k + 1);
    [rules[k], rules[other]] = [rules[other], rules[k]];
  }
  return rules;
}

function ruleText(wish) {
  const words = ['-A FORWARD'];
  if (wish.source !== undefined) words.push(`-s ${dotted(wish.source)}/${wish.sourceBits}`);
  if (wish.destination !== undefined) words.push(`-d ${dotted(wish.destination)}/${wish.destinationBits}`);
  if (wish.inInterface !== undefined) words.push(`-i ${wish.inInterface}`);
  if (wish.protocol !== undefined) words.push(`-p ${wish.protocol === TCP ? 'tcp' : 'udp'}`);
  if (wish.isNew) words.push('-m conntrack --ctstate NEW');
  if (wish.ports !== undefined) words.push(`-m multiport --dports ${wish.ports}`);
  else if (wish.port !== undefined) {
    words.push(`-m ${wish.protocol === TCP ? 'tcp' : 'udp'} --dport ${wish.port}${wish.to ? `:${wish.to}` : ''}`);
  }
  words.push(`-j ${wish.target ?? 'ACCEPT'}`);
  return words.join(' ');
}

function dotted(value) {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

/** Bytes of an IPv4 packet that fits a rule's wishes, the rest at random, and the index of its interface. */
export function fitting(wish, random) {
  const protocol = wish.protocol ?? TCP;
  const bytes = new Uint8Array(protocol === UDP ? 28 : 40);
  const view = new DataView(bytes.buffer);
  bytes.set([0x45, 0, 0, bytes.length, 0, 1, 0, 0, 64, protocol]);
  view.setUint32(12, within(wish.source, wish.sourceBits, random));
  view.setUint32(16, within(wish.destination, wish.destinationBits, random));
  view.setUint16(20, 1024 + random(60_000));
  view.setUint16(22, wish.port ?? 1 + random(60_000));
  if (protocol === UDP) view.setUint16(24, 8);
  else view.setUint16(32, 0x5002);
  const inInterface = wish.inInterface ?? INTERFACES[random(INTERFACES.length)];
  return { bytes, inInterface: 1 + INTERFACES.indexOf(inInterface) };
}

/** A packet that no rule but the last fits: of addresses and ports that no mix names. */
export function stray(random) {
  const wish = { source: 172 * 2 ** 24 + (16 << 16), sourceBits: 12, destination: 192 * 2 ** 24, destinationBits: 16 };
  return fitting({ ...wish, protocol: TCP, port: 60_600 + random(4000), inInterface: 'eth1' }, random);
}

function within(value, bits, random) {
  const any = (random(1 << 16) * 65_536 + random(1 << 16)) >>> 0;
  return value === undefined ? any : value + (any % 2 ** (32 - bits));
}
