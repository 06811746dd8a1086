"""Answers that take long: a page that grows while machines look at a large batch, and ends with what came of it.

Plain HTML without scripts. Whoever closes it halfway stops the look, and nothing happened: the act itself comes after
the last line of progress, whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from time import monotonic
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.translation import get_language, override

from corrections.admin import _pages
from corrections.admin._refusals import refusal_of
from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.services._looks import Steps

T = TypeVar("T")
HERE = "<!-- progress -->"  # where the page is cut open
EVERY_SECONDS = 1.0


def answered(
    request: HttpRequest,
    steps: Steps[T],
    *,
    title: str,
    back: str,
    done: Callable[[T], HttpResponse],
    refused: Callable[[CorrectionError], HttpResponse],
) -> HttpResponseBase:
    """`done` or `refused`, as ever, where it is over within BATCH_WATCH_AFTER_SECONDS; else a page that grows.

    That one ends by going on to where `done` redirects, or with the refusal and a way `back`.
    """
    until = monotonic() + limits.BATCH_WATCH_AFTER_SECONDS
    try:
        next(steps)
        while monotonic() < until:
            next(steps)
    except StopIteration as end:
        return done(end.value)
    except CorrectionError as error:
        return refused(error)
    page = _pages.render(request, "corrections/watch.html", {"title": title, "back": back})
    assert isinstance(page, TemplateResponse)  # noqa: S101 - what `render` makes
    head, tail = page.render().content.decode().split(HERE)
    told = _told(request, steps, done, back, get_language() or "")
    response = StreamingHttpResponse(_framed(head, told, tail))
    response["X-Accel-Buffering"] = "no"  # proxies hand each line on at once
    return response


def _framed(head: str, told: Generator[str, None, None], tail: str) -> Iterator[str]:
    with closing(told):
        yield head
        yield from told
        yield tail


def _told(
    request: HttpRequest, steps: Steps[T], done: Callable[[T], HttpResponse], back: str, language: str
) -> Generator[str, None, None]:
    """Lines of progress, at most one a second, and the end. The thread's language is not ours between two of them."""
    last = monotonic() - EVERY_SECONDS
    is_over = False
    while not is_over:
        with override(language):
            try:
                step = next(steps)
                line = _part("step", step=step) if monotonic() - last >= EVERY_SECONDS else ""
            except StopIteration as end:
                line, is_over = _end(request, done(end.value)), True
            except CorrectionError as error:
                typed = request.POST.get("comment", "").strip()  # the page that it goes back to is another one
                line, is_over = _part("refused", refusal=refusal_of(error), back=back, typed=typed), True
        if line:
            last = monotonic()
            yield line


def _end(request: HttpRequest, response: HttpResponse) -> str:
    """What `done` would have said on the next page, and the way there."""
    said = [str(message) for message in messages.get_messages(request)]
    assert isinstance(response, HttpResponseRedirect)  # noqa: S101 - there is nothing else to go on to
    return _part("done", said=said, url=response.url)


def _part(which: str, **context: Any) -> str:
    return render_to_string("corrections/_watch.html", {"which": which, **context})
