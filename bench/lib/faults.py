"""The rows of the matrix: faults of an origin, requests, and which of them go together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One way to fail. `command`: what fault_origin is told; without one the driver does it itself."""

    name: str
    how: str
    probes: str = "same"  # probes fail in the same way, or "pass"
    origins: tuple = ("h1", "h2")
    committed: bool = False  # the damage comes after the head: a client must see it, and see it as damage
    left: bool = True  # a region like this is to be left
    needs_body: bool = False
    command: str = ""

    def why_not(self, request, origin):
        if origin not in self.origins:
            return f"a fault of {'HTTP/2' if self.origins == ('h2',) else 'HTTP/1.1'}"
        if self.needs_body and request.method == "HEAD":
            return "an answer to HEAD has no body"
        return None


def _told(name, how, **more):
    return Fault(name, how, command=name, **more)


FAULTS = {f.name: f for f in [
    Fault("killed", "`kill -9`; connections are refused until it is started again"),
    Fault("refused", "the listening socket is closed, kept connections are reset"),
    Fault("syn-dropped", "the route out of its network namespace goes dark: nothing comes back, of old connections neither"),
    _told("hang", "accepts, reads, never answers"),
    _told("hang-in-head", "stops in the middle of the head (HTTP/2: of a HEADERS frame)"),
    _told("hang-in-body", "stops in the middle of the body; probes pass", probes="pass", committed=True,
          needs_body=True),
    _told("reset-before-head", "RST instead of an answer"),
    _told("reset-in-head", "RST in the middle of the head"),
    _told("reset-after-head", "RST behind the head; probes pass", probes="pass", committed=True, needs_body=True),
    _told("reset-in-body", "RST in the middle of the body; probes pass", probes="pass", committed=True,
          needs_body=True),
    _told("503", "answers 503, to probes too"),
    Fault("503-probes-pass", "answers 503, probes pass", probes="pass", command="503"),
    Fault("429", "answers 429 with Retry-After: 1, probes pass", probes="pass", command="429"),
    _told("tls-failure", "TLS origins; the handshake ends with an alert, kept connections were reset"),
    _told("goaway", "GOAWAY that leaves the request unprocessed, then FIN; probes pass", probes="pass",
          origins=("h2",)),
    *[_told(f"rst-{code}", f"RST_STREAM {code.replace('-', '_').upper()}; probes pass", probes="pass", origins=("h2",))
      for code in ("refused-stream", "internal-error", "cancel", "enhance-your-calm", "protocol-error")],
    _told("rst-in-body", "RST_STREAM INTERNAL_ERROR in the middle of the body; probes pass", probes="pass",
          origins=("h2",), committed=True, needs_body=True),
    _told("stale", "closes kept connections 0–8 ms after an answer (HTTP/2: every tenth), without a word; probes too",
          left=False),
    _told("1xx-reset", "103, then RST; probes pass", probes="pass"),
    _told("short-body", "half of the announced body, then FIN (HTTP/2: END_STREAM); probes pass", probes="pass",
          committed=True, needs_body=True),
    Fault("slow", "answers after 300 ms instead of 30", left=False),
]}
NORMAL_MS, SLOW_MS = 30, 300  # of the row `slow`; everywhere else a region answers at once


@dataclass(frozen=True)
class Request:
    name: str
    method: str
    body: int = 0
    headers: tuple = ()
    rate_divisor: int = 1  # half a megabyte each: not 500 of them a second on a small machine

    @property
    def retry_promised(self):
        """A client never sees a fault that came before the head."""
        return self.method in ("GET", "HEAD") or bool(self.headers)

    @property
    def once(self):
        """Must never be executed twice."""
        return self.method == "POST" and not self.headers


REQUESTS = {r.name: r for r in [
    Request("GET", "GET"),
    Request("HEAD", "HEAD"),
    Request("PUT", "PUT", 1024),
    Request("PUT-512K", "PUT", 512 * 1024, rate_divisor=10),
    Request("POST", "POST", 1024),
    Request("POST-key", "POST", 1024, ("idempotency-key:bench-",)),
]}
PROTOCOLS = ["h1", "h2"]
PEERS = ["meridian", "haproxy", "nginx"]


@dataclass(frozen=True)
class Case:
    """One cell of the matrix, for all proxies at once."""

    fault: Fault
    request: Request
    client: str
    origin: str

    @property
    def label(self):
        return f"{self.fault.name}, {self.request.name}, {self.client} → {self.origin}"


def cases(faults, requests, clients, origins):
    return [Case(FAULTS[f], REQUESTS[r], c, o) for f in faults for o in origins for c in clients for r in requests
            if FAULTS[f].why_not(REQUESTS[r], o) is None]


def short_matrix():
    """What a run without options measures: GET everywhere, POST where it is delicate, HTTP/2 for its own faults."""
    chosen = cases(FAULTS, ["GET"], ["h1"], ["h1"])
    chosen += cases([f for f in FAULTS if FAULTS[f].origins == ("h2",)], ["GET"], ["h2"], ["h2"])
    chosen += cases(["hang", "reset-before-head", "503-probes-pass"], ["POST", "POST-key"], ["h1"], ["h1"])
    return chosen
