/**
 * -m ipvs: packets of a virtual service (xt_ipvs.c). A simulated host balances no load: no packet belongs to a service, and what else
 * is asked about one is never true, inverted or not.
 */
import { formatAddress } from '../../wire/address.js';
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { prefixLength } from '../address.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import type { Family } from '../model.js';
import { protocolNumber } from '../names.js';
import { resolvedPortOption } from '../resolved-port.js';
import { not, readUint } from '../values.js';
import { type MaskedHost, maskedHostOption } from './option-values.js';

interface Wanted<T> {
  value: T;
  invert: boolean;
}

/** Options of -m ipvs; null = not given. */
export interface IpvsSpec {
  ipvs: { invert: boolean } | null;
  protocol: Wanted<number> | null;
  address: Wanted<MaskedHost> | null;
  port: Wanted<number> | null;
  direction: 'ORIGINAL' | 'REPLY' | null;
  /** GATE, IPIP or MASQ. */
  method: Wanted<string> | null;
  controlPort: Wanted<number> | null;
}

const METHODS = ['GATE', 'IPIP', 'MASQ'];
const OPTIONS = ['ipvs', 'vproto', 'vaddr', 'vport', 'vdir', 'vmethod', 'vportctl'];

/** The `ipvs` match. */
export const ipvs: MatchExtension<IpvsSpec> = {
  name: 'ipvs',
  families: [AF_INET, AF_INET6],
  options: OPTIONS.map((name) => ({ name, args: name === 'ipvs' ? 0 : 1, invert: name !== 'vdir' })),
  init: () => ({
    ipvs: null,
    protocol: null,
    address: null,
    port: null,
    direction: null,
    method: null,
    controlPort: null,
  }),
  option: readOption,
  check(spec, seen, c) {
    if (seen.size === 0) c.fail('IPVS: At least one option is required');
    if (spec.ipvs?.invert === true && seen.size > 1) c.fail('! --ipvs cannot be together with other options');
  },
  save: (spec, family) => words(spec, family, '--').slice(1),
  list: (spec, family) => words(spec, family, ''),
  load(spec) {
    const matches = spec.ipvs?.invert === true;
    return () => matches;
  },
};

function readOption(spec: IpvsSpec, option: string, text: string, invert: boolean, c: OptionContext): void {
  switch (option) {
    case 'ipvs':
      spec.ipvs = { invert };
      break;
    case 'vproto':
      spec.protocol = { value: readProtocol(text, c), invert };
      break;
    case 'vaddr':
      spec.address = { value: maskedHostOption('ipvs', option, text, c.family, c), invert };
      break;
    case 'vport':
      spec.port = { value: resolvedPortOption(text, c), invert };
      break;
    case 'vdir': {
      const word = text.toUpperCase();
      if (word !== 'ORIGINAL' && word !== 'REPLY') badValue(option, text, c);
      spec.direction = word;
      break;
    }
    case 'vmethod':
      if (!METHODS.includes(text.toUpperCase())) badValue(option, text, c);
      spec.method = { value: text.toUpperCase(), invert };
      break;
    default:
      spec.controlPort = { value: resolvedPortOption(text, c), invert };
  }
}

function badValue(option: string, text: string, c: OptionContext): never {
  c.fail(`ipvs: Bad value for "--${option}" option: "${text}"`, text);
}

function readProtocol(text: string, c: OptionContext): number {
  let number = readUint(text, 0, 255);
  if (number < 0) number = protocolNumber(text.toLowerCase());
  if (number < 0) c.fail(`unknown protocol "${text}" specified`, text);
  return number;
}

function words(spec: IpvsSpec, family: Family, dashes: string): string {
  let text = '';
  const add = (name: string, wanted: Wanted<unknown> | null, value: string) => {
    if (wanted !== null) text += ` ${not(wanted.invert)}${dashes}${name} ${value}`;
  };
  const alone = spec.ipvs !== null && Object.values(spec).filter((part) => part !== null).length === 1;
  if (alone) text += ` ${not(spec.ipvs!.invert)}${dashes}ipvs`;
  add('vproto', spec.protocol, String(spec.protocol?.value));
  if (spec.address !== null) add('vaddr', spec.address, hostText(spec.address.value, family));
  add('vport', spec.port, String(spec.port?.value));
  if (spec.direction !== null) text += ` ${dashes}vdir ${spec.direction}`;
  add('vmethod', spec.method, String(spec.method?.value));
  add('vportctl', spec.controlPort, String(spec.controlPort?.value));
  return text;
}

/** A mask with holes is not printed. */
function hostText({ address, mask }: MaskedHost, family: Family): string {
  const bits = prefixLength(mask, family);
  const whole = bits < 0 || bits === (family === AF_INET ? 32 : 128);
  return formatAddress(family, address) + (whole ? '' : `/${bits}`);
}
