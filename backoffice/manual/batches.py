"""How many records are corrected at once, from the file to what is left over."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

BATCHES: tuple[tuple[str | Promise, str | Promise], ...] = (
    (
        _("Make the file"),
        _(
            "Tick or filter records in their list and take the template filled in, or an empty one from “Correct many "
            "by a file” in the register. One column says which record; the others are the fields that change."
        ),
    ),
    (
        _("Mend the bad rows"),
        _(
            "Each bad row is named with its line and what to do. Take the file with the verdicts, correct these lines, "
            "and upload it on the draft; or choose that bad rows stay out. Good rows are kept either way."
        ),
    ),
    (
        _("Have it signed"),
        _(
            "It is one correction with one set of signatures. The checker sees the rows with warnings first, sums, "
            "rows unlike the others and a random sample, and can look through every row."
        ),
    ),
    (
        _("While it is carried out"),
        _(
            "A small batch is applied at once, a large one in chunks by workers. Executors and compliance pause it, "
            "set its pace, or stop it between two chunks; the page says how far it is. Maker and last approver are "
            "told of the end in their inbox."
        ),
    ),
    (
        _("What is left over"),
        _(
            "“Retry what was not applied” takes the other rows into a new batch, which is signed anew. “Take back” "
            "restores what still holds what the batch wrote, and lists what has moved on."
        ),
    ),
)
