"""The settings: what each must be, and all of them read together.

Values come from, each over the one before: ``default.toml`` of this package, the operator's
``shouli.toml``, and the environment (``SHOULI_…``).
"""

import base64
import binascii
import copy
import re
import tomllib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from config.clocks import Clocks
from config.contact import Progress, Quiet, Satisfaction
from config.layers import anchor_paths, layers, merge, parsed, refer, references_in
from config.origins import Origins
from config.problems import ConfigurationError as ConfigurationError
from config.problems import Problem, explain
from config.sections import (
    Acknowledgement,
    Desk,
    FollowUps,
    Hours,
    Incidents,
    Intake,
    Life,
    Log,
    Metrics,
    Pipeline,
    Privacy,
    Retraining,
    Section,
    Suggesting,
    Watching,
)
from models.routing import Rules
from models.texts import Language, unfit
from models.training import Taxonomy

Preset = Literal["telecom", "bank", "retail", "civic", "saas"]
"""A trade with types of its own, in ``taxonomy.<trade>.toml``."""


class Settings(Section):
    """通用 / General."""

    data_dir: Path = Field(
        description="数据目录：数据库、附件、模型、密钥 "
        "/ Folder of database, files, bundles, keys."
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL 地址 postgresql://…；不写则用数据目录里的 SQLite "
        "/ PostgreSQL address; without it SQLite in the data folder.",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis/Valkey 地址 redis://…；不写则自带 Valkey "
        "/ Redis or Valkey address; without it the Valkey that comes along.",
    )
    master_key: SecretStr | None = Field(
        None,
        description="封存个人信息的主密钥，base64，至少 32 字节；不写则在数据目录生成。"
        "多机部署必须相同 "
        "/ Key that seals personal data, base64 of 32 bytes or more; without it one is made in "
        "the data folder. The same on all hosts.",
    )
    taxonomy: Path | None = Field(
        None,
        description="自己的分类体系文件；不写则用自带的 taxonomy.toml "
        "/ Your own taxonomy; without it the one that comes along.",
    )
    preset: Preset | None = Field(
        None,
        description="行业预设，改写分类体系里的类型，见 config/taxonomy.*.toml "
        "/ A trade whose types replace those of the taxonomy, see config/taxonomy.*.toml.",
    )
    routing: Path | None = Field(
        None,
        description="自己的分单规则文件；不写则用自带的 routing.toml "
        "/ Your own routing rules; without it the ones that come along.",
    )
    intake: Intake
    desk: Desk
    life: Life
    pipeline: Pipeline
    retraining: Retraining
    watching: Watching
    suggesting: Suggesting
    channels: dict[str, dict[str, Any]] = Field(
        description="每个渠道一节，写法见各渠道；enabled = false 关闭 "
        "/ One section a channel, see each channel; enabled = false closes it."
    )
    declared: dict[str, dict[str, str]] = Field(
        description="由来源决定的标签，不管分类器怎么说（投诉邮箱、投诉表单）："
        "“渠道/账号”对应分类和取值 "
        "/ Labels given by the source: “channel/account” to facet and class, whatever the "
        "classifier says (a mailbox or form for complaints)."
    )
    acknowledgement: Acknowledgement
    quiet: Quiet
    progress: Progress
    satisfaction: Satisfaction
    texts: dict[str, dict[Language, str]] = Field(
        description="改写自带的客户文案：名称对应语言和文字，见 config/texts.toml；"
        "在坐席台发布的版本优先 "
        "/ Texts in place of those of config/texts.toml: name to language and words. A version "
        "that was published at the desk comes first."
    )
    hours: Hours
    incidents: Incidents
    clocks: Clocks
    follow_ups: FollowUps
    privacy: Privacy
    log: Log
    metrics: Metrics
    _origins: Origins = PrivateAttr(default_factory=Origins)

    @property
    def origins(self) -> Origins:
        """Where each of these was read."""
        return self._origins

    @field_validator("channels")
    @classmethod
    def _open_ones(cls, channels: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Leaves out closed channels, so that nobody else has to know the word “enabled”."""
        return {
            name: {key: value for key, value in section.items() if key != _SWITCH}
            for name, section in channels.items()
            if _SWITCHED[section.get(_SWITCH, True)]
        }

    @field_validator("texts")
    @classmethod
    def _fit(cls, texts: dict[str, dict[Language, str]]) -> dict[str, dict[Language, str]]:
        for name, words in texts.items():
            for lang, text in words.items():
                if trouble := unfit(name, text):
                    zh, _, en = trouble.partition(" / ")
                    raise ValueError(f"{name}.{lang}：{zh} / {name}.{lang}: {en}")
        return texts

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        text = re.sub(
            r"^(postgres|postgresql)://", "postgresql+asyncpg://", url.get_secret_value()
        )
        if not text.startswith("postgresql+asyncpg://"):
            raise ValueError(
                "应以 postgresql:// 开头；要用 SQLite 请删去此项"
                " / Must begin with postgresql://; for SQLite leave it out"
            )
        return SecretStr(text)

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError(
                "应以 redis://、rediss:// 或 unix:// 开头"
                " / Must begin with redis://, rediss:// or unix://"
            )
        return url

    @field_validator("master_key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(_decoded(key)) < 32:
            raise ValueError(
                "应为至少 32 字节的 base64，例如 openssl rand -base64 32 的输出"
                " / Must be base64 of at least 32 bytes, as openssl rand -base64 32 prints"
            )
        return key

    @field_validator("desk")
    @classmethod
    def _two_doors(cls, desk: Desk, info: ValidationInfo) -> Desk:
        intake: Intake | None = info.data.get("intake")
        if intake and collide((intake.host, intake.port), (desk.host, desk.port)):
            raise ValueError(
                f"intake.port 也是 {desk.port}，两者要各用一个端口"
                f" / intake.port is {desk.port} as well; each needs one of its own"
            )
        return desk

    @property
    def master_key_bytes(self) -> bytes | None:
        """The configured master key, or None where the data folder holds it."""
        return _decoded(self.master_key) if self.master_key else None


_ALL_HOSTS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  compared, not listened on


def collide(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether two doors (host, port) cannot both be opened; port 0 is any free one."""
    hosts = {one[0], other[0]}
    return one[1] == other[1] != 0 and (len(hosts) == 1 or bool(hosts & _ALL_HOSTS))


_SWITCH = "enabled"
_SWITCHED = {True: True, False: False, "true": True, "false": False}
"""What may stand for whether a channel is open; in the environment all is text."""


def _leave_on(channels: object, origins: Origins) -> Iterator[Problem]:
    """Takes out switches of channels that say neither true nor false, and tells of each.

    What else is wrong with the channel, or with others, can then be told as well.
    """
    if not isinstance(channels, dict):
        return
    for name, section in channels.items():
        if not isinstance(section, dict):
            continue
        said = section.get(_SWITCH, True)
        if isinstance(said, Hashable) and said in _SWITCHED:
            continue
        del section[_SWITCH]
        path = ("channels", name, _SWITCH)
        yield Problem(
            ".".join(path), repr(said), "应为 true 或 false。", "Must be true or false.",
            origins.source(path),
        )  # fmt: skip


def _decoded(key: SecretStr) -> bytes:
    try:
        return base64.b64decode(key.get_secret_value(), validate=True)
    except binascii.Error:
        return b""


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str],
    folder: Path | None = None,
) -> Settings:
    """All settings, from the defaults, one file and the environment.

    ``path`` is the ``--config`` of the command line; without it ``SHOULI_CONFIG``, else
    ``shouli.toml`` in ``folder`` (the working directory) if there is one. A relative path in
    the file is relative to the file, elsewhere to ``folder``.

    Raises:
        ConfigurationError: with everything that is wrong, not only the first thing.
    """
    settings, problems = look(path, environ=environ, folder=folder)
    if problems:
        raise ConfigurationError(problems)
    return settings


