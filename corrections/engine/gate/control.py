"""Rules over the engine's own tables that the database holds by itself, whatever code asks (I-01, I-07, I-09 … I-11).

Each rule is SQL over `new` and `old` that is true when the write is refused, in words that both databases know;
`[table]` names a table. The services refuse the same earlier, with sentences for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from django.apps import apps

from corrections.choices import EDITABLE, PAIRS, ROW_APPLIED, Action, DecisionKind, OnBadRow, State
from corrections.engine.gate.guards import ENGINE, NOTHING, Columns, Guard, Rule
from corrections.roles import Role

APPEND_ONLY = ("UPDATE", "DELETE")
KEPT = ("DELETE",)

# Where nothing moves any more. An applied correction has one move left, to `reverted`.
FINAL = (State.REVERTED, State.STOPPED, State.REJECTED, State.WITHDRAWN, State.EXPIRED)
SUBMITTABLE = (*EDITABLE, State.FAILED)
APPLICABLE = (State.APPROVED, State.APPLYING)

# Columns of a correction by when they may change.
FIXED = ("maker_id", "maker_person_id", "maker_name", "created_at", "reverts_id")
EDITED = ("reason", "note", "ticket", "incident_id", "moved_on")
SIGNED = (
    *("number", "revision", "digest", "policy_id", "amounts", "stake", "rows", "demand", "acknowledged"),
    "submitted_at",
)

# Approvals of the content as it stands.
SIGNATURES = f"""[corrections_decision] d WHERE d.correction_id = new.id AND d.revision = new.revision
  AND d.digest = new.digest AND d.kind = '{DecisionKind.APPROVE}'"""
# A senior applied at once; the second signature follows. Another rule says who may.
BROKE_GLASS = "(new.broke_glass_at IS NOT NULL)"
GLASS_ROLES = (Role.SENIOR_CHECKER, Role.PRESIDENT)


def _without(image: str) -> str:
    """Compared as the database has it: a cast to text would unpack every image of a large batch."""
    return f"(c.{image} IS NULL OR c.{image} IN ('null', '{{}}'))"


# A row that a batch left out, as its maker chose and its checkers were shown: not applied, and says why.
SKIPPED = f"""(c.outcome NOT IN ('', '{ROW_APPLIED}') AND c.after_image IS NULL AND EXISTS (
  SELECT 1 FROM [corrections_batch] b WHERE b.correction_id = c.correction_id AND b.on_bad_row = '{OnBadRow.SKIP}'))"""


def _list(values: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def _differ(columns: tuple[str, ...]) -> str:
    return "(" + " OR ".join(f"new.{column} IS DISTINCT FROM old.{column}" for column in columns) + ")"


def _state(row: str) -> str:
    """State of the correction that a row belongs to."""
    return f"<{row}_state>"


LOOKUPS = tuple(
    (f"{row}_state", f"(SELECT c.state FROM [corrections_correction] c WHERE c.id = {row}.correction_id)")
    for row in ("old", "new")
)


def _people(row: str) -> str:
    """How many signatures a revision was pinned to."""
    return f"""coalesce((SELECT sum(s.people) FROM [corrections_correctionstep] s
      WHERE s.correction_id = {row}.id AND s.revision = {row}.revision), 0)"""


def _moves_to(state: State) -> str:
    return f"new.state = '{state}' AND old.state <> '{state}'"


def _correction(columns: tuple[str, ...]) -> Iterator[Rule]:
    # A tier that was raised voids the signatures: the same content, pinned to more, as the next revision.
    pinned = f"""(new.state = '{State.SUBMITTED}' AND old.state = new.state AND new.revision = old.revision + 1
      AND new.digest <> old.digest AND {_people("new")} >= {_people("old")} AND {_people("new")} > 0)"""
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
    because = "changes signed content only when submitted (I-10)"
    yield Rule("UPDATE", f"NOT {submits} AND NOT {pinned} AND {_differ(SIGNED)}", because)
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
        f"""{approves} AND NOT {BROKE_GLASS} AND (
          NOT EXISTS (SELECT 1 FROM [corrections_correctionstep] s
            WHERE s.correction_id = new.id AND s.revision = new.revision)
          OR EXISTS (SELECT 1 FROM [corrections_correctionstep] s
            WHERE s.correction_id = new.id AND s.revision = new.revision
              AND s.people > (SELECT count(*) FROM {SIGNATURES} AND d.step = s.position)))""",
        "takes no approval that was not signed for this revision and digest (I-10)",
    )
    yield Rule(
        "UPDATE",
        f"""{approves} AND NOT {BROKE_GLASS} AND EXISTS (SELECT 1 FROM [corrections_policystep] s
            WHERE s.policy_id = new.policy_id AND (SELECT sum(t.people) FROM [corrections_policystep] t
              WHERE t.policy_id = s.policy_id AND t.role = s.role)
                > (SELECT count(*) FROM {SIGNATURES} AND d.role = s.role))""",
        "takes no approval by fewer people than its policy demands (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""{approves} AND new.broke_glass_at IS NOT NULL AND NOT (
          EXISTS (SELECT 1 FROM [corrections_policy] p WHERE p.id = new.policy_id AND p.allows_break_glass)
          AND EXISTS (SELECT 1 FROM {SIGNATURES} AND d.role IN {_list(GLASS_ROLES)}))""",
        "is applied by break-glass only where its policy allows it, by a senior (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""new.broke_glass_at IS DISTINCT FROM old.broke_glass_at AND new.broke_glass_at IS NOT NULL
          AND NOT ({approves} AND old.broke_glass_at IS NULL AND new.countersign_by IS NOT NULL)""",
        "breaks the glass only as it is approved, and then waits for a countersignature (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"({_moves_to(State.SUBMITTED)}) AND new.broke_glass_at IS NOT NULL",
        "is submitted with the glass whole (I-09)",
    )


def _application() -> Iterator[Rule]:
    applies = f"({_moves_to(State.APPLIED)} OR {_moves_to(State.APPLYING)})"
    ends = _moves_to(State.APPLIED)
    yield Rule("UPDATE", f"{applies} AND old.is_held", "is on hold")
    yield Rule(
        "UPDATE",
        f"{applies} AND NOT EXISTS (SELECT 1 FROM [corrections_change] c WHERE c.correction_id = new.id)",
        "has no change to apply (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""{ends} AND EXISTS (SELECT 1 FROM [corrections_change] c
            WHERE c.correction_id = new.id AND NOT {SKIPPED} AND (
            (c.action <> '{Action.CREATE}' AND {_without("before_image")})
            OR (c.action <> '{Action.DELETE}' AND {_without("after_image")})
            OR c.target_pk = ''))""",
        "is not applied without the image of every row (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""{ends} AND NOT EXISTS (SELECT 1 FROM [corrections_change] c
            WHERE c.correction_id = new.id AND NOT {SKIPPED})""",
        "is not applied where no row was (I-09)",
    )
    yield Rule(
        "UPDATE",
        f"""({_moves_to(State.APPLYING)} OR {_moves_to(State.STOPPED)}) AND NOT EXISTS (
          SELECT 1 FROM [corrections_chunk] k WHERE k.correction_id = new.id)""",
        "is applied in chunks only where there are chunks",
    )
    yield Rule(
        "UPDATE",
        f"""old.state = '{State.APPLYING}' AND {ends} AND EXISTS (
          SELECT 1 FROM [corrections_chunk] k WHERE k.correction_id = new.id AND k.done_at IS NULL)""",
        "is applied when every chunk is done",
    )
    yield Rule(
        "UPDATE",
        f"""{_moves_to(State.REVERTED)} AND NOT EXISTS (SELECT 1 FROM [corrections_correction] r
            WHERE r.reverts_id = new.id AND r.state = '{State.APPLIED}')""",
        "is reverted only by an applied correction (I-05)",
    )


def _change(columns: tuple[str, ...]) -> Iterator[Rule]:
    at_stake = ("amount", "currency", "stake", "beneficiary")
    own = ("id", "correction_id", "target_pk", "before_image", "after_image", "outcome", *at_stake)
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
        f"{_differ(at_stake)} AND {_state('old')} NOT IN {_list(SUBMITTABLE)}",
        "keeps its amount at stake (I-10)",
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
    yield Rule(
        "UPDATE",
        f"{_differ(('outcome',))} AND (old.outcome <> '' OR {_state('old')} NOT IN {_list(APPLICABLE)})",
        "is carried out once, when its correction is applied",
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
              OR (c.state = '{State.APPROVED}' AND new.kind = '{DecisionKind.RETURN}')
              OR (c.state = '{State.APPLIED}' AND c.broke_glass_at IS NOT NULL
                AND new.kind = '{DecisionKind.APPROVE}')))""",
        "takes no decision but on what is submitted now, and not on hold (I-10)",
    )
    yield from _in_stead()


