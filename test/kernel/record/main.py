#!/usr/bin/env python3
"""Records the cases of matches and targets, and those of tracking: main.py [NAME]... [--to DIR] [--list]. As root; README.md of the folder above says more."""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402
import broadcast  # noqa: E402
import contents  # noqa: E402
import edges  # noqa: E402
import headers  # noqa: E402
import helpers  # noqa: E402
import later  # noqa: E402
import limits  # noqa: E402
import nat  # noqa: E402
import own  # noqa: E402
import parameters  # noqa: E402
import situations  # noqa: E402
import states  # noqa: E402
import synproxy  # noqa: E402
import targets  # noqa: E402
import tracking  # noqa: E402
import witnesses  # noqa: E402

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('names', nargs='*')
    p.add_argument('--to', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), '../cases'))
    p.add_argument('--list', action='store_true')
    a = p.parse_args()
    cases = [make() for part in (headers, contents, states, later, targets, situations, tracking, nat, helpers, parameters, limits, broadcast, synproxy, witnesses, own, edges) for make in part.CASES]
    sys.exit(kit.main(cases, a.to, a.names, a.list))
