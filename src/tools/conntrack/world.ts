/** What a command needs of the machine it runs on. Nothing of it is Node's, so that a simulated host can be the machine. */
import type { FlowSource, StopSignal } from '../../flow/source.js';
import type { CommandLine } from './line.js';
import type { SystemNames } from './names.js';

/** A file that deleted connections are written to before they are deleted. */
export interface UndoFile {
  /** Adds lines and returns when they are on the disk. Throws a ConntrackError. */
  write(text: string): void;
  close(): void;
}

/** The machine. */
export interface ConntrackWorld {
  names: SystemNames;
  /** The table that a command line means. Throws a ConntrackError where it cannot be opened. */
  open(line: CommandLine): FlowSource | Promise<FlowSource>;
  /** Called when the work is done without a fault: what is to be kept is kept. */
  commit(source: FlowSource, line: CommandLine): void | Promise<void>;
  /** Writes to standard output; false: nobody reads any more. */
  out(text: string): Promise<boolean>;
  /** Microseconds since the epoch. */
  nowUs(): number;
  /** Writes to standard error. */
  err(text: string): void;
  /** A whole file, `-` is standard input; null: it cannot be read. */
  read(file: string): Promise<string | null>;
  /** Makes the file of --undo. Throws a ConntrackError where it is there already or cannot be made. */
  openUndo(file: string): UndoFile;
  /** Ends a stream of events: the user has seen enough. */
  stop: StopSignal;
}
