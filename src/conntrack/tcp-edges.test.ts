/** Where TCP's rules meet: what was let through, what reopens, what a RST answers. Notation: test/support/tcp-record.ts. */
import { describe, expect, test } from 'vitest';
import { talkWithOptions, tcpRecord } from '../../test/support/tcp-record.js';
import { HANDSHAKE, TrackBench, tcpSegment } from '../../test/support/track-bench.js';
import type { Packet } from '../wire/packet.js';
import { IPS_FIXED_TIMEOUT, R_DEADLINE, R_STATUS, RECORD_SHIFT } from './layout.js';
import type { Template } from './lifecycle.js';
import { REASON_TCP_TRUNCATED } from './reasons.js';

/** A bench whose first slot is taken, which keeps what the kernel log is told of each packet. */
class EdgeBench extends TrackBench {
  readonly log: string[];
  /** The slot that is taken. */
  readonly first: number;

  /** `clockMs`: where the table's clock, which wraps at 2^31, is at the beginning. */
  constructor(sysctl: Record<string, number>, clockMs?: number) {
    const log: string[] = [];
    const invalid = (p: Packet, code: number) => log.push(`${code}(${p.reasonArgs})`);
    super({ log_invalid: 255, ...sysctl }, { listener: { invalid, tableFull: () => {} } });
    this.log = log;
    this.tracker.listen();
    if (clockMs !== undefined) this.wait(clockMs - this.tracker.nowMs);
    this.send(tcpSegment('a', { flags: 'S', seq: 1, source: '10.1.0.9' }));
    this.first = this.slots[0]!;
  }

  /** What is said of the steps' last segment, what becomes of its connection, and what the log and the listeners are told of it. */
  after(steps: string): string {
    let said = '';
    for (const step of steps.split('; ').flatMap((s) => (s === 'open' ? HANDSHAKE : [s]))) {
      this.log.length = 0;
      this.events();
      if (step.startsWith('wait ')) this.wait(Number(step.slice(5)));
      else said = talkWithOptions(this, step)[0]!;
    }
    const slot = this.slots.at(-1);
    const told = this.events().map((e) => ` event ${e.mask} in ${e.state}`);
    const log = this.log.map((line) => ` log ${line}`);
    if (slot === undefined || slot === this.first) return `${said}; none;${log.join('')}${told.join('')}`;
    const left = ((this.word(slot, R_DEADLINE) - this.tracker.nowMs) | 0) / 1000;
    const status = this.word(slot, R_STATUS) & 0xffff;
    return `${said}; ${left} s; status ${status}; ${tcpRecord(this, this.slots.length - 1)};${log.join('')}${told.join('')}`;
  }
}

