/**
 * What connection tracking itself knows of helpers: their names and limits, and what a connection with one carries. What they
 * read in packets is in src/helpers.
 */
import type { Expectation } from './expect.js';

/** How many expectations of one class a connection may have at once, and for how long each waits (struct nf_conntrack_expect_policy). */
export interface ExpectPolicy {
  /** 0 = as many as it likes. */
  maxExpected: number;
  timeoutMs: number;
}

/** A helper as connection tracking sees it (struct nf_conntrack_helper). */
export interface HelperInfo {
  readonly name: string;
  /** Of the connections that it may be given: IP protocols, and AF_INET, AF_INET6. */
  readonly protocols: readonly number[];
  readonly families: readonly number[];
  /** Ports of the server for which kernels before 6.0 assigned it by themselves (nf_conntrack_helper=1). */
  readonly ports: readonly number[];
  /** By class of expectation. */
  readonly policies: readonly ExpectPolicy[];
}

/** Classes of expectations at most (NF_CT_MAX_EXPECT_CLASSES). */
export const MAX_CLASSES = 4;
/** Words of a helper's own. */
const DATA_WORDS = 16;

/**
 * Words of `ConnHelp.seqAdjust`, six a direction: sequence numbers after `SEQ_POSITION` differ by `SEQ_AFTER`, those up to it by
 * `SEQ_BEFORE` (struct nf_ct_seqadj).
 */
export const SEQ_POSITION = 0;
export const SEQ_BEFORE = 1;
export const SEQ_AFTER = 2;
export const SEQ_WORDS = 3;

/**
 * Words of `ConnHelp.proxy` (struct nf_conn_synproxy): the number from which the client counts what the server sends, the timestamp
 * that the client was given, and how far the server's timestamps are ahead of it.
 */
export const PROXY_NUMBER = 0;
export const PROXY_STAMP = 1;
export const PROXY_AHEAD = 2;
const PROXY_WORDS = 3;

/** What a connection with a helper, or behind -j SYNPROXY, carries (struct nf_conn_help, nf_conn_seqadj, nf_conn_synproxy). */
export class ConnHelp {
  helper: HelperInfo | null = null;
  /** Of this connection's expectations the one made last; the others follow by `olderOfMaster`. */
  newest: Expectation | null = null;
  /** How many there are, by class. */
  readonly expecting = new Int32Array(MAX_CLASSES);
  /** The helper's own. */
  readonly data = new Int32Array(DATA_WORDS);
  /** SEQ_WORDS for each direction. */
  readonly seqAdjust = new Int32Array(2 * SEQ_WORDS);
  /** Whether -j SYNPROXY has begun it, so that `proxy` counts. */
  isProxied = false;
  readonly proxy = new Int32Array(PROXY_WORDS);

  reset(): void {
    this.helper = null;
    this.newest = null;
    this.expecting.fill(0);
    this.data.fill(0);
    this.seqAdjust.fill(0);
    this.isProxied = false;
    this.proxy.fill(0);
  }
}
