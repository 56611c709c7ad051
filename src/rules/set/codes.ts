/**
 * What an operation on a set comes to: 0 done, 1 in the set, or why not as a negative code. Numbers of our own; the texts are those that
 * ipset 7.17 prints when the kernel answers so.
 */

/** Done; of a test: not in the set. */
export const SET_OK = 0;
/** A test: in the set. */
export const SET_IN = 1;
/** A test: an element with `nomatch` is the most specific one that fits. */
export const SET_NOMATCH = -1;
/** A test of bitmap:ip,mac: the element waits for its MAC address. */
export const SET_INCOMPLETE = -2;
/** The packet has no such part: no ports in a later fragment, no MAC address. */
export const SET_NO_PART = -3;
/** add: already there; del: not there. */
export const SET_EXISTS = -4;
/** More than `maxelem`. */
export const SET_FULL = -5;
/** Address 0.0.0.0 or ::, MAC 00:00:00:00:00:00. */
export const SET_NULL = -6;
/** Outside of a bitmap's range. */
export const SET_RANGE = -7;
/** list:set: no set of the name of the element. */
export const SET_NO_MEMBER = -8;
/** list:set: the set of `before` or `after` does not exist. */
export const SET_NO_REFERENCE = -9;
/** list:set: the set of `before` or `after` is not in the list. */
export const SET_NOT_BESIDE = -10;
/** list:set: a list cannot be in a list. */
export const SET_LOOP = -11;
/** A prefix length that the type does not take. */
export const SET_CIDR = -12;
/** `timeout` for a set without timeouts. */
export const SET_NO_TIMEOUT = -13;
/** `packets` or `bytes` for a set without counters. */
export const SET_NO_COUNTERS = -14;
/** `comment` for a set without comments. */
export const SET_NO_COMMENT = -15;
/** `skbmark` and its kin for a set without. */
export const SET_NO_SKBINFO = -16;
/** Protocol 0. */
export const SET_PROTOCOL = -17;
/** A range that is the whole address space. */
export const SET_WHOLE_SPACE = -18;
/** A rule whose dimensions or family the set does not have. */
export const SET_MISMATCH = -19;
/** hash:ip,port: address 0.0.0.0 or ::. */
export const SET_INVALID = -20;

const TEXTS: Readonly<Record<number, string>> = {
  [SET_FULL]: 'Hash is full, cannot add more elements',
  [SET_NULL]: 'Null-valued element, cannot be stored in a hash type of set',
  [SET_RANGE]: 'Element is out of the range of the set',
  [SET_NO_MEMBER]: 'Set to be added/deleted/tested as element does not exist.',
  [SET_NO_REFERENCE]: "The set to which you referred with 'before' or 'after' does not exist.",
  [SET_NOT_BESIDE]: "The set to which you referred with 'before' or 'after' is not added to the set.",
  [SET_LOOP]: 'Sets with list:set type cannot be added to the set.',
  [SET_CIDR]: 'The value of the CIDR parameter of the IP address is invalid',
  [SET_NO_TIMEOUT]: 'Timeout cannot be used: set was created without timeout support',
  [SET_NO_COUNTERS]: 'Packet/byte counters cannot be used: set was created without counter support',
  [SET_NO_COMMENT]: 'Comment cannot be used: set was created without comment support',
  [SET_NO_SKBINFO]: 'Skbinfo mapping cannot be used: set was created without skbinfo support',
  [SET_PROTOCOL]: 'Invalid protocol specified',
  [SET_INVALID]: 'Kernel error received: Invalid argument',
  [SET_WHOLE_SPACE]: 'Invalid range, covers the whole address space',
};

/** ipset's words for a code below 0 of `add` or `del`. */
export function setCodeText(code: number, verb: 'add' | 'del' | 'test'): string {
  if (code === SET_EXISTS) {
    return verb === 'del'
      ? "Element cannot be deleted from the set: it's not added"
      : "Element cannot be added to the set: it's already added";
  }
  return TEXTS[code] ?? `Kernel error received: ${code}`;
}
