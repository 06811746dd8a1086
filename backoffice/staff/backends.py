"""Who may sign in and stay signed in; which functions he or she may use is asked in corrections.permissions."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend

from backoffice.staff.models import Kind, User


class ActivePersonBackend(ModelBackend):
    """Django's passwords, closed to machines and to accounts of people who have left.

    Django asks `get_user` at every request, so a deactivated person is out at the next one.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        if not super().user_can_authenticate(user) or user.kind != Kind.HUMAN:
            return False
        return user.person is None or user.person.is_active

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.select_related("person").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None
