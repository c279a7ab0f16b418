# SPDX-License-Identifier: BSD-3-Clause
"""Live migration of guests: a second QEMU process, the move, what must not get lost on the way.

    moved = migrate(guest, twin(test, guest, [NetDev(other_path, mac=guest.netdevs[0].mac)]))
"""
import itertools
import os

from common import check, check_equal, wait_for
from guest.guest import Guest

_serial = itertools.count(1)
BLOCK = "/srv/block"
BLOCK_MB = 4


def block_file(test):
    """Random bytes that every guest of a test gets as /srv/block, for files=."""
    path = test.path("block")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(os.urandom(BLOCK_MB << 20))
    return {BLOCK: path}


def twin(test, guest, netdevs, **options):
    """Start a QEMU that waits for a guest to arrive; the same machine, other sockets."""
    number = next(_serial)
    path = test.path(f"incoming{number}")
    other = Guest(test, f"{guest.name.split('-')[0]}-{number}", netdevs,
                  extra=["-incoming", f"unix:{path}"], **options)
    other.start()
    other.boot_id = guest.boot_id
    other.incoming = path
    return other


def status(guest):
    return guest.qmp("query-migrate").get("status")


def begin(guest, other, megabytes_per_second=100, **capabilities):
    """Start to migrate; the guest goes on."""
    guest.qmp("migrate-set-parameters",
              **{"max-bandwidth": megabytes_per_second << 20, "downtime-limit": 1000})
    guest.qmp("migrate-set-capabilities", capabilities=[
        {"capability": name.replace("_", "-"), "state": state}
        for name, state in capabilities.items()])
    wait_for(lambda: os.path.exists(other.incoming), 30, f"{other.name} listens")
    guest.qmp("migrate", uri=f"unix:{other.incoming}")


def wait_status(guest, wanted, timeout=120):
    def probe():
        found = status(guest)
        check(found == wanted or found not in ("failed", "cancelled", "completed"),
              f"{guest.name}: migration {found}, not {wanted}: {guest.qmp('query-migrate')}")
        return found == wanted
    wait_for(probe, timeout, f"{guest.name}: migration {wanted}", interval=0.1)


def finish(guest, other):
    """Wait until the guest runs in the other process; the first one ends. Returns the other."""
    wait_status(guest, "completed")
    wait_for(lambda: other.qmp("query-status")["running"], 30, f"{other.name} runs")
    guest.shut_down()
    found = other.check_run("cat /proc/sys/kernel/random/boot_id").strip()
    check_equal(found, guest.boot_id, f"{other.name}: the same boot")
    return other


def migrate(guest, other, **options):
    """Move a guest; returns it in its new process."""
    begin(guest, other, **options)
    return finish(guest, other)


class Memory:
    """Memory of a guest that must not change, and memory that changes all the time."""

    def __init__(self, guest, megabytes=24):
        guest.check_run(f"dd if=/dev/urandom of=/tmp/still bs=1M count={megabytes} 2>/dev/null")
        self._sum = guest.check_run("md5sum </tmp/still", 60)
        guest.check_run(
            "(n=0; while :; do n=$((n + 1)); (echo $n; cat /srv/block) >/tmp/a; cp /tmp/a /tmp/b; "
            "(echo $n; cat /srv/block) | cmp -s - /tmp/b || { echo $n >>/tmp/bad; "
            "(echo $n; cat /srv/block) | cmp -l - /tmp/b | head -n 200 >>/tmp/bad; }; "
            "echo $n >/tmp/turns; sleep 0.1; done) >/dev/null 2>&1 &")

    def check(self, guest):
        check_equal(guest.check_run("md5sum </tmp/still", 120), self._sum,
                    f"{guest.name}: memory that nobody writes")
        before = int(guest.check_run("cat /tmp/turns"))
        wait_for(lambda: int(guest.check_run("cat /tmp/turns") or 0) > before, 60,
                 f"{guest.name}: memory is written")
        found = guest.run("cat /tmp/bad")
        check(found[0] != 0, f"{guest.name}: memory differs in turns {found[1]}")


class Stream:
    """A TCP connection that carries /srv/block again and again; both ends may move meanwhile."""

    def __init__(self, sender, receiver, address, megabytes):
        self._port = 6000 + next(_serial)
        self._nb = max(1, megabytes // BLOCK_MB)
        port = self._port
        receiver.check_run("[ -p /tmp/hold ] || mkfifo /tmp/hold")
        receiver.check_run(f"(nc -l -p {port} <>/tmp/hold | md5sum >/tmp/sum{port}; "
                           f"touch /tmp/end{port}) >/dev/null 2>&1 &")
        receiver.check_run(f"until netstat -ltn | grep -q ':{port} '; do sleep 0.1; done", 20)
        self.wanted = sender.check_run(f"i=0; while [ $i -lt {self._nb} ]; do cat {BLOCK}; "
                                       "i=$((i + 1)); done | md5sum", 120)
        self._sender, self._address = sender, address

    def start(self):
        port = self._port
        self._sender.check_run(
            f"(i=0; while [ $i -lt {self._nb} ]; do cat {BLOCK}; i=$((i + 1)); done | "
            f"nc {self._address} {port}) >/dev/null 2>&1 &")
        return self

    def is_over(self, receiver):
        return receiver.run(f"[ -e /tmp/end{self._port} ]")[0] == 0

    def check(self, receiver, timeout=180):
        """All bytes arrived; ask the receiver where it is now."""
        wait_for(lambda: self.is_over(receiver), timeout, f"{receiver.name}: end of a stream",
                 interval=0.5)
        check_equal(receiver.check_run(f"cat /tmp/sum{self._port}"), self.wanted,
                    f"{receiver.name}: checksum of {self._nb * BLOCK_MB} MB")
