"""The clock's own acts: it reminds of a step that waits, escalates it to the next group, and ends what ran out of time.

Each correction in its own transaction through the private door, each act only where it is due and at most once per
step: a second run, or a second worker at the same moment, finds nothing to do. What is on hold rests: it is reminded,
escalated or ended once it is released. The clock decides nothing, and escalation lowers nothing: it lets one more role
sign, by as many people and with the same exclusions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, State
from corrections.conf import limits
from corrections.errors import CorrectionError, IllegalState, NotAllowed
from corrections.models import Correction
from corrections.roles import Role
from corrections.services import _door, mails, notices
from corrections.services.apply import apply_due
from corrections.services.withdraw import EXPIRING, expire
from corrections.working_time import Calendar, NoWorkingTime, calendar_between

SAID_EVERY = 100


class NotDue(IllegalState):
    code = "clock_finds_nothing_due"
    message = _("This is not due yet, or was done already.")


class ClockIsNotYours(NotAllowed):
    code = "clock_is_for_machines"
    message = _("Reminders and escalations are the clock's work: a machine's account does it, or compliance.")


def remind(*, actor: Any, correction: Correction) -> Correction:
    """Records that the open step is reminded of, once per step; the notices follow from that. Raises NotDue."""
    with _door.opened(actor=actor, correction=correction) as act:
        step = _demand_waiting(act)
        if act.correction.reminded_at is not None or not _is_over(act, act.demand.reminder_hours):
            raise NotDue
        act.correction.reminded_at = act.now
        act.correction.save(update_fields=["reminded_at"])
        act.record(AuditKind.REMINDED, step=step)
    return act.correction


def escalate(*, actor: Any, correction: Correction) -> Correction:
    """Lets the role that the open step escalates to sign as well. Raises NotDue."""
    with _door.opened(actor=actor, correction=correction) as act:
        step = _demand_waiting(act)
        pinned = act.demand.steps[step - 1]
        is_new = pinned.escalates_to not in ("", pinned.role) and not act.correction.escalated_role
        if not is_new or not _is_over(act, act.demand.escalation_hours):
            raise NotDue
        act.correction.escalated_role = pinned.escalates_to
        act.correction.save(update_fields=["escalated_role"])
        act.record(AuditKind.ESCALATED, step=step, role=pinned.escalates_to)
    return act.correction


def _demand_waiting(act: _door.Act) -> int:
    """The open step of a correction that waits for a decision, asked for by who may do the clock's work."""
    is_machine = getattr(act.actor, "kind", "human") != "human"
    if not is_machine and not act.rights.holds(Role.COMPLIANCE, act.scope_keys):
        raise ClockIsNotYours
    act.demand_state(State.SUBMITTED)
    act.demand_not_held()
    step = act.correction.step
    if step is None or not 1 <= step <= len(act.demand.steps):
        raise NotDue
    return step


def _is_over(act: _door.Act, hours: int) -> bool:
    opened = act.correction.step_opened_at
    return opened is not None and have_passed(opened, hours, act.now, _calendar(opened, act.now))


def have_passed(since: dt.datetime, hours: int, now: dt.datetime, calendar: Calendar) -> bool:
    """Whether so many working hours have passed; 0 hours never do."""
    if not hours or since + dt.timedelta(hours=hours) > now:
        return False  # working hours are never more than those of the clock
    try:
        return calendar.working_hours_between(since, now) >= hours
    except NoWorkingTime:
        return True  # so long ago that nobody counts any more


def _calendar(since: dt.datetime, now: dt.datetime) -> Calendar:
    return calendar_between(timezone.localdate(since), timezone.localdate(now))


# A round of the clock


@dataclass
class Round:
    """What one round did. `refused` are those that an actor may not touch, or that failed; each was said."""

    reminded: int = 0
    escalated: int = 0
    expired: int = 0
    applied: int = 0
    refused: int = 0
    notices: int = 0
    mails: int = 0
    unsent: int = 0


Say = Callable[[str], Any]
Stop = Callable[[], bool]


def _quiet(_text: str) -> None:
    return None


def _never() -> bool:
    return False


