"""The desk on a database that really commits: threads and killed processes must see each other's rows."""

from __future__ import annotations

import pytest

from tests.corrections.services.desk import Desk, make_desk


@pytest.fixture
def desk(transactional_db: None) -> Desk:
    return make_desk()


@pytest.fixture
def two_steps(desk: Desk) -> None:
    from tests.corrections.services.desk import put_policy_in_force

    put_policy_in_force(desk, [("checker", 1), ("checker", 1)])