/** Claim | steps, sysctls first where there are any, `open` being a handshake | what comes of them. */
const ROWS = [
  'a simultaneous open that was reset is over | a S 1000; b S 5000; a R 1001; a A 1001 5001 | ESTABLISHED; 10 s; status 10; CLOSE; a 1001..1001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 0 flags 0<<0; last a ACK 1001..1001 ack 5001 win 1000 times 0 noted 80<<0;',
  "and b's ACK does not bring it back | a S 1000; b S 5000; a R 1001; b A 5001 1001 | ESTABLISHED; 10 s; status 10; CLOSE; a 1001..2001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1000 ack 1001 flags 20<<0; last b ACK 5001..5001 ack 1001 win 1000 times 0 noted 80<<0;",
  "nor b's ACK of a FIN | a S 1000; b S 5000; a SA 1000 5001; b SA 5000 1001; a A 1001 5001; a FA 1001 5001; b A 5001 1002 | ESTABLISHED; 60 s; status 14; CLOSE_WAIT; a 1002..2002 win 1000 ack 5001 flags 24<<0; b 5001..6001 win 1001 ack 1002 flags 20<<0; last b ACK 5001..5001 ack 1002 win 1000 times 0 noted 80<<0; event 32 in 5",
  'a SYN begins anew where b had closed before it was reset | a A 1001 5001; b FA 5001 1001; b RA 5001 1002; a S 1101 | NEW; 120 s; status 8; SYN_SENT; a 1102..1102 win 1000 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0; event 4 in 8 event 33 in 1',
  'and where a had | open; a FA 1001 5001; b R 5001; a S 1101 | NEW; 120 s; status 8; SYN_SENT; a 1102..1102 win 1000 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0; event 4 in 8 event 33 in 1',
  'a SYN that acknowledges the one before is none that resynchronises | a S 1000; b SA 5000 1001; a S 0; a S 1 1 | ESTABLISHED; 60 s; status 10; SYN_RECV; a 1001..2001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1000 ack 1001 flags 20<<0; last a SYN 1..2 ack 0 win 1000 times 0; log 22(0,0,2,0)',
  'a challenge ACK of 0 resynchronises nothing | a S 1000; b A 7000 0 | ESTABLISHED; 120 s; status 10; SYN_SENT; a 1001..1001 win 1000 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last b ACK 7000..7000 ack 0 win 1000 times 0; log 22(3,1,1,0) event 8 in 1',
  'what resynchronises is an event, also in SYN_RECV | a S 1000; b SA 5000 1001; a S 90000; b SA 7000 90001 | ESTABLISHED; 60 s; status 10; SYN_RECV; a 90001..91001 win 1000 ack 0 flags 0<<0; b 7001..7001 win 1000 ack 90001 flags 20<<0; last b SYNACK 90000..90001 ack 0 win 1000 times 0; event 32 in 2',
  'and begins the window of the side that asked anew | a S 1000; b SA 5000 1001; a S 1000; b SA 5001 1001 win=0 | ESTABLISHED; 60 s; status 10; SYN_RECV; a 1001..1002 win 1000 ack 0 flags 0<<0; b 5002..5002 win 1 ack 1001 flags 20<<0; last b SYNACK 1000..1001 ack 0 win 1000 times 0; event 32 in 2',
  'from the number that it asked with | a S 1000; b SA 5000 1001; a S 2000; b SA 5100 2001 | ESTABLISHED; 60 s; status 10; SYN_RECV; a 2001..3001 win 1000 ack 0 flags 0<<0; b 5101..5101 win 1000 ack 2001 flags 20<<0; last b SYNACK 2000..2001 ack 0 win 1000 times 0; event 32 in 2',
  'with its options | open; a S 90000 ws=3 sackok; b SA 7000 90001 ws=4 sackok | ESTABLISHED; 60 s; status 14; SYN_RECV; a 90001..91001 win 1000 ack 5001 flags 3<<3; b 7001..7001 win 1000 ack 90001 flags 23<<4; last b SYNACK 90000..90001 ack 5001 win 1000 times 0 noted 3<<3; event 32 in 2',
  'a SYN that is let through leaves the count of repetitions | open; a A 1001 5001; a S 1 5001 | ESTABLISHED; 432000 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a SYN 1..2 ack 5001 win 1000 times 1; log 22(0,0,3,0)',
  'in LAST_ACK it is remembered for the challenge ACK | open; a FA 1001 5001; b FA 5001 1002; a S 90000 | ESTABLISHED; 30 s; status 14; LAST_ACK; a 1002..2002 win 1000 ack 5001 flags 24<<0; b 5002..6001 win 1000 ack 1002 flags 30<<0; last a SYN 90000..90001 ack 5001 win 1000 times 0 noted 40<<0; log 22(0,0,6,0)',
  'which lets a RST pass as any | open; a FA 1001 5001; b FA 5001 1002; a S 90000; b R 5002 | ESTABLISHED; 10 s; status 14; CLOSE; a 1002..2002 win 1000 ack 5001 flags 24<<0; b 5002..6001 win 1000 ack 1002 flags 30<<0; last b RST 90000..90001 ack 5001 win 1000 times 0 noted 40<<0; event 32 in 8',
  'and another ACK, after another FIN | open; a FA 1001 5001; b FA 5001 1002; a S 90000; a FA 1001 5001; b A 5002 1002 | ESTABLISHED; 120 s; status 14; TIME_WAIT; a 1002..2002 win 1000 ack 5001 flags 24<<0; b 5002..6001 win 1000 ack 1002 flags 30<<0; last b ACK 5002..5002 ack 1002 win 1000 times 0 noted 40<<0; event 32 in 7',
  "and a's own ACK | open; a FA 1001 5001; b FA 5001 1002; a S 90000; a A 1002 5002 | ESTABLISHED; 120 s; status 14; TIME_WAIT; a 1002..2002 win 1000 ack 5002 flags 24<<0; b 5002..6002 win 1000 ack 1002 flags 20<<0; last a ACK 1002..1002 ack 5002 win 1000 times 0 noted 40<<0; event 32 in 7",
  'a RST right behind data of the other side is not exact | a S 1000; b SA 1040 1001; a A 1001 1041; b PA 1041 1001 data=10; a R 1051 | ESTABLISHED; 10 s; status 14; ESTABLISHED; a 1051..2001 win 1000 ack 1041 flags 30<<0; b 1051..2051 win 1000 ack 1001 flags 20<<0; last a RST 1041..1051 ack 1001 win 1000 times 0;',
  "behind b's own data it is | open; b PA 5001 1001 data=10; b RA 5011 1001 | ESTABLISHED; 10 s; status 14; CLOSE; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5011..6001 win 1000 ack 1001 flags 30<<0; last b RST 5001..5011 ack 1001 win 1000 times 0; event 32 in 8",
  "behind b's SYN-ACK that was let through it is not | open; b SA 5101 1002; b R 5102 | ESTABLISHED; 10 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5102..6001 win 1000 ack 1001 flags 30<<0; last b RST 5101..5102 ack 5001 win 1000 times 0;",
  "behind a's SYN that was let through it is checked as any | open; a S 1100; a R 1101 | ESTABLISHED; 10 s; status 14; CLOSE; a 1101..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a RST 1100..1101 ack 5001 win 1000 times 0; event 32 in 8",
  'a RST of an assured connection that is not established is not kept | open; a S 90000; b SA 70000 90001; a R 90100 | ESTABLISHED; 10 s; status 14; CLOSE; a 90100..91001 win 1000 ack 5001 flags 10<<0; b 70001..71001 win 1000 ack 90001 flags 20<<0; last a RST 90000..90001 ack 5001 win 1000 times 0; event 32 in 8',
  'a RST with the number of a challenge ACK may come from a | a S 1101; b A 1102 1002; a RA 1101 1102 | ESTABLISHED; 10 s; status 10; CLOSE; a 1102..1102 win 1000 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a RST 1102..1102 ack 1002 win 1000 times 0; event 32 in 8',
  'but not behind another SYN | a S 1000; b A 7000 3000; a S 1000; a R 3000 | INVALID:17; 120 s; status 10; SYN_SENT; a 1001..1001 win 1000 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 7000..7000 ack 3000 win 1000 times 0; log 17(3000,1002,0,0)',
  'and only in SYN_SENT | a A 0 1000; b A 1000 90001; a RA 0 1000 | ESTABLISHED; 10 s; status 10; CLOSE; a 0..1000 win 1000 ack 1000 flags 2a<<0; b 1000..2000 win 1000 ack 0 flags a<<0; last a RST 0..0 ack 0 win 0 times 0; event 32 in 8',
  'a RST that acknowledges nothing, then another | a S 1000; b RA 5000 3000; b R 90000 | INVALID:17; 120 s; status 8; SYN_SENT; a 1001..1001 win 1000 ack 0 flags 0<<0; b 5000..6000 win 1000 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0; log 17(90000,6001,0,0)',
  'a RST that acknowledges a SYN-ACK that was let through | a A 1001 5001; b SA 5001 1001; a R 1001 5002 | ESTABLISHED; 10 s; status 10; CLOSE; a 1001..2001 win 1000 ack 0 flags a<<0; b 0..1000 win 0 ack 0 flags a<<0; last a RST 5001..5002 ack 0 win 1000 times 0; event 32 in 8',
  'or an ACK of an assured connection, is checked as any | open; a S 90000; b SA 70000 90001; b A 70001 90001; b RA 700000 70001 | INVALID:17; 60 s; status 14; SYN_RECV; a 90001..91001 win 1000 ack 5001 flags 0<<0; b 70001..70001 win 1000 ack 90001 flags 20<<0; last b RST 70001..70001 ack 90001 win 1000 times 0; log 17(700000,70002,0,0)',
  'a RST out of the window is remembered | open; a RA 90002 5001 | INVALID:17; 432000 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a RST 1001..1001 ack 5001 win 1000 times 0; log 17(90002,2002,0,0)',
  'what is answered by a FIN of the other side lowers the timeout | open; a FA 90000 2; b FA 12 90001 | INVALID:18; 300 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a FIN 1001..1001 ack 5001 win 1000 times 0; log 18(90001,1002,0,0) log 24(2,1,2,75000)',
  'not by one of the same side | open; b R 90000; b FA 91000 1002 | INVALID:17; 432000 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last b FIN 1001..1001 ack 5001 win 1000 times 0; log 17(91000,6002,0,0)',
  'nor by an ACK | open; a FA 90000 5001; b A 90000 1001 | INVALID:17; 432000 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a FIN 1001..1001 ack 5001 win 1000 times 0; log 17(90000,6002,0,0)',
  'nor where the last was no FIN or RST | open; b A 5001 1001; a FA 90000 5001 | INVALID:17; 432000 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a FIN 5001..5001 ack 1001 win 1000 times 0; log 17(90000,2002,0,0)',
  'nor where it is short already | open; a RA 90000 70000; b R 70001; wait 1000; b R 70001 | INVALID:17; 299 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a RST 1001..1001 ack 5001 win 1000 times 0; log 17(70001,6002,0,0)',
  'nor where it is as short | tcp_timeout_established=300: open; a RA 90000 70000; b R 70001 | INVALID:17; 300 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a RST 1001..1001 ack 5001 win 1000 times 0; log 17(70001,6002,0,0)',
  'nor below 120 seconds | tcp_timeout_established=120 tcp_timeout_unacknowledged=50: open; a RA 90000 70000; wait 1; b R 70001 | INVALID:17; 119.999 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a RST 1001..1001 ack 5001 win 1000 times 0; log 17(70001,6002,0,0)',
  'at 120 seconds it does | tcp_timeout_established=120 tcp_timeout_unacknowledged=50: open; a RA 90000 70000; b R 70001 | INVALID:17; 50 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a RST 1001..1001 ack 5001 win 1000 times 0; log 17(70001,6002,0,0) log 24(4,1,4,12500)',
  'nor before it is assured | a S 1000; b SA 5000 1001; a FA 90000 5001; b FA 90000 1001 | INVALID:17; 60 s; status 10; SYN_RECV; a 1001..2001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1000 ack 1001 flags 20<<0; last b SYNACK 0..0 ack 0 win 0 times 0; log 17(90000,5002,0,0)',
  'one repetition is one too many with tcp_max_retrans=1 | tcp_max_retrans=1: open; a A 1001 5001 | ESTABLISHED; 300 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 1;',
  'with 2 it is not | tcp_max_retrans=2: open; a A 1001 5001 | ESTABLISHED; 432000 s; status 14; ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 1;',
  'picked up with a timeout that is short already | tcp_timeout_established=5: a A 1001 5001 | NEW; 5 s; status 8; ESTABLISHED; a 1001..2001 win 1000 ack 0 flags a<<0; b 0..0 win 0 ack 0 flags a<<0; last a ACK 0..0 ack 0 win 0 times 0; event 33 in 3',
  'only established ones are kept short before the answer | tcp_timeout_fin_wait=500 tcp_timeout_max_retrans=600: a A 1001 5001; a FA 1001 5001 | NEW; 500 s; status 8; FIN_WAIT; a 1001..2001 win 1000 ack 0 flags e<<0; b 0..0 win 0 ack 0 flags a<<0; last a FIN 0..0 ack 0 win 0 times 0; event 32 in 4',
  'a handshake that ends in a FIN is never assured | a S 1000; b SA 5000 1001; a FA 1001 5001 | ESTABLISHED; 120 s; status 10; FIN_WAIT; a 1002..2001 win 1000 ack 5001 flags 34<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a FIN 0..0 ack 0 win 0 times 0; event 32 in 4',
  "nor by an ACK of b instead of a's | a S 1000; b SA 5000 1001; b A 5001 1001 | ESTABLISHED; 60 s; status 10; SYN_RECV; a 1001..2001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1000 ack 1001 flags 20<<0; last b ACK 5001..5001 ack 1001 win 1000 times 0;",
];

