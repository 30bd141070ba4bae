"""“shouli check”: whatever is wrong is told in one run."""

from pathlib import Path

import pytest

from config.problems import ConfigurationError
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
