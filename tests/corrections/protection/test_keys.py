"""Master keys from the settings, and the data keys they wrap."""

from __future__ import annotations

import base64
import pickle
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from corrections.errors import SecretUnreadable
from corrections.models import DataKey
from corrections.protection import keys
from corrections.protection.keys import KeyRing, decode, destroy, encode, keyring

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()


def undone(ring: KeyRing, owner: UUID) -> UUID:
    """Id of a key that was made in a transaction that was rolled back."""
    with transaction.atomic():
        key_id = ring.for_owner(owner).id
        transaction.set_rollback(True)
    return key_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        NEW,
        "a b:" + NEW,
        "new:short",
        "new:" + base64.b64encode(b"n" * 16).decode(),
        "new:not base64 at all",
        f"new:{NEW},new:{OLD}",
    ],
)
def test_unusable_master_keys_are_refused_without_being_quoted(settings: Any, text: str) -> None:
    settings.FIELD_KEYS = text
    with pytest.raises(ImproperlyConfigured) as caught:
        keys.master_keys()
    assert NEW not in str(caught.value)


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"i" * 16).decode()])
def test_unusable_index_key_is_refused(settings: Any, text: str) -> None:
    settings.INDEX_KEY = text
    with pytest.raises(ImproperlyConfigured):
        keys.index_key()


def test_first_master_key_is_the_current_one(settings: Any) -> None:
    settings.FIELD_KEYS = f"new:{NEW},old:{OLD}"
    assert list(keys.master_keys()) == ["new", "old"]


def test_base64_has_one_spelling() -> None:
    assert decode(encode(b"abcd")) == b"abcd"
    with pytest.raises(ValueError, match="canonical"):
        decode(encode(b"abcd")[:-1] + "B")


@pytest.mark.django_db
class TestDataKeys:
    def test_an_owner_has_one_key(self) -> None:
        owner = uuid4()
        assert KeyRing().for_owner(owner).id == KeyRing().for_owner(owner).id
        assert DataKey.objects.filter(owner=owner).count() == 1

    def test_each_owner_has_another_key(self) -> None:
        assert KeyRing().for_owner(uuid4()).id != KeyRing().for_owner(uuid4()).id

    def test_two_living_keys_of_one_owner_are_refused_by_the_database(self) -> None:
        row = DataKey.objects.get(pk=KeyRing().for_owner(uuid4()).id)
        with pytest.raises(IntegrityError), transaction.atomic():
            DataKey.objects.create(owner=row.owner, wrapped=row.wrapped, created_at=timezone.now())

    @pytest.mark.parametrize("change", [{"wrapped": ""}, {"destroyed_at": timezone.now()}])
    def test_key_is_wrapped_until_destroyed_says_the_database(self, change: dict[str, Any]) -> None:
        key_id = KeyRing().for_owner(uuid4()).id
        with pytest.raises(IntegrityError), transaction.atomic():
            DataKey.objects.filter(pk=key_id).update(**change)

    def test_destroyed_key_opens_nothing_and_says_so(self) -> None:
        owner = uuid4()
        key_id = KeyRing().for_owner(owner).id
        assert destroy(owner) == 1
        assert DataKey.objects.get(pk=key_id).wrapped == ""
        with pytest.raises(SecretUnreadable) as caught:
            KeyRing().for_id(key_id)
        assert caught.value.code == "secret_key_destroyed"
        assert destroy(owner) == 0

    def test_owner_of_a_destroyed_key_gets_a_new_one(self) -> None:
        owner = uuid4()
        first = KeyRing().for_owner(owner).id
        destroy(owner)
        assert KeyRing().for_owner(owner).id != first

    def test_unknown_key_is_named(self) -> None:
        with pytest.raises(SecretUnreadable) as caught:
            KeyRing().for_id(uuid4())
        assert caught.value.code == "secret_key_unknown"

    def test_key_under_an_older_master_key_still_opens(self, settings: Any) -> None:
        settings.FIELD_KEYS = f"old:{OLD}"
        key_id = KeyRing().for_owner(uuid4()).id
        settings.FIELD_KEYS = f"new:{NEW},old:{OLD}"
        assert KeyRing().for_id(key_id).id == key_id

    def test_missing_master_key_is_named_by_its_id(self, settings: Any) -> None:
        settings.FIELD_KEYS = f"old:{OLD}"
        key_id = KeyRing().for_owner(uuid4()).id
        settings.FIELD_KEYS = f"new:{NEW}"
        with pytest.raises(SecretUnreadable, match="old") as caught:
            KeyRing().for_id(key_id)
        assert caught.value.code == "master_key_missing"

    def test_other_bytes_under_the_same_master_key_id_open_nothing(self, settings: Any) -> None:
        settings.FIELD_KEYS = f"k:{OLD}"
        key_id = KeyRing().for_owner(uuid4()).id
        settings.FIELD_KEYS = f"k:{NEW}"
        assert self._code_of(key_id) == "data_key_altered"

    def test_wrapped_key_copied_to_another_row_opens_nothing(self) -> None:
        one, other = KeyRing().for_owner(uuid4()).id, KeyRing().for_owner(uuid4()).id
        DataKey.objects.filter(pk=other).update(wrapped=DataKey.objects.get(pk=one).wrapped)
        assert self._code_of(other) == "data_key_altered"

    def test_key_given_to_another_owner_opens_nothing_and_the_database_refuses_it(self) -> None:
        row = DataKey.objects.get(pk=KeyRing().for_owner(uuid4()).id)
        with pytest.raises(IntegrityError, match="gate_closed"), transaction.atomic():
            DataKey.objects.filter(pk=row.pk).update(owner=uuid4())
        row.owner = uuid4()
        with pytest.raises(SecretUnreadable) as caught:
            keys._unwrap(row)
        assert caught.value.code == "data_key_altered"

    def test_destroyed_key_never_comes_back_says_the_database(self) -> None:
        owner = uuid4()
        row = DataKey.objects.get(pk=KeyRing().for_owner(owner).id)
        destroy(owner)
        with pytest.raises(IntegrityError, match="gate_closed"), transaction.atomic():
            DataKey.objects.filter(pk=row.pk).update(wrapped=row.wrapped, destroyed_at=None)

    def test_any_altered_letter_of_a_wrapped_key_is_noticed(self) -> None:
        row = DataKey.objects.get(pk=KeyRing().for_owner(uuid4()).id)
        for at, letter in enumerate(row.wrapped):
            altered = row.wrapped[:at] + ("A" if letter != "A" else "B") + row.wrapped[at + 1 :]
            DataKey.objects.filter(pk=row.pk).update(wrapped=altered)
            assert self._code_of(row.pk) in {"data_key_altered", "master_key_missing"}, at

    def _code_of(self, key_id: UUID) -> str:
        with pytest.raises(SecretUnreadable) as caught:
            KeyRing().for_id(key_id)
        return caught.value.code