def _in_stead() -> Iterator[Rule]:
    """A signature in somebody's stead is bound by what binds either of the two, and is the one signature of both."""
    giver = "(SELECT g.giver_id FROM [corrections_delegation] g WHERE g.id = new.delegation_id)"
    yield Rule(
        "INSERT",
        """new.delegation_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM [corrections_delegation] g
            WHERE g.id = new.delegation_id AND g.receiver_id = new.person_id AND g.ended_at IS NULL
              AND g.role IN (new.role, new.held_role))""",
        "takes a decision in somebody's stead only by a delegation of that role to this person (I-01)",
    )
    yield Rule(
        "INSERT",
        f"""new.delegation_id IS NOT NULL AND (
          EXISTS (SELECT 1 FROM [corrections_contribution] t
            WHERE t.correction_id = new.correction_id AND t.person_id = {giver})
          OR EXISTS (SELECT 1 FROM [corrections_correction] c
            WHERE c.id = new.correction_id AND c.maker_person_id = {giver}))""",
        "takes no decision in the stead of who made, edited or brought evidence to the correction (I-01)",
    )
    yield Rule(
        "INSERT",
        f"""EXISTS (SELECT 1 FROM [corrections_decision] d
            LEFT JOIN [corrections_delegation] g ON g.id = d.delegation_id
            WHERE d.correction_id = new.correction_id AND d.revision = new.revision
              AND (g.giver_id = new.person_id OR d.person_id = {giver} OR g.giver_id = {giver}))""",
        "takes one decision of a person and of whoever stands in for that person (I-02)",
    )


