"""What WeChat and WeCom want to be told alike: a Token, EncodingAESKeys, a secret."""

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr

_TOKEN = re.compile("[A-Za-z0-9]{3,32}")
_AES_KEY = re.compile("[A-Za-z0-9]{43}")


def _a_token(token: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("Token 为 3–32 个英文字母或数字 / A Token has 3 to 32 letters or digits")
    return token


def _aes_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not all(_AES_KEY.fullmatch(key.get_secret_value()) for key in keys):
        raise ValueError(
            "EncodingAESKey 为 43 个英文字母或数字，请从管理后台复制"
            " / An EncodingAESKey has 43 letters or digits; copy it from the settings"
        )
    return keys


def _a_secret(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("Secret 是空的 / The secret is empty")
    return secret


Token = Annotated[SecretStr, AfterValidator(_a_token)]
AesKeys = Annotated[tuple[SecretStr, ...], AfterValidator(_aes_keys)]
Secret = Annotated[SecretStr, AfterValidator(_a_secret)]
