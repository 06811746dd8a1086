"""Notices to people, made from the audit trail after the fact: a deciding transaction never waits for them.

A notice is one and the same by its key, so that events which are read again, or by two clocks at once, give it once.
Nobody is told of an act of his or her own. No notice keeps a value, a name of a customer, or why anything was done,
and none of those to a maker hints at a hidden risk flag.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, DecisionKind, NoticeKind, State
from corrections.conf import limits
from corrections.errors import NotAllowed
from corrections.models import (
    AuditEvent,
    Batch,
    CheckResult,
    ClockMark,
    Correction,
    CorrectionScope,
    Delegation,
    Notice,
)
from corrections.permissions import holds_where, rights_of_holders
from corrections.roles import Role
from corrections.selectors import views
from corrections.selectors.inbox import RowCounts
from corrections.selectors.signers import StepSigners, is_enough, signers_of
from corrections.services import _door, mails

MARK = "notices"
KEYS_PER_STATEMENT = 500


class NoticeIsNotYours(NotAllowed):
    code = "notice_is_not_yours"
    message = _("This notice is not to you.")


# Reading


def mark_read(*, actor: Any, notice: Notice) -> Notice:
    """Notes that the person has read one of his or her own notices."""
    with _door.opened(actor=actor) as act:
        pk = notice.pk if isinstance(notice, Notice) and _door.is_key(notice.pk) else None
        own = Notice.objects.filter(pk=pk or 0, person_id=act.actor.person_id or 0)
        if not own.exists():
            raise NoticeIsNotYours
        own.filter(read_at__isnull=True).update(read_at=act.now)
    notice.refresh_from_db()
    return notice


def mark_all_read(*, actor: Any, up_to: int) -> int:
    """Notes that the person has read all own notices up to this one; what came meanwhile stays unread."""
    with _door.opened(actor=actor) as act:
        if not _door.is_key(up_to):
            raise NoticeIsNotYours
        own = Notice.objects.filter(person_id=act.actor.person_id or 0, read_at__isnull=True, pk__lte=up_to)
        return own.update(read_at=act.now)


# Distributing


def distribute(*, actor: Any, with_mails: bool | None = None) -> int:
    """Gives people their notices of all that happened since the last time; gives how many were new.

    Without mails (by default where the site sends none) the notices made now are never mailed later either.
    """
    writer = _Writer(actor, mails.are_on() if with_mails is None else with_mails)
    mark = _Mark.read(actor)
    given = 0
    while events := _events_after(mark.looked_at):
        given += writer.write(_notices_of(events))
        mark.pass_over(events)
    mark.keep(actor)
    return given + writer.write(_unsigned())


@dataclass
class _Mark:
    """How far the audit trail was read, for good (`settled`) and in this run (`looked_at`).

    PostgreSQL shows events in the order of their commits, not of their numbers. Numbers come one by one, so a gap is
    a transaction that is still open, or one that was taken back. What stands behind a gap is dealt with at once, but
    read again until it is so old that the transaction in the gap must have ended.
    """

    settled: int
    looked_at: int
    waits: bool = False

    @classmethod
    def read(cls, actor: Any) -> _Mark:
        kept = ClockMark.objects.filter(name=MARK).first()
        if kept is None:
            with _door.opened(actor=actor):
                kept, _is_new = ClockMark.objects.get_or_create(name=MARK)
        return cls(kept.last_event, kept.last_event)

    def pass_over(self, events: Sequence[AuditEvent]) -> None:
        old = timezone.now() - dt.timedelta(seconds=limits.CLOCK_SETTLE_SECONDS)
        for event in events:
            self.waits = self.waits or (event.pk != self.settled + 1 and event.at > old)
            if not self.waits:
                self.settled = event.pk
        self.looked_at = events[-1].pk

    def keep(self, actor: Any) -> None:
        """Only ever forward: another clock may have gone further."""
        behind = ClockMark.objects.filter(name=MARK, last_event__lt=self.settled)
        if behind.exists():
            with _door.opened(actor=actor):
                behind.update(last_event=self.settled)


def _events_after(pk: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(pk__gt=pk).order_by("pk")[: limits.EVENTS_PER_PASS])


@dataclass(frozen=True)
class _Writer:
    actor: Any
    with_mails: bool

    def write(self, wanted: Iterable[Notice]) -> int:
        """Writes those that are new; in the order of their keys, so that two clocks don't wait for each other."""
        by_key = {notice.key: notice for notice in wanted}
        keys, known = sorted(by_key), set()
        for start in range(0, len(keys), KEYS_PER_STATEMENT):
            part = keys[start : start + KEYS_PER_STATEMENT]
            known |= set(Notice.objects.filter(key__in=part).values_list("key", flat=True))
        missing = [by_key[key] for key in keys if key not in known]
        if not missing:
            return 0
        with _door.opened(actor=self.actor) as act:
            for notice in missing:
                notice.at, notice.mailed_at = act.now, None if self.with_mails else act.now
            Notice.objects.bulk_create(missing, ignore_conflicts=True, batch_size=KEYS_PER_STATEMENT)
        return len(missing)


