import { describe, expect, test } from 'vitest';
import {
  CLIENT,
  HelperBench,
  type HelperBenchOptions,
  MASQUERADE,
  OUTSIDE,
  SERVER,
  Talk,
} from '../../test/support/helper-bench.js';
import { type Bytes, ip4, u16, u32 } from '../../test/support/wire-frames.js';
import { RELATE_OK } from '../conntrack/expect.js';
import { CT_NEW, CT_RELATED } from '../wire/packet.js';

import { sip } from './sip.js';
import { sipExpected } from './sip-nat.js';

const SIP = { helper: 'sip', protocol: 'udp', port: 5060 } as const;

const sdp = (address: string, port: number | string, media = 'audio'): string =>
  `v=0\r\no=alice 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=${media} ${port} RTP/AVP 0\r\n`;

interface Parts {
  address?: string;
  cseq?: string;
  contact?: string;
  extra?: string;
  body?: string;
  transport?: string;
}

function text(start: string, method: string, o: Parts = {}): string {
  const { address = CLIENT, cseq = '1', contact = `<sip:alice@${address}:5060>`, extra = '', body = '' } = o;
  const headers = [
    start,
    `Via: SIP/2.0/${o.transport ?? 'UDP'} ${address}:5060;branch=z9hG4bK1`,
    `From: <sip:alice@${address}>;tag=1`,
    `To: <sip:bob@${SERVER}>`,
    `CSeq: ${cseq} ${method}`,
    ...(contact === '' ? [] : [`Contact: ${contact}`]),
    ...(extra === '' ? [] : [extra]),
    `Content-Length: ${body.length}`,
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}
const invite = (o: Parts = {}): string => text('INVITE sip:bob@10.2.0.2 SIP/2.0', 'INVITE', o);
const register = (o: Parts = {}): string =>
  text('REGISTER sip:10.2.0.2 SIP/2.0', 'REGISTER', { extra: 'Expires: 600', ...o });
const answer = (method: string, o: Parts = {}, code = '200 OK'): string => text(`SIP/2.0 ${code}`, method, o);

class Phone {
  readonly bench: HelperBench;
  constructor(o: Partial<HelperBenchOptions> = {}) {
    this.bench = new HelperBench({ ...SIP, ...o });
  }
  /** What the server gets; null: nothing. */
  asks(message: string): string | null {
    return this.bench.udp('client', CLIENT, 5060, SERVER, 5060, message)[0]?.text ?? null;
  }
  /** What the phone gets. */
  hears(message: string, at = CLIENT): string | null {
    return this.bench.udp('server', SERVER, 5060, at, 5060, message)[0]?.text ?? null;
  }
}

const MEDIA = (to: string, from: string, port: number, klass = 1): string[] =>
  [port, port + 1].map((p) => `udp ${from}:* > ${to}:${p} class ${klass} 180s`);

describe('registration', () => {
  const WAITING = (seconds: number): string[] => [`udp 10.2.0.2:* > 10.1.0.2:5060 permanent ${seconds}s`];
  test.each<[string, string, string, string[]]>([
    [
      'the registrar agrees',
      register(),
      answer('REGISTER', { extra: 'Expires: 300' }),
      WAITING(300).map((e) => e.replace(' 300s', '')),
    ],
    [
      'for a time of the contact',
      register(),
      answer('REGISTER', { contact: `<sip:alice@10.1.0.2:5060>;expires=120` }),
      WAITING(120),
    ],
    [
      'among other contacts',
      register(),
      answer('REGISTER', { contact: '<sip:x@10.7.7.7:5060>, <sip:alice@10.1.0.2:5060>;expires=120' }),
      WAITING(120),
    ],
    [
      'it does not know the contact',
      register(),
      answer('REGISTER', { contact: '<sip:x@10.7.7.7:5060>', extra: 'Expires: 300' }),
      [],
    ],
    ['it refuses', register(), answer('REGISTER', {}, '401 Unauthorized'), []],
    [
      'not decided yet',
      register(),
      answer('REGISTER', {}, '100 Trying'),
      ['udp 10.2.0.2:* > 10.1.0.2:5060 permanent inactive 180s'],
    ],
    [
      'an answer to another request',
      register(),
      answer('REGISTER', { cseq: '2' }),
      ['udp 10.2.0.2:* > 10.1.0.2:5060 permanent inactive 180s'],
    ],
    ['for somebody else', register({ contact: '<sip:alice@10.9.9.9:5060>' }), answer('REGISTER'), []],
    ['for no time', register({ extra: 'Expires: 0' }), answer('REGISTER'), []],
    ['by another protocol', register({ contact: '<sip:alice@10.1.0.2:5060>;transport=tcp' }), answer('REGISTER'), []],
    ['on a port below 1024', register({ contact: '<sip:alice@10.1.0.2:1023>' }), answer('REGISTER'), []],
  ])('%s', (_name, request, reply, expected) => {
    const phone = new Phone();
    expect(phone.asks(request)).toBe(request);
    phone.hears(reply);
    expect(phone.bench.expected).toEqual(expected);
  });
  test('calls that come are RELATED, again and again, and have the helper', () => {
    const phone = new Phone();
    phone.asks(register());
    phone.bench.udp('server', SERVER, 7777, CLIENT, 5060, 'too early');
    expect(phone.bench.state).toBe(CT_NEW);
    phone.hears(answer('REGISTER', { extra: 'Expires: 300' }));
    for (const port of [7778, 7779]) {
      phone.bench.udp('server', SERVER, port, CLIENT, 5060, text('OPTIONS sip:alice@10.1.0.2 SIP/2.0', 'OPTIONS'));
      expect(phone.bench.state).toBe(CT_RELATED);
    }
    expect([...phone.bench.host.flows()].map((f) => f.helper)).toEqual(['sip', 'sip', 'sip', 'sip']);
  });
  test('signalling is remembered for an hour', () => {
    const phone = new Phone();
    phone.asks(register());
    expect([...phone.bench.host.flows()].map((f) => f.timeout)).toEqual([3600]);
  });
});

describe('calls', () => {
  test.each<[string, string, string[]]>([
    ['audio: RTP and RTCP', invite({ body: sdp(CLIENT, 30000) }), MEDIA(CLIENT, SERVER, 30000)],
    ['an odd port: the pair that it is of', invite({ body: sdp(CLIENT, 30001) }), MEDIA(CLIENT, SERVER, 30000)],
    ['video', invite({ body: sdp(CLIENT, 30000, 'video') }), MEDIA(CLIENT, SERVER, 30000, 2)],
    ['fax', invite({ body: sdp(CLIENT, 30000, 'image') }), MEDIA(CLIENT, SERVER, 30000, 3)],
    ['another type needs no port', invite({ body: sdp(CLIENT, 30000, 'application') }), []],
    ['an inactive stream', invite({ body: sdp(CLIENT, 0) }), []],
    ['taken elsewhere', invite({ body: sdp('10.9.9.9', 30000) }), []],
    ['no description', invite(), []],
    [
      'a request that says nothing of media',
      text('OPTIONS sip:b@10.2.0.2 SIP/2.0', 'OPTIONS', { body: sdp(CLIENT, 30000) }),
      [],
    ],
    [
      'a stream with an address of its own',
      invite({ body: sdp('10.9.9.9', 30000).replace(/$/, `c=IN IP4 ${CLIENT}\r\n`) }),
      MEDIA(CLIENT, SERVER, 30000),
    ],
  ])('%s', (_name, message, expected) => {
    const phone = new Phone();
    expect(phone.asks(message)).toBe(message);
    expect(phone.bench.expected).toEqual(expected);
  });
  test.each([
    ['a port below 1024', invite({ body: sdp(CLIENT, 1023) })],
    ['a port above 65535', invite({ body: sdp(CLIENT, 65536) })],
    ['no address at all', invite({ body: sdp(CLIENT, 30000).replace(/c=.*\r\n/, '') })],
    ['a CSeq that is no number', invite({ cseq: 'x' })],
    ['a CSeq of more than 32 bits', invite({ cseq: '4294967297' })],
    ['an answer without a code', answer('INVITE', {}, 'abc')],
  ])('dropped: %s', (_name, message) => {
    const phone = new Phone();
    expect(phone.asks(message)).toBe(null);
    expect([phone.bench.reason, phone.bench.expected]).toEqual(['helper-refuses', []]);
  });
  test.each<[string, (phone: Phone) => void]>([
    ['refused', (phone) => phone.hears(answer('INVITE', {}, '486 Busy Here'))],
    ['over', (phone) => phone.asks(text('BYE sip:bob@10.2.0.2 SIP/2.0', 'BYE', { cseq: '2' }))],
    ['anew, without media', (phone) => phone.asks(invite({ cseq: '2' }))],
  ])('%s: nothing is expected any longer but calls', (_name, end) => {
    const phone = new Phone();
    phone.asks(register());
    phone.asks(invite({ body: sdp(CLIENT, 30000) }));
    phone.hears(answer('INVITE', { body: sdp(SERVER, 31000) }));
    expect(phone.bench.expected).toHaveLength(5);
    end(phone);
    expect(phone.bench.expected).toEqual(['udp 10.2.0.2:* > 10.1.0.2:5060 permanent inactive 180s']);
  });
  test('an error about another request ends nothing', () => {
    const phone = new Phone();
    phone.asks(invite({ body: sdp(CLIENT, 30000) }));
    phone.hears(answer('INVITE', { cseq: '9' }, '500 Error'));
    expect(phone.bench.expected).toHaveLength(2);
  });
  test('both ways: each side is expected where it said', () => {
    const phone = new Phone();
    phone.asks(invite({ body: sdp(CLIENT, 30000) }));
    phone.hears(answer('INVITE', { body: sdp(SERVER, 31000) }, '183 Progress'));
    expect(phone.bench.expected).toEqual([...MEDIA(SERVER, CLIENT, 31000), ...MEDIA(CLIENT, SERVER, 30000)].sort());
    phone.bench.udp('client', CLIENT, 30000, SERVER, 31000, 'rtp');
    expect(phone.bench.state).toBe(CT_RELATED);
  });
});

test('what it expects is translated by its own part for NAT', () => {
  expect(sip.expected).toBe(sipExpected);
});

describe('under NAT', () => {
  const told = (message: string): string =>
    message.replaceAll(CLIENT, OUTSIDE).replace(`alice@${OUTSIDE}>`, `alice@${OUTSIDE}:5060>`);
  test('addresses of headers and description become those outside, and back', () => {
    const phone = new Phone({ nat: MASQUERADE });
    const message = invite({ body: sdp(CLIENT, 30000) });
    expect(phone.asks(message)).toBe(told(message));
    expect(phone.bench.expected).toEqual(MEDIA(OUTSIDE, SERVER, 30000));
    const reply = answer('INVITE', { address: OUTSIDE, contact: '', body: sdp(SERVER, 31000) });
    expect(phone.hears(reply, OUTSIDE)).toBe(
      reply.replaceAll(OUTSIDE, CLIENT).replace(`alice@${CLIENT}>`, `alice@${CLIENT}:5060>`),
    );
  });
  test('streams go where they were announced, from where their peer was told', () => {
    const phone = new Phone({ nat: MASQUERADE });
    const { bench } = phone;
    phone.asks(invite({ body: sdp(CLIENT, 30000) }));
    phone.hears(answer('INVITE', { address: OUTSIDE, body: sdp(SERVER, 31000) }), OUTSIDE);
    const [out] = bench.udp('client', CLIENT, 30000, SERVER, 31000, 'rtp');
    expect(out).toMatchObject({ source: OUTSIDE, sport: 30000, destination: SERVER, dport: 31000, isSound: true });
    const [back] = bench.udp('server', SERVER, 31001, OUTSIDE, 30001, 'rtcp');
    expect(back).toMatchObject({ source: SERVER, destination: CLIENT, dport: 30001 });
  });
  test('a longer address: Content-Length and lengths follow', () => {
    const outside = '123.123.123.123';
    const phone = new Phone({ nat: `-A POSTROUTING -o r1 -j SNAT --to-source ${outside}\n` });
    const [left] = phone.bench.udp('client', CLIENT, 5060, SERVER, 5060, invite({ body: sdp(CLIENT, 30000) }));
    expect(left!.isSound).toBe(true);
    const [head, body] = left!.text.split('\r\n\r\n') as [string, string];
    expect(body).toBe(sdp(outside, 30000));
    expect(head).toContain(`Content-Length: ${body.length}`);
    expect(head).toContain(`Via: SIP/2.0/UDP ${outside}:5060;`);
  });
  test('the pair of ports that another phone has is refused; one that overlaps it moves on, in the description too', () => {
    const phone = new Phone({ nat: MASQUERADE });
    const { bench } = phone;
    phone.asks(invite({ body: sdp(CLIENT, 30000) }));
    const asks = (port: number) => {
      const message = invite({ address: '10.1.0.3', body: sdp('10.1.0.3', port) });
      return bench.udp('client', '10.1.0.3', 5061, SERVER, 5060, message);
    };
    expect([asks(30000), bench.reason]).toEqual([[], 'helper-refuses']);
    // one from anywhere, as no SIP phone makes it
    const { expectations } = bench.host.tracker;
    const e = expectations.make(0);
    expectations.init(e, 1, 17 | (2 << 8), null, 0, -1, Int32Array.of(0x0a020001, 0, 0, 0), 0, 30002);
    expect(expectations.relate(e, 1_000_000)).toBe(RELATE_OK);
    const [left] = asks(30002);
    expect(left!.text).toContain('m=audio 30004 RTP/AVP');
    const [rtp] = bench.udp('server', SERVER, 31000, OUTSIDE, 30004, 'rtp');
    expect(rtp).toMatchObject({ destination: '10.1.0.3', dport: 30002 });
  });
  test('registered calls find the phone', () => {
    const phone = new Phone({ nat: MASQUERADE });
    expect(phone.asks(register())).toContain(`Contact: <sip:alice@${OUTSIDE}:5060>`);
    phone.hears(answer('REGISTER', { address: OUTSIDE, extra: 'Expires: 300' }), OUTSIDE);
    const [left] = phone.bench.udp('server', SERVER, 7777, OUTSIDE, 5060, 'x');
    expect(left).toMatchObject({ destination: CLIENT, dport: 5060 });
  });
  test('parameters of Via: maddr, received, rport', () => {
    const phone = new Phone({ nat: MASQUERADE });
    const via = (address: string, rest: string): string =>
      invite({ address }).replace(';branch=z9hG4bK1', `;branch=1${rest}`);
    expect(phone.asks(via(CLIENT, `;maddr=${CLIENT}`))).toContain(`${OUTSIDE}:5060;branch=1;maddr=${OUTSIDE}\r\n`);
    const reply = answer('INVITE', { address: OUTSIDE }).replace(';branch=z9hG4bK1', `;rport=5060;received=${OUTSIDE}`);
    expect(phone.hears(reply, OUTSIDE)).toContain(`${CLIENT}:5060;rport=5060;received=${CLIENT}\r\n`);
  });
});

describe('a description without a stream, under NAT', () => {
  const asked = (owner: string, rest: string): string | null => {
    const phone = new Phone({ nat: MASQUERADE });
    const body = `v=0\r\no=alice 1 1 IN IP4 ${owner}\r\ns=-\r\n${rest}`;
    return phone.asks(invite({ body }))?.replace(/^[\s\S]*\r\n\r\n/, '') ?? null;
  };
  test.each([
    ['gets the address of the call, as it stood there', '10.1.0.2', 'c=IN IP4 10.9.9.9\r\n', '10.9.9.9'],
    ['stays where the call names none', '10.1.0.2', '', '10.1.0.2'],
    ['is dropped where its owner cannot be read', '10.1.0.300', 'c=IN IP4 10.1.0.2\r\n', null],
  ])('%s', (_claim, owner, rest, written) => {
    const expected = written === null ? null : `v=0\r\no=alice 1 1 IN IP4 ${written}\r\ns=-\r\n${rest}`;
    expect(asked(owner, rest)).toBe(expected);
  });
});

describe('an ICMP error of the phone', () => {
  const error = (rest: Bytes, quoted: string): Bytes => {
    const bytes = [...quoted].map((c) => c.charCodeAt(0));
    const udp = [...u16(5060), ...u16(5060), ...u16(8 + bytes.length), 0, 0, ...bytes];
    const inner = ip4(17, udp, { source: SERVER, destination: CLIENT });
    return ip4(1, [3, 4, 0, 0, ...rest, ...inner], { source: CLIENT, destination: SERVER });
  };
  const emitted = (phone: Phone, packet: Bytes): Bytes => {
    let out: Bytes = [];
    phone.bench.host.onEmit = (bytes, start, end) => {
      out = [...bytes.slice(start, end)];
    };
    phone.bench.send('client', packet);
    return out;
  };
  test('about a datagram is read, and written, as if it were one', () => {
    const phone = new Phone({ nat: '-A POSTROUTING -o r1 -j SNAT --to-source 123.123.123.123\n' });
    phone.asks(invite());
    const quoted = answer('INVITE');
    const out = emitted(phone, error([0, 0, 0, 0], quoted));
    expect(String.fromCharCode(...out)).toContain('123.123.123.123');
    // in the place of the UDP length
    expect([(out[24]! << 8) | out[25]!, out.slice(26, 28)]).toEqual([out.length - 20, [0, 0]]);
    const other = emitted(phone, error([0, 0, 5, 0], quoted));
    expect(other.slice(26, 28)).not.toEqual([5, 0]);
  });
  test('about a connection over TCP changes nothing', () => {
    const phone = new Phone({ protocol: 'tcp' });
    const talk = new Talk(phone.bench, { peerPort: 5060 }).open();
    talk.say('client', 'x');
    const tcp = [...u16(5060), ...u16(40000), ...u32(1), ...u32(0), ...u32(0), ...u32(0)];
    const inner = ip4(6, tcp, { source: SERVER, destination: CLIENT });
    phone.bench.wait(1000);
    phone.bench.send('client', ip4(1, [3, 1, 0, 0, 0, 0, 0, 0, ...inner], { source: CLIENT, destination: SERVER }));
    expect([...phone.bench.host.flows()].map((f) => f.timeout)).toEqual([431_999]);
  });
});

describe('over TCP', () => {
  function talk(nat?: string): { bench: HelperBench; talk: Talk } {
    const bench = new HelperBench({ ...SIP, protocol: 'tcp', ...(nat === undefined ? {} : { nat }) });
    return { bench, talk: new Talk(bench, { port: 5060, peerPort: 5060 }).open() };
  }
  const first = register({ transport: 'TCP' });
  const second = invite({ transport: 'TCP', cseq: '2', body: sdp(CLIENT, 30000) });
  test('several messages in a segment; one that is not whole is not read', () => {
    const { bench, talk: t } = talk();
    t.say('client', first + second.slice(0, -5));
    expect(bench.expected).toEqual(['tcp 10.2.0.2:* > 10.1.0.2:5060 permanent inactive 180s']);
    t.say('client', first + second);
    expect(bench.expected).toEqual(
      ['tcp 10.2.0.2:* > 10.1.0.2:5060 permanent inactive 180s', ...MEDIA(CLIENT, SERVER, 30000)].sort(),
    );
  });
  test('all of them grow under NAT, and the ends stay in step', () => {
    const { bench, talk: t } = talk('-A POSTROUTING -o r1 -j SNAT --to-source 123.123.123.123\n');
    for (let i = 0; i < 3; i++) {
      const told = t.say('client', first + second)!;
      expect(told.length).toBeGreaterThan(first.length + second.length);
      expect(told).not.toContain(CLIENT);
      t.say('server', 'SIP/2.0 100 Trying\r\nCSeq: 9 INVITE\r\nContent-Length: 0\r\n\r\n');
    }
    expect(t.put('server', 16)!.ack).toBe(t.ends.client.next);
    expect([t.isSound, bench.expected.length]).toEqual([true, 3]);
  });
});
