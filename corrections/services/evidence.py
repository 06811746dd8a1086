"""Evidence on a correction: attach and remove while it is edited, open at any time; each opening is recorded."""

from __future__ import annotations

import hashlib
import os
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind, ContributionKind, EvidenceKind, State
from corrections.conf import limits
from corrections.errors import Conflict, InvalidInput, NotAllowed
from corrections.models import Correction, Evidence, EvidenceFile
from corrections.permissions import may_see_correction
from corrections.protection import evidence as store
from corrections.protection import previews, sniffing
from corrections.services import _door, _texts
from corrections.services.draft import demand_editable

EVIDENCE_NOTE_CHARS_MAX = 500
FILENAME_CHARS_MAX = 200


class EvidenceUsedElsewhere(Conflict):
    code = "evidence_used_on_another_correction"
    message = _(
        "This file already supports %(other)s. Bring a file of its own, or put both corrections under one incident."
    )


class EvidenceAlreadyAttached(Conflict):
    code = "evidence_already_attached"
    message = _("This file is already attached here.")


def attach_evidence(*, actor: Any, correction: Correction, file: Any, kind: str, note: str = "") -> Evidence:
    """Adds a file to a draft or returned correction. Its type is found in its content, not in its name.

    The person who brings it can't decide the correction any more (I-01).
    """
    name = clean_name(getattr(file, "name", ""))
    text = _texts.clean(note, field="note", longest=EVIDENCE_NOTE_CHARS_MAX)
    if not isinstance(kind, str) or kind not in EvidenceKind.values:
        raise InvalidInput(
            _("Choose a kind of evidence from the list."), code="evidence_kind_is_required", field="kind"
        )
    content = read_content(file, limits.EVIDENCE_BYTES_MAX)
    found = sniffing.sniff(content, name)
    with _door.opened(actor=actor, correction=correction) as act:
        demand_editable(act)
        _demand_room(act.correction)
        stored = stored_file(act, content, found)
        _demand_not_used_elsewhere(act.correction, stored)
        item = Evidence.objects.create(
            correction=act.correction,
            file=stored,
            kind=str(kind),
            filename=name,
            note=text,
            brought_by=act.actor,
            brought_by_person_id=act.actor.person_id,
            brought_by_name=act.actor_name,
            brought_at=act.now,
            revision=act.correction.revision,
        )
        act.contribute(ContributionKind.EVIDENCE)
        act.record(AuditKind.EVIDENCE_ATTACHED, subject=f"evidence:{item.pk}", name=name, sha256=stored.sha256)
    return item


def remove_evidence(*, actor: Any, evidence: Evidence) -> None:
    """Takes a file off a draft or returned correction; that it was there stays on record."""
    with _door.opened(actor=actor, correction=_door.owner_of(evidence, Evidence)) as act:
        demand_editable(act)
        item = act.correction.evidence.filter(pk=evidence.pk, removed_at__isnull=True).first()
        if item is None:
            raise InvalidInput(_("This file was already removed."), code="evidence_not_found")
        item.removed_at, item.removed_by_name = act.now, act.actor_name
        item.save(update_fields=["removed_at", "removed_by_name"])
        act.contribute(ContributionKind.EDITED)
        act.record(AuditKind.EVIDENCE_REMOVED, subject=f"evidence:{item.pk}", name=item.filename)


def open_original(*, actor: Any, evidence: Evidence) -> bytes:
    """The file as it was brought, unchanged. The opening is recorded, or nothing is opened."""
    content, _stored_file = _opened(actor=actor, evidence=evidence, form="original")
    return content


def open_preview(*, actor: Any, evidence: Evidence, page: int = 1) -> previews.Preview:
    """A re-encoded picture of one page, with the viewer's name and the time across it."""
    content, stored = _opened(actor=actor, evidence=evidence, form="preview")
    viewer = _door.name_of(_door.fresh_actor(actor))
    stamp = f"{viewer} {timezone.localtime():%Y-%m-%d %H:%M:%S}"
    return previews.render(content, stored.kind, page=page, watermark=stamp)


