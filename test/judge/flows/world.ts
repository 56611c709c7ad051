/**
 * What conversations talk through while a scenario is made: the simulated host, so that answers go to where NAT has put the question,
 * and ICMP errors quote what came out. The steps are kept; what the simulated host says here decides only which packets are made.
 */
import { Host } from '../../../src/host/host.js';
import { loadRules } from '../../../src/iptables/restore.js';
import { LINKTYPE_RAW } from '../../../src/wire/parse.js';
import { addressBytes, type Emitted, Identification, type IpFields, ip, readEmitted } from '../packets.js';
import type { Random } from '../random.js';
import type { Side, Step } from '../scenario.js';
import { hasPolicies, hostConfig, type Sysctls } from '../world.js';

/** What the conversations of one scenario share. */
export interface WorldOptions {
  rules4: string;
  rules6: string;
  sysctls: Sysctls;
  isIpv6: boolean;
  /** The client speaks first, and the server answers to where it saw the question come from. */
  hasNat: boolean;
  /** The router answers by itself what is delivered to it: nothing is made for it. */
  hasAnswers: boolean;
  /** Addresses and ports (-1: any) that clients talk to, instead of those of the other side. */
  servers: readonly (readonly [string, number])[];
}

const PORTS = [80, 443, 22, 25, 8080, 53, 5000];
const LOOPBACK4 = ['127.0.0.1', '127.0.0.1', '127.0.0.5', '10.1.0.1', '10.2.0.1'];
const LOOPBACK6 = ['::1', '::1', 'fd00:1::1', 'fd00:2::1'];
const EMIT_DELIVERED = 1;
const ON_LINK4 = ['0a0100', '0a0200'].map((text) => Buffer.from(text, 'hex'));
const ON_LINK6 = ['fd00000100000000', 'fd00000200000000'].map((text) => Buffer.from(text, 'hex'));
/** What goes onto the wire at once. */
const MTU = 1500;
/** Numbers drawn: different modulo the sizes of all small ranges. */
const DRAWS = [0, 1, 50];
/** Room for a scenario, and not for 262,144 connections: worlds are made anew for each. */
const SMALL_TABLE: Sysctls = { 'net.netfilter.nf_conntrack_max': 8192 };
/** Packets that ICMP errors may quote. */
const REMEMBERED = 40;

/** The world of one scenario. */
export class World {
  readonly steps: Step[] = [];
  /** The last packets that came out on each side. */
  readonly came: Record<'a' | 'b', Emitted[]> = { a: [], b: [] };
  readonly random: Random;
  readonly options: WorldOptions;
  private readonly hosts: readonly Host[];
  private readonly ids: Identification;
  private out: Emitted[] = [];
  /** What left on lo and has not arrived yet. */
  private looped: Uint8Array[] = [];
  private attempts = 0;
  /** Attempts to send of which something drawn at random showed. */
  readonly drawn: number[] = [];
  /** Steps before the first of them. */
  cleanSteps = 0;
  private port: number;
  private timeMs = 1_760_000_000_000;
  private waitMs = 0;

  /** @param skipped attempts to send that are left out */
  constructor(
    random: Random,
    options: WorldOptions,
    private readonly skipped: ReadonlySet<number> = new Set(),
  ) {
    this.random = random;
    this.options = options;
    this.port = random.range(20_000, 30_000);
    this.ids = new Identification(random.range(1, 60_000));
    this.hosts = (options.hasNat ? DRAWS : [0]).map((drawn) => this.host(drawn));
  }

  /** A simulated host which always draws the same number; those with different ones tell what was drawn. */
  private host(drawn: number): Host {
    const { options } = this;
    const host = new Host(hostConfig({ ...SMALL_TABLE, ...options.sysctls }, hasPolicies(options)), {
      answers: options.hasAnswers,
    });
    host.random = () => drawn;
    host.load(loadRules(options.rules4, 'rules.v4', 2));
    host.load(loadRules(options.rules6, 'rules.v6', 10));
    host.onEmit = (bytes, start, end, dev, kind) => {
      if (dev === host.interfaceIndex('lo') && kind !== EMIT_DELIVERED) {
        this.looped.push(bytes.slice(start, end));
        return;
      }
      const side = kind === EMIT_DELIVERED ? 'r' : dev === host.interfaceIndex('r0') ? 'a' : 'b';
      const read = readEmitted(Buffer.from(bytes.subarray(start, end)), side);
      if (read !== null) this.out.push(read);
    };
    return host;
  }

