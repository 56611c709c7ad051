/** FTP control connections, the data connections that they announce, and announcements that are none. */
import { isIP } from 'node:net';
import { ACK, PSH, RST } from '../packets.js';
import { Flow } from './flow.js';
import { perhaps } from './mutate.js';
import { Talk } from './talk.js';

const PORT = 21;
const WRONG = 0.25;

/** One control connection with what comes of it. */
export class FtpFlow extends Flow {
  private readonly talk = new Talk(this.world, {
    ...{ client: this.client, clientPort: this.clientPort, server: this.server, serverPort: PORT },
    sides: [this.clientSide, this.serverSide],
  });
  private data: Talk | null = null;

  protected *script(): Generator<void> {
    const { talk, random: r } = this;
    yield* talk.open();
    yield* talk.say('s', '220 ready\r\n');
    if (r.chance(0.8)) yield* talk.say('c', 'USER anonymous\r\n');
    if (r.chance(0.8)) yield* talk.say('s', '331 password\r\n');
    for (let left = r.range(1, 9); left > 0; left--) yield* this.action(r.real());
    const end = r.pick(['close', 'close', 'reset', 'none']);
    if (end === 'close') yield* talk.close(r.pick(['c', 's']));
    if (end === 'reset') yield talk.put(r.pick(['c', 's']), RST | ACK);
  }

  private *action(k: number): Generator<void> {
    const { talk, random: r } = this;
    if (k < 0.3) yield* this.active();
    else if (k < 0.6) yield* this.passive();
    else if (k < 0.8) {
      if (this.data !== null) yield* this.data.brief();
    } else if (k < 0.86) yield* talk.say('c', r.pick(['NOOP\r\n', 'LIST\r\n', 'RETR x', 'x', '\r\n']));
    else if (k < 0.9) yield* talk.say('s', r.pick(['200 ok\r\n', '150-here\r\n', '226 done', ' x\r\n']));
    else {
      // again, as if it had been lost
      const who = r.pick(['c', 's'] as const);
      const line = Buffer.from(this.announcement(who), 'latin1');
      yield talk.put(who, ACK | PSH, line, { stays: true });
      yield talk.put(who, ACK | PSH, line);
      yield talk.put(who === 'c' ? 's' : 'c', ACK);
    }
  }

  /** A line that announces a port; the client's or the server's. */
  private announcement(who: 'c' | 's'): string {
    const r = this.random;
    const { own } = this.talk.ends[who];
    const told = r.chance(0.85) ? own : r.pick([this.talk.ends[who].peer, this.world.address('a', 'b'), '10.9.9.9']);
    const port = r.chance(0.9) ? this.world.newPort() : r.pick([0, 20, 21, 1023, 65535]);
    const numbers = `${told.includes(':') ? '10,1,0,2' : told.replaceAll('.', ',')},${port >> 8},${port & 255}`;
    const bar = r.pick(['|', '|', '|', '!', ';', 'x']);
    const isExtended = this.client.includes(':') ? r.chance(0.9) : r.chance(0.4);
    if (who === 'c') {
      const number = told.includes(':') ? 2 : 1;
      return isExtended ? `EPRT ${bar}${number}${bar}${told}${bar}${port}${bar}\r\n` : `PORT ${numbers}\r\n`;
    }
    if (isExtended) return `229 Entering Extended Passive Mode (${bar}${bar}${bar}${port}${bar})\r\n`;
    return r.pick([`227 Entering Passive Mode (${numbers}).\r\n`, `227 =${numbers}\r\n`, `227 ${numbers}\r\n`]);
  }

  private *spoken(who: 'c' | 's', line: string): Generator<void> {
    const { talk, random: r } = this;
    if (!r.chance(0.08)) {
      yield* talk.say(who, line);
      return;
    }
    const at = r.range(1, line.length);
    yield* talk.say(who, line.slice(0, at));
    yield* talk.say(who, line.slice(at));
  }

  private *active(): Generator<void> {
    const { talk } = this;
    const before = talk.heard.s.length;
    yield* this.spoken('c', perhaps(this.announcement('c'), this.random, WRONG));
    yield* talk.say('s', '200 ok\r\n');
    if (talk.heard.s.length > before) this.data = this.meet('s', talk.text('s'), 20);
  }

  private *passive(): Generator<void> {
    const { talk } = this;
    const before = talk.heard.c.length;
    yield* talk.say('c', this.random.pick(['PASV\r\n', 'EPSV\r\n', 'NOOP\r\n']));
    yield* this.spoken('s', perhaps(this.announcement('s'), this.random, WRONG));
    if (talk.heard.c.length > before) this.data = this.meet('c', talk.text('c'), this.world.newPort());
  }

  /** The data connection that an end was told of. */
  private meet(who: 'c' | 's', text: string, clientPort: number): Talk | null {
    const { own, peer } = this.talk.ends[who];
    const six = own.includes(':');
    const numbers = /(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)/.exec(text)?.slice(1).map(Number);
    const [, told = '', port = ''] = /[^ (\d]([^|! (]*)[|!;](\d+)[|!;]/.exec(text) ?? [];
    let server = isIP(told) === isIP(own) ? told : peer;
    let serverPort = Number(port);
    if (numbers !== undefined && !six) {
      server = numbers.slice(0, 4).join('.');
      serverPort = numbers[4]! * 256 + numbers[5]!;
    }
    if (!(serverPort > 0 && serverPort < 65_536) || isIP(server) === 0 || !this.world.hasOwner(server)) return null;
    const sides =
      who === 's' ? ([this.serverSide, this.clientSide] as const) : ([this.clientSide, this.serverSide] as const);
    return new Talk(this.world, { client: own, clientPort, server, serverPort, sides });
  }
}
