"""The demo's desk inside a test: its company, its staff, and its corrections in every state."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from accounts.loaders.company import load_company
from backoffice.demo.people import hire
from backoffice.demo.stories import tell
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from backoffice.staff.roles import bootstrap
from corrections.services.policy import install_shipped

Staff = dict[str, User]


@pytest.fixture
def staff(db: None) -> Staff:
    """The demo's people before anything happened, by user name."""
    load_company(Path(settings.BASE_DIR) / "fixtures" / "company")
    bootstrap()
    install_shipped(actor=machine("bootstrap_roles"))
    return hire("a long enough passphrase")


@pytest.fixture
def told(staff: Staff) -> Staff:
    """The demo's people with all their corrections."""
    assert list(tell(staff))
    return staff


def signed_in(account: User) -> Client:
    client = Client()
    client.force_login(account, "backoffice.staff.backends.ActivePersonBackend")
    return client
