/** What a kernel sent, recorded by test/netlink/record.mjs, against what conntrack(8) said of it; and messages that are broken. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatExpectationLine } from '../flow/expectation.js';
import { formatFlowLine } from '../flow/line.js';
import { newRecord, PROTO_TCP, plainTuple } from '../flow/record.js';
import * as C from './constants.js';
import { type DecodeOptions, FlowDecoder } from './decode-flow.js';
import { MessageError } from './error.js';
import { ExpectationDecoder } from './expectation.js';
import { LabelNames } from './labels.js';
import { align4, MessageBuffer, messageEnd, messageType } from './message.js';
import { decodeStatistics, decodeTotals } from './statistics.js';
import { decodePolicy } from './timeout-policies.js';
import { MessageWriter } from './writer.js';

interface Recorded {
  answers: { name: string; nowSeconds: number; datagrams: string[]; text: string[] }[];
  events: string[];
}

const recorded = JSON.parse(
  readFileSync(new URL('../../test/netlink/recorded.json', import.meta.url), 'utf8'),
) as Recorded;

function answer(name: string): Recorded['answers'][number] {
  const found = recorded.answers.find((a) => a.name === name);
  if (found === undefined) throw new Error(`nothing recorded of ${name}`);
  return found;
}

/** Reads every message but the end of a dump. */
function readAll<T>(datagrams: readonly string[], read: (buffer: MessageBuffer, at: number, end: number) => T): T[] {
  const all: T[] = [];
  for (const hex of datagrams) {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    const buffer = MessageBuffer.of(bytes);
    for (let at = 0; at < bytes.length; ) {
      const end = messageEnd(buffer, at, bytes.length);
      if (messageType(buffer, at) !== C.NLMSG_DONE) all.push(read(buffer, at, end));
      at = align4(end);
    }
  }
  return all;
}

const flows = (name: string, options: DecodeOptions = {}) => {
  const decoder = new FlowDecoder(options);
  decoder.nowSeconds = answer(name).nowSeconds;
  return readAll(answer(name).datagrams, (buffer, at, end) => decoder.decode(buffer, at, end));
};

describe('recorded answers', () => {
  it.each([
    ['connections of IPv4', 8],
    ['connections of IPv6', 2],
  ])('%s print as conntrack -L printed them', (name, count) => {
    const lines = flows(name).map((r) => formatFlowLine(r, { extended: true, id: true, ktimestamp: true }));
    expect(lines).toEqual(answer(name).text);
    expect(lines.length).toBe(count);
  });

  it('expectations print as conntrack -L expect printed them', () => {
    const decoder = new ExpectationDecoder();
    const read = (buffer: MessageBuffer, at: number, end: number) => decoder.decode(buffer, at, end);
    expect(readAll(answer('expectations').datagrams, read).map((e) => formatExpectationLine(e))).toEqual(
      answer('expectations').text,
    );
  });

  it('statistics are those of conntrack -S, in its order', () => {
    const all = readAll(answer('statistics').datagrams, (b, at, end) => decodeStatistics(b, at, end, 'conntrack'));
    const lines = all.map((s) => `cpu=${s.cpu}   \t${s.counts.map(([name, count]) => `${name}=${count} `).join('')}`);
    expect(lines.map((line) => line.trimEnd())).toEqual(answer('statistics').text.map((line) => line.trimEnd()));
  });

  it('statistics of expectations have their three counters', () => {
    const { datagrams } = answer('statistics of expectations');
    const [first] = readAll(datagrams, (b, at, end) => decodeStatistics(b, at, end, 'expect'));
    expect(first?.counts.map(([name]) => name)).toEqual(['expect_new', 'expect_create', 'expect_delete']);
  });

  it('a timeout policy has the timeout that was set and the defaults of the others', () => {
    const [policy] = readAll(answer('timeout policies').datagrams, decodePolicy);
    expect(policy).toMatchObject({ name: 'slow', family: 2, protocol: PROTO_TCP, use: 1 });
    expect(policy?.timeouts).toMatchObject({ established: 77, syn_sent: 120, unack: 300 });
  });

  it('labels are numbers, or names where there are some', () => {
    const labels = LabelNames.parse('# a comment\n3 seen\n127 last\n');
    const of = (options: DecodeOptions) =>
      flows('connections of IPv4', options).find((r) => r.helper === 'ftp')?.labels;
    expect(of({})).toEqual(['3', '64', '127']);
    expect(of({ labelNames: labels })).toEqual(['seen', '64', 'last']);
  });

  it('tags, zones of one direction and marks beyond 2^31 are there', () => {
    const all = flows('connections of IPv4');
    // the recorder wrote 1 and 0xfffffffe in the order of the wire; conntrack(8) reads them in the machine's
    expect(all.find((r) => r.protocol === 132)?.vtags).toEqual({ original: 0x1000000, reply: 0xfeffffff });
    expect(all.find((r) => r.protocol === 17)).toMatchObject({ zoneOriginal: 3, zoneReply: 0 });
    expect(flows('connections of IPv6').find((r) => r.protocol === 17)).toMatchObject({
      zoneOriginal: 9,
      zoneReply: 9,
      mark: 0xffffffff,
    });
  });

  it('details are there only where they are asked for', () => {
    const isNat = (r: { reply: { destination: string } }) => r.reply.destination === '198.51.100.7';
    expect(flows('connections of IPv4').find(isNat)).not.toHaveProperty('details');
    const record = flows('connections of IPv4', { details: true }).find(isNat);
    expect(record?.details).toEqual({
      tcp: { scaleOriginal: 7, scaleReply: 9, flagsOriginal: 0x2b, flagsReply: 0x23 },
      dccp: null,
      adjustOriginal: { correctionPosition: 4_000_000_000, offsetBefore: -5, offsetAfter: 12 },
      adjustReply: { correctionPosition: 0, offsetBefore: 0, offsetAfter: 0 },
      synproxy: { isn: 3_000_000_000, its: 1, timestampOffset: -2 },
      master: { protocol: PROTO_TCP, tuple: flows('connections of IPv4').find((r) => r.helper === 'ftp')?.original },
    });
  });

  it('expectations have a number and the protocol of their master where details are asked for', () => {
    const decoder = new ExpectationDecoder({ details: true });
    const [e] = readAll(answer('expectations').datagrams, (b, at, end) => decoder.decode(b, at, end));
    expect(e?.details).toMatchObject({ masterProtocol: 6, nat: null });
    expect(e?.details?.id).toBeGreaterThan(0);
  });
});

