"""Failures that are not rows of the matrix: a long download, an outage of everything, and how long a region is felt."""

import argparse
import json
import threading
import time

from faults import FAULTS, REQUESTS, Case
from matrix import SLOW, WARM_UP, finish_load, read_answers, run_case, set_up, sleep_until, start_load, unable
from regions import Namespace
from stage import Stage, host_description, print_table

MIB = 1024 * 1024


def conclude(options, results, found):
    for sentence in found:
        print(f"promise broken: {sentence}")
    if options.json:
        options.json.write_text(json.dumps({"host": host_description(), "results": results}, indent=1) + "\n")
    return 1 if found else 0


# ---- download -------------------------------------------------------------------------------------------------------


def download_options(parser):
    parser.add_argument("--mib", type=int, default=100, help="size (default: 100)")
    parser.add_argument("--dies-at", type=float, default=0.37, help="part of it after which the region dies (0.37)")


def download_one(client, origin, changed, options):
    able = [peer for peer in options.peers if not unable(peer, origin)]
    size = options.mib * MIB
    with Stage() as stage:
        benches = set_up(stage, able, client, origin, options)
        for bench in benches:
            for name, region in bench.regions.items():
                region.tell('etag "v2"' if changed and region is not bench.near else 'etag "v1"')
            bench.near.tell(f"die {int(size * options.dies_at)}")
            start_load(stage, bench, REQUESTS["GET"], client, options, seconds=1, rate=1, path=f"/bytes/{size}")
        finish_load(benches, options)
        rows = []
        for bench in benches:
            answer = read_answers(bench)[0]
            counters = [region.counters() for region in bench.regions.values()]
            rows.append({
                "proxy": bench.peer, "client": client, "origin": origin, "etag": "changed" if changed else "same",
                "verdict": answer.verdict, "mib": round(answer.bytes / MIB, 2), "seconds": round(answer.latency, 2),
                "requests": sum(c["requests"] for c in counters), "ranges": sum(c["ranges"] for c in counters),
                "died": not bench.near.alive(),
            })
        return rows


def download(options):
    """A 100 MiB GET whose region dies at 37 %: continued from the next region, or visibly cut; never a mixture."""
    options.timeout = max(options.timeout, 60)
    rows = [row for origin in options.origins or ["h1"] for client in options.clients or ["h1", "h2"]
            for changed in (False, True) for row in download_one(client, origin, changed, options)]
    print_table(["proxy", "client → origin", "ETag elsewhere", "verdict", "MiB", "seconds", "requests", "with Range"],
                [[r["proxy"], f"{r['client']} → {r['origin']}", r["etag"], r["verdict"], r["mib"], r["seconds"],
                  r["requests"], r["ranges"]] for r in rows])
    found = []
    for r in rows:
        label = f"{r['proxy']}, {r['client']} → {r['origin']}, ETag {r['etag']}"
        if r["proxy"] != "meridian":
            continue
        if not r["died"]:
            found.append(f"{label}: the region did not die, nothing was measured")
        if r["verdict"] == "wrong-body" or (r["etag"] == "changed" and r["verdict"] != "cut"):
            found.append(f"{label}: {r['verdict']}, not cut")
        if r["etag"] == "same" and options.resume and (r["verdict"], r["requests"], r["ranges"]) != ("ok", 2, 1):
            found.append(f"{label}: {r['verdict']} with {r['requests']} requests, {r['ranges']} with Range; "
                         f"not ok, 2, 1")
        if r["etag"] == "same" and not options.resume and r["verdict"] not in ("cut", "ok"):
            found.append(f"{label}: {r['verdict']}")
    return conclude(options, rows, found)


# ---- outage ---------------------------------------------------------------------------------------------------------

MOST_LOAD = 1.2  # of what was offered
DEADLINE = 15.0  # seconds: the default of timeouts.request
RECOVERED_WITHIN = 5.0
OUTAGES = {"503": ("fault 503 same", "fault none pass"), "refused": ("refuse", "accept")}


class Sampler(threading.Thread):
    """How many requests all regions of a proxy have seen, ten times a second."""

    def __init__(self, benches):
        super().__init__(daemon=True)
        self._benches, self._over = benches, threading.Event()
        self.samples = {bench.peer: [] for bench in benches}

    def run(self):
        while not self._over.wait(0.1):
            for bench in self._benches:
                total = sum(region.counters()["requests"] for region in bench.regions.values())
                self.samples[bench.peer].append((time.monotonic(), total))

    def stop(self):
        self._over.set()
        self.join()

    def between(self, peer, begin, end):
        inside = [total for moment, total in self.samples[peer] if begin <= moment <= end]
        return inside[-1] - inside[0] if inside else 0

    def busiest_second(self, peer, begin):
        samples = [s for s in self.samples[peer] if s[0] >= begin]
        return max((b[1] - a[1] for a, b in zip(samples, samples[10:])), default=0)


def tell_all(bench, command):
    for region in bench.regions.values():
        region.tell(command)


def outage_one(kind, client, origin, options):
    able = [peer for peer in options.peers if not unable(peer, origin)]
    with Stage() as stage:
        benches = set_up(stage, able, client, origin, options)
        sampler = Sampler(benches)
        sampler.start()
        start = time.monotonic()
        for bench in benches:
            start_load(stage, bench, REQUESTS["GET"], client, options,
                       WARM_UP + options.fault_seconds + options.recover_seconds)
        begin, end = OUTAGES[kind]
        sleep_until(start + WARM_UP)
        for bench in benches:
            bench.begin = time.monotonic()
            tell_all(bench, begin)
        sleep_until(start + WARM_UP + options.fault_seconds)
        for bench in benches:
            bench.end = time.monotonic()
            tell_all(bench, end)
        finish_load(benches, options)
        sampler.stop()
        return [outage_summary(kind, client, origin, bench, sampler, options) for bench in benches]


