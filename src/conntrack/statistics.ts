/** Counters of connection tracking, as /proc/net/stat/nf_conntrack and `conntrack -S` name them. */
export class Statistics {
  /** Tuples that NAT wanted to use, and that another connection had. */
  found = 0;
  /** Packets that could not be tracked, or did not fit their connection. */
  invalid = 0;
  /** Connections that were entered from a saved table; those that packets begin are not counted. */
  insert = 0;
  /** Connections that clashed with one confirmed before them. */
  insertFailed = 0;
  /** Packets dropped by connection tracking: table full, or a clash. */
  drop = 0;
  /** Connections ended before their time, to make room in a full table. */
  earlyDrop = 0;
  /** ICMP and ICMPv6 packets that are malformed; `icmp_error` in /proc, `error` by conntrack -S. */
  error = 0;
  /** Connections that were expected. */
  expectNew = 0;
  /** Expectations that helpers made. */
  expectCreate = 0;
  /** Expectations that ended: met, timed out, or with their master. */
  expectDelete = 0;
  /** Always 0: look-ups that begin again, because another CPU moved the entry. */
  searchRestart = 0;
  /** Always 0: clashes between CPUs that could be resolved. */
  clashResolve = 0;
  /** Always 0: there are no chains. */
  chainTooLong = 0;

  /** One line as /proc/net/stat/nf_conntrack prints it for one CPU: 17 columns of hexadecimal. */
  procLine(entries: number): string {
    const columns = [
      entries,
      this.clashResolve,
      this.found,
      0,
      this.invalid,
      0,
      0,
      this.chainTooLong,
      this.insert,
      this.insertFailed,
      this.drop,
      this.earlyDrop,
      this.error,
      this.expectNew,
      this.expectCreate,
      this.expectDelete,
      this.searchRestart,
    ];
    return columns.map((n) => n.toString(16).padStart(8, '0')).join(' ');
  }
}
