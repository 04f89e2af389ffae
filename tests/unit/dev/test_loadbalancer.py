from types import SimpleNamespace

import pytest

from dev.cluster.loadbalancer import assign, current_address, wants_address

POOL = "198.51.100.0/29"  # six hosts: .1 to .6


def test_an_address_once_given_is_kept():
    given = assign({("a", "x"): ("198.51.100.4", None), ("a", "b"): (None, None)}, POOL)
    assert given == {("a", "x"): "198.51.100.4", ("a", "b"): "198.51.100.1"}


def test_an_address_asked_for_is_given_when_free():
    given = assign({("a", "new"): (None, "198.51.100.5")}, POOL)
    assert given == {("a", "new"): "198.51.100.5"}


def test_an_address_somebody_has_is_not_given_to_who_asks_for_it():
    given = assign(
        {("a", "asks"): (None, "198.51.100.5"), ("z", "has"): ("198.51.100.5", None)}, POOL
    )
    assert given == {("a", "asks"): "198.51.100.1", ("z", "has"): "198.51.100.5"}


@pytest.mark.parametrize("outside", ["203.0.113.1", "198.51.100.0", "not an address"])
def test_an_address_outside_the_pool_is_replaced(outside):
    assert assign({("a", "b"): (outside, outside)}, POOL) == {("a", "b"): "198.51.100.1"}


def test_two_services_never_share_and_the_last_goes_without():
    wanted = {("n", f"s{number}"): ("198.51.100.2", None) for number in range(7)}
    given = list(assign(wanted, POOL).values())
    found = [address for address in given if address]
    assert len(found) == len(set(found)) == 6
    assert given.count(None) == 1


def service(kind="LoadBalancer", cls=None, deleted=None, ip=None):
    ingress = [SimpleNamespace(ip=ip)] if ip else None
    return SimpleNamespace(
        spec=SimpleNamespace(type=kind, load_balancer_class=cls),
        metadata=SimpleNamespace(deletion_timestamp=deleted),
        status=SimpleNamespace(load_balancer=SimpleNamespace(ingress=ingress)),
    )


def test_serves_load_balancers_that_are_nobody_elses():
    assert wants_address(service())
    assert not wants_address(service(kind="ClusterIP"))
    assert not wants_address(service(cls="example.com/theirs"))
    assert not wants_address(service(deleted="now"))


def test_reads_the_address_of_a_status():
    assert current_address(service(ip="198.51.100.1")) == "198.51.100.1"
    assert current_address(service()) is None
