"""Python's http.server as an origin of HTTP/1.0 or 1.1. See ../README.md for the arguments and what it serves."""

import functools
import hashlib
import http.server
import random
import sys


@functools.lru_cache(maxsize=None)
def pattern(size):
    content = random.Random(size).randbytes(size)
    return content, hashlib.sha256(content).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, size = self.path[1:].partition("/")
        if kind not in ("bytes", "until-close"):
            self.send_error(404)
            return
        content, digest = pattern(int(size))
        self.send_response(200)
        self.send_header("x-sha256", digest)
        if kind == "bytes":
            self.send_header("content-length", str(len(content)))
        else:
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(content)

    def do_PUT(self):
        digest, size = hashlib.sha256(), 0
        left = int(self.headers.get("content-length", 0))
        while left > 0:
            piece = self.rfile.read(min(left, 1 << 16))
            if not piece:
                return
            digest.update(piece)
            size += len(piece)
            left -= len(piece)
        answer = f"{size} {digest.hexdigest()}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1000
    daemon_threads = True


def main():
    if sys.argv[1:] not in (["1.0"], ["1.1"]):
        sys.exit("usage: http_server_origin.py 1.0|1.1")
    Handler.protocol_version = "HTTP/" + sys.argv[1]
    server = Server(("127.0.0.1", 0), Handler)
    print("port", server.server_address[1], flush=True)
    server.serve_forever()


main()
