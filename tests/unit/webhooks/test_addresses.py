"""Which addresses facts may be sent to."""

import socket
from ipaddress import ip_address, ip_network

import pytest

from carejourney.errors import Malformed
from carejourney.webhooks.addresses import Addresses, AddressRefused, check_target, permitted, target_of

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1", "fe80::1",
    "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:1::1",
    "2001:db8::1",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_nothing_is_sent_to_an_address_that_is_not_public(address: str) -> None:
    assert not permitted(ip_address(address), ())


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_sent_to(address: str) -> None:
    assert permitted(ip_address(address), ())


def test_a_named_network_is_sent_to_in_whatever_form_its_addresses_come() -> None:
    allowed = [ip_network("127.0.0.0/8")]
    assert permitted(ip_address("127.0.0.1"), allowed)
    assert permitted(ip_address("::ffff:127.0.0.1"), allowed)
    assert not permitted(ip_address("10.0.0.1"), allowed)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "localhost", "::1", "::ffff:7f00:1"]
)
async def test_however_loopback_is_written_it_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        await Addresses().of(host, 443, plain=False)


async def test_a_name_of_which_one_address_is_private_is_refused() -> None:
    addresses = Addresses(look_up=lambda _host, _port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(AddressRefused, match="private network"):
        await addresses.of("agency.example", 443, plain=False)


async def test_a_name_that_nobody_knows_is_refused() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror

    for addresses in (Addresses(look_up=unknown), Addresses(look_up=lambda _host, _port: [])):
        with pytest.raises(AddressRefused, match="looked up"):
            await addresses.of("agency.example", 443, plain=False)


async def test_without_tls_only_named_networks_are_sent_to() -> None:
    addresses = Addresses([ip_network("127.0.0.0/8")], lambda host, _port: [host])
    assert await addresses.of("127.0.0.1", 80, plain=True) == ["127.0.0.1"]
    assert await addresses.of("8.8.8.8", 443, plain=False) == ["8.8.8.8"]
    with pytest.raises(AddressRefused, match="without TLS"):
        await addresses.of("8.8.8.8", 80, plain=True)


@pytest.mark.parametrize(
    "url",
    [
        "", "agency.example", "//agency.example", "ftp://agency.example", "file:///etc/passwd", "https://",
        "https://name:word@agency.example/", "https://agency.example/#part", "https://agency.example:99999/",
        "https://[::1", "https://agency.example/" + "x" * 2_000, "http://agency.example/",
    ],
)  # fmt: skip
def test_what_is_no_https_address_is_refused_naming_the_field(url: str) -> None:
    with pytest.raises(Malformed, match=r"^url: "):
        target_of(url, development=False)


async def test_a_target_is_kept_in_its_usual_form() -> None:
    addresses = Addresses(look_up=lambda _host, _port: ["8.8.8.8"])
    kept = await check_target("HTTPS://Agency.example/facts?of=us", addresses, development=False)
    assert kept == "https://agency.example/facts?of=us"
