"""I-15: every limit has a name, is used, and ends in a clear refusal when it is passed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import corrections
from corrections import services
from corrections.conf import DEFAULTS, limits, unusable
from corrections.errors import CorrectionError
from tests.corrections.services.desk import Desk, evidence_file

pytestmark = pytest.mark.django_db

WISH: dict[str, Any] = {"reason": "process_gap", "note": "n"}


def too_many_rows(desk: Desk) -> Any:
    correction = desk.draft()
    return services.add_change(actor=desk.mara, correction=correction, target=desk.payout(), values={"channel": "B"})


def long_value(desk: Desk) -> Any:
    return services.draft(actor=desk.mara, target=desk.payout(), values={"channel": "BB"}, **WISH)


def long_secret(desk: Desk) -> Any:
    return services.draft(actor=desk.mara, target=desk.payout(), values={"counterparty_account": "12345"}, **WISH)


def long_note(desk: Desk) -> Any:
    return services.draft(
        actor=desk.mara, target=desk.payout(), values={"channel": "B"}, reason="process_gap", note="nn"
    )


def long_comment(desk: Desk) -> Any:
    return services.withdraw(actor=desk.mara, correction=desk.draft(), comment="cc")


def many_files(desk: Desk) -> Any:
    correction = desk.draft()
    desk.attach(correction)
    return desk.attach(correction)


def large_file(desk: Desk) -> Any:
    return services.attach_evidence(
        actor=desk.mara, correction=desk.draft(), file=evidence_file("two bytes and more"), kind="letter"
    )


def many_revisions(desk: Desk) -> Any:
    correction = desk.submitted()
    services.return_for_rework(actor=desk.chidi, correction=correction, digest=correction.digest, comment="c")
    return services.submit(actor=desk.mara, correction=correction)


CASES: list[tuple[str, Callable[[Desk], Any], str]] = [
    ("CHANGES_MAX", too_many_rows, "too_many_changes"),
    ("VALUE_CHARS_MAX", long_value, "value_too_long"),
    ("SECRET_CHARS_MAX", long_secret, "account_number_invalid"),
    ("NOTE_CHARS_MAX", long_note, "text_too_long"),
    ("COMMENT_CHARS_MAX", long_comment, "text_too_long"),
    ("EVIDENCE_FILES_MAX", many_files, "too_much_evidence"),
    ("EVIDENCE_BYTES_MAX", large_file, "evidence_too_large"),
    ("REVISIONS_MAX", many_revisions, "too_many_revisions"),
]


@pytest.mark.parametrize(("name", "act", "code"), CASES, ids=[name for name, _, _ in CASES])
def test_i15_past_a_limit_a_sentence_says_so(
    desk: Desk, customer_fields_allowed: None, settings: Any, name: str, act: Callable[[Desk], Any], code: str
) -> None:
    setattr(settings, f"CORRECTIONS_{name}", 1)
    with pytest.raises(CorrectionError) as caught:
        act(desk)
    assert caught.value.code == code
    assert "%(" not in str(caught.value)
    delattr(settings, f"CORRECTIONS_{name}")
    act(desk)  # and within it nothing is refused


def test_i15_every_limit_is_used() -> None:
    root = Path(corrections.__file__).parent.parent
    source = "".join(
        path.read_text("utf-8")
        for app in ("corrections", "accounts", "backoffice")
        for path in (root / app).rglob("*.py")
    )
    assert [name for name in DEFAULTS if f"limits.{name}" not in source] == []


@pytest.mark.parametrize("value", [0, -1, "10", 1.5, True, None])
def test_i15_a_limit_is_a_whole_number_above_zero(settings: Any, value: Any) -> None:
    settings.CORRECTIONS_CHANGES_MAX = value
    assert unusable() == ["CHANGES_MAX"]


def test_an_unknown_limit_is_a_mistake_in_the_code() -> None:
    with pytest.raises(AttributeError):
        _ = limits.NONSENSE_MAX
