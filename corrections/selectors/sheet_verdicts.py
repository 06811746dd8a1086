"""What machines say of one correction, and how its maker answered; the second part of the sheet (sheet.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.utils import timezone
from django.utils.translation import gettext as _

from corrections.assessment import assess
from corrections.choices import Verdict
from corrections.selectors.facts import Verdict as Found
from corrections.selectors.sheet_content import Content
from corrections.selectors.way import Answer, answers_of


@dataclass(frozen=True)
class Warned:
    """A warning that is answered by its check's code."""

    code: str
    title: str
    text: str

    def __str__(self) -> str:
        return self.text


class Judged(Content):
    """The content with the verdicts on it."""

    def _found(self, *moments: str) -> list[Found]:
        found = [item for item in self.facts.verdicts if item.moment in moments]
        return [replace(item, message=self.blind.clean(item.message)) for item in found]

    @cached_property
    def verdicts(self) -> dict[str, list[Found]]:
        """Verdicts at the submission of the present revision: fail, warn, pass."""
        return _by_verdict(self._found("submission"))

    @property
    def warnings(self) -> list[Warned]:
        """Warnings of the submission, as whoever signs answers them."""
        return [Warned(item.check_code, item.title, item.message) for item in self.verdicts[Verdict.WARN]]

    def warnings_now(self) -> list[Warned]:
        """What machines warn of at this moment; for the page that comes back because they warn of something new."""
        if self.batch is not None:  # too many rows to be looked at while a browser waits; told are those last stored
            latest = {item.check_code: item for item in self._found("submission", "decision")}
            return [Warned(one.check_code, one.title, one.message) for one in latest.values() if _is_warning(one)]
        at = self.correction.submitted_at or timezone.now()
        person = self.rights.person_id
        found = assess(self.correction, self.raw_changes, at=at, is_locking=False, checker_person_id=person)
        clean = self.blind.clean
        return [Warned(check.code, str(check.title), clean(str(one.message))) for check, one in found.of(Verdict.WARN)]

    @cached_property
    def later_verdicts(self) -> list[tuple[str, dict[str, list[Found]]]]:
        """What machines said again at decisions and inside apply."""
        words = {"decision": _("at a decision"), "apply": _("inside apply")}
        found = [(word, _by_verdict(self._found(moment))) for moment, word in words.items()]
        return [(word, verdicts) for word, verdicts in found if any(verdicts.values())]

    @cached_property
    def flags(self) -> list[Found]:
        """Raised risk flags, each once as it was found last; the hidden ones for whoever may know of them."""
        raised = {item.check_code: item for item in self._found("submission", "decision", "apply") if item.is_flag}
        return [item for item in raised.values() if self.sees_hidden or not item.is_hidden]

    @cached_property
    def maker_answers(self) -> list[Answer]:
        """How the maker passed each warning."""
        return [replace(one, words=self.blind.clean(one.words)) for one in answers_of(self.correction.acknowledged)]


def _is_warning(item: Found) -> bool:
    return item.verdict == Verdict.WARN and not item.is_flag


def _by_verdict(found: Sequence[Found]) -> dict[str, list[Found]]:
    verdicts: dict[str, list[Found]] = {str(verdict): [] for verdict in Verdict.values}
    for item in found:
        if not item.is_flag:
            verdicts[item.verdict].append(item)
    return verdicts
