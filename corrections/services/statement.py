"""A data-fix statement becomes a draft like any other: an UPDATE that is read, never run (off unless switched on).

It is the executor's tool, and drafting by it is a maker's act: whoever uses it holds both roles on the records, and as
their maker neither signs nor applies this correction (I-01).
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections import statements
from corrections.choices import BatchSource
from corrections.conf import statements_are_on
from corrections.errors import InvalidInput, NotAllowed
from corrections.models import Correction
from corrections.permissions import Rights, is_maker
from corrections.roles import Role
from corrections.services import _door, _texts
from corrections.services.batch import draft_selection


class StatementsAreOff(NotAllowed):
    code = "statements_are_off"
    message = _("Data-fix statements are not switched on here. Upload the records as a file instead.")


class ExecutorIsRequired(NotAllowed):
    code = "executor_role_is_required"
    message = _("A data-fix statement takes the executor's role besides the maker's, on all records that it names.")


class ExpectedRowsRequired(InvalidInput):
    """I-04: what a statement finds is compared with what its maker says it should."""

    code = "expected_rows_are_required"
    message = _("Say how many records the statement is about.")


def draft_statement(
    *, actor: Any, text: str, reason: str, note: str, ticket: str = "", expected_rows: int
) -> Correction:
    """Starts a correction of the records that the WHERE of an UPDATE finds, among those that the maker may see.

    `text` is one UPDATE of one registered model, as `statements.parse` takes it; it is rebuilt, and kept in that form
    only. Raises NotAllowed, StatementRefused, `expected_rows_differ`, and what `draft_selection` raises; then nothing
    was stored.
    """
    rights = demand_may_state(actor)
    statement = statements.parse(text)
    if expected_rows is None:
        raise ExpectedRowsRequired(field="expected_rows")

    def demand_executor(correction: Correction) -> None:
        if not rights.holds(Role.EXECUTOR, correction.scopes.values_list("key", flat=True)):
            raise ExecutorIsRequired

    return draft_selection(
        actor=actor,
        model=statement.entry.model,
        where=statement.where,
        values=statement.values,
        reason=reason,
        note=note,
        ticket=ticket,
        expected_rows=expected_rows,
        source=BatchSource.STATEMENT,
        rule=shown_rule(statement),
        afterwards=demand_executor,
    )


def demand_may_state(actor: Any) -> Rights:
    """Statements are on, and the actor is a person with both roles; on which records is asked when they are known."""
    if not statements_are_on():
        raise StatementsAreOff
    act = _door.looking(actor)
    act.demand_person()
    if not is_maker(act.rights):
        raise NotAllowed(code="maker_role_is_required")
    if Role.EXECUTOR not in act.rights.roles:
        raise ExecutorIsRequired
    return act.rights


def shown_rule(statement: statements.Statement) -> str:
    """The rebuilt statement for people. A card number that was typed into an open field is not kept in clear (I-13)."""
    return _texts.hidden(statement.rule)
