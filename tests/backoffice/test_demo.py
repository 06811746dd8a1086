"""The demo as a newcomer runs it: a process of its own, a folder of its own, on the database kind of this test run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from backoffice.demo.people import STAFF
from backoffice.demo.stories import STORIES
from backoffice.keys import MAKERS
from corrections.choices import State

# What the shipped policy can't reach: an executor's step.
UNREACHABLE = {State.APPROVED}
SECONDS_MAX = 180

ASK = """
import json
from django.db.models import Count
from backoffice.staff.models import User
from corrections.models import Batch, Chunk, Correction, Decision, Evidence, Incident
print("ANSWER " + json.dumps({
    "states": dict(Correction.objects.values_list("state").order_by().annotate(Count("pk"))),
    "tickets": sorted(Correction.objects.values_list("ticket", flat=True)),
    "numbers": sorted(filter(None, Correction.objects.values_list("number", flat=True))),
    "held": Correction.objects.filter(is_held=True).count(),
    "resubmitted": Correction.objects.filter(state="submitted", revision=2).count(),
    "shared": Incident.objects.filter(corrections__evidence__isnull=False).distinct().count(),
    "kinds": sorted(set(Evidence.objects.values_list("file__kind", flat=True))),
    "self_decided": Decision.objects.filter(person=models.F("correction__maker_person")).count(),
    "people": User.objects.filter(kind="human").count(),
    "batches": {ticket: [state, rows, bad] for ticket, state, rows, bad in Batch.objects.values_list(
        "correction__ticket", "correction__state", "rows", "bad_rows")},
    "chunks": sorted(Chunk.objects.values_list("correction__ticket", "applied_rows", "failed_rows")),
}))
"""


@dataclass(frozen=True)
class Place:
    """One demo: its folder and its database."""

    folder: Path
    url: str

    def environment(self) -> dict[str, str]:
        secret = {*MAKERS, *(f"{name}_FILE" for name in MAKERS)}
        ours = {"BACKOFFICE_TESTING", "EVIDENCE_ROOT", "DJANGO_SETTINGS_MODULE", "DEBUG", "ALLOWED_HOSTS"}
        kept = {name: value for name, value in os.environ.items() if name not in secret | ours}
        return {**kept, "DEMO_FOLDER": str(self.folder), "DATABASE_URL": self.url, "PYTHONUNBUFFERED": "1"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=SECONDS_MAX)
        return process.returncode, said

    def prepared(self, *arguments: str) -> str:
        code, said = self.run("demo", "--no-serve", *arguments)
        assert code == 0, said
        return said

    def ask(self) -> dict[str, object]:
        code, said = self.run("shell", "--no-imports", "-c", f"from django.db import models\n{ASK}")
        assert code == 0, said
        answer: dict[str, object] = json.loads(said.split("ANSWER ", 1)[1])
        return answer


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A fresh demo folder and an empty database of the kind that this test run uses."""
    with _place(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One finished demo, for the tests that change nothing in it."""
    with _place(tmp_path_factory.mktemp("demo")) as place:
        place.prepared()
        yield place


@contextmanager
def _place(folder: Path) -> Iterator[Place]:
    if connection.vendor == "sqlite":
        yield Place(folder / ".demo", f"sqlite:///{folder / 'desk.sqlite3'}")
        return
    name = f"demo_{uuid.uuid4().hex[:12]}"
    with _server() as server:
        server.execute(f'CREATE DATABASE "{name}"')
    at = connection.settings_dict
    yield Place(folder / ".demo", f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{name}")
    with _server() as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _server() -> psycopg.Connection[tuple[object, ...]]:
    at = connection.settings_dict
    return psycopg.connect(
        host=at["HOST"], port=at["PORT"], user=at["USER"], password=at["PASSWORD"], dbname="postgres", autocommit=True
    )


def test_every_reachable_state_is_shown_and_a_second_run_adds_nothing(made: Place) -> None:
    first = made.ask()
    assert set(first["states"]) == set(State.values) - {str(state) for state in UNREACHABLE}  # type: ignore[call-overload]
    assert first["held"] == first["resubmitted"] == first["shared"] == 1
    assert first["kinds"] == ["pdf", "png", "txt"]
    assert first["self_decided"] == 0
    assert set(STORIES) < set(first["tickets"])  # type: ignore[call-overload]
    assert made.prepared().count("OPS-") == 0
    assert made.ask() == first


def test_batches_are_shown_on_every_part_of_their_way(made: Place) -> None:
    found = made.ask()
    assert found["batches"] == {
        "OPS-1021": ["applied", 6, 0],
        "OPS-1022": ["submitted", 9, 1],
        "OPS-1023": ["draft", 7, 3],
        "OPS-1024": ["applying", 4, 0],
        "OPS-1025": ["stopped", 4, 0],
    }
    undone = [0, 0]
    assert found["chunks"] == [["OPS-1024", *undone], ["OPS-1024", 2, 0], ["OPS-1025", *undone], ["OPS-1025", 1, 1]]


def test_logins_of_every_role_are_printed(made: Place) -> None:
    said = made.prepared()
    for member in STAFF:
        assert member.username in said
    assert (made.folder / "PASSWORD").read_text().strip() in said


def test_secrets_of_the_demo_are_readable_by_their_owner_only(made: Place) -> None:
    assert made.folder.stat().st_mode & 0o077 == 0
    for name in (*MAKERS, "PASSWORD"):
        assert (made.folder / name).stat().st_mode & 0o077 == 0


def test_killed_in_the_middle_it_goes_on(place: Place) -> None:
    for word in ("Making the tables", "made-up company", "OPS-1003"):
        process = place.start("demo", "--no-serve")
        assert process.stdout is not None
        for line in process.stdout:
            if word in line:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
    place.prepared()
    found = place.ask()
    assert set(STORIES) < set(found["tickets"])  # type: ignore[call-overload]
    assert len(found["tickets"]) == len(set(found["tickets"]))  # type: ignore[arg-type, call-overload]
    numbers = found["numbers"]
    assert [int(number[-6:]) for number in numbers] == list(range(1, len(numbers) + 1))  # type: ignore[attr-defined, arg-type]


def test_database_that_it_did_not_make_is_refused_and_left_alone(made: Place, tmp_path: Path) -> None:
    stranger = Place(tmp_path / "another", made.url)
    before = made.ask()
    for more in ([], ["--reset"]):
        code, said = stranger.run("demo", "--no-serve", *more)
        assert code != 0
        assert "not empty, and no demo made it" in said
        assert "Traceback" not in said
    assert made.ask() == before


def test_another_database_under_the_same_name_is_refused(made: Place, tmp_path: Path) -> None:
    """The folder's mark alone is not enough: the accounts inside must be the demo's own."""
    impostor = Place(tmp_path / "copied", made.url)
    shutil.copytree(made.folder, impostor.folder)
    marks = impostor.folder / "databases.json"
    marks.write_text(json.dumps(dict.fromkeys(json.loads(marks.read_text()), "00000000")))
    code, said = impostor.run("demo", "--no-serve", "--reset")
    assert (code, "no demo made it" in said) == (1, True)


def test_reset_starts_over_with_its_own_data_only(place: Place) -> None:
    place.prepared()
    first = place.ask()
    kept = place.folder / "evidence" / "somebody-elses-file"
    kept.write_text("stays")
    old = {path for path in (place.folder / "evidence").rglob("*") if path.is_file()} - {kept}
    place.prepared("--reset")
    again = place.ask()
    assert (again["states"], again["numbers"]) == (first["states"], first["numbers"])
    assert kept.read_text() == "stays"
    assert [path for path in old if path.exists()] == []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answer(url: str) -> str:
    for _ in range(SECONDS_MAX * 5):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} never answered")


def test_it_serves_pages_and_their_styles_on_this_machine_only(made: Place) -> None:
    port = _free_port()
    process = made.start("demo", "--port", str(port))
    try:
        assert 'name="username"' in _answer(f"http://127.0.0.1:{port}/")
        assert ".desk-card" in _answer(f"http://127.0.0.1:{port}/static/backoffice/desk.css")
        listening = f"{int(ipv4('127.0.0.1'), 16):08X}:{port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert [row[1] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"] == [listening]
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS_MAX)


def ipv4(address: str) -> str:
    """The address as /proc/net/tcp writes it."""
    return socket.inet_aton(address)[::-1].hex()


def test_port_in_use_is_named_before_anything_is_made(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = place.run("demo", "--port", str(taken.getsockname()[1]))
    assert code != 0
    assert "--port" in said
    assert "Making the tables" not in said
