"""Settings: where they come from, what is refused, and that nothing secret is echoed."""

import base64
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from config.problems import explain
from config.reference import document
from config.settings import ConfigurationError, Settings, load, load_taxonomy
from models.message import Lane
from workers.assembly.wiring import declared as declared_labels

PACKAGED = resources.files("config").joinpath("default.toml").read_text("utf-8")


def _refusal(folder: Path, environ: Mapping[str, str] | None = None, toml: str = "") -> str:
    (folder / "shouli.toml").write_text(toml, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(environ=environ or {}, folder=folder)
    return str(caught.value)


def test_without_any_settings_everything_is_embedded(tmp_path: Path) -> None:
    settings = load(environ={"HOME": "/x"}, folder=tmp_path)
    assert (settings.database_url, settings.redis_url) == (None, None)
    assert settings.data_dir == tmp_path / "data"
    assert (settings.intake.host, settings.intake.port) == ("127.0.0.1", 8080)
    assert (settings.desk.host, settings.desk.port) == ("127.0.0.1", 8081)
    assert settings.hours.time_zone == "Asia/Shanghai"
    assert set(settings.channels) == {"email", "webchat"}


def test_the_environment_is_over_the_file_is_over_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "shouli.toml").write_text("[desk]\nport = 9001\nsession_hours = 1\n")
    settings = load(environ={"SHOULI_DESK__PORT": "9002"}, folder=tmp_path)
    assert settings.desk.port == 9002
    assert settings.desk.session_hours == 1
    assert settings.desk.host == "127.0.0.1"


def test_a_variable_that_a_command_takes_is_no_setting(tmp_path: Path) -> None:
    """It may be exported for “shouli agents add” in the shell that then starts everything."""
    settings = load(environ={"SHOULI_NEW_PASSWORD": "correct horse"}, folder=tmp_path)
    assert settings == load(environ={}, folder=tmp_path)


def test_the_command_line_names_the_file_before_the_environment_does(tmp_path: Path) -> None:
    (tmp_path / "shouli.toml").write_text("[desk]\nport = 9001\n")
    (tmp_path / "env.toml").write_text("[desk]\nport = 9002\n")
    (tmp_path / "flag.toml").write_text("[desk]\nport = 9003\n")
    environ = {"SHOULI_CONFIG": "env.toml"}
    assert load(environ=environ, folder=tmp_path).desk.port == 9002
    assert load(Path("flag.toml"), environ=environ, folder=tmp_path).desk.port == 9003


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    etc, here = tmp_path / "etc", tmp_path / "here"
    etc.mkdir()
    here.mkdir()
    (etc / "s.toml").write_text('data_dir = "store"\nrouting = "/srv/routing.toml"\n')
    settings = load(etc / "s.toml", environ={}, folder=here)
    assert settings.data_dir == etc / "store"
    assert settings.routing == Path("/srv/routing.toml")
    assert load(environ={"SHOULI_DATA_DIR": "d"}, folder=here).data_dir == here / "d"


def test_the_environment_writes_lists_as_toml_does_and_empty_means_absent(tmp_path: Path) -> None:
    environ = {
        "SHOULI_HOURS__PERIODS__SATURDAY": '["10:00-16:00", "22:00-06:00"]',
        "SHOULI_CHANNELS__EMAIL__PORT": "2525",
        "SHOULI_REDIS_URL": "",
    }
    settings = load(environ=environ, folder=tmp_path)
    assert settings.hours.periods["saturday"] == ("10:00-16:00", "22:00-06:00")
    assert settings.channels["email"] == {"port": "2525"}
    assert settings.redis_url is None


def test_a_channel_is_closed_by_a_word_that_it_never_sees(tmp_path: Path) -> None:
    (tmp_path / "shouli.toml").write_text("[channels.email]\nenabled = true\nport = 25\n")
    settings = load(environ={"SHOULI_CHANNELS__WEBCHAT__ENABLED": "false"}, folder=tmp_path)
    assert settings.channels == {"email": {"port": 25}}


def test_everything_wrong_is_told_at_once_with_key_value_and_remedy(tmp_path: Path) -> None:
    text = _refusal(
        tmp_path,
        {"SHOULI_DESK__PORT": "many"},
        'datadir = "x"\n[log]\nlevel = "loud"\n[pipeline]\nbatch = 129\n',
    )
    for told in (
        "desk.port = 'many'  [SHOULI_DESK__PORT]",
        "应为整数。",
        "Must be a whole number.",
        "Did you mean data_dir?",
        "log.level = 'loud'",
        "只能是 'debug'",
        "pipeline.batch = 129",
        "应不大于 128。",
        str(tmp_path / "shouli.toml"),
        "4 problem(s)",
    ):
        assert told in text


