/**
 * Which address of a range a connection gets (nf_nat_core.c, find_best_ips_proto): a hash of its addresses picks it, so that a
 * server sees a client coming from one address. The hash has no key: the kernel makes the same choice after every boot, and so
 * does this.
 */
import { ADDRESS_WORDS } from '../wire/address.js';
import { hashAddress, scaleHash, swap32 } from '../wire/jhash.js';
import { AF_INET, T_DST, T_PROTO, T_SRC } from '../wire/packet.js';
import { MANIP_SRC, type NatRange, RANGE_MAP_IPS, RANGE_PERSISTENT } from './range.js';

/**
 * Writes the address of the range that the connection of `tuple` gets into the tuple's half that `manip` names. `zone`: its
 * zone's number. Nothing changes where the range has no addresses.
 */
export function chooseAddress(tuple: Int32Array, range: NatRange, manip: number, zone: number): void {
  if ((range.flags & RANGE_MAP_IPS) === 0) return;
  const at = manip === MANIP_SRC ? T_SRC : T_DST;
  const { minAddress: min, maxAddress: max } = range;
  if (isOneAddress(min, max)) {
    for (let i = 0; i < ADDRESS_WORDS; i++) tuple[at + i] = min[i]!;
    return;
  }
  const last = tuple[T_PROTO]! >> 8 === AF_INET ? 0 : ADDRESS_WORDS - 1;
  const persistent = (range.flags & RANGE_PERSISTENT) !== 0;
  let hash = hashAddress(tuple, T_SRC, persistent ? 0 : swap32(tuple[T_DST + last]!) ^ zone);
  // once a word is below the upper end's, the words after it may be anything
  let free = false;
  for (let i = 0; i <= last; i++) {
    const from = free ? 0 : min[i]!;
    const count = free ? -1 : (max[i]! - from + 1) | 0;
    tuple[at + i] = (from + scaleHash(hash, count)) | 0;
    if (tuple[at + i] !== max[i]) free = true;
    // the destination as it stands now, chosen or not
    if (!persistent) hash ^= swap32(tuple[T_DST + i]!);
  }
}

function isOneAddress(min: Int32Array, max: Int32Array): boolean {
  for (let i = 0; i < ADDRESS_WORDS; i++) if (min[i] !== max[i]) return false;
  return true;
}
