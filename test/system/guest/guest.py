# SPDX-License-Identifier: BSD-3-Clause
"""A real Linux guest in QEMU (TCG) with vhost-user network devices.

    guest = Guest(test, "left", [NetDev(path, mac="52:54:00:00:00:01")])
    guest.start().wait_boot()
    guest.run("ip addr add 10.0.0.1/24 dev eth0 && ip link set eth0 up")

The guest is busybox over Debian's cloud kernel (build-guest makes both). Commands travel over its
second serial port, the console (first port) is a log file. Guest memory is shared, as vhost-user
needs it. Callers: tests in test/system and the rig's own selftest.
"""
import base64
import itertools
import json
import os
import re
import select
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from common import EXIT_SKIP, Failure, Process, check, need_hugepages, need_tool, skip, wait_for

_serial = itertools.count(1)


# no_timer_check: on a busy host the kernel would think the timer is broken.
KERNEL_ARGUMENTS = "console=ttyS0 quiet no_timer_check"


def image():
    """Folder with vmlinuz and initramfs.gz; made on the first call."""
    made = subprocess.run([str(Path(__file__).with_name("build-guest"))], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    reason = made.stderr.strip()
    if made.returncode == EXIT_SKIP:
        skip(reason)
    check(made.returncode == 0, f"build-guest failed: {reason}")
    return made.stdout.strip()


def _cpio_entry(name, mode, data):
    """One member of a cpio archive ("newc"), as the kernel unpacks it at boot."""
    encoded = name.lstrip("/").encode() + b"\0"
    numbers = [next(_serial), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


@dataclass
class NetDev:
    """One vhost-user network device.

    path: socket; queues: queue pairs; server: QEMU listens and the back-end connects; reconnect:
    seconds between QEMU's attempts when its server went away, 0 = never; properties: of QEMU's
    virtio-net-pci, e.g. {"mrg_rxbuf": "off", "host_mtu": 1400}.
    """
    path: str
    queues: int = 1
    mac: str = ""
    server: bool = False
    reconnect: int = 0
    properties: dict = field(default_factory=dict)

    def __post_init__(self):
        self.mac = self.mac or f"52:54:00:76:75:{next(_serial):02x}"

    def arguments(self, index, bus=""):
        chardev = f"socket,id=chr{index},path={self.path}"
        if self.server:
            chardev += ",server=on"
        if self.reconnect:
            chardev += f",reconnect={self.reconnect}"
        netdev = f"vhost-user,id=net{index},chardev=chr{index},queues={self.queues}"
        return ["-chardev", chardev, "-netdev", netdev, "-device", self._device(index, bus)]

    def _device(self, index, bus):
        # vectors=0: QEMU 7.2 without KVM crashes when a vhost-user device uses MSI-X.
        # romfile: the firmware of a network card would try to boot from it; give one to test that.
        words = {"netdev": f"net{index}", "id": f"nic{index}", "mac": self.mac, "vectors": 0,
                 "romfile": "", "mq": "on" if self.queues > 1 else "off", **self.properties}
        if bus:
            words["bus"] = bus
        return ",".join(["virtio-net-pci", *(f"{key}={value}" for key, value in words.items())])


class Guest(Process):
    """One QEMU process; started by start(), ended with its test.

    mem_mb: 192 is enough to boot and hold 50 MB; smp: processors; hugepages: back the memory by
    2 MB pages; files: put into the guest, {"/srv/x": path here}; netboot: no kernel is given, the
    firmware must find one; iommu: QEMU's device for one, with its properties; the network devices
    are behind it then; kernel: more arguments for the kernel; extra: more QEMU arguments.
    """

    def __init__(self, test, name, netdevs, mem_mb=256, smp=1, hugepages=False, files=None,
                 netboot=False, iommu=None, kernel="", extra=()):
        self.name = name
        self.netdevs = netdevs
        self.boot_id = None
        self._test = test
        self._files, self._netboot = files or {}, netboot
        self._mem_mb, self._smp, self._hugepages = mem_mb, smp, hugepages
        self._iommu, self._kernel = iommu, kernel
        self._extra = list(extra)
        self._console = test.path(f"{name}.console")
        self._control_path = test.path(f"{name}.ctl")
        self._qmp_path = test.path(f"{name}.qmp")
        self._control = self._qmp = None
        self._pending = b""
        self._nb_commands = self._nb_dimms = 0

    def start(self):
        """Start QEMU; with a server=True device it waits there until the back-end connects."""
        qemu = need_tool("qemu-system-x86_64", "qemu-system-x86")
        if self._hugepages:
            need_hugepages(self._mem_mb)
        super().__init__(self._test, self.name, [qemu, *self._arguments(image())])
        self.logs = [self.log_path, self._console]
        # At once: QEMU throws away what the guest writes while nobody is connected.
        wait_for(self._connect, 60, f"{self.name}: command channel")
        return self

    def _memory_backend(self, identity, megabytes):
        huge = ",hugetlb=on,hugetlbsize=2M" if self._hugepages else ""
        return f"memory-backend-memfd,id={identity},size={megabytes}M,share=on{huge}"

    def _arguments(self, folder):
        arguments = [
            "-nodefaults", "-no-user-config", "-display", "none",
            # pc and not q35: its root bus takes hot plugged devices.
            # Only q35 can have an IOMMU.
            "-machine", f"{'q35' if self._iommu else 'pc'},accel=tcg,graphics=off,"
            "memory-backend=mem",
            "-m", f"{self._mem_mb}M,slots=8,maxmem=8G", "-smp", str(self._smp),
            "-object", self._memory_backend("mem", self._mem_mb),
            "-serial", f"file:{self._console}",
            "-chardev", f"socket,id=control,path={self._control_path},server=on,wait=off",
            "-serial", "chardev:control",
            "-qmp", f"unix:{self._qmp_path},server=on,wait=off",
        ]
        if not self._netboot:
            arguments += ["-kernel", f"{folder}/vmlinuz", "-initrd", self._initramfs(folder),
                          "-append", f"{KERNEL_ARGUMENTS} {self._kernel}".strip()]
        if self._iommu:
            arguments += ["-device", self._iommu]
        for index, netdev in enumerate(self.netdevs):
            if self._iommu:
                # Devices of the root bus have no ATS, and QEMU then misses what a guest unmaps.
                arguments += ["-device", f"pcie-root-port,id=port{index},chassis={index + 1}"]
            arguments += netdev.arguments(index, bus=f"port{index}" if self._iommu else "")
        return arguments + self._extra

    def _initramfs(self, folder):
        """The common one, with the wanted files in a second archive behind it."""
        common = f"{folder}/initramfs.gz"
        if not self._files:
            return common
        path = self._test.path(f"{self.name}.initramfs")
        with open(path, "wb") as archive:
            archive.write(Path(common).read_bytes())
            archive.write(bytes(-archive.tell() % 4))
            for name, source in self._files.items():
                for parent in reversed(Path(name).parents[:-1]):
                    archive.write(_cpio_entry(str(parent), 0o40755, b""))
                archive.write(_cpio_entry(name, 0o100644, Path(source).read_bytes()))
            archive.write(_cpio_entry("TRAILER!!!", 0, b""))
        return path

    def console(self):
        try:
            return Path(self._console).read_bytes().decode(errors="replace")
        except OSError:
            return ""

    # -- commands in the guest --------------------------------------------------------------

    def wait_boot(self, timeout=400):
        """Wait until the guest takes commands."""
        end = time.monotonic() + timeout
        while True:
            line = self._read_line(end, "boot")
            if line.startswith("@@ready "):
                self.boot_id = line.split()[1]
                return self

    def run(self, command, timeout=30, pause=0):
        """Run a shell command in the guest; returns (exit code, output). 137 = took too long.

        pause: seconds in the middle of the line, for the rig's selftest.
        """
        self._nb_commands += 1
        token = f"t{self._nb_commands}"
        encoded = base64.b64encode(command.encode()).decode()
        line = f"{token} {timeout} {encoded}\n".encode()
        self._control.sendall(line[:len(line) // 2])
        time.sleep(pause)
        self._control.sendall(line[len(line) // 2:])
        # The guest ends the command itself; the margin is for a slow machine.
        end = time.monotonic() + timeout + 30
        while True:
            words = self._read_line(end, command).split()
            if words[:2] == ["@@done", token]:
                return int(words[2]), self._read_bytes(int(words[3]), end, command)
            check(words[:1] != ["@@ready"], f"{self.name}: booted again during {command!r}")

    def check_run(self, command, timeout=30):
        """Run a shell command that must succeed; returns its output."""
        code, output = self.run(command, timeout)
        check(code == 0, f"{self.name}: {command!r} gave {code}: {output.strip()[-300:]}")
        return output

    def address(self, address, device="eth0"):
        """Give a device an address ("10.0.0.1/24") and bring it up."""
        self.check_run(f"ip addr flush dev {device} && ip addr add {address} dev {device} && "
                       f"ip link set {device} up")

    def _fill(self, end, what):
        """Read more of the command channel."""
        self.check_alive()
        check("Kernel panic" not in self.console(), f"{self.name}: kernel panic")
        check(time.monotonic() < end, f"{self.name}: no answer in time: {what}")
        if select.select([self._control], [], [], 0.2)[0]:
            data = self._control.recv(65536)
            check(data, f"{self.name}: QEMU closed the command channel")
            self._pending += data

    def _connect(self):
        """QEMU makes the socket some time after its start."""
        if self._control is None:
            self.check_alive()
            link = socket.socket(socket.AF_UNIX)
            try:
                link.connect(self._control_path)
            except OSError:
                link.close()
                return False
            self._control = link
        return True

    def _read_line(self, end, what):
        while b"\n" not in self._pending:
            self._fill(end, what)
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode(errors="replace")

    def _read_bytes(self, count, end, what):
        while len(self._pending) < count:
            self._fill(end, what)
        data, self._pending = self._pending[:count], self._pending[count:]
        return data.decode(errors="replace")

    # -- the machine around it --------------------------------------------------------------

    def qmp(self, command, **arguments):
        """Run a QMP command and return its result."""
        if self._qmp is None:
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(20)
            link.connect(self._qmp_path)
            self._qmp = link.makefile("rw")
            self._qmp.readline()  # greeting
            self.qmp("qmp_capabilities")
        request = {"execute": command, "arguments": arguments}
        self._qmp.write(json.dumps(request) + "\n")
        self._qmp.flush()
        while True:
            line = self._qmp.readline()
            check(line, f"{self.name}: QMP closed during {command}")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:  # anything else is an event
                raise Failure(f"{self.name}: {command}: {answer['error']['desc']}")

    def picture(self):
        """Does it run or wait, and do interrupts come? Twice, a second apart."""
        try:
            before = self._registers_and_interrupts()
            time.sleep(1)
            return f"{before}\n{self._registers_and_interrupts()}"
        except (Failure, OSError, ValueError) as reason:
            return f"alive, {reason}"

    def _registers_and_interrupts(self):
        answers = [self.qmp("human-monitor-command", **{"command-line": command})
                   for command in ("info registers", "info irq")]
        return " ".join(re.findall(r"RIP=\w+|HLT=\d|^ ?\d+: \d+", "\n".join(answers),
                                   re.MULTILINE))

    def reset(self, timeout=400):
        """Press the reset button and wait for the next boot."""
        before = self.boot_id
        self.qmp("system_reset")
        self.wait_boot(timeout)
        check(self.boot_id != before, f"{self.name}: reset did not boot again")
        return self

    def reboot(self, timeout=400):
        """Reboot from inside and wait for the next boot."""
        self.run("(sleep 1; reboot -f) >/dev/null 2>&1 &")
        return self.wait_boot(timeout)

    def memory_kb(self):
        """Memory the guest knows of."""
        return int(self.check_run("awk '/MemTotal/{print $2}' /proc/meminfo"))

    def add_memory(self, megabytes, removable=False):
        """Hot plug memory (a multiple of 128 MB), wait until the guest uses it; returns its name.

        Linux takes network buffers from the newest memory, but not if it is to stay removable.
        """
        name = f"dimm{self._nb_dimms}"
        self._nb_dimms += 1
        state = "online_movable" if removable else "online"
        self.check_run(f"echo {state} >/sys/devices/system/memory/auto_online_blocks")
        wanted_kb = self.memory_kb() + megabytes * 1000
        huge = {"hugetlb": True, "hugetlbsize": 2 << 20} if self._hugepages else {}
        self.qmp("object-add", **{"qom-type": "memory-backend-memfd", "id": f"mem-{name}",
                                  "size": megabytes << 20, "share": True, **huge})
        self.qmp("device_add", driver="pc-dimm", id=name, memdev=f"mem-{name}")
        wait_for(lambda: self.memory_kb() >= wanted_kb, 60, f"{self.name}: {megabytes} MB more")
        return name

    def remove_memory(self, name):
        """Unplug what add_memory() added as removable; QEMU unmaps it."""
        self.qmp("device_del", id=name)
        wait_for(lambda: name not in str(self.qmp("query-memory-devices")), 60,
                 f"{self.name}: {name} is gone")
        self.qmp("object-del", id=f"mem-{name}")

    def shut_down(self, timeout=20):
        """End QEMU in its orderly way: its devices stop their rings first."""
        self.qmp("quit")
        return self.wait(timeout)


def boot_all(guests):
    """Start guests side by side and give them 10.0.0.1/24, 10.0.0.2/24 and so on; returns them."""
    for guest in guests:
        guest.start()
    for number, guest in enumerate(guests, 1):
        guest.wait_boot().address(f"10.0.0.{number}/24")
    return guests


def ping(guest, address, count=1000, size=56, timeout=60):
    """Flood: the next request leaves as soon as the reply is there. Returns replies missing."""
    _, output = guest.run(f"ping -A -q -c {count} -s {size} -W 5 -w {timeout} {address}",
                          timeout + 10)
    found = re.search(r"(\d+) packets received", output)
    check(found, f"{guest.name}: ping said {output.strip()[-200:]!r}")
    return count - int(found.group(1))


def send_file(sender, receiver, address, megabytes=50, timeout=180):
    """TCP transfer of random bytes between guests; returns seconds. Checksums must agree."""
    port = 5000 + next(_serial)
    sender.check_run(f"dd if=/dev/urandom of=/tmp/out bs=1M count={megabytes} 2>/dev/null", timeout)
    wanted = sender.check_run("md5sum </tmp/out", timeout).split()[0]
    # The receiver's nc must not see the end of its input, or it would end the connection early.
    receiver.check_run("rm -f /tmp/in.done; [ -p /tmp/hold ] || mkfifo /tmp/hold")
    receiver.check_run(f"(nc -l -p {port} <>/tmp/hold >/tmp/in; echo $? >/tmp/in.done) 2>&1 &")
    receiver.check_run(f"until netstat -ltn | grep -q ':{port} '; do sleep 0.1; done", 20)
    started = time.monotonic()
    sender.check_run(f"nc {address} {port} </tmp/out >/dev/null", timeout)
    receiver.check_run("until [ -s /tmp/in.done ]; do sleep 0.1; done", timeout)
    seconds = time.monotonic() - started
    found = receiver.check_run("wc -c </tmp/in; md5sum </tmp/in", timeout).split()
    check(int(found[0]) == megabytes << 20,
          f"{receiver.name}: {found[0]} of {megabytes << 20} bytes arrived")
    check(found[1] == wanted, f"{receiver.name}: checksum of {megabytes} MB differs")
    sender.check_run("rm -f /tmp/out")
    receiver.check_run("rm -f /tmp/in /tmp/in.done")
    return seconds
