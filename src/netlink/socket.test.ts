/** Where netlink cannot be had there is one clear line; the system's calls are made up here, the real ones are in test/netlink. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NetlinkUnavailableError } from './error.js';
import { loadSystem } from './socket.js';
import { newDatagrams } from './system.js';

/** Return values of the C library's functions by name, and the errno that they leave; a call is written down. */
const fake = vi.hoisted(() => ({
  results: {} as Record<string, (...args: unknown[]) => number>,
  errno: 0,
  pointerBytes: 8,
  calls: [] as string[],
  failure: null as Error | null,
  poll: null as (() => void) | null,
}));

vi.mock('koffi', () => {
  const koffi = {
    load: () => ({
      func: (prototype: string) => {
        const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
        return (...args: unknown[]) => {
          fake.calls.push(name);
          return fake.results[name]?.(...args) ?? 0;
        };
      },
    }),
    errno: () => fake.errno,
    address: () => 0n,
    sizeof: () => fake.pointerBytes,
    node: {
      poll: (_fd: number, _options: unknown, callback: () => void) => {
        fake.poll = callback;
        return {
          start: () => fake.calls.push('start'),
          stop: () => fake.calls.push('stop'),
          close: () => fake.calls.push('closed'),
        };
      },
    },
  };
  return {
    get default() {
      if (fake.failure !== null) throw fake.failure;
      return koffi;
    },
  };
});

beforeEach(() => {
  Object.assign(fake, {
    results: { socket: () => 7 },
    errno: 0,
    pointerBytes: 8,
    calls: [],
    failure: null,
    poll: null,
  });
});

/** The message of what opening a socket throws. */
async function refusalOf(namespace: string | null = null): Promise<{ message: string; errno: number }> {
  try {
    (await loadSystem()).open(namespace);
  } catch (error) {
    return error as { message: string; errno: number };
  }
  throw new Error('nothing was refused');
}

describe('netlink that cannot be had', () => {
  const platform = process.platform;
  afterEach(() => Object.defineProperty(process, 'platform', { value: platform }));

  it('on another system says which it is', async () => {
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    await expect(loadSystem()).rejects.toThrow("the live connection table is Linux's; this is darwin");
    await expect(loadSystem()).rejects.toBeInstanceOf(NetlinkUnavailableError);
  });

  it('without koffi names the package', async () => {
    fake.failure = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    await expect(loadSystem()).rejects.toThrow(
      /^the live connection table needs the package koffi, which is not installed$/,
    );
    fake.failure = new Error('GLIBC_2.99 not found\nsecond line');
    await expect(loadSystem()).rejects.toThrow(/koffi, which cannot be loaded \(GLIBC_2.99 not found\)$/);
  });

  it.each([
    [93, 'this kernel has no netlink for netfilter (module nfnetlink)'],
    [24, 'cannot open a netlink socket: Too many open files'],
    [200, 'cannot open a netlink socket: error 200'],
  ])('by errno %d is one line', async (errno, message) => {
    fake.results.socket = () => -1;
    fake.errno = errno;
    expect(await refusalOf()).toMatchObject({ message, errno });
  });

  it('because it cannot be bound leaves no socket open', async () => {
    fake.results.bind = () => -1;
    fake.errno = 1;
    expect((await refusalOf()).message).toBe('cannot bind a netlink socket: Operation not permitted');
    expect(fake.calls.at(-1)).toBe('close');
  });
});

