"""Writers that don't come through Django at all: other clients of the database, and raw driver connections."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from corrections.engine.gate import recorded_write
from tests.sandbox.models import Parcel

pytestmark = pytest.mark.django_db(transaction=True)
only_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="about SQLite's file")
only_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="about PostgreSQL's roles")

COLUMNS = "(id, code, address, price, is_lost, details)"
ATTACKS = [
    "UPDATE sandbox_parcel SET price = 1",
    "DELETE FROM sandbox_parcel",
    f"INSERT INTO sandbox_parcel {COLUMNS} VALUES (99, 'P9', '', 0, 0, '{{}}')",
    f"REPLACE INTO sandbox_parcel {COLUMNS} SELECT id, code, 'x', price, is_lost, details FROM sandbox_parcel",
    f"INSERT INTO sandbox_parcel {COLUMNS} VALUES (99, 'P1', '', 0, 0, '{{}}') ON CONFLICT DO UPDATE SET price = 1",
    "UPDATE sandbox_historicalparcel SET address = 'x'",
    "DELETE FROM sandbox_historicalparcel",
    "INSERT INTO sandbox_historicalparcel SELECT * FROM sandbox_historicalparcel",
    "REPLACE INTO sandbox_historicalparcel SELECT * FROM sandbox_historicalparcel",
    "DELETE FROM staff_person",
]


@pytest.fixture
def stolen(parcel: Parcel) -> Iterator[sqlite3.Connection]:
    """The same file, opened by somebody else's program."""
    from backoffice.staff.models import Person

    Person.objects.create(employee_no="E100", name="Mara")
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=5)) as other:
        yield other


def unchanged() -> bool:
    return list(Parcel.objects.values_list("address", flat=True)) == ["1 Old Road"] and Parcel.history.count() == 1


@only_sqlite
@pytest.mark.parametrize("sql", ATTACKS)
def test_i06_another_program_writes_nothing_guarded(stolen: sqlite3.Connection, sql: str) -> None:
    with pytest.raises((sqlite3.IntegrityError, sqlite3.OperationalError), match="gate_|no such function"):
        stolen.execute(sql)
    stolen.rollback()
    assert unchanged()


@only_sqlite
def test_i14_another_program_replaces_no_person(stolen: sqlite3.Connection) -> None:
    columns = "employee_no, name, name_en, department, is_active, created_at, updated_at"
    with pytest.raises(sqlite3.IntegrityError, match="gate_closed: staff_person takes no REPLACE"):
        stolen.execute(f"REPLACE INTO staff_person ({columns}) SELECT {columns} FROM staff_person")


@only_sqlite
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs the sqlite3 shell")
def test_i06_the_sqlite_shell_writes_nothing_guarded(parcel: Parcel) -> None:
    shell = ["sqlite3", str(connection.settings_dict["NAME"]), "UPDATE sandbox_parcel SET price = 1"]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    assert done.returncode != 0
    assert "gate_" in done.stderr
    assert unchanged()


@only_sqlite
def test_i06_the_drivers_own_connection_has_no_context_either(parcel: Parcel) -> None:
    connection.ensure_connection()
    raw = connection.connection
    for run in (
        lambda: raw.execute("UPDATE sandbox_parcel SET price = 1"),
        lambda: raw.executemany("UPDATE sandbox_parcel SET price = ?", [(1,), (2,)]),
        lambda: raw.executescript("BEGIN; UPDATE sandbox_parcel SET price = 1; COMMIT;"),
    ):
        with pytest.raises(sqlite3.IntegrityError, match="gate_closed: sandbox_parcel"):
            run()
        raw.rollback()
    assert unchanged()


@only_sqlite
def test_the_drivers_own_connection_is_recorded_inside_a_context(parcel: Parcel) -> None:
    with recorded_write(source="loan-core"):
        raw = connection.connection
        raw.execute("UPDATE sandbox_parcel SET price = 1")
        raw.execute("UPDATE sandbox_parcel SET price = 2")
    assert [int(record.price) for record in Parcel.history.order_by("history_id")] == [10, 1, 2]


@only_sqlite
def test_the_pass_for_history_rows_is_good_for_one_row_of_a_trigger(parcel: Parcel) -> None:
    direct = "INSERT INTO sandbox_historicalparcel SELECT * FROM sandbox_historicalparcel"
    with pytest.raises(IntegrityError, match="gate_closed: sandbox_historicalparcel"), recorded_write(source="a"):
        Parcel.objects.update(price=1)
        with connection.cursor() as cursor:
            cursor.execute(direct)


@only_postgresql
def test_i06_another_client_writes_nothing_guarded(parcel: Parcel) -> None:
    settings = connection.get_connection_params()
    given = {name: settings[name] for name in ("dbname", "user", "host", "port", "password") if settings.get(name)}
    with psycopg.connect(**given, autocommit=True) as other:
        for sql in (
            "UPDATE sandbox_parcel SET price = 1",
            "DELETE FROM sandbox_historicalparcel",
            "TRUNCATE sandbox_parcel CASCADE",
            "TRUNCATE sandbox_historicalparcel",
            "DELETE FROM staff_person",
        ):
            with pytest.raises(psycopg.errors.CheckViolation, match="gate_closed"):
                other.execute(sql)
        # Outside a transaction a context is gone with its statement.
        other.execute("SELECT set_config('corrections.source', 'x', true)")
        with pytest.raises(psycopg.errors.CheckViolation, match="gate_closed"):
            other.execute("UPDATE sandbox_parcel SET price = 1")
    assert unchanged()


@only_postgresql
def test_maintenance_opens_nothing_outside_a_test_database(parcel: Parcel) -> None:
    from corrections.engine.gate.postgresql import REFUSE_BODY

    assert "starts_with(current_database(), 'test_')" in REFUSE_BODY
    with pytest.raises(IntegrityError, match="gate_closed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('corrections.maintenance', '1', true)")
        cursor.execute("DELETE FROM sandbox_historicalparcel")
