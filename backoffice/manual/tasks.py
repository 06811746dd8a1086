"""What to do in each role, in three steps."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.roles import Role


@dataclass(frozen=True)
class Task:
    role: Role
    steps: tuple[str | Promise, ...]

    @property
    def name(self) -> str | Promise:
        return self.role.label


DECIDE = (
    _("Open your queue. The oldest correction stands first; J and K go to the next and the one before."),
    _(
        "Compare the values with the evidence; what is hidden you type from it, and rows of a batch that were drawn "
        "at random you tick one by one where the page asks for it. Answer each of the machine's warnings by a tick "
        "and a reason."
    ),
    _(
        "Approve, return with a comment, or reject. You can't decide what you made, edited or brought evidence to; "
        "the next correction opens by itself. Some steps ask for a code of your token."
    ),
)

TASKS: tuple[Task, ...] = (
    Task(
        Role.MAKER,
        (
            _("Find the wrong record under Records, open it and choose “Propose a correction”."),
            _("Enter the new values, a reason, a note and the ticket, and attach the evidence that proves it."),
            _(
                "Answer each of the machine's warnings, look who must sign, and submit. If it comes back, read the "
                "comment, put it right and submit again; you can withdraw any time."
            ),
        ),
    ),
    Task(Role.CHECKER, DECIDE),
    Task(Role.SENIOR_CHECKER, DECIDE),
    Task(Role.PRESIDENT, DECIDE),
    Task(Role.CONTROLLER, DECIDE),
    Task(
        Role.EXECUTOR,
        (
            _("Open the approved corrections from the start page, where the policy leaves applying to you."),
            _("Look whether it is the right moment: nothing else should be writing to these records."),
            _("Apply, or return it with a comment. If a value has moved meanwhile, nothing is written."),
        ),
    ),
    Task(
        Role.COMPLIANCE,
        (
            _("Read any correction, record history and event; the register lists what was withdrawn or refused, too."),
            _("Put a suspicious correction on hold with a reason: nobody decides or applies it until you release it."),
            _("Export the history report by period, branch, people and reason; the export is itself an event."),
        ),
    ),
    Task(
        Role.POLICY_ADMIN,
        (
            _(
                "Open “Policies”: what holds in which order, what is left open, which one would hold. A policy can "
                "hold from an amount or a count of rows on, earlier corrections added up, and can ask each approver "
                "of a batch to compare so many rows, drawn at random, with the evidence."
            ),
            _("A version is never edited: take “Next version”, attach the decision behind it as evidence, and submit."),
            _("Sign in your queue what another one submitted. Until all have signed, the old version holds."),
        ),
    ),
    Task(
        Role.USER_ADMIN,
        (
            _("Enter each person once, by employee number, and give the person an account."),
            _(
                "Ask for the account's roles under “Role requests”: another user administrator gives them. "
                "Taking one away takes one person."
            ),
            _("When somebody leaves, deactivate the person: all accounts are out at once. Nobody is deleted."),
        ),
    ),
)
