# SPDX-License-Identifier: BSD-3-Clause
"""What TestSuite_vu_pmd.py imports from DTS, on this machine alone: no nodes, no SSH.

install() puts modules of the same names in place, which offer what the suite uses and no more.
"""
import enum
import re
import sys
import types


class LinkTopology(enum.IntEnum):
    NO_LINK = 0
    ONE_LINK = 1


class SimpleForwardingModes(enum.Enum):
    io = "io"
    mac = "mac"


class VirtualDevice:
    def __init__(self, name):
        self.name = name


class Params:
    """Words of a command line."""

    def __init__(self, text=""):
        self.words = text.split()

    @classmethod
    def from_str(cls, text):
        return cls(text)


class BaseConfig:
    """Fields are annotated class attributes; keyword arguments replace their values."""

    def __init__(self, **values):
        for name, value in values.items():
            assert name in type(self).__annotations__, f"the suite has no {name}"
            setattr(self, name, value)


class TestSuite:
    def __init__(self, config):
        self.config = config

    @classmethod
    def get_test_cases(cls):
        return [case for case in vars(cls).values() if hasattr(case, "test_type")]


class VerifyError(Exception):
    """A verification of the suite failed."""


def func_test(function):
    function.test_type = "functional"
    return function


def requires(*_capabilities, topology_type):
    def decorate(subject):
        subject.topology_type = topology_type
        return subject
    return decorate


def verify(condition, text):
    if not condition:
        raise VerifyError(text)


class PortStats:
    """Counters of a port, by the names that DTS gives them."""

    def __init__(self, counters):
        for name, value in counters.items():
            setattr(self, re.sub(r"\W", "_", name).lower(), value)


def make_testpmd(start):
    """A class in the manner of api.testpmd.TestPmd; start(vdevs, eal, arguments) runs one."""

    class TestPmd:
        def __init__(self, prefix, no_pci, vdevs, other_eal_param=None, rx_queues=1, tx_queues=1,
                     no_flush_rx=False):
            assert prefix and no_pci
            self._vdevs = [device.name for device in vdevs]
            self._eal = other_eal_param.words if other_eal_param is not None else []
            self._arguments = [f"--rxq={rx_queues}", f"--txq={tx_queues}"]
            self._arguments += ["--no-flush-rx"] if no_flush_rx else []

        def __enter__(self):
            self._shell = start(self._vdevs, self._eal, self._arguments)
            return self

        def __exit__(self, *_):
            self._shell.quit()

        def _expect(self, command, answer):
            found = self._shell.command(command)
            verify(answer in found, f"{command}: {found}")

        def set_forward_mode(self, mode):
            self._expect(f"set fwd {mode.value}", f"Set {mode.value} packet forwarding mode")

        def start(self):
            self._expect("start", "packet forwarding")

        def start_tx_first(self, burst_num):
            self._expect(f"start tx_first {burst_num}", "packet forwarding")

        def stop(self):
            self._expect("stop", "Done.")

        def stop_all_ports(self):
            self._expect("port stop all", "Done")

        def start_all_ports(self):
            self._expect("port start all", "Done")

        def clear_port_stats_all(self):
            self._shell.command("clear port stats all")

        def show_port_stats(self, port_id):
            return PortStats(self._shell.port_stats()[port_id])

        def wait_link_status_up(self, port_id):
            self._shell.wait_link(port_id)
            return True

    return TestPmd


def install(start, log):
    """Make the imports of the suite work; start() as for make_testpmd(), log(text) prints."""
    contents = {
        "api.capabilities": {"LinkTopology": LinkTopology},
        "api.test": {"log": log, "verify": verify},
        "api.testpmd": {"TestPmd": make_testpmd(start)},
        "api.testpmd.config": {"SimpleForwardingModes": SimpleForwardingModes},
        "framework.params": {"Params": Params},
        "framework.test_suite": {"BaseConfig": BaseConfig, "TestSuite": TestSuite,
                                 "func_test": func_test},
        "framework.testbed_model.capability": {"requires": requires},
        "framework.testbed_model.virtual_device": {"VirtualDevice": VirtualDevice},
    }
    for name, members in contents.items():
        parts = name.split(".")
        for i in range(1, len(parts) + 1):
            package = ".".join(parts[:i])
            sys.modules.setdefault(package, types.ModuleType(package)).__path__ = []
        vars(sys.modules[name]).update(members)
