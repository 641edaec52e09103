"""Where Redis is: the forms that MALBEOT_REDIS_URL may have.

    redis://user:password@host:6379/0                           one server; unix:///run/redis.sock is one, too
    redis+cluster://user:password@host:6379,host:6379           a cluster, by any of its nodes
    redis+sentinel://user:password@host:26379,host:26379/name   the master of that name, by any of its sentinels

With `rediss` in place of `redis` all connections are under TLS. Behind a `?` stand options of redis-py's connections;
`sentinel_username` and `sentinel_password` are for the sentinels, which are not sent the others. The two longer forms
are those of the package redis-sentinel-url, of Prefect and of LangChain.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

_PORTS = {"cluster": 6379, "sentinel": 26379}
_OF_SENTINELS = "sentinel_"  # what options begin with that are not for the servers


@dataclass(frozen=True)
class RedisAddress:
    """`server` is an address with all options, as redis-py reads it: of the one server, or of the first member."""

    kind: Literal["server", "cluster", "sentinel"]
    server: str
    members: tuple[tuple[str, int], ...] = ()  # nodes or sentinels: host and port
    service: str = ""  # as the sentinels call it
    sentinel_options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, url: str) -> "RedisAddress":
        """ValueError, in words for the operator, if it is none."""
        if re.match(r"(redis|rediss|unix)://.", url):
            if not _well_formed(url):
                raise ValueError(_NO_ADDRESS)
            return cls("server", url)
        match = re.fullmatch(r"(rediss?)\+(cluster|sentinel)://((?:.*@)?)([^@/?#]+)((?:/[^?#]*)?)((?:\?[^#]*)?)", url)
        if not match:
            raise ValueError("must begin with redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://")
        scheme, kind, user, hosts, path, query = match.groups()
        members = tuple(_member(host, _PORTS[kind]) for host in hosts.split(","))
        service, _, database = path.removeprefix("/").partition("/")
        if kind == "cluster":
            if path not in ("", "/", "/0"):
                raise ValueError("a cluster has no database but 0")
        elif not service:
            raise ValueError("must name the service that the sentinels watch: redis+sentinel://host:26379/NAME")
        options = parse_qsl(query[1:], keep_blank_values=True)
        rest = urlencode([option for option in options if not option[0].startswith(_OF_SENTINELS)])
        host, port = members[0]
        server = f"{scheme}://{user}{f'[{host}]' if ':' in host else host}:{port}/{database}{'?' * bool(rest)}{rest}"
        if not _well_formed(server):
            raise ValueError(_NO_ADDRESS)
        own = [(name.removeprefix(_OF_SENTINELS), value) for name, value in options if name.startswith(_OF_SENTINELS)]
        return cls("cluster" if kind == "cluster" else "sentinel", server, members, service, tuple(own))


_NO_ADDRESS = "is no address; what is special in a password is written as %2F and the like"


def _member(text: str, default: int) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+)(?::([0-9]{1,5}))?", text)
    if not match or not 0 < int(match[2] or default) < 65536:
        raise ValueError("must name hosts as host:port,host:port")
    return match[1].strip("[]"), int(match[2] or default)


def _well_formed(url: str) -> bool:
    # urllib looks at the port only when it is asked for it; later it would be too late.
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False
