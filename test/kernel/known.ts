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

const OWN_ADDRESS = 'answers over IPv6 to the host itself go by other addresses and ways, or not at all';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  { name: 'judge-anycast-asks-itself', category: 'counters', reason: OWN_ADDRESS },
  { name: 'judge-anycast-asks-itself', category: 'table', reason: OWN_ADDRESS },
  { name: 'judge-anycast-asks-itself', category: 'events', reason: OWN_ADDRESS },
  { name: 'judge-anycast-asks-itself', category: 'packets', reason: OWN_ADDRESS },
  { name: 'judge-own-address-asks', category: 'counters', reason: OWN_ADDRESS },
  { name: 'judge-own-address-asks', category: 'events', reason: OWN_ADDRESS },
  {
    name: 'judge-loopback-ended',
    category: 'counters',
    reason: 'on lo the kernel keeps a connection that its RST has ended until the RST has arrived',
  },
];
