"""A context lives in its transaction, on its connection, and no longer (I-06, I-09)."""

from __future__ import annotations

import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from backoffice.staff.models import User
from corrections.engine.gate import maintenance, opened, recorded_write
from corrections.engine.gate.context import Context, channel
from corrections.models import Incident
from tests.sandbox.models import Parcel


def refused(table: str = "sandbox_parcel"):
    return pytest.raises(IntegrityError, match=f"^gate_closed: {table} ")


def write(code: str = "P2") -> Parcel:
    return Parcel.objects.create(code=code)


def assert_shut() -> None:
    with refused(), transaction.atomic():
        write("never")


def sources() -> list[str]:
    return list(Parcel.history.order_by("history_id").values_list("history_source", flat=True))


@pytest.mark.django_db
class TestInsideOneTransaction:
    def test_closes_after_a_clean_exit_though_the_transaction_goes_on(self) -> None:
        with recorded_write(source="a"):
            write()
        assert_shut()

    def test_closes_after_an_exception_though_the_transaction_goes_on(self) -> None:
        with pytest.raises(RuntimeError), recorded_write(source="a"):
            write()
            raise RuntimeError
        assert_shut()
        assert not Parcel.objects.exists()
        assert not Parcel.history.exists()

    def test_nested_contexts_give_way_to_the_outer_one(self, clerk: User) -> None:
        with opened(actor=clerk, correction=1):
            write("P1")
            with recorded_write(source="inner"):
                write("P2")
            write("P3")
        assert sources() == ["engine", "inner", "engine"]
        assert_shut()

    def test_the_outer_context_stands_again_after_an_inner_one_failed(self) -> None:
        with recorded_write(source="outer"):
            with pytest.raises(RuntimeError), recorded_write(source="inner"):
                write("P2")
                raise RuntimeError
            write("P3")
        assert sources() == ["outer"]

    def test_the_outer_context_stands_again_after_a_refusal_inside(self, clerk: User) -> None:
        with opened(actor=clerk):
            with refused("corrections_incident"), recorded_write(source="inner"):
                open_incident(clerk)
            open_incident(clerk)
        assert Incident.objects.count() == 1

    def test_a_nested_rollback_keeps_the_context_of_the_transaction(self) -> None:
        with recorded_write(source="outer"):
            with pytest.raises(RuntimeError), transaction.atomic():
                write("P1")
                raise RuntimeError
            write("P2")
        assert sources() == ["outer"]

    def test_a_rolled_back_savepoint_from_before_the_context_leaves_the_gate_shut(self) -> None:
        with transaction.atomic():
            point = transaction.savepoint()
            with recorded_write(source="a"):
                write()
            transaction.savepoint_rollback(point)
            assert_shut()
        assert not Parcel.history.exists()

    def test_is_last_counts_only_the_callers_own_block(self, clerk: User) -> None:
        # The test's own transaction goes on after the caller's block.
        with transaction.atomic(), opened(actor=clerk, is_last=True):
            write()
        assert_shut()

    def test_works_as_a_decorator(self) -> None:
        recorded_write(source="a")(write)()
        assert sources() == ["a"]
        assert_shut()

    @pytest.mark.parametrize("source", ["", "  ", "engine", "migration", "database:postgres", "x" * 101])
    def test_refuses_an_empty_or_borrowed_source(self, source: str) -> None:
        with pytest.raises(ValueError, match="source"), recorded_write(source=source):
            write()
        assert not Parcel.objects.exists()

    def test_i09_the_engine_writes_for_nobody(self) -> None:
        with pytest.raises(ValueError, match="actor"), opened(actor=None):
            write()

    def test_the_engines_context_needs_a_source_too(self, clerk: User) -> None:
        with pytest.raises(ValueError, match="source"), opened(actor=clerk, source=""):
            write()

    def test_recorded_write_opens_no_control_table(self, clerk: User) -> None:
        with refused("corrections_incident"), recorded_write(source="loan-core", actor=clerk):
            open_incident(clerk)

    def test_text_of_people_is_data_not_sql(self, clerk: User) -> None:
        reason = "'); DROP TABLE x; -- %s %% $gate$ 订正 \"\\"
        with opened(actor=clerk, reason=reason):
            write()
        assert Parcel.history.get().history_change_reason == reason


