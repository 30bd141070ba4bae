"""docs/openapi.yaml is OpenAPI. That it says what the desk does is looked at in tests/unit."""

from openapi_spec_validator import validate

from tests.contract.desk.spec import Spec


def test_it_is_valid_openapi() -> None:
    validate(Spec().document)
