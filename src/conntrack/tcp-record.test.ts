/** All that TCP's windows and its memory of the last segment become, segment by segment. Notation: test/support/tcp-record.ts. */
import { expect, test } from 'vitest';
import { talkWithOptions, tcpRecord } from '../../test/support/tcp-record.js';
import { HANDSHAKE, TrackBench } from '../../test/support/track-bench.js';
import { IPS_SEQ_ADJUST, R_LAST, R_STATUS, R_WINDOW, RECORD_SHIFT } from './layout.js';
import { REASON_TCP_ACK_OVER } from './reasons.js';
import { noteLength } from './seqadj.js';

/** Claim | steps, `open` being a handshake, sysctls first where there are any | what is said of the last one, seconds left: record. */
const ROWS = [
  "a SYN begins a's window | a S 1000 | NEW, 120 s: SYN_SENT; a 1001..1001 win 1000 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0",
  'a window of zero counts as one | a S 1000 win=0 | NEW, 120 s: SYN_SENT; a 1001..1001 win 1 ack 0 flags 0<<0; b 0..1 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  'its options are noted | a S 1000 ws=7 sackok | NEW, 120 s: SYN_SENT; a 1001..1001 win 1000 ack 0 flags 3<<7; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  'data in a SYN counts | a S 1000 data=10 | NEW, 120 s: SYN_SENT; a 1011..1011 win 1000 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  'time stamps are not kept, though there are options | a S 1000 ts | NEW, 120 s: SYN_SENT; a 1001..1001 win 1000 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  "the answer begins b's | a S 1000; b SA 5000 1001 | ESTABLISHED, 60 s: SYN_RECV; a 1001..2001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1000 ack 1001 flags 20<<0; last b SYNACK 0..0 ack 0 win 0 times 0",
  'with a window of zero | a S 1000; b SA 5000 1001 win=0 | ESTABLISHED, 60 s: SYN_RECV; a 1001..1002 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1 ack 1001 flags 20<<0; last b SYNACK 0..0 ack 0 win 0 times 0',
  'with a window of one | a S 1000; b SA 5000 1001 win=1 | ESTABLISHED, 60 s: SYN_RECV; a 1001..1002 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1 ack 1001 flags 20<<0; last b SYNACK 0..0 ack 0 win 0 times 0',
  'options that both have | a S 1000 ws=7 sackok; b SA 5000 1001 ws=3 sackok | ESTABLISHED, 60 s: SYN_RECV; a 1001..2001 win 1000 ack 0 flags 3<<7; b 5001..5001 win 1000 ack 1001 flags 23<<3; last b SYNACK 0..0 ack 0 win 0 times 0',
  'scaling that only a offers is forgotten on both sides | a S 1000 ws=7 sackok; b SA 5000 1001 sackok | ESTABLISHED, 60 s: SYN_RECV; a 1001..2001 win 1000 ack 0 flags 3<<0; b 5001..5001 win 1000 ack 1001 flags 22<<0; last b SYNACK 0..0 ack 0 win 0 times 0',
  'scaling that only b offers too | a S 1000 sackok; b SA 5000 1001 ws=3 | ESTABLISHED, 60 s: SYN_RECV; a 1001..2001 win 1000 ack 0 flags 2<<0; b 5001..5001 win 1000 ack 1001 flags 21<<0; last b SYNACK 0..0 ack 0 win 0 times 0',
  'scaling of both, SACK of nobody | a S 1000 ws=2; b SA 5000 1001 ws=3 | ESTABLISHED, 60 s: SYN_RECV; a 1001..2001 win 1000 ack 0 flags 1<<2; b 5001..5001 win 1000 ack 1001 flags 21<<3; last b SYNACK 0..0 ack 0 win 0 times 0',
  "the handshake's ACK is scaled | a S 1000 ws=2; b SA 5000 1001 ws=3; a A 1001 5001 win=300 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1200 ack 5001 flags 21<<2; b 5001..6201 win 1000 ack 1001 flags 21<<3; last a ACK 1001..1001 ack 5001 win 300 times 0",
  'a repeated SYN-ACK is not | a S 1000 ws=2; b SA 5000 1001 ws=3 win=400; a A 1001 5001 win=300; b SA 5000 1001 ws=3 win=500 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..1401 win 1200 ack 5001 flags 21<<2; b 5001..6201 win 400 ack 1001 flags 21<<3; last b SYNACK 5000..5001 ack 5001 win 500 times 0',
  "a simultaneous open begins b's window without an ACK | a S 1000 ws=2 sackok; b S 5000 ws=3 win=0 | ESTABLISHED, 120 s: SYN_SENT2; a 1001..1001 win 1000 ack 0 flags 3<<2; b 5001..5001 win 1 ack 0 flags 1<<3; last b SYN 0..0 ack 0 win 0 times 0 noted 80<<0",
  'and the two SYN-ACKs end it | a S 1000 ws=2 sackok; b S 5000 ws=3 sackok; a SA 1000 5001 ws=2 sackok; b SA 5000 1001 ws=3 sackok | ESTABLISHED, 60 s: SYN_RECV; a 1001..1001 win 1000 ack 5001 flags 23<<2; b 5001..6001 win 1000 ack 0 flags 3<<3; last b SYNACK 5000..5001 ack 0 win 1000 times 0 noted 80<<0',
  'scaling that only a offers is forgotten in a simultaneous open | a S 1000 ws=2 sackok; b S 5000 sackok | ESTABLISHED, 120 s: SYN_SENT2; a 1001..1001 win 1000 ack 0 flags 3<<0; b 5001..5001 win 1000 ack 0 flags 2<<0; last b SYN 0..0 ack 0 win 0 times 0 noted 80<<0',
  'a later SYN of a begins anew | a S 1000 ws=2; a S 2000 win=7 | NEW, 120 s: SYN_SENT; a 2001..2001 win 7 ack 0 flags 1<<2; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  'an earlier one does not | a S 1000 ws=2 win=500; a S 999 win=7 | NEW, 120 s: SYN_SENT; a 1001..1001 win 500 ack 0 flags 1<<2; b 0..500 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  'the same one does not either | a S 1000 ws=2 win=500; a S 1000 win=7 | NEW, 120 s: SYN_SENT; a 1001..1001 win 500 ack 0 flags 1<<2; b 0..500 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  "b's later SYN-ACK in SYN_RECV is let through without effect | a S 1000; b SA 5000 1001 win=10; b SA 5001 1001 win=20 | ESTABLISHED, 60 s: SYN_RECV; a 1001..1011 win 1000 ack 0 flags 0<<0; b 5001..5001 win 10 ack 1001 flags 20<<0; last b SYNACK 5001..5002 ack 0 win 20 times 0",
  "b's later SYN in a simultaneous open | a S 1000; b S 5000; b S 6000 win=70 ws=3 sackok | INVALID:17, 120 s: SYN_SENT2; a 1001..1001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1000 ack 0 flags 0<<0; last b SYN 0..0 ack 0 win 0 times 0 noted 80<<0",
  "a's later SYN in a simultaneous open | a S 1000; b S 5000; a S 1500 win=70 | ESTABLISHED, 120 s: SYN_SENT2; a 1501..1001 win 1000 ack 0 flags 10<<0; b 5001..5001 win 1000 ack 0 flags 0<<0; last b SYN 0..0 ack 0 win 0 times 0 noted 80<<0",
  'the ACK of a later SYN-ACK after a simultaneous open | a S 1000; b S 5000; b SA 5010 1001 win=30 | ESTABLISHED, 120 s: SYN_SENT2; a 1001..1001 win 1000 ack 0 flags 0<<0; b 5011..5001 win 1000 ack 0 flags 10<<0; last b SYN 0..0 ack 0 win 0 times 0 noted 80<<0',
  "the SYN-ACK of a with a later number, after b's SYN | a S 1000; b S 5000; a SA 1020 5001 win=30 | ESTABLISHED, 120 s: SYN_SENT2; a 1021..1001 win 1000 ack 0 flags 10<<0; b 5001..5001 win 1000 ack 0 flags 0<<0; last b SYN 0..0 ack 0 win 0 times 0 noted 80<<0",
  'a later SYN-ACK of a in SYN_RECV | a S 1000; b S 5000; a SA 1000 5001 win=30; a SA 1030 5001 win=44 | ESTABLISHED, 60 s: SYN_RECV; a 1031..1031 win 44 ack 5001 flags 20<<0; b 5001..5045 win 1000 ack 0 flags 0<<0; last a SYNACK 0..0 ack 0 win 0 times 0 noted 80<<0',
  'a picked up connection: no end is enforced | a A 1001 5001 win=300 | NEW, 300 s: ESTABLISHED; a 1001..1301 win 300 ack 0 flags a<<0; b 0..0 win 0 ack 0 flags a<<0; last a ACK 0..0 ack 0 win 0 times 0',
  'with a window of zero, picked up | a A 1001 5001 win=0 | NEW, 300 s: ESTABLISHED; a 1001..1002 win 1 ack 0 flags a<<0; b 0..0 win 0 ack 0 flags a<<0; last a ACK 0..0 ack 0 win 0 times 0',
  "b's first segment there | a A 1001 5001 win=300; b PA 5001 1001 data=10 win=400 | ESTABLISHED, 300 s: ESTABLISHED; a 1001..1401 win 300 ack 0 flags a<<0; b 5011..5411 win 400 ack 1001 flags 2a<<0; last b ACK 5001..5011 ack 1001 win 400 times 0",
  "b's first segment with a window of zero | a A 1001 5001 win=300; b A 5001 1001 win=0 | ESTABLISHED, 300 s: ESTABLISHED; a 1001..1301 win 300 ack 0 flags a<<0; b 5001..5002 win 1 ack 1001 flags 2a<<0; last b ACK 5001..5001 ack 1001 win 0 times 0",
  "b's first segment with a window of one | a A 1001 5001 win=300; b A 5001 1001 win=1 | ESTABLISHED, 300 s: ESTABLISHED; a 1001..1301 win 300 ack 0 flags a<<0; b 5001..5002 win 1 ack 1001 flags 2a<<0; last b ACK 5001..5001 ack 1001 win 1 times 0",
  "a keep-alive begins it: b's answer moves a's end | a A 1000 5001 win=300; b A 5001 1001 win=400 | ESTABLISHED, 300 s: ESTABLISHED; a 1001..1401 win 300 ack 0 flags a<<0; b 5001..5401 win 400 ack 1001 flags 2a<<0; last b ACK 5001..5001 ack 1001 win 400 times 0",
  'two further is no keep-alive | a A 1000 5001 win=300; b A 5001 1002 win=400 | ESTABLISHED, 300 s: ESTABLISHED; a 1000..1300 win 300 ack 0 flags a<<0; b 5001..5401 win 400 ack 0 flags a<<0; last b ACK 0..0 ack 0 win 0 times 0',
  'one back is not | a A 1000 5001 win=300; b A 5001 999 win=400 | ESTABLISHED, 300 s: ESTABLISHED; a 1000..1399 win 300 ack 0 flags a<<0; b 5001..5401 win 400 ack 999 flags 2a<<0; last b ACK 5001..5001 ack 999 win 400 times 0',
  'a keep-alive at the end of the circle | a A 4294967295 5001 win=300; b A 5001 0 win=400 | ESTABLISHED, 300 s: ESTABLISHED; a 0..400 win 300 ack 0 flags a<<0; b 5001..5401 win 400 ack 0 flags 2a<<0; last b ACK 5001..5001 ack 0 win 400 times 0',
  'SACK is believed where it was picked up | a A 1001 5001 win=300; b A 5001 1001 win=400 sack=1001-1101 | ESTABLISHED, 300 s: ESTABLISHED; a 1001..1301 win 300 ack 0 flags a<<0; b 5001..5401 win 400 ack 0 flags a<<0; last b ACK 0..0 ack 0 win 0 times 0',
  'a larger window than any before is kept | open; a A 1001 5001 win=1500 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1500 ack 5001 flags 20<<0; b 5001..6501 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1500 times 0',
  'a window of the same size changes nothing | open; a A 1001 5001 win=1000 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 1',
  'data moves the end and is not acknowledged | open; a PA 1001 5001 data=500 | ESTABLISHED, 300 s: ESTABLISHED; a 1501..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1501 ack 5001 win 1000 times 0',
  'its ACK ends that | open; a PA 1001 5001 data=500; b A 5001 1501 | ESTABLISHED, 432000 s: ESTABLISHED; a 1501..2501 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1501 flags 20<<0; last b ACK 5001..5001 ack 1501 win 1000 times 0',
  'an ACK of a part does not | open; a PA 1001 5001 data=500; b A 5001 1500 | ESTABLISHED, 300 s: ESTABLISHED; a 1501..2500 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1500 flags 20<<0; last b ACK 5001..5001 ack 1500 win 1000 times 0',
  'an older segment moves nothing back | open; a PA 1001 5001 data=500; a PA 1001 5001 data=100 | ESTABLISHED, 300 s: ESTABLISHED; a 1501..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1101 ack 5001 win 1000 times 0',
  'data beyond what b allows makes the window of b larger by as much | open; a PA 2001 5001 data=10 | ESTABLISHED, 300 s: ESTABLISHED; a 2011..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1010 ack 1001 flags 20<<0; last a ACK 2001..2011 ack 5001 win 1000 times 0',
  'data up to it does not | open; a PA 1001 5001 data=1000 | ESTABLISHED, 300 s: ESTABLISHED; a 2001..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..2001 ack 5001 win 1000 times 0',
  'an older ACK keeps the highest one | open; b PA 5001 1001 data=100; a A 1001 5101; a A 1001 5050 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5101 flags 20<<0; b 5101..6101 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5050 win 1000 times 0',
  'a segment beyond it passes, and its end is noted | open; a PA 2002 5001 data=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 2012..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 0',
  'its ACK is fine then | open; a PA 2002 5001 data=10; b A 5001 2012 | ESTABLISHED, 432000 s: ESTABLISHED; a 2012..3012 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 2012 flags 20<<0; last b ACK 5001..5001 ack 2012 win 1000 times 0',
  'beyond it with an ACK of what b has not sent is INVALID | open; a PA 2002 5002 data=10 | INVALID:17, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 0',
  'beyond it with an ACK from long ago is INVALID | open; a PA 2002 4294906296 data=10 | INVALID:17, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 0',
  'with an ACK as old as may be it passes | open; a PA 2002 4294906297 data=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 2012..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 0',
  'the same ACK twice | open; a A 1001 5001 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 1',
  'three times | open; a A 1001 5001; a A 1001 5001 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 2',
  'with another window it is not the same | open; a A 1001 5001; a A 1001 5001 win=999 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 999 times 0',
  'with another ACK | open; b PA 5001 1001 data=10; a A 1001 5001; a A 1001 5002 | ESTABLISHED, 300 s: ESTABLISHED; a 1001..2001 win 1000 ack 5002 flags 20<<0; b 5011..6002 win 1000 ack 1001 flags 30<<0; last a ACK 1001..1001 ack 5002 win 1000 times 0',
  'with another number | open; a A 1001 5001; a A 1000 5001 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1000..1000 ack 5001 win 1000 times 0',
  'with the same number and more data | open; a PA 1001 5001 data=10; a PA 1001 5001 data=11 | ESTABLISHED, 300 s: ESTABLISHED; a 1012..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1012 ack 5001 win 1000 times 0',
  'the same number from the other side is not the same | a S 1000; b SA 1000 1001; a A 1001 1001; b A 1001 1001 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 1001 flags 20<<0; b 1001..2001 win 1000 ack 1001 flags 20<<0; last b ACK 1001..1001 ack 1001 win 1000 times 0',
  'what the other side repeats | open; b A 5001 1001; b A 5001 1001; b A 5001 1001 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last b ACK 5001..5001 ack 1001 win 1000 times 2',
  'a FIN in between is not compared | open; a A 1001 5001; a FA 1001 5001 | ESTABLISHED, 120 s: FIN_WAIT; a 1002..2001 win 1000 ack 5001 flags 34<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a FIN 1001..1001 ack 5001 win 1000 times 1',
  'a window of zero allows one byte | open; b A 5001 1001 win=0; a PA 1001 5001 data=1; b A 5001 1001 win=0 | ESTABLISHED, 300 s: ESTABLISHED; a 1002..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last b ACK 5001..5001 ack 1001 win 0 times 0',
  'after the window of zero is filled | open; a PA 1001 5001 data=1000; b A 5001 2001 win=0 | ESTABLISHED, 300 s: ESTABLISHED; a 2001..2002 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 2001 flags 20<<0; last b ACK 5001..5001 ack 2001 win 0 times 0',
  'a smaller end is not taken | open; b A 5001 1001 win=999 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last b ACK 5001..5001 ack 1001 win 999 times 0',
  'one more is | open; b A 5001 1001 win=1001 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2002 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1001 ack 1001 flags 20<<0; last b ACK 5001..5001 ack 1001 win 1001 times 0',
  'SACK blocks allow as much as they acknowledge | a S 1000 ws=0 sackok; b SA 5000 1001 ws=0 sackok win=500; a A 1001 5001; a PA 1001 5001 data=100; a PA 1101 5001 data=100; b A 5001 1001 win=500 sack=1101-1201 | ESTABLISHED, 300 s: ESTABLISHED; a 1201..1701 win 1000 ack 5001 flags 33<<0; b 5001..6001 win 700 ack 1001 flags 23<<0; last b ACK 5001..5001 ack 1001 win 500 times 0',
  'what b offers counts from the highest edge | a S 1000 ws=0 sackok; b SA 5000 1001 ws=0 sackok win=500; a A 1001 5001; a PA 1001 5001 data=100; a PA 1101 5001 data=100; b A 5001 1001 win=450 sack=1101-1201 | ESTABLISHED, 300 s: ESTABLISHED; a 1201..1651 win 1000 ack 5001 flags 33<<0; b 5001..6001 win 650 ack 1001 flags 23<<0; last b ACK 5001..5001 ack 1001 win 450 times 0',
  'without the ACK flag the number is not looked at | open; b R 5001 700000 | ESTABLISHED, 10 s: CLOSE; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last b RST 1001..1001 ack 5001 win 1000 times 0',
  'a RST with an ACK of zero is not looked at either | a S 100000; b SA 500000 100001; a RA 100001 0 | ESTABLISHED, 10 s: CLOSE; a 100001..101001 win 1000 ack 500001 flags 20<<0; b 500001..501001 win 1000 ack 100001 flags 20<<0; last a RST 0..0 ack 0 win 0 times 0',
  'a RST with another one is | open; a RA 1001 900000 | INVALID:18, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a RST 1001..1001 ack 5001 win 1000 times 0',
  'an ACK of zero without RST is | a S 100000; b SA 500000 100001; a A 100001 0 | ESTABLISHED, 60 s: SYN_RECV; a 100001..101001 win 1000 ack 0 flags 0<<0; b 500001..500001 win 1000 ack 100001 flags 20<<0; last b SYNACK 0..0 ack 0 win 0 times 0',
  "a RST with the number zero that answers a SYN takes a's | a S 1000; b RA 0 1001 | ESTABLISHED, -1 s: none",
  'not once there was an answer | a S 1000; b SA 5000 1001; a R 0 | ESTABLISHED, 60 s: SYN_RECV; a 1001..2001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 1000 ack 1001 flags 20<<0; last b SYNACK 0..0 ack 0 win 0 times 0',
  'numbers beyond the half of the circle, window included | a S 2147483000; b SA 2147483600 2147483001 win=2000; a A 2147483001 2147483601 win=2000; a PA 2147483001 2147483601 data=900; b A 2147483601 2147483901 win=2000 | ESTABLISHED, 432000 s: ESTABLISHED; a 2147483901..2147485901 win 2000 ack 2147483601 flags 20<<0; b 2147483601..2147485601 win 2000 ack 2147483901 flags 20<<0; last b ACK 2147483601..2147483601 ack 2147483901 win 2000 times 0',
  'numbers at the end of the circle, window included | a S 4294967000; b SA 4294967200 4294967001 win=2000; a A 4294967001 4294967201 win=2000; a PA 4294967001 4294967201 data=900; b A 4294967201 605 win=2000 | ESTABLISHED, 432000 s: ESTABLISHED; a 605..2605 win 2000 ack 4294967201 flags 20<<0; b 4294967201..1905 win 2000 ack 605 flags 20<<0; last b ACK 4294967201..4294967201 ack 605 win 2000 times 0',
  'a window of exactly 66,000 | a S 1000 ws=4; b SA 5000 1001 ws=0; a A 1001 5001 win=4125; a A 1001 4294906297 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 66000 ack 5001 flags 21<<4; b 5001..71001 win 1000 ack 1001 flags 21<<0; last a ACK 1001..1001 ack 4294906297 win 1000 times 0',
  'the largest window | a S 1000 ws=14; b SA 5000 1001 ws=14; a A 1001 5001 win=65535; b A 5001 1001 win=65535; a PA 1001 5001 data=1000; b A 5001 2001 win=65535 | ESTABLISHED, 432000 s: ESTABLISHED; a 2001..1073727441 win 1073725440 ack 5001 flags 21<<14; b 5001..1073730441 win 1073725440 ack 2001 flags 21<<14; last b ACK 5001..5001 ack 2001 win 65535 times 0',
  'liberal: beyond everything, nothing moves | tcp_be_liberal=1: open; a PA 900000 900000 data=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 0',
  'liberal: what overshoots moves the end all the same | tcp_be_liberal=1: open; a PA 2002 5001 data=10 | ESTABLISHED, 300 s: ESTABLISHED; a 2012..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1000 times 0',
  'the last segment that fits, from b | open; b PA 6001 1001 data=10 | ESTABLISHED, 300 s: ESTABLISHED; a 1001..2001 win 1010 ack 5001 flags 20<<0; b 6011..6001 win 1000 ack 1001 flags 30<<0; last b ACK 6001..6011 ack 1001 win 1000 times 0',
  'the segment behind it, from b | open; b PA 6002 1001 data=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 5001 flags 20<<0; b 6012..6001 win 1000 ack 1001 flags 30<<0; last a ACK 1001..1001 ack 5001 win 1000 times 0',
  'a window that is larger than 66,000 lets ACKs be as old | a S 1000 ws=4; b SA 5000 1001 ws=0; a A 1001 5001 win=65535; a A 1001 4293923737 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1048560 ack 5001 flags 21<<4; b 5001..1053561 win 1000 ack 1001 flags 21<<0; last a ACK 1001..1001 ack 4293923737 win 1000 times 0',
  'one older is let through without effect | a S 1000 ws=4; b SA 5000 1001 ws=0; a A 1001 5001 win=65535; a A 1001 4293923736 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1048560 ack 5001 flags 21<<4; b 5001..1053561 win 1000 ack 1001 flags 21<<0; last a ACK 1001..1001 ack 5001 win 65535 times 0',
  "the window of the sender counts, not the other's | a S 1000 ws=0; b SA 5000 1001 ws=4; a A 1001 5001; b A 5001 1001 win=65535; a A 1001 4293923737 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..1049561 win 1000 ack 5001 flags 21<<0; b 5001..6001 win 1048560 ack 1001 flags 21<<4; last b ACK 5001..5001 ack 1001 win 65535 times 0",
  'a SYN that is later by one begins anew | a S 1000; a S 1001 win=7 | NEW, 120 s: SYN_SENT; a 1002..1002 win 7 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  'one that is later beyond the half of the circle | a S 2147483000; a S 2147484000 win=7 | NEW, 120 s: SYN_SENT; a 2147484001..2147484001 win 7 ack 0 flags 0<<0; b 0..1000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  'a larger window of a later SYN counts for b | a S 1000; a S 2000 win=3000 | NEW, 120 s: SYN_SENT; a 2001..2001 win 3000 ack 0 flags 0<<0; b 0..3000 win 0 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  "data with the handshake's ACK does not begin anew | a S 1000; b SA 5000 1001; a PA 1001 5001 data=10 win=7 | ESTABLISHED, 300 s: ESTABLISHED; a 1011..2001 win 1000 ack 5001 flags 30<<0; b 5001..5008 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1011 ack 5001 win 7 times 0",
  "after a RST with a wrong ACK, b's SYN begins b's window anew | a S 1000; b RA 7 900000; b S 5000 win=3000 ws=3 | ESTABLISHED, 120 s: SYN_SENT2; a 1001..1001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 3000 ack 0 flags 1<<0; last b SYN 0..0 ack 0 win 0 times 0 noted 80<<0",
  'and so does its SYN-ACK | a S 1000; b RA 7 900000; b SA 5000 1001 win=3000 ws=3 | ESTABLISHED, 60 s: SYN_RECV; a 1001..4001 win 1000 ack 0 flags 0<<0; b 5001..5001 win 3000 ack 1001 flags 21<<0; last b SYNACK 0..0 ack 0 win 0 times 0',
  "a's SYN then opens b's window as far as before | a S 1000; b RA 7 900000; a S 2000 win=3000 | NEW, 120 s: SYN_SENT; a 2001..2001 win 3000 ack 0 flags 0<<0; b 7..3007 win 1000 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0",
  "a RST of number zero is taken for b's own, wherever b's window is | a S 1000; b RA 700000 900000 win=10; b RA 0 1001 | ESTABLISHED, -1 s: none",
  'one of another number is not | a S 1000; b RA 700000 900000 win=10; b RA 5 1001 | ESTABLISHED, 120 s: SYN_SENT; a 1001..1001 win 1000 ack 0 flags 0<<0; b 700000..700010 win 10 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  'a SYN-ACK of number zero is not | a S 1000; b RA 700000 900000 win=10; b SA 0 1001 | ESTABLISHED, 120 s: SYN_SENT; a 1001..1001 win 1000 ack 0 flags 0<<0; b 700000..700010 win 10 ack 0 flags 0<<0; last a SYN 0..0 ack 0 win 0 times 0',
  "a's RST of number zero before any answer | a S 100000; a R 0 | NEW, -1 s: none",
  'of number five | a S 100000; a R 5 | NEW, -1 s: none',
  "b's RST of number zero after its answer is old | a S 100000; b SA 500000 100001; b R 0 | ESTABLISHED, 60 s: SYN_RECV; a 100001..101001 win 1000 ack 0 flags 0<<0; b 500001..500001 win 1000 ack 100001 flags 20<<0; last b SYNACK 0..0 ack 0 win 0 times 0",
  "picked up, more than fits while b's window is unknown | a A 1001 0 win=300; a PA 1301 0 data=500 | NEW, 300 s: ESTABLISHED; a 1801..1301 win 1000 ack 0 flags 3a<<0; b 0..1000 win 0 ack 0 flags a<<0; last a ACK 1301..1801 ack 0 win 1000 times 0",
  'beyond a window of one | a S 1000; b SA 5000 1001 win=0; a A 1001 5001; a PA 1002 5001 data=5 | ESTABLISHED, 300 s: ESTABLISHED; a 1007..1002 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 6 ack 1001 flags 20<<0; last a ACK 1002..1007 ack 5001 win 1000 times 0',
  'beyond the window by one byte | open; a PA 2001 5001 data=1 | ESTABLISHED, 300 s: ESTABLISHED; a 2002..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1001 ack 1001 flags 20<<0; last a ACK 2001..2002 ack 5001 win 1000 times 0',
  'a part of a segment again is not the same | open; a PA 1001 5001 data=10; a PA 1006 5001 data=5 | ESTABLISHED, 300 s: ESTABLISHED; a 1011..2001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 1001 flags 20<<0; last a ACK 1006..1011 ack 5001 win 1000 times 0',
  'an odd window again is the same | open; a A 1001 5001 win=1001; a A 1001 5001 win=1001 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1001 ack 5001 flags 20<<0; b 5001..6002 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 5001 win 1001 times 1',
  'a segment across the half of the circle again is the same | a S 2147483599; b SA 5000 2147483600; a A 2147483600 5001; a PA 2147483600 5001 data=100; a PA 2147483600 5001 data=100 | ESTABLISHED, 300 s: ESTABLISHED; a 2147483700..2147484600 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 2147483600 flags 20<<0; last a ACK 2147483600..2147483700 ack 5001 win 1000 times 1',
  'a keep-alive at the half of the circle | a A 2147483647 5001 win=300; b A 5001 2147483648 win=400 | ESTABLISHED, 300 s: ESTABLISHED; a 2147483648..2147484048 win 300 ack 0 flags a<<0; b 5001..5401 win 400 ack 2147483648 flags 2a<<0; last b ACK 5001..5001 ack 2147483648 win 400 times 0',
  'beyond the window, across the half of the circle | a S 2147483000; b SA 5000 2147483001; a A 2147483001 5001; a PA 2147484002 5001 data=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 2147484012..2147484001 win 1000 ack 5001 flags 30<<0; b 5001..6001 win 1000 ack 2147483001 flags 20<<0; last a ACK 2147483001..2147483001 ack 5001 win 1000 times 0',
  'beyond it with an older ACK, across the half of the circle | a S 1000; b SA 2147483600 1001; a A 1001 2147483601; b PA 2147483601 1001 data=100; a A 1001 2147483701; a PA 2002 2147483610 data=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 2012..2001 win 1000 ack 2147483701 flags 30<<0; b 2147483701..2147484701 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 2147483701 win 1000 times 0',
  'beyond it with the newest ACK across it | a S 1000; b SA 2147483600 1001; a A 1001 2147483601; b PA 2147483601 1001 data=100; a A 1001 2147483701; a PA 2002 2147483701 data=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 2012..2001 win 1000 ack 2147483701 flags 30<<0; b 2147483701..2147484701 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 2147483701 win 1000 times 0',
  'an older ACK from before the half of the circle | a S 1000; b SA 2147483600 1001; a A 1001 2147483601; b PA 2147483601 1001 data=100; a A 1001 2147483701; a A 1001 2147483610 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..2001 win 1000 ack 2147483701 flags 20<<0; b 2147483701..2147484701 win 1000 ack 1001 flags 20<<0; last a ACK 1001..1001 ack 2147483610 win 1000 times 0',
  'a SACK edge far beyond the ACK makes a window of more than half the circle | a S 1000 ws=0 sackok; b SA 5000 1001 ws=14 sackok; a A 1001 5001; b A 5001 2147485000 sack=900-1001 win=65535 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..1073726441 win 1000 ack 5001 flags 23<<0; b 5001..6001 win 3221208737 ack 1001 flags 23<<14; last b ACK 5001..5001 ack 2147485000 win 65535 times 0',
  'it stays, whatever is offered later | a S 1000 ws=0 sackok; b SA 5000 1001 ws=14 sackok; a A 1001 5001; b A 5001 2147485000 sack=900-1001 win=65535; b A 5001 1001 win=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..1073726441 win 1000 ack 5001 flags 23<<0; b 5001..6001 win 3221208737 ack 1001 flags 23<<14; last b ACK 5001..5001 ack 2147485000 win 65535 times 0',
  'a may then send far beyond | a S 1000 ws=0 sackok; b SA 5000 1001 ws=14 sackok; a A 1001 5001; b A 5001 2147485000 sack=900-1001 win=65535; a PA 1073759600 5001 data=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 1073759610..1073726441 win 1000 ack 5001 flags 33<<0; b 5001..6001 win 3221208737 ack 1001 flags 23<<14; last b ACK 5001..5001 ack 2147485000 win 65535 times 0',
  'and b may acknowledge what is long ago | a S 1000 ws=0 sackok; b SA 5000 1001 ws=14 sackok; a A 1001 5001; b A 5001 2147485000 sack=900-1001 win=65535; b A 5001 3000000000 win=10 | ESTABLISHED, 432000 s: ESTABLISHED; a 1001..3000163840 win 1000 ack 5001 flags 23<<0; b 5001..6001 win 3221208737 ack 1001 flags 23<<14; last b ACK 5001..5001 ack 3000000000 win 10 times 0',
];

