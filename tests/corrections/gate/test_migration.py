"""Guards survive migrations in both directions, crashes included, and what a migration changes is recorded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from shutil import copy

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import post_migrate

from corrections.engine.gate import drop, install, missing, recorded_write
from corrections.engine.gate.checks import check_gate
from corrections.engine.gate.guards import tables
from corrections.engine.gate.migration import drifted, record_differences
from tests.sandbox import migrations
from tests.sandbox.models import Label, Parcel, Reading

pytestmark = pytest.mark.django_db(transaction=True)

AHEAD = """
from django.db import migrations, models


def move(apps, schema_editor):
    apps.get_model("sandbox", "parcel").objects.filter(code="P1").update(address="moved by a migration")


def both(make):
    return [make("parcel"), make("historicalparcel")]


class Migration(migrations.Migration):
    dependencies = [("sandbox", "{leaf}")]
    operations = [
        *both(lambda name: migrations.AddField(name, "colour", models.CharField(max_length=10, default="red"))),
        *both(lambda name: migrations.AlterField(name, "address", models.TextField(blank=True))),
        *both(lambda name: migrations.RenameField(name, "weight", "grams")),
        *both(lambda name: migrations.RemoveField(name, "is_lost")),
        migrations.AlterField("label", "text", models.CharField(max_length=60)),
    ]
"""
# PostgreSQL changes no rows and columns of one table in one transaction: the rows come in a migration of their own.
ROWS = (
    AHEAD[: AHEAD.index("class Migration")]
    + """
class Migration(migrations.Migration):
    dependencies = [("sandbox", "9001_columns")]
    operations = [migrations.RunPython(move, migrations.RunPython.noop)]
"""
)
CRASH = """
from django.db import migrations, models


def fail(apps, schema_editor):
    raise RuntimeError("the disk is full")


class Migration(migrations.Migration):
    dependencies = [("sandbox", "9002_rows")]
    operations = [
        migrations.AddField("parcel", "never", models.IntegerField(null=True)),
        migrations.RunPython(fail),
    ]
"""


@pytest.fixture
def leaf(tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Migrations ahead of the sandbox's own; gives the sandbox's newest own one, and goes back to it afterwards."""
    [(_, newest)] = MigrationLoader(connection).graph.leaf_nodes("sandbox")
    package = tmp_path / "migrations_ahead"
    package.mkdir()
    for file in Path(str(migrations.__file__)).parent.glob("*.py"):
        copy(file, package)
    (package / "9001_columns.py").write_text(AHEAD.replace("{leaf}", newest))
    (package / "9002_rows.py").write_text(ROWS)
    (package / "9003_crash.py").write_text(CRASH)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.MIGRATION_MODULES = {"sandbox": "migrations_ahead"}
    yield newest
    migrate(newest)
    for name in [name for name in sys.modules if name.startswith("migrations_ahead")]:
        del sys.modules[name]


