/** On which interface of the host the frames of a capture's interface arrive. */
import type { FrameSource } from './frames.js';
import { isInterfaceName } from './network.js';
import { ReplayError, type ReplayOptions } from './options.js';
import type { ReplayHost } from './replay-host.js';

/** Asked once for each interface of each capture. */
export class Arrival {
  private readonly o: ReplayOptions;
  private readonly host: ReplayHost;
  private readonly warn: (line: string) => void;
  private readonly told = new Set<string>();

  /** Throws ReplayError where the host does not have --in-interface. */
  constructor(o: ReplayOptions, host: ReplayHost, warn: (line: string) => void) {
    this.o = o;
    this.host = host;
    this.warn = warn;
    if (o.inInterface !== null && host.interfaceIndex(o.inInterface) === 0) {
      throw new ReplayError(`--in-interface: the host has no interface "${o.inInterface}" (it has ${this.names()})`, 2);
    }
  }

  /**
   * The index for a name in a capture ('' where it names none). Throws ReplayError where a host that --host describes has no
   * such interface; one that is made for the capture takes every packet.
   */
  interfaceFor(source: FrameSource, name: string): number {
    const index = name === '' ? 0 : this.host.interfaceIndex(name);
    if (index !== 0) return index;
    if (this.o.inInterface !== null) return this.host.interfaceIndex(this.o.inInterface);
    if (name !== '' && this.o.host !== null) {
      const remedy = isInterfaceName(name) ? 'put it into --host, or say --in-interface' : 'say --in-interface';
      throw new ReplayError(`${source.name}: the host has no interface "${name}" (it has ${this.names()}): ${remedy}`);
    }
    const others = this.host.interfaceNames.filter((n) => n !== '' && n !== 'lo');
    const first = others[0] ?? 'lo';
    if (name !== '') this.tell(`${source.name}: the packets of "${name}" are taken to arrive on ${first}`);
    else if (others.length > 1)
      this.tell(`${source.name} names no interface: its packets are taken to arrive on ${first}`);
    return this.host.interfaceIndex(first);
  }

  private tell(what: string): void {
    if (!this.told.has(what)) this.warn(`${what} (see --in-interface)`);
    this.told.add(what);
  }

  private names(): string {
    return this.host.interfaceNames.filter((n) => n !== '').join(', ');
  }
}
