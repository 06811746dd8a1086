"""PostgreSQL: guards as statement triggers, history by one INSERT … SELECT from a transition table.

Triggers are ENABLE ALWAYS, so that `session_replication_role` does not switch them off. What remains to a role that
owns the tables: ALTER TABLE … DISABLE TRIGGER, which the system check and `verify` report.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import truncate_name

from corrections.engine.gate.guards import Columns, Guard, Record, Rule

PREFIX = "corrections_gate_"
IDENTIFIER_CHARS_MAX = 63
ALWAYS = "A"  # pg_trigger.tgenabled
EVENTS = ("INSERT", "UPDATE", "DELETE")

TABLE = re.compile(r"\[(\w+)\]")  # as rules name a table

REFUSE = f"{PREFIX}refuse"
KEY = f"{PREFIX}key"

# TG_ARGV: the setting that a write needs, the events refused in any context, 'history' for a history table.
REFUSE_BODY = """
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    IF current_setting('corrections.maintenance', true) = '1' AND starts_with(current_database(), 'test_') THEN
      RETURN NULL;  -- a test suite empties its own database
    END IF;
    RAISE EXCEPTION 'gate_closed: % is never truncated', TG_TABLE_NAME USING ERRCODE = '23514';
  ELSIF TG_OP = ANY (string_to_array(TG_ARGV[1], ',')) THEN
    RAISE EXCEPTION 'gate_closed: % takes no %', TG_TABLE_NAME, TG_OP USING ERRCODE = '23514';
  ELSIF TG_ARGV[2] = 'history' AND pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'gate_closed: % is written by the database itself', TG_TABLE_NAME USING ERRCODE = '23514';
  ELSIF TG_ARGV[0] <> '' AND coalesce(current_setting('corrections.' || TG_ARGV[0], true), '') = '' THEN
    RAISE EXCEPTION 'gate_closed: % takes no % outside a correction or a recorded write', TG_TABLE_NAME, TG_OP
      USING ERRCODE = '23514';
  END IF;
  RETURN NULL;
END
"""

KEY_BODY = """
BEGIN
  RAISE EXCEPTION 'gate_closed: % never changes a primary key', TG_TABLE_NAME USING ERRCODE = '23514';
END
"""


@dataclass(frozen=True)
class Function:
    name: str
    body: str

    @property
    def mark(self) -> str:
        return hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()

    def create(self, schema: str) -> str:
        return (
            f"CREATE OR REPLACE FUNCTION {schema}.{_q(self.name)}() RETURNS trigger "
            f"LANGUAGE plpgsql AS $gate${self.body}$gate$"
        )


@dataclass(frozen=True)
class Trigger:
    """``CREATE TRIGGER name {when} ON table {each} EXECUTE FUNCTION function(arguments)``."""

    name: str
    table: str
    when: str
    each: str
    function: str
    arguments: str = ""

    @property
    def mark(self) -> str:
        parts = f"{self.when}|{self.each}|{self.function}|{self.arguments}"
        return hashlib.md5(parts.encode(), usedforsecurity=False).hexdigest()

    def create(self, schema: str) -> str:
        table = f"{schema}.{_q(self.table)}"
        return (
            f"CREATE TRIGGER {_q(self.name)} {self.when} ON {table} {self.each} "
            f"EXECUTE FUNCTION {schema}.{_q(self.function)}({self.arguments});\n"
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {_q(self.name)};\n"
            f"COMMENT ON TRIGGER {_q(self.name)} ON {table} IS '{self.mark}'"
        )


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _function_name(what: str, table: str) -> str:
    return truncate_name(f"{PREFIX}{what}_{table}", IDENTIFIER_CHARS_MAX, hash_len=8)


def functions(guards: Sequence[Guard], schema: str) -> Iterator[Function]:
    yield Function(REFUSE, REFUSE_BODY)
    yield Function(KEY, KEY_BODY)
    for guard in guards:
        if guard.rules:
            yield Function(_function_name("rules", guard.table), _rules_body(guard, schema))
        if guard.record:
            yield Function(_function_name("record", guard.table), _record_body(guard.record, schema))


def triggers(guards: Sequence[Guard]) -> Iterator[Trigger]:
    """In one table PostgreSQL fires triggers by name: `a_refuse` comes first."""
    for guard in guards:
        yield _refuse(guard)
        if guard.key:
            key = _q(guard.key)
            each = f"FOR EACH ROW WHEN (old.{key} IS DISTINCT FROM new.{key})"
            yield Trigger(KEY, guard.table, f"BEFORE UPDATE OF {key}", each, KEY)
        if guard.rules:
            events = " OR ".join(event for event in EVENTS if any(rule.event == event for rule in guard.rules))
            name = _function_name("rules", guard.table)
            yield Trigger(f"{PREFIX}rules", guard.table, f"BEFORE {events}", "FOR EACH ROW", name)
        if guard.record:
            yield from _records(guard)


def _refuse(guard: Guard) -> Trigger:
    kind = "history" if guard.is_history else ""
    arguments = ", ".join(_text(part) for part in (guard.needs, ",".join(guard.never), kind))
    when = "BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE"
    return Trigger(f"{PREFIX}a_refuse", guard.table, when, "FOR EACH STATEMENT", REFUSE, arguments)


def _rules_body(guard: Guard, schema: str) -> str:
    declared = "".join(f"  gate_{name} text;\n" for name, _ in _asked(guard, guard.rules))
    body = "".join(_rules_of(guard, event) for event in EVENTS)
    # With the schema, so that no temporary table stands in for one of ours.
    qualified = TABLE.sub(lambda found: f"{schema}.{_q(found[1])}", body)
    return f"\nDECLARE\n{declared}BEGIN\n{qualified}  RETURN coalesce(new, old);\nEND\n"


def _rules_of(guard: Guard, event: str) -> str:
    rules = [rule for rule in guard.rules if rule.event == event]
    if not rules:
        return ""
    # A rule that asks another table runs a statement; without one it is a hundred times quicker.
    lookups = "".join(f"    gate_{name} := {sql};\n" for name, sql in _asked(guard, rules))
    return f"  IF TG_OP = '{event}' THEN\n{lookups}{''.join(_rule(guard, rule) for rule in rules)}  END IF;\n"


def _asked(guard: Guard, rules: Sequence[Rule]) -> list[tuple[str, str]]:
    """The lookups that any of these rules names."""
    return [lookup for lookup in guard.lookups if any(f"<{lookup[0]}>" in rule.refuse for rule in rules)]


def _rule(guard: Guard, rule: Rule) -> str:
    message = _text(f"gate_closed: {guard.table} {rule.because}".replace("%", "%%"))
    refuse = reduce(
        lambda found, lookup: found.replace(f"<{lookup[0]}>", f"gate_{lookup[0]}"), guard.lookups, rule.refuse
    )
    return f"    IF {refuse} THEN\n      RAISE EXCEPTION {message} USING ERRCODE = '23514';\n    END IF;\n"


def _records(guard: Guard) -> Iterator[Trigger]:
    name = _function_name("record", guard.table)
    for event in EVENTS:
        rows = "OLD TABLE AS gate_rows" if event == "DELETE" else "NEW TABLE AS gate_rows"
        each = f"REFERENCING {rows} FOR EACH STATEMENT"
        yield Trigger(f"{PREFIX}record_{event.lower()}", guard.table, f"AFTER {event}", each, name)


def _record_body(record: Record, schema: str) -> str:
    history = f"{schema}.{_q(record.history)}"
    copied = ", ".join(_q(column) for column in record.columns)
    # The moment is taken once, so that all rows of a statement share it; now() would be the transaction's.
    return f"""
