"""Regions that fail on command (bench/tools/fault_origin.cc), and a network of their own for a dead route."""

import itertools
import os
import re
import socket
import struct
import subprocess

from stage import StageError, bench_tool, program

REGIONS = ["near", "next", "far"]
COUNTERS = ["requests", "touched", "probes", "connections", "wrong_bodies", "ranges", "body_bytes", "executed"]


class Namespace:
    """A network namespace whose one link can go dark: packets arrive there and no answer ever leaves."""

    _numbers = itertools.count()

    def __init__(self):
        # A number of its own: the kernel takes a deleted namespace's link away some time later.
        number = next(self._numbers) % 100
        self.name = f"meridian-bench-{os.getpid()}-{number}"
        self._link = f"mb{os.getpid() % 1000000}x{number}"
        third = os.getpid() % 250
        self.edge, self.host = f"198.18.{third}.1", f"198.18.{third}.2"  # RFC 2544: for benchmarks
        self._made = False

    @staticmethod
    def why_not():
        """None, or why this machine cannot have one."""
        if os.geteuid() != 0:
            return "needs root for a network namespace"
        name = f"meridian-probe-{os.getpid()}"
        try:
            done = subprocess.run([program("ip"), "netns", "add", name], capture_output=True, text=True, check=False)
        except StageError as error:
            return str(error)
        if done.returncode != 0:
            return f"ip netns add: {done.stderr.strip()}"
        subprocess.run([program("ip"), "netns", "del", name], check=False)
        return None

    def _ip(self, *words):
        done = subprocess.run([program("ip"), *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StageError(f"ip {' '.join(words)}: {done.stderr.strip()}")

    def __enter__(self):
        self._ip("netns", "add", self.name)
        self._made = True
        try:
            self._ip("link", "add", f"{self._link}a", "type", "veth",
                     "peer", "name", f"{self._link}b", "netns", self.name)
            self._ip("addr", "add", f"{self.edge}/30", "dev", f"{self._link}a")
            self._ip("link", "set", f"{self._link}a", "up")
            self._ip("-n", self.name, "addr", "add", f"{self.host}/30", "dev", f"{self._link}b")
            self._ip("-n", self.name, "link", "set", f"{self._link}b", "up")
            self._ip("-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._made:  # the link goes with the namespace
            self._made = False
            subprocess.run([program("ip"), "netns", "del", self.name], check=False)

    def darken(self):
        self._ip("-n", self.name, "route", "replace", "blackhole", f"{self.edge}/32")

    def lighten(self):
        self._ip("-n", self.name, "route", "del", "blackhole", f"{self.edge}/32")


class Region:
    """One process that answers for a region of one proxy."""

    def __init__(self, stage, owner, name, h2=False, tls=None, namespace=None):
        self.name, self._stage, self._process = name, stage, None
        self.host = namespace.host if namespace else "127.0.0.1"
        self.port = stage.free_port()
        self._control = stage.path(f"{owner}-{name}.ctl")
        self._record = stage.path(f"{owner}-{name}.record")
        self._label = f"{owner}-{name}"
        self._command = [bench_tool("fault_origin"), "--listen", f"{self.host}:{self.port}", "--region", name,
                         "--record", str(self._record), "--control", str(self._control)]
        if h2:
            self._command.append("--h2")
        if tls:
            self._command += ["--tls", str(tls[0]), str(tls[1])]
        if namespace:
            self._command = [program("ip"), "netns", "exec", namespace.name, *self._command]
        self.start()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def start(self):
        self._process = self._stage.start(self._label, self._command, self.port, host=self.host)

    def kill(self):
        self._process.kill()

    def alive(self):
        return self._process.alive()

    def tell(self, command):
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(5)
                control.connect(str(self._control))
                control.sendall(command.encode())
                answer = control.recv(256).decode().strip()
        except OSError as error:
            raise StageError(f"{self._label}: {command}: {error}\n{self._process.tail()}") from error
        if answer != "ok":
            raise StageError(f"{self._label}: {command}: {answer}")

    def counters(self):
        with open(self._record, "rb") as record:
            return dict(zip(COUNTERS, struct.unpack("<8Q", record.read(64))))

    def executed(self):
        """The ids of executed POSTs, one per execution."""
        count = self.counters()["executed"]
        with open(self._record, "rb") as record:
            record.seek(64)
            return struct.unpack(f"<{count}I", record.read(4 * count))


def slug(text):
    return re.sub(r"\W+", "-", text)
