/**
 * -m cluster: which of several machines that all see the same packets takes a connection: a hash of its source address
 * (xt_cluster.c). The hash has no other key than the rule's seed: it is the kernel's. Of a connection that another one announced
 * the kernel hashes the other one's source; here no connection knows who announced it, and its own source is taken.
 */
import { R_ORIG_SRC, RECORD_SHIFT } from '../../conntrack/layout.js';
import { hashWord, scaleHash, swap32 } from '../../wire/jhash.js';
import { AF_INET, AF_INET6, PACKET_HOST, PACKET_MULTICAST, type Packet, T_DST } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { bang } from '../listed.js';
import { hex, not, uintOption } from '../values.js';

/** Options of -m cluster. */
export interface ClusterSpec {
  /** Machines, 1 to 32; 0 = not given yet. */
  total: number;
  /** Bit n - 1 stands for machine n; Int32. */
  nodes: number;
  invert: boolean;
  /** Int32. */
  seed: number;
}

const LOCAL = ['cluster-local-node', 'cluster-local-nodemask'] as const;
const MAX_NODES = 32;

/** The `cluster` match. */
export const cluster: MatchExtension<ClusterSpec> = {
  name: 'cluster',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'cluster-total-nodes', args: 1, required: true },
    { name: LOCAL[0], args: 1, invert: true, excludes: [LOCAL[1]] },
    { name: LOCAL[1], args: 1, invert: true, excludes: [LOCAL[0]] },
    { name: 'cluster-hash-seed', args: 1, required: true },
  ],
  init: () => ({ total: 0, nodes: 0, invert: false, seed: 0 }),
  option(spec, option, text, invert, c) {
    if (option === 'cluster-hash-seed') {
      spec.seed = uintOption('cluster', option, text, 0, 0xffffffff, c) | 0;
      return;
    }
    // the mask's bounds are those of a number of machines: a mask above 32 is refused by iptables itself
    const n = uintOption('cluster', option, text, 1, MAX_NODES, c);
    if (option === 'cluster-total-nodes') {
      spec.total = n;
      return;
    }
    spec.nodes = option === LOCAL[0] ? 1 << (n - 1) : n;
    spec.invert = invert;
  },
  check(spec, seen, c) {
    const local = LOCAL.find((name) => seen.has(name));
    if (local === undefined) {
      c.fail("cluster match: `--cluster-local-node' or`--cluster-local-nodemask' is missing");
    }
    const whole = spec.total !== 0 && seen.has('cluster-hash-seed');
    if (!whole || spec.nodes >>> 0 < 2 ** spec.total) return;
    if (local === LOCAL[1]) c.fail("cluster match: `--cluster-local-nodemask' too big for `--cluster-total-nodes'");
    c.fail("cluster match: `--cluster-local-node' must be <= `--cluster-total-nodes'");
  },
  save(spec) {
    const nodes = `${not(spec.invert)}--cluster-local-nodemask ${hex8(spec.nodes)}`;
    return `${nodes} --cluster-total-nodes ${spec.total} --cluster-hash-seed ${hex8(spec.seed)}`;
  },
  list(spec) {
    return ` cluster ${bang(spec.invert)}node_mask=${hex8(spec.nodes)} total_nodes=${spec.total} hash_seed=${hex8(spec.seed)}`;
  },
  load({ total, nodes, invert, seed }) {
    return (p, c) => {
      // switches hand packets for a shared multicast address to every machine: each takes them as its own
      if (p.packetType === PACKET_MULTICAST && !isToMulticast(p)) p.packetType = PACKET_HOST;
      if (p.connection < 0) return false;
      // of an IPv6 address only the first word goes into the kernel's hash
      const source = c.tracker.table.words[((p.connection >> 1) << RECORD_SHIFT) + R_ORIG_SRC] as number;
      const hash = hashWord(swap32(source), seed);
      return (((nodes >>> scaleHash(hash, total)) & 1) !== 0) !== invert;
    };
  },
};

function hex8(word: number): string {
  return `0x${hex(word).slice(2).padStart(8, '0')}`;
}

function isToMulticast(p: Packet): boolean {
  const first = (p.tuple[T_DST] as number) >>> 24;
  return p.family === AF_INET ? first >> 4 === 14 : first === 0xff;
}
