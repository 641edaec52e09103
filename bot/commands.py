"""The commands: the same answers in Telegram and in the terminal."""

from bot import about, texts
from bot.address import Address
from bot.mailbox import Mailbox
from bot.settings import Settings


async def answer(
    command: str, *, address: Address, mailbox: Mailbox, settings: Settings, update_id: int | str | None = None
) -> str | None:
    """Carry out `command` (no slash, lower case) and return what to tell the user; None if there is no such command.

    No worker is needed. With the update's id, a command that is brought again changes nothing again.
    """
    match command:
        case "start":
            return texts.start(settings.owner, settings.bot_name)
        case "help":
            return texts.help_text()
        case "who":
            return texts.who(settings.owner, settings.bot_name, about.facts(settings.checkpoint_dir))
        case "privacy":
            return texts.privacy(
                settings.history_exchanges, settings.history_ttl, by_code=settings.invite_code is not None
            )
        case "reset":
            await mailbox.reset(address, update_id=update_id)
            return texts.RESET
        case "forget":
            await mailbox.forget(address, update_id=update_id)
            return texts.FORGET
    return None
