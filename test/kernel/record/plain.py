"""What cases that are not about one extension are made with: names of their own, rules with a probe of each forwarded packet's state."""
from kit import CHAINS, R, Case, table

# README.md of the folder above: what the conntrack match says, in the TOS byte
PROBE = ['-m conntrack --ctstate %s -j TOS --set-tos 0x%02x/0xe0' % (s, i << 5) for i, s in enumerate(('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'), 1)]
PROBE += ['-m conntrack --ctdir REPLY -j TOS --set-tos 0x10/0x10', '-m conntrack --ctstatus ASSURED -j TOS --set-tos 0x08/0x08',
          '-m conntrack --ctstatus SEEN_REPLY -j TOS --set-tos 0x04/0x04']


class Plain(Case):
    """A case with a name and a family of its own."""

    def __init__(self, name, family, covers, *args, **kw):
        super().__init__('', covers, *args, **kw)
        self.name, self.family = name, family


def rules(probe=True, policy=None, **tables):
    """iptables-save text: tables as {chain: [rule, ...]}, `policy` is of the filter table."""
    text = ''
    if probe:
        tables.setdefault('mangle', {})
    for name in CHAINS:
        if name not in tables:
            continue
        chains = dict(tables[name])
        if probe and name == 'mangle':
            chains['FORWARD'] = chains.get('FORWARD', []) + ['-j probe']
            chains['probe'] = PROBE
        text += table(name, chains, policy if name == 'filter' else None)
    return text


def with_loopback(plain):
    """Makes the recorder keep what arrived on lo, where a case has sent there on purpose."""
    def classify(cap, own):
        inp, out = plain([x for x in cap if x[1] != 'lo'], own)
        if not any(dev == 'lo' and how == 'made' for _, dev, how, _ in cap):
            return inp, out
        lo = [(ns, dev, frame, 2 if how == 'made' else 1, None) for ns, dev, how, frame in cap if dev == 'lo' and how is not True]
        return sorted(inp + lo, key=lambda x: x[0]), out
    return classify


R.classify_deaf = with_loopback(R.classify_deaf)
R.MAC['lo'] = '00:00:00:00:00:00'
