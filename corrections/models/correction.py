"""The correction and its graph of states; permission, locking and recording live in services/_door.py alone.

I-11: the legal moves stand in choices.MOVES, here as transitions, and in a database trigger.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransitionMixin, FSMField, transition

from corrections import roles
from corrections.choices import EDITABLE, MOVES, OPEN, Reason, State


def sources_of(target: State) -> list[str]:
    """States from which `target` may be reached in one move."""
    return [str(source) for source, targets in MOVES.items() if target in targets]


class Correction(ConcurrentTransitionMixin, models.Model):
    number = models.CharField(_("number"), max_length=20, null=True, blank=True, unique=True)
    state = FSMField(_("state"), choices=State.choices, default=State.DRAFT, protected=True, db_index=False)
    revision = models.PositiveIntegerField(_("revision"), default=1)
    digest = models.CharField(_("digest"), max_length=64, blank=True)

    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="corrections_made", verbose_name=_("maker")
    )
    maker_person = models.ForeignKey(
        settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="+", verbose_name=_("maker")
    )
    maker_name = models.CharField(_("maker"), max_length=200)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices)
    note = models.TextField(_("note"))
    ticket = models.CharField(_("ticket"), max_length=64, blank=True)
    incident = models.ForeignKey(
        "corrections.Incident",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
        verbose_name=_("incident"),
    )
    reverts = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="reverted_by", verbose_name=_("reverts")
    )
    # Fields that a revert leaves alone because they moved on: before, ours and now of each, masked (I-05).
    moved_on = models.JSONField(_("moved on since"), default=list, blank=True)

    policy = models.ForeignKey(
        "corrections.Policy", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approval policy")
    )
    step = models.PositiveSmallIntegerField(_("open step"), null=True, blank=True)
    step_role = models.CharField(_("waits for"), max_length=20, blank=True, choices=roles.Role.choices)
    summary = models.CharField(_("what changes"), max_length=300, blank=True)
    amounts = models.JSONField(_("amount at stake"), default=dict, blank=True)
    # In the policy currency, by the rates pinned in `demand`; None where no money is at stake.
    stake = models.DecimalField(_("amount in the policy currency"), max_digits=20, decimal_places=4, null=True)
    # How many it changes, as counted at submission: policies ask for it, and for what earlier ones add up to.
    rows = models.PositiveIntegerField(_("rows"), default=0)
    # What its policies demand together, as pinned at submission (policies/demand.py).
    demand = models.JSONField(default=dict, blank=True)
    # Warnings that the maker passed at submission, with the reason given for each.
    acknowledged = models.JSONField(default=dict, blank=True)
    # Since when the open step is open, and what the clocks did about it.
    step_opened_at = models.DateTimeField(_("waits since"), null=True, blank=True)
    reminded_at = models.DateTimeField(_("reminded at"), null=True, blank=True)
    escalated_role = models.CharField(_("escalated to"), max_length=20, blank=True, choices=roles.Role.choices)
    apply_not_before = models.DateTimeField(_("cool-off until"), null=True, blank=True)
    referred_at = models.DateTimeField(_("referred at"), null=True, blank=True)
    # A senior applied at once (break-glass): who must not countersign, and until when somebody should.
    broke_glass_at = models.DateTimeField(_("applied by break-glass"), null=True, blank=True)
    countersign_by = models.DateTimeField(_("countersign by"), null=True, blank=True)

    is_held = models.BooleanField(_("on hold"), default=False)
    hold_comment = models.TextField(_("why on hold"), blank=True)
    outcome_code = models.CharField(_("outcome"), max_length=64, blank=True)
    outcome_note = models.TextField(_("outcome"), blank=True)

    created_at = models.DateTimeField(_("created at"))
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    applied_at = models.DateTimeField(_("applied at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [*roles.function_permissions(), ("decide_correction", "Was handed this correction to decide")]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="correction_state_is_known"),
            models.CheckConstraint(
                condition=models.Q(state=State.DRAFT)
                | models.Q(state=State.WITHDRAWN)
                | (models.Q(number__isnull=False) & ~models.Q(digest="") & models.Q(policy__isnull=False)),
                name="correction_number_and_digest_once_submitted",
            ),
        ]
        indexes = [
            # The queue: open step's role, oldest first.
            models.Index(fields=["state", "step_role", "submitted_at", "id"], name="correction_queue"),
            models.Index(fields=["maker_person", "state", "-id"], name="correction_mine"),
            models.Index(fields=["applied_at"], name="correction_applied"),
            # Amounts that add up, and what the clocks look at.
            models.Index(fields=["maker_person", "submitted_at"], name="correction_of_maker"),
            models.Index(fields=["submitted_at", "id"], name="correction_submitted"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["submitted", "returned", "approved"]),
                name="correction_clock",
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"{_('draft')} {self.pk}"

    @property
    def is_editable(self) -> bool:
        return self.state in EDITABLE

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    # The graph, and nothing else. Called by services._door alone; the database holds the same pairs.
    @transition(state, source=sources_of(State.SUBMITTED), target=State.SUBMITTED)
    def move_to_submitted(self) -> None: ...

    @transition(state, source=sources_of(State.APPROVED), target=State.APPROVED)
    def move_to_approved(self) -> None: ...

    @transition(state, source=sources_of(State.RETURNED), target=State.RETURNED)
    def move_to_returned(self) -> None: ...

    @transition(state, source=sources_of(State.REJECTED), target=State.REJECTED)
    def move_to_rejected(self) -> None: ...

    @transition(state, source=sources_of(State.WITHDRAWN), target=State.WITHDRAWN)
    def move_to_withdrawn(self) -> None: ...

    @transition(state, source=sources_of(State.EXPIRED), target=State.EXPIRED)
    def move_to_expired(self) -> None: ...

    @transition(state, source=sources_of(State.APPLYING), target=State.APPLYING)
    def move_to_applying(self) -> None: ...

    @transition(state, source=sources_of(State.STOPPED), target=State.STOPPED)
    def move_to_stopped(self) -> None: ...

    @transition(state, source=sources_of(State.APPLIED), target=State.APPLIED)
    def move_to_applied(self) -> None: ...

    @transition(state, source=sources_of(State.FAILED), target=State.FAILED)
    def move_to_failed(self) -> None: ...

    @transition(state, source=sources_of(State.REVERTED), target=State.REVERTED)
    def move_to_reverted(self) -> None: ...


class CorrectionScope(models.Model):
    """A scope that a correction touches; people need rights on each of them ("" is the whole company)."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="scopes")
    key = models.CharField(max_length=120, blank=True)
    label = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["correction", "key"], name="correctionscope_once")]
        indexes = [models.Index(fields=["key", "correction"], name="correctionscope_key")]

    def __str__(self) -> str:
        return self.label or "*"


