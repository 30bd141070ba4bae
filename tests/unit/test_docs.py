"""The pages say what the code does: generated ones are fresh, links lead somewhere."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from channels import registry
from config import problems
from config.origins import PREFIX
from config.settings import Settings, load, load_rules, load_taxonomy
from models.events import KINDS
from models.message import InboundMessage
from models.store.ground.sealing import Vault
from models.ticket import STATE_NAMES
from workers.assembly.wiring import make_channels
from workers.commands.app import app
from workers.reference.pages import pages

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {
    path: path.read_text("utf-8")
    for path in sorted(
        [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CHANGELOG.md"]
    )
}
DEPLOY = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


# -- generated -------------------------------------------------------------------------


@pytest.mark.parametrize("name", pages())
def test_generated_pages_are_fresh(name: str) -> None:
    fresh, there = pages()[name], (DOCS / name).read_text("utf-8")
    assert fresh == there, "run: python -m workers.reference docs"


def test_the_command_prints_the_schema_that_docs_carries() -> None:
    printed = CliRunner().invoke(app, ["schema"]).stdout
    assert printed == (DOCS / "schema/inbound-message.schema.json").read_text("utf-8")
    assert json.loads(printed)["title"] == "InboundMessage"


def _fields(model: type[BaseModel], at: str) -> Iterator[tuple[str, str | None]]:
    for name, field in model.model_fields.items():
        yield f"{at}{name}", field.description
        for inner in _models(field.annotation):
            yield from _fields(inner, f"{at}{name}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)


def _settings_models() -> dict[str, type[BaseModel]]:
    return {"": Settings} | {
        f"channels.{name}.": registry.options_model(name) for name in registry.BUILT_IN
    }


_SECTIONS = {
    name for name, field in Settings.model_fields.items() if problems.is_model(field.annotation)
}


@pytest.mark.parametrize("at", _settings_models())
def test_every_setting_is_explained_in_both_languages(at: str) -> None:
    for key, text in _fields(_settings_models()[at], at):
        # What is only a section has a heading, not a description.
        if text is None and key in _SECTIONS:
            continue
        assert text, f"{key} has no description"
        assert re.search(r"[\u4e00-\u9fff]", text), f"{key} is not explained in Chinese"
        assert " / " in text, f"{key} is not explained in English"


# -- written by hand -------------------------------------------------------------------


def test_every_link_leads_somewhere() -> None:
    links = [(page, link) for page, text in PAGES.items() for link in _LINK.findall(text)]
    assert [
        (page.name, link)
        for page, link in links
        if not (re.match(r"[a-z]+:", link) or _leads_somewhere(page, *link.partition("#")))
    ] == []


def _leads_somewhere(page: Path, path: str, _: str, anchor: str) -> bool:
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in set(_anchors(PAGES[target])))


def _anchors(text: str) -> Iterator[str]:
    """How headings are named in links: lower case, punctuation dropped, spaces to hyphens."""
    for heading in _HEADING.findall(text):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_field_of_a_message_is_explained_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "schema.md").read_text("utf-8"), re.MULTILINE)
    assert rows == list(InboundMessage.model_fields)


def test_the_glossary_has_every_state_of_a_ticket() -> None:
    text = (DOCS / "glossary.md").read_text("utf-8")
    for state, (zh, en) in STATE_NAMES.items():
        assert re.search(rf"^\| {zh} \| {en.lower()} \| `{state}` \|", text, re.MULTILINE)


def test_the_labelling_guide_has_every_class_and_only_classes_that_exist() -> None:
    text = (DOCS / "labelling.md").read_text("utf-8")
    taxonomy = load_taxonomy(load(environ={}, folder=ROOT / "docs"))
    names = {zh for facet in taxonomy.facets.values() for zh in facet.classes}
    for facet in taxonomy.facets.values():
        for spec in facet.classes.values():
            assert f"| {spec.zh} {spec.en} |" in text
    used = set(re.findall(r"^\| [^|]+ \| ([\u4e00-\u9fff]{2}) \|", text, re.MULTILINE))
    assert used <= names


def test_every_setting_that_a_page_names_exists() -> None:
    known = _variables() | {"SHOULI_CONFIG", "SHOULI_NEW_PASSWORD"}
    named = re.compile(r"\bSHOULI_[A-Z][A-Z_]*[A-Z]\b")
    unknown = {page.name: {*named.findall(text)} - known for page, text in PAGES.items()}
    assert {page: names for page, names in unknown.items() if names} == {}


def _variables() -> set[str]:
    keys = [key for at, model in _settings_models().items() for key, _ in _fields(model, at)]
    # SHOULI_HOURS__PERIODS__SATURDAY: the keys of a table are the operator's.
    tables = [f"hours.periods.{day}" for day in ("saturday", "sunday")]
    return {PREFIX + key.replace(".", "__").upper() for key in [*keys, *tables]}


_EXAMPLES = {
    page: re.findall(r"^```toml\n(.*?)^```$", text, re.M | re.S)
    for page, text in PAGES.items()
    if "\n```toml\n" in text
}


@pytest.mark.parametrize("page", _EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_of_settings_is_accepted(page: Path, tmp_path: Path) -> None:
    for example in _EXAMPLES[page]:
        file = tmp_path / "shouli.toml"
        file.write_text(example)
        settings = load(file, environ={"SHOULI_DATA_DIR": str(tmp_path)}, folder=tmp_path)
        make_channels(settings, Vault(b"k" * 32))
        load_rules(settings)


def test_every_kind_of_event_that_a_page_asks_for_exists() -> None:
    text = (DOCS / "webhooks.md").read_text("utf-8")
    (asked,) = (json.loads(body)["kinds"] for body in re.findall(r'^{"url": .*}$', text, re.M))
    assert set(asked) <= set(KINDS)
    assert set(re.findall(r"`(ticket\.\w+)`", text)) <= set(KINDS)


_PLACE = re.compile(
    r"`((?:models|channels|classifier|router|desk|workers|config|deploy|docs)/[\w./-]*)`"
)


def test_every_file_that_a_page_names_exists() -> None:
    named = {(page.name, name) for page, text in PAGES.items() for name in _PLACE.findall(text)}
    assert {(page, name) for page, name in named if not (ROOT / name).exists()} == set()


def _rows(heading: str) -> list[tuple[str, list[str]]]:
    """The first cell of each row of architecture.md's table, and the names in its last cell."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    _, found, rest = page.partition(heading)
    assert found
    rows = [row.strip("| ").split(" | ") for row in rest.partition("\n\n")[0].splitlines()[2:]]
    return [(row[0].strip("`"), re.findall(r"`(\w+)`", row[-1])) for row in rows]