describe('a socket of another namespace', () => {
  it('is made there, and the thread is back before anything else happens', async () => {
    (await loadSystem()).open('/var/run/netns/x');
    expect(fake.calls.slice(0, 7)).toEqual(['open', 'open', 'setns', 'close', 'socket', 'setns', 'close']);
  });

  it.each([
    [
      'open',
      (path: unknown) => (path === '/proc/thread-self/ns/net' ? 5 : -1),
      'cannot open /var/run/netns/x: No such file or directory',
    ],
    ['setns', () => -1, 'cannot enter the network namespace /var/run/netns/x: No such file or directory'],
  ])('that cannot be reached by %s is one line, and no descriptor stays', async (name, result, message) => {
    fake.results[name] = result;
    fake.errno = 2;
    expect((await refusalOf('/var/run/netns/x')).message).toBe(message);
    const count = (call: string) => fake.calls.filter((c) => c === call).length;
    expect(count('close')).toBe(count('open') - (name === 'open' ? 1 : 0));
    expect(count('socket')).toBe(0);
  });

  it('that refuses the socket is left all the same', async () => {
    fake.results.socket = () => -1;
    fake.errno = 93;
    expect((await refusalOf('/var/run/netns/x')).message).toMatch(/no netlink for netfilter/);
    expect(fake.calls.filter((c) => c === 'setns').length).toBe(2);
  });
});

describe('a socket', () => {
  it('receives nothing, an error or datagrams', async () => {
    const socket = (await loadSystem()).open(null);
    const into = newDatagrams(1, 64);
    fake.results.recv = () => -1;
    fake.errno = 11;
    expect(socket.receive(into)).toBe(0);
    fake.errno = 105;
    expect(socket.receive(into)).toBe(-105);
    fake.results.recv = () => 20;
    expect([socket.receive(into), into.lengths[0]]).toEqual([1, 20]);
    fake.results.send = () => -1;
    expect(socket.send(new Uint8Array(4), 4)).toBe(105);
  });

  it('receives many with one call, or one by one where pointers are short', async () => {
    const into = newDatagrams(4, 64);
    fake.results.recvmmsg = (_fd, headers) => {
      // the length of the second
      new Uint32Array((headers as Uint8Array).buffer)[(64 + 56) / 4] = 33;
      return 2;
    };
    expect((await loadSystem()).open(null).receive(into)).toBe(2);
    expect(into.lengths[1]).toBe(33);
    fake.pointerBytes = 4;
    let left = 3;
    fake.results.recv = () => (left-- > 0 ? 20 + left : -1);
    fake.errno = 105;
    const socket = (await loadSystem()).open(null);
    expect([socket.receive(into), [...into.lengths.slice(0, 3)]]).toEqual([3, [22, 21, 20]]);
    expect(socket.receive(into)).toBe(-105);
    left = 9;
    expect(socket.receive(into)).toBe(4);
    expect(fake.calls.filter((c) => c === 'recvmmsg').length).toBe(1);
  });

  it('waits without polling again while it is not read, and is woken by closing', async () => {
    const socket = (await loadSystem()).open(null);
    const first = socket.readable();
    expect(socket.readable()).toBe(first);
    fake.poll?.();
    await first;
    expect(fake.calls.filter((c) => c === 'stop' || c === 'start')).toEqual(['stop']);
    const second = socket.readable();
    expect(fake.calls.filter((c) => c === 'start').length).toBe(1);
    socket.close();
    await second;
    await socket.readable();
    socket.close();
    expect(fake.calls.filter((c) => c === 'close').length).toBe(1);
    expect(socket.receive(newDatagrams(1, 64))).toBe(0);
  });

  it('that may not have a buffer beyond the limit takes one within it', async () => {
    const options: number[] = [];
    fake.results.setsockopt = (_fd, _level, option) => {
      options.push(option as number);
      return option === 33 ? -1 : 0;
    };
    fake.errno = 1;
    (await loadSystem()).open(null).setBufferBytes(4096);
    expect(options.slice(-2)).toEqual([33, 8]);
  });
});

describe('the system', () => {
  it('has microseconds, small files and none', async () => {
    const system = await loadSystem();
    expect(Math.abs(system.nowUs() / 1000 - Date.now())).toBeLessThan(60_000);
    expect(system.readText('/proc/self/comm')).not.toBeNull();
    expect(system.readText('/proc/self/no-such-file')).toBeNull();
    expect(system.programName(1, null)).toBeNull();
    await system.delay(0);
    await system.delay(1);
  });
});