@pytest.mark.django_db
class TestKeyRing:
    def test_many_owners_cost_a_few_statements(self, django_assert_max_num_queries: Any) -> None:
        owners = [uuid4() for _ in range(400)]
        with django_assert_max_num_queries(8), keyring() as ring:
            ring.ensure(owners)
            assert len({ring.for_owner(owner).id for owner in owners}) == 400

    def test_ring_asks_the_database_once(self, django_assert_num_queries: Any) -> None:
        owner = uuid4()
        key_id = KeyRing().for_owner(owner).id
        with keyring() as ring, django_assert_num_queries(1):
            assert ring.for_owner(owner).id == ring.for_id(key_id).id == ring.for_owner(owner).id

    def test_inner_ring_is_the_outer_one(self) -> None:
        with keyring() as outer:
            with keyring() as inner:
                assert inner is outer
            assert keys.current_ring() is outer
        assert keys.current_ring() is not outer

    def test_ring_ends_with_its_block_even_after_an_error(self) -> None:
        with pytest.raises(RuntimeError), keyring() as ring:
            raise RuntimeError
        assert keys.current_ring() is not ring

    def test_ring_forgets_a_key_that_was_rolled_back(self) -> None:
        owner = uuid4()
        with keyring() as ring:
            lost = undone(ring, owner)
            kept = ring.for_owner(owner).id
        assert kept != lost
        assert DataKey.objects.get(owner=owner).pk == kept

    def test_ring_shows_no_key_and_is_never_pickled(self) -> None:
        with keyring() as ring:
            key = ring.for_owner(uuid4())
            assert "KeyRing of 1" in repr(ring)
            with pytest.raises(TypeError):
                pickle.dumps(ring)
            with pytest.raises(TypeError):
                pickle.dumps(key)


@pytest.mark.django_db(transaction=True)
def test_ring_forgets_a_key_of_a_transaction_that_was_rolled_back() -> None:
    owner = uuid4()
    with keyring() as ring:
        lost = undone(ring, owner)
        assert ring.for_owner(owner).id != lost
        assert DataKey.objects.filter(owner=owner).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_writers_at_once_share_one_key() -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    owner, start = uuid4(), Barrier(4)

    def make() -> UUID:
        try:
            start.wait(10)
            return KeyRing().for_owner(owner).id
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = [future.result() for future in [pool.submit(make) for _ in range(4)]]
    assert len(set(made)) == 1
    assert DataKey.objects.filter(owner=owner).count() == 1
