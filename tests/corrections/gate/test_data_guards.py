"""I-06 and I-08 on both databases: no write of a guarded row without a context, no write without its history."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from corrections.engine.gate import recorded_write
from tests.sandbox.models import Label, Parcel, Reading

pytestmark = pytest.mark.django_db
only_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="a statement of SQLite's own")
only_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="a statement of PostgreSQL's own")


def run(sql: str, *params: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params or None)


def save(parcel: Parcel) -> None:
    parcel.address = "2 New Road"
    parcel.save()


def save_one_field(parcel: Parcel) -> None:
    parcel.save(update_fields=["address"])


def bulk_update(parcel: Parcel) -> None:
    parcel.price += 1
    Parcel.objects.bulk_update([parcel], ["price"])


def upsert(parcel: Parcel) -> None:
    Parcel.objects.bulk_create(
        [Parcel(code="P1", address="x")], update_conflicts=True, unique_fields=["code"], update_fields=["address"]
    )


def executemany(parcel: Parcel) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany("UPDATE sandbox_parcel SET price = %s WHERE id = %s", [(1, parcel.pk), (2, parcel.pk)])


def on_conflict(parcel: Parcel) -> None:
    run(
        "INSERT INTO sandbox_parcel (code, address, price, is_lost, details) VALUES ('P1', '', 1, %s, '{}') "
        "ON CONFLICT (code) DO UPDATE SET price = 1",
        False,
    )


WRITES = {
    "save": save,
    "save_update_fields": save_one_field,
    "create": lambda parcel: Parcel.objects.create(code="P2"),
    "get_or_create": lambda parcel: Parcel.objects.get_or_create(code="P2"),
    "update_or_create": lambda parcel: Parcel.objects.update_or_create(code="P1", defaults={"price": 1}),
    "update": lambda parcel: Parcel.objects.update(price=F("price") + 1),
    "bulk_update": bulk_update,
    "bulk_create": lambda parcel: Parcel.objects.bulk_create([Parcel(code="P2"), Parcel(code="P3")]),
    "upsert": upsert,
    "ignore_conflicts": lambda parcel: Parcel.objects.bulk_create([Parcel(code="P9")], ignore_conflicts=True),
    "delete": lambda parcel: parcel.delete(),
    "queryset_delete": lambda parcel: Parcel.objects.all().delete(),
    "raw_delete": lambda parcel: Parcel.objects.all()._raw_delete("default"),
    "raw_update": lambda parcel: run("UPDATE sandbox_parcel SET price = 1"),
    "raw_delete_sql": lambda parcel: run("DELETE FROM sandbox_parcel"),
    "executemany": executemany,
    "on_conflict": on_conflict,
}


@pytest.fixture(params=sorted(WRITES))
def write(request: pytest.FixtureRequest):
    return WRITES[request.param]


def test_i06_no_write_passes_without_a_context(parcel: Parcel, write) -> None:
    # A cascade asks the dependants first.
    with pytest.raises(IntegrityError, match="^gate_closed: sandbox_(parcel|label) takes no "), transaction.atomic():
        write(parcel)
    assert list(Parcel.objects.values_list("code", "address", "price")) == [("P1", "1 Old Road", Decimal("10.50"))]
    assert Parcel.history.count() == 1


def test_i08_every_write_inside_a_context_leaves_history(parcel: Parcel, write) -> None:
    with recorded_write(source="loan-core"):
        write(parcel)
    assert Parcel.history.filter(history_source="loan-core").exists()
    live = {row["id"]: row for row in Parcel.objects.values()}
    last = {}
    for record in Parcel.history.order_by("history_id"):
        last[record.id] = record
    assert {pk for pk, record in last.items() if record.history_type != "-"} == set(live)
    for pk, row in live.items():
        assert {name: getattr(last[pk], name) for name in row} == row


def test_history_names_actor_reason_correction_and_source(parcel: Parcel, engine, clerk) -> None:
    with engine(correction=77, reason="system_defect: wrong address"):
        save(parcel)
    record = Parcel.history.latest()
    assert record.history_type == "~"
    assert record.history_user_id == clerk.pk
    assert record.history_actor == "Mara E100"
    assert record.history_change_reason == "system_defect: wrong address"
    assert record.history_correction == 77
    assert record.history_source == "engine"
    assert abs(record.history_date - timezone.now()) < dt.timedelta(minutes=1)
    created = record.prev_record
    assert (created.history_type, created.history_user_id, created.history_correction) == ("+", None, None)
    assert created.next_record == record


def test_diff_and_as_of_read_the_rows_that_triggers_wrote(parcel: Parcel) -> None:
    moment = timezone.now()
    with recorded_write(source="loan-core"):
        Parcel.objects.update(address="2 New Road", details={"size": "L"})
    new, old = Parcel.history.all()
    assert new.diff_against(old).changed_fields == ["address", "details"]
    assert parcel.history.as_of(moment).address == "1 Old Road"
    assert [row.address for row in Parcel.history.as_of(timezone.now())] == ["2 New Road"]


def test_rows_of_one_statement_share_the_moment_and_two_statements_do_not(db: None) -> None:
    with recorded_write(source="loader"):
        Parcel.objects.bulk_create(Parcel(code=f"P{n}") for n in range(50))
        Parcel.objects.update(price=1)
        Parcel.objects.update(price=2)
    moments = Parcel.history.order_by("history_id").values_list("history_date", flat=True)
    assert len(set(moments)) == 3
    assert list(moments) == sorted(moments)


def test_moments_can_be_found_by_equality(parcel: Parcel) -> None:
    record = Parcel.history.get()
    assert Parcel.history.filter(history_date=record.history_date).exists()


def test_delete_by_cascade_is_recorded_for_both_tables(parcel: Parcel) -> None:
    with recorded_write(source="loan-core"):
        Label.objects.create(parcel=parcel, text="fragile")
        parcel.delete()
    assert [record.history_type for record in Label.history.all()] == ["-", "+"]
    assert [record.history_type for record in Parcel.history.all()] == ["-", "+"]


def test_cascade_is_refused_without_a_context(parcel: Parcel) -> None:
    with recorded_write(source="loan-core"):
        Label.objects.create(parcel=parcel, text="fragile")
    with pytest.raises(IntegrityError, match="^gate_closed: sandbox_"), transaction.atomic():
        parcel.delete()
    assert Label.objects.exists()


def test_a_primary_key_never_changes(parcel: Parcel) -> None:
    for column in ("id",) if connection.vendor == "postgresql" else ("id", "rowid", "_rowid_", "oid"):
        with (
            pytest.raises(IntegrityError, match="gate_closed: sandbox_parcel never changes a primary key"),
            recorded_write(source="loan-core"),
        ):
            run(f"UPDATE sandbox_parcel SET {column} = 4711")
    assert Parcel.objects.get().pk == parcel.pk


# Recording mode


def test_recording_tables_take_anyones_write_and_name_the_database_user(db: None) -> None:
    Reading.objects.create(value=1)
    Reading.objects.update(value=2)
    Reading.objects.all().delete()
    records = Reading.history.order_by("history_id")
    assert [record.history_type for record in records] == ["+", "~", "-"]
    assert {record.history_source for record in records} == {
        "database:sqlite" if connection.vendor == "sqlite" else "database:postgres"
    }
    assert {record.history_actor for record in records} == {""}


def test_recording_tables_name_the_context_where_there_is_one(engine) -> None:
    with engine(correction=5):
        Reading.objects.create(value=1)
    Reading.objects.update(value=2)
    assert list(Reading.history.order_by("history_id").values_list("history_source", "history_correction")) == [
        ("engine", 5),
        ("database:sqlite" if connection.vendor == "sqlite" else "database:postgres", None),
    ]


# History


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sandbox_historicalparcel SET address = 'x'",
        "DELETE FROM sandbox_historicalparcel",
        "INSERT INTO sandbox_historicalparcel SELECT * FROM sandbox_historicalparcel",
        "INSERT INTO sandbox_historicalparcel (history_id) VALUES (4711)",
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_i07_history_is_append_only_even_inside_a_context(parcel: Parcel, engine, sql: str, is_open: bool) -> None:
    with pytest.raises(IntegrityError, match="gate_closed: sandbox_historicalparcel "), transaction.atomic():
        if is_open:
            with engine():
                run(sql)
        else:
            run(sql)
    assert [record.address for record in Parcel.history.all()] == ["1 Old Road"]


def test_i07_history_refuses_the_orm(parcel: Parcel) -> None:
    record = Parcel.history.get()
    record.address = "x"
    for write in (record.save, record.delete, Parcel.history.all().delete):
        with pytest.raises(IntegrityError, match="gate_closed"), transaction.atomic():
            write()


# SQLite's own

COLUMNS = "sandbox_parcel (id, code, address, price, is_lost, details)"


@only_sqlite
@pytest.mark.parametrize("statement", ["REPLACE INTO", "INSERT OR REPLACE INTO"])
def test_replace_is_refused_without_a_context(parcel: Parcel, statement: str) -> None:
    with pytest.raises(IntegrityError, match="gate_closed: sandbox_parcel"):
        run(f"{statement} {COLUMNS} VALUES (1, 'P1', '', 0, 0, '{{}}')")


@only_sqlite
def test_replace_records_the_row_that_it_removed(parcel: Parcel) -> None:
    with recorded_write(source="loan-core"):
        run(f"REPLACE INTO {COLUMNS} VALUES (99, 'P1', '', 0, 0, '{{}}')")
    assert list(Parcel.history.order_by("history_id").values_list("id", "history_type")) == [
        (parcel.pk, "+"),
        (parcel.pk, "-"),
        (99, "+"),
    ]


@only_sqlite
def test_update_or_replace_records_the_row_that_it_removed(parcel: Parcel) -> None:
    with recorded_write(source="loan-core"):
        other = Parcel.objects.create(code="P2")
        run("UPDATE OR REPLACE sandbox_parcel SET code = 'P1' WHERE id = %s", other.pk)
    assert parcel.history.latest().history_type == "-"
    assert other.history.latest().code == "P1"


# PostgreSQL's own


@only_postgresql
@pytest.mark.parametrize("table", ["sandbox_parcel", "sandbox_historicalparcel", "sandbox_reading"])
@pytest.mark.parametrize("is_open", [False, True])
def test_truncate_is_refused_even_inside_a_context(parcel: Parcel, engine, table: str, is_open: bool) -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")  # PostgreSQL truncates no table that still waits for a foreign key
    with pytest.raises(IntegrityError, match=r"gate_closed: sandbox_\w+ is never truncated"), transaction.atomic():
        if is_open:
            with engine():
                run(f"TRUNCATE {table} CASCADE")
        else:
            run(f"TRUNCATE {table} CASCADE")


@only_postgresql
def test_copy_is_refused_without_a_context_and_recorded_inside(db: None) -> None:
    def copy() -> None:
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY sandbox_parcel (code, address, price, is_lost, details) FROM STDIN") as rows,
        ):
            rows.write_row(("P7", "", "1.00", False, "{}"))

    # The driver's own copy() raises the driver's own error.
    with pytest.raises(psycopg.IntegrityError, match="gate_closed: sandbox_parcel"), transaction.atomic():
        copy()
    with recorded_write(source="loader"):
        copy()
    assert Parcel.history.get().code == "P7"


@only_postgresql
def test_merge_and_data_modifying_cte_are_refused(parcel: Parcel) -> None:
    merge = (
        "MERGE INTO sandbox_parcel t USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET address = 'x'",
        "WITH gone AS (DELETE FROM sandbox_parcel RETURNING id) SELECT count(*) FROM gone",
    )
    for sql in merge:
        with pytest.raises(IntegrityError, match="gate_closed: sandbox_parcel"):
            run(sql)


@only_postgresql
def test_replication_role_does_not_switch_guards_off(parcel: Parcel) -> None:
    with transaction.atomic():
        run("SET LOCAL session_replication_role = replica")
        with pytest.raises(IntegrityError, match="gate_closed: sandbox_parcel"):
            run("UPDATE sandbox_parcel SET price = 1")
        run("SET LOCAL session_replication_role = origin")


@only_postgresql
def test_a_temporary_table_of_the_same_name_does_not_catch_history(parcel: Parcel) -> None:
    run("CREATE TEMP TABLE sandbox_historicalparcel (LIKE public.sandbox_historicalparcel)")
    with recorded_write(source="loan-core"):
        Parcel.objects.update(price=1)
    run("DROP TABLE pg_temp.sandbox_historicalparcel")
    assert Parcel.history.count() == 2
