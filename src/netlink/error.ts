/** What goes wrong with the kernel, in words: an operation, errno, and the kernel's own message where it gives one. */
import { FlowSourceError } from '../flow/source.js';

/** Numbers of errors that a decision hangs on. */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;
export const EINVAL = 22;
export const EBADMSG = 74;
export const EPROTONOSUPPORT = 93;
export const EOPNOTSUPP = 95;
export const ENOBUFS = 105;

/** Names and the C library's words of what netlink answers with. */
const TEXTS: Readonly<Record<number, readonly [string, string]>> = {
  1: ['EPERM', 'Operation not permitted'],
  2: ['ENOENT', 'No such file or directory'],
  4: ['EINTR', 'Interrupted system call'],
  5: ['EIO', 'Input/output error'],
  9: ['EBADF', 'Bad file descriptor'],
  11: ['EAGAIN', 'Resource temporarily unavailable'],
  12: ['ENOMEM', 'Cannot allocate memory'],
  13: ['EACCES', 'Permission denied'],
  14: ['EFAULT', 'Bad address'],
  16: ['EBUSY', 'Device or resource busy'],
  17: ['EEXIST', 'File exists'],
  20: ['ENOTDIR', 'Not a directory'],
  22: ['EINVAL', 'Invalid argument'],
  23: ['ENFILE', 'Too many open files in system'],
  24: ['EMFILE', 'Too many open files'],
  28: ['ENOSPC', 'No space left on device'],
  34: ['ERANGE', 'Numerical result out of range'],
  90: ['EMSGSIZE', 'Message too long'],
  93: ['EPROTONOSUPPORT', 'Protocol not supported'],
  95: ['EOPNOTSUPP', 'Operation not supported'],
  97: ['EAFNOSUPPORT', 'Address family not supported by protocol'],
  105: ['ENOBUFS', 'No buffer space available'],
  111: ['ECONNREFUSED', 'Connection refused'],
};

/** `Operation not permitted`; for a number without words `error 200`. */
export function errnoText(errno: number): string {
  return TEXTS[errno]?.[1] ?? `error ${errno}`;
}

/** `EPERM`; for a number without a name '200'. */
export function errnoName(errno: number): string {
  return TEXTS[errno]?.[0] ?? String(errno);
}

/** A refusal of the kernel. The message is one line: operation, what it means, and the kernel's reason in brackets. */
export class NetlinkError extends FlowSourceError {
  /** What was to be done: `list connections`. */
  readonly operation: string;

  /** `hint` says what the error means here. */
  constructor(operation: string, errno: number, reason = '', hint = '') {
    const why = hint !== '' ? `: ${hint}` : '';
    super(`cannot ${operation}: ${errnoText(errno)}${why}${reason === '' ? '' : ` (${reason})`}`, errno, reason);
    this.name = 'NetlinkError';
    this.operation = operation;
  }
}

/** This system has no way to the kernel's table: another system than Linux, no koffi, no netlink socket. */
export class NetlinkUnavailableError extends FlowSourceError {
  /** `message` is one line. */
  constructor(message: string, errno = EOPNOTSUPP) {
    super(message, errno);
    this.name = 'NetlinkUnavailableError';
  }
}

/** Bytes that are no message of the kernel's: cut off, or with lengths that cannot be. errno is 74 (EBADMSG). */
export class MessageError extends FlowSourceError {
  /** Byte offset within the buffer that was read. */
  readonly offset: number;

  /** `message` says what is wrong at `offset`. */
  constructor(message: string, offset: number) {
    super(`broken netlink message: ${message} at byte ${offset}`, EBADMSG);
    this.name = 'MessageError';
    this.offset = offset;
  }
}
