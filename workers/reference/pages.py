"""Every page that is written from the code, and what stands there."""

import json
from collections.abc import Mapping

from pydantic import BaseModel

from channels import registry
from config.reference import document
from models.message import InboundMessage
from workers.reference.figures import figures_page
from workers.reference.life import events_page, states_page


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
