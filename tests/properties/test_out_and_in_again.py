"""What a template shows of a record reads back as the same value, through every format that is written."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corrections import services, staging
from corrections.errors import CorrectionError
from corrections.files import write_csv, write_xlsx
from corrections.gate import recorded_write
from corrections.registry import registry
from corrections.staging.columns import EMPTY, NOW
from tests.factories.staff import account
from tests.sandbox.models import Parcel

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)
NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

texts = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co"]), max_size=20)
plain = texts.filter(lambda text: text == text.strip() and text != EMPTY)
leaves = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | plain
parcels = st.fixed_dictionaries(
    {
        "address": plain,
        "price": st.decimals(Decimal("-99999999"), Decimal("99999999"), places=2).map(lambda d: d + 0),
        "weight": st.none() | st.integers(-(2**31), 2**31 - 1),
        "is_lost": st.booleans(),
        "details": st.dictionaries(plain, leaves | st.lists(leaves, max_size=2), max_size=3),
        "sent_at": st.none()
        | st.integers(-(10**9), 10**9).map(lambda seconds: NEW_YEAR + dt.timedelta(seconds=seconds)),
    }
)


def told(actor: Any, content: bytes, name: str) -> dict[str, str]:
    """Codes by column of what is wrong with the one row of the file; "no_good_row" where it asks for nothing."""
    try:
        with transaction.atomic():
            correction = services.draft_batch(
                actor=actor, model=Parcel, file=content, filename=name, reason="system_defect", note="Wrong."
            )
            found = dict(correction.row_findings.values_list("column", "code"))
            found |= {column: "changed" for change in correction.changes.all() for column in change.new}
            transaction.set_rollback(True)
    except CorrectionError as error:
        return {"": error.code}
    return found


@pytest.mark.parametrize(("write", "name"), [(write_csv, "parcels.csv"), (write_xlsx, "parcels.xlsx")])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=parcels)
def test_a_value_that_was_shown_is_read_as_itself(roles: None, write: Any, name: str, values: dict[str, Any]) -> None:
    entry = registry.get(Parcel)
    assert entry is not None
    actor = account("Pia", "maker") if not _known("pia") else _known("pia")
    with recorded_write(source="post"):
        parcel = Parcel.objects.create(code=f"P{next(_numbers)}", **values)
    parcel.refresh_from_db()
    header, row = staging.template_rows(entry, [parcel])
    for place, heading in enumerate(header):
        if heading.endswith(NOW):
            row[place + 1] = row[place]
    assert told(actor, b"".join(write([header, row])), name) == {"": "no_good_row"}


def _known(username: str) -> Any:
    from backoffice.staff.models import User

    return User.objects.filter(username=username).first()
