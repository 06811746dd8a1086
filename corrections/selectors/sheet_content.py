"""What one correction asks for, as one account may see it: its changes, its words, what it was pinned to, who decided.

The first part of the sheet (selectors/sheet.py), on which the others stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from corrections.conf import limits
from corrections.models import Change, Correction, Decision, Incident
from corrections.permissions import Rights
from corrections.policies import Demand, of_policy
from corrections.roles import DECIDING_ROLES
from corrections.selectors.batch_rows import Looking, Row, first_warned, rows_of, sampled
from corrections.selectors.batches import BatchSheet, batch_of
from corrections.selectors.blind import Blind, blind_of, hidden_names
from corrections.selectors.changes import ChangeSheet, Live, change_sheets, live_rows
from corrections.selectors.facts import Facts, facts_of
from corrections.selectors.stake import Stake, pinned_stake


class Content:
    """Every part is read at most once."""

    def __init__(self, *, actor: Any, rights: Rights, correction: Correction) -> None:
        self.actor = actor
        self.rights = rights
        self.correction = correction

    @cached_property
    def batch(self) -> BatchSheet | None:
        """What a batch is in sum; None for a correction that is entered by hand."""
        batch = batch_of(self.correction)
        if batch is None:
            return None
        return BatchSheet(
            batch,
            self.correction,
            scopes=self.facts.scopes,
            hidden=self.hidden_names,
            clean=lambda text: self.blind.clean(text),
        )

    @cached_property
    def raw_changes(self) -> list[Change]:
        """All changes; of a batch those that were drawn at random, its first ones where nothing was drawn yet."""
        changes = self.correction.changes.order_by("position")
        if self.batch is None:
            return list(changes)
        drawn = sampled(self.batch.batch)
        return list(changes.filter(position__in=drawn) if drawn else changes[: limits.BATCH_SAMPLE_ROWS])

    @cached_property
    def looking(self) -> Looking | None:
        """Who looks at the rows of which batch."""
        if self.batch is None:
            return None
        return Looking(self.actor, self.rights, self.correction, self.batch.batch, self.hidden_names)

    @cached_property
    def rows(self) -> list[Row]:
        """The changes of a batch that stand on its page, with what machines say of each."""
        return rows_of(self.looking, self.raw_changes, self.live) if self.looking else []

    @cached_property
    def warned_rows(self) -> list[Row]:
        """The first rows of a batch of which a check says something."""
        if self.looking is None or self.batch is None or not self.batch.warned:
            return []
        return first_warned(self.looking, limits.BATCH_SAMPLE_ROWS)

    @property
    def record_count(self) -> int:
        return len(self.raw_changes) if self.batch is None else self.batch.changes

    @cached_property
    def changes(self) -> list[ChangeSheet]:
        return change_sheets(self.correction, self.raw_changes, self.live, self.blind)

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

    # What is hidden

    @cached_property
    def has_contributed(self) -> bool:
        """I-01: whoever made, edited or brought something of it; such a person never signs."""
        return self.rights.person_id in {*self.facts.contributors, self.correction.maker_person_id}

    @property
    def sees_hidden(self) -> bool:
        """Whether this account may know what nobody tips the maker off about: who signs or audits, and made nothing."""
        return not self.has_contributed and not self.rights.signing_roles.isdisjoint(DECIDING_ROLES)

    @cached_property
    def blind(self) -> Blind:
        """New values that this account may not see yet, because they are keyed blindly."""
        return blind_of(self.hidden_names, self.raw_changes)

    @cached_property
    def hidden_names(self) -> frozenset[str]:
        """Names of the fields whose new values this account may not see yet."""
        return hidden_names(
            self.correction,
            demand=self.demand,
            decisions=self.decisions_now,
            has_contributed=self.has_contributed,
        )

    @property
    def summary(self) -> str:
        return self.blind.clean(self.correction.summary)

    @property
    def note(self) -> str:
        return self.blind.clean(self.correction.note)

    @property
    def ticket(self) -> str:
        return self.blind.clean(self.correction.ticket)

    @property
    def outcome_note(self) -> str:
        return self.blind.clean(self.correction.outcome_note)

    @property
    def hold_comment(self) -> str:
        return self.blind.clean(self.correction.hold_comment)

    @property
    def amounts(self) -> Mapping[str, str]:
        """Money at stake by currency; nothing where the sum would tell a hidden value."""
        amounts = self.correction.amounts
        return {} if any(map(self.blind.is_told_by, amounts.values())) else amounts

    @cached_property
    def stake(self) -> Stake | None:
        """The amount in the policy currency, with what it was added up with."""
        found = pinned_stake(self.correction.demand) if self.amounts else None
        return None if found is None or any(map(self.blind.is_told_by, found.amount.values())) else found

    # What it was pinned to, and what was decided

    @cached_property
    def demand(self) -> Demand:
        """What the present revision was pinned to."""
        if self.correction.demand:
            return Demand.from_json(self.correction.demand)
        return Demand() if self.correction.policy is None else of_policy(self.correction.policy)

    @cached_property
    def decisions(self) -> list[Decision]:
        """All decisions, of every revision, in order."""
        return list(self.facts.decisions)

    @cached_property
    def decisions_now(self) -> list[Decision]:
        return [decision for decision in self.decisions if decision.revision == self.correction.revision]
