"""A verifier on this machine that answers as told, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answering = Callable[[BaseHTTPRequestHandler], None]


class Verifier:
    """`answers` are given in turn, the last one for ever."""

    def __init__(self, *answers: Answering) -> None:
        self.answers, self.asked, self.headers = list(answers), [], []  # type: ignore[var-annotated]
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length", 0))
        self.asked.append(json.loads(handler.rfile.read(length)))
        self.headers.append(dict(handler.headers))
        turn = min(len(self.asked), len(self.answers)) - 1
        self.answers[turn](handler)


def says(content: Any, status: int = 200, **headers: str) -> Answering:
    """JSON, or bytes as they are."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def sleeps(seconds: float) -> Answering:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)

    return answer


def drips(seconds: float) -> Answering:
    """A header byte now and then: each one in time, all of them never."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                handler.wfile.write(b".")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    return answer


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


@contextmanager
def serving(*answers: Answering) -> Iterator[Verifier]:
    verifier = Verifier(*answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            verifier.answer(self)

        do_GET = do_POST  # noqa: N815 - a followed redirect would come as one

        def log_message(self, *args: Any) -> None:
            """Nothing: the test's output is not the place."""

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (OSError, ValueError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    verifier.url = f"http://127.0.0.1:{server.server_address[1]}/verify"
    try:
        yield verifier
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
