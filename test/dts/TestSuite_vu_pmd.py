# SPDX-License-Identifier: BSD-3-Clause
"""The vhost-user poll-mode driver net_vu, with virtio-user as its front-end.

Both sides are testpmd on the system under test; no link and no traffic generator is needed. The
back-end has one net_vu port and echoes, the front-end has one virtio-user port and begins with
bursts of its own. Both count each packet, and the counters must agree.
"""

import time

from api.capabilities import LinkTopology
from api.test import log, verify
from api.testpmd import TestPmd
from api.testpmd.config import SimpleForwardingModes
from framework.params import Params
from framework.test_suite import BaseConfig, TestSuite, func_test
from framework.testbed_model.capability import requires
from framework.testbed_model.virtual_device import VirtualDevice

#: How often the port's counters are read until they agree with the front-end's.
LOOKS = 50


class Config(BaseConfig):
    """Configuration of the suite, in tests_config.yaml below vu_pmd."""

    #: The driver file on the system under test; empty if EAL finds it in its plug-in folder.
    driver: str = ""
    #: The socket that both sides use.
    socket: str = "/tmp/dts-vu-pmd.sock"
    #: Bursts of 32 packets that the front-end begins with.
    bursts: int = 32


@requires(topology_type=LinkTopology.NO_LINK)
class TestVuPmd(TestSuite):
    """Suite of the net_vu driver."""

    config: Config

    def _back_end(self, queues: int = 1, **arguments: int) -> TestPmd:
        """Start testpmd with a net_vu port.

        Args:
            queues: The number of queue pairs.
            **arguments: Further device arguments; an underscore stands for a hyphen.
        """
        words = ["net_vu0", f"iface={self.config.socket}", f"queues={queues}"]
        words += [f"{key.replace('_', '-')}={value}" for key, value in arguments.items()]
        driver = self.config.driver
        return TestPmd(
            prefix="vu_pmd_back",
            no_pci=True,
            vdevs=[VirtualDevice(",".join(words))],
            other_eal_param=Params.from_str(f"-d {driver}") if driver else None,
            rx_queues=queues,
            tx_queues=queues,
            no_flush_rx=True,
        )

    def _front_end(self, queues: int = 1, **arguments: int) -> TestPmd:
        """Start testpmd with a virtio-user port.

        Args:
            queues: The number of queue pairs.
            **arguments: Further device arguments.
        """
        words = ["net_virtio_user0", f"path={self.config.socket}", f"queues={queues}"]
        words += [f"{key}={value}" for key, value in arguments.items()]
        return TestPmd(
            prefix="vu_pmd_front",
            no_pci=True,
            vdevs=[VirtualDevice(",".join(words))],
            other_eal_param=Params.from_str("--single-file-segments"),
            rx_queues=queues,
            tx_queues=queues,
        )

    def _exchange(self, back: TestPmd, front: TestPmd) -> None:
        """Echo packets of the front-end until it stops, then compare what both sides counted.

        Counters are those since the front-end started: what one exchange leaves in the rings is
        part of the next one.

        Args:
            back: The testpmd with the net_vu port.
            front: The testpmd with the virtio-user port.
        """
        verify(back.wait_link_status_up(0), "The link did not come up.")
        before = back.show_port_stats(0)
        back.set_forward_mode(SimpleForwardingModes.mac)
        front.set_forward_mode(SimpleForwardingModes.mac)
        back.start()
        front.start_tx_first(burst_num=self.config.bursts)
        # The front-end sends no more; what it sent last is still under way.
        front.stop()
        theirs = front.show_port_stats(0)
        ours = back.show_port_stats(0)
        for _ in range(LOOKS):
            if ours.rx_packets == theirs.tx_packets:
                break
            time.sleep(0.1)
            ours = back.show_port_stats(0)
        back.stop()
        log(f"front-end: {theirs.tx_packets} sent, {theirs.rx_packets} received")
        log(f"back-end: {ours.rx_packets} received, {ours.tx_packets} sent")
        verify(
            ours.rx_packets >= before.rx_packets + 32 and ours.tx_packets > before.tx_packets,
            f"The port received {ours.rx_packets - before.rx_packets} packets and sent "
            f"{ours.tx_packets - before.tx_packets}.",
        )
        verify(
            ours.rx_packets == theirs.tx_packets and ours.rx_bytes == theirs.tx_bytes,
            f"The port received {ours.rx_packets} packets, {ours.rx_bytes} bytes; "
            f"the front-end sent {theirs.tx_packets}, {theirs.tx_bytes}.",
        )
        verify(
            0 < theirs.rx_packets <= ours.tx_packets,
            f"The front-end received {theirs.rx_packets} of {ours.tx_packets} packets.",
        )
        verify(
            ours.rx_errors == 0 and ours.rx_nombuf == 0,
            f"The port counts {ours.rx_errors} errors, {ours.rx_nombuf} times no mbuf.",
        )

    @func_test
    def vu_pmd_server(self) -> None:
        """The port listens and a front-end connects.

        Steps:
            * Start testpmd with a net_vu port.
            * Start testpmd with a virtio-user port on the same socket.
            * Exchange packets.

        Verify:
            * The link of the port comes up with the front-end.
            * Both sides agree on what was sent and received, without errors.
        """
        with self._back_end() as back, self._front_end() as front:
            self._exchange(back, front)

    @func_test
    def vu_pmd_client_reconnects(self) -> None:
        """The port connects again after its front-end was away.

        Steps:
            * Start testpmd with a virtio-user port in server mode, and one with a net_vu client.
            * Exchange packets.
            * End the front-end, start it again and exchange packets.

        Verify:
            * The link comes up again, and packets flow.
        """
        with self._back_end(client=1, reconnect_ms=100) as back:
            for _ in range(2):
                back.clear_port_stats_all()
                with self._front_end(server=1) as front:
                    self._exchange(back, front)

    @func_test
    def vu_pmd_queues(self) -> None:
        """A port with two queue pairs.

        Steps:
            * Start both sides with two queue pairs.
            * Exchange packets.

        Verify:
            * Both sides agree on what was sent and received, without errors.
        """
        with self._back_end(queues=2) as back, self._front_end(queues=2) as front:
            self._exchange(back, front)

    @func_test
    def vu_pmd_packed_ring(self) -> None:
        """A front-end with packed rings.

        Steps:
            * Start a net_vu port and a front-end that asks for packed rings.
            * Exchange packets.

        Verify:
            * Both sides agree on what was sent and received, without errors.
        """
        with self._back_end() as back, self._front_end(packed_vq=1) as front:
            self._exchange(back, front)

    @func_test
    def vu_pmd_port_restart(self) -> None:
        """A port that is stopped and started again keeps its front-end.

        Steps:
            * Exchange packets.
            * Stop and start the port of the back-end.
            * Exchange packets.

        Verify:
            * Packets flow after the restart.
        """
        with self._back_end() as back, self._front_end() as front:
            self._exchange(back, front)
            back.stop_all_ports()
            back.start_all_ports()
            self._exchange(back, front)