test.each(ROWS.map((row) => row.split(' | ')))('%s', (_claim, steps, record) => {
  const [, sysctl, rest] = /^(?:([a-z_=0-9 ]+): )?(.*)$/.exec(steps)!;
  const settings = (sysctl ?? '').split(' ').map((part) => part.split('='));
  const b = new TrackBench({
    log_invalid: 255,
    ...Object.fromEntries(settings.filter(([name]) => name !== '').map(([name, value]) => [name, Number(value)])),
  });
  const said = talkWithOptions(b, ...rest!.split('; ').flatMap((step) => (step === 'open' ? HANDSHAKE : [step])));
  expect(`${said.at(-1)}, ${b.left} s: ${tcpRecord(b)}`).toBe(record);
});

test('what is told on one side in longer numbers is compared in those of the other', () => {
  // a's data from 1001 on, or from the middle of the circle, became 7 bytes longer behind this host
  for (const first of [1001, 2147483640]) {
    const c = new TrackBench({ log_invalid: 255 });
    talkWithOptions(c, `a S ${first - 1}`, `b SA 5000 ${first}`, `a A ${first} 5001`, `a PA ${first} 5001 data=10`);
    const slot = c.slots[0]!;
    noteLength(c.tracker.table.coldOf(slot).needHelp(), 0, first, 7);
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    c.tracker.table.words[at] = c.tracker.table.words[at]! | IPS_SEQ_ADJUST;
    const said = (ack: number) => talkWithOptions(c, `b A 5001 ${ack}`)[0];
    expect(said(first + 18)).toBe(`INVALID:${REASON_TCP_ACK_OVER}`);
    expect([said(first), c.left]).toEqual(['ESTABLISHED', 300]);
    expect(tcpRecord(c)).toContain(`ack ${first} flags`);
    expect(said(first + 1)).toBe('ESTABLISHED');
    expect(tcpRecord(c)).toContain(`b 5001..6001 win 1000 ack ${first + 1} flags`);
    expect(said(first + 2)).toBe('ESTABLISHED');
    expect(tcpRecord(c)).toContain(`ack ${first - 5} win 1000 times`);
    expect([said(first + 17), c.left]).toEqual(['ESTABLISHED', 432000]);
    expect(tcpRecord(c)).toContain(`b 5001..6001 win 1000 ack ${first + 10} flags`);
    expect(tcpRecord(c)).toContain(`a ${first + 10}..${first + 1010} win`);
  }
});

test.each([70001, 3000000000])('a connection of which no window is known begins anew (with ACK %i)', (ack) => {
  const b = new TrackBench({ log_invalid: 255 });
  talkWithOptions(b, ...HANDSHAKE);
  const base = b.slots[0]! << RECORD_SHIFT;
  b.tracker.table.words.fill(0, base + R_WINDOW, base + R_LAST + 1);
  expect(talkWithOptions(b, `a A 90001 ${ack} win=300`)).toEqual(['ESTABLISHED']);
  expect(tcpRecord(b)).toBe(
    `ESTABLISHED; a 90001..90301 win 300 ack ${ack} flags 20<<0; b ${ack}..${ack + 300} win 0 ack 0 flags 0<<0; ` +
      `last a ACK 90001..90001 ack ${ack} win 300 times 0`,
  );
});
