"""Blind re-key: whoever signs types a value from the evidence without seeing it; kept is whether both agree."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.assessment.keyed import Keyed as Wanted
from corrections.assessment.keyed import fields_to_key
from corrections.choices import AuditKind
from corrections.conf import limits
from corrections.engine import rows, values
from corrections.errors import Conflict, CorrectionError, InvalidInput, NotAllowed
from corrections.models import Change, Rekeying
from corrections.policies import StepDemand
from corrections.protection import secrets
from corrections.registry import Entry
from corrections.services._door import Act


class RekeyRequired(InvalidInput):
    code = "value_must_be_keyed_again"
    message = _("%(label)s: type the value from the evidence, without copying it.")


class RekeyDiffers(Conflict):
    code = "keyed_value_differs"
    message = _("%(label)s is not what the maker entered. Look at the evidence again: %(left)s more tries.")


class RekeyBarred(NotAllowed):
    code = "keyed_wrongly_too_often"
    message = _("You keyed this correction differently %(times)s times, so another checker must sign it.")


def agrees(act: Act, step: StepDemand, rekeyed: Any) -> bool:
    """Whether everything was keyed as the maker keyed it. A miss is kept, and the act fails after it."""
    wanted = list(fields_to_key(act.demand.rekey_fields, _changes_to_key(act))) if step.is_rekeying else []
    if not wanted:
        return True
    misses = _misses(act)
    if misses >= limits.REKEY_MISSES_MAX:
        raise RekeyBarred(times=misses)
    given = _given(rekeyed)
    keyed = [(one, _typed(one, given)) for one in wanted]
    attempts = [_attempt(act, one, text) for one, text in keyed]
    Rekeying.objects.bulk_create(attempts)
    wrong = next((one for one, attempt in zip(wanted, attempts, strict=True) if not attempt.agrees), None)
    if wrong is not None:
        _miss(act, wrong, misses + 1)
    return wrong is None


def _changes_to_key(act: Act) -> list[Change]:
    """Every change; of a batch the rows that were drawn at random when it was submitted."""
    if act.batch is None:
        return act.changes
    if not act.demand.rekey_fields:
        return []
    drawn = act.correction.changes.filter(position__in=act.batch.sample.get("positions", []))
    return list(drawn.order_by("position"))


def _misses(act: Act) -> int:
    """How often this person keyed differently in this revision: one for each try, however many fields were wrong."""
    own = Rekeying.objects.filter(
        correction=act.correction, revision=act.correction.revision, person_id=act.actor.person_id, agrees=False
    )
    return own.values("at").distinct().count()


def _given(rekeyed: Any) -> Mapping[Any, Any]:
    if rekeyed is not None and not isinstance(rekeyed, Mapping):
        raise InvalidInput(_("Give what was keyed by change and field."), code="rekeyed_not_readable", field="rekeyed")
    return rekeyed or {}


def _typed(wanted: Wanted, given: Mapping[Any, Any]) -> str:
    change, entry, name = wanted
    text = given.get((change.pk, name))
    if not isinstance(text, str) or not text.strip():
        raise RekeyRequired(field=name, change=change.pk, label=entry.verbose_name(name))
    return text.strip()


def _attempt(act: Act, wanted: Wanted, text: str) -> Rekeying:
    change, entry, name = wanted
    return Rekeying(
        correction=act.correction,
        revision=act.correction.revision,
        change=change,
        field=name,
        person_id=act.actor.person_id,
        person_name=act.actor_name,
        agrees=_is_same(entry, change, name, text),
        at=act.now,
    )


def _is_same(entry: Entry, change: Change, name: str, text: str) -> bool:
    """Compared by keyed hash for a secret, by canonical value for others; what can't be read is not the same."""
    try:
        if entry.is_secret(name):
            keyed = secrets.blind_index(entry.secrets[name].kind, text)
            return hmac.compare_digest(keyed, str(change.new[f"{name}_index"]))
        column = entry.columns(name)[0]
        field = next(f for f in entry.model._meta.concrete_fields if f.attname == column)
        keyed = str(rows.encode(field, values.parse(entry, name, text)))
    except CorrectionError:
        return False
    return hmac.compare_digest(keyed.encode(), str(change.new[column]).encode())


def _miss(act: Act, wanted: Wanted, misses: int) -> None:
    change, entry, name = wanted
    left = max(0, limits.REKEY_MISSES_MAX - misses)
    if not left:
        act.record(AuditKind.REKEY_MISSED, subject=change.target_label, field=name, times=misses)
    label = entry.verbose_name(name)
    act.fail(RekeyDiffers(label=label, left=left, field=name) if left else RekeyBarred(times=misses, field=name))
