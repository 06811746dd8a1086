"""A code is right once, for one account, for a while; what was proved ends with the sign-in."""

from __future__ import annotations

import datetime as dt
from base64 import b32encode
from collections.abc import Iterator

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from backoffice.staff import step_up, tokens
from backoffice.staff.models import Person, StepUp, Token, User
from corrections.errors import SecretUnreadable
from tests.backoffice.conftest import signed_in
from tests.factories.staff import PASSWORD, Authenticator, MachineFactory, UserFactory, account, with_token

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, 0, 5, tzinfo=dt.UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sena(clock: time_machine.Traveller) -> User:
    return account("Sena")


@pytest.fixture
def app(sena: User) -> Authenticator:
    return with_token(sena)


# A code


def test_the_present_code_proves_the_account(sena: User, app: Authenticator) -> None:
    assert step_up.has_token(sena)
    assert step_up.verified_at(sena) is None
    assert step_up.verify(sena, app.code())
    assert step_up.verified_at(sena) == NOON


def test_a_used_code_never_passes_again(sena: User, app: Authenticator, clock: time_machine.Traveller) -> None:
    code = app.code()
    assert step_up.verify(sena, code)
    assert not step_up.verify(sena, code)
    clock.shift(1)
    assert not step_up.verify(sena, code)
    clock.shift(60)
    assert step_up.verify(sena, app.code())


def test_no_code_passes_that_is_older_than_one_that_passed(sena: User, app: Authenticator) -> None:
    assert step_up.verify(sena, app.code(steps=1))
    assert not step_up.verify(sena, app.code())


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (0, True), (1, True), (2, False)])
def test_a_clock_may_differ_by_one_step(sena: User, app: Authenticator, steps: int, is_right: bool) -> None:
    assert step_up.verify(sena, app.code(steps=steps)) is is_right


def test_the_code_of_the_step_before_passes_as_well(
    sena: User, app: Authenticator, clock: time_machine.Traveller
) -> None:
    clock.shift(60)
    assert step_up.verify(sena, app.code(steps=-1))


@pytest.mark.parametrize("shape", ["{0}", " {0} ", "{1} {2}", "\t{0}\n"])
def test_spaces_around_a_code_and_in_its_middle_do_no_harm(sena: User, app: Authenticator, shape: str) -> None:
    code = app.code()
    assert step_up.verify(sena, shape.format(code, code[:3], code[3:]))


RUBBISH = [
    None,
    "",
    " ",
    "12345",
    "1234567",
    "12 34 56",
    "abcdef",
    "１２３４５６",
    "٠١٢٣٤٥",
    "1" * 5000,
    "-12345",
    "+12345",
]
RUBBISH += [
    "1e5000",
    "123.45",
    "0x1234",
    "123456\0",
    b"123456",
    123456,
    12.5,
    float("nan"),
    ["123456"],
    {},
    object(),
    True,
]


@pytest.mark.parametrize("token", RUBBISH, ids=lambda token: repr(token)[:20])
def test_rubbish_is_wrong_and_raises_nothing(sena: User, app: Authenticator, token: object) -> None:
    assert step_up.verify(sena, token) is False
    assert step_up.verified_at(sena) is None
    assert step_up.verify(sena, app.code()), "rubbish is no try"


def test_the_right_digits_in_full_width_do_not_pass(sena: User, app: Authenticator) -> None:
    wide = "".join(chr(ord(digit) - ord("0") + ord("０")) for digit in app.code())
    assert not step_up.verify(sena, wide)


@pytest.mark.parametrize("user", [None, object()])
def test_nobody_has_proved_anything(db: None, user: object) -> None:
    assert step_up.verify(user, "123456") is False
    assert step_up.verified_at(user) is None
    assert step_up.has_token(user) is False


def test_without_a_confirmed_token_nothing_is_right(sena: User) -> None:
    assert not step_up.has_token(sena)
    assert not step_up.verify(sena, "123456")
    unconfirmed = Authenticator(step_up.key_of(tokens.begin(actor=sena)))
    assert not step_up.has_token(sena)
    assert not step_up.verify(sena, unconfirmed.code())


# Wrong codes


def test_wrong_codes_make_one_wait_ever_longer(sena: User, app: Authenticator, clock: time_machine.Traveller) -> None:
    for seconds in (1, 2, 4, 8):
        assert not step_up.verify(sena, app.wrong())
        until = step_up.waits_until(sena)
        assert until is not None
        assert (until - dt.datetime.now(dt.UTC)).total_seconds() == seconds
        clock.shift(seconds - 0.5)
        assert not step_up.verify(sena, app.code()), "no code is looked at while one waits"
        clock.shift(0.5)
        assert step_up.waits_until(sena) is None
    assert step_up.verify(sena, app.code())
    assert step_up.waits_until(sena) is None


