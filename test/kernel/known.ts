/**
 * Known differences from the kernel: case name, category, and why. docs/kernel-differences.md has the long form.
 * A row that no case needs any more fails the test, so that the list can only shrink by itself.
 */
import type { Category } from './compare.js';

/** One accepted difference. */
export interface KnownDifference {
  name: string;
  category: Category;
  reason: string;
}

const ANYCAST = 'a ping between the anycast address and itself is answered by the default route';
const OWN_SOURCE = 'a ping of a group that claims to come from the host itself is answered on that address’s link';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  { name: 'judge-anycast-asks-itself', category: 'counters', reason: ANYCAST },
  { name: 'judge-anycast-asks-itself', category: 'packets', reason: ANYCAST },
  { name: 'judge-own-address-pings', category: 'counters', reason: OWN_SOURCE },
  {
    name: 'judge-helper-log',
    category: 'log',
    reason: 'helpers that refuse a packet do not say so in the log; the reason of the packet does',
  },
  {
    name: 'judge-loopback-ended',
    category: 'counters',
    reason: 'on lo the kernel keeps a connection that its RST has ended until the RST has arrived',
  },
];
