"""Nonsense at every verb of the public door: a refusal with a code, and nothing left behind; never anything else."""

from __future__ import annotations

import datetime as dt
import inspect
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Customer, Payout, Repayment
from corrections import services
from corrections.errors import CorrectionError
from corrections.models import Change, Correction, Evidence, Incident
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**4000),
    st.floats(),
    st.decimals(allow_nan=True),
    st.text(max_size=20),
    st.binary(max_size=10),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from(
        [object(), object, Decimal("NaN"), "\x00", "\ud800", "x" * 20_000, {"change": 1}, {1: 2}, (), set(),
         dt.time(1, tzinfo=dt.UTC), Payout, "accounts.payout", "system_defect", "letter", "update", "create", "delete"]
    ),
)  # fmt: skip
FIELDS: list[Any] = [
    "amount", "branch", "branch_id", "channel", "status", "failure_code", "card", "counterparty_account", "id", "pk",
    "number", "loan", 5,
]  # fmt: skip


class Things:
    """Rows of every kind that a caller may hold, honest and forged."""

    def __init__(self, desk: Desk) -> None:
        draft, waiting, applied = desk.draft(), desk.submitted(), desk.applied()
        payout, theirs = desk.payout(), desk.payout(desk.beijing)
        forged = Payout(pk=payout.pk, number="forged", amount="x")
        self.rows = [
            draft, waiting, applied, payout, theirs, forged, Payout(), Payout(pk="x"), Payout(pk=10**30),
            Customer(pk=1), Repayment(), Correction(), Correction(pk="x"), Correction(pk=10**30), Incident(pk=7),
            applied.changes.get(), Change(), Change(pk=10**30), waiting.evidence.get(), Evidence(), Evidence(pk=5),
            desk.shanghai, desk.mara.person, AnonymousUser(), type(desk.mara)(), io.BytesIO(b""), io.StringIO("x"),
            waiting.digest,
        ]  # fmt: skip
        self.people = [desk.mara, desk.max, desk.chidi, desk.bo, desk.ana, desk.eve, desk.sam]


def arguments_of(data: st.DataObject, verb: Callable[..., Any], things: Things) -> dict[str, Any]:
    """An argument of any kind for each parameter; the actor and the correction are often honest ones."""
    anything = JUNK | st.sampled_from(things.rows)
    likely: dict[str, st.SearchStrategy[Any]] = {
        "actor": st.sampled_from(things.people) | anything,
        "to": st.sampled_from(things.people) | anything,
        "correction": st.sampled_from(things.rows[:3]) | anything,
        "target": st.sampled_from(things.rows[3:9]) | anything,
        "values": st.dictionaries(st.sampled_from(FIELDS), anything, max_size=3) | anything,
        "action": st.sampled_from(["update", "create", "delete"]) | anything,
        "reason": st.just("system_defect") | anything,
        "note": st.just("n") | anything,
        "digest": st.just(things.rows[1].digest) | anything,
        "comment": st.just("c") | anything,
    }
    given_ = {}
    for name, parameter in inspect.signature(verb).parameters.items():
        if parameter.default is inspect.Parameter.empty or data.draw(st.booleans(), label=f"give {name}"):
            given_[name] = data.draw(likely.get(name, anything), label=name)
    return given_


def rows_of_everything() -> dict[str, int]:
    models = [*apps.get_app_config("corrections").get_models(), *apps.get_app_config("accounts").get_models()]
    return {model.__name__: model._base_manager.count() for model in models}


@pytest.mark.parametrize("name", services.__all__)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_nonsense_is_refused_with_a_code_and_leaves_nothing(desk: Desk, name: str, data: st.DataObject) -> None:
    things = desk.__dict__.setdefault("things", None) or Things(desk)
    desk.__dict__["things"] = things
    verb = getattr(services, name)
    before = rows_of_everything()
    code = refused(verb, **arguments_of(data, verb, things))
    if code is not None:
        assert code
        assert rows_of_everything() == before


def refused(verb: Callable[..., Any], **arguments: Any) -> str | None:
    """The code of the refusal, which is a sentence too; None when it was none. Anything else comes out."""
    try:
        verb(**arguments)
    except CorrectionError as refusal:
        return refusal.code if str(refusal) else ""
    return None