DECLARE
  moment timestamptz := clock_timestamp();
  actor {history}.history_user_id%TYPE := nullif(current_setting('corrections.actor', true), '');
  correction bigint := nullif(current_setting('corrections.correction', true), '');
BEGIN
  INSERT INTO {history} ({copied}, history_date, history_type, history_change_reason, history_user_id,
    history_actor, history_source, history_correction)
  SELECT {copied}, moment, CASE TG_OP WHEN 'INSERT' THEN '+' WHEN 'UPDATE' THEN '~' ELSE '-' END,
    coalesce(current_setting('corrections.reason', true), ''), actor,
    coalesce(current_setting('corrections.name', true), ''),
    coalesce(nullif(current_setting('corrections.source', true), ''), 'database:' || session_user), correction
  FROM gate_rows;
  RETURN NULL;
END
"""


# What stands in the database


SCHEMA = "SELECT quote_ident(current_schema())"

COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (%s)
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY c.relname, a.attnum
"""

INSTALLED = f"""
SELECT t.tgname, c.relname, coalesce(obj_description(t.oid, 'pg_trigger'), ''), t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal AND starts_with(t.tgname, '{PREFIX}')
UNION ALL
SELECT p.proname, '', md5(p.prosrc), '{ALWAYS}' FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND starts_with(p.proname, '{PREFIX}')
"""


class PostgreSQL:
    """Guards of one PostgreSQL connection: what stands, and the statements that create and remove it."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        with connection.cursor() as cursor:
            cursor.execute(SCHEMA)
            self.schema = str(cursor.fetchone()[0])

    def columns(self, tables: set[str]) -> Columns:
        found: dict[str, tuple[str, ...]] = {}
        with self.connection.cursor() as cursor:
            cursor.execute(COLUMNS, [sorted(tables)])
            for table, column in cursor.fetchall():
                found[table] = (*found.get(table, ()), column)
        return found

    def installed(self) -> dict[tuple[str, str], str]:
        """Mark of every trigger and function by (name, table); a disabled trigger has a mark that nobody wants."""
        with self.connection.cursor() as cursor:
            cursor.execute(INSTALLED)
            return {
                (name, table): mark if enabled == ALWAYS else "disabled"
                for name, table, mark, enabled in cursor.fetchall()
            }

    def wanted(self, guards: Sequence[Guard]) -> dict[tuple[str, str], str]:
        marks = {(function.name, ""): function.mark for function in functions(guards, self.schema)}
        return marks | {(trigger.name, trigger.table): trigger.mark for trigger in triggers(guards)}

    def create(self, guards: Sequence[Guard]) -> None:
        statements = [function.create(self.schema) for function in functions(guards, self.schema)]
        statements += [trigger.create(self.schema) for trigger in triggers(guards)]
        self._run(statements)

    def drop(self) -> None:
        names = [name for name, table in self.installed() if not table]
        # Every trigger hangs on one of the functions.
        self._run([f"DROP FUNCTION {self.schema}.{_q(name)}() CASCADE" for name in names])

    def _run(self, statements: list[str]) -> None:
        if statements:
            with self.connection.cursor() as cursor:
                # PostgreSQL alters no table on which a deferred foreign key still waits to be checked.
                waiting = ["SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"]
                cursor.execute(";\n".join(waiting + statements))
