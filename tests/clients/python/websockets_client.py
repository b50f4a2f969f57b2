"""The websockets package as a client: messages and ends. See ../README.md. websockets 10."""

import asyncio
import os
import ssl
import sys

import websockets

BASE, CA, _, CHECKS = sys.argv[1:5]
SIZES = [int(size) for size in sys.argv[5:]]
URL = BASE.replace("http", "ws", 1) + "/socket"
CONTEXT = ssl.create_default_context(cafile=CA)
CLIENT_CODES = [1000, 1001, 1011, 3000, 4999]
SERVER_CODES = [1000, 1001, 1011, 1012, 1013, 3000, 4999, 1005]
failed = False


def connect():
    return websockets.connect(URL, ssl=CONTEXT, max_size=None, ping_interval=None, open_timeout=10, close_timeout=5)


async def report(name, run, *arguments):
    global failed
    try:
        await asyncio.wait_for(run(*arguments), 30)
        print("ok", name, flush=True)
    except Exception as error:  # whatever goes wrong is the finding
        failed = True
        print(f"FAIL {name}: {error!r}", flush=True)


def must(held, what):
    if not held:
        raise AssertionError(what)


async def echo(size):
    async with connect() as socket:
        content = os.urandom(size)
        await socket.send(content)
        must(await socket.recv() == content, "another message came back")
        text = "é" * (size // 2)
        await socket.send(text)
        must(await socket.recv() == text, "another text came back")
        await (await socket.ping())


async def client_ends(code):
    socket = await connect()
    await socket.close(code, "bye")
    must(socket.close_code == code, f"the origin's Close says {socket.close_code}")


async def server_ends(text, code):
    socket = await connect()
    await socket.send(text)
    try:
        await socket.recv()
        raise AssertionError("a message instead of an end")
    except websockets.ConnectionClosed:
        pass
    must(socket.close_code == code, f"ended with {socket.close_code}")


async def echoes():
    for size in SIZES:
        await report(f"echo {size}", echo, size)


async def closes():
    for code in CLIENT_CODES:
        await report(f"the client ends with {code}", client_ends, code)


async def closed():
    for code in SERVER_CODES:
        await report(f"the origin ends with {code}", server_ends, f"close {code}", code)
    await report("the origin goes without a word", server_ends, "drop", 1006)


async def main():
    for check in CHECKS.split(","):
        await {"echo": echoes, "closes": closes, "closed": closed}[check]()


asyncio.run(main())
sys.exit(1 if failed else 0)
