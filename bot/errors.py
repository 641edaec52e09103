"""Faults that the operator can mend: each prints as one clear line, without a traceback."""


class BotError(Exception):
    """A fault outside the code. `str()` is one line that names what to mend, and shows no secret and no user's text."""

    exit_code = 1


class SettingsError(BotError):
    """A setting is wrong or missing."""

    exit_code = 2


class ServerError(BotError):
    """Redis cannot be started, or not be reached."""

    exit_code = 2
