"""Names in arguments, and their completion from the cluster and the kubeconfig. bash is the real one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cryostat_operator.cli import main
from cryostat_operator.inspect.completion import completions

LISTS = {
    "/api/v1/namespaces": ("shop", "shop-test", "team"),
    "/apis/operator.cryostat.io/v1beta2/namespaces/team/cryostats": ("one", "other"),
    "/apis/operator.cryostat.io/v1beta2/namespaces/shop/cryostats": ("only",),
}

# The command, without its limit of time, which a busy machine could exceed.
PROGRAM = """#!{}
from cryostat_operator.cli import main
from cryostat_operator.inspect import parameters
parameters._COMPLETION_SECONDS = 600.0
main(prog_name="cryostat-operator")
"""


class _Lists(BaseHTTPRequestHandler):
    """Answers with the names of `LISTS`, and 403 for all else."""

    def do_GET(self) -> None:
        names = LISTS.get(self.path)
        body = json.dumps({"items": [{"metadata": {"name": name}} for name in names or ()]}).encode()
        self.send_response(403 if names is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The kubeconfig of a server, with the namespace `team`, and with a context of a server that does not answer."""
    server = HTTPServer(("127.0.0.1", 0), _Lists)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    config = {
        "current-context": "a",
        "clusters": [
            {"name": "a", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}},
            {"name": "b", "cluster": {"server": "http://127.0.0.1:1"}},
        ],
        "contexts": [
            {"name": "a", "context": {"cluster": "a", "user": "u", "namespace": "team"}},
            {"name": "blocked", "context": {"cluster": "b", "user": "u"}},
            {"name": "cloud:east:blue", "context": {"cluster": "b", "user": "u"}},
        ],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setattr("cryostat_operator.inspect.parameters._COMPLETION_SECONDS", 600.0)
    try:
        yield file
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("status ", ["one", "other", ":4"]),
        ("status on", ["one", ":4"]),
        ("status -n shop ", ["only", ":4"]),
        ("must-gather -n team ot", ["other", ":4"]),
        ("backup --to x --namespace=shop ", ["only", ":4"]),
        ("status -n closed ", [":4"]),
        ("status -n sh", ["shop", "shop-test", ":4"]),
        ("restore -n te", ["team", ":4"]),
        ("diff -n te", ["team", ":4"]),
        ("status --context ", ["a", "blocked", "cloud:east:blue", ":4"]),
        ("status --context blocked ", [":4"]),
        ("status --context absent ", [":4"]),
        ("restore --from ", [":0"]),
        ("backup one --to ", [":0"]),
    ],
)
def test_names_are_completed(kubeconfig: Path, typed: str, expected: list[str]) -> None:
    assert completions(main, typed.split(" ")) == expected


@pytest.mark.parametrize("text", ["words", "contexts: 5", "contexts: [{}]"])
def test_a_broken_kubeconfig_has_no_completions(kubeconfig: Path, text: str) -> None:
    kubeconfig.write_text(text)
    for typed in ("status --context ", "status -n ", "status "):
        assert completions(main, typed.split(" ")) == [":4"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cryostat-operator status o", ["one", "other"]),
        ("cryostat-operator status -n sh", ["shop", "shop-test"]),
        ("cryostat-operator status --wa", ["--watch"]),
        # The words that bash makes of `--context=b`, `--context=`, `--context cloud:e` and so on.
        ("cryostat-operator status --context = b", ["blocked"]),
        ("cryostat-operator status --context =", ["a", "blocked", "cloud:east:blue"]),
        ("cryostat-operator status --context cloud : e", ["east:blue"]),
        ("cryostat-operator status --context cloud : east :", ["blue"]),
        ("cryostat-operator status --context = cloud : east : b", ["blue"]),
        ("cryostat-operator status --context cloud:e", ["cloud:east:blue"]),  # with a COMP_WORDBREAKS without the colon
        ("cryostat-operator status --namespace = shop o", ["only"]),
    ],
)
def test_bash_completes_names(kubeconfig: Path, tmp_path: Path, typed: str, expected: list[str]) -> None:
    """The function that bash calls after TAB, with the variables that bash sets."""
    program = tmp_path / "bin" / "cryostat-operator"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(sys.executable))
    program.chmod(0o755)
    script = """
        PATH="$1:$PATH"
        eval "$(_CRYOSTAT_OPERATOR_COMPLETE=bash_source cryostat-operator)"
        read -ra COMP_WORDS <<< "$2"
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _cryostat_operator_completion cryostat-operator
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    found = subprocess.run(
        ["bash", "-c", script, "-", program.parent, typed], capture_output=True, text=True, check=False
    )
    assert (found.stdout.split(), found.stderr) == (expected, "")


@pytest.mark.parametrize(
    ("arguments", "parameter", "value"),
    [
        (["status", "cryostat/one"], "[NAME]", "cryostat/one"),
        (["must-gather", "../../secrets"], "[NAME]", "../../secrets"),
        (["backup", "One", "--to", "x"], "NAME", "One"),
        (["backup", "", "--to", "x"], "NAME", ""),
        (["status", "-n", "a b"], "-n' / '--namespace", "a b"),
    ],
)
def test_a_text_that_is_no_name_is_refused(arguments: list[str], parameter: str, value: str) -> None:
    """It would be a part of the URL, so that the message would be about another object."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stderr.endswith(
        f"Error: Invalid value for '{parameter}': "
        f"{value!r} is not a name: names have lowercase letters, digits, '-' and '.' only.\n"
    )
