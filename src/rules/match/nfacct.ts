/** -m nfacct: counts packets in an accounting object that rules share by name (xt_nfacct.c, nfnetlink_acct.c). */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { ENOENT, errnoText } from '../kernel-checks.js';
import { quote } from '../values.js';

/** Options of -m nfacct. */
export interface NfacctSpec {
  name: string;
}

/** An accounting object, shared by all rules that name it and kept across reloads (`nfacct:NAME` of LoadContext.shared). */
export class AccountingObject {
  packets = 0;
  bytes = 0;

  /** @param limit -1 = none. @param byPackets whether the limit is one of packets */
  constructor(
    readonly limit: number,
    readonly byPackets: boolean,
  ) {}

  /** Counts a packet; whether the rule matches: without a limit always, else once more than the limit is counted. */
  count(bytes: number): boolean {
    this.packets += 1;
    this.bytes += bytes;
    return this.limit < 0 || (this.byPackets ? this.packets : this.bytes) > this.limit;
  }
}

/** Longest name (NFACCT_NAME_MAX with the 0 behind it); what is longer, iptables cuts off. */
const NAME_MAX = 31;

/** The `nfacct` match. */
export const nfacct: MatchExtension<NfacctSpec> = {
  name: 'nfacct',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'nfacct-name', args: 1, required: true }],
  init: () => ({ name: '' }),
  option(spec, _option, value, _inverted, c) {
    if (value === '') c.fail('Argument must have a minimum length of 1 characters\n', value);
    spec.name = value.slice(0, NAME_MAX);
  },
  // two blanks, as iptables prints them
  save: (spec) => `--nfacct-name  ${quote(spec.name)}`,
  list: (spec) => ` nfacct-name  ${quote(spec.name)}`,
  load(spec, c) {
    const { name } = spec;
    const { accounting } = c.facts;
    if (accounting !== null && !accounting.has(name)) {
      const known = accounting.size === 0 ? 'has none' : `has ${[...accounting.keys()].join(', ')}`;
      c.fail(`${errnoText(ENOENT)}\nthere is no accounting object "${name}"; the host ${known}`);
    }
    const object = c.shared(`nfacct:${name}`, () => {
      const quota = accounting?.get(name) ?? null;
      return quota === null ? new AccountingObject(-1, false) : new AccountingObject(quota.limit, quota.packets);
    });
    return (p) => object.count(p.l3Len);
  },
};
