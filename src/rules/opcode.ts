/**
 * Which uses of an extension have an opcode, read from name and spec. What is not recognised here runs as a function.
 */
import { CT_NONE, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../wire/packet.js';
import { asksStateAlone, type ConntrackSpec } from './match/conntrack.js';
import type { MarkSpec } from './match/mark.js';
import type { MultiportSpec } from './match/multiport.js';
import type { PortRange } from './match/ports.js';
import { type StateSpec, stateMask } from './match/state.js';
import type { TcpSpec } from './match/tcp.js';
import type { UdpSpec } from './match/udp.js';
import type { MatchUse, Rule } from './model.js';
import { PORT_SET_DESTINATION, PORT_SET_INVERT, PORT_SET_SOURCE } from './program.js';

/** How a match is tested. */
export type OpcodeForm =
  /** Always true (comment). */
  | { kind: 'nothing' }
  | { kind: 'function' }
  /** `mask` of 1 << CT_ constant. */
  | { kind: 'state'; mask: number }
  /** tcp, udp: each part null = not tested. */
  | {
      kind: 'ports';
      source: PortRange | null;
      destination: PortRange | null;
      flags: { mask: number; wanted: number; invert: boolean } | null;
    }
  | { kind: 'mark'; value: number; mask: number; invert: boolean }
  /** multiport: PORT_SET_ bits; each range from | to << 16. */
  | { kind: 'portSet'; bits: number; ranges: number[] };

const FUNCTION: OpcodeForm = { kind: 'function' };

/** The form in which one match of a rule is tested. */
export function opcodeForm(use: MatchUse, rule: Rule): OpcodeForm {
  const protocol = rule.protocol === null || rule.protocol.invert ? 0 : rule.protocol.number;
  switch (use.extension.name) {
    case 'comment':
      return { kind: 'nothing' };
    case 'tcp':
      return protocol === IPPROTO_TCP ? tcpForm(use.spec as TcpSpec) : FUNCTION;
    case 'udp':
      return protocol === IPPROTO_UDP ? portForm(use.spec as UdpSpec, null) : FUNCTION;
    case 'multiport':
      return HAVE_PORTS.includes(protocol) ? multiportForm(use.spec as MultiportSpec) : FUNCTION;
    case 'conntrack':
      return conntrackForm(use.spec as ConntrackSpec);
    case 'state': {
      const { mask, invert } = use.spec as StateSpec;
      return stateForm(mask, invert);
    }
    case 'mark': {
      const { mark, mask, invert } = use.spec as MarkSpec;
      return { kind: 'mark', value: mark, mask, invert };
    }
    default:
      return FUNCTION;
  }
}

/** Protocols whose regular packets have T_PORTS. */
const HAVE_PORTS: readonly number[] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP];

function tcpForm(spec: TcpSpec): OpcodeForm {
  return spec.option === null ? portForm(spec, spec.flags) : FUNCTION;
}

function portForm({ source, destination }: UdpSpec, flags: TcpSpec['flags']): OpcodeForm {
  return { kind: 'ports', source: asked(source), destination: asked(destination), flags };
}

/** null for a range that every port fits. */
function asked(range: PortRange): PortRange | null {
  return range.from === 0 && range.to === 65535 && !range.invert ? null : range;
}

function multiportForm({ which, ranges, invert }: MultiportSpec): OpcodeForm {
  const bits =
    (which === 'dports' ? 0 : PORT_SET_SOURCE) |
    (which === 'sports' ? 0 : PORT_SET_DESTINATION) |
    (invert ? PORT_SET_INVERT : 0);
  const packed: number[] = [];
  for (let i = 0; i < ranges.length; i += 2) packed.push(ranges[i]! | (ranges[i + 1]! << 16));
  return { kind: 'portSet', bits, ranges: packed };
}

function conntrackForm(spec: ConntrackSpec): OpcodeForm {
  return asksStateAlone(spec) ? stateForm(spec.ctstate!.value, spec.ctstate!.invert) : FUNCTION;
}

function stateForm(states: number, invert: boolean): OpcodeForm {
  const mask = stateMask(states);
  return { kind: 'state', mask: invert ? ~mask & ALL_STATES : mask };
}

/** A bit for each CT_ constant. */
const ALL_STATES = (2 << CT_NONE) - 1;
