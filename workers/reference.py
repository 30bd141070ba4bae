"""The pages of ``docs/`` that are written from the code: ``python -m workers.reference DOCS``."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from channels import registry
from config.reference import document
from models.message import InboundMessage
from workers.figures_page import figures_page
from workers.life import events_page, states_page


def message_schema() -> str:
    """The JSON Schema of ``InboundMessage``, as ``shouli schema`` prints it."""
    return _schema(InboundMessage)


def _schema(model: type[BaseModel]) -> str:
    return json.dumps(model.model_json_schema(), ensure_ascii=False, indent=2) + "\n"


def pages() -> Mapping[str, str]:
    """Every generated page: its path under ``docs/``, and what stands there."""
    channels = {name: registry.options_model(name) for name in registry.BUILT_IN}
    published = {
        f"schema/{name}.schema.json": _schema(model)
        for channel in registry.BUILT_IN
        for name, model in registry.schemas(channel).items()
    }
    return {
        "configuration.md": document(channels),
        "states.md": states_page(),
        "events.md": events_page(),
        "figures.md": figures_page(),
        "schema/inbound-message.schema.json": message_schema(),
        **published,
    }


def main(docs: Path) -> None:
    """Writes the pages into the folder ``docs``."""
    for name, text in pages().items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
