"""What every test stands on: throw-away keys, a scratch folder and database, roles.

The environment is set and Django started while this file is imported: the settings read the environment, so
pyproject.toml names no settings module, which would load them earlier.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import hypothesis
import pytest
from django.db import transaction
from django.utils import translation

from backoffice.keys import MAKERS

if TYPE_CHECKING:
    from backoffice.staff.models import User

SCRATCH_NAME = "BACKOFFICE_TESTING_SCRATCH"


def _prepare_environment() -> Path | None:
    """Set what is not set yet; returns the scratch folder if this process made it (workers inherit theirs)."""
    made = None if SCRATCH_NAME in os.environ else Path(tempfile.mkdtemp(prefix="backoffice-tests-"))
    scratch = os.environ.setdefault(SCRATCH_NAME, str(made))
    os.environ["DJANGO_SETTINGS_MODULE"] = "backoffice.settings"
    os.environ["BACKOFFICE_TESTING"] = "1"
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{scratch}/desk.sqlite3")
    # Of a test's commit nothing need outlive a failure of the machine; waiting for the disk is most of its time.
    os.environ.setdefault("PGOPTIONS", "-c synchronous_commit=off")
    os.environ["EVIDENCE_ROOT"] = f"{scratch}/evidence"
    for name, make in MAKERS.items():
        os.environ.pop(f"{name}_FILE", None)
        if made:
            os.environ[name] = make()
    return made


SCRATCH = _prepare_environment()
django.setup()

# What lands must not depend on luck: CI tries the same examples each time, a run by hand new ones. No test is timed.
hypothesis.settings.register_profile("desk", deadline=None, derandomize="CI" in os.environ, print_blob=True)
hypothesis.settings.load_profile("desk")

pytest_plugins = [
    f"tests.plugins.{name}" for name in ("gate_flush",) if (Path(__file__).parent / "plugins" / f"{name}.py").exists()
]


def pytest_unconfigure() -> None:
    if SCRATCH:
        shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """A request leaves its language behind in the thread; every test begins in English all the same."""
    with translation.override("en"):
        yield


@pytest.fixture(scope="module")
def rows_of_module(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """What fixtures of a module write on top of this is there for all of its tests, and taken back after the last.

    Not for modules with tests that commit: those empty all tables.
    """
    whole = transaction.atomic()
    whole._from_testcase = True  # type: ignore[attr-defined]  # as what surrounds each test: no transaction of the code's
    with django_db_blocker.unblock():
        whole.__enter__()
    yield
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        whole.__exit__(None, None, None)


@pytest.fixture
def roles(db: None) -> None:
    """Groups of every role, everywhere and on each scope that exists so far."""
    from backoffice.staff.roles import bootstrap

    bootstrap()


@pytest.fixture
def mara(roles: None) -> User:
    """Mara makes corrections, everywhere."""
    from tests.factories.staff import account

    return account("Mara", "maker")


@pytest.fixture
def chidi(roles: None) -> User:
    """Chidi checks, everywhere."""
    from tests.factories.staff import account

    return account("Chidi", "checker")


@pytest.fixture
def sena(roles: None) -> User:
    """Sena signs large sums, everywhere."""
    from tests.factories.staff import account

    return account("Sena", "senior_checker")


@pytest.fixture
def ana(roles: None) -> User:
    """Ana audits, everywhere."""
    from tests.factories.staff import account

    return account("Ana", "compliance")


@pytest.fixture
def sam(db: None) -> User:
    """Sam is superuser and decides nothing."""
    from tests.factories.staff import superuser

    return superuser()
