"""What is said of single rows, gathered while a batch is staged, and counted: too much of it is the wrong file."""

from __future__ import annotations

from corrections.choices import RowStage, Verdict
from corrections.conf import limits
from corrections.models import Correction, RowFinding
from corrections.staging.cells import Refused, in_every_language
from corrections.staging.refusals import TooManyBadRows

MESSAGE_CHARS_MAX = RowFinding._meta.get_field("message").max_length or 0
COLUMN_CHARS_MAX = RowFinding._meta.get_field("column").max_length or 0
CODE_CHARS_MAX = RowFinding._meta.get_field("code").max_length or 0


class Findings:
    """Findings of the stage “staging” on one correction; without one they wait, and BATCH_FINDINGS_MAX bounds them."""

    def __init__(self, correction: Correction | None) -> None:
        self.correction = correction
        self.bad = self.unchanged = 0
        self._told = 0
        self._waiting: list[RowFinding] = []

    def refuse(self, position: int, refusal: Refused, *, column: str = "", value: str = "") -> None:
        """Something is wrong with a row. Raises TooManyBadRows."""
        message, said = in_every_language(refusal, MESSAGE_CHARS_MAX)
        if self._told >= limits.BATCH_FINDINGS_MAX:
            raise TooManyBadRows(max=limits.BATCH_FINDINGS_MAX, first=message)
        self._told += 1
        self._add(position, Verdict.FAIL, refusal.code, message, said, column, value)

    def nothing_changes(self, position: int, refusal: Refused) -> None:
        """Every value is already so. Told of the first ones, counted of all."""
        self.unchanged += 1
        if self.unchanged <= limits.BATCH_FINDINGS_MAX:
            message, said = in_every_language(refusal, MESSAGE_CHARS_MAX)
            self._add(position, Verdict.PASS, refusal.code, message, said, "", "")

    def _add(
        self, position: int, verdict: str, code: str, message: str, said: dict[str, str], column: str, value: str
    ) -> None:
        self._waiting.append(
            RowFinding(
                position=position,
                stage=RowStage.STAGING,
                verdict=verdict,
                code=code[:CODE_CHARS_MAX],
                column=column[:COLUMN_CHARS_MAX],
                value=value,
                message=message,
                said=said,
            )
        )

    def store(self) -> None:
        """Writes those that wait, if there is a correction; the gate is open."""
        if self.correction is None:
            return
        for finding in self._waiting:
            finding.correction = self.correction
        RowFinding.objects.bulk_create(self._waiting, batch_size=limits.BATCH_STAGE_ROWS)
        self._waiting.clear()