def look(
    path: Path | None = None,
    *,
    environ: Mapping[str, str],
    folder: Path | None = None,
) -> tuple[Settings, list[Problem]]:
    """As ``load``, and what is wrong: for whoever looks further, to tell all of it at once.

    Where something is wrong, its section is that of the defaults.
    """
    folder = folder or Path.cwd()
    problems: list[Problem] = []
    merged = _defaults()
    sources: dict[tuple[str, ...], str] = {}
    for name, base, values in layers(path, environ, folder, problems):
        anchor_paths(values, base)
        merge(merged, values, (), name, sources)
    references = dict(references_in(merged.get("channels"), ("channels",)))
    origins = Origins(folder, sources, references)
    problems.extend(_leave_on(merged.get("channels"), origins))
    settings = None
    told: set[tuple[str, ...]] = set()
    while settings is None:
        referred = copy.deepcopy(merged)
        refer(referred.get("channels"), referred)
        try:
            settings = Settings.model_validate(referred)
        except ValidationError as error:
            if not told:
                problems.extend(explain(error, Settings, referred, origins=origins))
            wrong = {_part(detail["loc"]) for detail in error.errors()} - told
            if not wrong:
                raise  # the defaults themselves are wrong
            told |= wrong
            for part in wrong:
                _put_back(merged, part)
    found = settings.model_copy(update={"data_dir": folder / settings.data_dir})
    found._origins = origins
    return found, problems


