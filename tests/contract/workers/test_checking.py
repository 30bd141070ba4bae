"""“shouli check”: whatever is wrong is told in one run."""

import errno
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

from config.problems import ConfigurationError
from config.settings import load
from models.store.ground.sealing import Vault
from workers.assembly.channel_options import anchored
from workers.assembly.wiring import make_channels
from workers.commands.checking import checked

_WRONG = """
[desk]
port = "many"
[hours]
time_zone = "Asia/Atlantis"
[channels.webchat]
surely = true
[channels.telegraph]
wire = 1
[declared."email/complaints"]
type = "抱怨"
"""


def test_everything_that_is_wrong_is_told_in_one_run(tmp_path: Path) -> None:
    file, rules = tmp_path / "shouli.toml", tmp_path / "routing.toml"
    rules.write_text("nonsense = 1\n")
    file.write_text(f'routing = "routing.toml"\n{_WRONG}')
    with pytest.raises(ConfigurationError) as told:
        checked(file, {})
    keys = {problem.key for problem in told.value.problems}
    assert keys >= {
        "desk.port", "hours.time_zone", "channels.webchat.surely", "channels.telegraph",
        "declared.email/complaints.type", "nonsense",
    }  # fmt: skip
    webchat = {key for key in keys if key.startswith("channels.webchat")}
    assert webchat == {"channels.webchat.surely"}, "what refers to a wrong setting is not blamed"


def test_an_address_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text('[channels.telegram]\ntoken = "1:a"\nbase_url = "api.telegram.org"\n')
    with pytest.raises(ConfigurationError) as told:
        checked(file, {})
    (address,) = [one for one in told.value.problems if one.key == "channels.telegram.base_url"]
    assert address.zh == "应为 http:// 或 https:// 开头的地址，没有空格。"


@pytest.mark.parametrize(
    ("wrong", "key", "shown"),
    [
        (
            "[channels.email]\nenabled = 'perhaps'\nnope = 0\n",
            "channels.email.enabled",
            "'perhaps'",
        ),
        ("[channels.email]\nenabled = []\nnope = 0\n", "channels.email.enabled", "[]"),
        ("[channels]\nslack = 5\n[channels.email]\nnope = 0\n", "channels.slack", "5"),
    ],
)
def test_a_wrong_switch_hides_nothing_of_its_channel_nor_of_others(
    tmp_path: Path, wrong: str, key: str, shown: str
) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text(f"{wrong}[channels.webchat]\nsurely = true\n")
    with pytest.raises(ConfigurationError) as told:
        checked(file, {})
    found = {problem.key: problem for problem in told.value.problems}
    assert {key, "channels.webchat.surely", "channels.email.nope"} <= set(found)
    assert found[key].value == shown
    assert found[key].source == str(file)


def test_two_sections_that_are_wrong_together_only_are_told_once(tmp_path: Path) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text("[intake]\nport = 9000\n[desk]\nport = 9000\n[channels.webchat]\nno = 1\n")
    with pytest.raises(ConfigurationError) as told:
        checked(file, {})
    keys = [problem.key for problem in told.value.problems]
    assert keys == ["desk", "channels.webchat.no"]


def test_what_is_right_is_given_back(tmp_path: Path) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text("[intake]\nport = 9000\n[desk]\nport = 9001\n")
    assert checked(file, {}).desk.port == 9001


