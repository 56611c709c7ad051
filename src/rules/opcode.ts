/**
 * Which uses of an extension have an opcode, read from name and spec. Anything not recognised runs as a function: a spec that
 * this file does not understand costs speed, never correctness.
 */
import type { MatchUse, Rule } from './model.js';

export interface PortTest {
  from: number;
  to: number;
  invert: boolean;
}

export type OpcodeForm =
  /** Always true (comment). */
  | { kind: 'nothing' }
  | { kind: 'function' }
  /** `mask` of 1 << CT_ constant. */
  | { kind: 'state'; mask: number }
  /** tcp, udp: each part null = not tested. */
  | {
      kind: 'ports';
      source: PortTest | null;
      destination: PortTest | null;
      flags: { mask: number; wanted: number; invert: boolean } | null;
    }
  | { kind: 'mark'; value: number; mask: number; invert: boolean }
  /** multiport: PORT_SET_ bits; each range from | to << 16. */
  | { kind: 'portSet'; bits: number; ranges: number[] };

const FUNCTION: OpcodeForm = { kind: 'function' };
const NOTHING: OpcodeForm = { kind: 'nothing' };

/** The form in which one match of a rule is tested. */
export function opcodeForm(use: MatchUse, _rule: Rule): OpcodeForm {
  switch (use.extension.name) {
    case 'comment':
      return NOTHING;
    default:
      return FUNCTION;
  }
}
