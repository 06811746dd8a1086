"""The bank-card verifier over HTTP: only a clear yes is a pass, and what is asked shows nowhere."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.verifiers import Answer, Elements, Outcome, Setup, configured, verify
from accounts.verifiers.setup import ANSWER_BYTES_MAX
from tests.accounts.verifiers.server import Verifier, drips, hangs_up, says, serving, sleeps

ELEMENTS = Elements(
    name="张晓明", identity_number="990101199003078515", card_number="6200000000000005", mobile="12000000001"
)
YES = says({"match": True, "reference": "V-1"})


def ask(verifier: Verifier, **options: Any) -> Answer:
    options = {"seconds": 0.4, "backoff_seconds": 0.01, "key": "the-key", **options}
    return verify(ELEMENTS, Setup(url=verifier.url, **options))


def test_a_clear_yes_is_a_match() -> None:
    with serving(YES) as verifier:
        assert ask(verifier) == Answer(Outcome.MATCH, reference="V-1")
    assert verifier.asked == [
        {
            "name": "张晓明",
            "identity_number": "990101199003078515",
            "card_number": "6200000000000005",
            "mobile": "12000000001",
        }
    ]
    assert verifier.headers[0]["Authorization"] == "Bearer the-key"


def test_a_no_names_the_elements_that_are_known_ones() -> None:
    told = {"match": False, "mismatch": ["mobile", "name", "shoe size"], "reference": "V-2"}
    with serving(says(told)) as verifier:
        assert ask(verifier) == Answer(Outcome.MISMATCH, ("name", "mobile"), "V-2")


def test_trouble_that_passes_is_asked_again() -> None:
    with serving(says({}, 500), says({}, 503), YES) as verifier:
        answer = ask(verifier)
    assert (answer.outcome, answer.attempts, len(verifier.asked)) == (Outcome.MATCH, 3, 3)


def test_a_line_that_is_hung_up_is_tried_again() -> None:
    with serving(hangs_up, YES) as verifier:
        assert ask(verifier).outcome is Outcome.MATCH
    assert len(verifier.asked) == 2


@pytest.mark.parametrize(
    ("answer", "problem", "asked"),
    [
        (says({}, 500), "status 500", 3),
        (sleeps(1.2), "timeout", 2),
        (drips(2.0), "timeout", 2),
        (hangs_up, "no connection", 3),
        (says(b"<html>busy</html>"), "answer not understood", 1),
        (says(b""), "answer not understood", 1),
        (says(b"\xff\xfe"), "answer not understood", 1),
        (says(b"[" * 9000), "answer not understood", 1),
        (says([True]), "answer not understood", 1),
        (says({"match": "true"}), "answer not understood", 1),
        (says({"match": 1}), "answer not understood", 1),
        (says({"match": None}), "answer not understood", 1),
        (says({"match": True, "mismatch": ["name"]}), "answer contradicts itself", 1),
        (says(b'{"match": true, "x": "' + b"y" * ANSWER_BYTES_MAX + b'"}'), "answer too long", 1),
        (says({"match": True}, 201), "status 201", 1),
        (says({"match": True}, 401), "status 401", 1),
        (says({"match": True}, 404), "status 404", 1),
    ],
)
def test_whatever_else_comes_back_is_unknown_and_never_a_pass(answer: Any, problem: str, asked: int) -> None:
    with serving(answer) as verifier:
        found = ask(verifier, attempts_max=min(asked, 3))
    assert (found.outcome, found.problem, len(verifier.asked)) == (Outcome.UNKNOWN, problem, asked)


def test_nobody_there_is_unknown() -> None:
    with serving(YES) as verifier:
        pass
    assert ask(verifier).outcome is Outcome.UNKNOWN


def test_a_redirect_is_not_followed() -> None:
    with serving(YES) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            with serving(says({"match": True}, status, Location=elsewhere.url)) as verifier:
                found = ask(verifier)
            assert (found.outcome, found.problem) == (Outcome.UNKNOWN, "redirected")
    assert elsewhere.asked == []


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(says({}, 404)) as proxy, serving(YES) as verifier:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert ask(verifier).outcome is Outcome.MATCH
    assert proxy.asked == []


@pytest.mark.parametrize("reference", ["6200000000000005", "a" * 65, {"a": 1}, "<b>", None, "张"])
def test_a_reference_that_could_be_anything_is_dropped(reference: Any) -> None:
    with serving(says({"match": True, "reference": reference})) as verifier:
        assert ask(verifier) == Answer(Outcome.MATCH)


def test_neither_log_nor_repr_holds_an_element_or_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(says({}, 500)) as verifier:
        setup = Setup(url=verifier.url, key="the-key", seconds=0.4, backoff_seconds=0)
        answer = verify(ELEMENTS, setup)
    seen = f"{caplog.text}{answer!r}{ELEMENTS!r}{setup!r}"
    for secret in ("张晓明", "990101199003078515", "6200000000000005", "12000000001", "the-key"):
        assert secret not in seen


@pytest.mark.parametrize(
    "url",
    [
        "http://verifier.example.com/v",
        "ftp://127.0.0.1/v",
        "https://user:pass@verifier.example.com/v",
        "verifier.example.com",
        "http://127.0.0.1.example.com/v",
        "https://",
    ],
)
def test_only_a_private_line_is_set_up(url: str, settings: Any) -> None:
    settings.CARD_VERIFIER_URL = url
    with pytest.raises(ImproperlyConfigured):
        configured()


@pytest.mark.parametrize("url", ["https://verifier.example.com/v", "http://127.0.0.1:8099/v", "http://[::1]/v"])
def test_https_or_this_machine_is_set_up(url: str, settings: Any) -> None:
    settings.CARD_VERIFIER_URL = url
    found = configured()
    assert found is not None
    assert found.url == url


def test_off_by_default() -> None:
    assert configured() is None
