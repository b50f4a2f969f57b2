"""Runs one case of the matrix: three proxies side by side, each with regions and clients of its own."""

import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import Pool

from faults import NORMAL_MS, SLOW_MS
from regions import REGIONS, Namespace, Region
from stage import Stage, StageError, bench_tool, meridian_binary, program

PRIMARY = REGIONS[0]
SLOW = 0.25  # seconds: a person feels it
WARM_UP = 2.0  # seconds of load before the fault
LATE = 0.1  # a load generator that starts its requests later than this says nothing about a proxy
BUCKET = 0.25  # seconds; for "the region is left"
TRIALS = 0.05  # of the requests: a region that still gets fewer is left


@dataclass
class Answer:
    """One line of load_client. Times are seconds on the monotonic clock."""

    number: int
    due: float
    done: float
    sent: float
    status: int
    region: str
    verdict: str
    bytes: int

    @property
    def latency(self):
        return self.done - self.due

    @property
    def failed(self):
        return self.verdict != "ok"


@dataclass
class Bench:
    """One proxy with its three regions."""

    peer: str
    port: int
    regions: dict
    proxy: object = None
    begin: float = 0.0
    end: float = 0.0
    out: object = None
    client: object = None
    untouched: dict = field(default_factory=dict)  # the near region's counters before the fault
    samples: list = field(default_factory=list)  # (moment, requests that touched it), each BUCKET of the fault

    @property
    def near(self):
        return self.regions[PRIMARY]


def start_proxy(stage, peer, regions, client, origin, tls, options):
    """Starts a proxy in front of `regions`; returns (process, port)."""
    port = stage.free_port()
    values = {name: region.address for name, region in regions.items()} | {"port": port}
    h2 = origin == "h2"
    if peer == "meridian":
        scheme = {(False, False): "http", (False, True): "https", (True, False): "h2c", (True, True): "h2"}[h2, tls]
        extra = {"resume": "true" if options.resume else "false",
                 "origin_tls": "\n    tls: { verify: false }" if tls else ""}
        config = stage.render("failover-meridian.yaml", "meridian.yaml", admin_port=stage.free_port(),
                              origin_scheme=scheme, **values, **extra)
        command = [meridian_binary(), "run", "-c", str(config)]
    elif peer == "haproxy":
        server = " ssl verify none" if tls else ""
        if h2:
            server += " alpn h2 check-alpn h2 proto h2" if tls else " proto h2"
        config = stage.render("failover-haproxy.cfg", "haproxy.cfg", origin_options=server,
                              client_options=" proto h2" if client == "h2" else "", **values)
        command = [program("haproxy"), "-db", "-f", str(config)]
    else:
        folder = stage.path("nginx-proxy")
        folder.mkdir()
        folder.chmod(0o777)
        config = stage.render("failover-nginx.conf", "proxy.conf", folder=folder,
                              origin_scheme="https" if tls else "http",
                              client_options=" http2" if client == "h2" else "", **values)
        command = [program("nginx"), "-p", str(folder), "-c", str(config)]
    return stage.start(f"proxy-{peer}", command, port), port


def unable(peer, origin):
    """None, or why a proxy has no such cell."""
    if peer == "nginx" and origin == "h2":
        return "nginx speaks no HTTP/2 to origins"
    return None


def set_up(stage, peers, client, origin, options, tls=None, namespace=None):
    benches = []
    for peer in peers:
        regions = {
            name: Region(stage, peer, name, origin == "h2", tls, namespace if name == PRIMARY else None)
            for name in REGIONS
        }
        bench = Bench(peer, 0, regions)
        bench.proxy, bench.port = start_proxy(stage, peer, regions, client, origin, bool(tls), options)
        benches.append(bench)
    return benches


def start_load(stage, bench, request, client, options, seconds, rate=None, path="/bytes/1024"):
    bench.out = stage.path(f"{bench.peer}.answers")
    headers = [word for header in request.headers for word in ("--header", header)]
    bench.client = stage.launch(f"client-{bench.peer}", [
        bench_tool("load_client"), "--port", str(bench.port), "--protocol", client, "--method", request.method,
        "--body", str(request.body), "--path", path, "--rate", str(rate or options.rate / request.rate_divisor),
        "--seconds", str(seconds), "--timeout", str(options.timeout), "--out", str(bench.out), *headers,
    ])