def run(*, actor: Any, say: Say = _quiet, complain: Say = _quiet, is_over: Stop = _never) -> Round:
    """One round of the whole clock: expiry, escalation, reminders, notices, mails. Safe to run beside another."""
    done = Round()
    worker = _Worker(actor, done, say, complain, is_over)
    worker.each("expired", expire, overdue())
    worker.each("escalated", escalate, to_escalate())
    worker.each("reminded", remind, to_remind())
    worker.whole(lambda: _tell(done, actor))
    worker.whole(lambda: _mail(done, actor, complain, is_over))
    return done


def _tell(done: Round, actor: Any) -> None:
    done.notices = notices.distribute(actor=actor)


def _mail(done: Round, actor: Any, complain: Say, is_over: Stop) -> None:
    done.mails, done.unsent = mails.send(actor=actor, complain=complain, is_over=is_over)


def run_due(*, actor: Any, say: Say = _quiet, complain: Say = _quiet, is_over: Stop = _never) -> Round:
    """Applies every approved correction whose cool-off is over and whose policy applies it with the approval."""
    done = Round()
    _Worker(actor, done, say, complain, is_over).each("applied", apply_due, to_apply())
    return done


@dataclass(frozen=True)
class _Worker:
    actor: Any
    done: Round
    say: Say
    complain: Say
    is_over: Stop

    def each(self, name: str, act: Callable[..., Any], found: Iterable[Correction]) -> None:
        """Does one act to each correction; what refuses is told, and the others go on."""
        for number, correction in enumerate(found, start=1):
            if self.is_over():
                return
            self._one(name, act, correction)
            if number % SAID_EVERY == 0:
                self.say(f"{name}: {number} looked at ...")

    def whole(self, act: Callable[[], None]) -> None:
        """Does what is about no single correction; a refusal, of a busy database say, waits for the next round."""
        if self.is_over():
            return
        try:
            act()
        except CorrectionError as refusal:
            self.done.refused += 1
            self.complain(f"{refusal} ({refusal.code})")

    def _one(self, name: str, act: Callable[..., Any], correction: Correction) -> None:
        try:
            act(actor=self.actor, correction=correction)
            setattr(self.done, name, getattr(self.done, name) + 1)
        except IllegalState:
            return  # decided, put on hold, or done by another worker in this moment
        except CorrectionError as refusal:
            self.done.refused += 1
            self.complain(f"{correction}: {refusal} ({refusal.code})")


def overdue() -> Iterator[Correction]:
    """Undecided, returned and forgotten, approved and not applied in time; not what is on hold."""
    rows = Correction.objects.filter(state__in=EXPIRING, is_held=False, expires_at__lte=timezone.now())
    return _rows(rows.order_by("expires_at", "pk"))


def to_apply() -> Iterator[Correction]:
    """Approved, cooled off, applied with the approval by its pinned policy, in time and not on hold."""
    now = timezone.now()
    rows = Correction.objects.filter(
        state=State.APPROVED,
        is_held=False,
        apply_not_before__lte=now,
        expires_at__gt=now,
        demand__is_applied_with_approval=True,
    )
    return _rows(rows.order_by("apply_not_before", "pk"))


def to_remind() -> Iterator[Correction]:
    return _overlong(_waiting("reminder_hours").filter(reminded_at__isnull=True), "reminder_hours")


def to_escalate() -> Iterator[Correction]:
    here = {"steps__revision": F("revision"), "steps__position": F("step")}
    rows = _waiting("escalation_hours").filter(escalated_role="", **here)
    return _overlong(rows.exclude(steps__escalates_to="").filter(**here), "escalation_hours")


def _waiting(hours: str) -> QuerySet[Correction]:
    return Correction.objects.filter(
        state=State.SUBMITTED, is_held=False, step_opened_at__isnull=False, **{f"demand__{hours}__gt": 0}
    )


def _overlong(rows: QuerySet[Correction], hours: str) -> Iterator[Correction]:
    now = timezone.now()
    found = list(_rows(rows.order_by("step_opened_at", "pk")))
    calendar = _calendar(found[0].step_opened_at or now, now) if found else Calendar()
    for correction in found:
        if have_passed(correction.step_opened_at or now, correction.demand.get(hours, 0), now, calendar):
            yield correction


def _rows(rows: QuerySet[Correction]) -> Iterator[Correction]:
    """Read whole before the first is dealt with: no cursor stays open over the transactions of the acts."""
    return iter(list(rows[: limits.CLOCK_ROWS_MAX]))
