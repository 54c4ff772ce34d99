"""Addresses and ports of the API server from its EndpointSlices."""

from __future__ import annotations

from cryostat_operator.observe.api_server import ApiServerEndpoints
from tests.cluster.api import Object


def endpoint_slice(name: str, *addresses: str, ports: tuple[int, ...] = ()) -> Object:
    return {
        "metadata": {"name": name},
        "endpoints": [{"addresses": list(addresses)}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"} for port in ports],
    }


def test_addresses_of_all_slices_are_reported_when_they_change() -> None:
    calls: list[tuple[str, ...]] = []
    endpoints = ApiServerEndpoints(lambda: calls.append(endpoints.addresses))
    endpoints.upsert(endpoint_slice("a", "10.0.0.2"))
    endpoints.upsert(endpoint_slice("b", "10.0.0.1", "10.0.0.2"))
    endpoints.upsert(endpoint_slice("b", "10.0.0.1"))
    endpoints.remove(endpoint_slice("a"))
    assert calls == [("10.0.0.2",), ("10.0.0.1", "10.0.0.2"), ("10.0.0.1",)]


def test_the_old_addresses_are_kept_while_there_are_none() -> None:
    calls: list[tuple[str, ...]] = []
    endpoints = ApiServerEndpoints(lambda: calls.append(endpoints.addresses))
    endpoints.upsert(endpoint_slice("a", "10.0.0.2"))
    endpoints.begin_list()
    endpoints.end_list()
    assert endpoints.addresses == ("10.0.0.2",)
    endpoints.begin_list()
    endpoints.upsert(endpoint_slice("a", "10.0.0.3"))
    endpoints.end_list()
    assert calls == [("10.0.0.2",), ("10.0.0.3",)]


def test_a_list_of_the_same_slices_is_not_a_change() -> None:
    calls: list[tuple[str, ...]] = []
    endpoints = ApiServerEndpoints(lambda: calls.append(endpoints.addresses))
    for _ in range(2):
        endpoints.begin_list()
        endpoints.upsert(endpoint_slice("a", "10.0.0.2"))
        endpoints.upsert(endpoint_slice("b", "fd00::2"))
        endpoints.end_list()
    assert calls == [("10.0.0.2", "fd00::2")]


def test_ports_of_all_slices_are_reported_when_they_change() -> None:
    calls: list[tuple[int, ...]] = []
    endpoints = ApiServerEndpoints(lambda: calls.append(endpoints.ports))
    endpoints.upsert(endpoint_slice("a", "10.0.0.2", ports=(6443,)))
    endpoints.upsert(endpoint_slice("a", "10.0.0.2", ports=(6443,)))
    endpoints.upsert(endpoint_slice("b", "fd00::1", ports=(443,)))
    endpoints.upsert(endpoint_slice("b", "fd00::1"))  # a slice without ports means all ports
    endpoints.upsert(endpoint_slice("b"))  # a slice without addresses is ignored
    assert calls == [(6443,), (443, 6443), (), (6443,)]


def test_a_slice_without_a_port_number_means_all_ports() -> None:
    endpoints = ApiServerEndpoints(lambda: None)
    endpoints.upsert({**endpoint_slice("a", "10.0.0.2"), "ports": None})
    assert (endpoints.addresses, endpoints.ports) == (("10.0.0.2",), ())
    endpoints.upsert({**endpoint_slice("a", "10.0.0.2"), "ports": [{"name": "https"}]})
    assert endpoints.ports == ()
