"""What stands around the proxy in bench/floods, each as a process of its own:

    flood_world.py origin PORT                   an origin that counts how many requests it has at once
    flood_world.py client PORT PATH RATE SECONDS FILE  the well-behaved client: one line per request, `due done status`
    flood_world.py attack NAME PORT TLS_PORT SECONDS   one attacker; prints what it saw as JSON
"""

import asyncio
import json
import re
import sys
import time

WORK_SECONDS = 0.05  # what a request costs this origin, whether or not anybody waits for the answer
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)")
PIECE = b"x" * (64 << 10)
LARGE = 256  # of them


class Origin:
    def __init__(self):
        self.alive = {}  # by path: each connection of an attacker asks for another one
        self.most = self.most_of_one = self.total = 0

    async def work(self, path):
        self.alive[path] = self.alive.get(path, 0) + 1
        self.total += 1
        self.most_of_one = max(self.most_of_one, self.alive[path])
        self.most = max(self.most, sum(self.alive.values()))
        await asyncio.sleep(WORK_SECONDS)
        self.alive[path] -= 1
        if not self.alive[path]:
            del self.alive[path]

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1]
                body, pieces = b"ok", 0
                if length := LENGTH.search(head):
                    await reader.readexactly(int(length[1]))
                elif b"\r\ntransfer-encoding: chunked" in head:
                    await reader.readuntil(b"0\r\n\r\n")
                if path == b"/count":  # and begins anew
                    body = json.dumps({"most": self.most, "most_of_one": self.most_of_one, "total": self.total}).encode()
                    self.most = self.most_of_one = self.total = 0
                else:
                    await asyncio.shield(asyncio.ensure_future(self.work(path)))
                if path == b"/large":
                    body, pieces = b"", LARGE
                length = len(body) + pieces * len(PIECE)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length + body)
                for _ in range(pieces):
                    writer.write(PIECE)
                    await writer.drain()
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # the proxy has closed
        finally:
            writer.close()


async def run_origin(port):
    origin = Origin()
    server = await asyncio.start_server(origin.serve, "127.0.0.1", port, backlog=4096, limit=1 << 20)
    await server.serve_forever()


class Client:
    """Requests start on schedule whatever became of the earlier ones, over as many connections as that takes."""

    def __init__(self, port, path):
        self.port, self.request = port, f"GET {path} HTTP/1.1\r\nhost: bench.example\r\n\r\n".encode()
        self.idle = []

    async def get(self):
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self.request)
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields[b"content-length"]))
        if fields.get(b"connection") == b"close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(head.split(b" ", 2)[1])

    async def one(self, due, out):
        try:
            status = await asyncio.wait_for(self.get(), 10)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, KeyError):
            status = 0
        out.write(f"{due:.6f} {time.monotonic():.6f} {status}\n")

    async def run(self, rate, seconds, path):
        with open(path, "w") as out:
            start, tasks = time.monotonic(), []
            for number in range(int(rate * seconds)):
                due = start + number / rate
                await asyncio.sleep(max(0, due - time.monotonic()))
                tasks.append(asyncio.ensure_future(self.one(due, out)))
            await asyncio.gather(*tasks)


def main():
    kind, *arguments = sys.argv[1:]
    if kind == "origin":
        asyncio.run(run_origin(int(arguments[0])))
    elif kind == "client":
        port, path, rate, seconds, out = arguments
        asyncio.run(Client(int(port), path).run(float(rate), float(seconds), out))
    else:
        from attacks import attack

        name, port, tls_port, seconds = arguments
        print(json.dumps(attack(name, int(port), int(tls_port), float(seconds))))


if __name__ == "__main__":
    main()
