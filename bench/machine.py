"""The machine that figures are from."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from ptb_lite.events import Record
from ptb_lite.hardware.device import DeviceError, detect_device

PACKAGES = ("torch", "transformers", "trl", "peft", "bitsandbytes", "lm-eval", "textual")
QUIET = 0.3
"""Up to this load for each core a machine counts as quiet."""


class Machine(Record):
    """What a figure depends on; `load` is the load average of the minute before the start."""

    device: str
    system: str
    cores: int
    packages: dict[str, str]
    load: float

    @property
    def busy(self) -> bool:
        return self.load / self.cores > QUIET

    def same_as(self, other: Machine) -> bool:
        """Whether figures of both may stand in one table."""
        return (self.device, self.cores) == (other.device, other.cores)

    def describe(self) -> str:
        """A paragraph for a reader."""
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        state = "busy" if self.busy else "quiet"
        return (
            f"{self.device}. {self.system}, {packages}. "
            f"Load average at the start {self.load:.1f} on {self.cores} cores ({state})."
        )


def this_machine() -> Machine:
    try:
        device = detect_device()
    except DeviceError:
        device = detect_device("cpu")
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return Machine(
        device=device.describe(),
        system=f"{platform.system()}, Python {platform.python_version()}",
        cores=device.cores,
        packages=found,
        load=os.getloadavg()[0],
    )
