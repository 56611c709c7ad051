/** Filters in plain words, for `--explain`. */
import { formatAddress, prefixMask } from './address.js';
import {
  type AddressFilter,
  compares,
  type FlowFilter,
  type MaskedFilter,
  type NatFilter,
  type TupleFilter,
} from './filter.js';
import { protocolName, stateNames, statusNames } from './names.js';

/** The filter in plain words, on one line: `IPv4 tcp connections from 10.0.0.0/8 to port 80, in state ESTABLISHED`. */
export function explain(f: FlowFilter, what: 'connections' | 'expectations' = 'connections'): string {
  const kind = [
    f.family === 0 ? '' : f.family === 2 ? 'IPv4' : 'IPv6',
    f.protocol === null ? '' : protocolText(f.protocol),
    what,
  ];
  const parts = [kind.filter((k) => k !== '').join(' ') + tupleWords(f.original)];
  const reply = tupleWords(f.reply);
  if (reply !== '') parts.push(`whose replies come${reply}`);
  if (f.state !== null) parts.push(`in state ${stateNames(f.protocol ?? 0)[f.state] ?? f.state}`);
  if (f.status !== null) parts.push(statusWords(f.status));
  natWords(f, parts);
  if (f.mark !== null) parts.push(markWords(f.mark));
  if (f.labels.length > 0) parts.push(`with the label${f.labels.length > 1 ? 's' : ''} ${f.labels.join(' and ')}`);
  if (f.zone !== null) parts.push(`in zone ${f.zone}`);
  if (f.zoneOriginal !== null) parts.push(`in zone ${f.zoneOriginal} on the way out only`);
  if (f.zoneReply !== null) parts.push(`in zone ${f.zoneReply} on the way back only`);
  if (f.originalVtag !== null) parts.push(`with the verification tag ${f.originalVtag}`);
  if (f.replyVtag !== null) parts.push(`with the verification tag ${f.replyVtag} on the way back`);
  if (f.secctx !== null) parts.push(`of the security context ${f.secctx}`);
  if (f.helper !== null) parts.push(`with the helper ${f.helper}`);
  if (f.id !== null) parts.push(`with the id ${f.id}`);
  return (parts.length === 1 && parts[0] === what ? `all ${what}` : parts.join(', ')) + doubts(f);
}

function protocolText(protocol: number): string {
  const name = protocolName(protocol);
  return name === 'unknown' ? `protocol ${protocol}` : name;
}

function tupleWords(t: TupleFilter): string {
  let s = '';
  if (t.source !== null) s += ` from ${addressText(t.source)}`;
  if (t.sourcePort !== null) s += `${t.source === null ? ' from' : ''} port ${t.sourcePort}`;
  if (t.destination !== null) s += ` to ${addressText(t.destination)}`;
  if (t.destinationPort !== null) s += `${t.destination === null ? ' to' : ''} port ${t.destinationPort}`;
  if (t.icmpType !== null) s += ` of type ${t.icmpType}`;
  if (t.icmpCode !== null) s += ` with code ${t.icmpCode}`;
  if (t.icmpId !== null) s += ` with id ${t.icmpId}`;
  if (t.sourceKey !== null) s += ` with source key 0x${t.sourceKey.toString(16)}`;
  if (t.destinationKey !== null) s += ` with destination key 0x${t.destinationKey.toString(16)}`;
  return s;
}

function addressText(a: AddressFilter): string {
  if (a.isWhole) return a.text;
  const net = formatAddress(a.family, a.words);
  const bits = a.family === 2 ? 32 : 128;
  for (let length = 0; length < bits; length++) {
    if (prefixMask(length, bits).every((w, i) => w === a.mask[i])) return `${net}/${length}`;
  }
  return `${net} under the mask ${formatAddress(a.family, a.mask)}`;
}

/** What a bit of the status says of a connection, and what its absence says. */
const STATUS_WORDS: Readonly<Record<string, readonly [set: string, clear: string]>> = {
  EXPECTED: ['expected by another', 'not expected by another'],
  SEEN_REPLY: ['answered', 'not answered'],
  ASSURED: ['assured', 'not assured'],
  FIXED_TIMEOUT: ['with a fixed timeout', 'without a fixed timeout'],
  OFFLOAD: ['offloaded', 'not offloaded'],
  HW_OFFLOAD: ['offloaded to hardware', 'not offloaded to hardware'],
};

function statusWords(s: MaskedFilter): string {
  if (s.mask === 0) return 'of no status (which the kernel refuses)';
  if (s.value & ~s.mask) return `of a status that cannot be (${statusNames(s.value).join(' and ')} at once)`;
  return statusNames(s.mask)
    .map((name) => (STATUS_WORDS[name] ?? [name, `not ${name}`])[statusNames(s.value).includes(name) ? 0 : 1])
    .join(' and ');
}

function markWords(m: MaskedFilter): string {
  const all = (m.mask | 0) === -1;
  return all ? `with mark ${m.value}` : `with mark ${m.value} under the mask 0x${(m.mask >>> 0).toString(16)}`;
}

function natWords(f: FlowFilter, parts: string[]): void {
  const to = (n: NatFilter): string => {
    if (n.address === null) return n.port === null ? '' : ` to port ${n.port}`;
    return ` to ${n.address}${n.port === null ? '' : ` port ${n.port}`}`;
  };
  if (f.sourceNat !== null) parts.push(`whose source is translated${to(f.sourceNat)}`);
  if (f.destinationNat !== null) parts.push(`whose destination is translated${to(f.destinationNat)}`);
  if (f.anyNat !== null) parts.push(`whose source or destination is translated${to(f.anyNat)}`);
}

/** Where the original does not do what its options say. */
function doubts(f: FlowFilter): string {
  if (!f.asOriginal) return '';
  const s: string[] = [];
  const keys = [f.original.sourceKey, f.original.destinationKey, f.reply.sourceKey, f.reply.destinationKey];
  if (keys.some((k) => k !== null)) s.push('keys are not looked at');
  if (f.secmark !== null) s.push('the security mark is not looked at');
  const nats = [f.sourceNat, f.destinationNat, f.anyNat];
  if (nats.some((n) => n?.address?.includes(':'))) s.push('IPv6 addresses of translations are not looked at');
  if (f.anyNat !== null && f.anyNat.address !== null && compares(f)) {
    s.push('nothing matches, because -j with an address goes with no other filter');
  }
  return s.length === 0 ? '' : ` (${s.join('; ')})`;
}
