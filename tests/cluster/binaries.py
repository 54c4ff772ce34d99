"""Finds the programs of the control plane, and builds those that are missing once per machine from `tests/tools`.

The cache is outside of the repository, because compiling takes five minutes after `make clean` or in a new clone:
`${XDG_CACHE_HOME:-~/.cache}/cryostat-operator/<tool>-<hash of go.mod and go.sum>/<go version>/`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.full_disk import described
from tests.cluster.progress import Step

TOOLS = Path(__file__).resolve().parent.parent / "tools"
KEPT = 3  # versions of a large file, for clones with different sources
ENVTEST_PROGRAMS = ("etcd", "kube-apiserver")  # the programs in an installation of envtest (KUBEBUILDER_ASSETS)


class BuildError(Exception):
    """A program is missing and cannot be built. The message says what to do."""


@dataclass(frozen=True)
class Tool:
    """One Go module below tests/tools: programs (name to package) and data files (glob patterns) of one module.

    Attributes:
        module: the folder of its go.mod, if it differs from the name.
        cgo: whether it needs a C compiler.
    """

    name: str
    programs: dict[str, str] = field(default_factory=dict)
    module: str = ""
    data_module: str = ""
    data: tuple[str, ...] = ()
    ldflags: str = "-s -w"
    tags: str = ""
    cgo: bool = False

    @property
    def directory(self) -> Path:
        return TOOLS / (self.module or self.name)

    def version(self, module: str) -> str:
        """The version of a module that this tool's go.mod pins, for example `v1.36.3`."""
        found = re.search(
            rf"^\s*(?:require )?{re.escape(module)} (v\S+)", (self.directory / "go.mod").read_text(), re.M
        )
        if not found:
            raise BuildError(f"{self.directory / 'go.mod'} does not require {module}")
        return found[1]


def _kubernetes_ldflags() -> str:
    """Linker flags for the version. Without them the API server reports v0.0.0, and clients that compare it fail."""
    major, minor, _ = Tool("controlplane").version("k8s.io/kubernetes").removeprefix("v").split(".")
    values = {"gitVersion": Tool("controlplane").version("k8s.io/kubernetes"), "gitMajor": major, "gitMinor": minor}
    return "-s -w " + " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())