def outage_summary(kind, client, origin, bench, sampler, options):
    answers = read_answers(bench)
    during = [a for a in answers if bench.begin <= a.due < bench.end]
    kinds = {}
    for a in during:
        name = f"{a.status}" if a.verdict in ("ok", "status") else a.verdict
        kinds[name] = kinds.get(name, 0) + 1
    failed_after = [a.due for a in answers if a.failed and a.due >= bench.end]
    seen = sampler.between(bench.peer, bench.begin, bench.end)
    return {
        "proxy": bench.peer, "outage": kind, "client": client, "origin": origin, "answers": kinds,
        "load": round(seen / len(during), 3) if kind == "503" else None,
        "slowest_seconds": round(max(a.latency for a in answers), 3),
        "median_seconds": round(sorted(a.latency for a in during)[len(during) // 2], 4),
        "recovered_seconds": round(max(failed_after, default=bench.end) - bench.end, 3),
        "recovered": not any(a.failed for a in answers if a.due >= answers[-1].due - 0.5),
        "busiest_second": round(sampler.busiest_second(bench.peer, bench.end) / options.rate, 3),
    }


def outage(options):
    """All three regions fail at once: no storm on them, an answer for everybody, quick again afterwards."""
    options.timeout = max(options.timeout, DEADLINE + 5)
    options.recover_seconds = max(options.recover_seconds, RECOVERED_WITHIN + 1)
    rows = [row for origin in options.origins or ["h1"] for client in options.clients or ["h1"]
            for kind in OUTAGES for row in outage_one(kind, client, origin, options)]
    print_table(["outage", "proxy", "client → origin", "answers", "load on origins", "median", "slowest",
                 "last failure after the end", "busiest second after it"],
                [[r["outage"], r["proxy"], f"{r['client']} → {r['origin']}",
                  ", ".join(f"{count} × {name}" for name, count in sorted(r["answers"].items())),
                  "–" if r["load"] is None else f"{r['load']:.2f} ×", f"{r['median_seconds'] * 1000:.0f} ms",
                  f"{r['slowest_seconds']:.2f} s", f"{r['recovered_seconds']:.2f} s", f"{r['busiest_second']:.2f} ×"]
                 for r in rows])
    found = []
    for r in rows:
        label = f"{r['outage']}, {r['client']} → {r['origin']}"
        if r["proxy"] != "meridian":
            continue
        if r["load"] is not None and r["load"] > MOST_LOAD:
            found.append(f"{label}: the origins saw {r['load']:.2f} × what was offered, more than {MOST_LOAD}")
        if r["slowest_seconds"] > DEADLINE + SLOW:
            found.append(f"{label}: an answer took {r['slowest_seconds']:.2f} s")
        if not r["recovered"] or r["recovered_seconds"] > RECOVERED_WITHIN:
            found.append(f"{label}: still failing {r['recovered_seconds']:.2f} s after the end")
        if r["busiest_second"] > MOST_LOAD:
            found.append(f"{label}: {r['busiest_second']:.2f} × the rate reached the origins in a second of recovery")
    return conclude(options, rows, found)


# ---- objective ------------------------------------------------------------------------------------------------------

OBJECTIVES = {"syn-dropped": 3.8, "refused": 1.5}


def objective_options(parser):
    parser.add_argument("--runs", type=int, default=5, help="of each fault (default: 5)")


def objective(options):
    """How long a dead region is felt, again and again: from the fault's begin to the last request that noticed."""
    found, results = [], []
    no_namespace = Namespace.why_not()
    for fault, most in OBJECTIVES.items():
        if fault == "syn-dropped" and no_namespace:
            print(f"not measured: {fault}: {no_namespace}")
            continue
        for _ in range(options.runs):
            for client in options.clients or ["h1"]:
                for origin in options.origins or ["h1"]:
                    case = Case(FAULTS[fault], REQUESTS["GET"], client, origin)
                    results += run_case(case, options.peers, options)
        for peer in options.peers:
            runs = [r for r in results if r["fault"] == fault and r["proxy"] == peer]
            times = sorted(r["last_affected_seconds"] or 0.0 for r in runs)
            if not times:
                continue
            errors = sum(r["failed"] for r in runs)
            print(f"{fault}, {peer}: last affected after {', '.join(f'{t:.2f}' for t in times)} s "
                  f"(target {most:g} s); {errors} failed, {sum(r['slow'] for r in runs)} slow in {len(times)} runs")
            if peer == "meridian" and times[-1] > most:
                found.append(f"{fault}: felt for {times[-1]:.2f} s, more than {most:g} s")
    return conclude(options, results, found)


STORIES = {"download": (download, download_options), "outage": (outage, None),
           "objective": (objective, objective_options)}


def run(name, arguments, add_load_options):
    story, add_options = STORIES[name]
    parser = argparse.ArgumentParser(prog=f"bench/failover {name}", description=story.__doc__)
    add_load_options(parser)
    if add_options:
        add_options(parser)
    options = parser.parse_args(arguments)
    print(f"{host_description()}\n")
    return story(options)
