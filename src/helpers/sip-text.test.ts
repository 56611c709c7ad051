import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../test/support/helper-bench.js';
import { packet, TrackBench } from '../../test/support/track-bench.js';
import { u16 } from '../../test/support/wire-frames.js';
import type { Nat } from '../nat/nat.js';
import { formatAddress4 } from '../wire/address.js';
import { HelpContext } from './helper.js';
import { HelperParameters } from './parameters.js';
import {
  CONTACT,
  CSEQ,
  FOUND,
  FROM,
  MALFORMED,
  SDP_CONNECTION,
  SDP_MEDIA,
  type SipHeader,
  type SipText,
  VIA_UDP,
} from './sip-text.js';

function message(text: string): SipText {
  const b = new TrackBench();
  const payload = bytesOf(text);
  b.send(packet('a', 17, [...u16(5060), ...u16(5060), ...u16(8 + payload.length), 0, 0, ...payload]));
  b.tracker.assignHelper(b.packet.connection >> 1, 'sip');
  const host = { makeRoom: () => true, random: () => 0, broadcastMask: () => 0, interfaceTo: () => 0 };
  const c = new HelpContext(b.tracker, null as unknown as Nat, host, new HelperParameters());
  c.attach(b.packet, b.tracker.table.coldOf(b.packet.connection >> 1).help!);
  c.sip.offset = 0;
  c.sip.size = c.to - c.from;
  return c.sip;
}

const shown = (m: SipText): string =>
  String.fromCharCode(...m.bytes.subarray(m.start + m.at, m.start + m.at + m.length));

describe('headers', () => {
  test.each<[string, SipHeader, string, string | number]>([
    ['by its name', CSEQ, 'X\r\nCSeq: 17 INVITE\r\n\r\n', '17'],
    ['in any case', CSEQ, 'X\r\ncSEQ: 17 INVITE\r\n\r\n', '17'],
    ['blanks before the colon', CSEQ, 'X\r\nCSeq \t: 17 INVITE\r\n\r\n', '17'],
    ['on a continuation line', CSEQ, 'X\r\nCSeq:\r\n 17 INVITE\r\n\r\n', '17'],
    ['line ends without CR', CSEQ, 'X\nCSeq: 17 INVITE\n\n', '17'],
    ['not in the first line', CSEQ, 'CSeq: 17 INVITE\r\n\r\n', 0],
    ['not there', CSEQ, 'X\r\nTo: x\r\n\r\n', 0],
    ['without a number', CSEQ, 'X\r\nCSeq: x\r\n\r\n', -1],
    ['no colon', CSEQ, 'X\r\nCSeq 17\r\n\r\n', 0],
    ['by its short name', FROM, 'X\r\nf: <sip:a@10.0.0.1>\r\n\r\n', '10.0.0.1'],
    ['a longer name that begins so', FROM, 'X\r\nfoo: <sip:a@10.0.0.1>\r\n\r\n', 0],
    ['with a port', FROM, 'X\r\nFrom: <sip:a@10.0.0.1:99>\r\n\r\n', '10.0.0.1:99'],
    ['without a user', FROM, 'X\r\nFrom: <sip:10.0.0.1>\r\n\r\n', '10.0.0.1'],
    ['a name in place of an address', FROM, 'X\r\nFrom: <sip:a@host>\r\n\r\n', -1],
    ['an address that goes on', FROM, 'X\r\nFrom: <sip:a@10.0.0.1.2>\r\n\r\n', -1],
    ['a part above 255', FROM, 'X\r\nFrom: <sip:a@10.0.0.256>\r\n\r\n', -1],
    ['no sip:', FROM, 'X\r\nFrom: <tel:1>\r\n\r\n', -1],
    ['Via by its protocol', VIA_UDP, 'X\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch\r\n\r\n', '10.0.0.1:5060'],
    ['Via of another protocol', VIA_UDP, 'X\r\nVia: SIP/2.0/TCP 10.0.0.1:5060;branch\r\n\r\n', -1],
  ])('%s', (_name, kind, text, expected) => {
    const m = message(text);
    const result = m.header(kind, 0);
    expect(result === FOUND ? shown(m) : result).toBe(expected);
  });
  test('addresses of a list and of further headers, those that cannot be read left out', () => {
    const m = message(
      'X\r\nContact: <sip:a@10.0.0.1>, <sip:b@host>, <sip:c@10.0.0.2:2000>\r\nm: <sip:host>\r\nContact: <sip:10.0.0.3>\r\n\r\n',
    );
    const found: string[] = [];
    m.begin();
    while (m.nextUri(CONTACT) === FOUND) found.push(`${formatAddress4(m.address[0]!)}:${m.port}`);
    expect(found).toEqual(['10.0.0.1:5060', '10.0.0.2:2000', '10.0.0.3:5060']);
  });
  test.each([
    ['INVITE sip:bob@10.0.0.1:2000 SIP/2.0\r\n\r\n', '10.0.0.1:2000'],
    ['INVITE sip:bob@10.0.0.1 SIP/2.0\r\n\r\n', '10.0.0.1'],
    ['INVITE sip:bob@host SIP/2.0\r\n\r\n', null],
    ['INVITE tel:1\r\nsip:10.0.0.1 x\r\n', null],
    ['\r\n\r\n', null],
  ])('first line %j', (text, expected) => {
    const m = message(text);
    expect(m.requestUri() === FOUND ? shown(m) : null).toBe(expected);
  });
});

describe('lines of a media description', () => {
  const TEXT = 'X\r\n\r\nv=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 3000 RTP/AVP\r\nc=IN IP4 10.0.0.2\r\n';
  test('up to another line', () => {
    const m = message(TEXT);
    expect([m.sdp(SDP_CONNECTION, SDP_MEDIA, 0), shown(m)]).toEqual([FOUND, '10.0.0.1']);
    expect([m.sdp(SDP_MEDIA, null, 0), shown(m)]).toEqual([FOUND, 'audio 3000']);
    expect([m.sdp(SDP_CONNECTION, SDP_MEDIA, m.at), shown(m)]).toEqual([FOUND, '10.0.0.2']);
  });
  test('of the other family', () => {
    expect(message(TEXT.replace('IN IP4 10.0.0.1', 'IN IP6 fd00::1')).sdp(SDP_CONNECTION, SDP_MEDIA, 0)).toBe(-1);
  });
});

test.each([
  ['is read before something else', ':6000\r\n', [FOUND, 6000]],
  ['that ends with the packet is none', ':6000', [MALFORMED, 6000]],
  ['is 5060 where there is none', '', [FOUND, 5060]],
])('the port in Via %s', (_claim, port, expected) => {
  const m = message(`X\r\nVia: SIP/2.0/UDP 10.1.0.2${port}`);
  expect([m.uri(VIA_UDP), m.port]).toEqual(expected);
});