def migrate(name: str) -> None:
    call_command("migrate", "sandbox", name, verbosity=0)


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def fetch(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def assert_guarded() -> None:
    assert missing() == []
    assert check_gate(databases=["default"]) == []
    for sql in (
        "UPDATE sandbox_parcel SET address = 'x'",
        "DELETE FROM sandbox_parcel",
        "UPDATE sandbox_historicalparcel SET address = 'x'",
    ):
        with pytest.raises(IntegrityError, match="^gate_closed: "):
            run(sql)


def test_guards_survive_added_altered_renamed_and_dropped_columns_in_both_directions(parcel: Parcel, leaf: str) -> None:
    with recorded_write(source="loader"):
        Label.objects.create(parcel=parcel, text="fragile")

    migrate("9001")
    assert_guarded()
    with recorded_write(source="loan-core"):
        run("UPDATE sandbox_parcel SET colour = 'blue', grams = 5")
    newest = "SELECT colour, grams, history_type, history_source FROM sandbox_historicalparcel ORDER BY history_id DESC"
    assert fetch(newest)[0] == ("blue", 5, "~", "loan-core")

    migrate(leaf)
    assert_guarded()
    with recorded_write(source="loan-core"):
        Parcel.objects.update(is_lost=True, weight=6)
    record = Parcel.history.latest()
    assert (record.is_lost, record.weight, record.history_source) == (True, 6, "loan-core")

    migrate("9001")
    migrate(leaf)
    assert_guarded()
    assert Label.history.count() == 1


def test_columns_alone_leave_no_history_row(parcel: Parcel, leaf: str) -> None:
    migrate("9001")
    assert fetch("SELECT count(*) FROM sandbox_historicalparcel") == [(1,)]


def test_rows_that_a_migration_changed_are_recorded_as_its_work(parcel: Parcel, leaf: str) -> None:
    with recorded_write(source="loader"):
        Parcel.objects.create(code="P2")
    migrate("9002")
    assert fetch(
        "SELECT id, address, history_type, history_source, history_change_reason FROM sandbox_historicalparcel "
        "WHERE history_source = 'migration'"
    ) == [
        (parcel.pk, "moved by a migration", "~", "migration", "sandbox.9001_columns, sandbox.9002_rows"),
    ]
    assert_guarded()


def test_what_an_app_writes_once_it_was_migrated_is_recorded_as_well(parcel: Parcel, leaf: str) -> None:
    """As django.contrib.sites does, which makes its first row in the signal after a migration."""

    def fill(**kwargs: object) -> None:
        Parcel.objects.filter(pk=parcel.pk).update(address="filled in")

    sandbox = apps.get_app_config("sandbox")
    post_migrate.connect(fill, sender=sandbox)
    try:
        migrate("9001")
    finally:
        post_migrate.disconnect(fill, sender=sandbox)
    newest = "SELECT address, history_source FROM sandbox_historicalparcel ORDER BY history_id DESC"
    assert fetch(newest)[0] == ("filled in", "migration")
    assert_guarded()


def test_a_migration_whitewashes_no_earlier_tampering(
    parcel: Parcel, leaf: str, caplog: pytest.LogCaptureFixture
) -> None:
    with recorded_write(source="loader"):
        tampered = Parcel.objects.create(code="P2", price=1)
        removed = Parcel.objects.create(code="P3", price=1)
    drop()
    Parcel.objects.filter(pk=tampered.pk).update(price=1_000_000)
    Parcel.objects.filter(pk=removed.pk)._raw_delete("default")
    install()
    migrate("9002")
    assert "sandbox_parcel: at least 2 rows differ from their history" in caplog.text
    assert fetch("SELECT code FROM sandbox_historicalparcel WHERE history_source = 'migration'") == [("P1",)]
    assert set(drifted("default")["sandbox_parcel"]) == {tampered.pk, removed.pk}
    assert_guarded()


def test_a_migration_that_fails_leaves_the_guards_on(parcel: Parcel, leaf: str) -> None:
    with pytest.raises(RuntimeError, match="the disk is full"):
        migrate("9003")
    assert_guarded()
    # The migrations before it stand, and what they changed is recorded.
    assert fetch("SELECT count(*) FROM sandbox_historicalparcel WHERE history_source = 'migration'") == [(1,)]


def test_the_plan_and_a_migrate_without_work_touch_no_guard(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def dropped(using: str) -> None:
        raise AssertionError("guards were dropped")

    monkeypatch.setattr("corrections.engine.gate.migration.drop", dropped)
    call_command("migrate", plan=True, verbosity=0, stdout=StringIO())
    call_command("migrate", verbosity=0)
    assert missing() == []


def test_installing_again_is_idle_and_quick(db: None, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(3):
        assert install() is False


# Set-based comparison


def test_differences_become_created_changed_and_deleted_records(parcel: Parcel) -> None:
    with recorded_write(source="loader"):
        gone = Parcel.objects.create(code="P2")
        same = Parcel.objects.create(code="P3", details={"b": 1, "a": None})
    drop()
    Parcel.objects.filter(pk=parcel.pk).update(weight=9, sent_at=None)
    Parcel.objects.filter(pk=gone.pk)._raw_delete("default")
    new = Parcel.objects.create(code="P4")
    Reading.objects.create(value=1)
    assert record_differences("default", reason="test") == 4
    install()
    found = Parcel.history.filter(history_source="migration").values_list("id", "code", "weight", "history_type")
    assert set(found) == {(parcel.pk, "P1", 9, "~"), (gone.pk, "P2", None, "-"), (new.pk, "P4", None, "+")}
    assert same.history.count() == 1
    assert record_differences("default", reason="test") == 0
    install()


def test_a_row_that_comes_back_is_recorded_as_created(parcel: Parcel) -> None:
    with recorded_write(source="loan-core"):
        Parcel.objects.all().delete()
    drop()
    Parcel.objects.create(pk=parcel.pk, code="P1")
    record_differences("default", reason="test")
    install()
    assert [record.history_type for record in Parcel.history.order_by("history_id")] == ["+", "-", "+"]


# What the system check finds


def test_the_check_names_a_guard_that_is_missing(db: None) -> None:
    if connection.vendor == "postgresql":
        run("DROP TRIGGER corrections_gate_a_refuse ON sandbox_parcel")
    else:
        run("DROP TRIGGER corrections_gate_before_update_sandbox_parcel")
    try:
        [error] = check_gate(databases=["default"])
        assert error.id == "corrections.E020"
        assert "sandbox_parcel: corrections_gate_" in error.msg
    finally:
        assert install() is True
    assert check_gate(databases=["default"]) == []


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite can't disable a trigger")
@pytest.mark.parametrize(
    "tampering",
    [
        "ALTER TABLE sandbox_parcel DISABLE TRIGGER corrections_gate_a_refuse",
        "ALTER TABLE sandbox_parcel ENABLE TRIGGER corrections_gate_a_refuse",
        "ALTER TABLE sandbox_parcel DISABLE TRIGGER ALL",
        "CREATE OR REPLACE FUNCTION corrections_gate_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NULL; END'",
    ],
)
def test_the_check_names_a_guard_that_was_disabled_or_altered(db: None, tampering: str) -> None:
    run(tampering)
    try:
        assert missing()
    finally:
        install()
    assert missing() == []


def test_the_check_is_silent_about_databases_it_was_not_asked_for(db: None) -> None:
    assert check_gate(databases=None) == []


def test_a_guarded_table_without_history_table_is_shut(parcel: Parcel, monkeypatch: pytest.MonkeyPatch) -> None:
    without = tables() - {"sandbox_historicalparcel"}
    monkeypatch.setattr(sys.modules["corrections.engine.gate.install"], "tables", lambda: without)
    try:
        install()
        with pytest.raises(IntegrityError, match="^gate_closed: sandbox_parcel "), recorded_write(source="loader"):
            Parcel.objects.create(code="P2")
    finally:
        monkeypatch.undo()
        install()
