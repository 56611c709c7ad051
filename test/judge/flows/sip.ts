/** SIP over UDP and TCP: registrations, calls with their media, answers of every kind, texts with something wrong. */
import { isIP } from 'node:net';
import { UDP, udpDatagram } from '../packets.js';
import type { Random } from '../random.js';
import { Flow, type Who } from './flow.js';
import { perhaps } from './mutate.js';
import { Datagrams, Talk } from './talk.js';

const PORT = 5060;
const WRONG = 0.12;

interface Message {
  start: string;
  method: string;
  cseq: number;
  /** Whose message it is. */
  own: string;
  port: number;
  /** Address in Via. */
  via: string;
  body?: string;
  expires?: number | null;
  contact?: string | null;
}

/** One phone and its server. */
export class SipFlow extends Flow {
  private readonly overTcp = this.random.chance(0.3);
  /** Behind one address only one phone can have the usual port without the kernel drawing another. */
  private readonly ownPort = this.random.chance(this.isNat ? 0.08 : 0.6) ? PORT : this.clientPort;
  private readonly pair: Talk | Datagrams;
  private cseq = 1;
  private media: Record<Who, number> = { c: 0, s: 0 };
  /** Where each end was told that the other one takes media: address and port. */
  private target: Record<Who, readonly [string, number] | null> = { c: null, s: null };

  constructor(...args: ConstructorParameters<typeof Flow>) {
    super(...args);
    const meeting = {
      ...{ client: this.client, clientPort: this.overTcp ? this.clientPort : this.ownPort },
      ...{ server: this.server, serverPort: PORT, sides: [this.clientSide, this.serverSide] as const },
    };
    this.pair = this.overTcp ? new Talk(this.world, meeting) : new Datagrams(this.world, meeting);
  }

  protected *script(): Generator<void> {
    const { random: r, pair } = this;
    if (pair instanceof Talk) yield* pair.open();
    for (let left = r.range(1, 5); left > 0; left--) {
      const k = r.real();
      if (k < 0.35) yield* this.register();
      else if (k < 0.85) yield* this.call();
      else if (k < 0.92)
        yield* this.send(
          r.pick(['c', 's']),
          r.pick(['\r\n\r\n', 'OPTIONS x SIP/2.0\r\n\r\n', 'SIP/2.0 200 OK\r\n\r\n', 'x']),
        );
      else
        yield* this.request('c', r.pick(['BYE', 'CANCEL', 'OPTIONS', 'UPDATE', 'PRACK', 'ACK', 'INFO']), r.chance(0.3));
    }
    if (pair instanceof Talk && r.chance(0.5)) yield* pair.close('c');
  }

  private *send(who: Who, text: string): Generator<void> {
    const { random: r, pair } = this;
    const shown = perhaps(text, r, WRONG);
    if (pair instanceof Datagrams) {
      yield pair.say(who, shown);
      return;
    }
    if (!r.chance(0.1) || shown.length < 2) {
      yield* pair.say(who, r.chance(0.1) ? shown + text : shown);
      return;
    }
    const at = r.range(1, shown.length);
    yield* pair.say(who, shown.slice(0, at));
    yield* pair.say(who, shown.slice(at));
  }

  private text(m: Message): string {
    const r = this.random;
    const transport = this.overTcp ? 'TCP' : 'UDP';
    const host = (a: string): string => (a.includes(':') ? `[${a}]` : a);
    const isShort = r.chance(0.15);
    const name = (long: string, short: string): string => (isShort ? short : long);
    const body = m.body ?? '';
    const lines = [
      m.start,
      `${name('Via', 'v')}: SIP/2.0/${transport} ${host(m.via)}:${m.port};branch=z9hG4bK1${this.viaExtra(m, host)}`,
      'Max-Forwards: 70',
      `${name('From', 'f')}: <sip:alice@${host(this.client)}>;tag=1`,
      `${name('To', 't')}: <sip:bob@${host(this.server)}>`,
      `${name('Call-ID', 'i')}: abc${this.clientPort}@x`,
      `CSeq: ${m.cseq} ${m.method}`,
    ];
    if (m.contact !== null && m.contact !== undefined) lines.push(`${name('Contact', 'm')}: ${m.contact}`);
    if (m.expires !== null && m.expires !== undefined) lines.push(`Expires: ${m.expires}`);
    if (body !== '') lines.push('Content-Type: application/sdp');
    lines.push(`${name('Content-Length', 'l')}: ${body.length}`);
    return `${lines.join('\r\n')}\r\n\r\n${body}`;
  }