def _modules(room: Path) -> list[str]:
    return sorted(file.stem for file in room.glob("*.py") if not file.stem.startswith("__"))


def test_the_map_of_the_desk_has_every_module_once_and_no_other() -> None:
    rows = _rows("| about | modules of `desk/` |")
    assert sorted(name for _, names in rows for name in names) == _modules(ROOT / "desk")


@pytest.mark.parametrize("floor", ["models/store", "workers"])
def test_the_map_of_a_floor_has_its_rooms_from_the_ground_up_with_every_module_of_each(
    floor: str,
) -> None:
    rows = _rows(f"| room of `{floor}/` | what is in it | modules |")
    assert {room: sorted(names) for room, names in rows} == {
        folder.parent.name: _modules(folder.parent)
        for folder in (ROOT / floor).glob("*/__init__.py")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (layers,) = (
        contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == [floor.replace("/", ".")]
    )
    heights = {
        room: height
        for height, rooms in enumerate(reversed(layers))
        for room in rooms.split(" | ")
    }
    drawn = [heights[room] for room, _ in rows]
    assert drawn == sorted(drawn)
    assert _modules(ROOT / floor) == []


def test_pages_name_no_place_of_ours() -> None:
    """Addresses are of example domains, one's own machine, and the platforms that we speak to."""
    allowed = re.compile(
        r"127\.0\.0\.1|localhost|example\.com|w3\.org|apache\.org|api\.telegram\.org|slack\.com"
        r"|open\.feishu\.cn|open\.larksuite\.com|api\.weixin\.qq\.com"
        r"|o?api\.dingtalk\.(com|io)|open-dev\.dingtalk\.com"
    )
    for page in [*PAGES, *DEPLOY]:
        for url in re.findall(r"https?://[^\s)\"'`>]+", page.read_text("utf-8")):
            assert allowed.search(url), f"{page.name}: {url}"


# -- deployment ------------------------------------------------------------------------


def test_units_and_image_run_commands_that_exist() -> None:
    known = {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback
    }
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))
    services = compose["services"].values()
    used = {s["command"][0] for s in services if str(s["image"]).startswith("shouli:")}
    for unit in (ROOT / "deploy/systemd").iterdir():
        used |= set(re.findall(r"^ExecStart=\S+/shouli (\w+)$", unit.read_text("utf-8"), re.M))
    assert {"run", "migrate", "intake", "work", "desk", "clock"} == used
    assert used <= known


