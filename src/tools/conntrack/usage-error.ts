/** What ends a command before its work is done: a line that cannot be understood, or an operation that was refused. */

/** Exit status of a command line that cannot be understood. */
export const STATUS_USAGE = 2;

/** Exit status of everything else that goes wrong. */
export const STATUS_FAILED = 1;

/** What every message on standard error begins with. Scripts look for it, so it is conntrack(8)'s own. */
export const PREFIX = 'conntrack v1.4.7 (conntrack-tools): ';

/** A command that ends with a message. Its status 2 adds the hint at the help, as conntrack(8) does. */
export class ConntrackError extends Error {
  /** Exit status: 2 = the command line, 1 = anything else. */
  readonly status: number;
  /** What had been warned of before, in whole lines. */
  readonly before: string;

  constructor(message: string, status: number = STATUS_USAGE, before = '') {
    super(message);
    this.name = 'ConntrackError';
    this.status = status;
    this.before = before;
  }

  /** The whole text for standard error. */
  text(): string {
    const hint = "Try `conntrack -h' or 'conntrack --help' for more information.\n";
    return `${this.before}${PREFIX}${this.message}\n${this.status === STATUS_USAGE ? hint : ''}`;
  }
}
