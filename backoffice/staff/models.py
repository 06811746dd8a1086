"""People, their sign-in accounts and tokens; rights live in groups and in corrections.permissions, not here.

Holds I-14 for its part: a person or an account is deactivated, never deleted (here with a message, in the
database by trigger).
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn
from uuid import uuid4

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import ProtectedError, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_otp.models import Device, ThrottlingMixin


class NeverDeletedQuerySet(models.QuerySet[Any]):
    def delete(self) -> NoReturn:
        raise ProtectedError(str(_("People and accounts are never deleted; deactivate them.")), set())


class NeverDeleted(models.Model):
    """A row that outlives every wish to remove it."""

    class Meta:
        abstract = True

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ProtectedError(str(_("People and accounts are never deleted; deactivate them.")), {self})


class Person(NeverDeleted):
    """A human being; every rule about who may do what compares persons, not accounts."""

    employee_no = models.CharField(_("employee number"), max_length=32, unique=True)
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=100)
    name_en = models.CharField(_("name in English"), max_length=100, blank=True)
    department = models.CharField(_("department"), max_length=100, blank=True)
    is_active = models.BooleanField(
        pgettext_lazy("of a person", "active"),
        default=True,
        help_text=_("Unset this instead of deleting: the person is signed out at once."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = NeverDeletedQuerySet.as_manager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("persons")
        ordering = ["employee_no"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(employee_no="") & ~Q(name=""),
                name="person_has_number_and_name",
                violation_error_message=_("A person needs an employee number and a name."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.employee_no}"


class Kind(models.TextChoices):
    HUMAN = "human", _("human")
    MACHINE = "machine", _("machine")


class Language(models.TextChoices):
    BROWSER = "", _("as the browser asks")
    ENGLISH = "en", "English"
    CHINESE = "zh-hans", "简体中文"


class AccountManager(UserManager):
    def get_queryset(self) -> NeverDeletedQuerySet:
        return NeverDeletedQuerySet(self.model, using=self._db)


class User(NeverDeleted, AbstractUser):
    """A sign-in account of a person, or the name under which one of our own machines acts.

    One person may have several accounts. Only a superuser's account, which decides nothing, may have no person.
    """

    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="accounts",
        verbose_name=_("person"),
    )
    kind = models.CharField(pgettext_lazy("sign-in", "kind"), max_length=8, choices=Kind, default=Kind.HUMAN)
    language = models.CharField(_("language"), max_length=8, choices=Language, blank=True, default=Language.BROWSER)
    first_name = None  # type: ignore[assignment]  # names stand on the person, once
    last_name = None  # type: ignore[assignment]

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        verbose_name = pgettext_lazy("sign-in", "account")
        verbose_name_plural = pgettext_lazy("sign-in", "accounts")
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                name="account_name_is_unique_in_any_case",
                violation_error_message=_("An account of this name exists already."),
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[Kind.HUMAN, Kind.MACHINE]),
                name="account_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.MACHINE) | Q(person__isnull=False) | Q(is_superuser=True),
                name="human_account_belongs_to_a_person",
                violation_error_message=_("A human's account belongs to a person."),
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.HUMAN)
                | Q(person__isnull=True, is_staff=False, is_superuser=False, password__startswith="!"),  # noqa: S106 (an unusable one)
                name="machine_account_cannot_sign_in",
                violation_error_message=_("A machine's account has no person, no password and no way to sign in."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} ({self.username})" if self.person else self.username

    def get_full_name(self) -> str:
        return self.person.name if self.person else self.username

    def get_short_name(self) -> str:
        return self.get_full_name()

    @property
    def is_machine(self) -> bool:
        return self.kind == Kind.MACHINE


class Token(ThrottlingMixin, Device):
    """What makes an account's one-time passwords (RFC 6238); its key is sealed at rest and gone once it is removed.

    How it is set up, proved and removed is in tokens.py and step_up.py.
    """

    name = None  # type: ignore[assignment]  # there is one per account
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="tokens", verbose_name=pgettext_lazy("sign-in", "account")
    )
    confirmed = models.BooleanField(_("confirmed"), default=False)
    ref = models.UUIDField(default=uuid4, unique=True, editable=False)  # owns the data key
    key_cipher = models.TextField(blank=True, editable=False)
    last_t = models.BigIntegerField(default=-1, editable=False)  # of the last code that passed: none passes twice
    created_at = models.DateTimeField(_("created at"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    last_used_at = models.DateTimeField(_("last used"), null=True)
    removed_at = models.DateTimeField(_("removed at"), null=True)

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(removed_at__isnull=True), name="token_one_living_per_account"
            ),
            models.CheckConstraint(
                condition=(Q(removed_at__isnull=True) & ~Q(key_cipher="")) | Q(removed_at__isnull=False, key_cipher=""),
                name="token_has_a_key_until_removed",
            ),
            models.CheckConstraint(
                condition=Q(confirmed=False) | Q(confirmed_at__isnull=False), name="token_confirmed_at_a_moment"
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)

    def get_throttle_factor(self) -> int:
        """Seconds to wait after the first wrong code; doubled by each further one."""
        return 1


class StepUp(models.Model):
    """An account proved its token at a moment, or what it had proved came to an end; append-only.

    Only the newest row of an account counts.
    """

    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="step_ups", verbose_name=pgettext_lazy("sign-in", "account")
    )
    at = models.DateTimeField(_("at"))
    is_proof = models.BooleanField(_("proof"))

    class Meta:
        verbose_name = _("proof by token")
        verbose_name_plural = _("proofs by token")
        default_permissions = ()
        indexes = [models.Index(fields=["user", "-id"], name="stepup_newest_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.at:%Y-%m-%d %H:%M:%S}"
