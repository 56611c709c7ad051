/** -m socket: whether a socket of the host waits for the packet (xt_socket.c, socket_match; nf_socket_ipv4.c, nf_socket_ipv6.c). */
import { IPS_SRC_NAT_DONE, R_STATUS, RECORD_SHIFT } from '../../conntrack/layout.js';
import {
  AF_INET,
  AF_INET6,
  CT_ESTABLISHED,
  CT_NONE,
  CT_RELATED,
  HAS_PORTS,
  HOOK_INPUT,
  HOOK_PREROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
  type Packet,
  T_DST,
  T_PORTS,
  T_SRC,
  TUPLE_WORDS,
} from '../../wire/packet.js';
import type { RuleContext } from '../context.js';
import type { MatchExtension } from '../extension.js';
import { NO_SOCKET, SOCKETS_ANY, type SocketFacts } from '../host-facts.js';
import { wantsHooks } from '../kernel-checks.js';
import { QuotedPacket } from '../quoted-packet.js';

/** Options of -m socket. */
export interface SocketSpec {
  transparent: boolean;
  nowildcard: boolean;
  restoreMark: boolean;
}

const HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_INPUT);
const TCP_HEADER_LEN = 20;
const TCP_SYN = 2;
const TCP_ACK = 16;

/** The `socket` match. */
export const socket: MatchExtension<SocketSpec> = {
  name: 'socket',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'transparent', args: 0 },
    { name: 'nowildcard', args: 0 },
    { name: 'restore-skmark', args: 0 },
  ],
  init: () => ({ transparent: false, nowildcard: false, restoreMark: false }),
  option(spec, option) {
    if (option === 'transparent') spec.transparent = true;
    else if (option === 'nowildcard') spec.nowildcard = true;
    else spec.restoreMark = true;
  },
  save: (spec) => words(spec).slice(1),
  list: (spec) => ` socket${words(spec)}`,
  refusedBy: (_spec, around) => wantsHooks('socket', HOOKS, around, 'PREROUTING and INPUT'),
  unsupported: 'the host file names no sockets: no packet counts as waited for',
  isDoubtful: (_spec, c) => c.facts.sockets === null,
  load(spec, { facts: { sockets } }) {
    if (sockets === null) return () => false;
    const { transparent, nowildcard, restoreMark } = spec;
    const lookUp = new SocketLookUp(sockets);
    return (p, c) => {
      const found = lookUp.find(p, c);
      if (found === NO_SOCKET) return false;
      // who listens on all addresses would take what is only on its way through; a connection's socket has one
      if (!nowildcard && sockets.isWildcard(found) && !isConnected(p)) return false;
      if (transparent && !sockets.isTransparent(found)) return false;
      if (restoreMark) p.mark = sockets.mark(found);
      return true;
    };
  },
};

function words(spec: SocketSpec): string {
  let text = spec.transparent ? ' --transparent' : '';
  if (spec.nowildcard) text += ' --nowildcard';
  return spec.restoreMark ? `${text} --restore-skmark` : text;
}

/**
 * Whether a connection has been made that the packet belongs to: it has a socket of its own then, or nearly so. Before connection
 * tracking has looked at it, an ACK counts as such.
 */
function isConnected(p: Packet): boolean {
  if (p.protocol !== IPPROTO_TCP || (p.tcpFlags & TCP_SYN) !== 0) return false;
  return p.state === CT_ESTABLISHED || (p.state === CT_NONE && (p.tcpFlags & TCP_ACK) !== 0);
}

/** Finds the socket that a packet, or an ICMP error about one that the host sent, is for (nf_sk_lookup_slow_v4 and _v6). */
class SocketLookUp {
  private readonly quoted = new QuotedPacket();
  private readonly original = new Int32Array(TUPLE_WORDS);

  constructor(private readonly sockets: SocketFacts) {}

  find(p: Packet, c: RuleContext): number {
    const given = this.sockets.assigned(p);
    if (given !== NO_SOCKET) return given;
    const { protocol, family, tuple, l4Off } = p;
    if (l4Off < 0) return NO_SOCKET;
    const tcp = protocol === IPPROTO_TCP;
    if (!tcp && protocol !== IPPROTO_UDP) return this.findQuoted(p, c);
    if ((p.has & HAS_PORTS) === 0 || (tcp && l4Off + TCP_HEADER_LEN > p.end)) return NO_SOCKET;
    const ports = tuple[T_PORTS]!;
    const own = this.translated(p, c, CT_ESTABLISHED) ? this.original : null;
    const local = own === null ? tuple : own;
    const localPort = own === null ? ports & 0xffff : own[T_PORTS]! >>> 16;
    return this.sockets.lookUp(
      family,
      protocol,
      tuple,
      T_SRC,
      ports >>> 16,
      local,
      own === null ? T_DST : T_SRC,
      localPort,
      SOCKETS_ANY,
    );
  }

  private findQuoted(p: Packet, c: RuleContext): number {
    const q = this.quoted;
    if (!q.read(p) || (q.protocol !== IPPROTO_TCP && q.protocol !== IPPROTO_UDP)) return NO_SOCKET;
    const own = this.translated(p, c, CT_RELATED) ? this.original : null;
    const local = own === null ? q.addresses : own;
    const localPort = own === null ? q.sourcePort : own[T_PORTS]! >>> 16;
    // what the error quotes was sent from here: its source is the host's end
    return this.sockets.lookUp(
      p.family,
      q.protocol,
      q.addresses,
      T_DST,
      q.destinationPort,
      local,
      T_SRC,
      localPort,
      SOCKETS_ANY,
    );
  }

  /** An IPv4 reply to a connection whose source address was translated: its socket knows only the `original` one. */
  private translated(p: Packet, c: RuleContext, state: number): boolean {
    if (p.family !== AF_INET || (p.connection & 1) === 0 || p.connection < 0 || p.state !== state) return false;
    const { table } = c.tracker;
    const slot = p.connection >> 1;
    if ((table.words[(slot << RECORD_SHIFT) + R_STATUS]! & IPS_SRC_NAT_DONE) === 0) return false;
    table.readTuple(slot, 0, this.original);
    return true;
  }
}