  /** An address on a side; for the router itself the one that `peer` sees. */
  address(side: Side, peer: Side): string {
    const r = this.random;
    const six = this.options.isIpv6;
    if (side === 'r' && peer === 'r') return r.pick(six ? LOOPBACK6 : LOOPBACK4);
    if (side === 'r') return `${six ? 'fd00:' : '10.'}${peer === 'b' ? 2 : 1}${six ? '::1' : '.0.1'}`;
    const n = side === 'a' ? 1 : 2;
    if (r.chance(0.5)) return six ? `fd00:${n}::${r.range(2, 6)}` : `10.${n}.0.${r.range(2, 6)}`;
    return six ? `fd00:${n}${n}:${r.range(0, 3)}::${r.range(1, 9)}` : `10.${n}${n}.${r.range(0, 3)}.${r.range(1, 9)}`;
  }

  /** Address and port of a server on a side. */
  server(side: Side, peer: Side, port: number): readonly [string, number] {
    const { servers } = this.options;
    const wanted = port > 0 ? port : this.random.pick(PORTS);
    if (side !== 'r' && servers.length > 0) {
      const [address, own] = this.random.pick(servers);
      return [address, own > 0 ? own : wanted];
    }
    return [this.address(side, peer), wanted];
  }

  /** Whether somebody has an address: on the router's links only its neighbours answer for theirs. */
  hasOwner(address: string): boolean {
    const bytes = addressBytes(address);
    const six = bytes.length === 16;
    const isOnLink = (six ? ON_LINK6 : ON_LINK4).some((link) => bytes.subarray(0, link.length).equals(link));
    const rest = bytes.subarray(six ? 8 : 3);
    return !isOnLink || (rest.subarray(0, -1).every((byte) => byte === 0) && rest.at(-1)! >= 1 && rest.at(-1)! <= 9);
  }

  newPort(): number {
    this.port = this.port >= 60_000 ? 20_000 : this.port + 1;
    return this.port;
  }

  /** A packet with the next identification. */
  ip(src: string, dst: string, protocol: number, payload: Buffer, fields: IpFields = {}): Buffer {
    return ip(src, dst, protocol, payload, { id: this.ids.next(), ...fields });
  }

  /** Time passes before the next packet. */
  pause(ms: number): void {
    this.waitMs += ms;
  }

  private through(host: Host, side: Side, packet: Buffer): Emitted[] {
    this.out = [];
    host.advance(this.timeMs);
    const bytes = Uint8Array.from(packet);
    if (side === 'r') host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, 0);
    else {
      const dev = host.interfaceIndex(side === 'a' ? 'r0' : 'r1');
      host.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, dev);
    }
    for (let left = this.looped.shift(); left !== undefined; left = this.looped.shift())
      host.receive(left, 0, left.length, left.length, LINKTYPE_RAW, host.interfaceIndex('lo'));
    return this.out;
  }

  /** A packet on its way; returns what came out because of it. */
  send(side: Side, packet: Buffer): readonly Emitted[] {
    if (packet.length > MTU || (side === 'r' && (this.options.hasAnswers || !isSendable(packet)))) return [];
    this.attempts++;
    if (this.skipped.has(this.attempts)) return [];
    this.steps.push({ waitMs: this.waitMs, side, packet });
    this.timeMs += this.waitMs + 0.05;
    this.waitMs = 0;
    const outs = this.hosts.map((host) => this.through(host, side, packet));
    if (outs.some((out) => isOther(out, outs[0]!))) this.drawn.push(this.attempts);
    if (this.drawn.length === 0) this.cleanSteps = this.steps.length;
    this.out = outs[0]!;
    for (const emitted of this.out) {
      if (emitted.side === 'r') continue;
      const list = this.came[emitted.side];
      list.push(emitted);
      if (list.length > REMEMBERED) list.shift();
    }
    return this.out;
  }
}

/** Whether two hosts sent different packets, but for identifications that they count. */
function isOther(out: readonly Emitted[], first: readonly Emitted[]): boolean {
  const isSame = (p: Emitted, i: number): boolean => {
    const q = first[i];
    return q !== undefined && p.src === q.src && p.dst === q.dst && p.body.equals(q.body);
  };
  return out.length !== first.length || !out.every(isSame);
}

/** Whether a raw socket sends these bytes as they are. */
function isSendable(packet: Buffer): boolean {
  if (packet.length < 20 || packet.length > MTU) return false;
  return packet[0]! >> 4 !== 4 || (packet.readUInt16BE(6) & 0x3fff) === 0;
}
