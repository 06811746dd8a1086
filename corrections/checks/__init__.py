"""What a machine can check before a human looks: pure verdicts over the changes of a correction.

A check looks at one `Subject` and gives one `Finding`; it writes nothing. A fail blocks, a warning is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.functional import Promise, lazy
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from corrections.choices import Action, Verdict
from corrections.models import Change, Correction
from corrections.registry import registry


@dataclass(frozen=True)
class Subject:
    """What checks look at: the changes and the live rows they are about (by change id; None when gone)."""

    correction: Correction
    changes: Sequence[Change]
    live: dict[int, models.Model | None]
    stale: dict[int, str]


def _filled(text: str | Promise, values: Mapping[str, Any]) -> str:
    return str(text) % values


# ``say(_("not there any more: %(what)s"), what=label)``: a sentence that still knows all its languages.
_say = lazy(_filled, str)


def say(text: str | Promise, **values: Any) -> str | Promise:
    return _say(text, values)


@dataclass(frozen=True)
class Finding:
    verdict: Verdict
    message: str | Promise = ""  # a lazy one is stored in every language of the site
    looked_at: dict[str, Any] = field(default_factory=dict)


def record_is_there(subject: Subject) -> Finding:
    gone = [c.target_label for c in subject.changes if c.action != Action.CREATE and subject.live.get(c.pk) is None]
    return _verdict(gone, _("not there any more: %(what)s"), _("every record is there"))


def value_is_unchanged(subject: Subject) -> Finding:
    """Nothing moved since the maker looked (I-04)."""
    return _verdict(list(subject.stale.values()), _("changed meanwhile: %(what)s"), _("live values are the old values"))


def something_changes(subject: Subject) -> Finding:
    idle = [c.target_label for c in subject.changes if c.action == Action.UPDATE and c.old == c.new]
    return _verdict(idle, _("nothing changes: %(what)s"), _("every change changes something"))


def fields_are_correctable(subject: Subject) -> Finding:
    wrong = []
    for change in subject.changes:
        entry = registry.get(change.target_model)
        if entry is None or change.action not in entry.actions:
            wrong.append(change.target_label)
        elif change.action == Action.UPDATE and not subject.correction.reverts_id:
            fields = {entry.field_of_column(column) for column in change.new}
            wrong += [entry.verbose_name(name) for name in sorted(fields - set(entry.fields))]
    return _verdict(wrong, _("not correctable: %(what)s"), _("fields and actions are correctable"))


def corrected_again(subject: Subject) -> Finding:
    """A second applied correction of the same record deserves a second look; it blocks nothing."""
    targets = [(c.target_model, c.target_pk) for c in subject.changes if c.target_pk]
    condition = models.Q()
    for model, pk in targets:
        condition |= models.Q(target_model=model, target_pk=pk)
    if not targets:
        return Finding(Verdict.PASS, _("first correction of these records"))
    earlier = Change.objects.filter(condition, correction__state__in=["applied", "reverted"])
    earlier = earlier.exclude(correction=subject.correction.pk).exclude(correction=subject.correction.reverts_id)
    numbers = [str(number) for number in earlier.values_list("correction__number", flat=True).distinct().order_by()[:5]]
    if numbers:
        return Finding(
            Verdict.WARN, say(_("corrected before: %(what)s"), what=", ".join(numbers)), {"corrections": numbers}
        )
    return Finding(Verdict.PASS, _("first correction of these records"))


def _verdict(problems: list[str], text: str | Promise, fine: str | Promise) -> Finding:
    if problems:
        return Finding(Verdict.FAIL, say(text, what=", ".join(problems[:5])))
    return Finding(Verdict.PASS, fine)


MESSAGE_CHARS_MAX = 500

Check = Callable[[Subject], Finding]

BUILT_IN: tuple[Check, ...] = (
    record_is_there,
    value_is_unchanged,
    something_changes,
    fields_are_correctable,
    corrected_again,
)


def run(subject: Subject) -> list[tuple[str, Finding]]:
    """Findings of every built-in check and of those registered for the models concerned, in a fixed order."""
    registered: dict[str, Check] = {check.__name__: check for check in BUILT_IN}
    for model in sorted({change.target_model for change in subject.changes}):
        entry = registry.get(model)
        registered.update({check.__name__: check for check in (entry.config.checks if entry else ())})
    return [(name, check(subject)) for name, check in registered.items()]


def in_every_language(message: str | Promise) -> tuple[str, dict[str, str]]:
    """The sentence in the site's first language, and in those of the others where it reads differently."""
    with override(settings.LANGUAGE_CODE):
        first = str(message)[:MESSAGE_CHARS_MAX]
    others = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            others[language] = str(message)[:MESSAGE_CHARS_MAX]
    return first, {language: text for language, text in others.items() if text != first}


def for_the_reader(message: str, looked_at: Mapping[str, Any]) -> str:
    """A stored sentence in the reader's language, where it was stored in it."""
    return str((looked_at.get("said") or {}).get(get_language(), message))
