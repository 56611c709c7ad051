/**
 * -j CLUSTERIP: several machines share an address (ipt_CLUSTERIP.c). It is gone from the kernel since 6.3: rules that use it are read
 * and printed, and refused as a kernel refuses what it does not know.
 */
import { formatMac } from '../../wire/address.js';
import { AF_INET } from '../../wire/packet.js';
import type { TargetExtension } from '../extension.js';
import { ENOENT } from '../kernel-checks.js';
import { uintOption } from '../values.js';

/** Options of -j CLUSTERIP. */
export interface ClusteripSpec {
  isNew: boolean;
  hashMode: string;
  /** 6 bytes. */
  mac: Uint8Array;
  totalNodes: number;
  localNode: number;
  hashInit: number;
}

const MODES = ['sourceip', 'sourceip-sourceport', 'sourceip-sourceport-destport'];
const MAX_NODES = 16;
/** What --new cannot do without. */
const NEEDED = ['new', 'hashmode', 'clustermac', 'total-nodes', 'local-node'];

/** The `CLUSTERIP` target. */
export const CLUSTERIP: TargetExtension<ClusteripSpec> = {
  name: 'CLUSTERIP',
  families: [AF_INET],
  options: [
    { name: 'new', args: 0 },
    ...['hashmode', 'clustermac', 'total-nodes', 'local-node', 'hash-init'].map((name) => ({ name, args: 1 as const })),
  ],
  init: () => ({ isNew: false, hashMode: '', mac: new Uint8Array(6), totalNodes: 0, localNode: 0, hashInit: 0 }),
  option(spec, option, value, _inverted, c) {
    if (option === 'new') spec.isNew = true;
    else if (option === 'hashmode') {
      if (!MODES.includes(value)) c.fail(`Unknown hashmode "${value}"`, value);
      spec.hashMode = value;
    } else if (option === 'clustermac') {
      if (!/^[0-9a-f]{0,2}(:[0-9a-f]{0,2}){5}$/i.test(value)) c.fail('Invalid MAC address specified.', value);
      // an empty part is 0, as strtoul reads it
      const mac = Uint8Array.from(value.split(':'), (part) => Number.parseInt(`0${part}`, 16));
      if ((mac[0]! & 1) === 0) c.fail('MAC has to be a multicast ethernet address', value);
      spec.mac = mac;
    } else if (option === 'total-nodes') spec.totalNodes = uintOption('CLUSTERIP', option, value, 0, MAX_NODES, c);
    else if (option === 'local-node') spec.localNode = uintOption('CLUSTERIP', option, value, 0, MAX_NODES, c);
    else spec.hashInit = uintOption('CLUSTERIP', option, value, 0, 0xffffffff, c);
  },
  check(_spec, seen, c) {
    if (seen.size === 0 || NEEDED.every((name) => seen.has(name))) return;
    c.fail('CLUSTERIP target: Invalid parameter combination');
  },
  save(spec) {
    if (!spec.isNew) return '';
    const nodes = `--total-nodes ${spec.totalNodes} --local-node ${spec.localNode}`;
    return `--new --hashmode ${spec.hashMode} --clustermac ${macText(spec)} ${nodes} --hash-init ${spec.hashInit}`;
  },
  list(spec) {
    if (!spec.isNew) return ' CLUSTERIP';
    const nodes = `total_nodes=${spec.totalNodes} local_node=${spec.localNode}`;
    return ` CLUSTERIP hashmode=${spec.hashMode} clustermac=${macText(spec)} ${nodes} hash_init=${spec.hashInit}`;
  },
  refusedBy: () => ({ errno: ENOENT, why: 'CLUSTERIP is gone from the kernel since 6.3' }),
};

function macText(spec: ClusteripSpec): string {
  return formatMac(spec.mac).toUpperCase();
}
