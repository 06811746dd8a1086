"""The rows of a batch before anybody is asked: read, looked up, validated in bulk, and told back.

The same rules hold as for a single row. Who may bring a batch, and where its correction stands, services/batch.py asks.
"""

from __future__ import annotations

from corrections.staging.cells import given
from corrections.staging.columns import Columns, read_header
from corrections.staging.from_file import FileRows
from corrections.staging.hiding import hidden
from corrections.staging.refusals import (
    ExpectedRowsDiffer,
    FileAlreadyInABatch,
    NoGoodRow,
    NoValueColumn,
)
from corrections.staging.replacing import Replacing
from corrections.staging.results import NUMBERED, file_of, results
from corrections.staging.selection import Selected
from corrections.staging.since import Since
from corrections.staging.stage import Asked, Stager, in_silence, of_file
from corrections.staging.template import template_header, template_rows
from corrections.staging.uncollected import uncollected

__all__ = [
    "NUMBERED",
    "Asked",
    "Columns",
    "ExpectedRowsDiffer",
    "FileAlreadyInABatch",
    "FileRows",
    "NoGoodRow",
    "NoValueColumn",
    "Replacing",
    "Selected",
    "Since",
    "Stager",
    "file_of",
    "given",
    "hidden",
    "in_silence",
    "of_file",
    "read_header",
    "results",
    "template_header",
    "template_rows",
    "uncollected",
]