def test_the_right_code_sets_the_count_back(sena: User, app: Authenticator, clock: time_machine.Traveller) -> None:
    step_up.verify(sena, app.wrong())
    clock.shift(30)
    assert step_up.verify(sena, app.code())
    assert Token.objects.get(user=sena).throttling_failure_count == 0


# Whose proof


def test_a_proof_counts_for_one_account_of_a_person_only(sena: User, app: Authenticator) -> None:
    second = UserFactory(username="sena.second", person=sena.person)
    assert not step_up.verify(second, app.code())
    assert step_up.verify(sena, app.code())
    assert step_up.verified_at(second) is None
    other = with_token(second)
    assert not step_up.verify(sena, other.code())
    assert step_up.verify(second, other.code())


def test_another_persons_code_proves_nothing(sena: User, app: Authenticator) -> None:
    chidi = account("Chidi")
    with_token(chidi)
    assert not step_up.verify(chidi, app.code())
    assert step_up.verify(sena, app.code())


def test_a_deactivated_account_has_proved_nothing(sena: User, app: Authenticator) -> None:
    assert step_up.verify(sena, app.code())
    User.objects.filter(pk=sena.pk).update(is_active=False)
    assert step_up.verified_at(sena) is None
    assert not step_up.has_token(sena)
    assert not step_up.verify(sena, app.code(steps=1))


def test_a_deactivated_person_has_proved_nothing_by_any_account(sena: User, app: Authenticator) -> None:
    assert step_up.verify(sena, app.code())
    Person.objects.filter(pk=sena.person_id).update(is_active=False)
    assert step_up.verified_at(sena) is None
    assert not step_up.verify(sena, app.code(steps=1))


def test_a_machine_proves_nothing() -> None:
    machine = MachineFactory()
    StepUp.objects.create(user=machine, at=NOON, is_proof=True)
    assert step_up.verified_at(machine) is None


def test_asking_when_costs_one_statement(sena: User, app: Authenticator) -> None:
    step_up.verify(sena, app.code())
    with CaptureQueriesContext(connection) as asked:
        assert step_up.verified_at(sena) == NOON
    assert len(asked) == 1


# The end of a proof


def test_signing_out_ends_a_proof(sena: User, app: Authenticator) -> None:
    client = signed_in(sena)
    assert step_up.verify(sena, app.code())
    client.post("/admin/logout/")
    assert step_up.verified_at(sena) is None


def test_signing_in_anew_has_proved_nothing_yet(sena: User, app: Authenticator) -> None:
    assert step_up.verify(sena, app.code())
    signed_in(sena)
    assert step_up.verified_at(sena) is None


def test_removing_the_token_ends_a_proof(sena: User, app: Authenticator) -> None:
    assert step_up.verify(sena, app.code())
    tokens.remove_own(actor=sena, code=app.code(steps=1))
    assert step_up.verified_at(sena) is None


def test_i07_proofs_are_append_only_in_the_database(sena: User, app: Authenticator) -> None:
    step_up.verify(sena, app.code())
    rows = StepUp.objects.filter(user=sena)
    for write in (lambda: rows.update(at=NOON + dt.timedelta(days=1)), lambda: rows._raw_delete(rows.db)):
        with pytest.raises(DatabaseError), transaction.atomic():
            write()
    assert rows.count() == 1


# The key


def test_the_key_is_sealed_at_rest(sena: User, app: Authenticator) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM staff_token")
        stored = repr(cursor.fetchall())
    assert b32encode(app.key).decode() not in stored
    assert app.key.hex() not in stored


def test_a_key_that_was_copied_from_another_account_opens_nothing(sena: User, app: Authenticator) -> None:
    chidi = account("Chidi")
    with_token(chidi)
    stolen = Token.objects.get(user=sena).key_cipher
    Token.objects.filter(user=chidi).update(key_cipher=stolen)
    with pytest.raises(SecretUnreadable):
        step_up.verify(chidi, app.code())


def test_the_key_is_gone_once_the_token_is_removed(sena: User, app: Authenticator) -> None:
    sealed = Token.objects.get(user=sena)
    tokens.remove_own(actor=sena, code=app.code())
    assert Token.objects.get(user=sena).key_cipher == ""
    with pytest.raises(SecretUnreadable):
        step_up.key_of(sealed)


def test_an_account_has_one_token_at_a_time(sena: User, app: Authenticator) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Token.objects.create(user=sena, key_cipher="x", created_at=NOON)
    tokens.remove_own(actor=sena, code=app.code())
    with_token(sena, PASSWORD)
    assert Token.objects.filter(user=sena).count() == 2
