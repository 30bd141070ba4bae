"""docs/openapi.yaml, for holding live answers against it."""

import re
from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C, where PyYAML was built with it: ten times as fast."""

PATH = Path(__file__).parents[3] / "docs" / "openapi.yaml"


class Spec:
    """The document, with its references resolved."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = yaml.load(PATH.read_text(encoding="utf-8"), _LOADER)
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path, operations)
            for path, operations in self.document["paths"].items()
        ]
        # Fixed addresses first: /parked/replay is not a /parked/{id}.
        self._paths.sort(key=lambda entry: entry[1].count("{"))

    def check(self, method: str, path: str, status: int, content: object) -> None:
        """Asserts that this answer is documented, and looks as documented."""
        from openapi_schema_validator import OAS31Validator  # who only reads needs none of it

        operation = self.operation(method, path)
        if operation is None:
            assert status in {401, 404, 405}, f"{method} {path} is not documented"
            return
        responses = operation["responses"]
        assert str(status) in responses, f"{method} {path}: {status} is not documented"
        response = self.resolve(responses[str(status)])
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if content is None:
            others = response.get("content", {}).keys() - {"application/json"}
            assert schema is None or others, f"{method} {path}: {status} should be JSON"
            return
        assert schema is not None, f"{method} {path}: {status} has no documented JSON"
        OAS31Validator(self.resolve(schema)).validate(content)

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        for pattern, _, operations in self._paths:
            if pattern.fullmatch(path):
                found: dict[str, Any] | None = operations.get(method.lower())
                return found
        return None

    def resolve(self, node: Any) -> Any:
        """A node with every reference replaced by what it refers to."""
        if isinstance(node, list):
            return [self.resolve(part) for part in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            return self.resolve(target)
        return {key: self.resolve(value) for key, value in node.items()}