test.each(ROWS.map((row) => row.split(' | ')))('%s: %s', (_claim, steps, expected) => {
  const [, sysctl, rest] = /^(?:([a-z_=0-9 ]+): )?(.*)$/.exec(steps!)!;
  const settings = (sysctl ?? '').split(' ').flatMap((part) => {
    const [name, value] = part.split('=');
    return name === '' ? [] : [[name!, Number(value)] as const];
  });
  expect(new EdgeBench(Object.fromEntries(settings)).after(rest!)).toBe(expected);
});

describe('a client behind SYNPROXY that asks again', () => {
  function proxied(b: EdgeBench, more: Partial<Template> = { synproxy: true }): EdgeBench {
    const rest = { zone: 0, zoneDirection: 0, zoneFromMark: false, timeout: '', ctevents: 0, expevents: 0 };
    b.template = b.tracker.templates.push({ ...rest, helper: '', ...more }) - 1;
    return b;
  }
  test.each([
    ['passes with the number before its next', 'a S 1000; a A 1000 5001', 'NEW'],
    ['wherever the numbers wrap', 'a S 2147483647; a A 2147483647 5001', 'NEW'],
    ['but with no other number', 'a S 1000; a A 1001 5001', 'INVALID:15'],
    ['nor an earlier one', 'a S 1000; a A 999 5001', 'INVALID:15'],
    ['nor with a FIN', 'a S 1000; a FA 1000 5001', 'INVALID:15'],
    ['nor with a SYN-ACK', 'a S 1000; a SA 1000 5001', 'INVALID:15'],
    ['nor once the server has spoken', 'a S 1000; b A 7000 3000; a A 1000 5001', 'INVALID:15'],
    ['nor in a simultaneous open', 'a S 1000; b S 5000; a S 1000; a A 1000 5001', 'INVALID:15'],
  ])('%s: %s', (_claim, steps, expected) => {
    expect(proxied(new EdgeBench({})).after(steps).split(';')[0]).toBe(expected);
  });
  test('no other connection has that, with a helper or without', () => {
    const b = proxied(new EdgeBench({}));
    b.send(tcpSegment('a', { flags: 'S', seq: 1, source: '10.1.0.10' }));
    b.template = 0;
    expect(b.after('a S 1000; a A 1000 5001')).toMatch(/^INVALID:15;/);
    const c = proxied(new EdgeBench({}), { helper: 'ftp' });
    expect(c.after('a S 1000; a A 1000 5001')).toMatch(/^INVALID:15;/);
  });
});

