"""Corrections as other pages mention them: number and state for all, a link only for whoever may see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, QuerySet, Value, When

from corrections.choices import OPEN, DecisionKind, State
from corrections.conf import limits
from corrections.models import Change, Correction, Decision, Evidence, FieldHold
from corrections.permissions import Rights
from corrections.selectors import corrections


@dataclass(frozen=True)
class Mention:
    """A correction in a line of another page."""

    pk: int
    number: str
    state: str
    state_label: str
    reason: str
    ticket: str
    maker: str
    at: dt.datetime
    is_visible: bool
    is_open: bool


def _seen(user: Any, rights: Rights) -> QuerySet[Correction]:
    """Corrections with the mark `may_see`."""
    mine = corrections.visible(actor=user, rights=rights, are_few=True).order_by().filter(pk=OuterRef("pk"))
    return Correction.objects.annotate(may_see=Exists(mine))


def mention(correction: Any) -> Mention:
    return Mention(
        pk=correction.pk,
        number=str(correction),
        state=correction.state,
        state_label=correction.get_state_display(),
        reason=correction.get_reason_display(),
        ticket=correction.ticket,
        maker=correction.maker_name,
        at=correction.submitted_at or correction.created_at,
        is_visible=correction.may_see,
        is_open=correction.is_open,
    )


def by_id(user: Any, rights: Rights, pks: Iterable[int]) -> dict[int, Mention]:
    """Mentions of these corrections."""
    wanted = set(pks)
    return {row.pk: mention(row) for row in _seen(user, rights).filter(pk__in=wanted)} if wanted else {}


def of_record(user: Any, rights: Rights, model: str, pk: Any) -> list[Mention]:
    """Corrections of a record, open ones first, then the newest; drafts only for those who may see them."""
    mine = Change.objects.filter(correction=OuterRef("pk"), target_model=model, target_pk=str(pk))
    found: QuerySet[Any] = _seen(user, rights).filter(Exists(mine))
    found = found.exclude(state=State.DRAFT, may_see=False)
    is_open = Case(When(state__in=OPEN, then=Value(0)), default=Value(1))
    return [mention(row) for row in found.order_by(is_open, F("pk").desc())[: limits.RELATED_ROWS_MAX]]


def holders(user: Any, rights: Rights, model: str, pk: Any, *, known: Mapping[int, Mention]) -> dict[str, Mention]:
    """The open correction on each held field of a record (I-03); `known` are the corrections of the record."""
    if not any(one.is_open for one in known.values()):
        return {}
    holds = FieldHold.objects.filter(target_model=model, target_pk=str(pk))
    held = dict(holds.values_list("field", "correction_id"))
    on = {**known, **by_id(user, rights, set(held.values()) - set(known))}
    return {name: on[correction] for name, correction in held.items() if correction in on}


def evidence_names(pks: Iterable[int]) -> dict[int, list[str]]:
    """Names of the standing evidence of each correction."""
    names: dict[int, list[str]] = {}
    wanted = set(pks)
    if wanted:
        standing = Evidence.objects.filter(correction__in=wanted, removed_at__isnull=True).order_by("id")
        for correction, name in standing.values_list("correction_id", "filename"):
            names.setdefault(correction, []).append(name)
    return names


def approver_names(pks: Iterable[int]) -> dict[int, list[str]]:
    """Who approved each correction as it was applied: of its last revision, in the order of the steps."""
    names: dict[int, list[str]] = {}
    wanted = set(pks)
    if wanted:
        given = Decision.objects.filter(correction__in=wanted, kind=DecisionKind.APPROVE)
        given = given.filter(revision=F("correction__revision")).order_by("step", "decided_at", "pk")
        for correction, name in given.values_list("correction_id", "person_name"):
            names.setdefault(correction, []).append(name)
    return names
