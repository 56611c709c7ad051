/** Requests to one network namespace: dumps with a socket each, commands one after the other over one that is kept. */
import { Exchange, type ReadMessage, type WriteRequest } from './exchange.js';
import type { NetlinkSocket, NetlinkSystem } from './system.js';

/** Opens sockets as they are needed. */
export class Requests {
  private readonly system: NetlinkSystem;
  private readonly namespace: string | null;
  private commands: { socket: NetlinkSocket; exchange: Exchange } | null = null;
  /** Ends when the last command ended: they share a socket. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(system: NetlinkSystem, namespace: string | null) {
    this.system = system;
    this.namespace = namespace;
  }

  /** A socket that is the caller's to close. Throws a FlowSourceError. */
  open(): NetlinkSocket {
    return this.system.open(this.namespace);
  }

  /** Name of the program that has a port; null: it is not known, or gone. */
  programName(port: number): string | null {
    return this.system.programName(port, this.namespace);
  }

  /** Closes the socket of commands; the next command opens another. */
  close(): void {
    this.commands?.socket.close();
    this.commands = null;
  }

  /** A request that is answered at once; gives the messages before the acknowledgement. Throws a FlowSourceError. */
  async command<T>(operation: string, write: WriteRequest, read: ReadMessage<T> | null = null): Promise<T[]> {
    const mine = this.turn.then(() => {
      this.commands ??= this.openCommands();
      return this.commands.exchange.command(operation, write, read);
    });
    // what one command throws is not the next one's
    this.turn = mine.catch(() => {});
    return mine;
  }

  private openCommands(): { socket: NetlinkSocket; exchange: Exchange } {
    const socket = this.open();
    return { socket, exchange: new Exchange(this.system, socket) };
  }

  /** A dump in batches as they come; leaving it early closes its socket. Throws a FlowSourceError. */
  async *dump<T>(operation: string, write: WriteRequest, read: ReadMessage<T>): AsyncGenerator<T[], void> {
    const socket = this.open();
    try {
      yield* new Exchange(this.system, socket).dump(operation, write, read);
    } finally {
      socket.close();
    }
  }
}
