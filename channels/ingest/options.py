"""What can be set for the signed HTTP door."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from models.message import Lane

_SHORTEST_SECRET = 16


class Source(BaseModel):
    """One system that sends to us, with keys of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    secrets: tuple[SecretStr, ...] = Field(
        min_length=1,
        max_length=2,
        description="签名密钥，可同时有两个以便更换；送出答复用第一个"
        " / Keys that sign; two may live at once, for a change. Answers are signed with the first",
    )
    lane: Lane = Field(
        Lane.LIVE,
        description="live（有人在等）或 mail（可排队）"
        " / live (somebody waits) or mail (may queue)",
    )
    webhook: str | None = Field(
        None,
        pattern=r"^https?://[^\s]+$",
        description="答复送到哪个网址；不写则此来源不能答复"
        " / Where answers are posted; without it this source cannot be answered",
    )
    template: str = Field(
        "{text}",
        description="答复的模板，如短信“【受理】{text}”"
        " / Template of an answer, for a text message “[Shouli] {text}”",
    )
    part_chars: int | None = Field(
        None,
        ge=20,
        description="单段最多几个字，长的答复分成几段（短信）"
        " / Longest part of an answer in characters, for text messages",
    )

    requests_per_minute: int = Field(
        6000,
        ge=1,
        description="此来源每分钟最多几次请求，超出的得到 429"
        " / Requests a minute that this source may make; more get a 429",
    )
    request_burst: int = Field(
        1000,
        ge=1,
        description="此来源可连发的请求数 / Requests that this source may make at once",
    )

    @field_validator("secrets")
    @classmethod
    def _long_enough(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < _SHORTEST_SECRET for secret in secrets):
            raise ValueError(
                "密钥至少 16 个字符，例如 openssl rand -hex 32 的输出"
                " / A key has 16 characters or more, as openssl rand -hex 32 prints"
            )
        return secrets

    @field_validator("template")
    @classmethod
    def _says_the_text(cls, template: str) -> str:
        marked = template.replace("{text}", "")
        if marked == template or "{" in marked or "}" in marked:
            raise ValueError(
                "模板中必须有 {text}，且不能有别的花括号"
                " / A template holds {text}, and no other braces"
            )
        return template

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The secrets as bytes, the one that signs first."""
        return tuple(secret.get_secret_value().encode() for secret in self.secrets)


class Options(BaseModel):
    """Settings of the signed HTTP door."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: dict[str, Source] = Field(
        {},
        description="每个发送系统一项，名字由您定（电话、表单…）"
        " / One entry a sending system, named by you",
    )
    max_bytes: int = Field(
        8 * 1024 * 1024,
        ge=1024,
        description="请求体上限（字节，含附件） / Largest body in bytes, attachments included.",
    )
    body_seconds: float = Field(
        30.0, gt=0, description="请求体须在几秒内到齐 / Seconds in which a body must arrive."
    )
    webhook_seconds: float = Field(
        15.0,
        gt=0,
        le=60,
        description="等待 webhook 应答的秒数 / Seconds to wait for a webhook's answer.",
    )

    @model_validator(mode="after")
    def _keys_of_their_own(self) -> Self:
        keys = [key for source in self.sources.values() for key in source.keys]
        if len(set(keys)) < len(keys):
            # A signature says which source wrote: with one key it would say either.
            raise ValueError(
                "每个来源、每个密钥都要不同 / Every key must differ, within and between sources"
            )
        if any(not name or len(name) > 64 or not name.isprintable() for name in self.sources):
            raise ValueError("来源名为 1–64 个字符 / A source's name has 1 to 64 characters")
        return self
