"""Where pods may go: webhooks to the world on 443, never into a private network; all else to its own parts alone."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from carejourney.cli.running import SERVICES
from carejourney.webhooks.addresses import permitted

Resources = list[dict[str, Any]]
Policy = dict[str, Any]
WORLD = 443
PUBLIC = ("1.1.1.1", "8.8.8.8", "51.140.1.1", "151.101.0.81", "2606:4700::1111", "2a00:1450:4009::200e")
PRIVATE = (
    "0.0.0.1", "10.0.0.1", "10.96.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.254",
    "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fec0::1", "fd00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:a00:1::1", "3fff::1",
)  # fmt: skip


def _policies(rendered: Resources, labels: dict[str, str]) -> list[Policy]:
    """The policies on the way out that select a pod of these labels."""
    found = [one["spec"] for one in rendered if one["kind"] == "NetworkPolicy"]
    return [one for one in found if "Egress" in one["policyTypes"] and _selects(one["podSelector"], labels)]


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    listed = all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))
    return listed and selector.get("matchLabels", {}).items() <= labels.items()


def _pods(rendered: Resources) -> Iterator[tuple[str, dict[str, str]]]:
    for one in rendered:
        if "template" in one.get("spec", {}):
            yield one["metadata"]["name"], one["spec"]["template"]["metadata"]["labels"]


def _reaches(policies: list[Policy], address: str, port: int) -> bool:
    rules = [rule for policy in policies for rule in policy.get("egress", ())]
    return any(_takes(rule, port) and any(_holds(peer, address) for peer in rule["to"]) for rule in rules)


def _takes(rule: dict[str, Any], port: int) -> bool:
    numbers = [(one["port"], one.get("endPort", one["port"])) for one in rule["ports"] if isinstance(one["port"], int)]
    return any(first <= port <= last for first, last in numbers)


def _holds(peer: dict[str, Any], address: str) -> bool:
    if "ipBlock" not in peer:
        return False
    at, block = ip_address(address), peer["ipBlock"]
    return at in ip_network(block["cidr"]) and not any(at in ip_network(one) for one in block.get("except", ()))


def _anywhere(policies: list[Policy], port: int) -> bool:
    """Whether some rule lets every pod of the cluster be reached on a port."""
    rules = [rule for policy in policies for rule in policy.get("egress", ()) if _takes(rule, port)]
    return any("ipBlock" not in peer for rule in rules for peer in rule["to"])


def _senders(rendered: Resources) -> dict[str, list[Policy]]:
    services = {f"{name.replace('_', '-')}-service" for name in SERVICES}
    return {name: _policies(rendered, labels) for name, labels in _pods(rendered) if name in services}


def test_every_pod_is_held_by_a_policy_on_its_way_out(rendered: Resources) -> None:
    assert [name for name, labels in _pods(rendered) if not _policies(rendered, labels)] == []


@pytest.mark.parametrize("address", PUBLIC)
def test_every_service_sends_webhooks_to_the_world_on_443_alone(rendered: Resources, address: str) -> None:
    assert permitted(ip_address(address), ())
    senders = _senders(rendered)
    assert len(senders) == len(SERVICES)
    for policies in senders.values():
        assert _reaches(policies, address, WORLD)
        assert not any(_reaches(policies, address, port) for port in (22, 25, 80, 5432, 8080, 9092))


@pytest.mark.parametrize("address", PRIVATE)
def test_no_pod_reaches_a_private_address_or_the_cluster_on_443(rendered: Resources, address: str) -> None:
    assert not permitted(ip_address(address), ())
    for _, labels in _pods(rendered):
        policies = _policies(rendered, labels)
        assert not _reaches(policies, address, WORLD)
        assert not _anywhere(policies, WORLD)


def test_what_sends_no_webhooks_does_not_reach_the_world(rendered: Resources) -> None:
    others = {name: _policies(rendered, labels) for name, labels in _pods(rendered) if name not in _senders(rendered)}
    assert others
    for policies in others.values():
        assert not any(_reaches(policies, address, port) for address in PUBLIC for port in (80, WORLD, 5432, 9092))


def test_a_service_reaches_names_its_database_kafka_and_a_collector(rendered: Resources) -> None:
    for policies in _senders(rendered).values():
        assert all(_anywhere(policies, port) for port in (53, 5432, 9092, 9093, 9094, 4317, 4318))
        assert all(_reaches(policies, "10.1.2.3", port) for port in (5432, 9092, 4318))
