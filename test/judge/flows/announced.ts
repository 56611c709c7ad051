/** IRC, TFTP, SANE and Amanda: what announces connections, the connections, and what only looks like an announcement. */
import { ACK, addressBytes, PSH, RST, u16 } from '../packets.js';
import { Flow } from './flow.js';
import { mutated, perhaps } from './mutate.js';
import { Datagrams, Talk, words } from './talk.js';

const WRONG = 0.3;

/** Messages with DCC, and the connections of those who got them. */
export class IrcFlow extends Flow {
  protected *script(): Generator<void> {
    const { random: r, world } = this;
    const talk = new Talk(world, {
      ...{ client: this.client, clientPort: this.clientPort, server: this.server, serverPort: 6667 },
      sides: [this.clientSide, this.serverSide],
    });
    yield* talk.open();
    yield* talk.say('s', ':server 001 alice :Welcome\r\n');
    for (let left = r.range(1, 8); left > 0; left--) {
      const who = r.chance(0.9) ? 'c' : 's';
      const told = r.chance(0.85) ? this.client : r.pick([this.server, talk.ends.s.peer, '10.9.9.9']);
      const address = addressBytes(told).readUInt32BE(0);
      const port = r.chance(0.9) ? world.newPort() : r.pick([0, 80, 65535]);
      const verb = r.pick([
        'SEND file.txt',
        'CHAT chat',
        'MOVE file',
        'TSEND x',
        'SCHAT chat',
        'XXXX y',
        'SEND "a b"',
        'CHAT',
      ]);
      const size = verb.includes('SEND') ? ' 1000' : '';
      const start = r.pick(['PRIVMSG bob', 'privmsg #x', ' PRIVMSG b', '\r\nPRIVMSG b', 'NOTICE bob']);
      yield* talk.say(who, perhaps(`${start} :\x01DCC ${verb} ${address} ${port}${size}\x01\r\n`, r, WRONG));
      const seen = /DCC \S+ .*?(\d+) +(\d+)/s.exec(talk.text('s'));
      if (seen === null || who === 's' || r.chance(0.4)) continue;
      const number = Number(seen[1]) >>> 0;
      const server = [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.');
      if (!world.hasOwner(server)) continue;
      const meeting = { server, serverPort: Number(seen[2]) & 0xffff, clientPort: world.newPort() };
      const client = world.address(this.serverSide, this.clientSide);
      yield* new Talk(world, { client, ...meeting, sides: [this.serverSide, this.clientSide] }).brief();
    }
    const end = r.pick(['close', 'close', 'reset', 'none']);
    if (end === 'close') yield* talk.close('c');
    if (end === 'reset') yield talk.put('c', RST | ACK);
  }
}

/** Transfers both ways, and requests that nobody answers. */
export class TftpFlow extends Flow {
  protected *script(): Generator<void> {
    const { random: r, world } = this;
    const sides = [this.clientSide, this.serverSide] as const;
    const meeting = { client: this.client, clientPort: this.clientPort, server: this.server, serverPort: 69 };
    const ask = new Datagrams(world, { ...meeting, sides });
    for (let left = r.range(1, 4); left > 0; left--) {
      const request = Buffer.concat([u16(r.pick([1, 1, 2, 2, 3, 5, 0, 257])), Buffer.from('file\0octet\0', 'latin1')]);
      yield ask.say('c', r.chance(0.9) ? request : request.subarray(0, r.range(0, 3)));
      const { own, peer, peerPort } = ask.ends.s;
      const answer = new Datagrams(world, {
        ...{ client: own, clientPort: r.chance(0.9) ? world.newPort() : 69, server: peer },
        ...{ serverPort: r.chance(0.95) ? peerPort : peerPort ^ 1, sides: [this.serverSide, this.clientSide] },
      });
      for (let block = 0; block < r.range(0, 4); block++) {
        yield answer.say('c', Buffer.concat([u16(3, block), Buffer.alloc(r.pick([0, 100, 512]), 'd')]));
        if (r.chance(0.8)) yield answer.say('s', u16(4, block));
      }
    }
  }
}

/** A scanner's connection, and the one that has the picture. */
export class SaneFlow extends Flow {
  protected *script(): Generator<void> {
    const { random: r, world } = this;
    const sides = [this.clientSide, this.serverSide] as const;
    const talk = new Talk(world, {
      ...{ client: this.client, clientPort: this.clientPort, server: this.server, serverPort: 6566, sides },
    });
    yield* talk.open();
    for (let left = r.range(1, 6); left > 0; left--) {
      const request = words(r.pick([7, 7, 7, 6, 0, 0x07000000]), 1);
      yield* talk.say('c', r.chance(0.9) ? request : Buffer.concat([request, Buffer.from('x')]));
      if (r.chance(0.1)) yield* talk.say('c', 'abc');
      const port = r.chance(0.9) ? world.newPort() : r.pick([0, 22]);
      const answer = Buffer.concat([
        words(r.chance(0.9) ? 0 : 3),
        u16(r.chance(0.93) ? 0 : 1, port),
        Buffer.from('more'),
      ]);
      yield* talk.say('s', answer.subarray(0, r.pick([12, 12, 12, 8, 7, 4])));
      if (port === 0 || r.chance(0.4)) continue;
      const meeting = { client: this.client, clientPort: world.newPort(), server: this.server, serverPort: port };
      yield* new Talk(world, { ...meeting, sides }).brief();
    }
    if (r.chance(0.5)) yield* talk.close('c');
  }
}

/** A backup's request, its answers with ports, and the streams. */
export class AmandaFlow extends Flow {
  protected *script(): Generator<void> {
    const { random: r, world } = this;
    const sides = [this.clientSide, this.serverSide] as const;
    const meeting = { client: this.client, server: this.server, sides };
    const talk = new Datagrams(world, { ...meeting, clientPort: this.clientPort, serverPort: 10080 });
    yield talk.say('c', 'Amanda 2.6 REQ HANDLE 000-1 SEQ 1\nSECURITY USER amanda\nSERVICE sendbackup\n');
    for (let left = r.range(1, 4); left > 0; left--) {
      const names = r.sample(['DATA', 'MESG', 'INDEX', 'STATE', 'OTHER'], r.range(1, 5));
      const list = names.map((name) => `${name} ${r.chance(0.9) ? world.newPort() : r.pick([0, 7, 123456])}`).join(' ');
      const text = `Amanda 2.6 REP HANDLE 000-1 SEQ 1\nCONNECT ${list}\nOPTIONS auth=bsd;\n`;
      yield talk.say(r.chance(0.95) ? 's' : 'c', perhaps(text, r, WRONG));
      for (const [, port] of talk.text('c').matchAll(/[A-Z]+ (\d+)/g)) {
        const serverPort = Number(port) & 0xffff;
        if (serverPort === 0 || r.chance(0.5)) continue;
        yield* new Talk(world, { ...meeting, clientPort: world.newPort(), serverPort }).brief();
      }
    }
  }
}

/** Bytes that no helper should mind, on a port that has one. */
export class NoiseFlow extends Flow {
  protected *script(): Generator<void> {
    const { random: r, world } = this;
    const port = r.pick([21, 1723, 6566, 6667, 5060]);
    const talk = new Talk(world, {
      ...{ client: this.client, clientPort: this.clientPort, server: this.server, serverPort: port },
      sides: [this.clientSide, this.serverSide],
    });
    yield* talk.open();
    for (let left = r.range(1, 5); left > 0; left--) {
      const who = r.pick(['c', 's'] as const);
      yield talk.put(who, ACK | PSH, Buffer.from(mutated('PORT 10,1,0,2,160,40\r\n227 (10,2,0,2,1,2)\n', r), 'latin1'));
    }
  }
}
