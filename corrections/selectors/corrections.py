"""Which corrections an account may see, and the register of them; always filtered by actor, never written here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet

from corrections.choices import State
from corrections.conf import limits, person_model
from corrections.grants import scope_models
from corrections.models import Correction, CorrectionScope
from corrections.permissions import BUSINESS_ROLES, CONTROL, Rights, rights_of, scope_key, sees_controls
from corrections.selectors import views
from corrections.selectors.waiting import elsewhere, within


def among(keys: Iterable[str]) -> QuerySet[CorrectionScope, int]:
    """Keys of the corrections that touch only these scopes, and at least one of them: one list, for many rows."""
    keys = sorted(keys)
    outside = CorrectionScope.objects.filter(correction=OuterRef("correction")).exclude(key__in=keys)
    found = CorrectionScope.objects.filter(~Exists(outside), key__in=keys)
    return found.order_by().values_list("correction_id", flat=True)


def visible(*, actor: Any, rights: Rights | None = None, are_few: bool = False) -> QuerySet[Correction]:
    """The corrections that an account may see: the same as permissions.may_see_correction says of each.

    `are_few` promises that the caller looks at few of them, which are then asked one by one.
    """
    rights = rights or rights_of(actor)
    held = rights.scope_keys(BUSINESS_ROLES)
    if rights.is_superuser or (held is None and sees_controls(rights)):
        return Correction.objects.all()
    allowed = Q(pk__in=rights.handed)
    if rights.person_id is not None:
        allowed |= Q(maker_person_id=rights.person_id)
    if held is None:  # everything but the desk's own controls
        own = CorrectionScope.objects.filter(key=CONTROL)
        of_it = own.filter(correction=OuterRef("pk")) if are_few else None
        allowed |= ~Q(Exists(of_it)) if of_it is not None else ~Q(pk__in=own.order_by().values("correction_id"))
    elif held:
        allowed |= within(held) if are_few else Q(pk__in=among(held))
    by_signing = elsewhere(rights, are_few=are_few)
    if by_signing is not None:
        allowed |= by_signing
    return Correction.objects.filter(allowed)


def visible_one(*, actor: Any, pk: int, rights: Rights | None = None) -> Correction | None:
    """One correction with its policy, or None when there is none that this account may see."""
    rows = visible(actor=actor, rights=rights, are_few=True).select_related(
        "policy", "incident", "reverts", "maker_person", "batch__file"
    )
    return rows.filter(pk=pk).first()


@dataclass(frozen=True)
class Listed:
    """One line of a list of corrections."""

    pk: int
    number: str
    state: str
    state_label: str
    is_held: bool
    revision: int
    summary: str
    amounts: Mapping[str, str]
    reason: str
    maker: str
    scopes: str
    created_at: dt.datetime
    submitted_at: dt.datetime | None
    closed_at: dt.datetime | None


@dataclass(frozen=True)
class Filters:
    """What the register is narrowed to; an empty value narrows nothing. Days are the desk's, both included."""

    state: str = ""
    reason: str = ""
    maker: str = ""
    scope: str = ""
    number: str = ""
    view: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True)
class Page:
    """A page by keys: the key that the next page starts below, and the one that the previous starts above."""

    rows: list[Listed] = field(default_factory=list)
    count: int = 0
    is_capped: bool = False
    older: int | None = None
    newer: int | None = None


def register(*, actor: Any, filters: Filters, below: int | None = None, above: int | None = None) -> Page:
    """The register, newest first: drafts only the actor's own, everything else that the actor may see."""
    rights = rights_of(actor)
    rows = _narrowed(visible(actor=actor, rights=rights), filters).filter(views.condition(filters.view, rights))
    rows = rows.filter(~Q(state=State.DRAFT) | Q(maker_person_id=rights.person_id or 0))
    count = rows.order_by()[: limits.COUNT_MAX + 1].count()
    found, has_newer, has_older = _keyset(rows, below, above)
    return Page(
        rows=listed(found),
        count=min(count, limits.COUNT_MAX),
        is_capped=count > limits.COUNT_MAX,
        older=found[-1].pk if found and has_older else None,
        newer=found[0].pk if found and has_newer else None,
    )


def _keyset(rows: QuerySet[Correction], below: int | None, above: int | None) -> tuple[list[Correction], bool, bool]:
    """One page of rows, newest first, and whether newer and older ones exist beside it."""
    most = limits.PAGE_ROWS
    if above is not None:
        found = list(rows.filter(pk__gt=above).order_by("pk")[: most + 1])
        return found[:most][::-1], len(found) > most, True
    if below is not None:
        rows = rows.filter(pk__lt=below)
    found = list(rows.order_by("-pk")[: most + 1])
    return found[:most], below is not None, len(found) > most


def _narrowed(rows: QuerySet[Correction], filters: Filters) -> QuerySet[Correction]:
    if filters.number:
        rows = rows.filter(number=filters.number)
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.reason:
        rows = rows.filter(reason=filters.reason)
    if filters.maker:
        rows = rows.filter(maker_person_id__in=_persons(filters.maker))
    if filters.scope:
        rows = rows.filter(pk__in=CorrectionScope.objects.filter(key=filters.scope).values("correction_id"))
    if filters.since:
        rows = rows.filter(created_at__gte=filters.since)
    if filters.until:
        rows = rows.filter(created_at__lt=filters.until)
    return rows


def _persons(words: str) -> list[int]:
    """People of this employee number, or with this in their names."""
    person = apps.get_model(person_model())
    found = person._default_manager.filter(Q(employee_no=words) | Q(name__icontains=words))
    return list(found.values_list("pk", flat=True)[: limits.PAGE_ROWS])


def listed(rows: Iterable[Correction]) -> list[Listed]:
    """Lines of these corrections, in their order; one query for all their scopes."""
    rows = list(rows)
    scopes = scope_labels(row.pk for row in rows)
    return [line(row, scopes.get(row.pk, "")) for row in rows]


def line(row: Correction, scopes: str = "") -> Listed:
    return Listed(
        pk=row.pk,
        number=str(row),
        state=row.state,
        state_label=row.get_state_display(),
        is_held=row.is_held,
        revision=row.revision,
        summary=row.summary,
        amounts=row.amounts,
        reason=row.get_reason_display(),
        maker=row.maker_name,
        scopes=scopes,
        created_at=row.created_at,
        submitted_at=row.submitted_at,
        closed_at=row.closed_at or row.applied_at,
    )


def scope_labels(pks: Iterable[int]) -> dict[int, str]:
    """What people call the scopes of each correction that has any."""
    found: dict[int, list[str]] = {}
    for scope in CorrectionScope.objects.filter(correction_id__in=list(pks)).exclude(label="").order_by("label"):
        found.setdefault(scope.correction_id, []).append(scope.label)
    return {pk: ", ".join(labels) for pk, labels in found.items()}


def scope_choices(*, actor: Any) -> list[tuple[str, str]]:
    """The scopes that an account may narrow a list to: those on which it holds a business role."""
    rights = rights_of(actor)
    held = None if rights.is_superuser else rights.scope_keys(BUSINESS_ROLES)
    choices: list[tuple[str, str]] = []
    for model in scope_models():
        rows = model._default_manager.all()
        if held is not None:
            prefix = f"{model._meta.label_lower}:"
            rows = rows.filter(pk__in=[key.removeprefix(prefix) for key in held if key.startswith(prefix)])
        choices += [(scope_key(row), str(row)) for row in rows[: limits.SCOPES_SHOWN_MAX]]
    return sorted(choices, key=lambda choice: choice[1])
