"""The sign-in form: it tells a deactivated person so, and everybody else only that name and password don't fit."""

from __future__ import annotations

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from backoffice.staff.models import User


class SignInForm(AdminAuthenticationForm):
    def get_invalid_login_error(self) -> ValidationError:
        if self._is_deactivated():
            return ValidationError(
                _("This account, or the person it belongs to, is deactivated. Ask a user administrator."),
                code="inactive",
            )
        return ValidationError(
            _("User name and password don't fit together. Both are case-sensitive."), code="invalid_login"
        )

    def _is_deactivated(self) -> bool:
        """Said only to who knows the password: others don't learn which accounts exist."""
        name, password = self.cleaned_data.get("username", ""), self.cleaned_data.get("password", "")
        account = User.objects.select_related("person").filter(username=name).first()
        if account is None or account.is_machine or not account.check_password(password):
            return False
        return not account.is_active or (account.person is not None and not account.person.is_active)
