"""Which databases belong to the demo: it touches an empty one, or one that it began itself, and no other.

Two marks must agree: a token in the demo's folder, written while the database is still empty, and a machine account
that is named for the token. A run that was killed before the account existed left no account at all.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.storage import storages
from django.db import connection

from backoffice import keys
from backoffice.staff.machines import machine


class ForeignDatabaseError(Exception):
    """A database with tables that no demo made."""

    def __init__(self) -> None:
        super().__init__(
            f"The database {_identity()} is not empty, and no demo made it: nothing was touched. "
            "Name another one in DATABASE_URL, or remove it yourself if nobody needs it."
        )


def claim() -> str:
    """The token of the demo's database, which is marked as such if it is empty. Raises ForeignDatabaseError."""
    tokens = _tokens()
    if not connection.introspection.table_names():
        tokens[_identity()] = secrets.token_hex(4)
        _write(tokens)
    elif not is_own():
        raise ForeignDatabaseError
    return tokens[_identity()]


def sign(token: str) -> None:
    """Put the second mark into the database; done as soon as its tables stand."""
    machine(_account_name(token))


def is_own() -> bool:
    """Whether a demo began this database."""
    token = _tokens().get(_identity())
    if token is None:
        return False
    users = get_user_model()
    if users._meta.db_table not in connection.introspection.table_names():
        return True  # killed while the tables were made
    accounts = users._default_manager.values_list("username", flat=True)
    return not accounts.exists() or accounts.filter(username=_account_name(token)).exists()


def wipe() -> None:
    """Empty the demo's own database, and remove the evidence that it names. Raises ForeignDatabaseError."""
    if not connection.introspection.table_names():
        return
    if not is_own():
        raise ForeignDatabaseError
    _remove_evidence()
    _drop_sqlite() if connection.vendor == "sqlite" else _drop_tables()
    _write({name: token for name, token in _tokens().items() if name != _identity()})


def _account_name(token: str) -> str:
    return f"demo_{token}"


def _identity() -> str:
    """What tells this database from others, without user name or password."""
    wanted = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite {Path(wanted['NAME']).resolve()}"
    return f"{connection.vendor} {wanted['HOST'] or 'local'}:{wanted['PORT'] or 'default'}/{wanted['NAME']}"


def _marks() -> Path:
    return keys.DEMO_FOLDER / "databases.json"


def _tokens() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(_marks().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _write(tokens: dict[str, str]) -> None:
    """Whole or not at all: a kill in the middle must not lose the mark of another database."""
    keys.DEMO_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = _marks().with_suffix(".writing")
    beside.write_text(json.dumps(tokens, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    beside.replace(_marks())


def _remove_evidence() -> None:
    from corrections.models import EvidenceFile

    if EvidenceFile._meta.db_table not in connection.introspection.table_names():
        return
    store: Any = storages["evidence"]
    for sha256, key_id in EvidenceFile.objects.values_list("sha256", "key_id"):
        store.delete(f"{sha256[:2]}/{sha256[2:4]}/{sha256}.{key_id.hex}")


def _drop_sqlite() -> None:
    path = Path(connection.settings_dict["NAME"])
    connection.close()
    for suffix in ("-wal", "-shm", "-journal", ""):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _drop_tables() -> None:
    """Tables one by one, not the schema: it may hold what others put there beside us."""
    from corrections.engine import gate

    gate.drop()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(table)} CASCADE")
        cursor.execute(OF_THE_QUEUE)
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)


# What the workers' queue leaves behind beside tables; functions first, which name the types.
OF_THE_QUEUE = """
SELECT 'DROP FUNCTION ' || p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND starts_with(p.proname, 'procrastinate_')
UNION ALL
SELECT 'DROP TYPE ' || t.oid::regtype FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = current_schema()::regnamespace AND starts_with(t.typname, 'procrastinate_')
  AND (t.typtype = 'e' OR c.relkind = 'c')
"""
