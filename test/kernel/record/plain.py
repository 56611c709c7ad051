"""What cases that are not about one extension are made with: names of their own, rules with a probe of each forwarded packet's state."""
from kit import CHAINS, Case, table

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
