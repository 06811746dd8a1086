"""The answers that people give to a machine's warnings: a tick with a preset reason, or words where a policy asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.assessment import Assessment
from corrections.checks import for_the_reader
from corrections.choices import Acknowledged, Verdict
from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.models import CheckResult
from corrections.services import _texts

Answers = dict[str, dict[str, str]]


class WarningNotAnswered(InvalidInput):
    code = "warning_needs_acknowledgement"
    message = _("A machine warns: %(problem)s. Look into it, tick it, and choose why it is in order.")


class AnswerNeedsWords(InvalidInput):
    code = "acknowledgement_needs_words"
    message = _("Say in your own words why this warning is in order: %(problem)s")


def warnings_of(found: Assessment, asked_before: Iterable[CheckResult] = ()) -> dict[str, str]:
    """Warnings by check: of now, and of checks that are asked at submission only; none where the rows moved on."""
    if found.refusal is not None:
        return {}
    asked = {check.code for check, _finding in found.findings}
    before = {
        result.check_code: for_the_reader(result.message, result.looked_at)
        for result in asked_before
        if result.verdict == Verdict.WARN and not result.is_flag and result.check_code not in asked
    }
    return before | {check.code: str(finding.message) for check, finding in found.of(Verdict.WARN)}


def answered(warnings: Mapping[str, str], acknowledged: Any, worded: Iterable[str] = ()) -> Answers:
    """The answer to each warning, by check. Raises InvalidInput naming the first that has none.

    `acknowledged` gives for a check's code a value of `Acknowledged`, or ``{"reason": …, "words": …}``.
    """
    given = acknowledged if acknowledged is not None else {}
    if not isinstance(given, Mapping):
        raise InvalidInput(_("Give the answers by check."), code="acknowledgements_not_readable", field="acknowledged")
    return {code: _answer(code, problem, given.get(code), code in worded) for code, problem in warnings.items()}


def _answer(code: str, problem: str, given: Any, needs_words: bool) -> dict[str, str]:
    parts = given if isinstance(given, Mapping) else {"reason": given}
    reason, words = parts.get("reason"), parts.get("words", "")
    if not isinstance(reason, str) or reason not in Acknowledged.values:
        raise WarningNotAnswered(check=code, field=code, problem=problem)
    text = _texts.clean(words, field=code, longest=limits.COMMENT_CHARS_MAX)
    if not text and (needs_words or reason == Acknowledged.OTHER):
        raise AnswerNeedsWords(check=code, field=code, problem=problem)
    return {"reason": str(reason), "words": text}
