/** A machine in memory for the command lines of tools/conntrack. */

import type { FlowSource } from '../../src/flow/source.js';
import { EVERYTHING } from '../../src/netlink/source.js';
import { readSystemNames } from '../../src/tools/conntrack/names.js';
import { runConntrack } from '../../src/tools/conntrack/run.js';
import { SavedTable } from '../../src/tools/conntrack/saved-table.js';

export { EVERYTHING };

/** What a command did. */
export interface Ran {
  status: number;
  out: string;
  err: string;
  /** How often standard output was written to. */
  writes: number;
  /** What went into the file of --undo, in the order of writing; null: it was not made. */
  undo: string | null;
  /** Whether the work was said to be done without a fault. */
  isCommitted: boolean;
}

/** A saved table with a text. */
export function tableOf(text: string, isInMemory = false): SavedTable {
  const file = {
    name: 'saved',
    async *read() {
      // in parts, as a file comes
      for (let at = 0; at < text.length; at += 100) yield text.slice(at, at + 100);
    },
  };
  return new SavedTable(file, isInMemory);
}

/** Runs a command line on a table. `files`: what can be read; `readers`: how many writes somebody reads before he goes. */
export async function runOn(
  source: FlowSource,
  line: string,
  files: Readonly<Record<string, string>> = {},
  readers = Number.POSITIVE_INFINITY,
): Promise<Ran> {
  const ran: Ran = { status: 0, out: '', err: '', writes: 0, undo: null, isCommitted: false };
  let left = readers;
  ran.status = await runConntrack(
    line.split(' ').filter((word) => word !== ''),
    {
      names: readSystemNames('icmp 1 ICMP\nesp 50 ESP\n', '1 one\n2 two\n3 three\n'),
      open: () => source,
      commit: () => {
        ran.isCommitted = true;
      },
      out: async (text) => {
        if (left-- <= 0) return false;
        ran.writes++;
        ran.out += text;
        return true;
      },
      nowUs: () => 1_795_000_000_000_005,
      err: (text) => {
        ran.err += text;
      },
      read: async (file) => files[file] ?? null,
      openUndo: () => {
        ran.undo = '';
        return {
          write: (text) => {
            ran.undo += text;
          },
          close: () => {},
        };
      },
      stop: new AbortController().signal,
    },
  );
  return ran;
}
