# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-testpmd as a guest that sends and receives, and the comparison of both sides' counters."""
import time

from common import Failure, Testpmd, check, check_equal, virtio_user, wait_for

# testpmd forwards on the CPU where vu-pmd's control lcore sleeps: its data lcore has the other one.
LCORES = "0@0,1@0"
SECONDS = 0.4


class Peer(Testpmd):
    """A testpmd with one virtio-user port of some queue pairs."""

    def __init__(self, test, path, pairs=1, memory=None, name="testpmd", vdevs=(), eal=(),
                 **properties):
        self.pairs = pairs
        properties.setdefault("queue_size", 256)
        # What the other port of a pair has received before the start counts like the rest.
        super().__init__(
            test, [virtio_user(path, queues=pairs, **properties), *vdevs],
            ["--no-flush-rx", f"--rxq={pairs}", f"--txq={pairs}"],
            memory=memory, lcores=LCORES, name=name, eal=eal)

    def start(self, mode, size=64):
        """Begin to forward: txonly and flowgen send frames of that size, rxonly receives."""
        self.command(f"set fwd {mode}")
        # flowgen leaves room for a checksum that is not sent.
        self.command(f"set txpkts {size + 4 if mode == 'flowgen' else size}")
        self.command("start")

    def stop_forwarding(self):
        self.command("stop")

    def wait_returned(self, nb_packets, port=0):
        """Wait until a port has sent that many packets and received them back."""
        def probe():
            stats = self.port_stats()[port]
            return min(stats["TX-packets"], stats["RX-packets"]) >= nb_packets
        wait_for(probe, 10, f"{self.name}: {nb_packets} packets sent and back", interval=0.1)


def totals(vu, device, since=None):
    """A device's counters, summed over its queues: {"to_guest": {...}, "from_guest": {...}}.

    With an earlier result in since, what was counted after that.
    """
    found = {"to_guest": {}, "from_guest": {}}
    for queue in vu.queues(device).values():
        counters = found[queue["direction"]]
        for key, value in queue.items():
            if isinstance(value, int):
                counters[key] = counters.get(key, 0) + value
    for direction, counters in (since or {}).items():
        for key, value in counters.items():
            found[direction][key] -= value
    return found


def drops(counters):
    return sum(value for key, value in counters.items() if key.startswith("drop_"))


def wait_enabled(vu, device, peer):
    """Wait until all rings of a peer run: what it sends before goes nowhere."""
    def probe():
        queues = (vu.telemetry(f"/vu/queue/stats,{device}") or {}).values()
        enabled = [queue for queue in queues if queue["live"] and queue["enabled"]]
        return len(enabled) == 2 * peer.pairs
    wait_for(probe, 10, f"{peer.name}: {2 * peer.pairs} rings of device {device} run")


def settle(vu, device, peer, since=None):
    """Wait until vu-pmd has taken all that the peer sent, and the peer all that came back."""
    def wait_equal(direction, theirs):
        found = {}

        def probe():
            found["vu-pmd"] = totals(vu, device, since)[direction]
            found["testpmd"] = peer.port_stats()[0]
            return found["vu-pmd"]["packets"] == found["testpmd"][theirs]
        try:
            wait_for(probe, 10, f"{direction} packets equal testpmd's {theirs}", interval=0.1)
        except Failure as failure:
            raise Failure(f"{failure}: {found}") from None
    wait_equal("from_guest", "TX-packets")
    peer.start("rxonly")
    wait_equal("to_guest", "RX-packets")
    peer.stop_forwarding()


def exchange(vu, device, peer, size=64, since=None):
    """Send and receive for a moment, then wait until nothing is on its way."""
    wait_enabled(vu, device, peer)
    peer.start("flowgen", size)
    time.sleep(SECONDS)
    peer.stop_forwarding()
    settle(vu, device, peer, since)


def check_counts(vu, device, peer, since=None):
    """Both sides agree on every packet and byte, and each packet went somewhere.

    The device must forward to a loopback or a switch alone, and nothing on its way. Returns the
    packets and bytes that were sent.
    """
    stats = peer.port_stats()[0]
    found = totals(vu, device, since)
    to_guest, from_guest = found["to_guest"], found["from_guest"]
    check(stats["TX-packets"] > 0 and stats["RX-packets"] > 0, f"no traffic: {stats}")
    for ours, theirs in ((from_guest, "TX"), (to_guest, "RX")):
        check_equal(ours["packets"], stats[f"{theirs}-packets"], f"packets, testpmd's {theirs}")
        check_equal(ours["bytes"], stats[f"{theirs}-bytes"], f"bytes, testpmd's {theirs}")
        check_equal(ours["faults"], 0, "ring faults")
    check_equal(to_guest["packets"] + drops(to_guest) + drops(from_guest), from_guest["packets"],
                f"packets delivered or dropped, {found}")
    return from_guest["packets"], from_guest["bytes"]
