"""grpcio as a client of grpc_origin.py. See ../README.md for the arguments and what it prints. grpcio 1.51."""

import hashlib
import os
import sys
import time

import grpc

BASE, CA, _, CHECK = sys.argv[1:5]
SIZES = [int(size) for size in sys.argv[5:]]
LIMIT = 30  # seconds, for calls that are not about a deadline
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


def status_of(call, *arguments, **options):
    began = time.monotonic()
    try:
        answer = call(*arguments, **options)
        if not isinstance(answer, bytes):
            list(answer)
        return "OK", "", time.monotonic() - began
    except grpc.RpcError as error:
        return error.code().name, error.details(), time.monotonic() - began


class Checks:
    def __init__(self, channel):
        self.channel = channel

    def unary(self, method):
        return self.channel.unary_unary(f"/check.Check/{method}")

    def echo(self, size):
        content = os.urandom(size)
        answer, call = self.unary("Echo").with_call(content, timeout=LIMIT)
        must(answer == content, f"{len(answer)} other bytes")
        must(("x-seen", "yes") in call.initial_metadata(), call.initial_metadata())
        trailing = dict(call.trailing_metadata())
        must(trailing.get("x-size") == str(size), trailing)
        must(trailing.get("x-digest-bin") == hashlib.sha256(content).digest(), trailing)

    def collect(self, size):
        content = os.urandom(size)
        pieces = (content[at : at + 50000] for at in range(0, size, 50000))
        answer = self.channel.stream_unary("/check.Check/Collect")(pieces, timeout=LIMIT).decode()
        must(answer == f"{size} {hashlib.sha256(content).hexdigest()}", answer)

    def count(self):
        answers = list(self.channel.unary_stream("/check.Check/Count")(b"5000", timeout=LIMIT))
        must(answers == [str(i).encode() for i in range(5000)], f"{len(answers)} answers")

    # Each message is sent when the answer to the one before has come.
    def talk(self):
        heard = []

        def messages():
            for i in range(50):
                while len(heard) < i:
                    time.sleep(0.001)
                yield b"%d" % i

        for answer in self.channel.stream_stream("/check.Check/Talk")(messages(), timeout=LIMIT):
            heard.append(answer)
        must(heard == [b"%d" % i for i in range(50)], heard)

    def many(self):
        calls = [self.unary("Echo").future(b"%d" % i, timeout=LIMIT) for i in range(1000)]
        must([call.result() for call in calls] == [b"%d" % i for i in range(1000)], "an answer of another call")

    def deadline(self, seconds):
        code, details, took = status_of(self.unary("Slow"), b"", timeout=seconds)
        must(code == "DEADLINE_EXCEEDED", f"{code} {details}")
        must(took < seconds + 1, f"after {took:.2f} s")

    def deadline_of_a_stream(self):
        requests = self.channel.stream_stream("/check.Check/Talk")
        code, details, _ = status_of(requests, (time.sleep(3) or b"late" for _ in range(1)), timeout=0.5)
        must(code == "DEADLINE_EXCEEDED", f"{code} {details}")

    def fail(self, method, code):
        call = self.unary(method) if method == "Fail" else self.channel.unary_stream(f"/check.Check/{method}")
        got = status_of(call, f"{code} it is ünlikely: 100%".encode(), timeout=LIMIT)
        must(got[:2] == (code, "it is ünlikely: 100%"), got)

    def unknown_method(self):
        must(status_of(self.unary("Nothing"), b"", timeout=LIMIT)[0] == "UNIMPLEMENTED", "another code")

    def cancel(self):
        call = self.unary("Slow").future(b"", timeout=LIMIT)
        time.sleep(0.1)
        must(call.cancel(), "it cannot be cancelled")
        self.echo(10)


def main():
    with open(CA, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
    with grpc.secure_channel(BASE.removeprefix("https://"), credentials, options) as channel:
        checks = Checks(channel)
        if CHECK == "echo":
            for size in SIZES:
                report(f"echo {size}", checks.echo, size)
                report(f"collect {size}", checks.collect, size)
        elif CHECK == "streams":
            report("5000 messages down", checks.count)
            report("50 messages to and fro", checks.talk)
            report("1000 calls at once", checks.many)
            report("a cancelled call", checks.cancel)
        elif CHECK == "deadlines":
            for seconds in (0.01, 0.1, 0.5, 1):
                report(f"a deadline of {seconds} s", checks.deadline, seconds)
            report("a deadline of a stream", checks.deadline_of_a_stream)
        elif CHECK == "statuses":
            for code in ("NOT_FOUND", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "INTERNAL"):
                report(f"{code} at once", checks.fail, "Fail", code)
                report(f"{code} behind messages", checks.fail, "FailLate", code)
            report("an unknown method", checks.unknown_method)
        elif CHECK == "unavailable":
            code, details, _ = status_of(checks.unary("Echo"), b"", timeout=LIMIT)
            report("no origin", must, code == "UNAVAILABLE" and details, f"{code} {details}")
        else:
            sys.exit(f"no such check: {CHECK}")
    sys.exit(1 if failed else 0)


main()
