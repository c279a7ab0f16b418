# SPDX-License-Identifier: BSD-3-Clause
"""What comparisons of two back-ends in real processes share: ring modes, runs that take turns, and
the rate that a front-end counts."""
import argparse
import json
import subprocess
import time

from common import peer_program

RINGS = {
    "split": {"in_order": 0},
    "split,mrg=0": {"in_order": 0, "mrg_rxbuf": 0},
    "split,in_order": {"in_order": 1},
    "split,in_order,mrg=0": {"in_order": 1, "mrg_rxbuf": 0},
    "split,vector": {"in_order": 0, "mrg_rxbuf": 0, "vectorized": 1},
    "packed": {"packed_vq": 1, "in_order": 0},
    "packed,mrg=0": {"packed_vq": 1, "in_order": 0, "mrg_rxbuf": 0},
    "packed,in_order": {"packed_vq": 1, "in_order": 1},
    "packed,vector": {"packed_vq": 1, "in_order": 1, "mrg_rxbuf": 0, "vectorized": 1},
}
# A round trip of a cache line between the two CPUs; on a virtual machine it changes by the minute.
STATES = (("near", 50), ("between", 150), ("far", float("inf")))


def parser(text, ways):
    """Options that all comparisons have."""
    found = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--runs", type=int, default=5, help="of each back-end per row (5)")
    found.add_argument("--seconds", type=float, default=2, help="of each measurement (2)")
    found.add_argument("--sizes", default="64,1518", help="bytes of a frame (64,1518)")
    found.add_argument("--rings", default="", help="some of: " + " ".join(RINGS))
    found.add_argument("--ways", default=",".join(ways), help=f"({','.join(ways)})")
    return found


def rate(pmd, counter, seconds):
    """Millions of packets a second over that time, by a counter of a testpmd's port."""
    times, counts = [], []
    for _ in range(2):
        counts.append(pmd.port_stats()[0][counter])
        times.append(time.monotonic())
        time.sleep(seconds if len(times) == 1 else 0)
    return (counts[1] - counts[0]) / (times[1] - times[0]) / 1e6


def turns(runs, backends):
    """Each of them once per run; who comes first takes turns, too."""
    for run in range(runs):
        yield from backends if run % 2 == 0 else backends[::-1]


def median(values):
    return sorted(values)[len(values) // 2]


def line_ns(test):
    """Round trip of a cache line between CPUs 0 and 1."""
    path = test.path("line.json")
    subprocess.run(
        [peer_program("app/vu-bench"), "-l", "0,1", "--no-huge", "-m", "256", "--no-pci",
         "--in-memory", "--cores", "2", "--backend", "none", "--ring", "split",
         "--direction", "from_guest", "--size", "64", "--rounds", "15", "--json", path],
        capture_output=True, timeout=60, check=True)
    with open(path, encoding="utf-8") as file:
        return json.load(file)["results"][0]["line_round_trip_ns"]


def state_of(nanoseconds):
    return next(name for name, limit in STATES if nanoseconds < limit)
