"""What policies can name, read from the registry: kinds of record with their fields, risk flags and checks."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.functional import Promise

from corrections.checks import built_in, flags
from corrections.checks.base import Check
from corrections.checks.flags import Flag
from corrections.choices import Action
from corrections.conf import policy_currency
from corrections.models import ExchangeRate, FlagRule
from corrections.policies.coverage import BUSINESS_IMPACTS, FlagState, Kind
from corrections.policies.sound import Words
from corrections.registry import Correctable, Entry, registry


def known_checks() -> dict[str, type[Check]]:
    """Every check that some correction may meet, by its code."""
    registered = [check for entry in registry.entries() for check in entry.config.checks]
    return {check.code: check for check in (*built_in.BUILT_IN, *registered)}


def known_flags() -> dict[str, type[Flag]]:
    """Every risk flag that a machine can raise, by its code."""
    registered = [flag for entry in registry.entries() for flag in entry.config.flags]
    return {flag.code: flag for flag in (*flags.BUILT_IN_FLAGS, *registered)}


def title_of(known: dict[str, type[Check]] | dict[str, type[Flag]], code: str) -> str | Promise:
    """What people call it; the code itself where no machine knows it."""
    found = known.get(code)
    return code if found is None else found.title


def known_currencies() -> list[str]:
    """Currencies that can be compared with an amount of a policy."""
    rated = ExchangeRate.objects.order_by().values_list("currency", flat=True).distinct()
    return sorted({policy_currency(), *rated})


def words(currencies: Iterable[str] | None = None) -> Words:
    """All that a policy may name."""
    entries = list(registry.entries())
    return Words(
        fields={entry.key: frozenset(entry.display_fields()) for entry in entries},
        controls=frozenset(entry.key for entry in entries if entry.is_control),
        flags=frozenset(known_flags()),
        checks=frozenset(known_checks()),
        currencies=frozenset(known_currencies() if currencies is None else currencies),
    )


def kinds() -> list[Kind]:
    """What can be corrected at all, as policies see it."""
    return [
        Kind(entry.key, _fields(entry), _impacts(entry), entry.is_control)
        for entry in registry.entries()
        if entry.actions
    ]


def _fields(entry: Entry) -> dict[str, tuple[str, ...]]:
    """By action, in one order: a create or delete touches every field of its record."""
    every = {Action.UPDATE: tuple(entry.fields)}
    whole = tuple(entry.display_fields())
    return {str(action): every.get(action, whole) for action in Action if action in entry.actions}


def _impacts(entry: Entry) -> tuple[str, ...]:
    """A model whose impact depends on the record may do any harm that business records can do."""
    depends = type(entry.config).impact_of is not Correctable.impact_of
    return BUSINESS_IMPACTS if depends else (str(entry.impact),)


def flag_states() -> list[FlagState]:
    """Flags that machines know or rules name, and whether policies hear of them."""
    known = known_flags()
    rules = {rule.code: rule for rule in FlagRule.objects.all()}
    return [
        FlagState(code, code in known, code in rules and rules[code].is_active and rules[code].raises_tier)
        for code in sorted({*known, *rules})
    ]
