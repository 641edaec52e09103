"""The names of what the mailbox keeps in Redis, and in which shard."""

from zlib import crc32

from bot.address import Address, pseudonym


class Keys:
    """All keys of one shard. The hash tag keeps them in one slot of a cluster, so that a script may use them together.

    A conversation's keys hold its address; those of duplicates (`seen`, `told`) hold an update's id and no chat, and
    what keeps limits (`bucket`, `hush`) a hash, so that nothing that /forget leaves behind names a chat.
    """

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.prefix = f"malbeot:{{s{shard}}}:"
        self.ready = self.prefix + "ready"  # stream: chats with mail, each once
        self.dead = self.prefix + "dead"  # stream: turns given up
        self.backlog = self.prefix + "backlog"  # number: messages in all mailboxes together
        self.members = self.prefix + "members"  # hash: who gave the invite code, and when
        self.workers = self.prefix + "workers"  # hash: each worker's last sign of life
        self.founded = self.prefix + "founded"  # text: another one after each time that all was lost
        self.shards = self.prefix + "shards"  # number: of how many this shard is one
        self.gateways = self.prefix + "gateways"  # hash: when each gateway counts as gone, in seconds since the epoch

    def mail(self, address: Address) -> str:
        """List: messages not answered yet, oldest first."""
        return f"{self.prefix}mail:{address}"

    def chat(self, address: Address) -> str:
        """Hash: the entry at which the chat stands in `ready`, the tries begun, and the last call that began one.

        Exists while there is mail.
        """
        return f"{self.prefix}chat:{address}"

    def history(self, address: Address) -> str:
        """List: the last exchanges, oldest first."""
        return f"{self.prefix}history:{address}"

    def outbox(self, channel: str) -> str:
        """Stream: replies to be sent."""
        return f"{self.prefix}outbox:{channel}"

    def seen(self, channel: str, update_id: int | str) -> str:
        """Mark: this update has taken its effect."""
        return f"{self.prefix}seen:{channel}/{update_id}"

    def told(self, channel: str, update_id: int | str) -> str:
        """Mark: this update has got its fixed answer."""
        return f"{self.prefix}told:{channel}/{update_id}"

    def bucket(self, name: str, owner: Address) -> str:
        """Text: when the bucket will be full again, in milliseconds since the epoch, and the update that paid last.

        Exists until then.
        """
        return f"{self.prefix}bucket:{name}:{pseudonym(owner, b'')}"

    def hush(self, topic: str, party: Address) -> str:
        """Mark: not to be told of the topic again for now."""
        return f"{self.prefix}hush:{topic}:{pseudonym(party, b'')}"

    def hour(self, begins: int) -> str:
        """Hash: what was counted in an hour, that begins so many seconds after the epoch."""
        return f"{self.prefix}hour:{begins}"

    def lease(self, name: str) -> str:
        """Text: who holds the lease now."""
        return f"{self.prefix}lease:{name}"


class Shards:
    """The keys of each shard. What belongs to a chat lies in one of them, told by the address and the number alone.

    On a cluster each shard is one slot, and a master may hold several. Where all lies on one server, one shard is best.
    """

    def __init__(self, number: int) -> None:
        self.all = tuple(map(Keys, range(number)))

    def __len__(self) -> int:
        return len(self.all)

    def of(self, address: Address) -> Keys:
        return self.all[crc32(str(address).encode()) % len(self.all)]
