/**
 * -m policy: the IPsec policy that a packet came in under or goes out under. A simulated host has no IPsec, so that `--pol none`
 * always matches and `--pol ipsec` never does.
 */
import { formatAddress } from '../../wire/address.js';
import { HOOK_INPUT, HOOK_OUTPUT, HOOK_POSTROUTING, HOOK_PREROUTING } from '../../wire/packet.js';
import { prefixLength } from '../address.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { wantsHooks } from '../kernel-checks.js';
import type { Family } from '../model.js';
import { fileProtocolNumber, protocolNumber } from '../names.js';
import { hex, not, readUint, uintOption } from '../values.js';
import { maskedHostOption } from './option-values.js';

/** A value of a policy element; null in the element = not given. */
interface Wanted<T> {
  value: T;
  invert: boolean;
}

interface Endpoint {
  address: Int32Array;
  mask: Int32Array;
}

interface Element {
  reqid: Wanted<number> | null;
  spi: Wanted<number> | null;
  proto: Wanted<string> | null;
  mode: Wanted<string> | null;
  destination: Wanted<Endpoint> | null;
  source: Wanted<Endpoint> | null;
}

/** Options of -m policy. */
export interface PolicySpec {
  direction: 'in' | 'out' | '';
  none: boolean;
  strict: boolean;
  /** At least one; without `strict` exactly one. */
  elements: Element[];
}

const MAX_ELEMENTS = 4;
const IN_HOOKS = ~((1 << HOOK_OUTPUT) | (1 << HOOK_POSTROUTING));
const OUT_HOOKS = ~((1 << HOOK_PREROUTING) | (1 << HOOK_INPUT));
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [50, 'esp'],
  [51, 'ah'],
  [108, 'ipcomp'],
]);

/** -m policy. Behaviour: net/netfilter/xt_policy.c policy_mt, for a packet without a security path. */
export const policy: MatchExtension<PolicySpec> = {
  name: 'policy',
  families: [2, 10],
  options: [
    { name: 'dir', args: 1 },
    { name: 'pol', args: 1 },
    { name: 'strict', args: 0 },
    { name: 'reqid', args: 1, invert: true, repeat: true },
    { name: 'spi', args: 1, invert: true, repeat: true },
    { name: 'tunnel-src', args: 1, invert: true, repeat: true },
    { name: 'tunnel-dst', args: 1, invert: true, repeat: true },
    { name: 'proto', args: 1, invert: true, repeat: true },
    { name: 'mode', args: 1, invert: true, repeat: true },
    { name: 'next', args: 0, repeat: true, also: ['strict'] },
  ],
  init: () => ({ direction: '', none: false, strict: false, elements: [newElement()] }),
  option(spec, option, value, invert, c) {
    switch (option) {
      case 'dir':
        spec.direction =
          value === 'in' || value === 'out' ? value : c.fail(`policy_match: invalid dir "${value}"`, value);
        break;
      case 'pol':
        if (value !== 'none' && value !== 'ipsec') c.fail(`policy match: invalid policy "${value}"`, value);
        spec.none = value === 'none';
        break;
      case 'strict':
        spec.strict = true;
        break;
      case 'next':
        if (spec.elements.length === MAX_ELEMENTS) c.fail('policy match: maximum policy depth reached', '--next');
        spec.elements.push(newElement());
        break;
      default:
        elementOption(spec.elements[spec.elements.length - 1]!, option, value, invert, c);
    }
  },
  check: (spec, _seen, c) => checkPolicy(spec, c),
  save(spec, family) {
    const head = `--dir ${spec.direction} --pol ${spec.none ? 'none' : 'ipsec'}${spec.strict ? ' --strict' : ''}`;
    if (spec.none) return head;
    const elements = spec.elements.map((e) => elementText(e, family, '--', false));
    return [head, elements.join(' --next ')].filter((text) => text !== '').join(' ');
  },
  list(spec, family, numeric) {
    let text = ` policy match dir ${spec.direction} pol ${spec.none ? 'none' : 'ipsec'}${spec.strict ? ' strict' : ''}`;
    if (spec.none) return text;
    for (const [i, element] of spec.elements.entries()) {
      const tests = elementText(element, family, '', numeric);
      text += (spec.elements.length > 1 ? ` [${i}]` : '') + (tests === '' ? '' : ` ${tests}`);
    }
    return text;
  },
  refusedBy(spec, around) {
    return spec.direction === 'in'
      ? wantsHooks('policy --dir in', IN_HOOKS, around, 'PREROUTING, INPUT and FORWARD')
      : wantsHooks('policy --dir out', OUT_HOOKS, around, 'FORWARD, OUTPUT and POSTROUTING');
  },
  load(spec) {
    const none = spec.none;
    return () => none;
  },
  unsupported: 'A simulated host has no IPsec policies: --pol none matches every packet, --pol ipsec none.',
};

