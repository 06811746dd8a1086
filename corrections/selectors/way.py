"""The way of a correction through its signatures: what each step asks for, who signed by which right, who can next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from corrections.checks import title_of
from corrections.choices import Acknowledged, StepScope, StepToken
from corrections.models import Decision
from corrections.policies import StepDemand
from corrections.roles import Role
from corrections.selectors.blind import Blind
from corrections.working_time import Calendar, DayNotRead, NoWorkingTime


@dataclass(frozen=True)
class Answer:
    """How one warning was passed."""

    title: str
    reason: str
    words: str


@dataclass(frozen=True)
class Signed:
    """A decision, with the right by which it was given; its words without what is hidden from the reader."""

    decision: Decision
    hidden: Blind = field(default_factory=Blind)

    @property
    def comment(self) -> str:
        return self.hidden.clean(self.decision.comment)

    @property
    def name(self) -> str:
        return self.decision.person_name

    @property
    def by_right(self) -> str:
        """Where it is not the person's own role of that step: for whom, or in which role by escalation."""
        decision = self.decision
        if decision.delegation is not None:
            return _("for %(name)s") % {"name": decision.delegation.giver}
        if decision.held_role:
            return _("escalated, as %(role)s") % {"role": decision.get_held_role_display()}
        return ""

    @property
    def token(self) -> str:
        return "" if self.decision.token == StepToken.NONE else str(self.decision.get_token_display())

    @property
    def confirmed(self) -> str:
        """Rows of the sample that the person compared with the evidence, by their lines."""
        return ", ".join(map(str, self.decision.confirmed))

    @property
    def answers(self) -> list[Answer]:
        found = answers_of(self.decision.acknowledged)
        return [replace(one, words=self.hidden.clean(one.words)) for one in found]


def answers_of(acknowledged: Mapping[str, Mapping[str, str]]) -> list[Answer]:
    """Warnings that were passed, with the reason given for each."""
    words = dict(Acknowledged.choices)
    return [
        Answer(title_of(code), str(words.get(given.get("reason", ""), given.get("reason", ""))), given.get("words", ""))
        for code, given in acknowledged.items()
    ]


@dataclass(frozen=True)
class WayStep:
    """One step: whose role, how many people, what it asks of them, who signed, whether it is the open one."""

    demand: StepDemand
    signed: tuple[Signed, ...] = ()
    is_open: bool = False
    can_sign: str = ""
    is_short: bool = False  # too few people can sign it
    escalated_to: str = ""

    @property
    def role(self) -> str:
        return self.demand.role_label

    @property
    def people(self) -> int:
        return self.demand.people

    @property
    def is_done(self) -> bool:
        return len(self.signed) >= self.people

    @property
    def asks(self) -> list[str]:
        """What it asks beyond a signature of the role on the record's branch."""
        asked = []
        if self.demand.scope != StepScope.TARGET:
            asked.append(str(StepScope(self.demand.scope).label))
        if self.demand.token != StepToken.NONE:
            asked.append(_("token: %(which)s") % {"which": StepToken(self.demand.token).label})
        return asked


def escalation_of(role: str) -> str:
    return str(Role(role).label) if role else ""


@dataclass(frozen=True)
class Clocks:
    """Since when the open step waits, and to whom it goes when, if nobody signs."""

    since: dt.datetime | None = None
    escalates_to: str = ""
    escalates_at: dt.datetime | None = None


def clocks(since: dt.datetime | None, step: StepDemand | None, hours: int, calendar: Calendar) -> Clocks:
    """Escalation after so many working hours; none where the step escalates to nobody, or the calendar ends before."""
    if since is None or step is None or not hours or step.escalates_to in ("", step.role):
        return Clocks(since)
    try:
        return Clocks(since, escalation_of(step.escalates_to), calendar.add_working_hours(since, hours))
    except (NoWorkingTime, DayNotRead):
        return Clocks(since)
