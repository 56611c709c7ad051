/** (interface in progress) */
import type { ConnTable } from './table.js';

export interface Tracker {
  readonly table: ConnTable;
  /** ms of the clock that deadlines are kept in (Int32). */
  nowMs: number;
  /** Turns accounting on for connections made from now on (connbytes does that when it is loaded). */
  enableAccounting(): void;
}
