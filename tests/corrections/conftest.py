"""The desk that tests of the engine act at."""

from __future__ import annotations

import pytest

from tests.corrections.services.desk import Desk, make_desk, put_policy_in_force


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


@pytest.fixture
def customer_fields_allowed(desk: Desk) -> None:
    """Staff may type what the customer declared, with the customer's consent."""
    put_policy_in_force(desk, [("checker", 1)], staff_may_type_customer_fields=True)


@pytest.fixture
def two_step_policy(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1), ("checker", 1)])


@pytest.fixture
def executor_policy(desk: Desk) -> None:
    """An executor, apart from the approvers, applies."""
    put_policy_in_force(desk, [("checker", 1)], is_applied_with_approval=False)
