"""What is left of a node is found, whatever its description begins with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.node import leftovers
from tests.node.remains import remains


def test_processes_devices_mounts_and_folders_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, mounts = tmp_path / "cryostat-node-abcdefgh", tmp_path / "mounts"
    directory.mkdir()
    process = f"/opt/bin/containerd --config {directory}/containerd.toml"
    device = f"7: {leftovers.device(directory)}@if2: <BROADCAST,UP> mtu 1500"
    mount = f"/dev/sda1 {directory}/kubelet ext4 rw 0 0"
    outputs = {"ps": f"{process}\n/sbin/init\n", "ip": f"1: lo: <LOOPBACK> mtu 65536\n{device}\n"}

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, outputs[command[0]])

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(leftovers, "hierarchies", lambda: [tmp_path / "cgroup"])
    mounts.write_text(f"tmpfs /tmp tmpfs rw 0 0\n{mount}\n")
    assert remains(directory, mounts) == [process, device, mount, str(directory)]
    outputs.update(ps="/sbin/init\n", ip="")
    mounts.write_text("")
    directory.rmdir()
    assert remains(directory, mounts) == []
