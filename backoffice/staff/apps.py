"""The application configuration of the staff register."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.utils.translation import gettext_lazy as _


class StaffConfig(AppConfig):
    name = "backoffice.staff"
    label = "staff"
    verbose_name = _("Staff")

    def ready(self) -> None:
        from backoffice.staff import sessions  # needs the models

        user_logged_in.connect(sessions.signed_in, dispatch_uid="begin_session")
        user_logged_out.connect(sessions.signed_out, dispatch_uid="end_session")
