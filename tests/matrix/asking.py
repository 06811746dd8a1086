"""Asks an address as a visitor, takes everything back, and says in one word what was answered."""

from __future__ import annotations

import hashlib
from http.cookies import SimpleCookie
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from backoffice.staff.models import User
from tests.matrix.addresses import address, body
from tests.matrix.world import World

# Statements that change nothing, and the one table whose rows come and go with every visit.
HARMLESS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA", "SET CONSTRAINTS")
VISITS = "django_session"


def tables() -> list[str]:
    models: list[type[Model]] = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    there = set(connection.introspection.table_names())  # a test may have made a model without a table
    return sorted({model._meta.db_table for model in models} & there - {VISITS})


def digest(table: str) -> str:
    """One value for every row of a table, in whatever order the database gives them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
        return hashlib.sha256("\n".join(sorted(map(repr, cursor.fetchall()))).encode()).hexdigest()


def has_moved(before: dict[str, str], wrote: list[str]) -> bool:
    """Whether any table but the sessions' differs; those that a statement named are looked at first."""
    named = sorted(before, key=lambda table: not any(f'"{table}"' in sql for sql in wrote))
    return any(digest(table) != before[table] for table in named)


class Asker:
    """Visits with one session per visitor; the database is as before after each answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies = {name: self._cookies(user) for name, user in world.visitors.items()}
        self.pages: dict[tuple[str, str], str] = {}
        self.before = {table: digest(table) for table in tables()}  # signing in has left its mark by now

    def _cookies(self, user: User | None) -> SimpleCookie:
        client = Client()
        if user is not None:
            client.force_login(user, backend="backoffice.staff.backends.ActivePersonBackend")
        return client.cookies

    def ask(self, visitor: str, key: str, subject: str, method: str, *, with_token: bool = True) -> str:
        """The answer in one word (see table.py). What was refused and wrote all the same says so."""
        user = self.world.visitors[visitor]
        client = self._client(visitor, with_token=with_token)
        path = address(self.world, key, subject, user)
        data = body(self.world, key, subject, user) if method == "POST" else None
        wrote: list[str] = []
        with transaction.atomic(), connection.execute_wrapper(_noticing(wrote)):
            answer = getattr(client, method.lower())(path, data)
            _read(answer)
            has_changed = bool(wrote) and has_moved(self.before, wrote)
            transaction.set_rollback(True)
        return _word(answer, has_changed=has_changed)

    def page(self, visitor: str, key: str) -> str:
        """The text of a list, read once per visitor."""
        if (visitor, key) not in self.pages:
            answer = self._client(visitor).get(address(self.world, key, "-", self.world.visitors[visitor]))
            self.pages[visitor, key] = answer.content.decode()
        return self.pages[visitor, key]

    def _client(self, visitor: str, *, with_token: bool = True) -> Client:
        client = Client(enforce_csrf_checks=not with_token)
        client.cookies = SimpleCookie(self.cookies[visitor].output(header="", sep=";"))
        return client


def _noticing(wrote: list[str]) -> Any:
    """Remembers every statement that may have changed a row."""

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.lstrip("( \n").upper().startswith(HARMLESS) and VISITS not in sql:
            wrote.append(sql)
        return run(sql, params, many, context)

    return execute


def _read(answer: Any) -> None:
    """Reading a stream to its end closes it, as a browser would."""
    if answer.streaming:
        b"".join(answer.streaming_content)


def _word(answer: HttpResponseBase, *, has_changed: bool) -> str:
    status = answer.status_code
    if status in {301, 302}:
        is_sign_in = answer["Location"].startswith(reverse(settings.LOGIN_URL))
        word = "in" if is_sign_in else "to"
        return {"to": "done"}.get(word, f"{word}!") if has_changed else word
    word = "ok" if status == 200 else str(status)
    return {"ok": "rec"}.get(word, f"{word}!") if has_changed else word
