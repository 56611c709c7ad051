/**
 * What a rule asks of a set, filled once when the rule loads; and what an element that fits tells back.
 */
import type { HostInterface } from '../context.js';

/** Bits of `flags`: the set's own counters stay (`! --update-counters`). */
export const ASK_SKIP_COUNTERS = 1;
/** Counters of a list's members stay (`! --update-subcounters`). */
export const ASK_SKIP_SUBCOUNTERS = 2;
/** `--return-nomatch`: an element with `nomatch` fits, others do not. */
export const ASK_RETURN_NOMATCH = 4;
/** Counters are compared. */
export const ASK_MATCH_COUNTERS = 8;
/** `--exist`: an element that is there gets a new timeout. */
export const ASK_EXIST = 16;

/** How a counter is compared; NONE: not at all. */
export const COUNTER_NONE = 0;
export const COUNTER_EQ = 1;
export const COUNTER_NE = 2;
export const COUNTER_LT = 3;
export const COUNTER_GT = 4;

/** `timeout` of an ask or entry that names none: the set's default. */
export const TIMEOUT_DEFAULT = -1;

/** One use of a set by a rule. */
export class SetAsk {
  flags = 0;
  /** COUNTER_ constants and what they compare with. */
  packetsOp = COUNTER_NONE;
  packets = 0;
  bytesOp = COUNTER_NONE;
  bytes = 0;
  /** Seconds, of elements that the rule adds; 0 = for ever. */
  timeout = TIMEOUT_DEFAULT;

  /** Told back by an element that fits, of skbinfo: Int32; 0 where the set has none. */
  mark = 0;
  markMask = 0;
  priority = 0;
  queue = 0;

  /**
   * @param family The rule's table's.
   * @param dimension How many parts the rule names.
   * @param sources Bit n: part n is the packet's source.
   * @param interfaces The host's, by index.
   */
  constructor(
    readonly family: number,
    readonly dimension: number,
    readonly sources: number,
    readonly interfaces: readonly (HostInterface | null)[],
  ) {}
}

/** Whether a counter is as asked. */
export function counterFits(op: number, value: number, wanted: number): boolean {
  switch (op) {
    case COUNTER_EQ:
      return value === wanted;
    case COUNTER_NE:
      return value !== wanted;
    case COUNTER_LT:
      return value < wanted;
    case COUNTER_GT:
      return value > wanted;
    default:
      return true;
  }
}
