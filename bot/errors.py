"""Faults that the operator can mend: each prints as one clear line, without a traceback."""


class BotError(Exception):
    """A fault outside the code. `str()` is one line that names what to mend, and shows no secret and no user's text."""

    exit_code = 1


class SettingsError(BotError):
    """A setting is wrong or missing."""

    exit_code = 2


class NewerFormatError(BotError):
    """What stands in Redis was written by a later release, in a way that this one does not know."""

    exit_code = 2

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"what waits in Redis was written by a newer release of malbeot (format {found}, this one reads up to "
            f"{known}): start that release again; nothing was lost"
        )


class ServerError(BotError):
    """Redis cannot be started, or not be reached."""

    exit_code = 2
