"""What is correctable in the sandbox, with a model whose source belongs to another package."""

from __future__ import annotations

from taggit.models import Tag

from corrections.registry import Correctable, register
from tests.sandbox.models import Label, Parcel, Reading


@register(Parcel)
class ParcelCorrections(Correctable):
    fields = ("address", "price", "weight", "is_lost", "details", "sent_at", "region")
    actions = ("update", "create", "delete")
    list_display = ("code", "address", "price")
    search_fields = ("code",)
    scope_path = "region"
    reads = ("region",)


@register(Label)
class LabelCorrections(Correctable):
    fields = ("text", "parcel")
    actions = ("update", "create", "delete")


@register(Reading)
class ReadingCorrections(Correctable):
    fields = ("value",)
    mode = "recording"


@register(Tag, history_app="sandbox")
class TagCorrections(Correctable):
    fields = ("name", "slug")
    actions = ("update", "create", "delete")
    list_display = ("name", "slug")
    search_fields = ("name",)
