"""Who could sign each step of a correction now, by name, and whether there are enough of them; nothing is decided here.

A pure reading of the same rights that a signature is judged by, for people at submission and for the clocks. It costs
two statements, however many people hold roles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from corrections.choices import DecisionKind, State, StepScope
from corrections.conf import limits
from corrections.models import Contribution, Correction, Decision
from corrections.permissions import Lent, Rights, as_lent, holds_where, rights_of_holders
from corrections.policies import Demand, StepDemand


@dataclass(frozen=True)
class Signer:
    """A person who could sign, by his or her own right or in somebody's stead."""

    person_id: int
    name: str
    stead_id: int | None = None
    stead_name: str = ""

    @property
    def people(self) -> frozenset[int]:
        """Whose signature it would be: neither signs another time."""
        return frozenset({self.person_id} if self.stead_id is None else {self.person_id, self.stead_id})

    def __str__(self) -> str:
        if self.stead_id is None:
            return self.name
        return _("%(name)s for %(other)s") % {"name": self.name, "other": self.stead_name}


@dataclass(frozen=True)
class StepSigners:
    """One step, how many different people it still asks for, and who they could be."""

    position: int
    step: StepDemand
    missing: int
    signers: tuple[Signer, ...]

    @property
    def names(self) -> str:
        """Their names, and how many more there are beyond the limit of a page."""
        shown = list(dict.fromkeys(str(signer) for signer in self.signers))
        more = len(shown) - limits.SIGNERS_SHOWN_MAX
        if more <= 0:
            return ", ".join(shown)
        listed = ", ".join(shown[: limits.SIGNERS_SHOWN_MAX])
        return _("%(names)s and %(more)s more") % {"names": listed, "more": more}


def signers(
    demand: Demand,
    keys: Collection[str],
    excluded: Collection[int] = (),
    *,
    correction: Correction | None = None,
    known: Sequence[tuple[Any, Rights]] | None = None,
) -> list[StepSigners]:
    """For each step, who could sign it: the role held where the step asks for it, or lent by one who holds it there.

    `keys` are the scopes of the records; `excluded` the people who contributed, have decided this revision, or
    handled the records. `correction` adds what hangs on one that stands already: the role that its open step
    escalated to, and people to whom it was handed. `known` are the holders, where a page has read them already.
    """
    escalated = correction.escalated_role if correction is not None else ""
    holders = holders_of(demand, correction) if known is None else list(known)
    people = _People(holders, frozenset(keys), frozenset(excluded))
    listed = []
    for position, step in enumerate(demand.steps, start=1):
        is_open = correction is not None and correction.step == position
        asked = [step.role, escalated] if escalated and is_open else [step.role]
        signing = {signer.people: signer for role in reversed(asked) for signer in people.of(step, role, correction)}
        own = {signer.person_id for signer in signing.values() if signer.stead_id is None}
        kept = [signer for signer in signing.values() if signer.stead_id is None or signer.person_id not in own]
        in_order = sorted(kept, key=lambda signer: (signer.name, signer.stead_name))
        listed.append(StepSigners(position, step, step.people, tuple(in_order)))
    return listed


def holders_of(demand: Demand, correction: Correction | None = None) -> list[tuple[Any, Rights]]:
    """Every account that holds or borrowed a role of these steps, or the one that the open step escalated to."""
    roles = {step.role for step in demand.steps}
    if correction is not None and correction.escalated_role:
        roles.add(correction.escalated_role)
    return rights_of_holders(roles, handed=correction) if roles else []


class _People:
    """Everybody who holds or borrowed one of the roles, read once for all steps."""

    def __init__(self, holders: list[tuple[Any, Rights]], keys: frozenset[str], excluded: frozenset[int]) -> None:
        self.holders = holders
        self.keys = keys
        self.excluded = excluded
        self.names = {user.person_id: str(user.person) for user, _rights in holders}

    def of(self, step: StepDemand, role: str, correction: Correction | None) -> Iterable[Signer]:
        for user, rights in self.holders:
            if user.person_id in self.excluded:
                continue
            if self._holds(rights, step, role, correction):
                yield Signer(user.person_id, self.names[user.person_id])
                continue
            for loan in rights.lent:
                if loan.role == role and self._is_lent(loan, step):
                    yield Signer(user.person_id, self.names[user.person_id], loan.giver_id, self.names[loan.giver_id])

    def _holds(self, rights: Rights, step: StepDemand, role: str, correction: Correction | None) -> bool:
        was_handed = step.scope == StepScope.TARGET and correction is not None and correction.pk in rights.handed
        return holds_where(rights, role, step.scope, self.keys) or (was_handed and role in rights.roles)

    def _is_lent(self, loan: Lent, step: StepDemand) -> bool:
        if loan.giver_id in self.excluded:
            return False
        of_giver = (rights for user, rights in self.holders if user.person_id == loan.giver_id)
        return any(holds_where(as_lent(loan, rights), loan.role, step.scope, self.keys) for rights in of_giver)


def signers_of(correction: Correction, *, barred: Collection[int] = ()) -> list[StepSigners]:
    """The same for a correction that waits: its open step and those after it, without the people who had a part.

    `barred` are people who handled the records, for whoever knows them.
    """
    if correction.state != State.SUBMITTED or correction.step is None:
        return []
    keys = set(correction.scopes.values_list("key", flat=True))
    contributed = Contribution.objects.filter(correction=correction).values_list("person_id", flat=True)
    decided = Decision.objects.filter(correction=correction, revision=correction.revision)
    signed = list(decided.values_list("step", "kind", "person_id", "delegation__giver_id"))
    parts = {person for row in signed for person in row[2:] if person is not None}
    excluded = {correction.maker_person_id, *contributed, *parts, *barred}
    demand = Demand.from_json(correction.demand)
    given = Counter(step for step, kind, _person, _giver in signed if kind == DecisionKind.APPROVE)
    return [
        replace(found, missing=max(0, found.missing - given[found.position]))
        for found in signers(demand, keys, excluded, correction=correction)
        if found.position >= correction.step
    ]


def is_enough(steps: Sequence[StepSigners]) -> bool:
    """Whether different people can give every signature that is missing; one person signs once over all steps.

    A signature in somebody's stead counts as that person's too. Pairs are tried out only where it depends on them.
    """
    places = [step.signers for step in steps for _again in range(step.missing)]
    if not _can_match([{one.person_id for one in place} for place in places]):
        return False
    own = [{one.person_id for one in place if one.stead_id is None} for place in places]
    return _can_match(own) or _can_fill(sorted(places, key=len), frozenset())


def _can_match(places: Sequence[Collection[int]]) -> bool:
    """Whether each place can have a person of its own (augmenting paths)."""
    place_of: dict[int, int] = {}

    def takes(place: int, tried: set[int]) -> bool:
        for person in places[place]:
            if person in tried:
                continue
            tried.add(person)
            if person not in place_of or takes(place_of[person], tried):
                place_of[person] = place
                return True
        return False

    return all(takes(place, set()) for place in range(len(places)))


def _can_fill(places: Sequence[Sequence[Signer]], taken: frozenset[int]) -> bool:
    """The same where some signatures take two people at once; those who sign by their own right are tried first."""
    if not places:
        return True
    free = [signer for signer in places[0] if not signer.people & taken]
    own_first = sorted(free, key=lambda signer: len(signer.people))[: limits.SIGNERS_TRIED_MAX]
    return any(_can_fill(places[1:], taken | signer.people) for signer in own_first)
