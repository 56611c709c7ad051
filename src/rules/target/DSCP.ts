/**
 * -j DSCP: sets the upper six bits of the type of service or traffic class and leaves the ECN bits (xt_DSCP.c, dscp_tg).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { hexByte, uintOption } from '../values.js';
import { dsField, setDsField } from './ip-bytes.js';

/** 0-63; -1 only while options are read. */
export interface DscpTargetSpec {
  dscp: number;
}

/** DiffServ class names of RFC 2474, 2597 and 3246. */
const CLASSES: ReadonlyMap<string, number> = new Map([
  ['BE', 0x00],
  ['EF', 0x2e],
  ...Array.from({ length: 8 }, (_, i): [string, number] => [`CS${i}`, i << 3]),
  ...Array.from({ length: 12 }, (_, i): [string, number] => {
    const [group, drop] = [Math.trunc(i / 3) + 1, (i % 3) + 1];
    return [`AF${group}${drop}`, (group << 3) | (drop << 1)];
  }),
]);

/** The `DSCP` target. */
export const DSCP: TargetExtension<DscpTargetSpec> = {
  name: 'DSCP',
  families: [AF_INET, AF_INET6],
  tables: ['mangle'],
  options: [
    { name: 'set-dscp', args: 1, excludes: ['set-dscp-class'] },
    { name: 'set-dscp-class', args: 1, excludes: ['set-dscp'] },
  ],
  init: () => ({ dscp: -1 }),
  option(spec, option, text, _inverted, c) {
    if (option === 'set-dscp') {
      spec.dscp = uintOption('DSCP', option, text, 0, 63, c);
      return;
    }
    const dscp = CLASSES.get(text.toUpperCase()) ?? -1;
    if (dscp < 0) c.fail(`Invalid DSCP value \`${text}'`, text);
    spec.dscp = dscp;
  },
  check(spec, _seen, c) {
    if (spec.dscp < 0) c.fail('DSCP target: Parameter --set-dscp is required');
  },
  save: (spec) => `--set-dscp ${hexByte(spec.dscp)}`,
  list: (spec) => ` DSCP set ${hexByte(spec.dscp)}`,
  load({ dscp }) {
    return (p) => {
      const old = dsField(p);
      if (old >> 2 !== dscp) setDsField(p, (old & 3) | (dscp << 2));
      return VERDICT_CONTINUE;
    };
  },
};
