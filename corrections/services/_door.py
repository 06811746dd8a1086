"""The one private door: every service goes through it, and nothing else writes a correction.

It opens the transaction and the gate, reads the actor afresh, locks the correction, lets the service act, writes the
audit events, and only then commits (I-08). Refusals come in one order: the actor (an account in force), the
correction's state, a hold, the person's exclusion (I-01, I-02), the role on the scopes, the digest, the content.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, connection, models
from django.db.models import BigIntegerField, CharField, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from corrections.choices import AuditKind, ContributionKind, State
from corrections.engine import faults, gate
from corrections.engine.apply import DatabaseRefused
from corrections.errors import CorrectionError, IllegalState, NotAllowed
from corrections.models import AuditEvent, Batch, Change, Contribution, Correction, Decision
from corrections.permissions import Rights, is_usable, rights_of
from corrections.policies import Demand, of_policy
from corrections.services import _turn


class ActorMissing(NotAllowed):
    code = "actor_is_required"
    message = _("Nobody is named as the one who does this.")


class ActorOutOfForce(NotAllowed):
    code = "actor_is_not_active"
    message = _("This account, or the person it belongs to, is deactivated.")


class ActorIsNoPerson(NotAllowed):
    code = "actor_needs_a_person"
    message = _("This account belongs to no person, so it can't make or decide corrections.")


class OnHold(IllegalState):
    code = "correction_is_on_hold"
    message = _("Compliance has put this correction on hold. Wait until it is released.")


class OutOfTime(IllegalState):
    """I-09: silence is never permission, not even before the clock's work is done."""

    code = "correction_is_out_of_time"
    message = _("This correction was not decided and applied in time. The maker may withdraw it and make a new one.")


# Where an act begins a correction, or is about none.
NO_CORRECTION: Any = object()
NAME_CHARS_MAX = 200


@dataclass(frozen=True)
class Signature:
    """A decision on the present revision, as far as later ones depend on it."""

    person_id: int
    step: int
    kind: str
    digest: str
    stead_id: int | None = None  # the absent person by whose delegation it was given

    @property
    def people(self) -> frozenset[int | None]:
        """Whose signature it is: whoever was stood in for doesn't sign as well."""
        return frozenset({self.person_id, self.stead_id} - {None})


@dataclass
class Act:
    """One act at the door: the fresh actor, the locked correction, and what will be recorded."""

    actor: Any
    now: dt.datetime
    correction: Correction = field(default=None)  # type: ignore[assignment]
    events: list[AuditEvent] = field(default_factory=list)
    refusal: CorrectionError | None = None

    @cached_property
    def rights(self) -> Rights:
        return rights_of(self.actor)

    @property
    def batch(self) -> Batch | None:
        """What makes the correction a batch, read with it; None for one that was entered by hand."""
        return getattr(self.correction, "batch", None)

    @cached_property
    def changes(self) -> list[Change]:
        """All of them, of a correction that was entered by hand: a batch may have a million."""
        if self.batch is not None:
            raise TypeError("The changes of a batch are read page by page (engine/pages.py).")
        return list(self.correction.changes.order_by("position"))

    @cached_property
    def scope_pairs(self) -> set[tuple[str, str]]:
        """The scopes before and after of each change, each pair once."""
        if self.batch is None:
            return {(change.scope_before, change.scope_after) for change in self.changes}
        return set(self.correction.changes.order_by().values_list("scope_before", "scope_after").distinct())

    @property
    def scope_keys(self) -> set[str]:
        """Scopes of all changes, before and after; a right is needed on each."""
        return {key for pair in self.scope_pairs for key in pair}

    @cached_property
    def demand(self) -> Demand:
        """What the present revision was pinned to."""
        if self.correction.demand:
            return Demand.from_json(self.correction.demand)
        return Demand() if self.correction.policy is None else of_policy(self.correction.policy)

    @cached_property
    def _parts(self) -> list[tuple[int, Signature | None]]:
        """Everybody who had a part: contributors, and who decided the present revision; in one statement."""
        number, text = Value(0, output_field=BigIntegerField()), Value("", output_field=CharField())
        of_it = {"correction": self.correction.pk}
        brought = Contribution.objects.filter(**of_it).order_by().values_list("person_id", number, text, text, number)
        decided = Decision.objects.filter(**of_it, revision=self.correction.revision).order_by()
        giver = Coalesce("delegation__giver_id", number)
        found = brought.union(decided.values_list("person_id", "step", "kind", "digest", giver), all=True)
        return [
            (person, Signature(person, step, kind, digest, stead or None) if kind else None)
            for person, step, kind, digest, stead in found
        ]

    @property
    def contributors(self) -> frozenset[int]:
        """People who made, edited or brought something of this correction (I-01)."""
        return frozenset(person for person, signature in self._parts if signature is None)

    @cached_property
    def decisions(self) -> list[Signature]:
        """Decisions on the present revision."""
        return [signature for _person, signature in self._parts if signature is not None]

    @property
    def actor_name(self) -> str:
        return name_of(self.actor)

    def demand_person(self) -> None:
        """A human being acts: a machine's account never makes or decides a correction."""
        if self.actor.person_id is None or getattr(self.actor, "kind", "human") != "human":
            raise ActorIsNoPerson

    def demand_state(self, *states: str) -> None:
        if self.correction.state not in states:
            raise IllegalState(state=self.correction.get_state_display())

    def demand_not_held(self) -> None:
        if self.correction.is_held:
            raise OnHold

    def demand_in_time(self) -> None:
        if self.correction.expires_at is not None and self.correction.expires_at <= self.now:
            raise OutOfTime

    def demand_role(self, role: str) -> None:
        if not self.rights.holds(role, self.scope_keys):
            raise NotAllowed

    def record(self, kind: AuditKind, *, subject: str = "", **detail: Any) -> None:
        """Queues an audit event; it commits with the act."""
        self.events.append(
            AuditEvent(
                at=self.now,
                kind=kind,
                actor=self.actor,
                actor_person_id=self.actor.person_id,
                actor_name=self.actor_name,
                correction=self.correction,
                revision=self.correction.revision if self.correction else None,
                subject=subject,
                detail=detail,
            )
        )

    def contribute(self, kind: ContributionKind) -> None:
        """Remembers the person as one who can't decide this correction any more (I-01)."""
        Contribution.objects.get_or_create(
            correction=self.correction, person_id=self.actor.person_id, kind=kind, defaults={"at": self.now}
        )

    def move(self, target: State, **fields: Any) -> None:
        """Moves the locked correction along the graph and saves it with these fields."""
        for name, value in fields.items():
            setattr(self.correction, name, value)
        getattr(self.correction, f"move_to_{target}")()
        self.correction.save(update_fields=["state", *fields])

    def fail(self, refusal: CorrectionError) -> None:
        """Lets the act commit, and the door raise this afterwards: a failed apply stays on record."""
        self.refusal = refusal


