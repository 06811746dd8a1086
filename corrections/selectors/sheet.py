"""One correction as a page shows it: all that a decision needs, masked, in a number of queries that doesn't grow.

Frozen dataclasses; nothing here writes, and the caller has asked whether the account may see the correction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from corrections.choices import OPEN, AuditKind, DecisionKind, State, Verdict
from corrections.conf import limits
from corrections.models import (
    AuditEvent,
    Change,
    Correction,
    Decision,
    Incident,
    Revision,
)
from corrections.permissions import Rights
from corrections.roles import Role, codename
from corrections.selectors import corrections, revisions
from corrections.selectors.acts import Acts, Standing, acts
from corrections.selectors.changes import ChangeSheet, Live, change_sheets, live_rows
from corrections.selectors.corrections import Listed
from corrections.selectors.facts import Facts, facts_of
from corrections.selectors.facts import Verdict as Found
from corrections.selectors.timeline import Event, timeline


@dataclass(frozen=True)
class EvidenceSheet:
    """A piece of evidence, and whether this person has opened it."""

    pk: int
    place: int
    name: str
    kind: str
    kind_code: str
    note: str
    mime: str
    size: int
    sha256: str
    brought_by: str
    brought_at: dt.datetime
    revision: int
    is_opened: bool


@dataclass(frozen=True)
class WayStep:
    """One signature on the way: whose role, how many people, who signed, whether it is the open one."""

    role: str
    people: int
    signed: tuple[Decision, ...]
    is_open: bool


@dataclass(frozen=True)
class Moved:
    """What moved since the last revision, and what it was sent back with."""

    since: int
    comment: str
    by: str
    differences: list[revisions.Difference]


@dataclass(frozen=True)
class Related:
    """Corrections that stand beside this one."""

    open: list[Listed]
    same_records: list[Listed]
    same_maker: list[Listed]


class Sheet:
    """The read model of one correction for one account. Every part is read at most once."""

    def __init__(self, *, actor: Any, rights: Rights, correction: Correction) -> None:
        self.actor = actor
        self.rights = rights
        self.correction = correction

    @cached_property
    def raw_changes(self) -> list[Change]:
        return list(self.correction.changes.order_by("position"))

    @cached_property
    def changes(self) -> list[ChangeSheet]:
        return change_sheets(self.correction, self.raw_changes, self.live)

    @cached_property
    def live(self) -> Live:
        """The records as they are now, with what they refer to."""
        return live_rows(self.raw_changes)

    @cached_property
    def facts(self) -> Facts:
        return facts_of(self.correction)

    @property
    def scope_label(self) -> str:
        """What people call the scopes; "" for a correction that is of no scope but of the whole company."""
        return ", ".join(scope.label for scope in self.facts.scopes if scope.label)

    @cached_property
    def incident(self) -> Incident | None:
        return self.correction.incident

    # Machine verdicts

    @cached_property
    def verdicts(self) -> dict[str, list[Found]]:
        """Verdicts of the present revision: fail, warn, pass."""
        verdicts: dict[str, list[Found]] = {str(verdict): [] for verdict in Verdict.values}
        for result in self.facts.verdicts:
            verdicts[result.verdict].append(result)
        return verdicts

    # People

    @cached_property
    def decisions(self) -> list[Decision]:
        """All decisions, of every revision, in order."""
        return list(self.correction.decisions.order_by("id"))

    @cached_property
    def decisions_now(self) -> list[Decision]:
        return [decision for decision in self.decisions if decision.revision == self.correction.revision]

    @cached_property
    def acts(self) -> Acts:
        return acts(
            Standing(
                actor=self.actor,
                rights=self.rights,
                correction=self.correction,
                keys=frozenset(scope.key for scope in self.facts.scopes),
                contributors=self.facts.contributors,
                deciders=frozenset(decision.person_id for decision in self.decisions_now),
            )
        )

    @cached_property
    def way(self) -> list[WayStep]:
        """The signatures that this revision needs, in order."""
        approvals = [decision for decision in self.decisions_now if decision.kind == DecisionKind.APPROVE]
        return [
            WayStep(
                role=step.role_label,
                people=step.people,
                signed=tuple(decision for decision in approvals if decision.step == step.position),
                is_open=self.correction.state == State.SUBMITTED and self.correction.step == step.position,
            )
            for step in self.facts.steps
        ]

    @property
    def needs_executor(self) -> bool:
        policy = self.correction.policy
        return policy is not None and not policy.is_applied_with_approval

    @cached_property
    def handed_to(self) -> list[str]:
        """Names of those to whom this correction was handed, while it waits."""
        if self.correction.state != State.SUBMITTED:
            return []
        from guardian.models import UserObjectPermission

        grants = UserObjectPermission.objects.filter(
            content_type=ContentType.objects.get_for_model(Correction),
            object_pk=str(self.correction.pk),
            permission__codename="decide_correction",
        )
        return [str(grant.user.person or grant.user) for grant in grants.select_related("user__person")]

    @cached_property
    def receivers(self) -> list[tuple[int, str]]:
        """Accounts to which the open step could be handed: the step's function, and independent of this revision."""
        if "hand_over" not in self.acts.offered:
            return []
        return receivers(
            self.correction, self.facts.contributors | {d.person_id for d in self.decisions_now}, self.rights
        )

    # Evidence

    @cached_property
    def evidence(self) -> list[EvidenceSheet]:
        rows = self.correction.evidence.filter(removed_at__isnull=True).annotate(is_opened=self._is_opened())
        found = rows.select_related("file").order_by("id")
        return [self._evidence(row, place) for place, row in enumerate(found, start=1)]

    def _is_opened(self) -> Exists:
        """Whether this person opened a piece of evidence here, by the subjects of audit events."""
        subject = Concat(Value("evidence:"), Cast(OuterRef("pk"), CharField()))
        return Exists(
            AuditEvent.objects.filter(
                correction=self.correction,
                kind=AuditKind.EVIDENCE_OPENED,
                actor_person_id=self.rights.person_id or 0,
                subject=subject,
            )
        )

    def _evidence(self, row: Any, place: int) -> EvidenceSheet:
        return EvidenceSheet(
            pk=row.pk,
            place=place,
            name=row.filename,
            kind=row.get_kind_display(),
            kind_code=row.kind,
            note=row.note,
            mime=row.file.mime,
            size=row.file.size,
            sha256=row.file.sha256,
            brought_by=row.brought_by_name,
            brought_at=row.brought_at,
            revision=row.revision,
            is_opened=row.is_opened,
        )

    # What happened

    @cached_property
    def timeline(self) -> list[Event]:
        return timeline(self.correction, self.decisions)

    @cached_property
    def moved(self) -> Moved | None:
        """What moved between the last two submissions; nothing for a first revision."""
        if self.correction.revision == 1:
            return None
        last: list[Revision] = list(self.correction.revisions.order_by("-number")[:2])
        if len(last) < 2 or self.correction.revision != last[0].number:
            return None
        return Moved(last[1].number, *self._sent_back(last[1].number), revisions.differences(last[1], last[0]))

    def _sent_back(self, revision: int) -> tuple[str, str]:
        """The comment with which a revision was returned, and whose it is."""
        decision = self.return_of(revision)
        return (decision.comment, decision.person_name) if decision else ("", "")

    def return_of(self, revision: int) -> Decision | None:
        """The decision that sent a revision back."""
        found = (d for d in reversed(self.decisions) if d.revision == revision and d.kind == DecisionKind.RETURN)
        return next(found, None)

    # Beside it

    @cached_property
    def related(self) -> Related:
        """Open corrections of the same records, the last of them, and the last of the same maker."""
        same = [row for row in self.beside if row.is_same]
        by_maker = [row for row in self.beside if row.maker_person_id == self.correction.maker_person_id]
        is_open = (*OPEN, State.FAILED)
        return Related(
            open=[corrections.line(row) for row in same if row.state in is_open],
            same_records=[corrections.line(row) for row in same if row.state not in is_open][:3],
            same_maker=[corrections.line(row) for row in by_maker[:3]],
        )

    @cached_property
    def reverted_by(self) -> list[Listed]:
        """Corrections that take this one back, oldest first."""
        return [corrections.line(row) for row in reversed(self.beside) if row.reverts_id == self.correction.pk]

    @cached_property
    def beside(self) -> list[Any]:
        """All corrections that are mentioned on the page, newest first, in one query."""
        others = corrections.visible(actor=self.actor, rights=self.rights, are_few=True)
        others = others.exclude(pk=self.correction.pk).exclude(state=State.DRAFT)
        same = _on_same_records(self.raw_changes)
        ways = [
            others.filter(pk__in=same.values("correction_id")).order_by("-pk")[: limits.RELATED_ROWS_MAX],
            others.filter(maker_person_id=self.correction.maker_person_id).order_by("-pk")[:3],
            others.filter(reverts=self.correction).order_by("pk")[: limits.RELATED_ROWS_MAX],
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


def receivers(correction: Correction, excluded: frozenset[int], rights: Rights) -> list[tuple[int, str]]:
    """Accounts in force, of other people, with the function of the open step."""
    function = Q(
        groups__permissions__codename=codename(correction.step_role or Role.CHECKER),
        groups__permissions__content_type__app_label="corrections",
    )
    found = get_user_model()._default_manager.filter(
        function, is_active=True, is_superuser=False, person__isnull=False, person__is_active=True
    )
    others = found.exclude(person_id__in={*excluded, rights.person_id}).distinct().select_related("person")
    return [(user.pk, str(user.person)) for user in others.order_by("person__name")[: limits.RECEIVERS_SHOWN_MAX]]
