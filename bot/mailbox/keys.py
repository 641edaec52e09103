"""The names of what the mailbox keeps in Redis."""

from bot.address import Address, pseudonym


class Keys:
    """All keys of one shard. The hash tag keeps them in one slot of a cluster, so that a script may use them together.

    A conversation's keys hold its address; those of duplicates (`seen`, `told`) hold an update's id and no chat, and
    what keeps limits (`bucket`, `hush`) a hash, so that nothing that /forget leaves behind names a chat.
    """

    def __init__(self, shard: int) -> None:
        self._prefix = f"malbeot:{{s{shard}}}:"
        self.ready = self._prefix + "ready"  # stream: chats with mail, each once
        self.dead = self._prefix + "dead"  # stream: turns given up
        self.backlog = self._prefix + "backlog"  # number: messages in all mailboxes together
        self.members = self._prefix + "members"  # hash: who gave the invite code, and when
        self.workers = self._prefix + "workers"  # hash: each worker's last sign of life
        self.founded = self._prefix + "founded"  # text: another one after each time that all was lost

    def mail(self, address: Address) -> str:
        """List: messages not answered yet, oldest first."""
        return f"{self._prefix}mail:{address}"

    def chat(self, address: Address) -> str:
        """Hash: the entry at which the chat stands in `ready`, the tries begun, and the last call that began one.

        Exists while there is mail.
        """
        return f"{self._prefix}chat:{address}"

    def history(self, address: Address) -> str:
        """List: the last exchanges, oldest first."""
        return f"{self._prefix}history:{address}"

    def outbox(self, channel: str) -> str:
        """Stream: replies to be sent."""
        return f"{self._prefix}outbox:{channel}"

    def seen(self, channel: str, update_id: int | str) -> str:
        """Mark: this update has taken its effect."""
        return f"{self._prefix}seen:{channel}/{update_id}"

    def told(self, channel: str, update_id: int | str) -> str:
        """Mark: this update has got its fixed answer."""
        return f"{self._prefix}told:{channel}/{update_id}"

    def bucket(self, name: str, owner: Address) -> str:
        """Text: when the bucket will be full again, in milliseconds since the epoch, and the update that paid last.

        Exists until then.
        """
        return f"{self._prefix}bucket:{name}:{pseudonym(owner, b'')}"

    def hush(self, topic: str, party: Address) -> str:
        """Mark: not to be told of the topic again for now."""
        return f"{self._prefix}hush:{topic}:{pseudonym(party, b'')}"

    def lease(self, name: str) -> str:
        """Text: who holds the lease now."""
        return f"{self._prefix}lease:{name}"
