/** `--top`: how many connections there are of each address, port, pair, state or zone. */
import { protocolName, stateNames } from '../../flow/names.js';
import type { FlowRecord } from '../../flow/record.js';
import type { TopKey } from './line.js';

/** Rows that a person is shown; the rest is added up in one. */
const ROWS = 20;

/** Counts records by one of their properties. Keeps one number for each value that it has seen. */
export class TopCounter {
  private readonly key: TopKey;
  private readonly counts = new Map<string, number>();
  /** Records counted. */
  total = 0;

  constructor(key: TopKey) {
    this.key = key;
  }

  /** Counts a record. */
  add(record: FlowRecord): void {
    const value = keyTextOf(this.key, record);
    this.counts.set(value, (this.counts.get(value) ?? 0) + 1);
    this.total++;
  }

  /** The commonest first; equal counts in the order of their texts. */
  rows(): { value: string; count: number; share: number }[] {
    const all = [...this.counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return all.map(([value, count]) => ({ value, count, share: count / this.total }));
  }

  /** A table for people: the first rows, and what all others come to. */
  table(): string {
    const rows = this.rows();
    const lines = [line('count', 'share', this.key)];
    for (const { value, count, share } of rows.slice(0, ROWS)) lines.push(line(String(count), percent(share), value));
    const rest = rows.slice(ROWS);
    if (rest.length > 0) {
      const count = rest.reduce((sum, row) => sum + row.count, 0);
      lines.push(line(String(count), percent(count / this.total), `${rest.length} others`));
    }
    return `${lines.join('\n')}\n`;
  }

  /** One object a line, all of them. */
  json(): string {
    return this.rows()
      .map(({ value, count, share }) => `${JSON.stringify({ [this.key]: value, count, share: round(share) })}\n`)
      .join('');
  }
}

function line(count: string, share: string, value: string): string {
  return `${count.padStart(9)}  ${share.padStart(7)}  ${value}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function round(share: number): number {
  return Math.round(share * 1e6) / 1e6;
}

/** Ports and states mean nothing without their protocol. */
function keyTextOf(key: TopKey, r: FlowRecord): string {
  switch (key) {
    case 'src':
      return r.original.source;
    case 'dst':
      return r.original.destination;
    case 'pair':
      return `${r.original.source} -> ${r.original.destination}`;
    case 'sport':
      return portText(r, r.original.ports?.source);
    case 'dport':
      return portText(r, r.original.ports?.destination);
    case 'state':
      return stateText(r);
    case 'zone':
      return r.zoneOriginal === r.zoneReply ? String(r.zoneOriginal) : `${r.zoneOriginal} -> ${r.zoneReply}`;
  }
}

function protocolText(r: FlowRecord): string {
  const name = protocolName(r.protocol);
  return name === 'unknown' ? `protocol ${r.protocol}` : name;
}

function portText(r: FlowRecord, port: number | undefined): string {
  return port === undefined ? protocolText(r) : `${port}/${protocolText(r)}`;
}

function stateText(r: FlowRecord): string {
  const name = r.state === null ? undefined : stateNames(r.protocol)[r.state];
  return name === undefined ? protocolText(r) : `${name} ${protocolText(r)}`;
}
