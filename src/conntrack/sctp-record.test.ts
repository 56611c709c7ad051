/** All that is kept of an association, packet by packet. Notation: test/support/sctp-talk.ts. */
import { describe, expect, test } from 'vitest';
import { chunk, SCTP_HANDSHAKE, sctp, sctpRecord, talkSctp } from '../../test/support/sctp-talk.js';
import { packet, TrackBench } from '../../test/support/track-bench.js';

describe('what is kept of an association', () => {
  test.each([
    [
      'an INIT tells the tag of packets to its sender',
      'a init',
      'NEW; CLOSED; tags 0 11111111; INIT 1 0; wrong nobody',
    ],
    [
      'also where that is 0, and what the answers to it tell',
      'a init:0; b iack!0; b iack:44444444!0',
      'ESTABLISHED; COOKIE_WAIT; tags 44444444 0; INIT 1 0; wrong nobody',
    ],
    ['a repeated one changes nothing', 'a init; a init', 'NEW; CLOSED; tags 0 11111111; INIT 1 0; wrong nobody'],
    ['another one tells another tag', 'a init; a init:5', 'NEW; CLOSED; tags 0 5; INIT 1 0; wrong nobody'],
    [
      'an INIT ACK tells the other tag',
      'a init; b iack',
      'ESTABLISHED; COOKIE_WAIT; tags 22222222 11111111; INIT 1 0; wrong nobody',
    ],
    [
      'after COOKIE ACK no INIT counts',
      'a init; b iack; a echo; b cack',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'nor after that of the side that began',
      'a init; b iack; a echo; a cack',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    ['INITs that cross', 'a init; b init', 'ESTABLISHED; CLOSED; tags 22222222 11111111; INIT 1 1; wrong nobody'],
    [
      'one of them repeated',
      'a init; b init; a init',
      'ESTABLISHED; CLOSED; tags 22222222 11111111; INIT 1 1; wrong nobody',
    ],
    [
      "another one of b takes the place of a's",
      'a init; b init; b init:4',
      'ESTABLISHED; CLOSED; tags 4 11111111; INIT 0 1; wrong nobody',
    ],
    [
      "another one of a takes the place of b's",
      'a init; b init; a init:5',
      'ESTABLISHED; CLOSED; tags 22222222 5; INIT 1 0; wrong nobody',
    ],
    ['twice', 'a init; b init; a init:5; b init:4', 'ESTABLISHED; CLOSED; tags 4 5; INIT 1 1; wrong nobody'],
    ['and again', 'a init; b init; a init:5; a init:6', 'ESTABLISHED; CLOSED; tags 22222222 6; INIT 1 0; wrong nobody'],
    [
      'INIT ACKs of crossing INITs',
      'a init; b init; b iack; a iack',
      'ESTABLISHED; COOKIE_WAIT; tags 22222222 11111111; INIT 1 1; wrong nobody',
    ],
    [
      'that tell another tag',
      'a init; b init; b iack:5',
      'INVALID:57; CLOSED; tags 22222222 11111111; INIT 1 1; wrong nobody',
    ],
    ['an INIT ACK to no INIT', 'a hb; a iack:5', 'NEW; CLOSED; tags 22222222 5; INIT 0 0; wrong nobody'],
    [
      'a second one to no INIT',
      'a hb; a iack:5; a iack:6',
      'INVALID:57; CLOSED; tags 22222222 5; INIT 0 0; wrong nobody',
    ],
    [
      'an INIT ACK of who has sent INIT, to no INIT',
      'a hb; a iack; b init:7; b iack:8',
      'INVALID:57; CLOSED; tags 7 11111111; INIT 0 1; wrong nobody',
    ],
    [
      'an INIT ACK of who has sent an INIT with tag 0',
      'a init:0; a iack:5!0',
      'NEW; CLOSED; tags 0 5; INIT 1 0; wrong nobody',
    ],
    [
      'not where INITs cross',
      'a init:0; b init; a iack:5',
      'INVALID:57; CLOSED; tags 22222222 0; INIT 1 1; wrong nobody',
    ],
    [
      'after the COOKIE ACK of crossing INITs none counts',
      'a init; b init; b iack; a iack; b echo; a cack',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    ['a HEARTBEAT tells its own tag', 'a hb!5', 'NEW; HEARTBEAT_SENT; tags 5 0; INIT 0 0; wrong nobody'],
    ['and so does the answer', 'a hb!5; b hback!6', 'ESTABLISHED; ESTABLISHED; tags 5 6; INIT 0 0; wrong nobody'],
    [
      'a COOKIE ECHO ahead of a HEARTBEAT may have any tag',
      'a echo+hb!33333333',
      'NEW; CLOSED; tags 33333333 0; INIT 0 0; wrong nobody',
    ],
    [
      'a HEARTBEAT with a wrong tag',
      'open; a hb!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    ['of b', 'open; b hb!5', 'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong b'],
    ['of both', 'open; a hb!5; b hb!6', 'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong b'],
    [
      'then a right one of a',
      'open; a hb!5; a hb',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'then a right answer',
      'open; a hb!5; b hback',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'then an answer with another tag',
      'open; a hb!5; b hback!6',
      'ESTABLISHED; ESTABLISHED; tags 0 6; INIT 0 0; wrong nobody',
    ],
    [
      'of which the second is too late',
      'open; a hb!5; b hback!6; b hback!7',
      'INVALID:57; ESTABLISHED; tags 0 6; INIT 0 0; wrong nobody',
    ],
    ["a's answer to b", 'open; b hb!5; a hback!6', 'ESTABLISHED; ESTABLISHED; tags 6 0; INIT 0 0; wrong nobody'],
    [
      "b's answer to itself",
      'open; b hb!5; b hback!6',
      'INVALID:57; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong b',
    ],
    [
      'with data beside a wrong HEARTBEAT',
      'open; a hb+data!5',
      'INVALID:57; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'with an unknown chunk beside it',
      'open; a hb+other!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    [
      'with chunk 32 beside it',
      'open; a hb+type32!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    [
      'with chunk 33 beside it',
      'open; a hb+type33!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    [
      'a SHUTDOWN ACK may have any tag',
      'open; a shutack!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
    [
      'a COOKIE ACK beside a HEARTBEAT',
      'open; a cack+hb!5',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong a',
    ],
    [
      'chunk 255 is unknown',
      'open; a data+type255',
      'ESTABLISHED; ESTABLISHED; tags 22222222 11111111; INIT 0 0; wrong nobody',
    ],
  ])('%s: %s', (_claim, steps, expected) => {
    const b = new TrackBench({ acct: 1 });
    // in another slot than the first
    b.send(packet('a', 132, [], { source: '10.1.0.9' }));
    b.send(sctp('a', 0, [chunk('a', 'init')], { source: '10.1.0.9' }));
    const said = steps.split('; ').flatMap((step) => (step === 'open' ? SCTP_HANDSHAKE : [step]));
    const seen = talkSctp(b, ...said);
    const what = seen.reason === 0 ? seen.state : `${seen.state}:${seen.reason}`;
    const slot = b.slots[1];
    expect(slot === undefined ? what : `${what}; ${sctpRecord(b, slot)}`).toBe(expected);
  });

  test('the end of each association is its own', () => {
    const b = new TrackBench();
    for (const source of ['10.1.0.9', '10.1.0.10', '10.1.0.2']) b.send(sctp('a', 0, [chunk('a', 'init')], { source }));
    talkSctp(b, ...SCTP_HANDSHAKE.slice(1));
    b.wait(15_000);
    expect(b.slots.length).toBe(1);
    b.wait(190_000);
    expect(b.slots.length).toBe(1);
    b.wait(20_000);
    expect(b.slots.length).toBe(0);
  });
});
