"""A table with secrets that nobody guards, so that the secret field can be tried alone."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.db import models

from corrections.protection.fields import SecretField


class Locker(models.Model):
    """Has a secret of every kind; its own `owner_ref` owns them."""

    ref = models.UUIDField(default=uuid4, unique=True, editable=False)
    owner_ref = models.UUIDField(default=uuid4, null=True)
    title = models.CharField(max_length=50, blank=True)
    card = SecretField("card number", kind="card", owner="owner_ref")
    identity = SecretField("identity number", kind="identity", owner="secret_owner")
    mobile = SecretField("mobile", kind="mobile", owner="secret_owner")
    account = SecretField("account number", kind="account", owner="secret_owner")

    def __str__(self) -> str:
        return f"{self.title} {self.card}"

    def secret_owner(self) -> UUID | None:
        return self.owner_ref


class Drawer(models.Model):
    """Another table with a field of the same name: a ciphertext must not move from one to the other."""

    ref = models.UUIDField(default=uuid4, unique=True, editable=False)
    locker = models.ForeignKey(Locker, models.CASCADE)
    card = SecretField("card number", kind="card", owner="secret_owner")

    def __str__(self) -> str:
        return str(self.card)

    @property
    def secret_owner(self) -> UUID | None:
        return self.locker.owner_ref