@pytest.mark.parametrize(
    ("environ", "toml", "told"),
    [
        ({"SHOULI_CONFIG": "none.toml"}, "", "This file cannot be read"),
        ({}, "data_dir = oops\n", "不是正确的 TOML"),
        ({}, "[desk]\nport = 1\n[desk]\nport = 2\n", "同一节只写一次"),
        ({"SHOULI_DESK_PORT": "1"}, "", "Did you mean desk.port (SHOULI_DESK__PORT)?"),
        (
            {"SHOULI_CHANNELS_EMAIL_MAX_BYTES": "1"},
            "",
            "channels.email.max_bytes (SHOULI_CHANNELS__EMAIL__MAX_BYTES)",
        ),
        ({}, "[log]\nlevel = 'loud'\n", "只能是 'debug'、'info'、'warning'、'error'。"),
        ({"SHOULI_DESK": "x", "SHOULI_DESK__PORT": "1"}, "", "Must be a section"),
        ({}, "[hours]\ntime_zone = 'Mars/Base'\n", "No such zone, for example Asia/Shanghai"),
        ({}, "[hours.periods]\nmonday = ['9-18']\n", "应写成 09:00-18:00"),
        ({}, "[hours.periods]\nmonday = ['09:00-09:00']\n", "应写成 09:00-18:00"),
        ({}, "[hours]\nholidays = ['soon']\n", "应为日期"),
        ({}, "[texts.'ack.open']\nzh = '{nummer}'\n", "{number}"),
        ({}, "[texts.'ack.open']\nzh = '{number'\n", "花括号不成对"),
        ({}, "[texts.'ack.open']\nfr = 'x'\n", "ack.open.fr"),
        ({}, "[texts.'ack.shut']\nzh = 'x'\n", "There is no text of the name ack.shut"),
        ({}, "[quiet]\nperiod = '21-8'\n", "应写成 21:00-08:00"),
        ({}, "[satisfaction.keys]\n1 = '很好'\n", "write digit = label"),
        ({}, "[satisfaction]\nlink_base = 'chat'\n", "must be an address"),
        ({}, "[channels.email]\nenabled = 'perhaps'\n", "channels.email.enabled = 'perhaps'"),
        ({}, "[desk]\nport = 8080\n", "intake.port is 8080 as well; each needs one of its own"),
        ({}, "[desk]\nport = 8080\n", "- desk = {"),
        ({}, "[desk]\nsession_hours = 0\n", "应大于 0。"),
        ({}, "[desk]\nproxies = ['10.1.2.3/40']\n", "desk.proxies.0 = '10.1.2.3/40'"),
        ({}, "[desk]\nproxies = ['10.1.2.3/40']\n", "“10.1.2.3/40”不是网段"),
        ({}, "[desk]\nproxies = ['10.1.2.3/24']\n", "Write “10.1.2.3/24” as 10.1.2.0/24"),
        ({"SHOULI_MASTER_KEY": "c2hvcnQ="}, "", "openssl rand -base64 32"),
        ({"SHOULI_DATABASE_URL": "mysql://x"}, "", "postgresql://"),
        ({"SHOULI_REDIS_URL": "x:6379"}, "", "redis://"),
    ],
)
def test_each_mistake_is_refused_with_its_remedy(
    tmp_path: Path, environ: dict[str, str], toml: str, told: str
) -> None:
    assert told in _refusal(tmp_path, environ, toml)


def test_a_file_of_another_encoding_is_refused_and_a_mark_before_utf_8_is_not(
    tmp_path: Path,
) -> None:
    file = tmp_path / "shouli.toml"
    file.write_bytes("# 坐席台\n[desk]\nport = 8083\n".encode("gbk"))
    with pytest.raises(ConfigurationError, match="不是 UTF-8 编码：请另存为 UTF-8"):
        load(environ={}, folder=tmp_path)
    file.write_text("[desk]\nport = 8083\n", "utf-8-sig")
    assert load(environ={}, folder=tmp_path).desk.port == 8083


def test_secrets_are_never_echoed(tmp_path: Path) -> None:
    environ = {
        "SHOULI_DATABASE_URL": "mysql://shouli:hunter2@db/x",
        "SHOULI_REDIS_URL": "http://:hunter2@redis",
        "SHOULI_MASTER_KEY": "hunter2",
    }
    text = _refusal(tmp_path, environ)
    assert "hunter2" not in text
    assert "保密" in text
    good = {"SHOULI_DATABASE_URL": "postgresql://shouli:hunter2@db/x"}
    assert "hunter2" not in repr(load(environ=good, folder=tmp_path))


def test_a_channels_own_options_are_explained_in_the_same_words() -> None:
    class Options(BaseModel, extra="forbid"):
        port: int
        relay_password: str

    values = {"prt": 1, "port": "x", "relay_password": 7}
    with pytest.raises(ValidationError) as caught:
        Options.model_validate(values)
    text = "\n".join(map(str, explain(caught.value, Options, values, at=("channels", "email"))))
    assert "channels.email.prt = 1" in text
    assert "Did you mean port?" in text
    assert "channels.email.relay_password = （保密 / hidden）" in text


