"""What every benchmark stands on: keys and a database of its own, medians, query counts, tables. No page, no service.

The scratch database is named after DATABASE_URL with `_bench` at the end, is made anew and dropped afterwards: real
data is never touched. Without DATABASE_URL it is an SQLite file in a temporary folder.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import os
import platform
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

SUFFIX = "_bench"
CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")
KEYS = ("SECRET_KEY", "FIELD_KEYS", "INDEX_KEY", "SEAL_KEY")


def prepare(settings: str = "backoffice.settings") -> Path:
    """Sets the environment and starts Django on the scratch database; returns a scratch folder, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    os.environ["BACKOFFICE_TESTING"] = "1"
    os.environ["DATABASE_URL"] = scratch_url(os.environ.get("DATABASE_URL") or f"sqlite:///{folder}/desk.sqlite3")
    os.environ["EVIDENCE_ROOT"] = str(folder / "evidence")
    for name in KEYS:
        # The same in every run, so that data that was kept can be measured again; they protect nothing.
        key = base64.b64encode(hashlib.sha256(f"benchmark {name}".encode()).digest()).decode()
        os.environ[name] = f"bench:{key}" if name == "FIELD_KEYS" else key
    import django

    django.setup()
    return folder


def scratch_url(url: str) -> str:
    """The address of the scratch database beside the real one."""
    address, mark, options = url.partition("?")
    return f"{address.removesuffix('/').removesuffix(SUFFIX)}{SUFFIX}{mark}{options}"


@contextmanager
def scratch_database(*, keep: bool = False, reuse: bool = False) -> Iterator[bool]:
    """A fresh, migrated database; gives whether it must be filled. `keep` leaves it there, `reuse` takes a kept one."""
    from django.core.management import call_command
    from django.db import connection

    is_new = not (reuse and _exists())
    if is_new:
        _drop()
        _create()
        call_command("migrate", verbosity=0)
    try:
        yield is_new
    finally:
        connection.close()
        if not keep:
            _drop()


def _name() -> str:
    from django.conf import settings

    name = str(settings.DATABASES["default"]["NAME"])
    if not name.endswith(SUFFIX):
        raise RuntimeError(f"{name} is no scratch database.")
    return name


@contextmanager
def _server() -> Iterator[Any]:
    """A cursor on the server's maintenance database."""
    import psycopg
    from django.db import connection

    parameters = {**connection.get_connection_params(), "dbname": "postgres"}
    known = {key: value for key, value in parameters.items() if key in {"dbname", "user", "password", "host", "port"}}
    with psycopg.connect(**known, autocommit=True) as server, server.cursor() as cursor:
        yield cursor


def _is_postgresql() -> bool:
    from django.db import connection

    return connection.vendor == "postgresql"


def _exists() -> bool:
    if not _is_postgresql():
        return Path(_name()).exists()
    with _server() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_name()])
        return cursor.fetchone() is not None


def _create() -> None:
    if _is_postgresql():
        with _server() as cursor:
            cursor.execute(f'CREATE DATABASE "{_name()}"')


def _drop() -> None:
    if _is_postgresql():
        with _server() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{_name()}"')
    else:
        for ending in ("", "-wal", "-shm"):
            Path(_name() + ending).unlink(missing_ok=True)


# Timing


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the work returned."""
    begun = perf_counter()
    result = work()
    return perf_counter() - begun, result


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL statements inside, without transaction control; the list is filled at the end."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    found += [query["sql"] for query in captured if not query["sql"].startswith(CONTROL)]


@dataclass
class Series:
    """Seconds of the same work, over and over, and the statements of one of them."""

    label: str
    seconds: list[float] = field(default_factory=list)
    statements: int = 0
    problem: str = ""

    @property
    def median_ms(self) -> float:
        return 1000 * statistics.median(self.seconds) if self.seconds else 0

    @property
    def best_ms(self) -> float:
        return 1000 * min(self.seconds, default=0)


def measure(label: str, work: Callable[[], Any], *, rounds: int) -> Series:
    """Warms up, counts the statements of a second round, then times `rounds` more."""
    work()
    with statements() as found:
        work()
    return Series(label, [timed(work)[0] for _ in range(rounds)], len(found))


# Memory


@dataclass
class Growth:
    """By how many MB a process grew at most."""

    mb: float = 0.0


@contextmanager
def peak_growth() -> Iterator[Growth]:
    """The most that this process held beyond what it held before; what it gave back meanwhile counts too."""
    found = Growth()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status_mb("VmRSS")
    yield found
    found.mb = max(0.0, _status_mb("VmHWM") - before)


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


# Printing


def machine() -> str:
    """What this runs on."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version" if _is_postgresql() else "SELECT sqlite_version()")
        version = str(cursor.fetchone()[0]).split()[0]
    name = "PostgreSQL" if _is_postgresql() else "SQLite"
    return f"{name} {version}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"


def say(text: str) -> None:
    print(text, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be, the first to the left and the others to the right."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    first, *others = widths
    return "\n".join(
        "  ".join([f"{line[0]:<{first}}", *(f"{cell:>{width}}" for cell, width in zip(line[1:], others, strict=True))])
        for line in lines
    )