def read_answers(bench):
    with open(bench.out, encoding="ascii") as lines:
        answers = []
        for number, line in enumerate(lines):
            due, done, sent, status, region, verdict, size = line.split()
            answers.append(Answer(number, float(due), float(done), float(sent), int(status), region, verdict,
                                  int(size)))
    return answers


def finish_load(benches, options):
    for bench in benches:
        if bench.client.wait(options.timeout + 30) != 0:
            raise StageError(f"the load of {bench.peer} failed:\n{bench.client.tail()}")
        if not bench.proxy.alive():
            raise StageError(f"{bench.peer} ended during the run:\n{bench.proxy.tail()}")


def begin_fault(bench, fault):
    bench.untouched = bench.near.counters()
    bench.begin = time.monotonic()
    if fault.name == "killed":
        bench.near.kill()
    elif fault.name == "refused":
        bench.near.tell("refuse")
    elif fault.name == "slow":
        bench.near.tell(f"delay {SLOW_MS}")
    else:
        bench.near.tell(f"fault {fault.command} {fault.probes}")


def end_fault(bench, fault):
    bench.end = time.monotonic()
    if fault.name == "killed":
        bench.near.start()
    elif fault.name == "refused":
        bench.near.tell("accept")
    elif fault.name == "slow":
        bench.near.tell(f"delay {NORMAL_MS}")
    else:
        bench.near.tell("fault none pass")


def sleep_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


def watch_until(moment, benches):
    """Sleeps, and samples what the near regions see."""
    due = time.monotonic()
    while due < moment:
        for bench in benches:
            bench.samples.append((time.monotonic(), bench.near.counters()["touched"]))
        due += BUCKET
        sleep_until(min(due, moment))


def run_case(case, peers, options):
    """A fresh stage for each case: nothing learned about a region carries over. Returns one summary per proxy."""
    able = [peer for peer in peers if not unable(peer, case.origin)]
    with ExitStack() as stack:
        dark = case.fault.name == "syn-dropped"
        namespace = stack.enter_context(Namespace()) if dark else None
        stage = stack.enter_context(Stage())
        tls = stage.certificate()[:2] if case.fault.name == "tls-failure" else None
        benches = set_up(stage, able, case.client, case.origin, options, tls, namespace)
        if case.fault.name == "slow":
            for bench in benches:
                for region in bench.regions.values():
                    region.tell(f"delay {NORMAL_MS}")
        start = time.monotonic()
        for bench in benches:
            start_load(stage, bench, case.request, case.client, options,
                       WARM_UP + options.fault_seconds + options.recover_seconds)
        sleep_until(start + WARM_UP)
        if dark:
            for bench in benches:
                bench.begin = time.monotonic()
                bench.untouched = bench.near.counters()
            namespace.darken()
        else:
            for bench in benches:
                begin_fault(bench, case.fault)
        watch_until(start + WARM_UP + options.fault_seconds, benches)
        if dark:
            namespace.lighten()
            for bench in benches:
                bench.end = time.monotonic()
        else:
            for bench in benches:
                end_fault(bench, case.fault)
        finish_load(benches, options)
        return [summarise(case, bench) for bench in benches]


def left_after(bench, answers):
    """Seconds until the near region gets at most single trials; None if it always had more.

    By what the region saw, where it sees its requests, and by answers: prompt, and from elsewhere.
    """
    buckets = {}
    for a in answers:
        if bench.begin <= a.due < bench.end:
            bucket = buckets.setdefault(int((a.due - bench.begin) / BUCKET), [0, 0])
            bucket[0] += 1
            bucket[1] += a.failed or a.region == PRIMARY or a.latency > SLOW
    for number in sorted(buckets):
        total, noticed = buckets[number]
        seen = [count for moment, count in bench.samples if moment >= bench.begin + number * BUCKET]
        if len(seen) < 2:
            break  # the fault ended in it
        touched = seen[1] - seen[0]
        if max(noticed, touched) <= max(1, TRIALS * total):
            return round(number * BUCKET, 2)
    return None