def test_a_slip_is_told_from_what_was_meant_at_any_depth() -> None:
    class Inner(BaseModel, extra="forbid"):
        host: str = ""

    class Options(BaseModel, extra="forbid"):
        relay: Inner | None = None
        boxes: tuple[Inner, ...] = ()
        sources: dict[str, Inner] = {}

    slip = {"hots": 1}
    values = {"relay": slip, "boxes": [slip], "sources": {"shop": slip}}
    with pytest.raises(ValidationError) as caught:
        Options.model_validate(values)
    told = {one.key: one.en for one in explain(caught.value, Options, values)}
    assert told == dict.fromkeys(
        ("relay.hots", "boxes.0.hots", "sources.shop.hots"), "No such setting. Did you mean host?"
    )


def test_one_section_where_there_may_be_several_is_told_how_they_are_headed() -> None:
    class Options(BaseModel):
        boxes: tuple[dict[str, str], ...]

    values = {"boxes": {"host": "x"}}
    with pytest.raises(ValidationError) as caught:
        Options.model_validate(values)
    (told,) = explain(caught.value, Options, values, at=("channels", "email"))
    assert told.en == "There may be several: head each with [[channels.email.boxes]]."


def test_a_list_is_not_called_too_short_for_what_is_wrong_in_it() -> None:
    class Options(BaseModel):
        ports: tuple[int, ...] = Field(min_length=1)

    def told(ports: list[Any]) -> list[str]:
        with pytest.raises(ValidationError) as caught:
            Options.model_validate({"ports": ports})
        return [str(problem) for problem in explain(caught.value, Options, {"ports": ports})]

    (wrong,) = told(["x"])
    assert wrong.startswith("ports.0 = 'x'")
    (empty,) = told([])
    assert "至少要有 1 项。" in empty
    assert "Must have at least 1 item(s)." in empty


def test_a_postgres_address_becomes_an_asyncpg_one_and_a_key_its_bytes(tmp_path: Path) -> None:
    key = base64.b64encode(bytes(range(32))).decode()
    environ = {"SHOULI_DATABASE_URL": "postgres://u@h/d", "SHOULI_MASTER_KEY": key}
    settings = load(environ=environ, folder=tmp_path)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql+asyncpg://u@h/d"
    assert settings.master_key_bytes == bytes(range(32))


def test_a_channel_has_the_last_word_on_acknowledgement(tmp_path: Path) -> None:
    (tmp_path / "shouli.toml").write_text("[acknowledgement.channels]\nslack = false\n")
    wanted = load(environ={}, folder=tmp_path).acknowledgement.wanted
    assert wanted(Lane.LIVE, "webchat")
    assert not wanted(Lane.LIVE, "slack")
    assert not wanted(Lane.MAIL, "email")


def _leaves(model: type[BaseModel], path: str = "") -> list[str]:
    names = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += _leaves(inner, f"{path}{name}.")
        else:
            names.append(f"{path}{name}")
    return names


def test_every_setting_stands_in_the_packaged_defaults() -> None:
    values = tomllib.loads(PACKAGED)
    optional = {n for n, f in Settings.model_fields.items() if not f.is_required()}
    for leaf in _leaves(Settings):
        if leaf in optional:
            assert f"\n# {leaf} = " in PACKAGED, leaf
            continue
        found = values
        for part in leaf.split("."):
            assert part in found, leaf
            found = found[part]


def test_every_setting_is_described_in_both_languages_on_the_generated_page() -> None:
    page = document({})
    for leaf in _leaves(Settings):
        row = next(
            line
            for line in page.splitlines()
            if f"`SHOULI_{leaf.upper().replace('.', '__')}`" in line
        )
        assert any("\u4e00" <= character <= "\u9fff" for character in row), row
        assert " / " in row, row


@pytest.mark.parametrize(
    ("declared", "wrong"),
    [
        ('{"email/complaints" = {type = "投诉"}}', None),
        ('{"fax/complaints" = {type = "投诉"}}', "channel/account; channels are: dingtalk"),
        ('{"email" = {type = "投诉"}}', "channel/account"),
        ('{"email/complaints" = {kind = "投诉"}}', "Not in the taxonomy; known: type"),
        ('{"email/complaints" = {type = "抱怨"}}', "Not in the taxonomy; known: "),
    ],
)
def test_labels_that_a_source_declares_exist(
    tmp_path: Path, declared: str, wrong: str | None
) -> None:
    settings = load(environ={"SHOULI_DECLARED": declared}, folder=tmp_path)
    if wrong is None:
        assert declared_labels(settings, load_taxonomy(settings)) == {
            "email/complaints": {"type": "投诉"}
        }
        return
    with pytest.raises(ConfigurationError, match=wrong):
        declared_labels(settings, load_taxonomy(settings))


def test_a_channels_option_may_refer_to_another_setting(tmp_path: Path) -> None:
    (tmp_path / "shouli.toml").write_text(
        '[desk]\nport = 9000\n[channels.x]\na = "{desk.port} {no.such} {text} {desk}"\n'
        '[channels.x.inner]\nb = "{channels.email.port}"\n'
    )
    settings = load(environ={"SHOULI_CHANNELS__EMAIL__PORT": "2500"}, folder=tmp_path)
    assert settings.channels["x"] == {
        "a": "9000 {no.such} {text} {desk}", "inner": {"b": "2500"},
    }  # fmt: skip
    assert settings.channels["webchat"]["desk_url"] == "http://127.0.0.1:9000/desk"