# What an event means, and to whom


def _notices_of(events: Sequence[AuditEvent]) -> Iterator[Notice]:
    oldest = timezone.now() - dt.timedelta(days=limits.NOTICE_DAYS_MAX)
    told = [event for event in events if event.kind in RULES and event.at >= oldest]
    corrections = Correction.objects.in_bulk({event.correction_id for event in told if event.correction_id})
    cases: dict[int, _Case] = {pk: _Case(correction) for pk, correction in corrections.items()}
    for event in told:
        case = cases.get(event.correction_id or 0) or _Case(None)
        for notice in RULES[event.kind](event, case):
            if notice.person_id != event.actor_person_id:
                yield notice


class _Case:
    """One correction as the notices of one pass need it; each thing is asked at most once."""

    def __init__(self, correction: Correction | None) -> None:
        self.correction: Any = correction

    @cached_property
    def keys(self) -> frozenset[str]:
        found = CorrectionScope.objects.filter(correction=self.correction).values_list("key", flat=True)
        return frozenset(found)

    @cached_property
    def steps(self) -> list[StepSigners]:
        return signers_of(self.correction)

    @cached_property
    def is_batch(self) -> bool:
        return Batch.objects.filter(correction=self.correction).exists()

    @property
    def last_approver(self) -> list[int]:
        given = self.correction.decisions.filter(revision=self.correction.revision, kind=DecisionKind.APPROVE)
        return list(given.order_by("-step", "-decided_at", "-pk").values_list("person_id", flat=True)[:1])

    @property
    def waits(self) -> bool:
        return bool(self.correction.state == State.SUBMITTED and not self.correction.is_held)

    @property
    def signers(self) -> list[int]:
        """People who could sign the open step."""
        return _few(signer.person_id for signer in self.steps[0].signers) if self.steps else []

    def holders(self, role: str) -> list[int]:
        found = rights_of_holders([role])
        return _few(user.person_id for user, rights in found if rights.holds(role, self.keys))


def _few(people: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(people))[: limits.NOTICE_RECEIVERS_MAX]


def _notice(kind: NoticeKind, person: int, correction: Correction | None, key: str, subject: str = "") -> Notice:
    return Notice(person_id=person, kind=kind, correction=correction, subject=subject, key=f"{kind}:{key}:{person}")


def _to_maker(kind: NoticeKind) -> Callable[[AuditEvent, _Case], Iterator[Notice]]:
    def tell(event: AuditEvent, case: _Case) -> Iterator[Notice]:
        yield _notice(kind, case.correction.maker_person_id, case.correction, f"{event.pk}")

    return tell


def _ended(kind: NoticeKind, of_batch: NoticeKind) -> Callable[[AuditEvent, _Case], Iterator[Notice]]:
    """To the maker; of a batch to its last approver too, with how many rows were applied and how many not."""

    def tell(event: AuditEvent, case: _Case) -> Iterator[Notice]:
        if not case.is_batch:
            yield from _to_maker(kind)(event, case)
            return
        counts = RowCounts.of_event(event.detail)
        for person in dict.fromkeys([case.correction.maker_person_id, *case.last_approver]):
            yield _notice(of_batch, person, case.correction, f"{event.pk}", subject=str(counts))

    return tell


def _to_signers(event: AuditEvent, case: _Case) -> Iterator[Notice]:
    """To whoever can sign the step that is open now, once per step; and to user administrators where too few can."""
    correction = case.correction
    if not case.waits:
        return
    place = f"{correction.pk}:{correction.revision}:{correction.step}"
    for person in case.signers:
        yield _notice(NoticeKind.TO_DECIDE, person, correction, place)
    yield from _too_few(case, place)


def _too_few(case: _Case, key: str) -> Iterator[Notice]:
    if not case.steps or is_enough(case.steps):
        return
    role = next((found.step.role for found in case.steps if len(found.signers) < found.missing), "")
    for user, rights in rights_of_holders([Role.USER_ADMIN]):
        if Role.USER_ADMIN in rights.everywhere:
            yield _notice(NoticeKind.NOBODY_TO_SIGN, user.person_id, case.correction, key, subject=role)


