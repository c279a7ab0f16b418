# SPDX-License-Identifier: BSD-3-Clause
"""Applications of others with ports of the driver net_vu."""
from common import Testpmd, VuPmd, check, check_equal, peer_program, wait_for
from traffic import drops, totals

# The other CPU is the front-end's.
LCORES = "0@0,1@1"


def net_vu_driver():
    """Path of the driver that belongs to the program under test."""
    return peer_program("drivers/librte_net_vu.so")


def net_vu(path, index=0, **properties):
    """Devargs of a net_vu port, e.g. net_vu(path, queues=2, client=1)."""
    words = [f"net_vu{index}", f"iface={path}"]
    return ",".join(words + [f"{key.replace('_', '-')}={value}"
                             for key, value in properties.items()])


class EthTestpmd(Testpmd):
    """dpdk-testpmd with net_vu ports; answers to what the helpers of VuPmd ask."""

    def __init__(self, test, vdevs, arguments=(), memory=None, lcores=LCORES, name="net_vu",
                 eal=()):
        super().__init__(test, vdevs, ["--no-flush-rx", *arguments], memory, lcores, name,
                         ["-d", net_vu_driver(), *eal])

    queues = VuPmd.queues
    picture = VuPmd.picture
    check_queues = VuPmd.check_queues

    def wait_link(self, port=0, state="up"):
        def probe():
            return f"Link status: {state}" in self.command(f"show port info {port}")
        wait_for(probe, 10, f"{self.name}: link of port {port} is {state}", interval=0.1)

    def forward(self, mode):
        self.command(f"set fwd {mode}")
        answer = self.command("start")
        check("packet forwarding - ports" in answer, f"{mode}: {answer}")


def check_echo(eth, peer, since=None):
    """Both sides agree on every packet and byte of an echo; what testpmd could not send it says.

    Returns the packets and bytes that the peer sent.
    """
    theirs, ours, found = peer.port_stats()[0], eth.port_stats()[0], totals(eth, 0, since)
    dropped = eth.forward_stats()[0]["TX-dropped"]
    check(theirs["TX-packets"] > 0 and theirs["RX-packets"] > 0, f"no traffic: {theirs}")
    for direction, theirs_name, ours_name in (("from_guest", "TX", "RX"),
                                              ("to_guest", "RX", "TX")):
        for unit in ("packets", "bytes"):
            counted = {found[direction][unit], theirs[f"{theirs_name}-{unit}"],
                       ours[f"{ours_name}-{unit}"]}
            check_equal(len(counted), 1, f"{direction} {unit} {counted}")
        check_equal(found[direction]["faults"], 0, "ring faults")
        check_equal(drops(found[direction]), 0, f"{direction} drops")
    check_equal(ours["TX-packets"] + dropped, ours["RX-packets"], "sent or dropped by testpmd")
    return theirs["TX-packets"], theirs["TX-bytes"]