  private viaExtra(m: Message, host: (a: string) => string): string {
    const r = this.random;
    if (!r.chance(0.2)) return '';
    return r.pick([';rport', `;rport=${m.port}`, `;received=${host(m.own)}`, `;maddr=${host(m.own)}`]);
  }

  private contact(who: Who, r: Random): string {
    const { own } = this.pair.ends[who];
    const host = own.includes(':') ? `[${own}]` : own;
    const port = who === 'c' ? this.ownPort : PORT;
    const extra = r.pick([
      '',
      '',
      '',
      ';expires=120',
      ';expires=0',
      ';q=0.7',
      ';transport=tcp',
      ';transport=udp',
      '?x=y',
    ]);
    return r.pick([
      `<sip:alice@${host}:${port}>${extra}`,
      `<sip:alice@${host}:${port}${extra}>`,
      `<sip:alice@${host}>`,
      `sip:alice@${host}:${port}`,
      '*',
    ]);
  }

  /** The address in the last Via that the server heard. */
  private heardVia(): string {
    const text = this.pair.text('s');
    return /(?:Via|v): \S+ \[?([\d.a-f:]*\d)\]?:\d/.exec(text)?.[1] ?? this.client;
  }

  private *register(): Generator<void> {
    const { random: r } = this;
    const cseq = this.cseq++;
    const contact = this.contact('c', r);
    const uri = `sip:${this.server.includes(':') ? `[${this.server}]` : this.server}`;
    const about = { own: this.client, port: this.ownPort, via: this.client, method: 'REGISTER', cseq };
    const expires = r.pick([3600, 600, 60, 0, null]);
    yield* this.send('c', this.text({ ...about, start: `REGISTER ${uri} SIP/2.0`, contact, expires }));
    const heard = /(?:Contact|m): (.*)/.exec(this.pair.text('s'))?.[1]?.trim() ?? contact;
    const start = r.pick(['200 OK', '200 OK', '200 OK', '100 Trying', '401 Unauthorized', '302 Moved']);
    const told = r.chance(0.8) ? heard : r.pick([`<sip:x@10.7.7.7:5060>, ${heard}`, '*', null]);
    const answer = {
      ...about,
      via: this.heardVia(),
      own: this.server,
      contact: told,
      expires: r.pick([300, 60, 0, null]),
    };
    if (r.chance(0.9)) yield* this.send('s', this.text({ ...answer, start: `SIP/2.0 ${start}` }));
    if (r.chance(0.5)) yield* this.called();
  }

  /** Somebody calls the phone where it has registered. */
  private *called(): Generator<void> {
    const { random: r, world } = this;
    const { own, peer, peerPort } = this.pair.ends.s;
    if (this.overTcp) {
      const meeting = { client: own, clientPort: world.newPort(), server: peer, serverPort: this.ownPort };
      yield* new Talk(world, { ...meeting, sides: [this.serverSide, this.clientSide] }).brief();
      return;
    }
    const meeting = {
      client: own,
      clientPort: world.newPort(),
      server: peer,
      serverPort: r.chance(0.7) ? peerPort : this.ownPort,
    };
    const calls = new Datagrams(world, { ...meeting, sides: [this.serverSide, this.clientSide] });
    const about = { own, port: meeting.clientPort, via: own, method: 'INVITE', cseq: this.cseq++ };
    const body = this.sdp(own, world.newPort() & ~1);
    yield calls.say(
      'c',
      this.text({ ...about, start: `INVITE sip:alice@${peer} SIP/2.0`, body, contact: `<sip:bob@${own}:${PORT}>` }),
    );
    const answer = this.sdp(calls.ends.s.own, world.newPort() & ~1);
    yield calls.say('s', this.text({ ...about, start: 'SIP/2.0 200 OK', body: answer }));
  }

