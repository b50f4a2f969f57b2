"""A gRPC server, without a line of protobuf: its messages are bytes. See ../README.md. grpcio 1.51."""

import concurrent.futures
import hashlib
import threading

import grpc


def echo(request, context):
    context.send_initial_metadata((("x-seen", "yes"),))
    context.set_trailing_metadata((("x-size", str(len(request))), ("x-digest-bin", hashlib.sha256(request).digest())))
    return request


def collect(requests, _):
    digest, size = hashlib.sha256(), 0
    for piece in requests:
        digest.update(piece)
        size += len(piece)
    return f"{size} {digest.hexdigest()}".encode()


def count(request, _):
    for i in range(int(request)):
        yield str(i).encode()


def talk(requests, _):
    yield from requests


# Until the client no longer waits.
def slow(_, context):
    ended = threading.Event()
    context.add_callback(ended.set)
    ended.wait(20)
    return b""


def fail(request, context):
    code, message = request.decode().split(" ", 1)
    context.abort(getattr(grpc.StatusCode, code), message)


def fail_late(request, context):
    yield b"one"
    yield b"two"
    fail(request, context)


METHODS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Talk": grpc.stream_stream_rpc_method_handler(talk),
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "FailLate": grpc.unary_stream_rpc_method_handler(fail_late),
}


def main():
    options = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=32), options=options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("check.Check", METHODS),))
    print("port", server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


main()
