# SPDX-License-Identifier: BSD-3-Clause
"""Helpers of the system tests: processes, vu-pmd, dpdk-testpmd, telemetry, verdicts.

A test is an executable with a function that takes a Test and returns a short text:

    def body(test):
        vu = VuPmd(test, [test.path("a.sock")])
        vu.wait_ready()
        ...
        return "1000 packets"

    main(body)

It ends with one line (PASS, FAIL or SKIP, name, text) and exit status 0, 1 or 77. Whatever it
started ends with it, by process id; its files live in one private folder. Environment: VU_PMD
names another vu-pmd to test, VU_VERBOSE=1 prints each step, VU_KEEP=1 keeps the private folder.
"""
import contextlib
import ctypes
import glob
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXIT_PASS, EXIT_FAIL, EXIT_SKIP = 0, 1, 77
ROOT = Path(__file__).resolve().parents[2]

_PR_SET_PDEATHSIG = 1
_SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:")
_libc = ctypes.CDLL(None)
_serial = itertools.count()


class Failure(Exception):
    """The thing under test misbehaved: exit status 1."""


class Skip(Exception):
    """The test cannot run here: exit status 77."""


def check(condition, text):
    """Fail the test with text unless condition holds."""
    if not condition:
        raise Failure(text)


def check_equal(found, wanted, what):
    check(found == wanted, f"{what}: found {found!r}, wanted {wanted!r}")


def skip(reason):
    raise Skip(reason)


def wait_for(probe, timeout, what, interval=0.05):
    """Call probe until it returns something true, and return that; Failure after timeout s."""
    end = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        check(time.monotonic() < end, f"{what}: not within {timeout} s")
        time.sleep(interval)


def need_tool(name, package):
    """Absolute path of a program, or Skip naming the Debian package that has it."""
    return shutil.which(name) or skip(f"{name} is missing (package {package})")


def tool_library(name, library):
    """Path of a shared library that a program is linked with, or None."""
    text = subprocess.run(["ldd", need_tool(name, "dpdk-dev")], capture_output=True, text=True,
                          check=True).stdout
    found = re.search(rf"{library}\S* => (\S+)", text)
    return found and found[1]


def file_prefix():
    """An EAL --file-prefix that no other process of this machine uses."""
    return f"vu{os.getpid()}n{next(_serial)}"


def free_hugepages_mb():
    """Free memory in 2 MB hugepages, in MB."""
    try:
        text = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").read_text()
    except OSError:
        return 0
    return int(text) * 2


def need_hugepages(megabytes):
    """Skip unless that much is free in hugepages."""
    free = free_hugepages_mb()
    if free < megabytes:
        skip(f"needs {megabytes} MB of free 2 MB hugepages, there are {free}")


class Test:
    """One run of one test: its private folder, its processes, its clean-up."""

    def __init__(self, name):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix="vu-sys-")
        self.processes = []
        self.last_step = "start"
        self._started = time.monotonic()
        self._cleanups = contextlib.ExitStack()
        if not os.environ.get("VU_KEEP"):
            self._cleanups.callback(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, name):
        """A path in the private folder; short enough for a Unix socket."""
        return os.path.join(self.dir, name)

    def step(self, text):
        """Say what comes next: shown when it fails, and at once with VU_VERBOSE=1."""
        self.last_step = text
        if os.environ.get("VU_VERBOSE"):
            print(f"{self.seconds():7.1f} s  {text}", flush=True)

    def seconds(self):
        """Seconds since the test began."""
        return time.monotonic() - self._started

    def at_end(self, function, *arguments):
        """Run function when the test ends, last registered first."""
        self._cleanups.callback(function, *arguments)

    def check_logs(self):
        """Fail if a sanitizer complained in any process."""
        for process in self.processes:
            found = _SANITIZER.search(process.log())
            check(not found, f"{process.name}: {found and found.group(0)}, see its log")

    def show_logs(self, nb_lines=40):
        for process in self.processes:
            for path in process.logs:
                print(f"--- {process.name}: last lines of {os.path.basename(path)}")
                print(tail(path, nb_lines))
            if process.is_alive():
                print(f"--- {process.name}: now: {process.picture()}")

    def close(self):
        self._cleanups.close()


