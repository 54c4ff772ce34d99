"""A simulated OpenShift router: writes the status of Routes as an ingress controller does."""

from __future__ import annotations

import datetime
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import urllib3

from tests.cluster.api import Api, ApiError, Object, condition
from tests.cluster.openshift import DOMAIN

Name = tuple[str, str]  # namespace, name


@dataclass(frozen=True)
class IngressController:
    """One ingress controller. It has its own entry in the status of a Route."""

    name: str = "default"
    domain: str = DOMAIN

    @property
    def canonical_hostname(self) -> str:
        return f"router-{self.name}.{self.domain}"


@dataclass(frozen=True)
class Decision:
    """The decision of an ingress controller about a Route. An empty reason admits it."""

    reason: str = ""
    message: str = ""


class Router:
    """`with Router(api) as router:` admits every new Route. Of Routes with the same host, it admits the oldest.

    Tests can `pause()` it until `resume()`, `delay` it, `reject()` a Route, or `add_router()`.
    """

    def __init__(self, api: Api, *, delay: float = 0.0) -> None:
        self.delay = delay  # seconds between the appearance of a Route and its admission
        self._api = api
        self._routers = [IngressController()]
        self._routes: dict[Name, Object] = {}
        self._rejected: dict[tuple[Name, str], Decision] = {}
        self._paused = False
        self._ended = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="router", daemon=True)

    # --- methods for tests ---

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop writing. The thread ends with its watch."""
        with self._lock:
            self._ended.set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def pause(self) -> None:
        """Stop writing the status of Routes until `resume`."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        with self._lock:
            self._paused = False
            self._write_statuses()

    def reject(self, namespace: str, name: str, reason: str, message: str = "", router: str = "default") -> None:
        """Refuse a Route with a reason: RouteNotAdmitted, ExtendedValidationFailed, InvalidHost, NoHostValue, ..."""
        with self._lock:
            self._rejected[(namespace, name), router] = Decision(reason, message or f"refused by router {router}")
            self._write_statuses()

    def accept(self, namespace: str, name: str, router: str = "default") -> None:
        """Undo `reject`."""
        with self._lock:
            self._rejected.pop(((namespace, name), router), None)
            self._write_statuses()

    def add_router(self, name: str, domain: str) -> None:
        """Add a second ingress controller, which admits the Routes too."""
        with self._lock:
            self._routers.append(IngressController(name, domain))
            self._write_statuses()

    # --- the thread that writes status ---

    def _run(self) -> None:
        while not self._ended.is_set():
            with suppress(ApiError, LookupError, urllib3.exceptions.HTTPError, OSError):
                self._follow()
            self._ended.wait(0.2)  # the API server does not answer, or does not serve Routes yet

    def _follow(self) -> None:
        routes = self._api.request("GET", self._api.path("route.openshift.io/v1", "Route"))
        with self._lock:
            self._routes = {_name(route): route for route in routes["items"]}
            self._write_statuses()
        version = routes["metadata"]["resourceVersion"]
        for event in self._api.watch("route.openshift.io/v1", "Route", seconds=30, resourceVersion=version):
            if self._ended.is_set() or event["type"] == "ERROR":
                return
            if event["type"] != "BOOKMARK":
                self._remember(event["type"], event["object"])

    def _remember(self, kind: str, route: Object) -> None:
        if kind == "ADDED" and self.delay:
            time.sleep(self.delay)
        with self._lock:
            if kind == "DELETED":
                self._routes.pop(_name(route), None)
            else:
                self._routes[_name(route)] = route
            self._write_statuses()

    def _write_statuses(self) -> None:
        """Update the status of every known Route."""
        if self._paused or self._ended.is_set():
            return
        for name, route in self._routes.items():
            expected = [self._entry(route, router) for router in self._routers]
            if expected != (route.get("status") or {}).get("ingress"):
                with suppress(ApiError):  # deleted or changed meanwhile; its event follows
                    head = {"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": route["metadata"]}
                    self._routes[name] = self._api.patch(head, {"status": {"ingress": expected}}, sub="status")

    def _entry(self, route: Object, router: IngressController) -> Object:
        decision = self._decision(route, router)
        before: Object = next(
            (e for e in (route.get("status") or {}).get("ingress") or [] if e["routerName"] == router.name), {}
        )
        admitted = {"type": "Admitted", "status": "False" if decision.reason else "True"}
        if decision.reason:
            admitted |= {"reason": decision.reason, "message": decision.message}
        old = condition({"status": before}, "Admitted")
        same = {key: value for key, value in old.items() if key != "lastTransitionTime"} == admitted
        admitted["lastTransitionTime"] = old["lastTransitionTime"] if same else _now()
        return {
            "host": _host(route, router),
            "routerName": router.name,
            "routerCanonicalHostname": router.canonical_hostname,
            "wildcardPolicy": route["spec"].get("wildcardPolicy", "None"),
            "conditions": [admitted],
        }

    def _decision(self, route: Object, router: IngressController) -> Decision:
        if rejection := self._rejected.get((_name(route), router.name)):
            return rejection
        host = _host(route, router)
        if not host:
            return Decision("NoHostValue", "no host value was defined for the route")
        older = [each for each in self._routes.values() if _host(each, router) == host and _age(each) < _age(route)]
        for other in older:
            # Routes of one namespace can share a host with different paths; Routes of other namespaces cannot use it.
            if _name(other)[0] != _name(route)[0]:
                return Decision("HostAlreadyClaimed", f"a route in another namespace holds {host} and is older")
            if other["spec"].get("path") == route["spec"].get("path"):
                return Decision("HostAlreadyClaimed", f"route {_name(other)[1]} already exposes {host} and is older")
        return Decision()


def _name(route: Object) -> Name:
    return route["metadata"]["namespace"], route["metadata"]["name"]


def _age(route: Object) -> tuple[str, str]:
    return route["metadata"]["creationTimestamp"], route["metadata"]["uid"]


def _host(route: Object, router: IngressController) -> str:
    host: str = route["spec"].get("host", "")
    subdomain = route["spec"].get("subdomain")
    return host or (f"{subdomain}.{router.domain}" if subdomain else "")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
