/** -m connbytes: packets, bytes or bytes a packet that a connection has carried so far (xt_connbytes.c). */
import { F_COUNTERS, R_STATUS, RECORD_SHIFT } from '../../conntrack/layout.js';
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { rangeOption } from './option-values.js';

const UINT64_MAX = 0xffffffffffffffffn;
const MODES = ['packets', 'bytes', 'avgpkt'] as const;
const DIRECTIONS = ['original', 'reply', 'both'] as const;

/** Options of -m connbytes. */
export interface ConnbytesSpec {
  /** Lower end, decimal. `!` is kept as the kernel keeps it: the ends exchanged, so that from > to. */
  from: string;
  to: string;
  mode: (typeof MODES)[number];
  direction: (typeof DIRECTIONS)[number];
}

function rangeText(spec: ConnbytesSpec): string {
  const from = BigInt(spec.from);
  const to = BigInt(spec.to);
  const inverted = from > to;
  const [low, high] = inverted ? [to, from] : [from, to];
  return `${inverted ? '! ' : ''}--connbytes ${low}${high === UINT64_MAX ? '' : `:${high}`}`;
}

/** The `connbytes` match. Loading it turns accounting on. */
export const connbytes: MatchExtension<ConnbytesSpec> = {
  name: 'connbytes',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'connbytes', args: 1, invert: true, required: true },
    { name: 'connbytes-dir', args: 1, required: true },
    { name: 'connbytes-mode', args: 1, required: true },
  ],
  init: () => ({ from: '0', to: String(UINT64_MAX), mode: 'packets', direction: 'original' }),
  option(spec, option, value, inverted, c) {
    if (option === 'connbytes') {
      const { from, to } = rangeOption('connbytes', option, value, UINT64_MAX, true, c);
      if (from > to) c.fail(`${from} should be less than ${to}`, value);
      spec.from = String(inverted ? to : from);
      spec.to = String(inverted ? from : to);
    } else if (option === 'connbytes-mode') {
      const mode = MODES.find((name) => name === value);
      if (mode === undefined) c.fail(`Unknown --connbytes-mode \`${value}'`, value);
      spec.mode = mode!;
    } else {
      const direction = DIRECTIONS.find((name) => name === value);
      if (direction === undefined) c.fail(`Unknown --connbytes-dir \`${value}'`, value);
      spec.direction = direction!;
    }
  },
  save: (spec) => `${rangeText(spec)} --connbytes-mode ${spec.mode} --connbytes-dir ${spec.direction}`,
  list: (spec) =>
    ` ${rangeText(spec).replace('--', '')} connbytes mode ${spec.mode} connbytes direction ${spec.direction}`,
  load(spec, { tracker }) {
    tracker.enableAccounting();
    const from = Number(BigInt(spec.from));
    const to = Number(BigInt(spec.to));
    const original = spec.direction === 'reply' ? 0 : 1;
    const reply = spec.direction === 'original' ? 0 : 1;
    const mode = MODES.indexOf(spec.mode);
    return (p, c) => {
      if (p.connection < 0) return false;
      const table = c.tracker.table;
      const slot = p.connection >> 1;
      // connections from before accounting was on have no counters
      if ((table.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_COUNTERS) === 0) return false;
      const packets = table.counter(slot, 0) * original + table.counter(slot, 2) * reply;
      const bytes = table.counter(slot, 1) * original + table.counter(slot, 3) * reply;
      const what = mode === 0 ? packets : mode === 1 ? bytes : packets === 0 ? 0 : Math.floor(bytes / packets);
      return to >= from ? what >= from && what <= to : what < to || what > from;
    };
  },
};
