"""A driver for each way into each channel."""

from tests.contract.channels.drivers.dingtalk import DingtalkHttp, DingtalkStream
from tests.contract.channels.drivers.email import Smtp
from tests.contract.channels.drivers.feishu import FeishuEncrypted, FeishuToken
from tests.contract.channels.drivers.imap import Imap
from tests.contract.channels.drivers.ingest import Ingest
from tests.contract.channels.drivers.slack import SlackEvents, SlackSockets
from tests.contract.channels.drivers.telegram import TelegramPolling, TelegramWebhook
from tests.contract.channels.drivers.webchat import Webchat
from tests.contract.channels.drivers.wechat import WechatPlain, WechatSealed
from tests.contract.channels.drivers.wecom import Wecom
from tests.contract.channels.kit import Driver

DRIVERS: tuple[Driver, ...] = (
    Smtp(),
    Imap(),
    Webchat(),
    Ingest(),
    TelegramWebhook(),
    TelegramPolling(),
    SlackEvents(),
    SlackSockets(),
    FeishuEncrypted(),
    FeishuToken(),
    WechatSealed(),
    WechatPlain(),
    Wecom(),
    DingtalkStream(),
    DingtalkHttp(),
)