class FieldHold(models.Model):
    """I-03: at most one open correction holds a given target field. Rows live while the correction is open."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="field_holds")
    target_model = models.CharField(max_length=100)
    target_pk = models.CharField(max_length=64)
    field = models.CharField(max_length=100)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["target_model", "target_pk", "field"], name="fieldhold_one_open_correction")
        ]

    def __str__(self) -> str:
        return f"{self.target_model} {self.target_pk} {self.field}"


class RegisterNumber(models.Model):
    """The last number given in a year; locked while one is given, so that the register has no gap."""

    year = models.PositiveIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"


class Revision(models.Model):
    """What a revision said when it was submitted: the canonical content behind the digest."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField(_("revision"))
    digest = models.CharField(_("digest"), max_length=64)
    content = models.JSONField(_("content"))
    submitted_by_name = models.CharField(_("submitted by"), max_length=200)
    submitted_at = models.DateTimeField(_("submitted at"))

    class Meta:
        default_permissions = ()
        ordering = ["correction", "number"]
        constraints = [models.UniqueConstraint(fields=["correction", "number"], name="revision_once")]

    def __str__(self) -> str:
        return f"{self.correction} r{self.number}"


class Contribution(models.Model):
    """I-01: a person who made, edited, or brought evidence to a correction; such a person never decides it."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="contributions")
    person = models.ForeignKey(settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["correction", "person", "kind"], name="contribution_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.kind} {self.correction}"
