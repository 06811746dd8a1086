"""One row in a file asks for what the single form would take: the same change, or a refusal of the same code."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Payout
from corrections import services
from corrections.errors import CorrectionError
from corrections.files import write_csv
from corrections.models import Change
from corrections.registry import registry
from corrections.staging.columns import EMPTY
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)

# What a file refuses beyond the single form.
STRICTER = {"cell_has_outer_spaces"}

words = st.text(alphabet="AZaz09 .,-+eE_=（１二é\u200b\u00a0\n'\"", max_size=12)
amounts = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=Decimal("-10"), max_value=Decimal(10**14)),
    st.decimals(allow_nan=False, places=3, min_value=Decimal(0), max_value=Decimal(10)),
).map(str)
columns = {
    "counterparty_bank": st.sampled_from(["CMB", "ICBC", EMPTY, "X" * 17, "BANK OF CHINA"]) | words,
    "amount": amounts | st.sampled_from(["800", "800.00", "0", "-0.00", "1e2", "1,000", "NaN", EMPTY]) | words,
    "channel": st.sampled_from(["A", "B", EMPTY]) | words,
    "channel_reference": st.sampled_from(["R1", "R2", EMPTY]),
    "status": st.sampled_from(["paid", "refused", "created", "unheard of", EMPTY]),
    "failure_code": st.sampled_from(["14", "51", EMPTY]),
    "branch": st.sampled_from(["SH", "BJ", "0", "99999999999999999999", EMPTY, "x"]),
    "card": st.sampled_from(["1", EMPTY, "x"]),
    "counterparty_account": st.sampled_from(["6222020000001187", "6222 0200 0000 1187", "62-!", EMPTY]),
}
rows = st.fixed_dictionaries({}, optional=columns).filter(bool)


def taken(change: Change) -> dict[str, Any]:
    """What a change says, but for ciphertexts, which are never the same twice."""
    plain = {c: v for c, v in change.new.items() if not c.endswith("_cipher")}
    return {
        "target": (change.target_model, change.target_pk, change.target_label),
        "old": change.old,
        "new": plain,
        "scopes": (change.scope_before, change.scope_after),
        "stake": (change.amount, change.currency),
    }


def alone(desk: Desk, payout: Payout, texts: dict[str, str]) -> tuple[dict[str, Any] | None, str]:
    """What the single form makes of it; the draft is taken back."""
    try:
        with transaction.atomic():
            correction = services.draft(
                actor=desk.mara, target=payout, values=as_values(texts), reason="system_defect", note="Wrong."
            )
            change = correction.changes.get()
            change.refresh_from_db()
            told = taken(change)
            transaction.set_rollback(True)
    except CorrectionError as error:
        return None, error.code
    return told, ""


def as_values(texts: dict[str, str]) -> dict[str, Any]:
    entry = registry.get(Payout)
    assert entry is not None
    found: dict[str, Any] = {}
    for name, text in texts.items():
        is_null = not entry.is_secret(name) and Payout._meta.get_field(name).null
        found[name] = (None if is_null else "") if text == EMPTY else text
    return found


def in_a_file(desk: Desk, payout: Payout, texts: dict[str, str]) -> tuple[dict[str, Any] | None, list[str]]:
    content = b"".join(write_csv([["number", *texts], [payout.number, *texts.values()]]))
    try:
        with transaction.atomic():
            correction = services.draft_batch(
                actor=desk.mara,
                model=Payout,
                file=content,
                filename="one.csv",
                reason="system_defect",
                note="Wrong.",
            )
            change = correction.changes.first()
            codes = [*correction.row_findings.values_list("code", flat=True)]
            told = None if change is None else taken(change)
            transaction.set_rollback(True)
    except CorrectionError as error:
        return None, [error.code]
    return told, codes


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=rows)
def test_a_row_in_a_file_is_taken_as_the_single_form_takes_it(desk: Desk, texts: dict[str, str]) -> None:
    known = {"SH": str(desk.shanghai.pk), "BJ": str(desk.beijing.pk)}
    texts = {name: known.get(text, text) for name, text in texts.items() if text}
    if not texts:
        return
    if not Payout.objects.filter(channel_reference="R2").exists():
        desk.payout(channel_reference="R2", channel="B")
    payout = desk.payout()
    one, code = alone(desk, payout, texts)
    many, codes = in_a_file(desk, payout, texts)
    if many is not None:
        assert many == one, (texts, code)
    elif one is not None:
        assert set(codes) & STRICTER, (texts, codes)
    elif code == "nothing_changes":
        assert codes == ["no_good_row"], (texts, codes)
    else:
        assert code in codes or set(codes) & STRICTER, (texts, code, codes)