test('a refused attempt is off the wheel: others end at their time', () => {
  const b = new EdgeBench({});
  for (let port = 0; port < 3; port++) {
    b.after('a S 1000; b RA 0 1001');
    b.after('a S 1000; wait 5000');
  }
  const ends = [90_000, 20_000, 20_000].map((ms) => {
    b.wait(ms);
    return b.slots.length;
  });
  expect(ends).toEqual([2, 1, 0]);
});

test('a timeout that a program has fixed is not lowered', () => {
  const b = new EdgeBench({});
  b.after('open; a FA 90000 5001');
  const at = (b.slots[1]! << RECORD_SHIFT) + R_STATUS;
  b.tracker.table.words[at] = b.tracker.table.words[at]! | IPS_FIXED_TIMEOUT;
  expect(b.after('b R 90000')).toMatch(/^INVALID:17; 432000 s; status 1038; /);
});

test('the timeout is lowered where its end is beyond the end of the clock', () => {
  const b = new EdgeBench({}, 2 ** 31 - 100_000_000);
  expect(b.after('open; a FA 90000 5001; b R 90000')).toMatch(/^INVALID:17; 300 s; status 14; .*log 24\(4,1,2,75000\)/);
});

describe('what is no whole header', () => {
  test('the log is told of a header of 20 bytes that says something else, not of less', () => {
    const b = new TrackBench({ log_invalid: 255 });
    expect(b.send(tcpSegment('a', { flags: 'S', seq: 1, cut: 19 }))).toMatchObject({ args: [20, 19, 0, 0] });
    expect(b.logged).toEqual([]);
    expect(b.send(tcpSegment('a', { flags: 'S', seq: 1, words: 7 }))).toMatchObject({ args: [28, 20, 0, 0] });
    expect(b.logged).toEqual([REASON_TCP_TRUNCATED]);
  });
  test('the reserved bits beside the data offset do not count', () => {
    const bytes = tcpSegment('a', { flags: 'S', seq: 1, words: 6 });
    bytes[32]! |= 0xf;
    expect(new TrackBench().send(bytes)).toMatchObject({ state: 'INVALID', args: [24, 20, 0, 0] });
  });
  test('the checksum of a segment of which the capture has a part cannot be told', () => {
    const bytes = tcpSegment('a', { flags: 'S', seq: 1, data: 100, badSum: true });
    expect(new TrackBench().begin(bytes, 60).state).toBe('NEW');
  });
});