def tail(path, nb_lines):
    try:
        text = Path(path).read_bytes().decode(errors="replace")
    except OSError as error:
        return f"({error.strerror})"
    return "\n".join(text.splitlines()[-nb_lines:])


def _stop_on_signal(number, _frame):
    raise SystemExit(128 + number)


def main(body):
    """Run body(test) and end the process with the verdict."""
    name = os.path.basename(sys.argv[0])
    signal.signal(signal.SIGTERM, _stop_on_signal)
    test = Test(name)
    try:
        text = body(test) or "done"
        test.check_logs()
        verdict, code = "PASS", EXIT_PASS
    except Skip as reason:
        text, verdict, code = str(reason), "SKIP", EXIT_SKIP
    except Failure as reason:
        text, verdict, code = str(reason), "FAIL", EXIT_FAIL
    except Exception as error:  # a fault of the test itself must not leave processes behind
        import traceback
        traceback.print_exc()
        text, verdict, code = repr(error), "FAIL", EXIT_FAIL
    except BaseException:  # interrupted
        test.close()
        raise
    if code == EXIT_FAIL:
        test.show_logs()
        text = f"{test.last_step}: {text}"
    test.close()
    print(f"{verdict} {name}: {text} ({test.seconds():.1f} s)", flush=True)
    sys.exit(code)


class Process:
    """A child process whose output goes to a log file in the test's folder.

    It dies with the test even when the test is killed.
    """

    def __init__(self, test, name, argv, stdin=False, pass_fds=()):
        self.name = name
        self.log_path = test.path(f"{name}-{next(_serial)}.log")
        self.logs = [self.log_path]
        with open(self.log_path, "wb") as log:
            log.write((" ".join(argv) + "\n").encode())
            log.flush()
            self._child = subprocess.Popen(
                argv, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, pass_fds=pass_fds,
                preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
        self.pid = self._child.pid
        test.processes.append(self)
        test.at_end(self.kill)

    def log(self):
        return Path(self.log_path).read_bytes().decode(errors="replace")

    def picture(self):
        """What it does now, for the reader of a failed test."""
        return "alive"

    def is_alive(self):
        return self._child.poll() is None

    def check_alive(self):
        check(self.is_alive(), f"{self.name} ended by itself with {self._child.returncode}")

    def nb_fds(self):
        """Number of open fds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def mappings(self):
        """Lines of /proc/PID/maps."""
        return Path(f"/proc/{self.pid}/maps").read_text().splitlines()

    def write(self, text):
        """Send text to its standard input."""
        try:
            self._child.stdin.write(text.encode())
            self._child.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"{self.name} does not read its input any more") from None

    def wait_log(self, pattern, timeout=20, start=0):
        """Wait for a regular expression in the log from character start on; returns the match."""
        def probe():
            alive = self.is_alive()
            found = re.search(pattern, self.log()[start:], re.MULTILINE)
            check(found or alive, f"{self.name} ended before it printed {pattern!r}")
            return found
        return wait_for(probe, timeout, f"{self.name}: {pattern!r} in its log")

    def wait(self, timeout):
        """Wait until it ends by itself; returns the exit status, negative = signal."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {timeout} s") from None

    def send_signal(self, number):
        if self.is_alive():
            self._child.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=10):
        """Ask it to end and wait for that; returns the exit status, negative = signal."""
        self.send_signal(number)
        return self.wait(timeout)

    def kill(self):
        """End it the hard way (SIGKILL); harmless when it is gone."""
        self.send_signal(signal.SIGKILL)
        self._child.wait()
        if self._child.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.close()


def eal_arguments(memory, lcores, prefix):
    """EAL options of a process that is alone on this machine.

    memory: "huge" = hugepages, "no-huge" = 4 KB pages, "in-memory" = hugepages without files.
    lcores: "0-1", or with CPUs of their own: "0@0,1@0".
    """
    options = {"huge": [], "no-huge": ["--no-huge", "-m", "512"], "in-memory": ["--in-memory"]}
    return ["--lcores" if "@" in lcores else "-l", lcores, "--no-pci", "--file-prefix", prefix,
            *options[memory]]


