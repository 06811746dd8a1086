"""A batch: a correction whose changes come from a file, a selection or a statement; how it is carried out, and how far.

Its changes are the staging table: one row of `Change` per row of the file, at the position of the file's line. What a
machine had to say about single rows stands in `RowFinding`; rows that can't become a change stand there alone.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import BatchSource, OnBadRow, RowStage, Verdict
from corrections.models.correction import Correction


class Batch(models.Model):
    correction = models.OneToOneField(
        Correction, models.PROTECT, primary_key=True, related_name="batch", verbose_name=_("correction")
    )
    target_model = models.CharField(_("kind of record"), max_length=100)
    source = models.CharField(_("comes from"), max_length=10, choices=BatchSource.choices)
    # The file as it was uploaded, encrypted in the evidence store; its SHA-256 is part of the digest.
    file = models.ForeignKey(
        "corrections.EvidenceFile", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("file")
    )
    filename = models.CharField(_("file name"), max_length=200, blank=True)
    # How the file was read, guesses included: format, encoding, separator, sheet, columns.
    reading = models.JSONField(default=dict, blank=True)
    # A selection's rule or a statement, as it was understood (rebuilt, never the text that was pasted).
    rule = models.TextField(_("rule"), blank=True)
    retries = models.ForeignKey(
        Correction, models.PROTECT, null=True, blank=True, related_name="retried_by", verbose_name=_("retries")
    )

    rows = models.PositiveIntegerField(_("rows"), default=0)
    bad_rows = models.PositiveIntegerField(_("bad rows"), default=0)
    unchanged_rows = models.PositiveIntegerField(_("rows that are already so"), default=0)
    expected_rows = models.PositiveIntegerField(_("rows expected"), null=True, blank=True)

    # Chosen by the maker at submission, shown to the checkers, part of the digest.
    on_bad_row = models.CharField(_("a bad row"), max_length=8, choices=OnBadRow.choices, default=OnBadRow.FAIL_ALL)
    # Over the canonical form of every change, in order of position.
    root = models.CharField(max_length=64, blank=True)
    # Sums, counts and value pairs as they stood at submission (selectors/batches.py).
    totals = models.JSONField(default=dict, blank=True)
    # Positions of the random rows that were drawn for people to look at, and the seed they were drawn with.
    sample = models.JSONField(default=dict, blank=True)

    # How it is carried out. Without chunks: in one transaction.
    chunk_rows = models.PositiveIntegerField(_("rows per chunk"), null=True, blank=True)
    rows_per_second = models.PositiveIntegerField(_("rows per second at most"), null=True, blank=True)
    window_from = models.TimeField(_("not before"), null=True, blank=True)
    window_until = models.TimeField(_("not after"), null=True, blank=True)
    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True)
    stop_asked_at = models.DateTimeField(_("stop asked at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    # Faults of the database since a chunk was last done: how many, the latest, and when a worker tries again.
    faults = models.PositiveSmallIntegerField(_("faults"), default=0)
    fault_code = models.CharField(max_length=64, blank=True)
    faulted_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(_("tried again at"), null=True, blank=True)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        default_permissions = ()

    def __str__(self) -> str:
        return self.filename or str(self.get_source_display())


class Chunk(models.Model):
    """A range of positions that is carried out in one transaction, with its own "done" in the same one."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="chunks")
    number = models.PositiveIntegerField()
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    # Over what is asked for in these rows, computed where the whole was compared with what people signed (I-10).
    root = models.CharField(max_length=64)
    done_at = models.DateTimeField(null=True)
    applied_rows = models.PositiveIntegerField(default=0)
    failed_rows = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    worker = models.CharField(max_length=100, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["correction", "number"]
        constraints = [models.UniqueConstraint(fields=["correction", "number"], name="chunk_once")]

    def __str__(self) -> str:
        return f"{self.correction} {self.first}-{self.last}"

    @property
    def done_rows(self) -> int:
        """Rows that were dealt with, applied or not."""
        return self.applied_rows + self.failed_rows


class RowFinding(models.Model):
    """What a machine says of one row of a batch: it can't be staged, a check warned or failed, or apply skipped it."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="row_findings")
    position = models.PositiveIntegerField(_("row"))  # the file's line; the header is line 1
    stage = models.CharField(max_length=7, choices=RowStage.choices)
    verdict = models.CharField(_("verdict"), max_length=4, choices=Verdict.choices)
    code = models.CharField(max_length=64)
    column = models.CharField(_("column"), max_length=100, blank=True)
    value = models.CharField(_("value"), max_length=200, blank=True)  # masked
    message = models.CharField(_("message"), max_length=500)
    said = models.JSONField(default=dict, blank=True)  # the message in the site's other languages

    class Meta:
        default_permissions = ()
        ordering = ["correction", "position", "id"]
        indexes = [
            models.Index(fields=["correction", "stage", "position"], name="rowfinding_of_stage"),
            models.Index(fields=["correction", "verdict", "position"], name="rowfinding_of_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.code}"
