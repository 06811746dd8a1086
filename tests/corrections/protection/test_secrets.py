"""Sealing and revealing of single values: bound to their row and field, and of no use when altered (I-13)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from corrections.errors import InvalidInput, SecretUnreadable
from corrections.protection.keys import destroy
from corrections.protection.secrets import blind_index, columns, keyring, matching, normalise, seal, unseal
from tests.corrections.protection.test_masks import SPELLINGS
from tests.sandbox.models import Drawer, Locker, Region

CARD = "4111111111111111"
OTHER_CARD = "5500005555555559"

pytestmark = pytest.mark.django_db


def sealed(plain: str = CARD, *, ref: UUID, owner: UUID, field: str = "card") -> str:
    return seal(model=Locker, field=field, ref=ref, owner=owner, plain=plain)[columns(field)[0]]


def code_of_refusal(**location: Any) -> str:
    with pytest.raises(SecretUnreadable) as caught:
        unseal(**location)
    assert CARD not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("kind", sorted(SPELLINGS))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_sealed_is_revealed_and_shows_in_no_column(kind: str, data: st.DataObject) -> None:
    ref, owner = uuid4(), uuid4()
    plain = data.draw(SPELLINGS[kind])
    row = seal(model=Locker, field=kind, ref=ref, owner=owner, plain=plain)
    kept = normalise(kind, plain)
    assert unseal(model=Locker, field=kind, ref=ref, cipher=row[f"{kind}_cipher"]) == kept
    assert len(kept) < 8 or all(kept not in column for column in row.values())


def test_nothing_is_sealed_as_nothing() -> None:
    for nothing in (None, ""):
        row = seal(model=Locker, field="card", ref=uuid4(), owner=uuid4(), plain=nothing)
        assert set(row.values()) == {""}
    assert unseal(model=Locker, field="card", ref=uuid4(), cipher="") == ""


def test_same_value_twice_gives_other_ciphertext_and_the_same_index() -> None:
    ref, owner = uuid4(), uuid4()
    one, two = (seal(model=Locker, field="card", ref=ref, owner=owner, plain=CARD) for _ in range(2))
    assert one["card_cipher"] != two["card_cipher"]
    assert one["card_index"] == two["card_index"]


def test_ciphertext_moved_to_another_row_opens_nothing() -> None:
    owner = uuid4()
    cipher = sealed(ref=uuid4(), owner=owner)
    assert code_of_refusal(model=Locker, field="card", ref=uuid4(), cipher=cipher) == "secret_altered"


def test_ciphertext_moved_to_another_field_opens_nothing() -> None:
    ref = uuid4()
    cipher = sealed(ref=ref, owner=uuid4())
    assert code_of_refusal(model=Locker, field="account", ref=ref, cipher=cipher) == "secret_altered"


def test_ciphertext_moved_to_another_model_opens_nothing() -> None:
    ref = uuid4()
    cipher = sealed(ref=ref, owner=uuid4())
    assert code_of_refusal(model=Drawer, field="card", ref=ref, cipher=cipher) == "secret_altered"


def test_key_of_another_owner_opens_nothing() -> None:
    ref = uuid4()
    mine, theirs = sealed(ref=ref, owner=uuid4()), sealed(ref=ref, owner=uuid4())
    version, _key, body = mine.split(".")
    forged = ".".join([version, theirs.split(".")[1], body])
    assert code_of_refusal(model=Locker, field="card", ref=ref, cipher=forged) == "secret_altered"


def test_any_altered_letter_of_a_ciphertext_is_noticed() -> None:
    ref = uuid4()
    cipher = sealed(ref=ref, owner=uuid4())
    with keyring():
        for at, letter in enumerate(cipher):
            altered = cipher[:at] + ("a" if letter != "a" else "b") + cipher[at + 1 :]
            code = code_of_refusal(model=Locker, field="card", ref=ref, cipher=altered)
            assert code in {"secret_altered", "secret_key_unknown"}, at


@pytest.mark.parametrize("cut", [1, 4, 16, 40, 60])
def test_shortened_ciphertext_is_noticed(cut: int) -> None:
    ref = uuid4()
    cipher = sealed(ref=ref, owner=uuid4())
    for altered in (cipher[:-cut], cipher + "A" * cut, cipher[:cut]):
        assert code_of_refusal(model=Locker, field="card", ref=ref, cipher=altered) == "secret_altered"


@pytest.mark.parametrize("cipher", [CARD, "v1", "v1..", "v2." + "0" * 32 + ".AAAA", "v1.{}.é"])
def test_what_was_never_sealed_is_not_returned_as_plain_text(cipher: str) -> None:
    assert code_of_refusal(model=Locker, field="card", ref=uuid4(), cipher=cipher) == "secret_altered"


def test_destroying_the_key_erases_the_owners_secrets_and_no_others() -> None:
    ref, owner = uuid4(), uuid4()
    gone, kept = sealed(ref=ref, owner=owner), sealed(ref=ref, owner=uuid4())
    destroy(owner)
    assert code_of_refusal(model=Locker, field="card", ref=ref, cipher=gone) == "secret_key_destroyed"
    assert unseal(model=Locker, field="card", ref=ref, cipher=kept) == CARD


def test_index_depends_on_value_kind_and_key(settings: Any) -> None:
    number = "123456789012"
    assert blind_index("card", "1234 5678-9012") == blind_index("card", number)
    assert blind_index("card", number) != blind_index("account", number)
    assert blind_index("card", CARD) != blind_index("card", OTHER_CARD)
    before = blind_index("card", number)
    settings.INDEX_KEY = "aW5kZXhpbmRleGluZGV4aW5kZXhpbmRleGluZGV4MDA="
    assert blind_index("card", number) != before


def test_birth_number_is_found_with_and_without_its_stroke() -> None:
    assert blind_index("identity", "706213/1234") == blind_index("identity", "7062131234")
    assert blind_index("account", "706213/1234") != blind_index("account", "7062131234")


def test_rows_are_found_by_exact_value_only() -> None:
    mine = Locker.objects.create(card=CARD)
    Locker.objects.create(card=OTHER_CARD)
    assert list(Locker.objects.filter(matching(Locker, "card", "4111 1111 1111 1111"))) == [mine]
    assert not Locker.objects.filter(matching(Locker, "card", "4111111111111112")).exists()
    with pytest.raises(InvalidInput):
        matching(Locker, "card", "4111")


def test_field_without_secret_is_a_programming_error() -> None:
    with pytest.raises(LookupError):
        matching(Region, "name", CARD)
