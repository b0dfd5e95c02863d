"""Which addresses facts may be sent to: a name is looked up, all it stands for is checked, and that is connected to.

Only what is reached is judged, never what a name looked like before: a name that stands for another address a moment
later gains nothing. Networks of one's own are closed but for those the settings name.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import httpcore
import httpx

from carejourney.errors import Malformed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LookUp = Callable[[str, int], list[str]]

LOOK_UPS: Final = 8
# So long one of several addresses is waited for, so that time is left for the next.
CONNECT_SECONDS: Final = 3.0
LONGEST_URL: Final = 2_000
HIGHEST_PORT: Final = 65_535
_IPV4_IN_IPV6: Final = IPv6Network("64:ff9b::/96")
# What the standard library calls global although it leads into networks of one's own, or through a tunnel.
_CLOSED: Final[tuple[Network, ...]] = tuple(
    ip_network(one)
    for one in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10", "3fff::/20")
)


class AddressRefused(Exception):  # noqa: N818 - what happens, not what went wrong
    """A target is not sent to; the message says why, without naming an address."""


def permitted(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether facts may be sent to an address: a public one, or one in a network that is allowed by name."""
    inner = _carried(address)
    return any(inner in network for network in allowed) or _is_public(inner)


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _IPV4_IN_IPV6:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: Address) -> bool:
    odd = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    return address.is_global and not odd and not any(address in network for network in _CLOSED)


def system_look_up(host: str, port: int) -> list[str]:
    """Every address that a name stands for. Raises OSError or UnicodeError where there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(place[0]) for *_, place in found]


class Addresses:
    """Looks names up and refuses those that lead where facts may not go.

    In threads of its own: a name server that hangs holds up no other look-up of the process.
    """

    def __init__(self, allowed: Iterable[Network] = (), look_up: LookUp = system_look_up) -> None:
        self._allowed = tuple(allowed)
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(LOOK_UPS, "webhook-names")

    async def of(self, host: str, port: int, *, plain: bool) -> list[str]:
        """The addresses to connect to; with `plain`, those without TLS. Raises `AddressRefused`."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port)
            addresses = [ip_address(one) for one in found]
        except (OSError, ValueError) as error:
            raise AddressRefused("its name cannot be looked up") from error
        if not addresses:
            raise AddressRefused("its name cannot be looked up")
        self._refuse(addresses, plain=plain)
        return found

    def _refuse(self, addresses: Sequence[Address], *, plain: bool) -> None:
        if not all(permitted(one, self._allowed) for one in addresses):
            raise AddressRefused("its name stands for an address in a private network")
        if plain and not all(any(_carried(one) in network for network in self._allowed) for one in addresses):
            raise AddressRefused("without TLS nothing is sent but into networks that the settings name")


def target_of(url: str, *, development: bool) -> httpx.URL:
    """An address of the web as it is to be sent to. Raises `Malformed` with what is wrong."""
    if len(url) > LONGEST_URL:
        raise Malformed(f"url: at most {LONGEST_URL} characters are taken")
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Malformed("url: this is no address of the web") from error
    schemes = {"https", "http"} if development else {"https"}
    if target.scheme not in schemes or not target.host:
        raise Malformed("url: write an https address, such as https://agency.example/facts")
    if not 0 < port_of(target) <= HIGHEST_PORT:
        raise Malformed("url: there is no such port")
    if target.userinfo or target.fragment:
        raise Malformed("url: no name, password or fragment is taken; requests are signed instead")
    return target


async def check_target(url: str, addresses: Addresses, *, development: bool) -> str:
    """The URL in its usual form, if facts may be sent there now. Raises `Malformed`."""
    target = target_of(url, development=development)
    try:
        await addresses.of(target.host, port_of(target), plain=target.scheme == "http")
    except AddressRefused as refused:
        raise Malformed(f"url: {refused}") from refused
    return str(target)


def port_of(target: httpx.URL) -> int:
    """The port that is named, or that of the scheme."""
    return target.port or (443 if target.scheme == "https" else 80)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses alone; the name stays what TLS and the `Host` header are about."""

    def __init__(self, addresses: Addresses, *, plain: bool) -> None:
        self._addresses = addresses
        self._plain = plain
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,  # noqa: ASYNC109 - theirs
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        """Connect to the first address that answers. Raises `AddressRefused` and `httpcore.ConnectError`."""
        *others, last = await self._addresses.of(host, port, plain=self._plain)
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, CONNECT_SECONDS, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait, between tries of a connection."""
        await self._network.sleep(seconds)
