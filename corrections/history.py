"""History tables in django-simple-history's form, written by the database itself; no code here writes a row.

The triggers of `corrections.engine.gate` insert (I-06, I-08, I-12), so simple-history's signal handlers are off.
Its historical models, `diff_against`, `as_of`, `instance` and managers stay.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.utils import truncate_name
from django.db.models import Exists, OuterRef
from django.db.models.signals import post_delete, post_save, pre_delete
from django.utils.translation import gettext_lazy as _
from simple_history.manager import HistoricalQuerySet
from simple_history.models import HistoricalRecords

from corrections.protection.fields import CipherTextField

# Columns of a historical row that no live row has; the triggers fill each of them.
RECORD_COLUMNS = (
    "history_id",
    "history_date",
    "history_type",
    "history_change_reason",
    "history_user_id",
    "history_actor",
    "history_source",
    "history_correction",
)


class RecordedQuerySet(HistoricalQuerySet):
    """Orders by `history_id`: two statements may share a moment, never an id, and (pk, history_id) is indexed."""

    def latest_of_each(self) -> RecordedQuerySet:
        later = self.filter(**{self._pk_attr: OuterRef(self._pk_attr)}, history_id__gt=OuterRef("history_id"))
        return self.filter(~Exists(later.order_by()))


class RecordedHistory(HistoricalRecords):
    """``history = RecordedHistory()`` on a model: a history table that the gate's triggers fill.

    It has the columns of simple-history, and the actor's name as it was then, the source of the write
    (``engine``, ``loan-core``, ``migration``, ``database:<user>``) and the correction's id.
    """

    def __init__(self, *, app: str | None = None, **options: Any) -> None:
        options.setdefault("historical_queryset", RecordedQuerySet)
        super().__init__(
            app=app,
            history_id_field=models.BigAutoField(),
            history_change_reason_field=models.TextField(_("reason"), blank=True, default=""),
            user_db_constraint=False,
            use_base_model_db=True,
            **options,
        )

    def add_extra_methods(self, cls: type[models.Model]) -> None:
        """None: simple-history would add a `save_without_historical_record`, which no longer exists."""

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        super().finalize(sender, **kwargs)
        if not hasattr(sender._meta, "simple_history_manager_attribute"):
            return
        if sender._meta.parents:
            # Its row is spread over two tables, and a trigger sees one of them.
            raise ImproperlyConfigured(f"{sender._meta.label} inherits another table; its history can't be recorded.")
        post_save.disconnect(self.post_save, sender=sender)
        post_delete.disconnect(self.post_delete, sender=sender)
        pre_delete.disconnect(self.pre_delete, sender=sender)

    def copy_fields(self, model: type[models.Model]) -> dict[str, Any]:
        """Plain copies: no index, no foreign key in the database, nothing that seals or computes."""
        fields: dict[str, Any] = super().copy_fields(model)
        for field in fields.values():
            field.db_index = False
            if isinstance(field, CipherTextField):
                field.__class__ = models.TextField  # type: ignore[assignment]
                vars(field).pop("secret", None)
        return fields

    def get_extra_fields(self, model: type[models.Model], fields: dict[str, Any]) -> dict[str, Any]:
        extra: dict[str, Any] = super().get_extra_fields(model, fields)
        extra["history_date"] = models.DateTimeField(_("when"))
        extra["history_user"].db_index = False
        extra["history_user"].remote_field.on_delete = models.DO_NOTHING  # the row can't change, the user never goes
        extra |= {
            "history_actor": models.CharField(_("who"), max_length=200, blank=True, default=""),
            "history_source": models.CharField(_("source"), max_length=100),
            "history_correction": models.BigIntegerField(_("correction"), null=True),
            "next_record": property(_next_record),
            "prev_record": property(_prev_record),
        }
        return extra

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        options: dict[str, Any] = super().get_meta_options(model)
        options |= {
            "ordering": ("-history_id",),
            "get_latest_by": ("history_id",),
            "indexes": [
                models.Index(fields=[model._meta.pk.name, "history_id"]),
                models.Index(fields=["history_date", "history_id"]),  # a report is of a period
                _of_corrections(model),
            ],
            "default_permissions": (),
        }
        return options


def _of_corrections(model: type[models.Model]) -> models.Index:
    """Reports of what was corrected read these rows alone; what other systems write costs no entry in it."""
    # Cut with a hash, so that two long names of one app don't meet; an index has 30 characters on every database.
    name = truncate_name(f"{model._meta.app_label}_{model._meta.model_name}", 20, hash_len=4) + "_corrected"
    return models.Index(
        fields=["history_date", "history_id"], condition=models.Q(history_correction__isnull=False), name=name
    )


def _siblings(record: Any) -> models.QuerySet[Any]:
    """All history rows of the record's own row."""
    pk = record.instance_type._meta.pk.attname
    return type(record)._default_manager.using(record._state.db).filter(**{pk: getattr(record, pk)})


def _next_record(record: Any) -> Any:
    return _siblings(record).filter(history_id__gt=record.history_id).order_by("history_id").first()


def _prev_record(record: Any) -> Any:
    return _siblings(record).filter(history_id__lt=record.history_id).order_by("-history_id").first()


def add_history(model: type[models.Model], *, app: str) -> None:
    """Give a model that is not ours a history table in the app labelled `app`, whose migrations then hold it."""
    if apps.get_app_config(app).models_module is None:
        raise ImproperlyConfigured(f"{app} needs a models.py to hold the history of {model._meta.label}.")
    records = RecordedHistory(app=app)
    records.manager_name = "history"
    records.module = f"{apps.get_app_config(app).name}.models"
    records.cls = model
    records.add_extra_methods(model)
    records.finalize(model)