def _opened(*, actor: Any, evidence: Evidence, form: str) -> tuple[bytes, EvidenceFile]:
    with _door.opened(actor=actor, correction=_door.owner_of(evidence, Evidence)) as act:
        if not may_see_correction(act.actor, act.rights, act.correction, act.scope_keys):
            raise NotAllowed
        # Which file it is says the row, not the instance that was passed.
        stored = act.correction.evidence.select_related("file").get(pk=evidence.pk).file
        content = store.load(stored.sha256, stored.key_id)
        act.record(AuditKind.EVIDENCE_OPENED, subject=f"evidence:{evidence.pk}", form=form)
    return content, stored


def clean_name(name: Any) -> str:
    """The file's own name, for people; never used as a path. A protected number in it is masked (I-13)."""
    base = os.path.basename(name.replace("\\", "/")) if isinstance(name, str) else ""
    shown = _texts.hidden("".join(char for char in base if char.isprintable()))
    return shown.lstrip(". ")[-FILENAME_CHARS_MAX:] or "file"


def read_content(file: Any, most: int) -> bytes:
    """The content as it is, from its beginning, read no further than `most` bytes."""
    content = bytearray()
    try:
        if hasattr(file, "seek") and getattr(file, "seekable", lambda: True)():
            file.seek(0)
        # One read may give less than is there.
        while len(content) <= most and (piece := file.read(most + 1 - len(content))):
            if not isinstance(piece, bytes | bytearray | memoryview):
                raise TypeError("not a binary file")
            content += piece
    except (AttributeError, TypeError, ValueError, OSError):
        raise InvalidInput(
            _("The file can't be read. Choose it again."), code="evidence_not_readable", field="file"
        ) from None
    if len(content) > most:
        raise InvalidInput(
            _("The file is larger than %(max)s MB. Bring a smaller one."),
            code="evidence_too_large",
            field="file",
            max=most // (1024 * 1024),
        )
    return bytes(content)


def _demand_room(correction: Correction) -> None:
    if correction.evidence.filter(removed_at__isnull=True).count() >= limits.EVIDENCE_FILES_MAX:
        raise InvalidInput(
            _("A correction holds at most %(max)s files."), code="too_much_evidence", max=limits.EVIDENCE_FILES_MAX
        )


def stored_file(act: _door.Act, content: bytes, found: sniffing.FileType, *, most: int | None = None) -> EvidenceFile:
    """The row of the stored file, locked, so that two corrections can't claim one file at once."""
    sha256 = hashlib.sha256(content).hexdigest()
    known = EvidenceFile.objects.select_for_update().filter(sha256=sha256).first()
    if known is not None:
        return known
    stored = store.store(content, uuid.uuid4(), most=most)
    row = EvidenceFile(
        sha256=stored.sha256,
        size=stored.size,
        mime=found.mime,
        kind=found.kind,
        key_id=stored.key_id,
        stored_at=act.now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        # Somebody brought the same file in this moment, and has committed.
        return EvidenceFile.objects.select_for_update().get(sha256=sha256)
    return row


def _demand_not_used_elsewhere(correction: Correction, stored: EvidenceFile) -> None:
    """One file supports one correction, or those of one incident; removed or withdrawn unsubmitted it supports none."""
    uses = Evidence.objects.filter(file=stored).exclude(correction=correction)
    uses = uses.exclude(removed_at__isnull=False, correction__number__isnull=True)
    uses = uses.exclude(correction__state=State.WITHDRAWN, correction__number__isnull=True)
    if correction.incident_id is not None:
        uses = uses.exclude(correction__incident_id=correction.incident_id)
    other = uses.select_related("correction").first()
    if other is not None:
        raise EvidenceUsedElsewhere(other=other.correction.number or _("another draft"))
    if correction.evidence.filter(file=stored, removed_at__isnull=True).exists():
        raise EvidenceAlreadyAttached
