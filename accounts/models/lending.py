"""Loan applications, loans and their repayments: what was asked for, lent and paid back."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.choices import ApplicationDecision, LoanStatus, RepaymentStatus
from accounts.models.base import (
    NAME_CHARS_MAX,
    NUMBER_CHARS_MAX,
    above_zero,
    amount_field,
    currency_field,
    filled,
    in_whole_units,
    known_currency,
    one_of,
    rule,
)
from accounts.models.branch import Branch
from accounts.models.customer import Customer
from accounts.models.ledger import LedgerAccount
from corrections.history import RecordedHistory


class LoanApplication(models.Model):
    """A customer's request for money and a human's decision on it; the decider's name is copied in."""

    number = models.CharField(_("application number"), max_length=NUMBER_CHARS_MAX, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="applications", verbose_name=_("customer"))
    branch = models.ForeignKey(
        Branch, models.PROTECT, related_name="applications", db_index=False, verbose_name=_("branch")
    )
    requested_amount = amount_field(_("requested amount"))
    currency = currency_field()
    requested_on = models.DateField(_("requested on"))
    decision = models.CharField(
        pgettext_lazy("application", "decision"),
        max_length=10,
        choices=ApplicationDecision.choices,
        default=ApplicationDecision.PENDING,
    )
    decided_by = models.CharField(_("decided by"), max_length=NAME_CHARS_MAX, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("loan application")
        verbose_name_plural = _("loan applications")
        ordering = ["-id"]
        constraints = [
            filled("application_is_numbered", "number"),
            above_zero("application_amount_above_zero", "requested_amount"),
            known_currency("application_currency_is_known"),
            in_whole_units("application_amount_in_whole_units", "requested_amount"),
            one_of("application_decision_is_known", "decision", ApplicationDecision.values),
            rule(
                "application_decision_has_its_decider",
                models.Q(decision=ApplicationDecision.PENDING, decided_by="", decided_at__isnull=True)
                | (
                    ~models.Q(decision=ApplicationDecision.PENDING)
                    & ~models.Q(decided_by="")
                    & models.Q(decided_at__isnull=False)
                ),
                _("A decision needs who decided and when; a pending application has neither."),
            ),
        ]
        indexes = [models.Index(fields=["branch", "id"], name="application_of_branch")]

    def __str__(self) -> str:
        return self.number


class Loan(models.Model):
    number = models.CharField(_("loan number"), max_length=NUMBER_CHARS_MAX, unique=True)
    application = models.ForeignKey(
        LoanApplication,
        models.PROTECT,
        related_name="loans",
        null=True,
        blank=True,
        verbose_name=_("loan application"),
    )
    account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="loans", verbose_name=_("account"))
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="loans", verbose_name=_("customer"))
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="loans", db_index=False, verbose_name=_("branch"))
    principal = amount_field(_("principal"))
    currency = currency_field()
    term_months = models.PositiveSmallIntegerField(_("term in months"))
    instalment = amount_field(_("monthly instalment"))
    status = models.CharField(_("status"), max_length=10, choices=LoanStatus.choices, default=LoanStatus.ACTIVE)
    opened_on = models.DateField(_("opened on"))

    history = RecordedHistory()

    class Meta:
        verbose_name = _("loan")
        verbose_name_plural = _("loans")
        ordering = ["-id"]
        constraints = [
            filled("loan_is_numbered", "number"),
            above_zero("loan_principal_above_zero", "principal"),
            above_zero("loan_instalment_above_zero", "instalment"),
            known_currency("loan_currency_is_known"),
            in_whole_units("loan_principal_in_whole_units", "principal"),
            in_whole_units("loan_instalment_in_whole_units", "instalment"),
            one_of("loan_status_is_known", "status", LoanStatus.values),
            rule(
                "loan_term_is_real",
                models.Q(term_months__gte=1, term_months__lte=600),
                _("The term is between 1 and 600 months."),
            ),
            models.UniqueConstraint(
                fields=["application"],
                condition=~models.Q(status=LoanStatus.VOIDED),
                name="loan_one_per_application",
                violation_error_message=_("This application already has a loan that is not voided."),
            ),
        ]
        indexes = [models.Index(fields=["branch", "id"], name="loan_of_branch")]

    def __str__(self) -> str:
        return self.number


class Repayment(models.Model):
    """An instalment that came in. Wrong ones are voided or removed, missing ones created, by correction."""

    reference = models.CharField(_("reference"), max_length=NUMBER_CHARS_MAX, unique=True)
    loan = models.ForeignKey(Loan, models.PROTECT, related_name="repayments", verbose_name=_("loan"))
    due_on = models.DateField(_("due on"))
    paid_on = models.DateField(_("paid on"))
    amount = amount_field(_("amount"))
    currency = currency_field()
    status = models.CharField(
        _("status"), max_length=8, choices=RepaymentStatus.choices, default=RepaymentStatus.POSTED
    )
    channel_reference = models.CharField(_("channel's reference"), max_length=64, blank=True, db_index=True)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("repayment")
        verbose_name_plural = _("repayments")
        ordering = ["-id"]
        constraints = [
            filled("repayment_is_referenced", "reference"),
            above_zero("repayment_amount_above_zero", "amount"),
            known_currency("repayment_currency_is_known"),
            in_whole_units("repayment_amount_in_whole_units", "amount"),
            one_of("repayment_status_is_known", "status", RepaymentStatus.values),
        ]

    def __str__(self) -> str:
        return self.reference
