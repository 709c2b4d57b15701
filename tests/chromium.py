"""The browser of the browser tests: one that the machine has, or one that apt can bring.

`python -m tests.chromium`, which `make test` calls, says which, and installs it where that is
possible: as root, with apt. A browser elsewhere is named by the environment variable CHROMIUM.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

WHY_NOT = "no Chromium on this machine: install chromium or google-chrome, or name one with CHROMIUM=/path/to/it"

# A browser that may run as root and asks nobody but us; HTTP/3 and a graphics card are not what is tested.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Nobody is there to answer its questions, and a machine without a network is soon known to have none.
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=30", "-o", "Acquire::http::Timeout=15", "-o", "Acquire::Retries=1")
# Without a font, pages are empty boxes.
PACKAGES = ("chromium", "fonts-dejavu-core")
INSTALLED_WITHIN = 120.0


def find() -> Path | None:
    """The browser to drive, or None.

    :raises FileNotFoundError: CHROMIUM names a program that is not there.
    """
    if named := os.environ.get("CHROMIUM"):
        if not (found := shutil.which(named)):
            raise FileNotFoundError(f"CHROMIUM={named} is no program that can be run.")
        return Path(found)
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def install() -> bool:
    """Whether apt could bring one; its own words stand on the terminal when not."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
        try:
            subprocess.run([*APT, *arguments], env=environment, check=True, timeout=INSTALLED_WITHIN)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
    return True


def main() -> None:
    try:
        if find() is None:
            print("No Chromium here; trying to install it with apt (about a minute) …", flush=True)
            install()
        found = find()
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from error
    print(f"Browser tests use {found}." if found else f"Browser tests will be SKIPPED: {WHY_NOT}.")


if __name__ == "__main__":
    main()