def _batch(columns: tuple[str, ...]) -> Iterator[Rule]:
    pace = ("paused_at", "stop_asked_at", "started_at", "rows_per_second", "window_from", "window_until")
    running = (*pace, "faults", "fault_code", "faulted_at", "retry_at")
    at_submission = ("totals", "root", "on_bad_row", "chunk_rows")
    own = ("correction_id", "sample", *running, *at_submission)
    content = tuple(column for column in columns if column not in own)
    # A tier that was raised draws rows anew: the next revision is written down, and the correction takes it on next.
    is_pinned_anew = f"""({_state("old")} = '{State.SUBMITTED}' AND EXISTS (SELECT 1 FROM [corrections_revision] r
      JOIN [corrections_correction] c ON c.id = r.correction_id
      WHERE r.correction_id = new.correction_id AND r.number = c.revision + 1))"""
    because = "belongs to a correction that is not being edited (I-10)"
    yield Rule("INSERT", f"{_state('new')} NOT IN {_list(EDITABLE)}", because)
    yield Rule("UPDATE", f"{_differ(content)} AND {_state('old')} NOT IN {_list(EDITABLE)}", because)
    yield Rule("UPDATE", f"{_differ(at_submission)} AND {_state('old')} NOT IN {_list(SUBMITTABLE)}", because)
    sample = f"{_differ(('sample',))} AND {_state('old')} NOT IN {_list(SUBMITTABLE)} AND NOT {is_pinned_anew}"
    yield Rule("UPDATE", sample, "keeps the rows that were drawn, unless all signatures are void (I-10)")


