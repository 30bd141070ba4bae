"""The pages of ``docs/`` that are written from the code: ``python -m workers.reference DOCS``."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from channels import registry
from config.reference import document
from models.message import InboundMessage


def message_schema() -> str:
    """The JSON Schema of ``InboundMessage``, as ``shouli schema`` prints it."""
    schema = InboundMessage.model_json_schema()
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def pages() -> Mapping[str, str]:
    """Every generated page: its path under ``docs/``, and what stands there."""
    channels = {name: registry.options_model(name) for name in registry.BUILT_IN}
    return {
        "configuration.md": document(channels),
        "schema/inbound-message.schema.json": message_schema(),
    }


def main(docs: Path) -> None:
    """Writes the pages into the folder ``docs``."""
    for name, text in pages().items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
