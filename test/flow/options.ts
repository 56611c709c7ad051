/** conntrack(8)'s filter options as a FlowFilter, for comparisons with what the program finds; only what those use. */
import { addressFilter, type FlowFilter, type NatFilter, newFilter, statusFilter } from '../../src/flow/filter.js';
import { protocolNumber, stateNumber, statusBit } from '../../src/flow/names.js';

/** The filter of a line of options. */
export function filterFromOptions(line: string): FlowFilter {
  const f = newFilter();
  const words = line.split(' ');
  const masks = { source: after(words, '--mask-src'), destination: after(words, '--mask-dst') };
  for (let i = 0; i < words.length; i++) {
    const isNat = /^-[ngj]$/.test(words[i]);
    const value = isNat && (words[i + 1] ?? '-').startsWith('-') ? '' : words[i + 1];
    apply(f, words[i], value, masks);
    if (value !== '') i++;
  }
  return f;
}

function after(words: string[], option: string): string | null {
  const at = words.indexOf(option);
  return at < 0 ? null : words[at + 1];
}

function apply(
  f: FlowFilter,
  option: string,
  value: string,
  masks: { source: string | null; destination: string | null },
): void {
  switch (option) {
    case '-f':
      f.family = value === 'ipv4' ? 2 : 10;
      break;
    case '-p':
      f.protocol = protocolNumber(value) >= 0 ? protocolNumber(value) : Number(value);
      break;
    case '-s':
      f.original.source = addressFilter(value, masks.source);
      break;
    case '-d':
      f.original.destination = addressFilter(value, masks.destination);
      break;
    case '-r':
      f.reply.source = addressFilter(value);
      break;
    case '-q':
      f.reply.destination = addressFilter(value);
      break;
    case '-m': {
      const [mark, mask] = value.split('/');
      f.mark = { value: Number(mark), mask: mask === undefined ? 0xffffffff : Number(mask) };
      break;
    }
    case '-u': {
      const names = value.split(',');
      const bits = names.reduce((sum, n) => sum | statusBit(n), 0);
      f.status = statusFilter(f.status, bits, names.includes('UNREPLIED'));
      break;
    }
    case '-n':
      f.sourceNat = nat(value);
      break;
    case '-g':
      f.destinationNat = nat(value);
      break;
    case '-j':
      f.anyNat = nat(value);
      break;
    case '-l':
      f.labels = [...f.labels, ...value.split(',')];
      break;
    case '-c':
      f.secmark = Number(value);
      break;
    case '-w':
      f.zone = Number(value);
      break;
    case '--orig-zone':
      f.zoneOriginal = Number(value);
      break;
    case '--reply-zone':
      f.zoneReply = Number(value);
      break;
    case '--state':
      f.state = stateNumber(f.protocol ?? 0, value);
      break;
    case '--mask-src':
    case '--mask-dst':
      break;
    default:
      transport(f, option, Number(value));
  }
}

function transport(f: FlowFilter, option: string, value: number): void {
  if (option === '--sport') f.original.sourcePort = value;
  else if (option === '--dport') f.original.destinationPort = value;
  else if (option === '--reply-port-src') f.reply.sourcePort = value;
  else if (option === '--reply-port-dst') f.reply.destinationPort = value;
  else if (option.endsWith('-type')) f.original.icmpType = value;
  else if (option.endsWith('-code')) f.original.icmpCode = value;
  else if (option.endsWith('-id')) f.original.icmpId = value;
  else if (option === '--srckey') f.original.sourceKey = value;
  else if (option === '--dstkey') f.original.destinationKey = value;
  else if (option === '--reply-key-src') f.reply.sourceKey = value;
  else if (option === '--reply-key-dst') f.reply.destinationKey = value;
  else throw new Error(`no such option: ${option}`);
}

function nat(value: string): NatFilter {
  const m = /^\[(.*)\]:(\d+)$/.exec(value) ?? /^([\d.]+):(\d+)$/.exec(value);
  if (m) return { address: m[1], port: Number(m[2]) };
  return { address: value === '' ? null : value, port: null };
}
