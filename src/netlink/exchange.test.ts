/** Requests and what may come back: acknowledgements, refusals, ends, messages of others, and bytes that are no messages. */
import { describe, expect, it } from 'vitest';
import { FakeKernel } from '../../test/netlink/fake-kernel.js';
import * as C from './constants.js';
import { errnoName, errnoText, MessageError, NetlinkError } from './error.js';
import { Exchange } from './exchange.js';
import type { Datagrams, NetlinkSocket } from './system.js';
import { MessageWriter } from './writer.js';

/** A message of any type whose bytes behind the header are given. */
function message(type: number, flags: number, sequence: number, ...rest: number[]): Uint8Array {
  const bytes = new Uint8Array(16 + rest.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setInt32(8, sequence, true);
  bytes.set(rest, 16);
  return bytes;
}

const i32 = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
const text = (words: string) => [
  words.length + 5,
  0,
  1,
  0,
  ...Buffer.from(`${words}\0`),
  ...new Array<number>((4 - ((words.length + 1) % 4)) % 4).fill(0),
];
const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

const flow = (sequence: number) => message(0x100, C.NLM_F_MULTI, sequence, 2, 0, 0, 0);
const done = (sequence: number, ...rest: number[]) => message(C.NLMSG_DONE, C.NLM_F_MULTI, sequence, ...rest);

/** A socket that answers with what it is told; a number is an errno, null: nothing is there yet. */
class Script implements NetlinkSocket {
  readonly port = 1;
  waited = 0;
  received = 0;
  private readonly answers: (Uint8Array | number | null)[];
  sendErrno = 0;

  constructor(answers: (Uint8Array | number | null)[]) {
    this.answers = [...answers];
  }

  send(): number {
    return this.sendErrno;
  }
  receive(into: Datagrams): number {
    this.received++;
    const answer = this.answers.shift();
    if (answer === undefined) throw new Error('read on after the end');
    if (answer === null) return 0;
    if (typeof answer === 'number') return -answer;
    into.buffer.bytes.set(answer.subarray(0, into.slotLen));
    into.lengths[0] = answer.length;
    return 1;
  }
  readable(): Promise<void> {
    this.waited++;
    return Promise.resolve();
  }
  join(): number {
    return 0;
  }
  bufferBytes(): number {
    return 0;
  }
  setBufferBytes(): void {}
  drops(): number {
    return 0;
  }
  close(): void {}
}

const request = (w: MessageWriter, flags: number, sequence: number) => {
  w.begin(0x101, flags, sequence, 2).be32(C.CTA_MARK, 1).end();
};

async function dump(...answers: (Uint8Array | number | null)[]): Promise<number[]> {
  const socket = new Script(answers);
  const sizes: number[] = [];
  for await (const batch of new Exchange(new FakeKernel(), socket).dump('list', request, (_b, at) => at))
    sizes.push(batch.length);
  return sizes;
}

const command = (...answers: (Uint8Array | number | null)[]) =>
  new Exchange(new FakeKernel(), new Script(answers)).command('get', request, (_b, at, end) => end - at);

describe('a dump', () => {
  it.each<[string, (Uint8Array | number | null)[], number[]]>([
    ['that ends in a datagram of its own', [join(flow(1), flow(1)), flow(1), done(1, 0, 0, 0, 0)], [2, 1]],
    ['that ends in the last datagram', [join(flow(1), done(1, 0, 0, 0, 0))], [1]],
    ['of nothing', [done(1, 0, 0, 0, 0)], []],
    ['of an old kernel, which ends without a number', [flow(1), done(1)], [1]],
    ['of an old kernel, all in one datagram', [join(flow(1), done(1))], [1]],
    ['that has to be waited for', [null, flow(1), null, done(1)], [1]],
    [
      "among another request's answers",
      [join(flow(9), flow(1)), done(9), message(C.NLMSG_ERROR, 0, 9, ...i32(-1)), done(1)],
      [1],
    ],
    ['with messages that mean nothing', [join(message(C.NLMSG_NOOP, 0, 1), flow(1)), done(1)], [1]],
  ])('%s is read to its end', async (_what, answers, sizes) => {
    expect(await dump(...answers)).toEqual(sizes);
  });

  it.each<[string, (Uint8Array | number | null)[], RegExp]>([
    ['by an error', [message(C.NLMSG_ERROR, 0, 1, ...i32(-16))], /^cannot list: Device or resource busy$/],
    ['by an error at its end', [flow(1), done(1, ...i32(-12))], /^cannot list: Cannot allocate memory$/],
    [
      'by an error at its end with words',
      [message(C.NLMSG_DONE, C.NLM_F_ACK_TLVS, 1, ...i32(-12), ...text('too many'))],
      /^cannot list: Cannot allocate memory \(too many\)$/,
    ],
    ['by the socket', [flow(1), 105], /^cannot list: No buffer space available$/],
    ['by an overrun', [message(C.NLMSG_OVERRUN, 0, 1)], /^cannot list: No buffer space available$/],
    ['by permission', [message(C.NLMSG_ERROR, 0, 1, ...i32(-1))], /Operation not permitted: this takes CAP_NET_ADMIN/],
  ])('that is refused %s says so', async (_what, answers, words) => {
    await expect(dump(...answers)).rejects.toThrow(words);
    await expect(dump(...answers)).rejects.toBeInstanceOf(NetlinkError);
  });

  it.each<[string, Uint8Array]>([
    ['three bytes', Uint8Array.of(1, 2, 3)],
    ['a length beyond the datagram', join(flow(1), message(0x100, 0, 1).fill(0xff, 0, 3))],
    ['a length of nothing', new Uint8Array(32)],
    ['an error without a number', message(C.NLMSG_ERROR, 0, 1)],
    ['a datagram longer than fits', new Uint8Array(70_000)],
  ])('of %s is a broken message', async (_what, bytes) => {
    await expect(dump(bytes)).rejects.toBeInstanceOf(MessageError);
    await expect(dump(bytes)).rejects.toMatchObject({ errno: 74 });
  });
});

describe('a command', () => {
  it('gives what comes before its acknowledgement', async () => {
    expect(await command(flow(1), message(C.NLMSG_ERROR, 0, 1, ...i32(0)))).toEqual([20]);
    expect(await command(join(flow(1), flow(7), message(C.NLMSG_ERROR, 0, 1, ...i32(0))))).toEqual([20]);
  });

  it("finds the kernel's words behind the quoted request, whole or not", async () => {
    const quoted = [...message(0x101, 5, 1, 2, 0, 0, 0)];
    const whole = message(C.NLMSG_ERROR, C.NLM_F_ACK_TLVS, 1, ...i32(-22), ...quoted, ...text('no such mark'));
    await expect(command(whole)).rejects.toMatchObject({ reason: 'no such mark', errno: 22 });
    const capped = C.NLM_F_ACK_TLVS | C.NLM_F_CAPPED;
    const header = message(C.NLMSG_ERROR, capped, 1, ...i32(-22), ...quoted.slice(0, 16), ...text('no such mark'));
    await expect(command(header)).rejects.toMatchObject({ reason: 'no such mark' });
    const offsetOnly = message(C.NLMSG_ERROR, capped, 1, ...i32(-22), ...quoted.slice(0, 16), 8, 0, 2, 0, 1, 0, 0, 0);
    await expect(command(offsetOnly)).rejects.toMatchObject({ reason: '', errno: 22 });
    const cut = message(C.NLMSG_ERROR, capped, 1, ...i32(-22), 1, 2, 3);
    await expect(command(cut)).rejects.toMatchObject({ reason: '', errno: 22 });
  });

  it('that cannot be sent says so', async () => {
    const socket = new Script([]);
    socket.sendErrno = 90;
    const sent = new Exchange(new FakeKernel(), socket).command('get', request);
    await expect(sent).rejects.toThrow('cannot get: Message too long');
    expect(socket.received).toBe(0);
  });
});

describe('errors', () => {
  it('have names and words where they are known', () => {
    expect([errnoName(2), errnoText(2), errnoName(999), errnoText(999)]).toEqual([
      'ENOENT',
      'No such file or directory',
      '999',
      'error 999',
    ]);
  });
});

describe('a message that was written', () => {
  it('has its header in the places where it is read', () => {
    const w = new MessageWriter(8).begin(0x801, 0x305, -2, 10, 0x1234).u8(1, 5).text(2, 'ab').end();
    const hex = Buffer.from(w.bytes.subarray(0, w.length)).toString('hex');
    expect(hex).toBe('240000000108' + '0503feffffff00000000' + '0a001234' + '0500010005000000' + '0700020061620000');
    expect(w.clear().length).toBe(0);
  });
});
