"""Every word of this app has its Chinese, and the compiled catalogue is the written one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polib
import pytest
from django.apps import apps
from django.utils.translation import override

CATALOGUE = Path(apps.get_app_config("accounts").path) / "locale/zh_Hans/LC_MESSAGES"
MODELS = [model for model in apps.get_app_config("accounts").get_models() if not hasattr(model, "instance_type")]


def has_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def test_no_entry_is_empty_and_the_compiled_file_is_current() -> None:
    written = polib.pofile(str(CATALOGUE / "django.po"))
    assert not [entry.msgid for entry in written if not entry.msgstr or "fuzzy" in entry.flags]
    compiled = {(entry.msgctxt, entry.msgid): entry.msgstr for entry in polib.mofile(str(CATALOGUE / "django.mo"))}
    assert compiled == {(entry.msgctxt, entry.msgid): entry.msgstr for entry in written}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_label_and_choice_is_chinese(model: Any) -> None:
    with override("zh-hans"):
        names = [model._meta.verbose_name, model._meta.verbose_name_plural]
        own = [
            field for field in model._meta.concrete_fields if field.name not in {"id", "permission", "group", "user"}
        ]
        own = [field for field in own if field.name != "content_object"]
        words = [*names, *(field.verbose_name for field in own)]
        words += [word for field in own for value, word in field.flatchoices if value not in BRANDS]
        assert [str(word) for word in words if not has_chinese(str(word))] == []


BRANDS = {"visa", "mastercard", "jcb", "amex"}


def test_a_closed_account_and_a_closed_card_are_two_words() -> None:
    account, card = (
        apps.get_model("accounts", name)._meta.get_field("status") for name in ("LedgerAccount", "BankCard")
    )
    with override("zh-hans"):
        assert str(dict(account.flatchoices)["closed"]) == "已销户"
        assert str(dict(card.flatchoices)["closed"]) == "已注销"
