/** -j TCPOPTSTRIP: overwrites TCP options with "no operation". */
import { replace16, TCP_CHECKSUM_AT } from '../../wire/checksum.js';
import { HAS_PULLED_TCP, IPPROTO_TCP, type Packet } from '../../wire/packet.js';
import { VERDICT_CONTINUE, VERDICT_DROP } from '../context.js';
import type { OptionContext, TargetExtension } from '../extension.js';
import { needsProtocol } from '../match/ports.js';
import { TCP_NOT_HERE, tcpHeaderLen, tcpHeaderOff, tcpOptionLen } from '../tcp-header.js';
import { readUint } from '../values.js';

const TCP_HEADER_LEN = 20;
const NOP = 1;

const NAMES: ReadonlyMap<string, number> = new Map([
  ['mss', 2],
  ['wscale', 3],
  ['sack-permitted', 4],
  ['sack', 5],
  ['timestamp', 8],
  ['md5', 19],
]);

/** Options of -j TCPOPTSTRIP. */
export interface TcpoptstripSpec {
  /** Option kinds, sorted. */
  kinds: number[];
}

/** -j TCPOPTSTRIP. Behaviour: net/netfilter/xt_TCPOPTSTRIP.c tcpoptstrip_mangle_packet. */
export const TCPOPTSTRIP: TargetExtension<TcpoptstripSpec> = {
  name: 'TCPOPTSTRIP',
  families: [2, 10],
  tables: ['mangle'],
  options: [{ name: 'strip-options', args: 1 }],
  init: () => ({ kinds: [] }),
  option(spec, _option, value, _invert, c) {
    const kinds = new Set<number>();
    for (const word of value.split(',')) {
      const kind = readKind(word, c);
      if (kinds.has(kind)) c.fail(`Option "${word}" already specified`, value);
      kinds.add(kind);
    }
    spec.kinds = [...kinds].sort((a, b) => a - b);
  },
  save: (spec) => (spec.kinds.length === 0 ? '' : `--strip-options ${spec.kinds.join(',')}`),
  list(spec, _family, numeric) {
    if (spec.kinds.length === 0) return '';
    return ` TCPOPTSTRIP options ${(numeric ? spec.kinds : spec.kinds.map(kindName)).join(',')}`;
  },
  refusedBy: (_spec, around) => needsProtocol('TCPOPTSTRIP', IPPROTO_TCP, around),
  load(spec) {
    const strip = new Uint8Array(256);
    for (const kind of spec.kinds) strip[kind] = 1;
    return (p) => {
      const at = tcpHeaderOff(p);
      if (at < 0) return at === TCP_NOT_HERE ? VERDICT_CONTINUE : VERDICT_DROP;
      p.has |= HAS_PULLED_TCP;
      stripOptions(p, at, strip);
      return VERDICT_CONTINUE;
    };
  },
};

/** "End of list" does not end the walk: the kernel looks at every option that has room for kind and length. */
function stripOptions(p: Packet, from: number, strip: Uint8Array): void {
  const bytes = p.bytes;
  const end = from + tcpHeaderLen(p, from);
  for (let at = from + TCP_HEADER_LEN; at < end - 1; ) {
    const next = at + tcpOptionLen(bytes, at);
    if (next > end) return;
    if (strip[bytes[at] as number] !== 0) {
      for (let i = at; i < next; i++) setNop(bytes, from, i);
    }
    at = next;
  }
}

function setNop(bytes: Uint8Array, from: number, at: number): void {
  // The byte's place in its 16-bit word.
  const shift = ((at - from) & 1) === 0 ? 8 : 0;
  replace16(bytes, from + TCP_CHECKSUM_AT, (bytes[at] as number) << shift, NOP << shift);
  bytes[at] = NOP;
}

function kindName(kind: number): string {
  for (const [name, known] of NAMES) if (known === kind) return name;
  return String(kind);
}

function readKind(word: string, c: OptionContext): number {
  const kind = NAMES.get(word) ?? readUint(word, 0, 255);
  if (kind < 0) c.fail(`Bad TCP option value "${word}"`, word);
  if (kind < 2) c.fail('Option value may not be 0 or 1', word);
  return kind;
}
