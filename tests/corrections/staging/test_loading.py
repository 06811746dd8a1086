"""Only the columns that are needed are read; what labels, amounts and scopes look at besides, for all at once."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Payout
from corrections import staging
from corrections.models import Correction
from corrections.permissions import rights_of
from corrections.registry import Entry, registry
from corrections.staging.loading import Loading
from corrections.staging.references import References
from corrections.staging.targets import Scopes
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> Entry:
    found = registry.get(Payout)
    assert found is not None
    return found


def test_a_column_that_is_looked_at_is_read_for_the_others_too(
    desk: Desk, entry: Entry, django_assert_num_queries: Any
) -> None:
    payouts = [desk.payout() for _ in range(5)]
    loading = Loading(entry, ["number"])
    rows = loading.rows(Payout.objects.filter(pk__in=[p.pk for p in payouts]))
    assert "amount" not in rows[0].__dict__
    with django_assert_num_queries(2):
        assert rows[0].amount == payouts[0].amount
        loading.learn(rows[0], rows)
        assert [row.amount for row in rows] == [p.amount for p in payouts]
    later = loading.rows(Payout.objects.filter(pk=payouts[0].pk))
    assert "amount" in later[0].__dict__


def test_a_reference_that_is_followed_is_read_for_the_others_too(
    desk: Desk, entry: Entry, django_assert_num_queries: Any
) -> None:
    rows = [Payout.objects.get(pk=desk.payout().pk) for _ in range(5)]
    references = References(entry)
    with django_assert_num_queries(2):
        assert rows[0].branch.name == "Shanghai"
        references.learn(rows[0], rows)
        assert {row.branch.name for row in rows} == {"Shanghai"}
    with django_assert_num_queries(0):
        references.fill(rows)


def test_a_row_that_was_made_here_is_as_the_model_makes_it(desk: Desk, entry: Entry) -> None:
    payout = desk.payout()
    (row,) = Loading(entry, entry.all_columns()).rows(Payout.objects.filter(pk=payout.pk))
    loaded = Payout.objects.get(pk=payout.pk)
    assert {k: v for k, v in row.__dict__.items() if k != "_state"} == {
        k: v for k, v in loaded.__dict__.items() if k != "_state"
    }
    assert (row._state.db, row._state.adding) == (loaded._state.db, loaded._state.adding)


@pytest.mark.parametrize("model", ["accounts.payout", "accounts.repayment", "accounts.staffcard", "sandbox.parcel"])
def test_a_scope_is_what_the_single_form_finds(desk: Desk, model: str) -> None:
    found = registry.get(model)
    assert found is not None
    scopes = Scopes(found, desk.mara, rights_of(desk.mara))
    assert scopes.columns == {"accounts.payout": {"branch_id"}, "sandbox.parcel": {"region_id"}}.get(model, set())
    assert scopes.may_propose((f"accounts.branch:{desk.shanghai.pk}",), 1)
    assert not scopes.may_propose((f"accounts.branch:{desk.beijing.pk}",), 1)


def test_what_is_looked_at_is_known_from_the_columns(desk: Desk, entry: Entry) -> None:
    columns = staging.read_header(entry, ["number", "failure_code", "amount:now"])
    stager = staging.of_file(entry, columns, Correction(pk=1), desk.mara, rights_of(desk.mara))
    assert set(stager.loading.columns) == {"id", "number", "failure_code", "amount", "status", "branch_id"}
