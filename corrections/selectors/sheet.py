"""One correction as a page shows it: all that a decision needs, masked, in a number of queries that doesn't grow.

Frozen dataclasses; nothing here writes, and the caller has asked whether the account may see the correction. What it
asks for stands in sheet_content.py, what machines say of it in sheet_verdicts.py; here are its people and its story.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corrections.choices import AuditKind, DecisionKind, State
from corrections.conf import limits
from corrections.models import Decision
from corrections.permissions import Rights
from corrections.policies import StepDemand
from corrections.roles import Role
from corrections.selectors import revisions
from corrections.selectors.acts import Acts, Standing, acts
from corrections.selectors.batch_rows import sampled
from corrections.selectors.beside import Related, beside, line, related
from corrections.selectors.corrections import Listed
from corrections.selectors.facts import clock_days
from corrections.selectors.handled import barred
from corrections.selectors.papers import EvidenceSheet, papers
from corrections.selectors.sheet_verdicts import Judged
from corrections.selectors.signers import StepSigners, holders_of, signers
from corrections.selectors.timeline import Event, timeline
from corrections.selectors.way import Clocks, Signed, WayStep, clocks, escalation_of
from corrections.working_time import calendar_of


@dataclass(frozen=True)
class Keying:
    """What somebody has still to key, and how often it went wrong."""

    misses: int

    @property
    def left(self) -> int:
        return max(0, limits.REKEY_MISSES_MAX - self.misses)

    @property
    def is_barred(self) -> bool:
        return not self.left


@dataclass(frozen=True)
class Keyed:
    """One field that was keyed, and whether it was as the maker keyed it; never the value."""

    label: str
    who: str
    agrees: bool


@dataclass(frozen=True)
class Moved:
    """What moved since the last revision, and what it was sent back with."""

    since: int
    comment: str
    by: str
    differences: list[revisions.Difference]


class Sheet(Judged):
    """The read model of one correction for one account. Every part is read at most once."""

    # People

    def _is_countersigned(self) -> bool:
        broken = self.correction.broke_glass_at
        return broken is not None and any(
            decision.kind == DecisionKind.APPROVE and decision.decided_at > broken for decision in self.decisions
        )

    @cached_property
    def acts(self) -> Acts:
        return acts(
            Standing(
                actor=self.actor,
                rights=self.rights,
                correction=self.correction,
                keys=frozenset(scope.key for scope in self.facts.scopes),
                contributors=self.facts.contributors,
                deciders=self.deciders,
                barred=self.barred,
                demand=self.demand,
                is_countersigned=self._is_countersigned(),
                batch=None if self.batch is None else self.batch.batch,
                has_failed_rows=self._has_failed_rows(),
            )
        )

    def _has_failed_rows(self) -> bool:
        progress = None if self.batch is None else self.batch.progress
        return progress is not None and progress.done + progress.waiting > progress.applied

    @cached_property
    def deciders(self) -> frozenset[int]:
        """Who decided the present revision, and in whose stead."""
        givers = {decision.delegation.giver_id for decision in self.decisions_now if decision.delegation}
        return frozenset(givers.union(decision.person_id for decision in self.decisions_now))

    @cached_property
    def barred(self) -> frozenset[int]:
        """People who handled one of the records, where that bars them (查核不返原岗)."""
        if self.correction.state not in (State.SUBMITTED, State.APPROVED):
            return frozenset()
        return barred(self.raw_changes, self.live)

    @cached_property
    def signers(self) -> Mapping[int, StepSigners]:
        """Who could sign each step that waits, by its position."""
        if self.correction.state != State.SUBMITTED or not self.correction.step:
            return {}
        excluded = {self.correction.maker_person_id, *self.facts.contributors, *self.deciders, *self.barred}
        keys = {scope.key for scope in self.facts.scopes}
        return {
            one.position: one
            for one in signers(self.demand, keys, excluded, correction=self.correction, known=self.holders)
        }

    @cached_property
    def way(self) -> list[WayStep]:
        """The signatures that this revision needs, in order."""
        return [self._step(position, step) for position, step in enumerate(self.demand.steps, start=1)]

    def _step(self, position: int, step: StepDemand) -> WayStep:
        approvals = [decision for decision in self.decisions_now if decision.kind == DecisionKind.APPROVE]
        signed = tuple(Signed(decision) for decision in approvals if decision.step == position)
        able = None if len(signed) >= step.people else self.signers.get(position)
        is_open = self.correction.state == State.SUBMITTED and self.correction.step == position
        return WayStep(
            demand=step,
            signed=signed,
            is_open=is_open,
            can_sign=able.names if able else "",
            is_short=able is not None and len(able.signers) < step.people - len(signed),
            escalated_to=escalation_of(self.correction.escalated_role) if is_open else "",
        )

    @property
    def open_step(self) -> WayStep | None:
        return next((step for step in self.way if step.is_open), None)

    @cached_property
    def clocks(self) -> Clocks:
        """What happens when if nobody signs the open step."""
        since, step = self.correction.step_opened_at, self.open_step
        if since is None or step is None or step.escalated_to:
            return Clocks(since)
        calendar = calendar_of(self.facts.days, *clock_days(since))
        return clocks(since, step.demand, self.demand.escalation_hours, calendar)

    @cached_property
    def signatures(self) -> list[Signed]:
        """All decisions, with the right by which each was given."""
        return [Signed(decision, self.blind) for decision in self.decisions]

    # Blind re-key and token, of the open step

    @cached_property
    def keying(self) -> Keying | None:
        """What this account keys to sign the open step; None where it keys nothing."""
        step = self.open_step
        if step is None or not step.demand.is_rekeying or "approve" not in self.acts.offered or not self.blind.keyed:
            return None
        return Keying(misses=self._misses())

    @cached_property
    def confirming(self) -> int:
        """How many of the rows drawn at random this account confirms one by one to sign the open step."""
        if self.batch is None or "approve" not in self.acts.offered:
            return 0
        return min(self.demand.sample_rows, len(sampled(self.batch.batch)))

    def _misses(self) -> int:
        own = (one for one in self.facts.keyings if one.person_id == self.rights.person_id and not one.agrees)
        return len({one.at for one in own if one.revision == self.correction.revision})

    @cached_property
    def keyed(self) -> list[Keyed]:
        """Who keyed which field in this revision, and whether it agreed."""
        labels = {(change.id, line.name): line.label for change in self.changes for line in change.lines}
        return [
            Keyed(labels.get((one.change_id, one.field), one.field), one.person_name, one.agrees)
            for one in self.facts.keyings
            if one.revision == self.correction.revision
        ]

    @property
    def needs_executor(self) -> bool:
        return bool(self.demand.steps) and not self.demand.is_applied_with_approval

    @cached_property
    def holders(self) -> list[tuple[Any, Rights]]:
        """Accounts that hold or borrowed a role of some step, while it waits."""
        is_waiting = self.correction.state == State.SUBMITTED and self.correction.step
        return holders_of(self.demand, self.correction) if is_waiting else []

    @property
    def handed_to(self) -> list[str]:
        """Names of those to whom this correction was handed, while it waits."""
        return [str(user.person) for user, rights in self.holders if self.correction.pk in rights.handed]

    @property
    def receivers(self) -> list[tuple[int, str]]:
        """Accounts to which the open step could be handed: the step's function, and independent of this revision."""
        if "hand_over" not in self.acts.offered:
            return []
        role = self.correction.step_role or Role.CHECKER
        barred = {self.correction.maker_person_id, *self.facts.contributors, *self.deciders, self.rights.person_id}
        able = [user for user, rights in self.holders if role in rights.roles and user.person_id not in barred]
        named = sorted((str(user.person), user.pk) for user in able)
        return [(pk, name) for name, pk in named[: limits.RECEIVERS_SHOWN_MAX]]

    # Evidence

    @cached_property
    def evidence(self) -> list[EvidenceSheet]:
        return papers(self.correction, self.rights.person_id, self.blind)

    # What happened

    @cached_property
    def timeline(self) -> list[Event]:
        is_told = Role.COMPLIANCE in self.rights.roles and not self.has_contributed
        kept_back = () if is_told else (AuditKind.REFERRED,)
        return timeline(self.correction, self.decisions, self.facts.keyings, self.blind, kept_back=kept_back)

    @cached_property
    def moved(self) -> Moved | None:
        """What moved between the last two submissions; nothing for a first revision."""
        if self.correction.revision == 1:
            return None
        last = self.facts.revisions
        if len(last) < 2 or self.correction.revision != last[0].number:
            return None
        found = revisions.differences(last[1], last[0], self.blind)
        return Moved(last[1].number, *self._sent_back(last[1].number), found)

    def _sent_back(self, revision: int) -> tuple[str, str]:
        """The comment with which a revision was returned, and whose it is."""
        decision = self.return_of(revision)
        return (self.blind.clean(decision.comment), decision.person_name) if decision else ("", "")

    def return_of(self, revision: int) -> Decision | None:
        """The decision that sent a revision back."""
        found = (d for d in reversed(self.decisions) if d.revision == revision and d.kind == DecisionKind.RETURN)
        return next(found, None)

    # Beside it

    @cached_property
    def related(self) -> Related:
        """Open corrections of the same records, the last of them, and the last of the same maker."""
        return related(self.beside, self.correction, self.blind)

    @cached_property
    def reverted_by(self) -> list[Listed]:
        """Corrections that take this one back, oldest first."""
        return [line(row, self.blind) for row in reversed(self.beside) if row.reverts_id == self.correction.pk]

    @cached_property
    def beside(self) -> list[Any]:
        """All corrections that are mentioned on the page, newest first, in one query."""
        changes = self.raw_changes if self.batch is None else ()
        return beside(self.correction, changes, actor=self.actor, rights=self.rights)
