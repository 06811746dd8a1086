"""Rows drawn at random of a batch that each approver compares with the evidence, one by one, where a policy says so."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import pytest
from django.db import DatabaseError

from corrections import services
from corrections.choices import State
from corrections.conf import limits
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.models import Batch, Correction, Decision, FlagRule, Policy
from corrections.services._rows import sample_places
from tests.corrections.services.batches import banks, payouts, submitted_rows
from tests.corrections.services.desk import Desk, put_policy_in_force

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet_flags(desk: Desk) -> None:
    """What machines suspect is no part of this."""
    with gate.opened(actor=desk.sam):
        FlagRule.objects.update(is_active=False)


def sampling(desk: Desk, rows: int, people: int = 1) -> None:
    put_policy_in_force(desk, [("checker", people)], sample_rows=rows)


def drawn(correction: Correction) -> list[int]:
    positions: list[int] = Batch.objects.get(correction=correction).sample["positions"]
    return positions


def sign(correction: Correction, actor: Any, confirmed: Any = None) -> Decision:
    return services.approve(actor=actor, correction=correction, digest=correction.digest, confirmed=confirmed)


def refusal(correction: Correction, actor: Any, confirmed: Any = None) -> CorrectionError:
    with pytest.raises(CorrectionError) as refused:
        sign(correction, actor, confirmed)
    return refused.value


def test_as_many_rows_as_the_policy_asks_for_are_confirmed_and_kept_with_the_signature(desk: Desk) -> None:
    sampling(desk, 3)
    targets = payouts(desk, 30)
    correction = submitted_rows(desk, targets)
    chosen = drawn(correction)[5:8]
    decision = sign(correction, desk.chidi, confirmed=reversed(chosen))
    assert Decision.objects.get(pk=decision.pk).confirmed == chosen
    assert banks(targets) == ["CMB"] * 30


def test_missing_ones_are_counted_and_nothing_is_signed(desk: Desk) -> None:
    sampling(desk, 3)
    correction = submitted_rows(desk, payouts(desk, 30))
    one, two, *_others = drawn(correction)
    for confirmed, missing in ((None, 3), ([], 3), ([one, two], 1), ([one, one, one], 2)):
        found = refusal(correction, desk.chidi, confirmed)
        assert (found.code, found.details["missing"]) == ("sampled_rows_are_not_confirmed", missing)
        assert f"3 rows drawn at random that you compare with the evidence, {missing} are" in str(found)
    assert not Decision.objects.exists()


def test_a_row_that_was_not_drawn_is_not_confirmed_even_beside_enough_others(desk: Desk) -> None:
    sampling(desk, 3)
    correction = submitted_rows(desk, payouts(desk, 30))
    other = next(position for position in range(2, 32) if position not in drawn(correction))
    for confirmed in ([*drawn(correction), other], [*drawn(correction), -1], [10**12]):
        assert refusal(correction, desk.chidi, confirmed).code == "confirmed_row_was_not_drawn"


@pytest.mark.parametrize(
    "confirmed",
    [7, "23", ["2"], [True], [2.0], [None], [[2]], {"a": 1}, repeat(2), list(range(1000))],
    ids=lambda value: str(value)[:20],
)
def test_what_are_no_positions_are_refused(desk: Desk, confirmed: Any) -> None:
    sampling(desk, 1)
    correction = submitted_rows(desk, payouts(desk, 2))
    assert refusal(correction, desk.chidi, confirmed).code == "confirmed_not_readable"


def test_each_approver_confirms_anew(desk: Desk) -> None:
    sampling(desk, 2, people=2)
    targets = payouts(desk, 25)
    correction = submitted_rows(desk, targets)
    first, last = drawn(correction)[:2], drawn(correction)[-2:]
    sign(correction, desk.chidi, first)
    assert refusal(correction, desk.carl).details["missing"] == 2
    sign(correction, desk.carl, last)
    kept = Decision.objects.filter(correction=correction).order_by("id").values_list("confirmed", flat=True)
    assert list(kept) == [first, last]
    assert banks(targets) == ["CMB"] * 25


def test_the_sample_holds_as_many_as_are_confirmed_and_can_be_drawn_again(desk: Desk) -> None:
    wanted = limits.BATCH_SAMPLE_ROWS + 5
    sampling(desk, wanted)
    correction = submitted_rows(desk, payouts(desk, 40))
    sample = Batch.objects.get(correction=correction).sample
    assert len(sample["positions"]) == wanted
    assert [place + 2 for place in sample_places(sample["seed"], 40, wanted)] == sample["positions"]
    assert refusal(correction, desk.chidi, sample["positions"][1:]).details["missing"] == 1
    sign(correction, desk.chidi, sample["positions"])


def test_of_fewer_rows_all_are_confirmed(desk: Desk) -> None:
    sampling(desk, 50)
    correction = submitted_rows(desk, payouts(desk, 3))
    assert refusal(correction, desk.chidi, [2, 4]).details == {"field": "confirmed", "missing": 1, "needed": 3}
    sign(correction, desk.chidi, [2, 3, 4])


def test_a_correction_that_is_entered_by_hand_has_no_rows_to_confirm(desk: Desk) -> None:
    sampling(desk, 5)
    correction = desk.submitted()
    assert refusal(correction, desk.chidi, [1]).code == "confirmed_row_was_not_drawn"
    assert sign(correction, desk.chidi).confirmed == []


def test_without_such_a_policy_rows_may_be_confirmed_and_need_not(desk: Desk) -> None:
    first, second = (submitted_rows(desk, payouts(desk, 2)) for _ in range(2))
    assert sign(first, desk.chidi).confirmed == []
    assert sign(second, desk.chidi, [3]).confirmed == [3]


def test_a_rejection_and_a_return_confirm_nothing(desk: Desk) -> None:
    sampling(desk, 2)
    correction = submitted_rows(desk, payouts(desk, 4))
    services.reject(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Not proven.")
    assert Decision.objects.get().confirmed == []


def test_what_was_confirmed_is_never_changed(desk: Desk) -> None:
    decision = sign(submitted_rows(desk, payouts(desk, 3)), desk.chidi, [2])
    with pytest.raises(DatabaseError), gate.opened(actor=desk.sam):
        Decision.objects.filter(pk=decision.pk).update(confirmed=[2, 3])


# A stricter version


def stricter(desk: Desk, **fields: Any) -> None:
    """The next version of what is in force, with the same steps."""
    with gate.opened(actor=desk.sam):
        old = Policy.objects.get(is_active=True)
        Policy.objects.filter(pk=old.pk).update(is_active=False)
        new = Policy.objects.create(name=old.name, version=old.version + 1, **fields)
        for step in old.steps.all():
            new.steps.create(position=step.position, role=step.role, people=step.people)


def test_a_version_that_samples_more_voids_the_signatures_and_rows_are_drawn_anew(desk: Desk) -> None:
    sampling(desk, 2, people=2)
    targets = payouts(desk, 60)
    correction = submitted_rows(desk, targets)
    before = drawn(correction)
    sign(correction, desk.chidi, before[:2])
    stricter(desk, sample_rows=25)
    assert refusal(correction, desk.carl, before[:2]).code == "tier_was_raised"
    correction.refresh_from_db()
    after = drawn(correction)
    assert (correction.revision, correction.state, len(after)) == (2, State.SUBMITTED, 25)
    assert after != before
    assert refusal(correction, desk.chidi, after[:24]).details["missing"] == 1
    sign(correction, desk.chidi, after)
    sign(correction, desk.carl, after)
    correction.refresh_from_db()
    assert correction.state == State.APPLIED
    assert banks(targets) == ["CMB"] * 60


def test_a_version_that_samples_fewer_takes_nothing_away(desk: Desk) -> None:
    sampling(desk, 4)
    correction = submitted_rows(desk, payouts(desk, 10))
    stricter(desk, sample_rows=0)
    assert refusal(correction, desk.chidi, drawn(correction)[:3]).details["missing"] == 1
    sign(correction, desk.chidi, drawn(correction)[:4])


def test_the_next_revision_draws_anew(desk: Desk) -> None:
    sampling(desk, 2)
    correction = submitted_rows(desk, payouts(desk, 60))
    before = drawn(correction)
    services.return_for_rework(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Why?")
    services.submit(actor=desk.mara, correction=correction)
    assert drawn(correction) != before
    assert refusal(correction, desk.chidi).details["missing"] == 2
    sign(correction, desk.chidi, drawn(correction)[:2])
