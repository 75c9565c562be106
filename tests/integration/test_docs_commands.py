"""The curl commands of the documentation, run as they stand against real services with real keys."""

import re
import subprocess
from contextlib import ExitStack
from pathlib import Path

from shared.auth.scopes import SCOPES
from tests.harness.platform import Installation
from tests.harness.processes import server

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
PORTS = {"8081": "ingest", "8082": "scoring", "8083": "responder"}
# The commands' own words, with the answer's status said, and a key as `eclaireur key create` prints it.
SHELL = """
curl() { command curl -sS -o /dev/null -w '%{http_code}\\n' "$@"; }
eclaireur() { echo "$MADE_KEY"; }
KEY="$MADE_KEY"
"""


def blocks() -> list[tuple[str, str]]:
    return [
        (page.name, block)
        for page in PAGES
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
        if "curl " in block
    ]


def test_every_curl_command_of_the_documentation_is_answered_as_it_says(
    installation: Installation, tmp_path: Path
) -> None:
    assert {name for name, _ in blocks()} >= {"README.md", "imports.md"}
    (tmp_path / "leads.csv").write_text("E-mail;Secteur\nclaire.durand@example.fr;eau\n")
    environment = {**installation.environment, "MADE_KEY": installation.key(*SCOPES)}
    environment["INGEST_IMPORT_FOLDER"] = str(tmp_path / "imports")
    wrong = []
    with ExitStack() as running:
        addresses = {
            port: running.enter_context(server(service, environment, tmp_path / f"{service}.log"))
            for port, service in PORTS.items()
            if any(f":{port}/" in block for _, block in blocks())
        }
        for name, block in blocks():
            command = block
            for port, address in addresses.items():
                command = command.replace(f"http://127.0.0.1:{port}", address)
            done = subprocess.run(
                ["bash", "-c", SHELL + command], env=environment, cwd=tmp_path, capture_output=True,
                text=True, timeout=60, check=False,
            )  # fmt: skip
            if done.returncode or not all(re.fullmatch("20[0-2]", one) for one in done.stdout.split()):
                wrong.append(f"{name}: {done.stdout}{done.stderr}\n{block}")
    assert not wrong, "\n".join(wrong)
