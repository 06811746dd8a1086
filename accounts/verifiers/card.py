"""Bank-card four-element verification over HTTP: name, identity number, card number and mobile belong together, or not.

The interface, to which a gateway in front of any provider is fitted:

    POST <url>   Authorization: Bearer <key>   Content-Type: application/json
    {"name": "…", "identity_number": "…", "card_number": "…", "mobile": "…"}
    200 {"match": true, "reference": "…"}
    200 {"match": false, "mismatch": ["name", "identity_number", "card_number", "mobile"], "reference": "…"}

Whatever else comes back, or nothing in time, is *unknown*, and unknown is not a pass. No redirect is followed, no proxy
of the environment asked. The elements are neither logged nor stored, and no error repeats them.
"""

from __future__ import annotations

import contextlib
import enum
import http.client
import json
import socket
import ssl
import threading
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from django.views.decorators.debug import sensitive_variables

from accounts.verifiers.setup import ANSWER_BYTES_MAX, Setup

REFERENCE_CHARS_MAX = 64
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class Outcome(enum.Enum):
    MATCH = "match"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Elements:
    """What is verified; never shown."""

    name: str = field(repr=False)
    identity_number: str = field(repr=False)
    card_number: str = field(repr=False)
    mobile: str = field(repr=False)

    @property
    def missing(self) -> list[str]:
        return [item.name for item in fields(self) if not getattr(self, item.name)]


NAMES = tuple(item.name for item in fields(Elements))


@dataclass(frozen=True)
class Answer:
    """`mismatch` names elements, `reference` is the provider's; `problem` says why nothing is known."""

    outcome: Outcome
    mismatch: tuple[str, ...] = ()
    reference: str = ""
    problem: str = ""
    attempts: int = 1


class _TryAgainError(Exception):
    """A passing trouble; its text is one of ours."""


@sensitive_variables()
def verify(elements: Elements, setup: Setup) -> Answer:
    """Asks the verifier. Never raises for what the other side does or doesn't do."""
    body = json.dumps(asdict(elements), ensure_ascii=False).encode()
    problem = ""
    for attempt in range(1, setup.attempts_max + 1):
        if attempt > 1:
            time.sleep(setup.backoff_seconds * 2 ** (attempt - 2))
        try:
            status, content = _post(setup, body)
            return _read(status, content, attempt)
        except _TryAgainError as trouble:
            problem = str(trouble)
        except (OSError, http.client.HTTPException) as trouble:
            problem = "timeout" if isinstance(trouble, TimeoutError) else "no connection"
    return Answer(Outcome.UNKNOWN, problem=problem, attempts=setup.attempts_max)


@sensitive_variables()
def _post(setup: Setup, body: bytes) -> tuple[int, bytes]:
    """Status and content of the answer; a line that only drips is hung up on when the seconds are over."""
    parts = urlsplit(setup.url)
    connection = _connection(parts.scheme, str(parts.hostname), parts.port, setup.seconds)
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
    if setup.key:
        headers["Authorization"] = f"Bearer {setup.key}"
    connection.connect()
    is_over = threading.Event()
    clock = threading.Timer(setup.seconds, _hang_up, [connection.sock, is_over])
    clock.start()
    try:
        connection.request("POST", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", body, headers)
        answer = connection.getresponse()
        content = answer.read(ANSWER_BYTES_MAX + 1)
    except (OSError, http.client.HTTPException):
        if not is_over.is_set():
            raise
    finally:
        clock.cancel()
        connection.close()
    if is_over.is_set():  # what was read so far may look whole
        raise TimeoutError
    return answer.status, content


def _hang_up(line: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=seconds)


def _read(status: int, content: bytes, attempt: int) -> Answer:
    if status in TRY_AGAIN:
        raise _TryAgainError(f"status {status}")
    if 300 <= status < 400:
        return Answer(Outcome.UNKNOWN, problem="redirected", attempts=attempt)
    if status != 200:
        return Answer(Outcome.UNKNOWN, problem=f"status {status}", attempts=attempt)
    if len(content) > ANSWER_BYTES_MAX:
        return Answer(Outcome.UNKNOWN, problem="answer too long", attempts=attempt)
    return _understood(content, attempt)


def _understood(content: bytes, attempt: int) -> Answer:
    try:
        told: Any = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("match"), bool):
        return Answer(Outcome.UNKNOWN, problem="answer not understood", attempts=attempt)
    reference = _reference(told.get("reference"))
    named = told.get("mismatch") or []
    mismatch = tuple(name for name in NAMES if isinstance(named, list) and name in named)
    if told["match"] and named:
        return Answer(Outcome.UNKNOWN, problem="answer contradicts itself", attempts=attempt)
    outcome = Outcome.MATCH if told["match"] else Outcome.MISMATCH
    return Answer(outcome, mismatch, reference, attempts=attempt)


def _reference(raw: Any) -> str:
    """The provider's reference, if it is a short name; digits alone could be a number that it repeats."""
    text = raw if isinstance(raw, str) else ""
    is_name = text.isascii() and text.replace("-", "").replace("_", "").isalnum() and not text.isdigit()
    return text if is_name and len(text) <= REFERENCE_CHARS_MAX else ""