def default_memory():
    """ "huge" where a quarter GB of hugepages is free, else "no-huge"."""
    return "huge" if free_hugepages_mb() >= 256 else "no-huge"


def runtime_dir(prefix):
    """The folder DPDK keeps for a file prefix."""
    base = "/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
    return os.path.join(os.environ.get("RUNTIME_DIRECTORY", base), "dpdk", prefix)


def telemetry(prefix, command, timeout=5):
    """Ask a running DPDK process, e.g. telemetry(vu.prefix, "/vu/info,0"); returns the data."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(timeout)
        try:
            link.connect(os.path.join(runtime_dir(prefix), "dpdk_telemetry.v2"))
            greeting = json.loads(link.recv(1024))
            link.send(command.encode())
            answer = json.loads(link.recv(greeting["max_output_len"]))
        except (OSError, ValueError) as error:
            raise Failure(f"telemetry {command}: {error}") from None
    # The answer is one object keyed by the command without its parameters; null = refused.
    return answer.get(command.split(",")[0])


class DpdkProcess(Process):
    """A DPDK application: own file prefix, cleaned up after."""

    def __init__(self, test, name, program, arguments, memory, lcores, stdin=False, pass_fds=()):
        self.prefix = file_prefix()
        test.at_end(self._remove_files)
        super().__init__(
            test, name, [*program, *eal_arguments(memory, lcores, self.prefix), *arguments], stdin,
            pass_fds)

    def telemetry(self, command):
        return telemetry(self.prefix, command)

    def hugepage_files(self):
        """Files it made on the hugetlbfs mount."""
        return glob.glob(f"/dev/hugepages/{self.prefix}map_*")

    def _remove_files(self):
        shutil.rmtree(runtime_dir(self.prefix), ignore_errors=True)
        for path in self.hugepage_files():
            with contextlib.suppress(OSError):
                os.unlink(path)


def vu_pmd_program():
    """Path of the vu-pmd under test."""
    path = os.environ.get("VU_PMD", str(ROOT / "build/app/vu-pmd"))
    return path if os.access(path, os.X_OK) else skip(f"{path} is not built")


def peer_program(name):
    """Path of another program of the build that vu-pmd is from, e.g. app/vu-bench."""
    path = str(Path(vu_pmd_program()).parents[1] / name)
    return path if os.access(path, os.X_OK) else skip(f"{path} is not built")


class VuPmd(DpdkProcess):
    """vu-pmd with one --socket per entry: "PATH" or "PATH,queues=2,mode=client"."""

    def __init__(self, test, sockets, arguments=(), memory=None, lcores="0-1", name="vu-pmd",
                 pass_fds=()):
        self.sockets = sockets
        ports = [word for entry in sockets for word in ("--socket", entry)]
        super().__init__(test, name, [vu_pmd_program()], [*ports, *arguments],
                         memory or default_memory(), lcores, pass_fds=pass_fds)

    def wait_ready(self, timeout=20):
        """Wait until every server-mode socket takes connections and all has been started."""
        for entry in self.sockets:
            if "mode=client" not in entry:
                self.wait_socket(entry.split(",")[0], timeout)
        wait_for(self._answers, timeout, f"{self.name}: telemetry")
        return self

    def _answers(self):
        """Answers come from the control lcore, once it has nothing left to start."""
        self.check_alive()
        try:
            return self.telemetry("/vu/list") is not None
        except Failure:
            return False

    def wait_socket(self, path, timeout=20):
        def probe():
            self.check_alive()
            return is_listening(path)
        wait_for(probe, timeout, f"{self.name}: socket {path}")

    def queues(self, device):
        """Counters of a device's queues by name: {"q0": {"direction": "to_guest", ...}, ...}."""
        found = self.telemetry(f"/vu/queue/stats,{device}")
        check(found, f"{self.name}: telemetry knows no queues of device {device}")
        return found

    def picture(self):
        try:
            return "\n".join(str(self.telemetry(f"/vu/queue/stats,{device}"))
                             for device in self.telemetry("/vu/list") or [])
        except Failure as reason:
            return f"alive, {reason}"

    def check_queues(self, nb_devices):
        """Every queue of every device must run and never have had a fault."""
        devices = self.telemetry("/vu/list")
        check_equal(len(devices or []), nb_devices, f"{self.name}: number of devices")
        for device in devices:
            for name, queue in self.queues(device).items():
                what = f"device {device} {name}"
                check(queue["live"], f"{what} does not run: {queue}")
                check_equal((queue["fault"], queue["faults"]), ("ok", 0), f"{what}: fault")

    def finish(self, number=signal.SIGTERM, timeout=5):
        """Stop it as a user would; it must exit with 0."""
        check_equal(self.stop(number, timeout), 0, f"{self.name}: exit status")