def _tier_raised(event: AuditEvent, case: _Case) -> Iterator[Notice]:
    """The maker is not told where a hidden flag may be the reason; whoever signs is."""
    hidden = CheckResult.objects.filter(correction=case.correction, revision=event.revision or 0, is_hidden=True)
    if not hidden.exists():
        yield from _to_maker(NoticeKind.TIER_RAISED)(event, case)
    yield from _to_signers(event, case)


def _reminder(event: AuditEvent, case: _Case) -> Iterator[Notice]:
    if not case.waits or case.correction.step != event.detail.get("step"):
        return
    for person in case.signers:
        yield _notice(NoticeKind.REMINDER, person, case.correction, f"{event.pk}")
    yield from _too_few(case, f"{event.pk}")


def _escalated(event: AuditEvent, case: _Case) -> Iterator[Notice]:
    """To people of the next group who could sign."""
    role = case.correction.escalated_role
    if not case.waits or not role or not case.steps:
        return
    scope = case.steps[0].step.scope
    group = {
        user.person_id for user, rights in rights_of_holders([role]) if holds_where(rights, role, scope, case.keys)
    }
    for person in case.signers:
        if person in group:
            yield _notice(NoticeKind.ESCALATED, person, case.correction, f"{event.pk}")


def _rekey_missed(event: AuditEvent, case: _Case) -> Iterator[Notice]:
    for person in case.holders(Role.COMPLIANCE):
        yield _notice(NoticeKind.REKEY_MISSED, person, case.correction, f"{event.pk}")


def _broken_glass(event: AuditEvent, case: _Case) -> Iterator[Notice]:
    """Its countersignature is waited for from now on, by anybody independent with a role of its steps."""
    if case.correction.state != State.APPLIED:
        return
    roles = dict.fromkeys(step["role"] for step in case.correction.demand.get("steps", ()))
    excluded = {*case.correction.contributions.values_list("person_id", flat=True), case.correction.maker_person_id}
    for person in _few(person for role in roles for person in case.holders(role)):
        if person not in excluded:
            yield _notice(NoticeKind.TO_DECIDE, person, case.correction, f"{event.pk}")


def _role_asked(event: AuditEvent, case: _Case) -> Iterator[Notice]:
    for user, rights in rights_of_holders([Role.USER_ADMIN]):
        if Role.USER_ADMIN in rights.everywhere:
            yield _notice(NoticeKind.ROLE_ASKED, user.person_id, None, f"{event.pk}", subject=event.subject)


def _delegated(event: AuditEvent, case: _Case) -> Iterator[Notice]:
    pk = event.subject.removeprefix("delegation:")
    found = Delegation.objects.filter(pk=int(pk)).first() if pk.isdecimal() else None
    if found is not None:
        yield _notice(NoticeKind.DELEGATED, found.receiver_id, None, f"{event.pk}", subject=found.role)


RULES: Mapping[str, Callable[[AuditEvent, _Case], Iterator[Notice]]] = {
    AuditKind.SUBMITTED: _to_signers,
    AuditKind.APPROVED: _to_signers,
    AuditKind.RELEASED: _to_signers,
    AuditKind.TIER_RAISED: _tier_raised,
    AuditKind.RETURNED: _to_maker(NoticeKind.RETURNED),
    AuditKind.REJECTED: _to_maker(NoticeKind.REJECTED),
    AuditKind.APPLIED: _ended(NoticeKind.APPLIED, NoticeKind.BATCH_APPLIED),
    AuditKind.FAILED: _ended(NoticeKind.FAILED, NoticeKind.BATCH_FAILED),
    AuditKind.STOPPED: _ended(NoticeKind.FAILED, NoticeKind.BATCH_STOPPED),
    AuditKind.EXPIRED: _to_maker(NoticeKind.EXPIRED),
    AuditKind.HELD: _to_maker(NoticeKind.HELD),
    AuditKind.REMINDED: _reminder,
    AuditKind.ESCALATED: _escalated,
    AuditKind.REKEY_MISSED: _rekey_missed,
    AuditKind.BROKEN_GLASS: _broken_glass,
    AuditKind.ROLE_ASKED: _role_asked,
    AuditKind.DELEGATED: _delegated,
}


def _unsigned() -> Iterator[Notice]:
    """To compliance, daily, while a correction applied by break-glass is not countersigned in time."""
    today = timezone.localdate()
    for correction in uncountersigned().filter(state=State.APPLIED, countersign_by__lt=timezone.now()):
        for person in _Case(correction).holders(Role.COMPLIANCE):
            yield _notice(NoticeKind.UNSIGNED_BREAK_GLASS, person, correction, f"{correction.pk}:{today}")


def uncountersigned() -> Any:
    """Corrections applied by break-glass that nobody has countersigned, found by their audit events."""
    return Correction.objects.filter(views.uncountersigned()).order_by("pk")