function newElement(): Element {
  return { reqid: null, spi: null, proto: null, mode: null, destination: null, source: null };
}

function elementOption(e: Element, option: string, value: string, invert: boolean, c: OptionContext): void {
  switch (option) {
    case 'reqid':
    case 'spi':
      if (e[option] !== null) twice(option, c);
      e[option] = { value: uintOption('policy', option, value, 0, 0xffffffff, c), invert };
      break;
    case 'proto':
      if (e.proto !== null) twice(option, c);
      e.proto = { value: readProtocol(value, c), invert };
      break;
    case 'mode':
      if (e.mode !== null) twice(option, c);
      if (value !== 'tunnel' && value !== 'transport') c.fail(`policy match: invalid mode "${value}"`, value);
      e.mode = { value, invert };
      break;
    case 'tunnel-src':
      if (e.source !== null) twice(option, c);
      e.source = { value: maskedHostOption('policy', option, value, c.family, c), invert };
      break;
    default:
      if (e.destination !== null) twice(option, c);
      e.destination = { value: maskedHostOption('policy', option, value, c.family, c), invert };
  }
}

function twice(option: string, c: OptionContext): never {
  c.fail(`policy match: double --${option} option`, `--${option}`);
}

function readProtocol(text: string, c: OptionContext): string {
  let number = readUint(text, 0, 255);
  if (number < 0) number = fileProtocolNumber(text);
  if (number < 0) number = protocolNumber(text);
  if (number < 0) c.fail(`unknown protocol "${text}" specified`, text);
  return PROTOCOLS.get(number) ?? c.fail('policy match: protocol must be ah/esp/ipcomp', text);
}

function checkPolicy(spec: PolicySpec, c: OptionContext): void {
  if (spec.direction === '') c.fail('policy match: neither --dir in nor --dir out specified');
  if (spec.none) {
    if (spec.strict) c.fail('policy match: policy none but --strict given');
    if (spec.elements.length > 1) c.fail('policy match: policy none but policy given');
    return;
  }
  for (const [i, e] of spec.elements.entries()) {
    if (spec.strict && Object.values(e).every((wanted) => wanted === null)) {
      c.fail(
        `policy match: empty policy element ${i}. --strict is in effect, but at least one of reqid, spi, tunnel-src, ` +
          'tunnel-dst, proto or mode is required.',
      );
    }
    // Without --mode an element counts as transport mode.
    const tunnel = e.mode === null ? false : (e.mode.value === 'tunnel') !== e.mode.invert;
    if ((e.source !== null || e.destination !== null) && !tunnel) {
      c.fail('policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode');
    }
  }
}

/** `! NAME VALUE` of each test; `dashes` stands before the name. `numeric`: the protocol's number. */
function elementText(e: Element, family: Family, dashes: string, numeric: boolean): string {
  const parts: string[] = [];
  const add = (name: string, wanted: Wanted<unknown> | null, text: () => string | number) => {
    if (wanted !== null) parts.push(`${not(wanted.invert)}${dashes}${name} ${text()}`);
  };
  add('reqid', e.reqid, () => e.reqid!.value);
  add('spi', e.spi, () => hex(e.spi!.value));
  add('proto', e.proto, () => (numeric ? protocolNumber(e.proto!.value) : e.proto!.value));
  add('mode', e.mode, () => e.mode!.value);
  add('tunnel-dst', e.destination, () => endpointText(e.destination!.value, family));
  add('tunnel-src', e.source, () => endpointText(e.source!.value, family));
  return parts.join(' ');
}

/** A whole mask is not printed, nor is one that is no prefix. */
function endpointText(e: Endpoint, family: Family): string {
  const bits = prefixLength(e.mask, family);
  const mask = bits < 0 || bits === (family === 2 ? 32 : 128) ? '' : `/${bits}`;
  return formatAddress(family, e.address) + mask;
}
