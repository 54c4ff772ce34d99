"""The requests that agents send to the application, by release. The agent gateway forwards no others."""

from __future__ import annotations

from dataclasses import dataclass

# The identifier of a JVM is base64 for URLs. Nothing here matches a dot, a slash, a semicolon or a percent sign other
# than that of an encoded `=`, so that the gateway and the application cannot read one path in two ways.
JVM_ID = "([A-Za-z0-9_=-]|%3[Dd])+"
UUID = "[0-9A-Fa-f-]{36}"
NUMBER = "[0-9]{1,19}"


@dataclass(frozen=True)
class AgentRequest:
    """Requests to one path.

    Attributes:
        methods: HTTP methods.
        path: the path as a regular expression; compared with the bytes that the agent sent, without the query.
        releases: first and last minor release of the agent that sends it; None where the newest one does.
        source: where the agent sends it: tag, file and line in cryostatio/cryostat-agent.
    """

    methods: tuple[str, ...]
    path: str
    releases: tuple[str, str | None]
    source: str


_CLIENT = "src/main/java/io/cryostat/agent/CryostatClient.java"
AGENT_REQUESTS = (
    AgentRequest(("GET",), "/health", ("0.5", None), f"v0.7.0 {_CLIENT}:125"),
    AgentRequest(("POST",), "/api/v4/discovery", ("0.5", None), f"v0.7.0 {_CLIENT}:158"),
    AgentRequest(("GET", "DELETE"), f"/api/v4/discovery/{UUID}", ("0.5", None), f"v0.7.0 {_CLIENT}:144,367"),
    AgentRequest(("POST",), f"/api/v4/discovery/{UUID}", ("0.5", "0.6"), f"v0.6.1 {_CLIENT}:356"),
    AgentRequest(("POST",), f"/api/v4\\.2/discovery/{UUID}", ("0.7", None), f"v0.7.0 {_CLIENT}:380"),
    AgentRequest(("POST",), "/api/v4\\.3/discovery/agents", ("0.8", None), f"6b687e3 {_CLIENT}:87,189"),
    AgentRequest(("GET",), "/api/v4/credentials", ("0.5", "0.5"), f"v0.5.0 {_CLIENT}:225"),
    AgentRequest(("POST",), "/api/v4/credentials", ("0.5", "0.7"), f"v0.7.0 {_CLIENT}:272"),
    AgentRequest(("GET", "DELETE"), f"/api/v4/credentials/{NUMBER}", ("0.5", "0.7"), f"v0.7.0 {_CLIENT}:219,357"),
    AgentRequest(("POST",), "/api/beta/discovery/credential_exists", ("0.6", "0.7"), f"v0.7.0 {_CLIENT}:234"),
    AgentRequest(("POST",), f"/api/beta/recordings/{JVM_ID}", ("0.5", None), f"v0.7.0 {_CLIENT}:514"),
    AgentRequest(("POST",), f"/api/beta/diagnostics/heapdump/upload/{JVM_ID}", ("0.6", None), f"v0.7.0 {_CLIENT}:425"),
    AgentRequest(("POST",), f"/api/beta/targets/{JVM_ID}/smart_triggers/sync/", ("0.7", None), f"v0.7.0 {_CLIENT}:402"),
)


def patterns() -> tuple[str, ...]:
    """Return regular expressions over `METHOD URI`, one per row of the table; the URI is as sent, with its query."""
    return tuple(f"^({'|'.join(each.methods)}) {each.path}(\\?.*)?$" for each in AGENT_REQUESTS)
