"""The desk that random people act at."""

from __future__ import annotations

import pytest

from tests.corrections.services.desk import Desk, make_desk


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()
