"""What all proofs say and count."""

import collections
import threading

from parts import report

failures = 0


def hold(true, what):
    global failures
    failures += not true
    print(f"  {'ok  ' if true else 'FAIL'} {what}", flush=True)


def header(headers, name):
    return [value for key, value in headers if key.lower() == name]


def reports_in(edge):
    """How many of this proof's own reports an edge has stored."""
    return sum("https://cdn.evil.example/n" in record for record in edge.records())


def at_once(proxy, many):
    """So many reports from so many clients at the same time; how they were answered."""
    codes = collections.Counter()
    work = [
        threading.Thread(target=lambda n=n: codes.update([proxy.post(report(n), client=n)[0]]))
        for n in range(many)
    ]
    [one.start() for one in work], [one.join() for one in work]
    return codes