describe('what a kernel may send besides', () => {
  const message = (write: (w: MessageWriter) => void, family = 2): MessageBuffer => {
    const w = new MessageWriter().begin(C.SUBSYS_CONNTRACK << 8, 0, 0, family);
    write(w);
    w.end();
    return MessageBuffer.of(w.bytes.subarray(0, w.length));
  };
  const decode = (buffer: MessageBuffer, options: DecodeOptions = {}) => {
    const decoder = new FlowDecoder(options);
    decoder.nowSeconds = 2_000_000_000;
    return { record: decoder.decode(buffer, 0, buffer.bytes.length), decoder };
  };

  it('a message without attributes is a connection of which nothing is known', () => {
    expect(decode(message(() => {})).record).toEqual(
      newRecord(2, 0, plainTuple('0.0.0.0', '0.0.0.0'), plainTuple('0.0.0.0', '0.0.0.0')),
    );
    expect(decode(message(() => {}, 10)).record.original.source).toBe('::');
  });

  it('unknown attributes are passed over, at every depth', () => {
    const { record } = decode(
      message((w) => {
        w.raw(200, Uint8Array.of(1, 2, 3))
          .be32(C.CTA_MARK, 5)
          .raw(0, new Uint8Array(0));
        const tuple = w.open(C.CTA_TUPLE_ORIG);
        w.be32(77, 1);
        const ip = w.open(C.CTA_TUPLE_IP);
        w.be32(99, 1)
          .raw(C.CTA_IP_V4_SRC, Uint8Array.of(192, 0, 2, 1))
          .close(ip);
        w.close(tuple);
        const info = w.open(C.CTA_PROTOINFO);
        w.be32(9, 9).close(info);
      }),
    );
    expect(record).toMatchObject({ mark: 5, state: null, original: { source: '192.0.2.1', destination: '0.0.0.0' } });
  });

  it('the flags in the type of an attribute do not matter', () => {
    const { record } = decode(message((w) => w.be32(C.CTA_MARK | 0x4000, 5).be32(C.CTA_ID | 0x8000, 6)));
    expect(record).toMatchObject({ mark: 5, id: 6 });
  });

  it('a security context and a helper are texts up to the first zero', () => {
    const { record } = decode(
      message((w) => {
        const secctx = w.open(C.CTA_SECCTX);
        w.text(C.CTA_SECCTX_NAME, 'system_u:object_r:x_t:s0').close(secctx);
        const help = w.open(C.CTA_HELP);
        w.raw(C.CTA_HELP_NAME, Uint8Array.of(0x66, 0x74, 0x70)).close(help);
      }),
    );
    expect(record).toMatchObject({ secctx: 'system_u:object_r:x_t:s0', helper: 'ftp' });
  });

  it('counters need both directions', () => {
    const one = (w: MessageWriter, type: number) => {
      const nest = w.open(type);
      w.be64(C.CTA_COUNTERS_PACKETS, 2n ** 32n)
        .be64(C.CTA_COUNTERS_BYTES, 2n ** 53n)
        .close(nest);
    };
    expect(decode(message((w) => one(w, C.CTA_COUNTERS_ORIG))).record.counters).toBeNull();
    const both = message((w) => {
      one(w, C.CTA_COUNTERS_ORIG);
      one(w, C.CTA_COUNTERS_REPLY);
    });
    const counters = { packets: 2 ** 32, bytes: 2 ** 53 };
    expect(decode(both).record.counters).toEqual({ original: counters, reply: counters });
  });

  it.each([
    ['runs, to now', 1_999_999_990_999_999_999n, null, 10],
    ['runs, at the last nanosecond of a second', 1_999_999_999_999_999_999n, null, 1],
    ['has ended, to its end', 1_500_000_000_900_000_000n, 1_500_000_002_800_000_000n, 1],
  ])('the age of a connection that %s is whole seconds', (_what, start, stop, age) => {
    const { record } = decode(
      message((w) => {
        const nest = w.open(C.CTA_TIMESTAMP);
        w.be64(C.CTA_TIMESTAMP_START, start);
        if (stop !== null) w.be64(C.CTA_TIMESTAMP_STOP, stop);
        w.close(nest);
      }),
    );
    expect(record).toMatchObject({ startNs: start, stopNs: stop, ageSeconds: age });
  });

  it('the time of an event is told beside the record, and only of its own message', () => {
    const stamped = message((w) => w.be64(C.CTA_TIMESTAMP_EVENT, 1_795_000_000_123_456_789n));
    const { decoder } = decode(stamped);
    expect(decoder.eventNs).toBe(1_795_000_000_123_456_789n);
    decoder.decode(
      message(() => {}),
      0,
      20,
    );
    expect(decoder.eventNs).toBeNull();
  });

  it('DCCP of older kernels has its state among the details', () => {
    const dccp = message((w) => {
      const outer = w.open(C.CTA_PROTOINFO);
      const nest = w.open(C.CTA_PROTOINFO_DCCP);
      w.u8(C.CTA_PROTOINFO_DCCP_STATE, 4).u8(C.CTA_PROTOINFO_DCCP_ROLE, 1);
      w.be64(C.CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ, 5n).close(nest).close(outer);
    });
    expect(decode(dccp, { details: true }).record.details?.dccp).toEqual({ state: 4, role: 1, handshakeSequence: 5n });
    expect(decode(dccp).record.state).toBeNull();
  });

  it('a message behind another one is held to its own length', () => {
    const short = [16, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const buffer = MessageBuffer.of(Uint8Array.from([...short, ...short, 0, 0, 0, 0]));
    expect(() => new FlowDecoder().decode(buffer, 16, 36)).toThrow(
      /length 16 is less than a header of netfilter at byte 16/,
    );
  });

  it('totals are unsigned, and a policy is read in any order of its attributes', () => {
    const totals = message((w) => w.be32(99, 1).be32(2, 0xffffffff).be32(1, 0x80000000));
    expect(decodeTotals(totals, 0, totals.bytes.length)).toEqual({ count: 0x80000000, limit: 0xffffffff });
    const reversed = message((w) => {
      w.be32(C.CTA_TIMEOUT_USE, 0xffffffff);
      const data = w.open(C.CTA_TIMEOUT_DATA);
      w.be32(77, 1).be32(2, 0xffffffff).close(data);
      w.u8(C.CTA_TIMEOUT_L4PROTO, 17).be16(C.CTA_TIMEOUT_L3PROTO, 10).text(C.CTA_TIMEOUT_NAME, 'slow');
    });
    expect(decodePolicy(reversed, 0, reversed.bytes.length)).toEqual({
      name: 'slow',
      family: 10,
      protocol: 17,
      timeouts: { replied: 0xffffffff },
      use: 0xffffffff,
    });
  });

  it.each([
    ['a message shorter than its header', [20, 0, 0, 0], /4 bytes, less than a header at byte 0/],
    ['a length less than a header', [8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], /length 8 is less than a header/],
    [
      'a length beyond what is there',
      [24, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0],
      /length 24, but 20/,
    ],
    ['no header of netfilter', [16, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], /less than a header of netfilter/],
  ])('%s is refused', (_what, bytes, message) => {
    expect(() => decode(MessageBuffer.of(Uint8Array.from(bytes)))).toThrow(message);
    expect(() => decode(MessageBuffer.of(Uint8Array.from(bytes)))).toThrow(MessageError);
  });

  it.each([
    ['an attribute of length 0', [0, 0, 8, 0], /attribute of length 0 where 4 bytes are left at byte 20/],
    ['an attribute of length 3', [3, 0, 8, 0], /attribute of length 3/],
    ['an attribute longer than the message', [8, 0, 8, 0], /attribute of length 8 where 4/],
    ['a mark of two bytes', [6, 0, 8, 0, 1, 2, 0, 0], /payload of 2 bytes, expected 4/],
    ['a nest whose inside is longer', [12, 0, 1, 128, 12, 0, 1, 128, 0, 0, 0, 0], /attribute of length 12 where 8/],
    [
      'an address of three bytes',
      [16, 0, 1, 128, 12, 0, 1, 128, 7, 0, 1, 0, 1, 2, 3, 0],
      /payload of 3 bytes, expected 4/,
    ],
  ])('%s is refused', (_what, attributes, message) => {
    const header = [20 + attributes.length, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0];
    const buffer = MessageBuffer.of(Uint8Array.from([...header, ...attributes]));
    expect(() => decode(buffer)).toThrow(message);
    expect(() => decode(buffer)).toThrow(MessageError);
  });
});
