"""A stage for benchmarks: a temporary folder, free ports, a certificate, and processes that never outlive it."""

import os
import random
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class StageError(Exception):
    """The stage cannot be set up; the message says what is missing or what a process printed."""


class Template(string.Template):
    """Peer configurations use @{name}: nginx and the shell have taken the dollar sign."""

    delimiter = "@"


def program(name):
    """The path of an installed program; system daemons live in sbin, which may not be in PATH."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise StageError(f"{name} is not installed; ./dev setup installs it")
    return found


def meridian_binary():
    path = Path(os.environ.get("MERIDIAN", ROOT / "build/release/meridian"))
    if not os.access(path, os.X_OK):
        raise StageError(f"no binary at {path}; ./dev build makes it")
    return str(path)


def bench_tool(name):
    """One of bench/tools, built."""
    path = Path(os.environ.get("MERIDIAN_BENCH_TOOLS", ROOT / "build/release")) / name
    if not os.access(path, os.X_OK):
        raise StageError(f"no {path}; `cmake --build --preset release --target bench_tools` makes it")
    return str(path)


def group_members(group):
    """Every process of a process group: {pid: the fields of /proc/PID/stat behind the name}."""
    members = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # ended meanwhile
        if int(fields[2]) == group:
            members[int(stat.parent.name)] = fields
    return members


class Process:
    """A started program in a process group of its own, its output in a file."""

    def __init__(self, name, command, log, cpu=None):
        self.name, self.log = name, log
        if cpu is not None:
            command = [program("taskset"), "-c", str(cpu), *command]
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self.pid = self._process.pid

    def alive(self):
        return self._process.poll() is None

    def wait(self, timeout):
        """The exit status; StageError when it does not end in time."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise StageError(f"{self.name} did not end within {timeout:.0f} s:\n{self.tail()}") from None

    def cpu_seconds(self):
        """User and system time of all processes and threads so far, exited threads included."""
        return sum(int(f[11]) + int(f[12]) for f in group_members(self.pid).values()) / TICKS_PER_SECOND

    def pids(self):
        return list(group_members(self.pid))

    def signal_all(self, number):
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass  # ended by itself: nothing left to signal

    def kill(self):
        """At once, without a word to anybody: the failure that bench/failover measures."""
        self.signal_all(signal.SIGKILL)
        self._process.wait()

    def end(self):
        """Asks first, so that a master process can reap its workers."""
        self.signal_all(signal.SIGTERM)
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            pass  # draining: nobody is left to wait for it
        self.kill()

    def tail(self):
        return "\n".join(Path(self.log).read_text(errors="replace").splitlines()[-15:])


class Stage:
    """Use as a context manager: on leaving, every process is killed and the folder removed."""

    def __init__(self):
        self._folder = Path(tempfile.mkdtemp(prefix="meridian-bench-"))
        self._folder.chmod(0o755)  # nginx workers may run as another user
        self._processes = []
        self._ports = set()

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            process.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def path(self, name):
        return self._folder / name

    def free_port(self):
        """A port that can be bound now and that this stage has not given out before.

        It lies below the range for outgoing connections: a client that keeps connecting to a killed server inside that
        range can get the same port as its own and so be connected to itself.
        """
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        while True:
            port = random.randrange(max(1024, lowest - 20000), lowest)
            if port in self._ports:
                continue
            self._ports.add(port)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue  # taken

    def render(self, template, name, **values):
        """Writes bench/peers/<template> with its @{placeholders} filled in and returns the new file's path."""
        text = (BENCH / "peers" / template).read_text()
        path = self.path(name)
        path.write_text(Template(text).substitute(values, root=self._folder))
        return path

    def certificate(self):
        """One self-signed P-256 certificate for every peer: (certificate, key, both in one file)."""
        cert, key, both = (self.path(n) for n in ("edge.pem", "edge.key", "edge-both.pem"))
        subprocess.run(
            [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "30", "-subj", "/CN=bench.example", "-addext", "subjectAltName=DNS:bench.example,IP:127.0.0.1",
             "-keyout", str(key), "-out", str(cert)],
            check=True, capture_output=True,
        )
        both.write_bytes(cert.read_bytes() + key.read_bytes())
        return cert, key, both

    def launch(self, name, command, cpu=None):
        """Starts a program that nobody connects to."""
        process = Process(name, command, self.path(f"{name}.log"), cpu)
        self._processes.append(process)
        return process

    def start(self, name, command, port, cpu=None, timeout=10.0, host="127.0.0.1"):
        """Starts a server and returns when it accepts connections on `port`."""
        process = self.launch(name, command, cpu)
        deadline = time.monotonic() + timeout
        while True:
            if not process.alive():
                raise StageError(f"{name} ended at its start:\n{process.tail()}")
            try:
                socket.create_connection((host, port), timeout=1).close()
                return process
            except OSError:
                if time.monotonic() > deadline:
                    raise StageError(f"{name} does not accept on port {port}:\n{process.tail()}") from None
                time.sleep(0.02)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def print_table(header, rows):
    """Markdown, so that a run's output can stand in a README as it is."""
    table = [header, *rows]
    widths = [max(len(str(row[i])) for row in table) for i in range(len(header))]

    def line(cells):
        first, *rest = [str(c) for c in cells]
        return "| " + " | ".join([first.ljust(widths[0])] + [c.rjust(w) for c, w in zip(rest, widths[1:])]) + " |"

    print(line(header))
    print("|" + "|".join(["-" * (widths[0] + 2)] + ["-" * (w + 1) + ":" for w in widths[1:]]) + "|")
    for row in rows:
        print(line(row))


def host_description():
    """What a reader needs to compare figures: processor, cores, kernel."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), "unknown processor")
    return f"{model}, {os.cpu_count()} CPUs, Linux {os.uname().release}"
