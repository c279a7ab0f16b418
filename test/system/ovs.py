# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch with DPDK, as Debian built it, with files of its own and ports of net_vu."""
import itertools
import subprocess

from common import Process, check, need_tool, wait_for
from ethdev import net_vu_driver

_serial = itertools.count()
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
VSWITCHD = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"


class Ovs:
    """A database server, and a switch br0 whose only poll-mode thread has CPU 1."""

    def __init__(self, test, **other_config):
        self._test = test
        self._socket = test.path("db.sock")
        database = test.path(f"{next(_serial)}.db")
        self._run([need_tool("ovsdb-tool", "openvswitch-switch-dpdk"), "create", database, SCHEMA])
        self._database = Process(test, "ovsdb-server", [
            "env", f"OVS_RUNDIR={test.path('')}", "ovsdb-server", database,
            f"--remote=punix:{self._socket}", "--unixctl", test.path("ovsdb.ctl")])
        wait_for(lambda: self._try(["--no-wait", "init"]), 20, "ovsdb-server answers")
        config = {"dpdk-init": "true", "dpdk-socket-mem": "256", "pmd-cpu-mask": "0x2",
                  "dpdk-lcore-mask": "0x1",
                  "dpdk-extra": f"--no-pci --in-memory --no-telemetry -d {net_vu_driver()}",
                  **{key.replace("_", "-"): value for key, value in other_config.items()}}
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                   *(f"other_config:{key}=\"{value}\"" for key, value in config.items()))
        self.switch = None
        self.start()
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")

    def start(self):
        self.switch = Process(self._test, "ovs-vswitchd", [
            "env", f"OVS_RUNDIR={self._test.path('')}", f"OVS_LOGDIR={self._test.path('')}",
            VSWITCHD, f"unix:{self._socket}", "--unixctl", self._test.path("ovs.ctl")])
        self.switch.wait_log("DPDK Enabled - initialized", 30)

    def stop(self):
        """Leave as a service does; ports and flows stay in the database."""
        self.appctl("exit")
        self.switch.wait(20)

    def close(self):
        """End both."""
        self.stop()
        self._database.stop()

    def _run(self, argv):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        check(done.returncode == 0, f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout

    def _try(self, words):
        return subprocess.run(["ovs-vsctl", f"--db=unix:{self._socket}", "--timeout=10", *words],
                              capture_output=True, timeout=30, check=False).returncode == 0

    def vsctl(self, *words):
        return self._run(["ovs-vsctl", f"--db=unix:{self._socket}", "--timeout=20", *words])

    def appctl(self, *words):
        return self._run(["ovs-appctl", "-t", self._test.path("ovs.ctl"), *words])

    def add_port(self, name, devargs, **interface):
        """A port of type dpdk; interface: further columns, e.g. mtu_request=9000."""
        self.vsctl("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdk",
                   f"options:dpdk-devargs={devargs}",
                   *(f"{key}={value}" for key, value in interface.items()))
        error = self.vsctl("get", "Interface", name, "error").strip()
        check(error == "[]", f"{name}: {error}")

    def statistics(self, name):
        """Counters of a port by name."""
        text = self.vsctl("get", "Interface", name, "statistics").strip().strip("{}")
        return {key: int(value) for key, value in
                (word.split("=") for word in text.split(", ") if "=" in word)}
