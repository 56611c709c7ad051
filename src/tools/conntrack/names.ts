/** What a system calls protocols and labels: two files of it. */
import { type ProtocolNames, readProtocolNames } from './protocols.js';

/** Names that a command line may use. */
export interface SystemNames {
  protocols: ProtocolNames;
  /** Names of labels; null: the system has no such file. */
  labels: ReadonlySet<string> | null;
}

/** Reads /etc/protocols and /etc/xtables/connlabel.conf; null for a file that is not there. */
export function readSystemNames(protocols: string | null, labels: string | null): SystemNames {
  return { protocols: readProtocolNames(protocols ?? ''), labels: labels === null ? null : readLabels(labels) };
}

/** A bit and a name a line; `#` begins a comment. */
function readLabels(text: string): Set<string> {
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    const m = /^\s*(\d{1,3})\s+(\S+)/.exec(line);
    if (m !== null && Number(m[1]) < 128) names.add(m[2]!);
  }
  return names;
}
