"""The last line that a program writes under a mail, and what customers write like it."""

import pytest

from channels.email.footers import is_sign_off
from channels.email.quote import split

NEW = "退款还没有到账，请查一下。"


@pytest.mark.parametrize(
    "line",
    [
        "从 Outlook for iOS 获取",
        "从 Outlook for iOS<https://aka.ms.example/o0ukef> 获取",
        "从 Outlook for Android 获取<https://aka.ms.example/AAb9ysg>",
        "获取 Outlook for Android",
        "获取 适用于 iOS 的 Outlook<https://aka.ms.example/o0ukef>",
        "获取适用于 Mac 的 Outlook",
        "下载适用于 iOS 的 Outlook",
        "下載 Outlook for Android",
        "取得 iOS 版 Outlook<https://aka.ms.example/o0ukef>",
        "從 Outlook for iOS 取得",
        "傳送自 Outlook for Android",
        "發送自 Outlook for iOS<https://aka.ms.example/a-long-way-to-the-store>",
        "已从 Outlook for iOS 发送",
        "傳送自我的 iPhone",
        "寄自我的 iPhone",
        "发自我的 iPad Pro。",
        "從 Android 上的 Yahoo 電子信箱傳送",
        "從 Windows 的郵件傳送",
        "從 Windows 10 的郵件傳送",
        "使用 Proton Mail 安全邮件发送。",
        "通过 Zoho Mail 发送",
        "用 Spark 发送",
        "透過 Airmail 傳送",
        "由网易邮箱大师发送",
        "使用 K-9 Mail 发送自我的 Android 设备。",
        "获取适用于 Android 的 BlueMail",
        "来自沃邮箱",
        "Sent from Netease Mail Master",
        "Sent from QQMail for iPhone",
        "Sent from mobile",
        "Отправлено из Outlook для iOS",
        "Envoyé à partir d’Outlook pour iOS",
        "Von Outlook für iOS gesendet",
        "Gesendet von Outlook für Android",
        "Holen Sie sich Outlook für iOS",
        "Outlook für Android herunterladen",
        "Télécharger Outlook pour iOS",
        "Obtener Outlook para iOS",
        "Obter o Outlook para iOS",
        "Ottieni Outlook per iOS",
        "Pobierz aplikację Outlook dla systemu iOS",
        "Enviado desde Outlook para Android",
        "Outlook for iOS を入手",
        "Android용 Outlook 다운로드",
        "iOS용 Outlook에서 보냄",
        "Galaxy에서 보냄",
    ],
)
def test_what_a_program_writes_is_cut(line: str) -> None:
    start, end = split(f"{NEW}\n\n{line}\n")
    assert f"{NEW}\n\n{line}\n"[start:end].strip() == NEW


@pytest.mark.parametrize(
    "line",
    [
        "获取 Outlook 的授权码在哪里",
        "取得 Outlook 授权后登不上",
        "下载 Outlook 时报错",
        "获取 Outlook for iOS 要多少钱",
        "从 Outlook for iOS 获取不到邮件",
        "从 Outlook 获取验证码失败",
        "Outlook for iOS",
        "来自我的银行卡的付款没有成功",
        "发自我的邮箱，你们没有收到吗",
        "来自华为商城的订单没到",
        "从安卓手机发送验证码一直失败",
        "从 Windows 的更新里看到的",
        "使用 Spark 发送失败",
        "使用 Spark 的时候发送",
        "由网易邮箱大师发送的邮件退信了",
        "通过飞书发送",
        "用微信发送给我",
        "通过邮件发送",
    ],
)
def test_what_a_customer_writes_stays(line: str) -> None:
    assert not is_sign_off(line)
    assert tuple(split(f"{NEW}\n{line}")) == (0, len(NEW) + 1 + len(line))


@pytest.mark.parametrize(
    "words",
    [
        "声明：本邮件（包括附件）仅供指定收件人使用，未经授权不得转发。如您误收，请立即通知发件人并删除。",
        "聲明：本電郵僅供指定之收件者使用，未經授權不得轉發。如您誤收，請通知寄件人並刪除本電郵。",
        "This message is for the sole use of the intended recipient. Delete it if you are not.",
    ],
)
def test_a_disclaimer_may_speak_of_recipients_and_not_of_secrets(words: str) -> None:
    start, end = split(f"{NEW}\n\n{words}")
    assert f"{NEW}\n\n{words}"[start:end].strip() == NEW


def test_who_asks_for_a_recipient_writes_no_disclaimer() -> None:
    text = f"{NEW}\n本邮件仅供贵公司的收件人王经理看，其他同事不用处理，我等他的回复，谢谢。"
    assert tuple(split(text)) == (0, len(text))
