/**
 * Values of iptables' own options: protocols, interfaces, counters, address lists.
 */
import { fillMask, readHost, readMask } from '../rules/address.js';
import type { AddressMatch, InterfaceMatch } from '../rules/model.js';
import { protocolNameList, protocolNumber } from '../rules/names.js';
import { readUint } from '../rules/values.js';
import { suggest } from './errors.js';
import { ExtensionReader } from './extension-reader.js';

/** What no -s or -d gives. */
export const NO_ADDRESSES: readonly AddressMatch[] = [];
const MAX_INTERFACE_LEN = 15;

/** Reads them. */
export class BaseReader extends ExtensionReader {
  protected packets = 0;
  protected bytes = 0;
  /** Letters of the options given. */
  protected given = '';
  /** Masks by their text: most rules share a few. */
  private readonly masks = new Map<string, Int32Array>();
  /** -p by number, complemented where `!` stands before it. */
  private readonly protocols = new Map<number, { number: number; invert: boolean }>();

  protected once(letter: string): void {
    if (this.given.includes(letter)) this.fail(`multiple -${letter} flags not allowed`);
    if (this.invert && !'sdpiof'.includes(letter)) this.fail(`cannot have ! before -${letter}`);
    this.given += letter;
  }

  protected readProtocol(value: string): void {
    const name = value.toLowerCase();
    let number = readUint(name, 0, 255);
    if (number < 0) number = protocolNumber(name);
    if (number < 0) {
      this.fail(`unknown protocol "${name}" specified`, {
        hint: `expected a protocol's number or name${suggest(name, protocolNameList())}`,
      });
    }
    if (number === 0 && this.invert) this.fail('rule would never match protocol');
    if (number === 0) return;
    this.protocol = this.protocolMatch(number, this.invert);
    this.protocolWord = name;
    // Of the extension headers ip6tables looks through, only ESP can be asked for by number.
    if (this.family !== 2 && !this.invert && (number === 43 || number === 44 || number === 51 || number === 60)) {
      this.warn(`never matched protocol: ${name}. use extension match instead.`);
    }
  }

  private protocolMatch(number: number, invert: boolean): { number: number; invert: boolean } {
    const key = invert ? ~number : number;
    let match = this.protocols.get(key);
    if (match === undefined) {
      match = { number, invert };
      this.protocols.set(key, match);
    }
    return match;
  }

  protected readInterface(name: string): InterfaceMatch | null {
    if (name === '') this.fail('Empty interface is likely to be undesired');
    if (name.length > MAX_INTERFACE_LEN) {
      this.fail(`interface name \`${name}' must be shorter than IFNAMSIZ (${MAX_INTERFACE_LEN})`, {
        hint: `expected ${MAX_INTERFACE_LEN} characters at most; + at the end stands for any others`,
      });
    }
    if (name.includes('/') || name.includes(' ')) {
      this.warn(`weird character in interface \`${name}' ('/' and ' ' are not allowed by the kernel).`);
    }
    return name === '+' && !this.invert ? null : { name, invert: this.invert };
  }

  protected readCounters(value: string): void {
    this.once('c');
    const comma = value.indexOf(',', 1);
    let bytes = comma < 0 ? '' : value.slice(comma + 1);
    if (comma < 0) {
      if (!this.hasWord()) this.fail('-c requires packet and byte counter');
      bytes = this.argumentOf();
    }
    this.packets = readCounter(value);
    if (this.packets < 0) this.fail('-c packet counter not numeric');
    this.bytes = readCounter(bytes);
    if (this.bytes < 0) this.fail('-c byte counter not numeric');
  }

  /** The addresses of -s or -d; empty = any. */
  protected addresses(text: string, at: number, invert: boolean): readonly AddressMatch[] {
    if (at < 0) return NO_ADDRESSES;
    this.blame = at;
    const list: AddressMatch[] = [];
    if (!text.includes(',')) {
      list.push(this.address(text, invert));
    } else {
      for (const part of text.split(',')) list.push(this.address(part, invert));
    }
    this.blame = this.first;
    return list;
  }

  private address(part: string, invert: boolean): AddressMatch {
    const slash = part.lastIndexOf('/');
    const mask = this.mask(slash < 0 ? '' : part.slice(slash + 1), slash < 0);
    // With an empty mask the name does not matter: any/0.
    const name = slash < 0 ? part : part.slice(0, slash);
    const address = new Int32Array(4);
    if (isEmpty(mask)) return { address, mask, invert };
    if (!readHost(name, this.family, address)) {
      this.fail(`host/network \`${name}' not found`, {
        hint: `expected an IPv${this.family === 2 ? 4 : 6} address; names of hosts are not looked up`,
      });
    }
    for (let i = 0; i < 4; i++) address[i] = (address[i] as number) & (mask[i] as number);
    return { address, mask, invert };
  }

  private mask(text: string, full: boolean): Int32Array {
    const key = full ? 'full' : text;
    let mask = this.masks.get(key);
    if (mask !== undefined) return mask;
    mask = new Int32Array(4);
    if (full) fillMask(this.family === 2 ? 32 : 128, mask);
    else if (!readMask(text, this.family, mask)) {
      const widest =
        this.family === 2 ? '/0 to /32 or a mask such as 255.255.255.0' : '/0 to /128 or a mask such as ffff::';
      this.fail(`invalid mask \`${text}' specified`, { hint: `expected ${widest}` });
    }
    this.masks.set(key, mask);
    return mask;
  }
}

/**
 * A counter of 64 bits as sscanf(3) reads `%llu`: what stands behind the digits does not matter, too large a one is the largest, a
 * negative one counts from the top. -1: no number.
 */
export function readCounter(text: string): number {
  const m = /^\s*([+-]?\d+)/.exec(text);
  if (m === null) return -1;
  const value = Number(m[1]);
  return value < 0 ? 2 ** 64 + value : Math.min(value, 2 ** 64);
}

/** `0.0.0.0/0` not inverted is no test. */
export function unlessAny(a: AddressMatch | undefined): AddressMatch | null {
  if (a === undefined) return null;
  return isEmpty(a.mask) && !a.invert ? null : a;
}

function isEmpty(mask: Int32Array): boolean {
  return mask[0] === 0 && mask[1] === 0 && mask[2] === 0 && mask[3] === 0;
}
