import type { Plane } from './planes.js';

/** What a host is made from besides its configuration. */
export interface HostOptions {
  /** Of everything that the host draws at random, and of its hash. */
  seed?: number;
  /** Events that wait to be drained at most; more are lost and counted. */
  eventRing?: number;
  /**
   * Whether the host answers by itself what is delivered to it, as a host without any open socket does: replies to pings, RST,
   * "port unreachable", "protocol unreachable". Default: false, for where such answers are among the packets that it is given.
   */
  answers?: boolean;
  /**
   * Whether -j SYNPROXY believes an ACK that follows a SYN it has answered, though the cookie is none of this host's: for packets that
   * clients sent to another host. Default: false.
   */
  foreignCookies?: boolean;
  /**
   * Which plane's tables a packet meets first at equal priority, where rules of both are loaded (planes.ts); in the kernel that
   * whose tables were made last. Default: nft.
   */
  firstPlane?: Plane;
}
