/**
 * Addresses and links that change while the host runs, and what that ends: connections that MASQUERADE gave an address which is
 * gone, or which left by an interface that is down (nf_nat_masquerade.c: masq_device_event, masq_inet_event, masq_inet6_event).
 *
 * An interface that is down has no routes. The host keeps its IPv4 addresses, as whose they are, and loses the IPv6 ones
 * (net/ipv4/fib_frontend.c fib_disable_ip, net/ipv6/addrconf.c addrconf_ifdown) until the interface is up again. Routes of the
 * host's description are there whenever their interface is up, where the kernel forgets them with the link or its last address:
 * whoever sets addresses there sets them again.
 */
import type { Nat } from '../nat/nat.js';
import { AF_INET } from '../wire/packet.js';
import { compileAddresses, type HostNetwork } from './config.js';
import { type AddressEntry, Routing } from './routing.js';

/** Bits of an IPv4 address: a prefix of that length has no network around it. */
const HOST_BITS4 = 32;

/** The interfaces' addresses and links; see the head of this file. */
export class Links {
  readonly #network: HostNetwork;
  readonly #nat: Nat;
  /** Addresses by interface index, whether it is up or not. */
  readonly #addresses: AddressEntry[][];
  /** By interface index: 1 = down. */
  readonly #down: Uint8Array;

  constructor(network: HostNetwork, nat: Nat) {
    this.#network = network;
    this.#nat = nat;
    this.#addresses = network.interfaces.map((_, dev) => network.routing.addresses.filter((a) => a.dev === dev));
    this.#down = new Uint8Array(network.interfaces.length);
  }

  /** `texts` are the addresses of `dev` from now on. Throws HostConfigError before anything has changed. */
  setAddresses(dev: number, texts: readonly string[], path: string): void {
    const now = compileAddresses(texts, path, dev);
    const gone = this.#addresses[dev]!.filter((old) => !now.some((a) => sameAddress(a, old)));
    this.#addresses[dev] = now;
    this.#route();
    for (const a of gone) this.#nat.forgetMasqueraded(dev, a.family, a.words);
  }

  /** `dev` is up or down from now on. */
  setUp(dev: number, up: boolean): void {
    this.#down[dev] = up ? 0 : 1;
    this.#route();
    if (!up) this.#nat.forgetMasqueraded(dev, 0, null);
  }

  #route(): void {
    const { interfaces, routes, sysctl, routing } = this.#network;
    const down = this.#down;
    const addresses: AddressEntry[] = [];
    for (const a of this.#addresses.flat()) {
      if (down[a.dev] === 0) addresses.push(a);
      else if (a.family === AF_INET) addresses.push({ ...a, length: HOST_BITS4 });
    }
    const alive = routes.filter((r) => down[r.dev] === 0);
    routing.become(new Routing(interfaces, addresses, alive, sysctl));
  }
}

function sameAddress(a: AddressEntry, b: AddressEntry): boolean {
  return a.family === b.family && a.length === b.length && a.words.every((word, i) => word === b.words[i]);
}
