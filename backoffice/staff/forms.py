"""Forms of the staff register's admin pages; who may open which page is decided in admin.py."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import UserChangeForm, UserCreationForm
from django.contrib.auth.models import Group
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backoffice.staff.models import Kind, User
from corrections.roles import Role


def role_label(group: Group) -> str:
    """The group in the reader's words: `senior_checker: Shanghai` is the senior checker of Shanghai."""
    role, _colon, scope = group.name.partition(": ")
    label = str(Role(role).label) if role in Role.values else role
    return gettext("%(role)s: %(scope)s") % {"role": label, "scope": scope} if scope else label


class AccountAddForm(UserCreationForm):
    """A new account without roles; a human's has a password, a machine's has none and no person."""

    class Meta:
        model = User
        fields = ("username", "kind", "person", "language", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("password1", "password2"):
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.instance.is_staff = cleaned.get("kind") == Kind.HUMAN
        if cleaned.get("kind") == Kind.MACHINE:
            self._clean_machine(cleaned)
        else:
            self._clean_human(cleaned)
        return cleaned

    def _clean_machine(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("person"):
            self.add_error("person", _("A machine's account belongs to no person."))
        cleaned["password1"] = None
        self.instance.set_unusable_password()

    def _clean_human(self, cleaned: dict[str, Any]) -> None:
        if not cleaned.get("person"):
            self.add_error("person", _("A human's account belongs to a person."))
        if not cleaned.get("password1") and "password1" not in self.errors:
            self.add_error("password1", _("Give the account a first password."))


class AccountChangeForm(UserChangeForm):
    """An account's language and whether it is in use; its roles take a second person (role_requests.py)."""

    class Meta:
        model = User
        fields = ("language", "email", "is_active")
