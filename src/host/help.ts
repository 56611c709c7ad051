/** The helpers of a host, and what they ask of it. */
import { Helpers } from '../helpers/helpers.js';
import { AF_INET } from '../wire/packet.js';
import type { HostKernel } from './kernel.js';
import type { AddressEntry } from './routing.js';

/** @param modules as the host's description names them; null: it does not */
export function makeHelpers(host: HostKernel, modules: readonly string[] | null): Helpers {
  const { tracker, nat, network, routing } = host;
  tracker.helpersByPort = network.sysctl.number('net.netfilter.nf_conntrack_helper', 0) !== 0;
  const asked = {
    makeRoom: host.makeRoom.bind(host),
    random: () => host.random(),
    interfaceTo: (family: number, words: Int32Array) => {
      const entry = routing.find(family, words, 0);
      return entry < 0 ? 0 : routing.deviceOf(entry);
    },
    broadcastMask: (dev: number, address: number) => broadcastMask(routing.addresses, dev, address),
  };
  return new Helpers(tracker, nat, asked, modules);
}

/** Netmask of the primary IPv4 address of `dev` whose broadcast address `address` is; 0 = there is none. */
function broadcastMask(addresses: readonly AddressEntry[], dev: number, address: number): number {
  for (let i = 0; i < addresses.length; i++) {
    const a = addresses[i]!;
    if (a.family !== AF_INET || a.dev !== dev || a.length >= 31) continue;
    const mask = a.length === 0 ? 0 : -1 << (32 - a.length);
    // addresses that follow one of the same subnet are secondary, and have the same broadcast address
    if ((a.words[0]! | ~mask) === address) return mask;
  }
  return 0;
}
