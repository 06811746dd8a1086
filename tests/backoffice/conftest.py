"""The demo's desk inside a test: its company, its staff, and its corrections in every state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from accounts.loaders.company import load_company
from backoffice.demo.people import hire
from backoffice.demo.stories import tell
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from backoffice.staff.roles import bootstrap
from corrections.services.policy import install_shipped

Staff = dict[str, User]


@pytest.fixture(scope="module")
def story(rows_of_module: None, django_db_blocker: Any) -> list[str]:
    """All the demo's corrections; gives the user names of its people."""
    with django_db_blocker.unblock(), translation.override("en"):
        load_company(Path(settings.BASE_DIR) / "fixtures" / "company")
        bootstrap()
        install_shipped(actor=machine("bootstrap_roles"))
        people = hire("a long enough passphrase")
        assert list(tell(people))
        return list(people)


@pytest.fixture
def told(story: list[str], db: None) -> Staff:
    """The demo's people by user name, after all that the demo tells."""
    return {user.username: user for user in User.objects.select_related("person").filter(username__in=story)}


def signed_in(account: User) -> Client:
    client = Client()
    client.force_login(account, "backoffice.staff.backends.ActivePersonBackend")
    return client
