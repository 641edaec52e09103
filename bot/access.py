"""Who may talk.

Everybody, where the operator names nobody. Otherwise: admins, whoever or whatever is on the list, and who gave the
invite code. In a group the group counts or the person does: a group on the list lets in all who write there, and a
person who may talk may do so in every group. The code lets in persons, never groups, and is taken in private only,
since in a group everybody would read it.
"""

import hmac
from enum import Enum

import structlog

from bot import texts
from bot.address import Address
from bot.mailbox import Bucket, Limits, Members, Message, Passed
from bot.settings import Settings
from bot.update import Said

_TRIES = 5  # of the code, for each person
_TRIES_PERIOD = 3600.0  # seconds until all of them are back
_LISTED = 50  # members shown at a time

log = structlog.get_logger()


def free(said: Said) -> bool:
    """Open to the refused too: what was kept of them before, they may have forgotten."""
    return said.kind == "command" and said.quote is None and said.content in ("forget", "privacy")


class Entry(Enum):
    """What became of a try at the code."""

    WELCOME = "welcome"
    WRONG = "wrong"
    TOO_MANY = "too_many"  # nothing was compared
    NOT_ASKED = "not_asked"  # there is no code, or this is no place for it


class Access:
    """Lets persons in and out. `channel` is what their addresses begin with."""

    def __init__(self, channel: str, members: Members, limits: Limits, settings: Settings) -> None:
        self._channel = channel
        self._members = members
        self._limits = limits
        self._listed = settings.allowed | settings.admins
        self._admins = settings.admins
        self._code = settings.invite_code.get_secret_value().encode() if settings.invite_code else b""
        self._open = not (self._listed or self._code)

    async def admits(self, said: Said) -> bool:
        """Whether who said it may talk here."""
        if self._open or said.chat in self._listed or said.person in self._listed:
            return True
        return said.person is not None and await self._members.has(self._address(said.person))

    async def enter(self, said: Said, message: Message) -> Entry:
        """Try what stands behind `/start` as the code. Brought again, an update that was answered costs no try."""
        if not self._code or said.quote is not None or not said.argument:
            return Entry.NOT_ASKED
        person = self._address(said.chat)
        tries = Bucket("invite", person, _TRIES, _TRIES_PERIOD)
        # The try is paid for before the code is looked at: else whoever has none left could still find it.
        if await self._limits.spend(person, message, [tries]) is not Passed.PASSED:
            return Entry.TOO_MANY
        if not hmac.compare_digest(said.argument.encode(), self._code):
            return Entry.WRONG
        await self._members.add(person)
        return Entry.WELCOME

    def administers(self, said: Said) -> bool:
        """Whether an admin said it, and in private: in a group everybody would read the answer."""
        return said.quote is None and said.chat in self._admins

    async def administer(self, said: Said) -> str | None:
        """Carry out an admin's command and return what to tell; None if it is none, or comes from anybody else."""
        if not self.administers(said):
            return None
        match said.content:
            case "members":
                members = await self._members.all()
                shown = [(person.chat, since) for person, since in members.items()][:_LISTED]
                return texts.members(shown, len(members))
            case "remove":
                return await self._remove(said.argument)
        return None

    async def _remove(self, argument: str) -> str:
        if not argument.isascii() or not argument.isdecimal() or len(argument) > 16:
            return texts.REMOVE_USAGE
        await self._members.remove(self._address(int(argument)))
        return texts.removed(argument, listed=int(argument) in self._listed)

    def _address(self, person: int) -> Address:
        return Address(self._channel, str(person))