def _part(path: Sequence[int | str]) -> tuple[str, ...]:
    """What is left out for a wrong setting: its section, and of all channels only its own."""
    return tuple(str(step) for step in path[: 2 if path[0] == "channels" else 1])


def _put_back(merged: dict[str, Any], path: tuple[str, ...]) -> None:
    """Replaces a part of the settings by that of the defaults, where they have one."""
    into, default = merged, _defaults()
    for step in path[:-1]:
        into, default = into[step], default.get(step, {})
    into.pop(path[-1], None)
    if path[-1] in default:
        into[path[-1]] = default[path[-1]]


def _defaults() -> dict[str, Any]:
    return tomllib.loads(resources.files("config").joinpath("default.toml").read_text("utf-8"))


def load_taxonomy(settings: Settings) -> Taxonomy:
    """The operator's taxonomy, or the one that comes along, with the types of the preset.

    Raises:
        ConfigurationError: with everything that is wrong in it.
    """
    taxonomy = _load_table(settings.taxonomy, "taxonomy.toml", Taxonomy)
    return _preset(taxonomy, settings.preset) if settings.preset else taxonomy


def _preset(taxonomy: Taxonomy, preset: Preset) -> Taxonomy:
    """A facet of the preset replaces that of the taxonomy; classes of the same name lend words."""
    text = resources.files("config").joinpath(f"taxonomy.{preset}.toml").read_text("utf-8")
    changes = tomllib.loads(text)
    values = taxonomy.model_dump(mode="json") | {"version": changes["version"]}
    for name, facet in changes["facets"].items():
        known = values["facets"].get(name, {}).get("classes", {})
        classes = {key: known.get(key, {}) | own for key, own in facet["classes"].items()}
        values["facets"][name] = facet | {"classes": classes}
    return Taxonomy.model_validate(values)


def load_rules(settings: Settings) -> Rules:
    """The operator's routing rules, or the ones that come along.

    Raises:
        ConfigurationError: with everything that is wrong in them.
    """
    return _load_table(settings.routing, "routing.toml", Rules)


def load_texts(settings: Settings) -> dict[tuple[str, Language], str]:
    """What customers are told unless another version is published, by name and language."""
    packaged = resources.files("config").joinpath("texts.toml").read_text("utf-8")
    texts: dict[tuple[str, Language], str] = {}
    for source in (_names(tomllib.loads(packaged)), settings.texts):
        texts |= {(name, lang): text for name, w in source.items() for lang, text in w.items()}
    return texts


def _names(tables: Mapping[str, Any]) -> dict[str, dict[Language, str]]:
    """“[progress.none]” is two tables to TOML, and one name to us."""
    return {f"{a}.{b}": words for a, inner in tables.items() for b, words in inner.items()}


_Table = TypeVar("_Table", Taxonomy, Rules)


def _load_table(path: Path | None, packaged: str, model: type[_Table]) -> _Table:
    name = str(path) if path else packaged
    problems: list[Problem] = []
    source = path if path else resources.files("config").joinpath(packaged)
    values = parsed(name, source.read_bytes, problems)
    if not problems:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            problems = [p._replace(source=name) for p in explain(error, model, values)]
    raise ConfigurationError(problems)
