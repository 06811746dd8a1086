"""The README's example of a check and a flag runs as written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.accounts.checks.looking import raised, update, verdict
from tests.factories.accounts import InternalAccountFactory, PayoutFactory


@pytest.fixture
def example() -> dict[str, Any]:
    text = (Path(settings.BASE_DIR) / "README.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [block] = [block for block in blocks if "(Check)" in block]
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - our own text
    return names


@pytest.mark.django_db
def test_the_check_and_the_flag_of_the_readme_find_and_pass(example: dict[str, Any]) -> None:
    dollars = PayoutFactory(currency="USD", source_account=InternalAccountFactory(currency="USD"))
    assert verdict(example["ChannelTakesTheCurrency"], update(dollars, channel="A")) == "fail"
    assert verdict(example["ChannelTakesTheCurrency"], update(dollars, channel="B")) == "pass"
    assert raised(example["ManyRefusals"], update(dollars, channel="A"), threshold=2) is None
    PayoutFactory()
    found = raised(example["ManyRefusals"], update(dollars, channel="A"), threshold=2)
    assert found is not None
    assert found.looked_at == {"refused": 2}
