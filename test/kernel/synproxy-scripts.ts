/**
 * Conversations through -j SYNPROXY in which a client, or a server, answers whatever came out: what the router makes up is compared with
 * other numbers here, or begins a connection anew.
 */
import { ACK, type Action, CWR, ECE, FIN, PSH, RST, SYN } from '../support/tcp-ends.js';

/** One conversation. */
export interface Script {
  name: string;
  /** Options of the target. */
  target: string;
  actions: readonly Action[];
}

const ALL = '--sack-perm --timestamp --wscale 7 --mss 1460';
const OFFER = { mss: 1400, sack: true, stamp: 5000, scale: 5 };
const stamp = { stamp: 5001 };
const stamped = { stamp: 900_003 };

const syn: Action = { who: 'client', flags: SYN, options: OFFER };
const ack: Action = { who: 'client', flags: ACK, options: stamp };
const synAck: Action = {
  who: 'server',
  flags: SYN | ACK,
  seq: 0,
  options: { mss: 1300, sack: true, stamp: 900_000, scale: 3 },
};
const open: readonly Action[] = [syn, ack, synAck];
const ask: Action = { who: 'client', flags: PSH | ACK, data: 10, options: stamp };
const tell: Action = { who: 'server', flags: PSH | ACK, data: 20, options: stamped };
const talk: readonly Action[] = [ask, tell, { who: 'client', flags: ACK, options: { stamp: 5004 } }];
const close: readonly Action[] = [
  { who: 'client', flags: FIN | ACK, options: stamp },
  { who: 'server', flags: FIN | ACK, options: stamped },
  { who: 'client', flags: ACK, options: stamp },
];
const reset = (who: 'client' | 'server'): Action => ({ who, flags: RST | ACK });
/** The same ports, other numbers. */
const later: Action = { who: 'client', flags: SYN, seq: 90_000, options: { mss: 1300, stamp: 6000 } };

export const SCRIPTS: readonly Script[] = [
  { name: 'a whole connection', target: ALL, actions: [...open, ...talk, ...close] },
  { name: 'no options', target: '', actions: [{ ...syn, options: {} }, { ...ack, options: {} }, synAck, ...talk] },
  {
    name: 'a target without timestamps',
    target: '--sack-perm --wscale 7 --mss 1460',
    actions: [...open, ...talk, ...close],
  },
  {
    name: 'congestion',
    target: `${ALL} --ecn`,
    actions: [{ ...syn, flags: SYN | ECE | CWR }, ack, { ...synAck, flags: SYN | ACK | ECE }, ...talk],
  },
  { name: 'a SYN again and again', target: ALL, actions: [syn, syn, syn, ack, synAck, ...talk] },
  { name: 'the ACK is one off', target: ALL, actions: [syn, { ...ack, ackOff: 1 }, synAck, ...talk] },
  { name: 'the ACK is of nothing', target: ALL, actions: [syn, { ...ack, ackOff: 5_000_000 }, synAck] },
  { name: 'an ACK without a SYN', target: ALL, actions: [ack, synAck, ask] },
  {
    name: 'a client that asks again',
    target: ALL,
    actions: [syn, ack, { ...ack, seq: 0 }, { ...ack, seq: 0, data: 1 }, synAck, ...talk],
  },
  { name: 'the server refuses', target: ALL, actions: [syn, ack, { who: 'server', flags: RST | ACK, seq: -700_000 }] },
  { name: 'the server resets', target: ALL, actions: [...open, ...talk, reset('server'), ask] },
  { name: 'the client resets', target: ALL, actions: [...open, ...talk, reset('client'), tell] },
  { name: 'a late SYN/ACK', target: ALL, actions: [...open, ...talk, synAck, ask] },
  { name: 'the ACK twice', target: ALL, actions: [syn, ack, ack, synAck, ack, ...talk] },
  { name: 'the same ports after a reset', target: ALL, actions: [...open, ...talk, reset('server'), later] },
  { name: 'the same ports after the client has reset', target: ALL, actions: [...open, reset('client'), later, ack] },
  { name: 'the same ports after the end', target: ALL, actions: [...open, ...talk, ...close, later] },
  { name: 'the same ports at once', target: ALL, actions: [...open, ...talk, later] },
];
