"""
Cases of the rows of src/conntrack/tcp-edges.test.ts (those without settings of their own, or time) and src/conntrack/sctp-record.test.ts,
each on ports of its own, and of SCTP chunks with tag 0: the rows say what our tracker does, the cases that the kernel does it too.
"""
import os
import re
import struct

from kit import ACCT, A, B, P
from plain import Plain, rules

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../src/conntrack')
STATES = ['-m conntrack --ctstate ' + s for s in ('NEW', 'ESTABLISHED', 'INVALID')]
LOG = {**ACCT, 'net.netfilter.nf_conntrack_log_invalid': 255}
FLAGS = {'F': P.FIN, 'S': P.SYN, 'R': P.RST, 'P': P.PSH, 'A': P.ACK}
CHUNKS = dict(data=0, init=1, iack=2, sack=3, hb=4, hback=5, abort=6, shut=7, shutack=8, error=9, echo=10, cack=11, shutc=14, other=64, type32=32, type33=33, type255=255)
OWN = {'a': 0x11111111, 'b': 0x22222222}
TCP_OPEN = ['a S 1000', 'b SA 5000 1001', 'a A 1001 5001']
SCTP_OPEN = ['a init', 'b iack', 'a echo', 'b cack']
# longer than a recording takes
LONG = {'net.netfilter.nf_conntrack_sctp_timeout_' + s: 300 + 10 * i for i, s in enumerate(('closed', 'cookie_wait', 'cookie_echoed', 'established', 'shutdown_sent', 'shutdown_recd', 'shutdown_ack_sent', 'heartbeat_sent'))}


def source(name):
    with open(os.path.join(TESTS, name)) as f:
        return f.read()


def steps(text, opening):
    return [step for part in text.split('; ') for step in (opening if part == 'open' else [part])]


def ends(side, port):
    return (A, B, port, 80) if side == 'a' else (B, A, 80, port)


def segment(port, step):
    """Notation: test/support/tcp-record.ts."""
    side, flags, seq, *rest = step.split(' ')
    fields = dict(part.split('=') for part in rest if '=' in part)
    options = (bytes([1, 3, 3, int(fields['ws'])]) if 'ws' in fields else b'') + (b'\1\1\4\2' if 'sackok' in rest else b'')
    ack = next((int(part) for part in rest if part.isdigit()), 0)
    return side, P.tcp(*ends(side, port), seq=int(seq), ack=ack, flags=sum(FLAGS[f] for f in flags), win=int(fields.get('win', 1000)), opts=options, payload=b'x' * int(fields.get('data', 0)))


def chunks(port, step):
    """Notation: test/support/sctp-talk.ts."""
    side, names, itag, tag, bit = re.match(r'^([ab]) ([\w+]+)(?::(\w+))?(?:!([0-9a-f]+))?(T)?$', step).groups()
    init = struct.pack('!IIHHI', int(itag, 16) if itag else OWN[side], 65536, 10, 10, 1)
    bodies = {'init': init, 'iack': init, 'data': b'\7' * 16, 'sack': bytes(12)}
    body = b''.join(P.sctp_chunk(CHUNKS[n], 1 if bit else 0, bodies.get(n, b'')) for n in names.split('+'))
    right = 0 if names.startswith('init') else OWN['b' if side == 'a' else 'a']
    return side, P.sctp(*ends(side, port), int(tag, 16) if tag else right, body)


def tcp_edges():
    rows = re.search(r'const ROWS = \[(.*?)\n\];', source('tcp-edges.test.ts'), re.S)[1]
    talks = [line.split(' | ')[1] for line in re.findall(r"""^ +['"](.*)['"],$""", rows, re.M)]
    plain = [steps(t, TCP_OPEN) for t in talks if 'wait ' not in t and not re.match(r'[a-z_=0-9 ]+: ', t)]
    packets = [(*segment(21001 + i, step), .002) for i, talk in enumerate(plain) for step in talk]
    return Plain('tcp-edges', 'conntrack', "where TCP's rules meet: what was let through, what reopens, what a RST answers", rules(filter={'FORWARD': STATES}), None, packets, sysctl=LOG, log=True)


def sctp_tags():
    rows = re.findall(r"""\[\s*['"].*['"],\s+'((?:open|[ab] ).*)',\s+'""", source('sctp-record.test.ts'))
    talks = [steps(row, SCTP_OPEN) for row in rows]
    talks += [[first, '%s %s!0' % (side, name)] for first, side in (('a init', 'a'), ('a hb', 'b')) for name in CHUNKS if not name.startswith('type')]
    packets = [(*chunks(22000 + i, step), .002) for i, talk in enumerate(talks) for step in talk]
    return Plain('sctp-tags', 'conntrack', 'SCTP: tags, crossing INITs, heartbeats with wrong tags', rules(filter={'FORWARD': STATES}), None, packets, sysctl={**LOG, **LONG}, log=True)


CASES = (tcp_edges, sctp_tags)
