/** A conversation: a script that sends a packet at a time, so that many can be interleaved. */
import type { Emitted } from '../packets.js';
import type { Random } from '../random.js';
import type { Side } from '../scenario.js';
import type { World } from './world.js';

/** Who speaks: the client or the server. */
export type Who = 'c' | 's';

/** Sides of client and server. */
export type Sides = 'aa' | 'ab' | 'ba' | 'ar' | 'br' | 'ra' | 'rb' | 'rr';

/** Makes a conversation. */
export type FlowMaker = new (world: World, sides: Sides) => Flow;

const INVALID_MARK = 4;

/** What all conversations have. */
export abstract class Flow {
  /** The IP protocol whose ports tell where NAT has put it; 0: none. */
  readonly protocol: number = 0;
  protected readonly world: World;
  protected readonly random: Random;
  protected readonly clientSide: Side;
  protected readonly serverSide: Side;
  protected readonly client: string;
  protected readonly server: string;
  protected readonly clientPort: number;
  protected readonly serverPort: number;
  /** Addresses and ports as the server's side sees them. */
  protected view: { src: string; sport: number; dst: string; dport: number };
  /** A packet of the client was seen on the server's side. */
  protected isKnown: boolean;
  private running: Iterator<void> | null = null;

  constructor(world: World, sides: Sides) {
    this.world = world;
    this.random = world.random;
    this.clientSide = sides[0] as Side;
    this.serverSide = sides[1] as Side;
    this.client = world.address(this.clientSide, this.serverSide);
    [this.server, this.serverPort] = world.server(this.serverSide, this.clientSide, -1);
    this.clientPort = world.newPort();
    this.view = { src: this.client, sport: this.clientPort, dst: this.server, dport: this.serverPort };
    this.isKnown = false;
  }

  /** The packets, one each time it yields. */
  protected abstract script(): Generator<void>;

  /** Sends the next packet; false = it is over. */
  step(): boolean {
    this.running ??= this.script();
    return this.running.next().done !== true;
  }

  /** Source, destination and their ports for a packet of one of the two. */
  protected ends(who: Who): readonly [string, string, number, number] {
    if (who === 'c') return [this.client, this.server, this.clientPort, this.serverPort];
    return [this.view.dst, this.view.src, this.view.dport, this.view.sport];
  }

  protected sideOf(who: Who): Side {
    return who === 'c' ? this.clientSide : this.serverSide;
  }

  /** Sends a packet of one of the two; behind NAT the server is silent until it has heard the client. */
  protected emit(who: Who, packet: Buffer): void {
    if (who === 's' && this.world.options.hasNat && !this.isKnown) return;
    if (this.sideOf(who) === 'r' && this.world.options.hasAnswers) return;
    const out = this.world.send(this.sideOf(who), packet);
    if (who === 'c') this.learn(out);
  }

  /** A packet of an IP protocol with the right addresses. */
  protected emitIp(who: Who, protocol: number, payload: Buffer): void {
    const [src, dst] = this.ends(who);
    this.emit(who, this.world.ip(src, dst, protocol, payload));
  }

  private learn(out: readonly Emitted[]): void {
    for (const p of out) {
      // what is INVALID passes untranslated
      if (this.world.options.hasNat && p.tos >> 5 === INVALID_MARK) continue;
      if (p.side !== this.serverSide || p.protocol !== this.protocol || p.sport < 0) continue;
      this.view = { src: p.src, sport: p.sport, dst: p.dst, dport: p.dport };
      this.isKnown = true;
    }
  }

  protected get isNat(): boolean {
    return this.world.options.hasNat;
  }
}
