"""Every warning of a machine is answered, by the maker and again by each who signs: a tick with a reason, or words."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.translation import gettext_lazy

from corrections import services
from corrections.checks import Check, Finding, Subject, passed, warned
from corrections.checks import built_in as known
from corrections.errors import CorrectionError
from corrections.models import Correction
from tests.corrections.services.desk import Desk, put_policy_in_force

pytestmark = pytest.mark.django_db

WARNING: dict[str, bool] = {}


class Odd(Check):
    code = "looks_odd"
    title = "looks odd"

    def look(self, subject: Subject) -> Finding:
        return warned("It looks odd.") if WARNING["on"] else passed("fine")


@pytest.fixture(autouse=True)
def a_check_that_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    WARNING["on"] = True
    monkeypatch.setattr("corrections.checks.BUILT_IN", (*known.BUILT_IN, Odd))


def ready(desk: Desk) -> Correction:
    correction = desk.draft()
    desk.attach(correction)
    return correction


def submit(desk: Desk, acknowledged: Any = None, correction: Correction | None = None) -> Correction:
    return services.submit(actor=desk.mara, correction=correction or ready(desk), acknowledged=acknowledged)


def sign(desk: Desk, correction: Correction, acknowledged: Any = None) -> Any:
    return services.approve(
        actor=desk.chidi, correction=correction, digest=correction.digest, acknowledged=acknowledged
    )


GOOD: list[tuple[Any, dict[str, str]]] = [
    ("looked_into", {"reason": "looked_into", "words": ""}),
    ("evidence", {"reason": "evidence", "words": ""}),
    ({"reason": "asked"}, {"reason": "asked", "words": ""}),
    ({"reason": "asked", "words": " By phone. "}, {"reason": "asked", "words": "By phone."}),
    ({"reason": "asked", "words": None}, {"reason": "asked", "words": ""}),
    ({"reason": "other", "words": "It was so."}, {"reason": "other", "words": "It was so."}),
]
BAD: list[tuple[Any, str]] = [
    (None, "warning_needs_acknowledgement"),
    ("", "warning_needs_acknowledgement"),
    (True, "warning_needs_acknowledgement"),
    ("because", "warning_needs_acknowledgement"),
    ("LOOKED_INTO", "warning_needs_acknowledgement"),
    ({}, "warning_needs_acknowledgement"),
    ({"words": "Only words."}, "warning_needs_acknowledgement"),
    ({"reason": ["looked_into"]}, "warning_needs_acknowledgement"),
    (["looked_into"], "warning_needs_acknowledgement"),
    ("other", "acknowledgement_needs_words"),
    ({"reason": "other", "words": "   "}, "acknowledgement_needs_words"),
    ({"reason": "asked", "words": 5}, "text_not_usable"),
    ({"reason": "asked", "words": "\u202eturned"}, "text_not_usable"),
    ({"reason": "asked", "words": "x" * 5000}, "text_too_long"),
    ({"reason": "asked", "words": "4111 1111 1111 1111"}, "text_shows_a_protected_number"),
]


@pytest.mark.parametrize(("answer", "kept"), GOOD, ids=str)
def test_an_answer_is_kept_as_it_was_given_by_maker_and_signer(desk: Desk, answer: Any, kept: dict[str, str]) -> None:
    correction = submit(desk, {"looks_odd": answer})
    assert correction.acknowledged == {"looks_odd": kept}
    assert sign(desk, correction, {"looks_odd": answer}).acknowledged == {"looks_odd": kept}
    assert correction.state == "applied"


@pytest.mark.parametrize(("answer", "code"), BAD, ids=lambda value: str(value)[:30])
def test_what_is_no_answer_is_refused_to_the_maker_and_leaves_nothing(desk: Desk, answer: Any, code: str) -> None:
    correction = ready(desk)
    with pytest.raises(CorrectionError) as refused:
        submit(desk, {"looks_odd": answer}, correction)
    assert refused.value.code == code
    fresh = Correction.objects.get(pk=correction.pk)
    assert (fresh.state, fresh.number, fresh.acknowledged) == ("draft", None, {})
    assert not fresh.check_results.exists()


@pytest.mark.parametrize(("answer", "code"), BAD, ids=lambda value: str(value)[:30])
def test_what_is_no_answer_is_refused_to_the_signer_and_leaves_nothing(desk: Desk, answer: Any, code: str) -> None:
    correction = submit(desk, {"looks_odd": "looked_into"})
    with pytest.raises(CorrectionError) as refused:
        sign(desk, correction, {"looks_odd": answer})
    assert refused.value.code == code
    assert (correction.state, correction.decisions.count()) == ("submitted", 0)


@pytest.mark.parametrize("rubbish", ["looks_odd", 5, [("looks_odd", "looked_into")], object()])
def test_answers_that_are_no_mapping_are_refused(desk: Desk, rubbish: Any) -> None:
    with pytest.raises(CorrectionError) as refused:
        submit(desk, rubbish)
    assert refused.value.code == "acknowledgements_not_readable"


def test_an_answer_to_what_was_not_asked_is_not_kept(desk: Desk) -> None:
    correction = submit(desk, {"looks_odd": "looked_into", "something_changes": "asked", "rubbish": object()})
    assert correction.acknowledged == {"looks_odd": {"reason": "looked_into", "words": ""}}


def test_the_makers_answer_does_not_answer_for_the_signer(desk: Desk) -> None:
    correction = submit(desk, {"looks_odd": "looked_into"})
    with pytest.raises(CorrectionError) as refused:
        sign(desk, correction)
    assert refused.value.code == "warning_needs_acknowledgement"


def test_a_warning_that_came_after_the_submission_is_answered_by_the_signer(desk: Desk) -> None:
    WARNING["on"] = False
    correction = submit(desk)
    WARNING["on"] = True
    with pytest.raises(CorrectionError):
        sign(desk, correction)
    sign(desk, correction, {"looks_odd": "asked"})
    assert correction.state == "applied"


def test_a_warning_that_was_asked_for_once_is_answered_by_the_signer_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked of another system at submission is not asked again, and still somebody answers for it."""
    monkeypatch.setattr(Odd, "is_external", True)
    correction = submit(desk, {"looks_odd": "evidence"})
    WARNING["on"] = False
    with pytest.raises(CorrectionError) as caught:
        sign(desk, correction)
    assert caught.value.code == "warning_needs_acknowledgement"
    assert sign(desk, correction, {"looks_odd": "asked"}).acknowledged["looks_odd"]["reason"] == "asked"


def test_a_policy_asks_for_words(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)], worded_checks=["looks_odd"])
    for answer in ("looked_into", {"reason": "looked_into", "words": " "}):
        with pytest.raises(CorrectionError) as refused:
            submit(desk, {"looks_odd": answer})
        assert refused.value.code == "acknowledgement_needs_words"
    worded = {"looks_odd": {"reason": "looked_into", "words": "The bank confirmed it."}}
    correction = submit(desk, worded)
    with pytest.raises(CorrectionError):
        sign(desk, correction, {"looks_odd": "looked_into"})
    sign(desk, correction, worded)
    assert correction.state == "applied"


def test_lazy_words_are_text(desk: Desk) -> None:
    answer = {"looks_odd": {"reason": "other", "words": gettext_lazy("draft")}}
    assert submit(desk, answer).acknowledged["looks_odd"]["words"] == "draft"


def test_answers_are_part_of_what_is_signed(desk: Desk) -> None:
    one, other = ready(desk), None
    submit(desk, {"looks_odd": "looked_into"}, one)
    other = one.digest
    services.return_for_rework(actor=desk.chidi, correction=one, digest=one.digest, comment="Again.")
    submit(desk, {"looks_odd": "asked"}, one)
    assert one.digest != other