def open_incident(clerk: User) -> Incident:
    from django.utils import timezone

    return Incident.objects.create(title="Mapping", opened_by=clerk, opened_by_name="Mara", opened_at=timezone.now())


@pytest.mark.django_db(transaction=True)
class TestBeyondTheTransaction:
    def test_does_not_survive_the_transaction(self) -> None:
        with recorded_write(source="a"):
            write()
        assert_shut()
        with transaction.atomic(), refused():
            write("P3")

    def test_opening_costs_one_statement(self, clerk: User) -> None:
        for is_last in (False, True):
            with (
                CaptureQueriesContext(connection) as captured,
                transaction.atomic(),
                opened(actor=clerk, is_last=is_last),
            ):
                pass
            told = [query["sql"] for query in captured if "set_config" in query["sql"]]
            assert len(told) == (0 if connection.vendor == "sqlite" else 1 if is_last else 2)

    def test_is_last_leaves_nothing_behind(self, clerk: User) -> None:
        with transaction.atomic(), opened(actor=clerk, is_last=True):
            write()
        assert_shut()

    def test_does_not_survive_a_commit_in_raw_sql(self) -> None:
        with refused(), recorded_write(source="a"):
            write("P1")
            with connection.cursor() as cursor:
                cursor.execute("COMMIT")
            write("P2")
        connection.close()
        assert_shut()

    def test_does_not_survive_a_lost_connection(self) -> None:
        with pytest.raises(Exception, match="closed"), recorded_write(source="a"):
            write("P1")
            connection.close()
            write("P2")
        connection.close()
        assert_shut()
        assert not Parcel.objects.exists()

    def test_nothing_that_runs_after_the_commit_finds_the_gate_open(self) -> None:
        with recorded_write(source="a"):
            transaction.on_commit(assert_shut)
            write()
        assert Parcel.objects.count() == 1

    def test_does_not_leak_to_another_connection(self) -> None:
        found: list[str] = []

        def other() -> None:
            try:
                Parcel.objects.create(code="P9")
            except IntegrityError as error:
                found.append(str(error))
            finally:
                connections.close_all()

        with recorded_write(source="a"):
            if connection.vendor == "postgresql":
                write()
                in_thread(other)
        if connection.vendor == "sqlite":
            # A SQLite transaction of ours would make the other wait; open and idle is what can be tried.
            here = channel(connections["default"])
            here.hold(Context(source="a"))
            try:
                in_thread(other)
                with refused():
                    write()  # not even here, without a transaction
            finally:
                here.hold(Context())
        assert len(found) == 1
        assert found[0].startswith("gate_closed: sandbox_parcel ")


def in_thread(target) -> None:
    thread = threading.Thread(target=target)
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()


# Maintenance


@pytest.mark.django_db
def test_maintenance_is_refused_outside_a_test_suite(parcel: Parcel) -> None:
    with pytest.raises(ImproperlyConfigured), maintenance():
        Parcel.objects.all().delete()
    assert Parcel.objects.exists()


@pytest.mark.django_db
def test_maintenance_lets_nobody_insert_or_update(parcel: Parcel, settings) -> None:
    settings.CORRECTIONS_TEST_FLUSH = True
    for attempt in (write, lambda: Parcel.objects.update(price=1), lambda: Parcel.history.update(address="x")):
        with refused(r"sandbox_\w+"), maintenance():
            attempt()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 2])
def test_the_flush_between_tests_empties_guarded_tables_and_history(clerk: User, number: int) -> None:
    assert not Parcel.history.exists()
    assert not Incident.objects.exists()
    with opened(actor=clerk):
        write()
        open_incident(clerk)
    assert_shut()
