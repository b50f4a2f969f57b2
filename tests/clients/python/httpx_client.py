"""httpx as a client, over HTTP/1.1 and HTTP/2. See ../README.md for the arguments and what it prints. httpx 0.23, h2 4."""

import asyncio
import hashlib
import os
import ssl
import sys
import time

import httpx

BASE, CA, PROTOCOL, CHECKS = sys.argv[1:5]
SIZES = [int(size) for size in sys.argv[5:]]
VERSION = "HTTP/2" if PROTOCOL == "h2" else "HTTP/1.1"
OPTIONS = {
    "base_url": BASE,
    "http1": PROTOCOL == "h1",
    "http2": PROTOCOL == "h2",
    "verify": ssl.create_default_context(cafile=CA),
    "timeout": 60,
    "trust_env": False,
}
failed = False


def report(name, run, *arguments):
    global failed
    try:
        run(*arguments)
        print("ok", name, flush=True)
    except Exception as error:  # whatever goes wrong is the finding
        failed = True
        print(f"FAIL {name}: {error!r}", flush=True)


def must(held, what):
    if not held:
        raise AssertionError(what)


def check_bytes(answer, size):
    must(answer.http_version == VERSION, answer.http_version)
    must(answer.status_code == 200 and len(answer.content) == size, f"{answer.status_code}, {len(answer.content)} bytes")
    must(hashlib.sha256(answer.content).hexdigest() == answer.headers["x-sha256"], "another digest")


def down(client, size):
    check_bytes(client.get(f"/bytes/{size}"), size)


def pieces(content):
    for at in range(0, len(content), 50000):
        yield content[at : at + 50000]


def up(client, size, known):
    content = os.urandom(size)
    # In pieces also when its length is known: of one piece it copies all that is left for each frame.
    headers = {"content-length": str(size)} if known else {}
    answer = client.put("/sum", content=pieces(content), headers=headers)
    want = f"{size} {hashlib.sha256(content).hexdigest()}"
    must(answer.status_code == 200 and answer.text == want, f"{answer.status_code} {answer.text!r}, not {want!r}")


def small():
    async def run():
        async with httpx.AsyncClient(**OPTIONS, limits=httpx.Limits(max_connections=50)) as client:
            for _ in range(10):
                for answer in await asyncio.gather(*(client.get("/bytes/100") for _ in range(100))):
                    check_bytes(answer, 100)

    asyncio.run(run())


def refuse(client):
    answer = client.post("/refuse", content=os.urandom(1 << 20))
    must(answer.status_code == 413, answer.status_code)


def events(client):
    name = f"httpx-{os.getpid()}-{time.time_ns()}"
    seen = 0
    with client.stream("GET", f"/events/{name}") as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                seen += 1
                must(client.get(f"/next/{name}").status_code == 204, "the next one cannot be asked for")
    must(seen == 5, f"{seen} events")


def pause(client):
    answer = client.get("/pause")
    must(answer.text == "waitdone", answer.text)


def idle(client):
    down(client, 1)
    time.sleep(1.6)  # longer than the edge keeps an idle connection here
    down(client, 1)


def downs(client):
    for size in SIZES:
        report(f"down {size}", down, client, size)


def ups(client):
    for size in SIZES:
        report(f"up {size}", up, client, size, True)
        report(f"up {size} of unknown length", up, client, size, False)


def idles(client):
    report("a pause in the body", pause, client)
    report("idle connections", idle, client)


CHECK = {
    "down": downs,
    "up": ups,
    "small": lambda _: report("1000 small", small),
    "refuse": lambda client: report("an upload refused early", refuse, client),
    "events": lambda client: report("events", events, client),
    "idle": idles,
}


def main():
    with httpx.Client(**OPTIONS) as client:
        for check in CHECKS.split(","):
            CHECK[check](client)
    sys.exit(1 if failed else 0)


main()
