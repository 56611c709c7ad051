/** Makes a ReplayHost of the simulated host (host/host). */
import type { HostMaker } from './options.js';

/** The host of `statewall replay`. */
export const makeHost: HostMaker = () => {
  throw new Error('host/host is not joined yet');
};
