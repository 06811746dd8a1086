"""What a report says about the corrections behind its lines: loaded in groups, kept for a while, filtered by sight."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max, Sum

from corrections.choices import DecisionKind, State
from corrections.models import Change, Correction, Decision, Evidence, Policy
from corrections.reports.history import Sight

KEPT_MAX = 2_000


@dataclass
class Details:
    """One correction with its signatures and evidence, as a reader may see it."""

    correction: Correction
    is_visible: bool = False
    signatures: list[Decision] = field(default_factory=list)  # approvals and refusals of the shown revision
    returns: list[Decision] = field(default_factory=list)  # of every revision
    evidence: list[Evidence] = field(default_factory=list)
    reverted_by: list[str] = field(default_factory=list)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)  # of targets, as they were signed


class DetailsStore:
    """Details by correction id. Holds the last KEPT_MAX, so that memory stays bounded however long the report."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self._kept: OrderedDict[int, Details] = OrderedDict()

    def of(self, ids: Iterable[int | None]) -> dict[int, Details]:
        wanted = {pk for pk in ids if pk is not None}
        missing = wanted - self._kept.keys()
        if missing:
            self._kept.update(load(missing, self.sight))
        found = {pk: self._kept[pk] for pk in wanted if pk in self._kept}
        for pk in found:
            self._kept.move_to_end(pk)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return found


def load(ids: set[int], sight: Sight) -> dict[int, Details]:
    """Seven queries, however many corrections."""
    rows = Correction.objects.filter(pk__in=ids).select_related("incident", "policy", "reverts")
    found = {row.pk: Details(row) for row in rows}
    for pk in sight.corrections().filter(pk__in=ids).values_list("pk", flat=True):
        found[pk].is_visible = True
    for decision in Decision.objects.filter(correction__in=ids).order_by("id"):
        details = found[decision.correction_id]
        if decision.kind == DecisionKind.RETURN:
            details.returns.append(decision)
        elif decision.revision == details.correction.revision:
            details.signatures.append(decision)
    for item in Evidence.objects.filter(correction__in=ids, removed_at=None).select_related("file").order_by("id"):
        found[item.correction_id].evidence.append(item)
    _add_reverts_and_labels(found)
    return found


def _add_reverts_and_labels(found: dict[int, Details]) -> None:
    back = Correction.objects.filter(reverts__in=found, state__in=[State.APPLIED, State.REVERTED]).order_by("id")
    for original, number in back.values_list("reverts_id", "number"):
        found[original].reverted_by.append(str(number))
    targets = Change.objects.filter(correction__in=found).order_by("id")
    for pk, model, key, label in targets.values_list("correction_id", "target_model", "target_pk", "target_label"):
        found[pk].labels[model, key] = label


def signatures_max() -> int:
    """The most signatures that any policy, of any version, asks for: as many groups of columns has a report."""
    per_policy = Policy.objects.order_by().annotate(people=Sum("steps__people"))
    most: dict[str, Any] = per_policy.aggregate(most=Max("people"))
    return max(1, most["most"] or 0)
