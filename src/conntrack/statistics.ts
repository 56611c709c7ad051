/** Counters of connection tracking, as /proc/net/stat/nf_conntrack and `conntrack -S` name them. */
export class Statistics {
  found = 0;
  invalid = 0;
  insert = 0;
  insertFailed = 0;
  drop = 0;
  earlyDrop = 0;
  /** Shown as `icmp_error` in /proc and `error` by conntrack -S. */
  error = 0;
  expectNew = 0;
  expectCreate = 0;
  expectDelete = 0;
  searchRestart = 0;
  clashResolve = 0;
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
