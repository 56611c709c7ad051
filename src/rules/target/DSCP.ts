/**
 * -j DSCP: sets the upper six bits of the type of service or traffic class and leaves the ECN bits (xt_DSCP.c, dscp_tg).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { dscpClass } from '../match/dscp.js';
import { hexByte, uintOption } from '../values.js';
import { dsField, setDsField } from './ip-bytes.js';

/** 0-63; -1 only while options are read. */
export interface DscpTargetSpec {
  dscp: number;
}

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
    const dscp = dscpClass(text);
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
