"""What models cost by their makers' price lists: for programs that name no price themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from ptb_lite.catalog.loader import config_root
from ptb_lite.catalog.yaml_file import read_yaml, validate_at
from ptb_lite.errors import CatalogError
from ptb_lite.events import Record

_OWN = Path(__file__).with_name("prices.yaml")
Dollars = Annotated[float, Field(ge=0, le=1e6)]


class Price(Record):
    """US dollars of a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Dollars
    cached: Dollars
    """Of input tokens that come from a cache."""
    output: Dollars
    dated: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    """The day since when the price is known to hold."""

    def of(self, figures: Mapping[str, float]) -> float:
        """Dollars of a usage event's figures."""
        cached = figures.get("cached_input_tokens", 0.0)
        fresh = max(0.0, figures.get("input_tokens", 0.0) - cached)
        written = figures.get("output_tokens", 0.0)
        return (fresh * self.input + cached * self.cached + written * self.output) / 1e6


def load_prices(overlay: Path | None = None) -> Mapping[str, Price]:
    """The prices by the beginning of a model's name; a person's prices.yaml goes first.

    Raises CatalogError with file and line where one is malformed.
    """
    own = (config_root() if overlay is None else overlay) / "prices.yaml"
    found: dict[str, Price] = {}
    for path in (_OWN, *((own,) if own.exists() else ())):
        file = read_yaml(path)
        for name, fields in file.values.items():
            if not isinstance(fields, dict):
                raise CatalogError(
                    f"'{name}' needs input, cached, output and dated", field=file.where([name])
                )
            found[name] = validate_at(Price, fields, file, [name])
    return found


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of the longest name with which `model` begins, a provider before it left out."""
    name = model.rpartition("/")[2]
    fitting = [known for known in prices if model.startswith(known) or name.startswith(known)]
    return prices[max(fitting, key=len)] if fitting else None
