import { expect, it } from 'vitest';
import * as K from '../../test/support/rules.js';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_NONE, CT_RELATED, CT_UNTRACKED } from '../wire/packet.js';
import type { MatchExtension } from './extension.js';
import { comment } from './match/comment.js';
import { conntrack } from './match/conntrack.js';
import { mark } from './match/mark.js';
import { multiport } from './match/multiport.js';
import { STATE_SNAT, state } from './match/state.js';
import { tcp } from './match/tcp.js';
import { udp } from './match/udp.js';
import { opcodeForm } from './opcode.js';
import { PORT_SET_DESTINATION, PORT_SET_INVERT, PORT_SET_SOURCE } from './program.js';

const bits = (...states: number[]) => states.reduce((mask, s) => mask | (1 << s), 0);
const ports = (from: number, to: number, invert = false) => ({ from, to, invert });
const any = ports(0, 65535);
const ct = (part: object) => ({ ...conntrack.init(2), ...part });
const TCP = { number: 6, invert: false };
const UDP = { number: 17, invert: false };
const FUNCTION = { kind: 'function' };

const rows: [string, MatchExtension, unknown, typeof TCP | null, object][] = [
  ['a comment is nothing', comment, { text: '' }, null, { kind: 'nothing' }],
  [
    'tcp ports and flags',
    tcp,
    { source: any, destination: ports(22, 22), flags: { mask: 23, wanted: 2, invert: false }, option: null },
    TCP,
    { kind: 'ports', source: null, destination: ports(22, 22), flags: { mask: 23, wanted: 2, invert: false } },
  ],
  ['a tcp option has none', tcp, { source: any, destination: any, flags: null, option: { kind: 2 } }, TCP, FUNCTION],
  ['tcp without -p tcp has none', tcp, { source: any, destination: any, flags: null, option: null }, null, FUNCTION],
  ['udp with -p tcp has none', udp, { source: any, destination: any }, TCP, FUNCTION],
  [
    'all ports, inverted, are tested: none fits',
    udp,
    { source: any, destination: ports(0, 65535, true) },
    UDP,
    { kind: 'ports', source: null, destination: ports(0, 65535, true), flags: null },
  ],
  [
    'multiport',
    multiport,
    { which: 'ports', ranges: [22, 22, 60000, 65535], invert: true },
    TCP,
    {
      kind: 'portSet',
      bits: PORT_SET_SOURCE | PORT_SET_DESTINATION | PORT_SET_INVERT,
      ranges: [22 | (22 << 16), 60000 | (65535 << 16)],
    },
  ],
  [
    'multiport of destination ports',
    multiport,
    { which: 'dports', ranges: [1, 2], invert: false },
    UDP,
    { kind: 'portSet', bits: PORT_SET_DESTINATION, ranges: [1 | (2 << 16)] },
  ],
  [
    'multiport without ports has none',
    multiport,
    { which: 'dports', ranges: [1, 2] },
    { number: 33, invert: false },
    FUNCTION,
  ],
  ['mark', mark, { mark: 1, mask: 3, invert: true }, null, { kind: 'mark', value: 1, mask: 3, invert: true }],
  ['state', state, { mask: bits(CT_NEW), invert: false }, null, { kind: 'state', mask: bits(CT_NEW) }],
  [
    'INVALID is what tracking has not seen, too',
    conntrack,
    ct({ ctstate: { value: bits(CT_INVALID), invert: false } }),
    null,
    { kind: 'state', mask: bits(CT_INVALID, CT_NONE) },
  ],
  [
    '! --ctstate is the other states',
    conntrack,
    ct({ ctstate: { value: bits(CT_NEW, CT_RELATED), invert: true } }),
    null,
    { kind: 'state', mask: bits(CT_INVALID, CT_ESTABLISHED, CT_UNTRACKED, CT_NONE) },
  ],
  ['--ctstate SNAT has none', conntrack, ct({ ctstate: { value: STATE_SNAT, invert: false } }), null, FUNCTION],
  ['--ctdir has none', conntrack, ct({ ctstate: { value: 2, invert: false }, ctdir: 0 }), null, FUNCTION],
  ['no --ctstate has none', conntrack, ct({ ctdir: 0 }), null, FUNCTION],
];

it.each(rows)('%s', (_name, extension, spec, protocol, form) => {
  expect(opcodeForm({ extension, spec }, K.rule({ protocol }))).toEqual(form);
});
