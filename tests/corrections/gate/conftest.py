"""A parcel in the sandbox, and a clerk who may write it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backoffice.staff.models import Person, User
from corrections.engine.gate import opened, recorded_write
from tests.sandbox.models import Parcel


@pytest.fixture
def clerk(db: None) -> User:
    person = Person.objects.create(employee_no="E100", name="Mara")
    return User.objects.create(username="mara", person=person)


@pytest.fixture
def parcel(db: None) -> Parcel:
    with recorded_write(source="loader"):
        return Parcel.objects.create(code="P1", address="1 Old Road", price=Decimal("10.50"), details={"size": "M"})


@pytest.fixture
def engine(clerk: User):
    """The engine's context, for Mara."""
    return lambda **options: opened(actor=clerk, **options)