def _chunk(columns: tuple[str, ...]) -> Iterator[Rule]:
    yield Rule("INSERT", f"{_state('new')} <> '{State.APPROVED}'", "is planned when its correction is approved")
    yield Rule("UPDATE", "old.done_at IS NOT NULL", "is done once")
    yield Rule("UPDATE", _differ(("correction_id", "number", "first", "last", "root")), "keeps its rows")
    yield Rule("UPDATE", f"{_state('old')} <> '{State.APPLYING}'", "is done while its correction is being applied")


def _row_finding(columns: tuple[str, ...]) -> Iterator[Rule]:
    yield Rule("DELETE", f"{_state('old')} NOT IN {_list(SUBMITTABLE)}", "stays on record once submitted (I-07)")


def _policy(columns: tuple[str, ...]) -> Iterator[Rule]:
    fixed = tuple(column for column in columns if column not in ("id", "is_active", "priority"))
    yield Rule("UPDATE", _differ(fixed), "never edits a version; add the next one")


def _policy_step(columns: tuple[str, ...]) -> Iterator[Rule]:
    used = "EXISTS (SELECT 1 FROM [corrections_correction] c WHERE c.policy_id = new.policy_id)"
    yield Rule("INSERT", used, "adds no step to a version that is in use; add the next one")


def _correction_step(columns: tuple[str, ...]) -> Iterator[Rule]:
    open_states = _list((*SUBMITTABLE, State.SUBMITTED))
    yield Rule("INSERT", f"{_state('new')} NOT IN {open_states}", "is pinned when its correction is submitted (I-10)")


def _delegation(columns: tuple[str, ...]) -> Iterator[Rule]:
    fixed = tuple(column for column in columns if column not in ("id", "ended_at"))
    yield Rule("UPDATE", _differ(fixed), "is taken back, never changed")
    yield Rule("UPDATE", "old.ended_at IS NOT NULL", "was taken back before")


def _notice(columns: tuple[str, ...]) -> Iterator[Rule]:
    fixed = tuple(column for column in columns if column not in ("id", "read_at", "mailed_at"))
    yield Rule("UPDATE", _differ(fixed), "is read or mailed, never changed")


def _role_request(columns: tuple[str, ...]) -> Iterator[Rule]:
    fixed = ("account_id", "group_id", "reason", "asked_by_id", "asked_by_person_id", "asked_by_name", "asked_at")
    yield Rule("INSERT", "new.state <> 'asked'", "is asked for first")
    yield Rule("UPDATE", f"{_differ(fixed)} OR old.state <> 'asked'", "is decided once, and never changed")
    yield Rule(
        "UPDATE",
        "new.state = 'given' AND coalesce(new.decided_by_person_id, new.asked_by_person_id) = new.asked_by_person_id",
        "takes a second person",
    )


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
    "Batch": (ENGINE, KEPT, _batch),
    "Chunk": (ENGINE, KEPT, _chunk),
    "RowFinding": (ENGINE, ("UPDATE",), _row_finding),
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
    "CorrectionStep": (ENGINE, APPEND_ONLY, _correction_step),
    "Rekeying": (ENGINE, APPEND_ONLY, _none),
    "Delegation": (ENGINE, KEPT, _delegation),
    "FlagRule": (ENGINE, KEPT, _none),
    "ExchangeRate": (ENGINE, APPEND_ONLY, _none),
    "CalendarDay": (ENGINE, (), _none),
    "Notice": (ENGINE, KEPT, _notice),
    "ClockMark": (ENGINE, KEPT, _none),
    "RoleRequest": (ENGINE, KEPT, _role_request),
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
            yield replace(guard, rules=tuple(rules(columns)), lookups=LOOKUPS)