def duplicates(bench):
    """How many executions were one too many."""
    seen, twice = set(), 0
    for region in bench.regions.values():
        for number in region.executed():
            twice += number in seen
            seen.add(number)
    return twice


def summarise(case, bench):
    answers = read_answers(bench)
    if not any(a.region == PRIMARY and not a.failed for a in answers if a.done < bench.begin):
        raise StageError(f"{bench.peer}, {case.label}: the near region served nothing before the fault\n"
                         f"{bench.proxy.tail()}")
    affected = [a for a in answers if a.due >= bench.begin - 1 and (a.failed or a.latency > SLOW)]
    during = [a for a in answers if bench.begin <= a.due < bench.end]
    back = [a for a in answers if a.due >= bench.end and not a.failed and a.region == PRIMARY]
    counters = bench.near.counters()
    slips = sorted(a.sent - a.due for a in answers)
    errors = {}
    for a in answers:
        if a.failed:
            kind = f"status {a.status}" if a.verdict == "status" else a.verdict
            errors[kind] = errors.get(kind, 0) + 1
    seen_by_region = case.fault.name not in ("killed", "refused", "syn-dropped")
    if case.fault.name == "slow":
        touched = counters["requests"] - bench.untouched["requests"] - len(back)
    else:
        touched = counters["touched"]

    def since(moment, origin):
        return None if moment is None else round(moment - origin, 3)

    return {
        "fault": case.fault.name, "request": case.request.name, "client": case.client, "origin": case.origin,
        "proxy": bench.peer, "requests": len(answers), "requests_during_fault": len(during),
        "failed": sum(a.failed for a in answers),
        "wrong_body": sum(a.verdict == "wrong-body" for a in answers),
        "executed_twice": duplicates(bench),
        "wrong_uploads": sum(r.counters()["wrong_bodies"] for r in bench.regions.values()),
        "slow": sum(not a.failed and a.latency > SLOW for a in answers),
        "slowest_seconds": round(max(a.latency for a in answers), 3),
        "last_affected_seconds": max((since(a.due, bench.begin) for a in affected), default=None),
        "left_seconds": left_after(bench, answers),
        "touched": touched if seen_by_region else None,
        "first_back_seconds": since(min((a.done for a in back), default=None), bench.end),
        "load_lateness_p99_seconds": round(slips[len(slips) * 99 // 100], 4),
        "errors": errors,
    }


def run_rounds(job):
    """All rounds of one case: (results, skipped)."""
    case, why_skipped, peers, options = job
    print(f"  {case.label}", file=sys.stderr, flush=True)
    if why_skipped:
        return [], [(case.label, why_skipped)]
    results, skipped = [], []
    for round_number in range(options.rounds):
        try:
            results += [result | {"round": round_number, "recover_seconds": options.recover_seconds}
                        for result in run_case(case, peers, options)]
        except StageError as error:
            print(f"  {case.label}: {error}", file=sys.stderr, flush=True)
            skipped.append((case.label, f"FAILED: {error}"))
    results += [{"fault": case.fault.name, "request": case.request.name, "client": case.client, "origin": case.origin,
                 "proxy": peer, "unable": unable(peer, case.origin)} for peer in peers if unable(peer, case.origin)]
    return results, skipped


def run_matrix(chosen, peers, options):
    """Every case, `options.jobs` at a time, with the reason where one cannot be measured: (results, skipped)."""
    dark = any(c.fault.name == "syn-dropped" for c in chosen)
    no_namespace = Namespace.why_not() if dark else None
    jobs = [(c, no_namespace if c.fault.name == "syn-dropped" else None, peers, options) for c in chosen]
    results, skipped = [], []
    # Processes, not threads: stages and namespaces are cleaned up on signals, which only main threads get. Leaving the
    # pool early ends its processes by SIGTERM, and so in the same way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Pool(options.jobs) as pool:
        for case_results, case_skipped in pool.imap(run_rounds, jobs):
            results += case_results
            skipped += case_skipped
    return results, skipped
