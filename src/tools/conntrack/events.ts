/** -E: showing what happens, until somebody has seen enough. */
import { matches } from '../../flow/filter.js';
import type { ExpectationEvent, FlowEvent } from '../../flow/record.js';
import { type FlowEventItem, type FlowSource, FlowSourceError } from '../../flow/source.js';
import { filterOf } from './command-filter.js';
import { failureOf } from './failure.js';
import type { CommandLine } from './line.js';
import type { Done } from './list.js';
import type { Output } from './output.js';
import { type Printer, printerOf } from './printer.js';
import { ConntrackError, STATUS_FAILED } from './usage-error.js';
import type { ConntrackWorld } from './world.js';

const EPERM = 1;

/** What is said where events come faster than they are read. */
const LOSS =
  'WARNING: We have hit ENOBUFS! We are losing events.\n' +
  'This message means that the current netlink socket buffer size is too small.\n' +
  'Please, check --buffer-size in conntrack(8) manpage.\n';

/** The least receive buffer of a socket (SOCK_MIN_RCVBUF of Linux). */
const LEAST_BUFFER = 2304n;

/** -E of connections and of expectations. */
export async function watch(
  line: CommandLine,
  source: FlowSource,
  output: Output,
  world: ConntrackWorld,
): Promise<Done> {
  const isExpect = line.table === 'expect';
  const printer = printerOf(line, output.world.nowUs);
  const filter = filterOf(line);
  const groups = line.events ?? { isNew: true, isUpdate: true, isDestroy: true };
  if (line.bufferBytes !== null) {
    world.err(`NOTICE: Netlink socket buffer size has been set to ${bufferSize(line.bufferBytes)} bytes.\n`);
  }
  let count = 0;
  const shown = (item: FlowEventItem): string => {
    if (!('type' in item)) return '';
    if (!isExpect && !matches(filter, (item as FlowEvent).record)) return '';
    return (++count === 1 ? printer.head : '') + print(printer, item, isExpect);
  };
  try {
    const options = { signal: world.stop, programs: true };
    for await (const batch of source.events(groups, isExpect, askedSize(line.bufferBytes), options)) {
      for (const item of batch) {
        if (!('lost' in item)) await output.add(shown(item));
        else if (line.own.json) await output.add(lossObject(item.lost, item.bufferBytes));
        else world.err(LOSS);
      }
      // somebody waits for each of them
      await output.flush();
    }
  } catch (error) {
    await output.flush();
    if (error instanceof FlowSourceError && error.errno === EPERM) throw notAllowed(isExpect);
    throw failureOf(error, 'events');
  }
  if (count > 0) output.add(printer.foot);
  return { count, words: isExpect ? 'expectation events have been shown.' : 'flow events have been shown.' };
}

function print(printer: Printer, item: FlowEvent | ExpectationEvent, isExpect: boolean): string {
  return isExpect ? printer.expectationEvent(item as ExpectationEvent) : printer.flowEvent(item as FlowEvent);
}

/** What is said to those who may not listen. */
function notAllowed(isExpect: boolean): ConntrackError {
  if (isExpect) return new ConntrackError("Can't open handler", STATUS_FAILED);
  return new ConntrackError("Can't open netlink socket", STATUS_FAILED, 'mnl_socket_bind: Operation not permitted\n');
}

/** Who reads objects finds the place where some are missing. */
function lossObject(lost: number | null, bufferBytes: number): string {
  return `${JSON.stringify({ event: 'LOSS', lost, bufferBytes })}\n`;
}

/** What the source is asked for: a size that is none leaves the buffer as it is. */
function askedSize(asked: bigint | null): number {
  return asked === null ? 0 : Math.max(0, Number(BigInt.asIntN(32, asked)));
}

/**
 * What the kernel makes of a buffer size: double of it, within limits. The original prints 64 bits of which the kernel filled in 32.
 */
function bufferSize(asked: bigint): bigint {
  const value = BigInt.asIntN(32, asked);
  const most = (1n << 30n) - 1n;
  const doubled = 2n * (value < 0n ? 0n : value > most ? most : value);
  return (asked & ~0xffffffffn) | (doubled < LEAST_BUFFER ? LEAST_BUFFER : doubled);
}
