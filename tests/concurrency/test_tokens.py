"""One code, many requests at the same moment: it proves once; wrong codes are all counted."""

from __future__ import annotations

from functools import partial

from django.db import connection

from backoffice.staff import step_up
from backoffice.staff.models import StepUp, Token
from corrections.services.token import TokenWrong
from tests.concurrency.test_races import at_once
from tests.factories.staff import account, with_token

ROUNDS = 20 if connection.vendor == "postgresql" else 5


def prove(user: object, code: str) -> None:
    if not step_up.verify(user, code):
        raise TokenWrong


def test_a_code_that_is_sent_eight_times_at_once_passes_once(transactional_db: None) -> None:
    for number in range(ROUNDS):
        user = account(f"Sena-{number}")
        code = with_token(user).code()
        results = at_once(*[partial(prove, user, code) for _ in range(8)])
        assert sorted(results) == ["done"] + [TokenWrong.code] * 7
        assert StepUp.objects.filter(user=user, is_proof=True).count() == 1


def test_wrong_codes_at_once_get_no_more_tries_than_one_after_the_other(transactional_db: None) -> None:
    user = account("Sena")
    wrong = with_token(user).wrong()
    at_once(*[partial(prove, user, wrong) for _ in range(8)])
    assert Token.objects.get(user=user).throttling_failure_count == 1
