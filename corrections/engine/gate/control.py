"""Rules over the engine's own tables that the database holds by itself, whatever code asks (I-01, I-07, I-09 … I-11).

Each rule is SQL over `new` and `old` that is true when the write is refused, in words that both databases know;
`[table]` names a table. The services refuse the same earlier, with sentences for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from django.apps import apps

from corrections.choices import EDITABLE, PAIRS, Action, DecisionKind, State
from corrections.engine.gate.guards import ENGINE, NOTHING, Columns, Guard, Rule

APPEND_ONLY = ("UPDATE", "DELETE")
KEPT = ("DELETE",)

# Where nothing moves any more. An applied correction has one move left, to `reverted`.
FINAL = (State.REVERTED, State.STOPPED, State.REJECTED, State.WITHDRAWN, State.EXPIRED)
SUBMITTABLE = (*EDITABLE, State.FAILED)
APPLICABLE = (State.APPROVED, State.APPLYING)

# Columns of a correction by when they may change.
FIXED = ("maker_id", "maker_person_id", "maker_name", "created_at", "reverts_id")
EDITED = ("reason", "note", "ticket", "incident_id", "moved_on")
SIGNED = ("number", "revision", "digest", "policy_id", "amounts", "submitted_at")

NO_IMAGE = "('null', '{}')"


def _list(values: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def _differ(columns: tuple[str, ...]) -> str:
    return "(" + " OR ".join(f"new.{column} IS DISTINCT FROM old.{column}" for column in columns) + ")"


def _state(row: str) -> str:
    """State of the correction that a row belongs to."""
    return f"(SELECT c.state FROM [corrections_correction] c WHERE c.id = {row}.correction_id)"


def _moves_to(state: State) -> str:
    return f"new.state = '{state}' AND old.state <> '{state}'"


def _correction(columns: tuple[str, ...]) -> Iterator[Rule]:
    others = tuple(column for column in columns if column not in ("id", "state"))
    pairs = _list(tuple(f"{old}>{new}" for old, new in PAIRS))
    submits = f"({_moves_to(State.SUBMITTED)} AND old.state IN {_list(SUBMITTABLE)})"
    yield Rule("INSERT", f"new.state <> '{State.DRAFT}'", "starts as a draft (I-11)")
    yield Rule(
        "UPDATE",
        f"new.state <> old.state AND old.state || '>' || new.state NOT IN {pairs}",
        "takes no such move between states (I-11)",
    )
    yield Rule("UPDATE", f"old.state IN {_list(FINAL)}", "is closed and changes no more (I-11)")
    yield Rule(
        "UPDATE",
        f"old.state = '{State.APPLIED}' AND (new.state <> '{State.REVERTED}' OR {_differ(others)})",
        "is applied and takes only the move to reverted (I-11)",
    )
    yield Rule("UPDATE", _differ(FIXED), "never changes its maker or its origin (I-01)")
    yield Rule(
        "UPDATE",
        f"old.state NOT IN {_list(EDITABLE)} AND {_differ(EDITED)}",
        "changes its texts only as a draft or returned (I-10)",
    )
    yield Rule("UPDATE", f"NOT {submits} AND {_differ(SIGNED)}", "changes signed content only when submitted (I-10)")
    yield Rule("UPDATE", "old.number IS NOT NULL AND new.number IS DISTINCT FROM old.number", "keeps its number")
    yield from _approval()
    yield from _application()


def _approval() -> Iterator[Rule]:
    approves = _moves_to(State.APPROVED)
    yield Rule("UPDATE", f"{approves} AND old.is_held", "is on hold")
    yield Rule(
        "UPDATE",
        f"""{approves} AND (SELECT count(*) FROM [corrections_evidence] e
            WHERE e.correction_id = new.id AND e.removed_at IS NULL)
              < coalesce((SELECT p.evidence_min FROM [corrections_policy] p WHERE p.id = new.policy_id), 1)""",
        "takes no approval without evidence (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""{approves} AND NOT EXISTS (SELECT 1 FROM [corrections_policystep] s WHERE s.policy_id = new.policy_id)""",
        "takes no approval without a policy (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""{approves} AND EXISTS (SELECT 1 FROM [corrections_policystep] s
            WHERE s.policy_id = new.policy_id AND s.people > (SELECT count(*) FROM [corrections_decision] d
              WHERE d.correction_id = new.id AND d.revision = new.revision AND d.digest = new.digest
                AND d.step = s.position AND d.kind = '{DecisionKind.APPROVE}'))""",
        "takes no approval that was not signed for this revision and digest (I-10)",
    )


def _application() -> Iterator[Rule]:
    applies = _moves_to(State.APPLIED)
    yield Rule("UPDATE", f"{applies} AND old.is_held", "is on hold")
    yield Rule(
        "UPDATE",
        f"{applies} AND NOT EXISTS (SELECT 1 FROM [corrections_change] c WHERE c.correction_id = new.id)",
        "has no change to apply (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""{applies} AND EXISTS (SELECT 1 FROM [corrections_change] c WHERE c.correction_id = new.id AND (
            (c.action <> '{Action.CREATE}' AND coalesce(CAST(c.before_image AS text), 'null') IN {NO_IMAGE})
            OR (c.action <> '{Action.DELETE}' AND coalesce(CAST(c.after_image AS text), 'null') IN {NO_IMAGE})
            OR c.target_pk = ''))""",
        "is not applied without the image of every row (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""{_moves_to(State.REVERTED)} AND NOT EXISTS (SELECT 1 FROM [corrections_correction] r
            WHERE r.reverts_id = new.id AND r.state = '{State.APPLIED}')""",
        "is reverted only by an applied correction (I-05)",
    )


def _change(columns: tuple[str, ...]) -> Iterator[Rule]:
    own = ("id", "correction_id", "target_pk", "before_image", "after_image")
    content = tuple(column for column in columns if column not in own)
    because = "belongs to a correction that is not being edited (I-10)"
    for event, row in (("INSERT", "new"), ("DELETE", "old")):
        yield Rule(event, f"{_state(row)} NOT IN {_list(EDITABLE)}", because)
    yield Rule("UPDATE", _differ(("correction_id",)), "stays with its correction")
    yield Rule("UPDATE", f"{_differ(content)} AND {_state('old')} NOT IN {_list(EDITABLE)}", because)
    yield Rule(
        "UPDATE",
        f"""{_differ(("target_pk",))} AND {_state("old")} NOT IN {_list(EDITABLE)}
            AND NOT (old.target_pk = '' AND {_state("old")} IN {_list(APPLICABLE)})""",
        "keeps its target (I-10)",
    )
    yield Rule(
        "UPDATE",
        f"{_differ(('before_image',))} AND {_state('old')} NOT IN {_list((*SUBMITTABLE, *APPLICABLE))}",
        "keeps its before-image (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"{_differ(('after_image',))} AND {_state('old')} NOT IN {_list(APPLICABLE)}",
        "gets its after-image when it is applied (I-09)",
    )


def _evidence(columns: tuple[str, ...]) -> Iterator[Rule]:
    fixed = tuple(column for column in columns if column not in ("id", "removed_at", "removed_by_name"))
    for event, row in (("INSERT", "new"), ("UPDATE", "old")):
        refuse = f"{_state(row)} NOT IN {_list(EDITABLE)}"
        yield Rule(event, refuse, "is complete once the correction is submitted (I-07)")
    yield Rule("UPDATE", _differ(fixed), "is removed, never changed (I-07)")
    yield Rule("UPDATE", "old.removed_at IS NOT NULL", "was removed before (I-07)")


def _decision(columns: tuple[str, ...]) -> Iterator[Rule]:
    yield Rule(
        "INSERT",
        """EXISTS (SELECT 1 FROM [corrections_contribution] t
            WHERE t.correction_id = new.correction_id AND t.person_id = new.person_id)
          OR EXISTS (SELECT 1 FROM [corrections_correction] c WHERE c.id = new.correction_id
            AND (c.maker_person_id = new.person_id OR c.maker_id = new.user_id))""",
        "takes no decision of a person who made, edited or brought evidence to the correction (I-01)",
    )
    yield Rule(
        "INSERT",
        f"""NOT EXISTS (SELECT 1 FROM [corrections_correction] c WHERE c.id = new.correction_id
            AND c.revision = new.revision AND c.digest = new.digest AND NOT c.is_held AND (c.state = '{State.SUBMITTED}'
              OR (c.state = '{State.APPROVED}' AND new.kind = '{DecisionKind.RETURN}')))""",
        "takes no decision but on what is submitted now, and not on hold (I-10)",
    )


def _policy(columns: tuple[str, ...]) -> Iterator[Rule]:
    fixed = tuple(column for column in columns if column not in ("id", "is_active", "priority"))
    yield Rule("UPDATE", _differ(fixed), "never edits a version; add the next one")


def _policy_step(columns: tuple[str, ...]) -> Iterator[Rule]:
    used = "EXISTS (SELECT 1 FROM [corrections_correction] c WHERE c.policy_id = new.policy_id)"
    yield Rule("INSERT", used, "adds no step to a version that is in use; add the next one")


def _register_number(columns: tuple[str, ...]) -> Iterator[Rule]:
    yield Rule("UPDATE", "new.last <> old.last + 1", "gives one number after the other")


def _data_key(columns: tuple[str, ...]) -> Iterator[Rule]:
    yield Rule("UPDATE", "old.destroyed_at IS NOT NULL", "is destroyed and never comes back")
    yield Rule("UPDATE", _differ(("owner", "created_at")), "keeps its owner")


Rules = Callable[[tuple[str, ...]], Iterator[Rule]]


def _none(columns: tuple[str, ...]) -> Iterator[Rule]:
    yield from ()


# Model: what its writes need, which events never pass, and its rules.
CONTROLS: dict[str, tuple[str, tuple[str, ...], Rules]] = {
    "Correction": (ENGINE, KEPT, _correction),
    "Change": (ENGINE, (), _change),
    "Evidence": (ENGINE, KEPT, _evidence),
    "EvidenceFile": (ENGINE, APPEND_ONLY, _none),
    "Decision": (ENGINE, APPEND_ONLY, _decision),
    "Contribution": (ENGINE, APPEND_ONLY, _none),
    "Revision": (ENGINE, APPEND_ONLY, _none),
    "CheckResult": (ENGINE, APPEND_ONLY, _none),
    "AuditEvent": (ENGINE, APPEND_ONLY, _none),
    "FieldHold": (ENGINE, (), _none),
    "CorrectionScope": (ENGINE, (), _none),
    "Incident": (ENGINE, KEPT, _none),
    "Policy": (ENGINE, KEPT, _policy),
    "PolicyStep": (ENGINE, APPEND_ONLY, _policy_step),
    "RegisterNumber": (ENGINE, KEPT, _register_number),
    # Written wherever a secret is sealed, by systems too; a data key is inert without the master key.
    "DataKey": (NOTHING, KEPT, _data_key),
}


def control_guards(existing: Columns) -> Iterator[Guard]:
    """Guards of the control tables that exist."""
    for name, (needs, never, rules) in CONTROLS.items():
        options = apps.get_model("corrections", name)._meta
        columns = existing.get(options.db_table, ())
        if columns:
            guard = Guard(options.db_table, needs=needs, never=never, key=str(options.pk.column))
            yield replace(guard, rules=tuple(rules(columns)))
