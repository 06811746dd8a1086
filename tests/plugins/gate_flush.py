"""Lets the flush after a TransactionTestCase empty guarded tables and append-only history, in tests only."""

from __future__ import annotations

from collections.abc import Iterator

import django.db.models  # noqa: F401 (first: the next import alone would be circular)
import pytest


@pytest.fixture(scope="session", autouse=True)
def gate_opens_for_flush() -> Iterator[None]:
    # Imported here: the plugin loads before Django's settings.
    from django.db.backends.base.operations import BaseDatabaseOperations
    from django.test import override_settings

    from corrections.engine.gate.context import maintenance

    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_in_maintenance(operations: BaseDatabaseOperations, sql_list: list[str]) -> None:
        with override_settings(CORRECTIONS_TEST_FLUSH=True), maintenance(operations.connection.alias):
            flush(operations, sql_list)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", flush_in_maintenance)
        yield
