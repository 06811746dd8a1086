"""Approval policies: versioned rows that say which corrections need which signatures. A version is never edited.

Empty lists and empty bounds say "any". What a policy asks for is put together in policies/; changing a policy is a
correction (DESIGN §5).
"""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import StepScope, StepToken
from corrections.history import RecordedHistory
from corrections.roles import Role


def _names(label: object, help_text: object = "") -> models.JSONField:
    """A list of names; the empty one means any."""
    return models.JSONField(label, default=list, blank=True, help_text=help_text)  # type: ignore[arg-type]


def _bound(label: object, help_text: object) -> models.DecimalField:
    return models.DecimalField(label, max_digits=15, decimal_places=2, null=True, blank=True, help_text=help_text)  # type: ignore[arg-type]


def _hours(label: object, help_text: object = "", default: int = 0) -> models.PositiveIntegerField:
    return models.PositiveIntegerField(label, default=default, help_text=help_text)  # type: ignore[arg-type]


class Policy(models.Model):
    name = models.CharField(_("name"), max_length=100)
    version = models.PositiveIntegerField(_("version"), default=1, validators=[MinValueValidator(1)])
    is_active = models.BooleanField(_("in force"), default=True)
    priority = models.PositiveIntegerField(
        _("priority"), default=100, help_text=_("The lowest one that matches holds.")
    )

    # Which corrections
    record_kinds = _names(_("kinds of record"), _("Empty: every kind of business record."))
    field_names = _names(_("fields"))
    actions = _names(_("actions"))
    reasons = _names(_("reasons"))
    impact_classes = _names(_("impact classes"))
    currencies = _names(_("currencies"))
    amount_from = _bound(_("amount from"), _("In the policy currency; this amount itself is included."))
    amount_below = _bound(_("amount below"), _("In the policy currency; this amount itself is not included."))
    rows_from = models.PositiveIntegerField(
        _("rows from"),
        default=0,
        help_text=_("Rows that the correction changes; this count itself is included. 0: any."),
    )
    flags = _names(_("risk flags"), _("Adds its steps to the others' when one of these flags is raised."))
    cumulate = _names(_("added up by"), _("maker, beneficiary, target, day: earlier corrections count as well."))
    cumulate_days = models.PositiveIntegerField(_("added up over days"), default=0)

    # What they need
    evidence_min = models.PositiveIntegerField(
        _("pieces of evidence at least"), default=1, validators=[MinValueValidator(1)]
    )
    evidence_kinds = _names(_("kinds of evidence"), _("At least one piece of each."))
    is_applied_with_approval = models.BooleanField(_("applied with the last approval"), default=True)
    executor_is_separate = models.BooleanField(
        _("executor signed nothing"), default=False, help_text=_("Whoever applies has not approved.")
    )
    staff_may_type_customer_fields = models.BooleanField(
        _("staff may type what the customer declared"),
        default=False,
        help_text=_("Then only with the customer's consent as evidence."),
    )
    rekey_fields = _names(
        _("fields keyed blindly"), _("The approver types them from the evidence without seeing them.")
    )
    sample_rows = models.PositiveIntegerField(
        _("sampled rows confirmed one by one"),
        default=0,
        help_text=_(
            "Each approver of a batch compares so many of the rows drawn at random with the evidence. 0: none."
        ),
    )
    worded_checks = _names(
        _("checks answered in words"), _("Their warnings are not answered by a preset reason alone.")
    )
    allows_break_glass = models.BooleanField(
        _("allows break-glass"), default=False, help_text=_("A senior applies at once; a second signature follows.")
    )

    # Clocks, in working hours but for the last three, which are hours of the clock
    reminder_hours = _hours(_("reminder after working hours"), default=4)
    escalation_hours = _hours(_("escalation after working hours"), _("0: never."))
    cool_off_hours = _hours(_("cool-off hours before it is applied"))
    decide_hours = _hours(_("hours to decide"), _("0: the desk's limit."))
    apply_hours = _hours(_("hours to apply"), _("0: the desk's limit."))
    rework_hours = _hours(_("hours to rework what was returned"), _("0: the desk's limit."))

    history = RecordedHistory()

    class Meta:
        verbose_name = _("approval policy")
        verbose_name_plural = _("approval policies")
        ordering = ["priority", "name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="policy_version_once"),
            models.CheckConstraint(condition=models.Q(evidence_min__gte=1), name="policy_demands_evidence"),
            models.CheckConstraint(
                condition=models.Q(amount_from__isnull=True)
                | models.Q(amount_below__isnull=True)
                | models.Q(amount_from__lt=models.F("amount_below")),
                name="policy_band_is_not_empty",
                violation_error_message=_("“Amount from” must be less than “amount below”."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class PolicyStep(models.Model):
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="steps", verbose_name=_("approval policy"))
    position = models.PositiveSmallIntegerField(_("step"), validators=[MinValueValidator(1)])
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    people = models.PositiveSmallIntegerField(_("people"), default=1, validators=[MinValueValidator(1)])
    scope = models.CharField(_("held on"), max_length=8, choices=StepScope.choices, default=StepScope.TARGET)
    token = models.CharField(_("token"), max_length=6, choices=StepToken.choices, default=StepToken.NONE)
    is_rekeying = models.BooleanField(
        _("keys blindly"), default=True, help_text=_("Whoever signs here keys the policy's fields.")
    )
    escalates_to = models.CharField(_("escalates to"), max_length=20, choices=Role.choices, blank=True)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["policy", "position"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "position"], name="policystep_position_once"),
            models.CheckConstraint(condition=models.Q(people__gte=1), name="policystep_needs_people"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.get_role_display()} × {self.people}"


class FlagRule(models.Model):
    """How one risk flag is treated: what it looks at, whether it may raise the tier, and who sees it."""

    code = models.CharField(_("risk flag"), max_length=64, unique=True)
    is_active = models.BooleanField(_("in force"), default=True)
    raises_tier = models.BooleanField(
        _("raises the tier"), default=True, help_text=_("Off: it is reported, and no policy hears of it.")
    )
    is_hidden_from_maker = models.BooleanField(_("hidden from the maker"), default=True)
    window_days = models.PositiveIntegerField(_("days looked at"), default=90)
    threshold = models.DecimalField(
        _("threshold"), max_digits=15, decimal_places=2, default=0, help_text=_("Its unit is the flag's own.")
    )

    history = RecordedHistory()

    class Meta:
        verbose_name = _("rule for a risk flag")
        verbose_name_plural = _("rules for risk flags")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class ExchangeRate(models.Model):
    """What one unit of a currency is worth in the policy currency, from a day on."""

    currency = models.CharField(_("currency"), max_length=3)
    valid_from = models.DateField(_("valid from"))
    rate = models.DecimalField(_("rate"), max_digits=15, decimal_places=6)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("exchange rate for policies")
        verbose_name_plural = _("exchange rates for policies")
        ordering = ["currency", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["currency", "valid_from"], name="exchangerate_once_a_day"),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="exchangerate_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate} ({self.valid_from})"


class CalendarDay(models.Model):
    """A day that is not as its weekday says: a holiday, or a weekend that is worked (调休)."""

    day = models.DateField(_("day"), unique=True)
    is_working = models.BooleanField(_("worked"), default=False)
    opens_at = models.TimeField(_("opens at"), null=True, blank=True)
    closes_at = models.TimeField(_("closes at"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=100, blank=True)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("day of the calendar")
        verbose_name_plural = _("days of the calendar")
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day}: {_('worked') if self.is_working else _('holiday')}"