def test_a_data_folder_that_cannot_be_written_to_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = tmp_path / "shouli.toml", tmp_path / "new" / "data"
    file.write_text(f'data_dir = "{folder}"\n')
    assert checked(file, {}).data_dir == folder
    assert list(tmp_path.iterdir()) == [file], "nothing is left behind"

    def refused(dir: Path) -> NoReturn:  # noqa: A002  as tempfile calls it
        raise OSError(errno.EROFS, "Read-only file system", str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(ConfigurationError) as told:
        checked(file, {})
    (problem,) = told.value.problems
    assert (problem.key, problem.value) == ("data_dir", str(folder))
    assert problem.zh.startswith(f"{tmp_path} 不能写（Read-only file system）")


def test_a_data_folder_below_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text('data_dir = "shouli.toml/data"\n')
    with pytest.raises(ConfigurationError) as told:
        checked(file, {})
    assert [problem.key for problem in told.value.problems] == ["data_dir"]


def test_a_port_that_mail_and_another_door_would_need_is_told(tmp_path: Path) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text('[intake]\nhost = "0.0.0.0"\nport = 9025\n[channels.email]\nport = 9025\n')
    with pytest.raises(ConfigurationError) as told:
        checked(file, {})
    (problem,) = told.value.problems
    assert (problem.key, problem.value, problem.source) == (
        "channels.email.port", "9025", str(file),
    )  # fmt: skip
    assert problem.zh == "intake.port 也是 9025，两者要各用一个端口。"


def test_the_same_port_of_another_address_or_none_is_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text(
        '[desk]\nhost = "127.0.0.1"\nport = 9025\n'
        '[channels.email]\nhost = "192.0.2.1"\nport = 9025\n'
    )
    assert checked(file, {}).desk.port == 9025


def test_what_is_wrong_with_a_channel_names_the_file_or_variable_it_stands_in(
    tmp_path: Path,
) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text('[channels.webchat]\nsurely = 1\n[channels.fax]\nnumber = 1\n'
                    '[declared."email/complaints"]\ntype = "抱怨"\n')  # fmt: skip
    with pytest.raises(ConfigurationError) as told:
        checked(file, {"SHOULI_CHANNELS__EMAIL__MAX_BYTES": "few"})
    assert {problem.key: problem.source for problem in told.value.problems} == {
        "channels.webchat.surely": str(file),
        "channels.fax": str(file),
        "channels.email.max_bytes": "SHOULI_CHANNELS__EMAIL__MAX_BYTES",
        "declared.email/complaints.type": str(file),
    }


def test_what_only_repeats_a_wrong_setting_is_not_blamed(tmp_path: Path) -> None:
    file = tmp_path / "shouli.toml"
    file.write_text('[channels.email]\nport = "many"\n')
    with pytest.raises(ConfigurationError) as told:
        checked(file, {})
    assert [problem.key for problem in told.value.problems] == ["channels.email.port"]


def test_the_files_of_a_channel_are_those_beside_the_settings(tmp_path: Path) -> None:
    etc, here = tmp_path / "etc", tmp_path / "here"
    etc.mkdir()
    here.mkdir()
    (etc / "shouli.toml").write_text(
        '[channels.email]\ncertificate = "tls/chain.pem"\nkey = "/srv/key.pem"\n'
        '[channels.email.relay]\nhost = "smtp.example.com"\nca_file = "ca.pem"\n'
        '[[channels.email.imap]]\nhost = "imap.example.com"\nusername = "u"\n'
        'password = "p"\nca_file = "ca.pem"\n'
    )
    read = load(etc / "shouli.toml", environ={}, folder=here)
    email = anchored("email", read)
    assert email["certificate"] == str(etc / "tls" / "chain.pem")
    assert email["key"] == "/srv/key.pem"
    assert email["relay"]["ca_file"] == str(etc / "ca.pem")
    assert email["imap"][0]["ca_file"] == str(etc / "ca.pem")
    said = {"SHOULI_CHANNELS__EMAIL__KEY": "k.pem"}
    told = anchored("email", load(etc / "shouli.toml", environ=said, folder=here))
    assert told["key"] == str(here / "k.pem")


def test_a_channel_that_there_is_not_is_told_once_in_each_language(tmp_path: Path) -> None:
    settings = load(environ={"SHOULI_CHANNELS": "{fax = {number = 1}}"}, folder=tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        make_channels(settings, Vault(b"k" * 32))
    (problem,) = caught.value.problems
    assert (problem.key, problem.value) == ("channels.fax", "{number}")
    assert problem.zh.startswith("没有这个渠道；可用：")
    assert problem.en.startswith("There is no such channel; known: ")
