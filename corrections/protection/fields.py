"""The model field for a secret: three columns and a guarded attribute; the cryptography is in secrets.py.

    number = SecretField(kind="card", owner="secret_owner")

declares `number_cipher`, `number_index` and `number_masked`. Assigned plain text waits in the instance until
the row is saved or bulk-created, and is sealed then; it shows in no repr, str, pickle or error meanwhile.
The model has `ref`, a UUID that exists before the insert; `owner` names what gives the UUID of the owner.
"""

from __future__ import annotations

import inspect
from typing import Any, NoReturn
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from corrections.errors import CorrectionError
from corrections.protection import secrets
from corrections.protection.masks import KINDS

INDEX_CHARS = 64
MASKED_CHARS = 64


class Pending:
    """Plain text on its way to being sealed. Never read by accident, pickled, or written to a database."""

    __slots__ = ("__plain", "masked")

    @sensitive_variables()
    def __init__(self, plain: str, masked: str) -> None:
        self.__plain = plain
        self.masked = masked

    def open(self) -> str:
        return self.__plain

    def __repr__(self) -> str:
        return f"<not saved: {self.masked}>"

    __str__ = __repr__

    def __copy__(self) -> Pending:
        return self

    def __deepcopy__(self, memo: object) -> Pending:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise _not_saved()


class Secret:
    """A secret as pages see it: its text is the mask; `reveal()` is a deliberate act."""

    __slots__ = ("_cipher", "_field", "_model", "_ref", "masked")

    def __init__(self, *, model: type[models.Model], field: str, ref: UUID, cipher: str | Pending, masked: str) -> None:
        self._model, self._field, self._ref, self._cipher, self.masked = model, field, ref, cipher, masked

    def reveal(self) -> str:
        """The plain text. Raises SecretUnreadable. The caller asks for permission and records the event."""
        if isinstance(self._cipher, Pending):
            return self._cipher.open()
        return secrets.unseal(model=self._model, field=self._field, ref=self._ref, cipher=self._cipher)

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"<Secret {self.masked}>"

    def __format__(self, spec: str) -> str:
        return format(self.masked, spec)

    def __bool__(self) -> bool:
        return self._cipher != ""


class CipherTextField(models.TextField):
    """The column of the ciphertext; seals what is pending just before it is written."""

    # Not part of the migration: a historical model has the column and no secret attribute.
    secret: SecretField | None = None

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if self.secret is not None and isinstance(value, Pending):
            self.secret.seal_into(model_instance, value)
            value = getattr(model_instance, self.attname)
        return value

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Pending) else super().to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        # update() and bulk_update() don't come through pre_save: better refused than written unsealed.
        if isinstance(value, Pending):
            raise _not_saved()
        return super().get_prep_value(value)


class SecretAttribute(property):
    """A property, so that ``Model(number="…")`` accepts it. Reads give a Secret, writes take plain text."""

    def __init__(self, secret: SecretField) -> None:
        super().__init__(secret.read, secret.write)
        self.secret = secret


class SecretField:
    """Declares the three columns of a secret and the attribute that guards them; itself no column.

    `kind` is one of `masks.KINDS`; `owner` names an attribute or method of the row giving the owner's UUID.
    """

    def __init__(self, verbose_name: Any = None, *, kind: str, owner: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"Unknown kind of secret {kind!r}; known are {', '.join(KINDS)}.")
        self.verbose_name, self.kind, self.owner, self.name = verbose_name, kind, owner, ""
        hidden: dict[str, Any] = {"blank": True, "default": "", "editable": False}
        self.cipher = CipherTextField(verbose_name, **hidden)
        self.cipher.secret = self
        self.index = models.CharField(verbose_name, max_length=INDEX_CHARS, db_index=True, **hidden)
        self.masked = models.CharField(verbose_name, max_length=MASKED_CHARS, **hidden)

    def contribute_to_class(self, cls: type[models.Model], name: str) -> None:
        self.name = name
        for column, field in zip(secrets.columns(name), (self.cipher, self.index, self.masked), strict=True):
            cls.add_to_class(column, field)
        setattr(cls, name, SecretAttribute(self))

    def read(self, instance: models.Model) -> Secret:
        cipher, _index, masked = secrets.columns(self.name)
        return Secret(
            model=type(instance),
            field=self.name,
            ref=instance.ref,  # type: ignore[attr-defined]
            cipher=getattr(instance, cipher),
            masked=getattr(instance, masked),
        )

    @sensitive_variables()
    def write(self, instance: models.Model, value: str | Secret | None) -> None:
        """Keep plain text pending; None or "" clears. Raises InvalidInput, never repeating the value."""
        cipher, index, masked = secrets.columns(self.name)
        plain = value.reveal() if isinstance(value, Secret) else value
        if plain is None or plain == "":
            state: tuple[Any, str, str] = ("", "", "")
        else:
            text = secrets.normalise(self.kind, plain)
            shown = secrets.mask(self.kind, text)
            state = (Pending(text, shown), secrets.blind_index(self.kind, text), shown)
        for column, part in zip((cipher, index, masked), state, strict=True):
            setattr(instance, column, part)

    @sensitive_variables()
    def seal_into(self, instance: models.Model, pending: Pending) -> None:
        """Replace pending plain text by its ciphertext, and set the other two columns with it."""
        sealed = secrets.seal(
            model=type(instance),
            field=self.name,
            ref=instance.ref,  # type: ignore[attr-defined]
            owner=self.owner_of(instance),
            plain=pending.open(),
        )
        for column, part in sealed.items():
            setattr(instance, column, part)

    def owner_of(self, instance: models.Model) -> UUID:
        """UUID of whoever's data key protects this secret. Raises CorrectionError when there is none."""
        owner = getattr(instance, self.owner)
        owner = owner() if callable(owner) else owner
        if not isinstance(owner, UUID):
            raise CorrectionError(
                _("A protected value needs an owner before it can be stored."), code="secret_has_no_owner"
            )
        return owner


def secret_field(model: type[models.Model], name: str) -> SecretField | None:
    """The secret field of that name, or nothing when the name is an ordinary field or none at all."""
    attribute = inspect.getattr_static(model, name, None)
    return attribute.secret if isinstance(attribute, SecretAttribute) else None


def secret_fields(model: type[models.Model]) -> dict[str, SecretField]:
    """All secret fields of a model by name, in the order of their columns."""
    found = (field.secret for field in model._meta.concrete_fields if isinstance(field, CipherTextField))
    return {one.name: one for one in found if one is not None and secret_field(model, one.name) is one}


def _not_saved() -> CorrectionError:
    return CorrectionError(
        _("A protected value must be saved with its row before it is pickled or updated in bulk."),
        code="secret_not_sealed",
    )
