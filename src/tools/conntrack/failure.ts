/** What a refusal of the kernel is called. */
import { FlowSourceError } from '../../flow/source.js';
import { ConntrackError, STATUS_FAILED } from './usage-error.js';

/** Numbers of errors (errno) that have words of their own in conntrack(8). */
const WORDS: Record<number, string> = {
  2: "such conntrack doesn't exist",
  12: 'not enough memory',
  22: 'invalid parameters',
  38: 'function not implemented',
  62: 'conntrack has expired',
  93: 'protocol not supported',
};

/** strerror(3) of the GNU C library, for what a netlink socket answers. */
const SYSTEM_WORDS: Record<number, string> = {
  0: 'Success',
  1: 'Operation not permitted',
  2: 'No such file or directory',
  4: 'Interrupted system call',
  5: 'Input/output error',
  11: 'Resource temporarily unavailable',
  12: 'Cannot allocate memory',
  13: 'Permission denied',
  16: 'Device or resource busy',
  17: 'File exists',
  19: 'No such device',
  22: 'Invalid argument',
  28: 'No space left on device',
  34: 'Numerical result out of range',
  38: 'Function not implemented',
  61: 'No data available',
  62: 'Timer expired',
  71: 'Protocol error',
  75: 'Value too large for defined data type',
  90: 'Message too long',
  93: 'Protocol not supported',
  95: 'Operation not supported',
  97: 'Address family not supported by protocol',
  105: 'No buffer space available',
  110: 'Connection timed out',
  111: 'Connection refused',
};

/** errno in the C library's words. */
export function systemWords(errno: number): string {
  return SYSTEM_WORDS[errno] ?? `Unknown error ${errno}`;
}

/** What is being done when the kernel refuses: some numbers mean something else then. */
export type Operation =
  | 'list'
  | 'get'
  | 'create'
  | 'update'
  | 'delete'
  | 'flush'
  | 'count'
  | 'expect'
  | 'createExpect'
  | 'events';

/** The words for a number in an operation. */
export function failureWords(errno: number, operation: Operation): string {
  if (errno === 17 && operation === 'create') return 'Such conntrack exists, try -U to update';
  if (errno === 1) return 'sorry, you must be root or get CAP_NET_ADMIN capability to do this';
  if (errno === 2 && operation === 'createExpect') return 'master conntrack not found';
  if (errno === 2 && !['get', 'delete'].includes(operation)) return systemWords(errno);
  return WORDS[errno] ?? systemWords(errno);
}

/** `Operation failed: ...` for whatever a source throws; what is no refusal is thrown on. */
export function failureOf(error: unknown, operation: Operation): ConntrackError {
  if (error instanceof ConntrackError) return error;
  if (!(error instanceof FlowSourceError)) throw error;
  const reason = error.reason === '' ? '' : ` (${error.reason})`;
  // where it is not the kernel that refuses there is no number, only a sentence
  if (error.errno === 0) return new ConntrackError(error.message, STATUS_FAILED);
  return new ConntrackError(`Operation failed: ${failureWords(error.errno, operation)}${reason}`, STATUS_FAILED);
}