CONTROL_PLANE = Tool(
    "controlplane",
    programs={
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    },
    ldflags=_kubernetes_ldflags(),
)
KWOK = Tool(
    "kwok",
    programs={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
    data_module="sigs.k8s.io/kwok",
    data=(
        "kustomize/stage/pod/fast/*.yaml",
        "kustomize/stage/node/fast/*.yaml",
        "kustomize/stage/node/heartbeat/*.yaml",
    ),
)
OAUTH2_PROXY = Tool("oauth2proxy", programs={"oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7"})
CERT_MANAGER = Tool(
    "certmanager",
    programs={
        "cert-manager-controller": "github.com/cert-manager/cert-manager/cmd/controller",
        "cert-manager-cainjector": "github.com/cert-manager/cert-manager/cmd/cainjector",
    },
    data_module="github.com/cert-manager/cert-manager",
    data=("deploy/crds/crd-*.yaml",),
)
OPENSHIFT_API = Tool(
    "openshift-api",
    data_module="github.com/openshift/api",
    data=(
        "route/v1/zz_generated.crd-manifests/routes.crd.yaml",
        "console/v1/zz_generated.crd-manifests/00_consolelinks.crd.yaml",
        "console/v1/zz_generated.crd-manifests/00_consolequickstarts.crd.yaml",
        "console/v1/zz_generated.crd-manifests/00_consoleyamlsamples.crd.yaml",
        "console/v1/zz_generated.crd-manifests/90_consoleplugins.crd.yaml",
        "operator/v1/zz_generated.crd-manifests/0000_50_console_01_consoles.crd.yaml",
        "config/v1/zz_generated.crd-manifests/0000_10_config-operator_01_apiservers-Default.crd.yaml",
        "config/v1/zz_generated.crd-manifests/0000_10_config-operator_01_authentications-Default.crd.yaml",
        "config/v1/zz_generated.crd-manifests/0000_00_cluster-version-operator_01_clusterversions-Default.crd.yaml",
    ),
)
OLM = Tool(
    "olm",
    programs={
        "olm": "github.com/operator-framework/operator-lifecycle-manager/cmd/olm",
        "olm-check": "./olm-check",
    },
    data_module="github.com/operator-framework/api",
    data=("crds/*.yaml",),
    # Without these tags the build needs C libraries to open images.
    tags="json1,containers_image_openpgp",
)
PROMETHEUS_OPERATOR = Tool(
    "prometheus-operator",
    data_module="github.com/prometheus-operator/prometheus-operator",
    data=(
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
)
SEAWEEDFS = Tool("seaweedfs", programs={"weed": "github.com/seaweedfs/seaweedfs/weed"})
PROMTOOL = Tool(
    "promtool",
    programs={"promtool": "github.com/prometheus/prometheus/cmd/promtool"},
    tags="remove_all_sd",  # leaves out the clients of cloud providers
)
GITOPS = Tool("gitops", programs={"gitops-check": "./gitops-check"})
FLUX = Tool(
    "flux",
    data_module="github.com/fluxcd/kustomize-controller",
    data=("config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",),
)
# Programs of a node besides the control plane. tests/node builds them on machines that can run a node.
NODE_TOOLS = (
    Tool(
        "kubelet",
        module="controlplane",
        programs={"kubelet": "k8s.io/kubernetes/cmd/kubelet", "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy"},
        ldflags=_kubernetes_ldflags(),
    ),
    Tool(
        "containerd",
        programs={
            name: f"github.com/containerd/containerd/v2/cmd/{name}"
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        },
        tags="no_btrfs,no_devmapper,no_zfs",
    ),
    Tool("runc", programs={"runc": "github.com/opencontainers/runc"}, tags="seccomp", cgo=True),
    Tool(
        "cni-plugins",
        programs={
            "bridge": "github.com/containernetworking/plugins/plugins/main/bridge",
            "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "loopback": "github.com/containernetworking/plugins/plugins/main/loopback",
        },
    ),
    Tool("coredns", programs={"coredns": "./coredns"}),
    Tool("kube-router", programs={"kube-router": "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"}),
    Tool("pod", programs={"pod": "./pod"}),
)
_USUAL_TOOLS = (
    CONTROL_PLANE,
    KWOK,
    OAUTH2_PROXY,
    CERT_MANAGER,
    OPENSHIFT_API,
    OLM,
    PROMETHEUS_OPERATOR,
    SEAWEEDFS,
    PROMTOOL,
    GITOPS,
    FLUX,
)
ALL_TOOLS = (*_USUAL_TOOLS, *NODE_TOOLS)
_WITH_DATA = tuple(tool for tool in _USUAL_TOOLS if tool.data)


def programs(*names: str) -> dict[str, Path]:
    """The paths of the named programs; builds the missing ones. Raises BuildError."""
    found: dict[str, Path] = {}
    for tool in ALL_TOOLS:
        wanted = [name for name in names if name in tool.programs]
        if wanted:
            found |= _programs_of(tool, wanted)
    if unknown := set(names) - set(found):
        raise BuildError(f"no tool builds {', '.join(sorted(unknown))}")
    return found


def data(tool: Tool) -> list[Path]:
    """Copy of the tool's data files in the cache, in the order of its patterns. Raises BuildError."""
    directory = _cache(tool) / f"data-{hashlib.sha256(' '.join(tool.data).encode()).hexdigest()[:8]}"
    if not directory.is_dir():
        with lock(tool.name):
            if not directory.is_dir():
                _copy_data(tool, directory)
    return [path for pattern in tool.data for path in sorted(directory.glob(pattern))]


def _programs_of(tool: Tool, names: list[str]) -> dict[str, Path]:
    cache = _cache(tool)
    missing = [name for name in names if not _existing(name, cache)]
    if missing:
        with lock(tool.name):
            missing = [name for name in names if not _existing(name, cache)]
            if missing:
                _build(tool, missing, cache)
    return {name: path for name in names if (path := _existing(name, cache))}


def _existing(name: str, cache: Path) -> Path | None:
    if name == "kubectl" and (on_path := shutil.which(name)):
        return Path(on_path)
    candidates = [cache / name]
    if name in ENVTEST_PROGRAMS and (assets := os.environ.get("KUBEBUILDER_ASSETS")):
        candidates.append(Path(assets) / name)
    return next((path for path in candidates if os.access(path, os.X_OK) and path.is_file()), None)


def cache_root() -> Path:
    """The cache directory, which is kept by `make clean` and shared by clones."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cryostat-operator"


def _cache(tool: Tool) -> Path:
    recipe = hashlib.sha256(tool.ldflags.encode())
    recipe.update(tool.tags.encode())
    for path in (tool.directory / "go.mod", *tool.directory.glob("go.sum"), *sorted(tool.directory.rglob("*.go"))):
        recipe.update(path.read_bytes())
    directory = cache_root() / f"{tool.name}-{recipe.hexdigest()[:12]}"
    if shutil.which("go"):
        return directory / _go(tool, "env", "GOVERSION").strip()
    # Without Go on PATH, use programs that were built when Go was installed.
    return next(iter(sorted(directory.glob("go*"), reverse=True)), directory / f"go-missing-{platform.machine()}")


def _go(tool: Tool, *arguments: str) -> str:
    if not shutil.which("go"):
        raise BuildError(
            f"the Go toolchain is needed to build {tool.name}, and there is no `go` on PATH: "
            f"install Go {_go_needed(tool)} or newer, see go.dev/doc/install"
        )
    result = subprocess.run(
        ["go", *arguments], cwd=tool.directory, env=_environment(tool), capture_output=True, text=True
    )
    if result.returncode:
        raise BuildError(f"`go {' '.join(arguments)}` failed in {tool.directory}:\n{_explained(tool, result.stderr)}")
    return result.stdout


def _go_needed(tool: Tool) -> str:
    found = re.search(r"^go (\S+)", (tool.directory / "go.mod").read_text(), re.M)
    return found[1] if found else "1.26"


def _explained(tool: Tool, errors: str) -> str:
    hint = f"\nGo is too old: {_go_needed(tool)} or newer is needed." if "go.mod requires go >=" in errors else ""
    return errors.strip() + hint


def _environment(tool: Tool) -> dict[str, str]:
    # cgo needs a C compiler. A go.work in a parent folder of the clone would change the module.
    return {**os.environ, "CGO_ENABLED": str(int(tool.cgo)), "GOWORK": "off"}


def mark_used(place: Path) -> Path:
    """Remember that a file or directory of the cache is used now, for `remove_unused`. Returns it."""
    os.utime(place)
    return place


def remove_unused(places: Iterable[Path], kept: int) -> None:
    """Remove all but the files and directories of the cache that were used last.

    Clones with different sources share the cache, and each has its own files in it.
    """
    for place in sorted(places, key=lambda each: each.stat().st_mtime, reverse=True)[kept:]:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold a lock for a build, so that two processes do not build the same program."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with Step(f"waiting for another process that builds {name}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(tool: Tool, names: list[str], cache: Path) -> None:
    packages = [tool.programs[name] for name in names]
    text = ", ".join(names)
    with Step(f"fetching the sources of {text}"):
        listing = _go(tool, "list", "-mod=readonly", f"-tags={tool.tags}", "-deps", *packages)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=cache) as scratch, Step(f"building {text}") as step:
        _compile(tool, packages, Path(scratch), step, len(listing.splitlines()))
        for name in names:
            (Path(scratch) / _output_name(tool.programs[name])).rename(cache / name)


def _compile(tool: Tool, packages: list[str], output: Path, step: Step, total: int) -> None:
    command = ["go", "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={tool.ldflags}"]
    command.append(f"-tags={tool.tags}")
    if nice := shutil.which("nice"):
        command = [nice, "-n", "5", *command]
    process = subprocess.Popen(
        [*command, "-o", f"{output}/", *packages],
        cwd=tool.directory, env=_environment(tool), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    tail: deque[str] = deque(maxlen=20)
    try:
        for count, line in enumerate(process.stderr, 1):
            tail.append(line)
            step.detail = f"{min(count, total)} of {total} packages"
        if process.wait():
            raise BuildError(f"building {', '.join(packages)} failed:\n{_explained(tool, ''.join(tail))}")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _output_name(package: str) -> str:
    """The program's file name from `go build -o directory/`: the last path element that is not a major version."""
    return [part for part in package.split("/") if not re.fullmatch(r"v\d+", part)][-1]


def _copy_data(tool: Tool, directory: Path) -> None:
    with Step(f"fetching {tool.data_module}"):
        source = Path(json.loads(_go(tool, "mod", "download", "-json", tool.data_module))["Dir"])
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".data-", dir=directory.parent) as scratch:
        copy = Path(scratch) / "data"
        for pattern in tool.data:
            for path in source.glob(pattern):
                target = copy / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        copy.rename(directory)  # the rename is atomic: other processes do not see an incomplete directory


def main() -> int:
    """Build the named programs, by default all but those of a node, and print their paths."""
    return exit_status(_build_named)


def _build_named() -> None:
    names = sys.argv[1:] or [name for tool in _USUAL_TOOLS for name in tool.programs]
    for name, path in programs(*names).items():
        print(f"{name:24} {path}")
    for tool in () if sys.argv[1:] else _WITH_DATA:
        data(tool)


def exit_status(build: Callable[[], object]) -> int:
    """Run a build and return the exit status of the command; on failure print the error."""
    try:
        build()
    except (BuildError, OSError) as error:
        print(described(error, cache_root()), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
