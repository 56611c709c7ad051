/** Random hosts for host.mjs: settings at which limits tip over, and interfaces, routes and neighbours that its traffic meets. */
const LONGEST_MS = 0x7fffffff;

/**
 * Settings of a world: { sysctl, longestMs }, the second being the longest timeout that a connection can have with them.
 * `rows`: SETTINGS of conntrack/sysctl.js.
 */
export function settings(rows, random) {
  const pick = (list) => list[random.below(list.length)];
  const sysctl = { 'net.netfilter.nf_conntrack_max': pick([1, 2, 7, 30, 100, 100, 1000, 1000, 20_000]) };
  for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
    sysctl[name] = random.below(5) === 0 ? 0 : 1;
  if (random.below(4) === 0) sysctl['net.ipv4.conf.all.rp_filter'] = random.below(3);
  if (random.below(4) === 0) sysctl['net.ipv4.ipfrag_max_dist'] = random.below(4);
  if (random.below(4) === 0) sysctl['net.ipv4.ipfrag_high_thresh'] = pick([0, 1, 3000, 100_000]);
  if (random.below(4) === 0) sysctl['net.netfilter.nf_conntrack_frag6_high_thresh'] = pick([0, 1, 3000, 100_000]);
  if (random.below(4) === 0) sysctl['net.ipv4.ipfrag_time'] = random.below(3);
  if (random.below(4) === 0) sysctl['net.ipv4.ip_default_ttl'] = pick([1, 64, 255]);
  sysctl['net.netfilter.nf_conntrack_log_invalid'] = pick([0, 0, 6, 255]);
  let longestMs = 0;
  for (const row of rows) {
    const name = `net.netfilter.nf_conntrack_${row.name}`;
    const isTimeout = row.group !== 'value';
    if (random.below(3) === 0) {
      if (isTimeout) sysctl[name] = pick([0, 1, 2, 5, 30, 600, 432_000, 2_147_483, 21_474_836]);
      else if (!/max$|log_invalid|thresh|buckets/.test(row.name))
        sysctl[name] = random.below(/retrans|events/.test(row.name) ? 3 : 2);
      else if (row.name === 'buckets') sysctl[name] = pick([1, 16, 1024, 262_144]);
    }
    if (isTimeout) longestMs = Math.max(longestMs, (sysctl[name] ?? row.initial) * 1000);
  }
  return { sysctl, longestMs: Math.min(longestMs, LONGEST_MS) };
}

/** A HostConfig with three interfaces; the addresses are those of traffic.mjs. */
export function hostConfig(sysctl, random) {
  const pick = (list) => list[random.below(list.length)];
  const address = (n) => [`10.${n}.0.1/24`, `fd00:${n}::1/64`];
  const mtu = () => pick([68, 576, 1280, 1280, 1500, 1500, 9000]);
  return {
    interfaces: [
      { name: 'r0', mac: '02:00:00:00:01:01', addresses: address(1), mtu: mtu() },
      { name: 'r1', addresses: address(2), group: 3, mtu: mtu() },
      { name: 'r2', addresses: ['192.0.2.1/31'] },
    ],
    routes: [
      { to: 'default', via: '10.2.0.2', dev: 'r1' },
      { to: '::/0', via: 'fd00:2::2', dev: 'r1' },
      { to: '10.11.0.0/16', via: '10.1.0.2', dev: 'r0' },
      { to: 'fd00:11::/32', via: 'fd00:1::2', dev: 'r0' },
      { to: '8.8.0.0/16', type: pick(['blackhole', 'unreachable', 'prohibit']) },
      { to: '2001:db8::/32', type: pick(['blackhole', 'unreachable', 'prohibit']) },
    ],
    neighbours: [{ address: '10.1.0.2', mac: '02:00:00:00:01:02', dev: 'r0' }],
    sets: {
      nets: {
        type: 'hash:net',
        timeout: 100,
        counters: true,
        entries: ['10.1.0.0/24', '10.1.0.2 nomatch', '10.2.0.0/30'],
      },
      pairs: { type: 'hash:ip,port', entries: ['10.1.0.2,tcp:80', '10.2.0.2,udp:53', '10.2.0.0/30,icmp:8/0'] },
      list: { type: 'list:set', entries: ['nets'] },
    },
    sockets: [
      { protocol: 'tcp', local: '*:80', uid: 33, gid: 33, cgroup: '/web', transparent: true, mark: 1 },
      { protocol: 'udp', local: '10.1.0.1:53', uid: 5, classid: 7 },
      { protocol: 'tcp', local: '[fd00:1::1]:443', remote: '[fd00:1::2]:1025', uid: 0 },
    ],
    labels: { web: 1, far: 127 },
    sysctl,
  };
}