def test_whatever_starts_in_the_data_folder_keeps_it_closed() -> None:
    """systemd sets the folder's mode at each start: one that says nothing makes it 0755 again."""
    told = [path.read_text("utf-8") for path in sorted((ROOT / "deploy/systemd").iterdir())]
    told += re.findall(r"systemd-run .*?\"\$@\"", (DOCS / "deploy.md").read_text("utf-8"), re.S)
    assert len(told) == 4
    for text in told:
        assert "StateDirectory=shouli" in text
        assert "StateDirectoryMode=0700" in text
        assert "UMask=0077" in text


def test_the_services_of_the_compose_file_have_no_privileges() -> None:
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))
    ours = [s for s in compose["services"].values() if str(s["image"]).startswith("shouli:")]
    for service in ours:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_has_every_package() -> None:
    """What pyproject.toml lists and the Dockerfile forgets would be missing at the first start."""
    text = (ROOT / "deploy/Dockerfile").read_text("utf-8")
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    ignore = (ROOT / "deploy/Dockerfile.dockerignore").read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.search(r"^packages = \[(.*?)\]", project, re.M | re.S)
    assert listed is not None
    packages = {name.partition(".")[0] for name in re.findall(r'"([\w.]+)"', listed[1])}
    assert copied == packages
    assert {f"!{name}" for name in packages} <= set(ignore.split("\n"))


def test_the_proxy_passes_the_host_on_as_it_came() -> None:
    """Without the port, as in nginx's $host, every request would come from another origin."""
    text = (DOCS / "deploy.md").read_text("utf-8")
    assert re.findall(r"proxy_set_header Host (\S+);", text) == ["$http_host", "$http_host"]


def test_deployment_names_only_settings_that_exist() -> None:
    ours = {"SHOULI_BIND"}  # of the compose file itself
    for path in DEPLOY:
        names = set(re.findall(r"\bSHOULI_[A-Z_]*[A-Z]\b", path.read_text("utf-8")))
        assert names - ours <= _variables(), path.name


# -- metrics ---------------------------------------------------------------------------


def test_the_page_of_operations_has_every_metric_and_no_other() -> None:
    made = set(
        re.findall(r'"(shouli_\w+)"', (ROOT / "workers/monitoring/metrics.py").read_text("utf-8"))
    )
    told = set(re.findall(r"\bshouli_\w+", (DOCS / "operations.md").read_text("utf-8")))
    assert {name.removesuffix("_bucket") for name in told} == made