def is_listening(path):
    """Does a process listen on this Unix socket? Looks only: a connection would be a session."""
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7] == path and int(fields[3], 16) & 0x10000:
            return True
    return False


class Testpmd(DpdkProcess):
    """dpdk-testpmd, interactive; vdevs are devargs, see virtio_user() and vhost()."""

    PROMPT = "testpmd> "

    def __init__(self, test, vdevs, arguments=(), memory=None, lcores="0-1", name="testpmd",
                 eal=()):
        program = ["stdbuf", "-oL", need_tool("dpdk-testpmd", "dpdk-dev")]
        memory = memory or default_memory()
        words = [*eal, *(f"--vdev={vdev}" for vdev in vdevs)]
        if memory != "no-huge":
            # virtio-user can name 8 memory regions; one file per page would need many more.
            words.append("--single-file-segments")
        # testpmd's own choice of 155,456 buffers does not fit into "no-huge".
        options = ["-i", "--total-num-mbufs=16384", *arguments]
        super().__init__(test, name, program, [*words, "--", *options], memory, lcores,
                         stdin=True)

    def wait_ready(self, timeout=30):
        self.wait_log(re.escape(self.PROMPT), timeout)
        return self

    def command(self, text, timeout=20):
        """Run one command and return what it printed."""
        start = len(self.log())
        self.write(text + "\n")
        # The echo of the command ends the old prompt, so the next prompt is the answer's end.
        self.wait_log(r"\n" + re.escape(self.PROMPT), timeout, start)
        answer = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.log()[start:])
        return answer.replace("\r", "").split("\n", 1)[1].rsplit(self.PROMPT, 1)[0]

    def port_stats(self):
        """Counters by port: {0: {"RX-packets": 5, ...}}, from show port stats all."""
        return _by_section(self.command("show port stats all"), r"NIC statistics for port (\d+)")

    def forward_stats(self):
        """Counters of the running forwarder by port, from show fwd stats all."""
        return _by_section(self.command("show fwd stats all"),
                           r"Forward statistics for port (\d+)")

    def extended_stats(self):
        """Counters by port from show port xstats all."""
        return _by_section(self.command("show port xstats all"),
                           r"NIC extended statistics for port (\d+)")

    def quit(self, timeout=20):
        """Leave by command; returns the exit status."""
        self.write("stop\nquit\n")
        return self.wait(timeout)


def virtio_user(path, index=0, **properties):
    """Devargs of a virtio-user port, e.g. virtio_user(path, queues=2, server=1)."""
    words = [f"net_virtio_user{index}", f"path={path}"]
    return ",".join(words + [f"{key}={value}" for key, value in properties.items()])


def vhost(path, index=0, **properties):
    """Devargs of DPDK's own vhost port, the reference back-end."""
    words = [f"net_vhost{index}", f"iface={path}"]
    return ",".join(words + [f"{key}={value}" for key, value in properties.items()])


def _by_section(text, header):
    """Split at headers that name a port and read every "name: number" below each."""
    sections = re.split(header, text)[1:]
    return {int(port): {key: int(value)
                        for key, value in re.findall(r"([\w-]+):\s*(\d+)\b", body)}
            for port, body in zip(sections[::2], sections[1::2])}
