"""What a report says about the corrections behind its lines: loaded in groups, kept for a while, filtered by sight."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max, Model, Sum

from corrections.choices import DecisionKind, State
from corrections.models import Change, Correction, Decision, Evidence, Incident, Policy
from corrections.reports.history import Sight

KEPT_MAX = 2_000

# Rows of these columns, not instances: a report may read a hundred thousand of each.
FACTS = (
    *("pk", "number", "state", "revision", "reason", "note", "ticket", "maker_name", "submitted_at", "applied_at"),
    *("outcome_note", "incident_id", "policy_id", "reverts__number"),
)
SIGNATURE = ("correction_id", "revision", "role", "kind", "person_name", "decided_at", "comment", "confirmed")


@dataclass
class Details:
    """One correction with its signatures and evidence, as a reader may see it."""

    facts: Any  # a row of FACTS
    is_visible: bool = False
    policy: str = ""
    incident: str = ""
    signatures: list[Any] = field(default_factory=list)  # approvals and refusals of the shown revision
    returns: list[Any] = field(default_factory=list)  # of every revision; both are rows of SIGNATURE
    evidence: list[tuple[str, str]] = field(default_factory=list)  # file name, SHA-256
    reverted_by: list[str] = field(default_factory=list)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)  # of targets, as they were signed


class DetailsStore:
    """Details by correction id. Holds the last KEPT_MAX, so that memory stays bounded however long the report."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self._kept: OrderedDict[int, Details] = OrderedDict()
        self._names: dict[tuple[type[Model], int], str] = {}

    def of(self, ids: Iterable[int | None]) -> dict[int, Details]:
        wanted = {pk for pk in ids if pk is not None}
        missing = wanted - self._kept.keys()
        if missing:
            self._kept.update(self._load(missing))
        found = {pk: self._kept[pk] for pk in wanted if pk in self._kept}
        for pk in found:
            self._kept.move_to_end(pk)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return found

    def _load(self, ids: set[int]) -> dict[int, Details]:
        """A few queries, however many corrections."""
        rows = Correction.objects.order_by().filter(pk__in=ids).values_list(*FACTS, named=True)
        found = {row.pk: Details(row) for row in rows}
        visible = set(found)
        if self.sight.keys is not None:
            visible = set(self.sight.corrections().filter(pk__in=ids).values_list("pk", flat=True))
        for pk, details in found.items():
            details.is_visible = pk in visible
            details.policy = self._name(Policy, details.facts.policy_id)
            details.incident = self._name(Incident, details.facts.incident_id)
        _add_papers(found)
        _add_reverts_and_labels(found)
        return found

    def _name(self, model: type[Model], pk: int | None) -> str:
        """What an incident or a policy is called; there are few of them."""
        if pk is None:
            return ""
        if (model, pk) not in self._names:
            if len(self._names) > KEPT_MAX:
                self._names.clear()
            self._names[model, pk] = str(model._default_manager.get(pk=pk))
        return self._names[model, pk]


def _add_papers(found: dict[int, Details]) -> None:
    signed = Decision.objects.filter(correction__in=found).order_by("id")
    for row in signed.values_list(*SIGNATURE, named=True):
        details = found[row.correction_id]
        if row.kind == DecisionKind.RETURN:
            details.returns.append(row)
        elif row.revision == details.facts.revision:
            details.signatures.append(row)
    evidence = Evidence.objects.filter(correction__in=found, removed_at=None).order_by("id")
    for pk, filename, sha256 in evidence.values_list("correction_id", "filename", "file__sha256"):
        found[pk].evidence.append((filename, sha256))


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