  private sdp(own: string, port: number): string {
    const r = this.random;
    const version = own.includes(':') ? 'IP6' : 'IP4';
    const common = r.chance(0.85) ? `c=IN ${version} ${own}\r\n` : '';
    const streams = r.pick([
      ['audio'],
      ['audio'],
      ['audio'],
      ['audio', 'video'],
      ['audio', 'video', 'image', 'application'],
      [],
    ]);
    const lines = streams.map((kind, i) => {
      const each = r.chance(0.8) ? port + 2 * i : r.pick([0, 9, port, port + 1]);
      const address = r.chance(common === '' ? 0.9 : 0.15)
        ? `c=IN ${version} ${r.chance(0.9) ? own : '10.9.9.9'}\r\n`
        : '';
      return `m=${kind} ${each} RTP/AVP 0\r\n${address}a=sendrecv\r\n`;
    });
    return `v=0\r\no=alice 1 1 IN ${version} ${own}\r\ns=-\r\n${common}t=0 0\r\n${lines.join('')}`;
  }

  private *request(who: Who, method: string, hasBody: boolean): Generator<void> {
    const { own, peer } = this.pair.ends[who];
    const about = { own, port: who === 'c' ? this.ownPort : PORT, via: own, method, cseq: this.cseq };
    const body = hasBody ? this.sdp(own, this.world.newPort() & ~1) : '';
    yield* this.send(who, this.text({ ...about, start: `${method} sip:bob@${peer} SIP/2.0`, body }));
  }

  private *call(): Generator<void> {
    const { random: r, world, pair } = this;
    const cseq = ++this.cseq;
    const caller = r.chance(0.85) ? 'c' : 's';
    const callee = caller === 'c' ? 's' : 'c';
    const via = pair.ends[caller].own;
    const about = { port: caller === 'c' ? this.ownPort : PORT, method: 'INVITE', cseq };
    this.media = { c: world.newPort() & ~1, s: world.newPort() & ~1 };
    const invite = {
      ...about,
      own: via,
      via,
      contact: this.contact(caller, r),
      body: this.sdp(via, this.media[caller]),
    };
    yield* this.send(caller, this.text({ ...invite, start: `INVITE sip:bob@${pair.ends[caller].peer} SIP/2.0` }));
    this.hear(callee);
    const answers = r.pick([
      ['200 OK'],
      ['100 Trying', '180 Ringing', '200 OK'],
      ['183 Progress', '200 OK'],
      ['486 Busy Here'],
      ['500 Error', '200 OK'],
      [],
    ]);
    for (const answer of answers) {
      const own = pair.ends[callee].own;
      const hasBody = answer.startsWith('200') || answer.startsWith('183');
      const heard = caller === 'c' ? this.heardVia() : via;
      const body = hasBody ? this.sdp(own, this.media[callee]) : '';
      yield* this.send(callee, this.text({ ...about, own, via: heard, start: `SIP/2.0 ${answer}`, body }));
      if (hasBody) this.hear(caller);
    }
    if (r.chance(0.7)) yield* this.request(caller, 'ACK', r.chance(0.1));
    yield* this.streams();
    if (r.chance(0.6)) yield* this.request(r.pick(['c', 's']), 'BYE', false);
    if (r.chance(0.3)) yield* this.streams();
  }

  private hear(who: Who): void {
    const text = this.pair.text(who);
    const address = /c=IN IP[46] (\S+)/.exec(text)?.[1];
    const port = Number(/m=audio (\d+)/.exec(text)?.[1]);
    const isSame = address !== undefined && isIP(address) === isIP(this.client) && this.world.hasOwner(address);
    this.target[who] = isSame && port > 0 && port < 65_535 ? [address, port] : null;
  }

  private *streams(): Generator<void> {
    const { random: r, world, pair } = this;
    for (let left = r.range(0, 5); left > 0; left--) {
      const who = r.pick(['c', 's'] as const);
      const target = this.target[who];
      if (target === null) continue;
      const { own } = pair.ends[who];
      const isControl = r.chance(0.3) ? 1 : 0;
      const from = r.chance(0.85) ? this.media[who] + isControl : world.newPort();
      const datagram = udpDatagram(own, target[0], from, target[1] + isControl, Buffer.alloc(20, 'rtp'));
      yield void world.send(this.sideOf(who), world.ip(own, target[0], UDP, datagram));
    }
  }
}
