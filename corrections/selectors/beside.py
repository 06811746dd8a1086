"""Corrections that stand beside one on its page: of the same records, of the same maker, those that take it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from corrections.choices import OPEN, State
from corrections.conf import limits
from corrections.models import Change, Correction
from corrections.permissions import Rights
from corrections.selectors import corrections
from corrections.selectors.blind import Blind
from corrections.selectors.corrections import Listed


@dataclass(frozen=True)
class Related:
    """Corrections that stand beside this one."""

    open: list[Listed]
    same_records: list[Listed]
    same_maker: list[Listed]


def related(rows: Sequence[Any], correction: Correction, hidden: Blind) -> Related:
    """What of `rows`, as `beside` gave them, is related to the correction."""
    same = [row for row in rows if row.is_same]
    by_maker = [row for row in rows if row.maker_person_id == correction.maker_person_id]
    is_open = (*OPEN, State.FAILED)
    return Related(
        open=[line(row, hidden) for row in same if row.state in is_open],
        same_records=[line(row, hidden) for row in same if row.state not in is_open][:3],
        same_maker=[line(row, hidden) for row in by_maker[:3]],
    )


def line(row: Any, hidden: Blind) -> Listed:
    """One of them, without what is hidden from the reader of the page."""
    found = corrections.line(row)
    return replace(found, summary=hidden.clean(found.summary))


def beside(correction: Correction, changes: Sequence[Change], *, actor: Any, rights: Rights) -> list[Any]:
    """All of them that this account may see, newest first, in one query."""
    others = corrections.visible(actor=actor, rights=rights, are_few=True)
    others = others.exclude(pk=correction.pk).exclude(state=State.DRAFT)
    same = _on_same_records(changes)
    ways = [
        others.filter(pk__in=same.values("correction_id")).order_by("-pk")[: limits.RELATED_ROWS_MAX],
        others.filter(maker_person_id=correction.maker_person_id).order_by("-pk")[:3],
        others.filter(reverts=correction).order_by("pk")[: limits.RELATED_ROWS_MAX],
    ]
    # SQLite takes no LIMIT directly in a part of a UNION.
    found, *more = [Correction.objects.filter(pk__in=way.values("pk")).order_by().values("pk") for way in ways]
    is_same = Exists(same.filter(correction=OuterRef("pk")))
    return list(Correction.objects.filter(pk__in=found.union(*more)).annotate(is_same=is_same).order_by("-pk"))


def _on_same_records(changes: Sequence[Change]) -> QuerySet[Change]:
    """All changes of one of these records."""
    wanted = Q(pk__in=[])
    for model in {change.target_model for change in changes if change.target_pk}:
        pks = [change.target_pk for change in changes if change.target_model == model and change.target_pk]
        wanted |= Q(target_model=model, target_pk__in=pks)
    return Change.objects.filter(wanted).order_by()
