"""The help page: every refusal of the engine stands in it, in both languages, and each role has its three steps."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

import corrections
from backoffice.manual.refusals import Explained, Topic, explained
from backoffice.manual.tasks import TASKS
from corrections.protection.masks import KINDS
from corrections.roles import Role
from tests.backoffice.conftest import signed_in
from tests.factories.staff import account

ENGINE = Path(corrections.__file__).parent
# What carries a code and refuses nothing: an event that repeats the refusal, the rebuilding of a pickled one.
NO_REFUSALS = {"record", "kind", "FlagRule"}
# A machine's verdict, which a refusal may name.
NO_REFUSAL_CLASSES = {"Check", "Flag"}


def codes_of_the_engine() -> Iterator[str]:
    for path in ENGINE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                if not {_name(base) for base in node.bases} & NO_REFUSAL_CLASSES:
                    yield from _codes_of_class(node)
            elif isinstance(node, ast.Call) and _name(node.func) not in NO_REFUSALS:
                yield from _codes_of_call(node)
    yield from (kind.code for kind in KINDS.values())


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _codes_of_class(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        value = getattr(line, "value", None)
        if getattr(target, "id", "") == "code" and isinstance(value, ast.Constant):
            yield str(value.value)


def _codes_of_call(node: ast.Call) -> Iterator[str]:
    for keyword in node.keywords:
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
            yield str(keyword.value.value)


def test_every_code_that_the_engine_raises_is_explained_and_none_besides() -> None:
    known = [item.code for item in explained()]
    assert len(known) == len(set(known))
    assert set(codes_of_the_engine()) - set(known) == set()
    assert set(known) - set(codes_of_the_engine()) == set()


@pytest.mark.parametrize("item", explained(), ids=lambda item: item.code)
def test_refusal_has_a_sentence_and_a_remedy_in_both_languages(item: Explained) -> None:
    assert item.topic in Topic.values
    with translation.override("en"):
        english = (item.sentence, str(item.remedy))
    assert all(text.endswith((".", "?", "…")) for text in english), english
    assert "%(" not in item.sentence
    with translation.override("zh-hans"):
        assert str(item.remedy) != english[1]


def test_every_role_has_three_steps() -> None:
    assert [task.role for task in TASKS] == list(Role)
    assert all(len(task.steps) == 3 for task in TASKS)


@pytest.mark.django_db
def test_own_role_stands_first(roles: None) -> None:
    answer = signed_in(account("Mara", "maker")).get("/admin/help/")
    assert [task.role for task in answer.context["manual"].mine] == [Role.MAKER]
    assert "maker_cannot_decide" in answer.content.decode()
    assert "订正单" in answer.content.decode()
    assert "Many records at once" in answer.content.decode()
