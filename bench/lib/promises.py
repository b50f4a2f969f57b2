"""What Meridian promises of a row of the matrix, and which rows break it."""

from faults import FAULTS, REQUESTS

LEAVES_WITHIN = 2.0  # seconds, for damage behind the head
LONGEST_BACK_OFF = 10.0  # seconds: no region needs longer to be tried again after six seconds of fault
SLOW_NOISE = 0.005  # of the row's requests: two runs of one proxy on a shared machine differ by that


def broken(row, peers):
    """Sentences, one per broken promise. `peers`: the other proxies' rows of the same case and round."""
    if row.get("unable"):
        return
    fault, request = FAULTS[row["fault"]], REQUESTS[row["request"]]
    if request.retry_promised and not fault.committed and row["failed"]:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in row["errors"].items())
        yield f"{row['failed']} client errors ({kinds}) although nothing of an answer had been sent on"
    if request.once and row["executed_twice"]:
        yield f"{row['executed_twice']} POSTs without a key were executed twice"
    if row["wrong_body"]:
        yield f"{row['wrong_body']} answers were wrong and did not look it"
    if row["wrong_uploads"]:
        yield f"{row['wrong_uploads']} request bodies reached a region damaged"
    if fault.committed and (row["left_seconds"] is None or row["left_seconds"] > LEAVES_WITHIN):
        when = "never" if row["left_seconds"] is None else f"after {row['left_seconds']:.1f} s"
        yield f"the region was left {when}, not within {LEAVES_WITHIN:g} s"
    never_back = row["first_back_seconds"] is None and row.get("recover_seconds", 0) >= LONGEST_BACK_OFF
    if never_back and request.method in ("GET", "HEAD"):
        yield f"the region was healthy again for {row['recover_seconds']:g} s and served nothing"
    # A peer that bought fewer errors with double executions or wrong bodies is no yardstick.
    honest = [p for p in peers if not p.get("unable") and not p["wrong_body"] and
              not (request.once and p["executed_twice"])]
    if not honest:
        return
    best = min(honest, key=lambda p: p["failed"])
    if row["failed"] > best["failed"]:
        yield f"{row['failed']} failed, {best['proxy']}: {best['failed']}"
    elif row["failed"] == best["failed"]:
        equals = [p for p in honest if p["failed"] == best["failed"]]
        quick = min(equals, key=lambda p: p["slow"])
        if row["slow"] > quick["slow"] + SLOW_NOISE * row["requests"]:
            yield f"{row['slow']} slow, {quick['proxy']}: {quick['slow']}"


def findings(results):
    """(case, sentence) for every promise that Meridian breaks."""
    def key(row):
        return row["fault"], row["request"], row["client"], row["origin"]

    found = []
    for row in results:
        if row["proxy"] != "meridian":
            continue
        others = [r for r in results
                  if r["proxy"] != "meridian" and key(r) == key(row) and r.get("round", 0) == row.get("round", 0)]
        label = f"{row['fault']}, {row['request']}, {row['client']} → {row['origin']}"
        found += [(label, sentence) for sentence in broken(row, others)]
    return found