def name_of(user: Any) -> str:
    name = str(user.person) if user.person_id else user.get_username()
    return name[:NAME_CHARS_MAX]


def fresh_actor(actor: Any) -> Any:
    """The account as it is in the database now, with its person. Raises when missing or out of force."""
    model = get_user_model()
    # The key of a person, or of anything else, must not pass for that of an account.
    if not isinstance(actor, model) or not actor.pk:
        raise ActorMissing
    try:
        user = model._default_manager.select_related("person").filter(pk=actor.pk).first()
    except (TypeError, ValueError, ValidationError):
        raise ActorMissing from None
    if not is_usable(user):
        raise ActorOutOfForce
    return user


def looking(actor: Any) -> Act:
    """An act that only reads, before the door is opened: it locks nothing, and what it saw must be asked again."""
    return Act(actor=fresh_actor(actor), now=timezone.now())


@contextmanager
def opened(
    *, actor: Any, correction: Any = NO_CORRECTION, is_shared: bool = False, writer: Any = None
) -> Iterator[Act]:
    """Runs one act. On any error nothing of it remains; the caller's instance mirrors the row afterwards.

    What the database itself refuses, at the commit at the latest, comes out as a Conflict like every other.
    `is_shared` is for workers that carry out different chunks of one batch at once: each locks its chunk instead of
    the correction, and writes no column of the correction. `writer` is whom history names for what a worker writes:
    the one who released it.
    """
    try:
        with _acting(actor, correction, is_shared=is_shared, writer=writer) as act:
            yield act
    except IntegrityError as error:
        raise DatabaseRefused(detail=type(error).__name__) from error
    except OperationalError as error:
        if not faults.is_busy(error):
            raise
        raise faults.Busy from error
    if correction is not NO_CORRECTION:
        mirror(act.correction, onto=correction)
    if act.refusal is not None:
        raise act.refusal


@contextmanager
def _acting(actor: Any, correction: Any, *, is_shared: bool, writer: Any) -> Iterator[Act]:
    is_outermost = not connection.in_atomic_block
    with _turn.begun():
        act = Act(actor=fresh_actor(actor), now=timezone.now())
        if correction is not NO_CORRECTION:
            act.correction = _locked(correction, is_shared=is_shared)
        with gate.opened(
            actor=writer or act.actor,
            correction=act.correction.pk if act.correction else None,
            reason=_reason(act.correction),
            is_last=is_outermost,
        ):
            yield act
            AuditEvent.objects.bulk_create(act.events)


def _locked(correction: Any, *, is_shared: bool) -> Correction:
    """The row itself, by its key: nothing else on the caller's instance counts."""
    pk = correction.pk if isinstance(correction, Correction) else None
    rows = Correction.objects.all() if is_shared else Correction.objects.select_for_update(of=("self",))
    found = rows.select_related("policy", "batch").filter(pk=pk).first() if is_key(pk) else None
    if found is None:
        raise CorrectionError(_("There is no such correction."), code="correction_not_found")
    return found


def owner_of(record: Any, kind: type[models.Model]) -> Any:
    """The correction that a stored change or piece of evidence belongs to, whatever its instance says."""
    pk = record.pk if isinstance(record, kind) else None
    return Correction.objects.filter(**{_PATHS[kind.__name__]: pk}).first() if is_key(pk) else None


def is_key(pk: Any) -> bool:
    """Whether a database can be asked for such a key at all."""
    return isinstance(pk, int) and abs(pk) < 2**63


_PATHS = {"Change": "changes", "Evidence": "evidence"}


def _reason(correction: Correction | None) -> str:
    """What the history says of a write, in the site's first language, whoever carries it out."""
    if correction is None:
        return ""
    with override(settings.LANGUAGE_CODE):
        reason = correction.get_reason_display()
    return " ".join(filter(None, [correction.number, reason, correction.ticket]))


def mirror(row: Correction, *, onto: Correction) -> None:
    """Copies the saved columns onto the caller's instance, so that it doesn't act on old news."""
    for column in Correction._meta.concrete_fields:
        onto.__dict__[column.attname] = row.__dict__[column.attname]
    onto._state.fields_cache.clear()
    getattr(onto, "_prefetched_objects_cache", {}).clear()
