"""Stock pip and uv as users of an index: what `serve` or a site gives them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.invariants import Workspace


def install_with_stock_tools(shop: Workspace, url: str, *releases: str) -> None:
    """Install the closure of `alpha` with hashes from an index, by pip and by uv; it must be these releases."""
    locked = shop.root / "requirements.txt"
    shop.write_manifest("alpha")
    shop.run("lock")
    shop.run("export", "-f", "requirements", "-o", locked)
    text = "\n".join(line for line in locked.read_text().splitlines() if not line.startswith("-"))
    locked.write_text(text)
    assert "--hash=sha256:" in text
    env = {name: value for name, value in shop.environment.items() if not name.startswith("PIP_")}
    for tool in (
        [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-cache-dir"],
        [str(Path(sys.executable).with_name("uv")), "pip", "install", "-q", "--no-cache"],
    ):
        for kind, wanted in (("locked", ["--require-hashes", "-r", str(locked)]), ("newest", ["alpha"])):
            target = shop.root / f"by-{Path(tool[0]).name}-{kind}"
            subprocess.run(
                [*tool, "--index-url", url, *wanted, "--target", str(target)],
                check=True,
                env={**env, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"},
                cwd=shop.root,
            )
            found = {path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info")}
            assert found == {each.replace("==", "-") for each in releases}
