"""An open-loop HTTP/1.1 load: requests start on a fixed schedule, whatever happened to the earlier ones.

A request's latency counts from its place in the schedule, so that a stall is felt by every request that should have
started during it. Connections are kept and reused; when none is idle another one is opened.
"""

import asyncio
import gc
import re
import time
from dataclasses import dataclass

LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.I)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.I)
CLOSE = re.compile(rb"\r\nconnection:\s*close", re.I)
REGION = re.compile(rb"\r\nx-region:\s*([\w.-]+)", re.I)


@dataclass
class Answer:
    """One request's fate. Times are seconds on the monotonic clock."""

    due: float
    done: float
    status: int = 0  # 0: no complete answer, see `error`
    region: str = ""
    error: str = ""

    @property
    def latency(self):
        return self.done - self.due

    @property
    def failed(self):
        return self.status != 200


class Connection(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self):
        self._transport = None
        self._buffer = b""
        self._waiting = None
        self.reusable = True

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if self._waiting is None or self._waiting.done() or head_end < 0:
            return
        head = self._buffer[: head_end + 2]
        length = LENGTH.search(head)
        if length:
            complete = len(self._buffer) >= head_end + 4 + int(length[1])
        elif CHUNKED.search(head):
            complete = self._buffer.endswith(b"0\r\n\r\n")
        else:
            complete = False  # its end is the connection's: see connection_lost
        if complete:
            self._finish(head)

    def connection_lost(self, reason):
        self.reusable = False
        if self._waiting is None or self._waiting.done():
            return
        head_end = self._buffer.find(b"\r\n\r\n")
        head = self._buffer[: head_end + 2]
        if head_end >= 0 and not LENGTH.search(head) and not CHUNKED.search(head):
            self._finish(head)
        else:
            self._waiting.set_exception(ConnectionError(str(reason or "closed without an answer")))

    def _finish(self, head):
        if CLOSE.search(head):
            self.close()
        region = REGION.search(head)
        self._waiting.set_result((int(head[9:12]), region[1].decode() if region else ""))

    async def exchange(self, request):
        """(status, region); ConnectionError if the connection ends before the answer does."""
        self._buffer = b""
        self._waiting = asyncio.get_running_loop().create_future()
        if not self.reusable:
            raise ConnectionError("closed before the request")
        self._transport.write(request)
        return await self._waiting

    def close(self):
        self.reusable = False
        if self._transport:
            self._transport.close()


class OpenLoop:
    """`rate` requests a second to 127.0.0.1:port for as long as `run` lasts; answers gather in `answers`."""

    def __init__(self, port, rate, timeout):
        self._port, self._rate, self._timeout = port, rate, timeout
        self._request = b"GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n"
        self._idle = []
        self.answers = []
        self.slips = []  # how late each request started, in seconds

    async def run(self, seconds):
        loop = asyncio.get_running_loop()
        gc.collect()
        gc.disable()  # a collection would delay the schedule; a run is short
        tasks = set()
        start = time.monotonic()
        try:
            for number in range(int(seconds * self._rate)):
                due = start + number / self._rate
                delay = due - time.monotonic()
                if delay > 0:
                    await asyncio.sleep(delay)
                self.slips.append(time.monotonic() - due)
                task = loop.create_task(self._one(due))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            if tasks:
                await asyncio.wait(tasks)
        finally:
            gc.enable()
            for connection in self._idle:
                connection.close()

    async def _one(self, due):
        answer = Answer(due, due)
        connection = None
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connection()
                answer.status, answer.region = await connection.exchange(self._request)
        except TimeoutError:
            answer.error = f"no answer within {self._timeout:g} s"
        except OSError as error:
            answer.error = str(error) or type(error).__name__
        answer.done = time.monotonic()
        self.answers.append(answer)
        if connection is None:
            return
        if connection.reusable and not answer.error:
            self._idle.append(connection)
        else:
            connection.close()

    async def _connection(self):
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Connection, "127.0.0.1", self._port))[1]
