"""The systems that are not ours: how the laptop opens its customers' database and its marketplace.

Their port, token and password are chosen once and kept in the stack's folder.
"""

import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from include.local_aws.processes import answers, free_ports, is_free, replace_text
from include.local_aws.stack import python
from include.local_aws.supervisor import Service

CUSTOMERS_DATABASE = "customers"
CUSTOMERS_USER = "customers_reader"


@dataclass(frozen=True)
class Sources:
    """The sources of one stack.

    Attributes:
        folder: Holds what is remembered, and the marketplace's sales.
        port: Of the marketplace's API on the loopback.
        customers_password: Of the read-only user of the customers' database.
    """

    folder: Path
    port: int
    customers_password: str

    @property
    def marketplace_url(self) -> str:
        """Address of the marketplace's API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def marketplace_token(self) -> str:
        """The bearer token that it takes."""
        return self._token_file.read_text()

    @property
    def marketplace_sales(self) -> Path:
        """Folder of the sales that it tells of, `<day>.jsonl`."""
        return self.folder / "marketplace_sales"

    @property
    def _token_file(self) -> Path:
        return self.folder / "marketplace-token"

    def marketplace(self) -> Service:
        """The API as a service."""
        return Service(
            "marketplace",
            python(
                "include.laptop.marketplace",
                port=self.port,
                data=self.marketplace_sales,
                token_file=self._token_file,
            ),
            healthy=answers(f"{self.marketplace_url}/healthz"),
            waits=False,
        )

    def sell(self, sales: Path) -> None:
        """Lets the marketplace tell of a day's sales from now on.

        Args:
            sales: `<day>.jsonl`, one record per line.
        """
        self.marketplace_sales.mkdir(exist_ok=True)
        fresh = self.marketplace_sales / f".{sales.name}.new"
        shutil.copyfile(sales, fresh)
        fresh.replace(self.marketplace_sales / sales.name)


def at(folder: Path) -> Sources:
    """The sources of a stack that keeps them in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    remembered = folder / "sources.json"
    if not remembered.exists():
        chosen = {"port": free_ports(1)[0], "customers_password": secrets.token_urlsafe(24)}
        replace_text(remembered, json.dumps(chosen))
        replace_text(folder / "marketplace-token", secrets.token_urlsafe(24))
    kept = json.loads(remembered.read_text())
    return Sources(folder, kept["port"], kept["customers_password"])


def before_start(folder: Path) -> None:
    """Chooses another port if somebody took ours while the stack was down."""
    kept = at(folder)
    if not is_free(kept.port):
        changed = {"port": free_ports(1)[0], "customers_password": kept.customers_password}
        replace_text(folder / "sources.json", json.dumps(changed))
