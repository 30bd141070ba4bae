"""New text told apart from quotation and signature, as real programs write them."""

import re

import pytest

from channels.email.markup import read
from channels.email.quote import split

NEW = "您好，问题还没有解决。\n请尽快处理，谢谢。"

QUOTED = {
    "QQ": '------------------ 原始邮件 ------------------\n发件人: "客服" <s@example.com>;\n'
    '发送时间: 2024年1月1日(星期一) 中午12:00\n收件人: "张三" <z@qq.com>;\n主题: 回复',
    "QQ phone": "---原始邮件---\n发件人: 客服<s@example.com>\n发送时间: 2024年1月1日",
    "163 web": '在 2024-01-01 12:00:00，"客服" <s@example.com> 写道：\n旧内容',
    "163 old": 'At 2024-01-01 12:00:00, "客服" <s@example.com> wrote:\n旧内容',
    "NetEase Mail Master": "---- 回复的原邮件 ----\n| 发件人 | 客服<s@example.com> |",
    "Foxmail": "发件人： 客服\n发送时间： 2024-01-01 12:00\n收件人： z\n主题： 回复\n旧内容",
    "Outlook zh": "发件人: 客服 <s@example.com> \n发送时间: 2024年1月1日 12:00\n"
    "收件人: 张三 <z@example.com>\n主题: 回复: 退款\n\n旧内容",
    "Outlook en": "________________________________\nFrom: Support <s@example.com>\n"
    "Sent: Monday, January 1, 2024 12:00 PM\nTo: Z <z@example.com>\nSubject: Re: refund\n\nold",
    "heading": "原始邮件：\n发件人：客服\n发送时间：2024-01-01\n主题：回复\n旧内容",
    "empty field": "抄送：\n发件人：客服\n发送时间：2024-01-01\n主题：回复\n旧内容",
    "Daum": '--------- 원본 메일 ---------\n보낸사람 : "고객센터" <s@example.com>\n확인 중입니다.',
    "Gmail th": "ในวันที่ จ. 1 ม.ค. 2024 เวลา 12:00 Support\n<s@example.com> เขียนว่า:\n\n> old",
    "Outlook classic": "-----Original Message-----\nFrom: Support\nold",
    "Gmail zh": "客服 <s@example.com> 于2024年1月1日周一 12:00写道：\n\n> 旧内容\n> 旧内容",
    "Gmail en": "On Mon, Jan 1, 2024 at 12:00 PM Support <s@example.com> wrote:\n\n> old\n> old",
    "Gmail wrapped": "On Mon, Jan 1, 2024 at 12:00 PM Customer Support Team\n"
    "<s@example.com> wrote:\n\n> old",
    "Apple Mail zh": "> 在 2024年1月1日，12:00，客服 <s@example.com> 写道：\n> \n> 旧内容",
    "Apple Mail en": "> On Jan 1, 2024, at 12:00, Support <s@example.com> wrote:\n> \n> old",
    "Thunderbird zh": "在 2024/1/1 12:00, 客服 写道:\n> 旧内容\n> 旧内容",
    "Thunderbird en": "On 1/1/24 12:00, Support wrote:\n> old",
    "traditional": "客服 <s@example.com> 於 2024年1月1日 週一 下午12:00寫道：\n> 舊內容",
    "bare signs": "> 旧内容\n> 旧内容",
    "QQ en": "------------------&nbsp;Original&nbsp;------------------\nFrom: Support\n"
    "Date: Mon, Jan 1, 2024\nSubject: Re: refund\n\nold",
    "ZTE": "------------------原始邮件------------------\n发件人：客服\n日 期 ：2024年01月01日",
    "163 forward": "-------- 转发邮件信息 --------\n发件人：客服\n发送日期：2024-01-01\n"
    "收件人：z\n旧",
    "Thunderbird forward": "-------- 转发的消息 --------\n主题: 订单\n日期: 周一\nFrom: 客服\n"
    "收件人: z\n旧",
    "Apple forward": "> 下面是被转发的邮件：\n> \n> 发件人: 客服\n> 主题: 订单\n> 日期: 周一",
    "Apple forward zh": "开始转发的邮件：\n\n> 发件人: 客服\n> 日期: 周一\n> 主题: 订单",
    "Samsung": "-------- 原始信息 --------\n发件人： 客服\n日期： 2024/1/1\n收件人： z\n旧",
    "21CN": "----- 原文 -----\n发 件 人：客服\n收 件 人：z\n主　　题：订单\n旧",
    "Notes": "发件人：    客服 <s@example.com>\n收件人：    z\n日期：    2024-01-01\n旧",
    "iNotes": '-----"客服" <s@example.com> 写道： -----\n收件人： z\n发件人： 客服\n'
    "日期： 2024-01-01\n主题： 订单\n旧",
    "Foxmail 5": "======= 2004-01-01 12:00:00 您在来信中写道：=======\n\n>旧\n= = =\n　致\n礼！",
    "Zoho": "---- On Mon, 01 Jan 2024 11:00:00 +0800 Support <s@example.com> wrote ----\n\nold",
    "Gnus": "Support <s@example.com> writes:\n\n> old\n> old",
    "Horde": "Quoting Support <s@example.com>:\n\n> old\n> old",
    "Outlook fr": "-----Message d'origine-----\nDe : Support\nEnvoyé : lundi\nÀ : Luc\n\nvieux",
    "Gmail ja": "2024年1月1日(月) 12:00 サポート <s@example.com>:\n\n> 旧",
    "Gmail ru": "пн, 1 янв. 2024 г. в 12:00, Support <s@example.com>:\n\n> old",
    "Gmail it": "Il giorno lun 1 gen 2024 alle ore 12:00 Support <s@example.com> ha scritto:\n\n"
    "> old",
    "Gmail nl": "Op ma 1 jan 2024 om 12:00 schreef Support <s@example.com>:\n\n> old",
    "Gmail pl": "pon., 1 sty 2024 o 12:00 Support <s@example.com> napisał(a):\n\n> old",
    "Outlook sv": "Från: Support\nSkickat: den 1 januari 2024\nTill: Z\nÄmne: Order\n\ngammalt",
    "Outlook pl": "Od: Support\nWysłano: poniedziałek 12:00\nDo: Z\nTemat: Serwis\n\nstare",
    "Outlook tr": "Kimden: Support\nGönderildi: 1 Ocak 2024\nKime: Z\nKonu: Sipariş\n\neski",
    "Outlook da": "Fra: Support\nSendt: 1. januar 2024 12:00\nTil: Z\nEmne: Ordre\n\ngammelt",
    "Outlook cs": "Od: Support\nOdesláno: pondělí 12:00\nKomu: Z\nPředmět: Dotaz\n\nstaré",
    "Outlook vi": "Từ: Support\nĐã gửi: Thứ Hai 12:00\nĐến: Z\nChủ đề: Đơn\n\ncũ",
    "Outlook he": "מאת: Support\nנשלח: יום שני\nאל: Z\nנושא: הזמנה\n\nישן",
    "Outlook zh-Hant": "發件人: 客服\n發送時間: 2024年1月1日\n收件人: z\n主題: 訂單\n\n舊",
    "Yahoo phone": "  On Mon, 1 Jan 2024 at 12:00, Support<s@example.com> wrote:   old old",
    "GroupWise": ">>> Support <s@example.com> 1/1/2024 12:00 PM >>>\nold",
    "Zimbra fr": "----- Mail original -----\nDe: Support\nÀ: Z\nObjet: Devis\n\nvieux",
    "Samsung no": "-------- Opprinnelig melding --------\nFra: Support\n\ngammel",
    "K-9": "Am 1. Januar 2024 12:00:33 MEZ schrieb Support <s@example.com>:\n>alt\n\n-- \nZ GmbH",
    "Thunderbird sv": "Den 2024-01-01 kl. 12:00, skrev Support:\n> gammalt",
    "Thunderbird pl": "W dniu 01.01.2024 o 12:00, Support pisze:\n> stare",
    "Thunderbird ru": "01.01.2024 12:00, Support пишет:\n> old",
    "Thunderbird ja": "2024/01/01 12:00, Support さんは書きました:\n> 旧",
    "Gmail zh wrapped": "客服中心 <s@example.com>\n于2024年1月1日周一 12:00写道：\n\n> 旧内容",
    "Gmail ja wrapped": "2024年1月1日(月) 12:00 サポート\n<s@example.com>:\n\n> 旧",
    "NetEase phone": "---------- 回复的原始邮件 ----------\n发件人：客服\n时间：2024-01-01\n旧",
    "Notes forward": "----- 转发人 张三/某公司 时间 2024-01-01 12:00 -----\n\n"
    "发件人：客服\n收件人：z\n日期：2024-01-01\n主题：订单\n旧",
    "a heading in brackets": "【原邮件】\n发件人：客服\n发送时间：2024-01-01\n主题：订单\n旧",
    "a header on one line": "发件人：客服 <s@x.cn> 发送时间：2024年1月1日 收件人：z\n旧",
    "Outlook ko": "보낸 사람: 고객센터\n보낸 날짜: 2024년 1월 1일\n받는 사람: z\n제목: a\n旧",
    "Gmail tr": "Support <s@example.com>, 1 Oca 2024 Pzt, 12:00 tarihinde şunu yazdı:\n\n> old",
    "a name and a time": "客服 于 2024-01-01 12:00 写道：\n旧内容",
    "Aliyun en": "-" * 66 + "\nSender:Support<s@example.com>\nSent At:2024 Jan. 1 (Mon.) 12:00\n"
    "Recipient:z<z@example.com>\nSubject:order\n\nold",
    "Aliyun en old": "-"
    * 66
    + "\nFrom:Support <s@example.com>\nSend Time:2024 Jan. 1 (Mon.) 12:00\n"
    "To:z<z@example.com>\nSubject:order\n\nold",
    "Outlook es": "De: Support\nEnviado el: lunes, 1 de enero\nPara: Luz\nAsunto: pedido\n\nviejo",
}


@pytest.mark.parametrize("program", QUOTED)
def test_the_quotation_is_cut(program: str) -> None:
    text = f"{NEW}\n\n\n{QUOTED[program]}\n"
    start, end = split(text)
    assert text[start:end].strip() == NEW


@pytest.mark.parametrize(
    "signature",
    [
        "发自我的iPhone",
        "发自我的手机",
        "Sent from my iPhone",
        "-- \n张三\n销售部",
        "--\nZhang",
        "-- \n" + "行\n" * 12,
        "-- \n" + "行\n" * 12 + "\n\n",
        "- -- \n张三",
        "发自小米手机",
        "发自 网易邮箱大师",
        "来自 Outlook for Android",
        "从我的三星 Galaxy 智能手机发送。",
        "從我的 iPad 傳送",
        "从 Windows 版邮件发送",
        "Sent from Samsung Galaxy smartphone",
        "Sent with [Proton Mail](https://proton.example/) secure email.",
        "Von meinem iPhone gesendet",
        "iPhoneから送信",
        "Galaxyから送信",
        "Skickat från min iPad",
        "Sendt fra min Samsung",
        "Verstuurd vanaf mijn iPhone",
        "Wysłane z iPhone'a",
        "Lähetetty iPhonesta",
        "Galaxy cihazımdan gönderildi",
        "Đã gửi từ iPhone của tôi",
        "该邮件从移动设备发送",
        "Sent from Mail<https://go.microsoft.example/fwlink/?LinkId=550986> for Windows 10",
        "来自微信",
        "来自天翼189邮箱",
        "获取适用于 Android 的 Outlook",
        "从 iOS 版 Outlook 发送",
        "Gửi từ iPhone của tôi",
        "Надіслано з мого iPhone",
        "Εστάλη από το iPhone μου",
        "أُرسلت من الـ iPhone",
        "נשלח מה-iPhone שלי",
        "Az iPhone-omról küldve",
        "मेरे iPhone से भेजा गया",
        f"{'-' * 66}\n来自钉钉专属商务邮箱{'-' * 66}",
        "Sent via Superhuman",
        "P Please consider the environment before printing this email",
        "请考虑环境保护，非必要请勿打印本邮件。",
    ],
)
def test_the_signature_is_cut(signature: str) -> None:
    text = f"{NEW}\n\n{signature}\n"
    start, end = split(text)
    assert text[start:end].strip() == NEW


DISCLAIMERS = {
    "zh": "本邮件及其附件含有某公司的保密信息，仅限于发送给上面地址中列出的个人。"
    "禁止任何其他人以任何形式使用。",
    "en": "CONFIDENTIALITY NOTICE: This email and any files with it are confidential and\n"
    "intended solely for the use of the individual or entity to whom they are addressed.",
    "stars": "************\n声明：本邮件可能含有机密信息，如非指定收件人，请立即删除并通知对方！\n"
    "************",
    "important": "IMPORTANT: The contents of this email are confidential and intended for the\n"
    "named recipient only. If it came to you by mistake, please notify the sender.",
    "brackets": "【免责声明】此电子邮件及附件可能包含机密内容，如您不是收件人，请删除。谢谢！",
    "tw": "本信件可能包含機密資訊，非指定之收件者，請勿使用或揭露本信件內容，並請銷毀此信件。謝謝",
    "both": "-----------------------------------\n"
    "本邮件及其附件含有保密信息，如果您错收了本邮件，请立即通知发件人并删除！\n"
    "This e-mail and its attachments contain confidential information, intended only for the\n"
    "person or entity whose address is listed above.",
}


@pytest.mark.parametrize("words", DISCLAIMERS.values(), ids=DISCLAIMERS)
@pytest.mark.parametrize("below", ["", f"\n\n{QUOTED['Outlook zh']}"])
def test_what_a_company_puts_under_every_mail_is_cut(words: str, below: str) -> None:
    text = f"{NEW}\n\n{words}{below}"
    start, end = split(text)
    assert text[start:end].strip() == NEW


def test_who_writes_much_below_a_disclaimer_is_read() -> None:
    text = f"{DISCLAIMERS['zh']}\n" + "\n".join(
        f"第 {number} 点我不明白。" for number in range(12)
    )
    assert tuple(split(f"您好\n{text}")) == (0, len(text) + 3)


def test_the_footer_of_a_list_is_cut() -> None:
    text = f"{NEW}\n{'_' * 47}\nusers mailing list\nusers@lists.example\n"
    start, end = split(text)
    assert text[start:end].strip() == NEW


def test_the_armor_of_a_signed_text_is_cut() -> None:
    text = (
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{NEW}\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQEcBAEBCAAGBQJ\n-----END PGP SIGNATURE-----\n"
    )
    start, end = split(text)
    assert text[start:end].strip() == NEW


def test_a_field_that_the_customer_wrote_above_a_quoted_header_stays() -> None:
    text = f"请改成：\n时间：今天\n\n{QUOTED['Outlook zh']}"
    start, end = split(text)
    assert text[start:end].strip() == "请改成：\n时间：今天"


@pytest.mark.parametrize("words", ["您好：", "我收到一封邮件。", "我收到一封邮件：\n\n\n"])
def test_what_programs_put_below_a_line_of_its_own_is_quoted(words: str) -> None:
    start, end = split(f"{words}\n\n{QUOTED['Outlook zh']}")
    assert (start, end) == (0, len(words) + 2)


def test_signature_above_a_quotation() -> None:
    text = f"{NEW}\n\n发自我的iPhone\n\n{QUOTED['QQ']}"
    start, end = split(text)
    assert text[start:end].strip() == NEW


@pytest.mark.parametrize(
    "text",
    [
        NEW,
        "",
        # Nothing new: a forwarded mail is all there is to read.
        QUOTED["Outlook zh"],
        f"\n\n{QUOTED['QQ']}",
        # Answers between and below what they quote.
        "> 什么时候发货？\n\n明天。\n\n> 能退款吗？\n\n可以。",
        "On Mon, Jan 1, 2024, Support wrote:\n> When?\nTomorrow.\n> Refund?\nYes.",
        # What only looks like a marker.
        "发件人：我不认识这个人，请问怎么办？",
        "From: is a word.\nNothing follows.",
        "On the phone your colleague wrote: nothing",
        "我在网上写道：这个产品很好",
        "你好\n在你们的商品页面里写道：\n七天无理由退货。\n可是客服拒绝了我。",
        "Hello\nOn your website you wrote:\nfree returns.\nBut your agent refused.",
        # A parcel has a sender and a receiver, too.
        "请改地址：\n发件人：王五 13800000000\n收件人：李四 13900000000\n时间：明天上午\n谢谢",
        "你好\n寄件人：王五\n收件人：李四\n日期：1月1日\n这个件一直没有动。",
        "a\n-- \n" + "\n".join(["line"] * 30),
        # What only begins like a sign-off.
        "网站留言\n\n发件人：李四\n电子邮箱：l@x.example\n主题：价格\n时间：今天\n内容：多少钱？",
        "New message\nFrom: Eve\nSubject: Price\nDate: today\nMessage: How much?",
        "我收到这样的邮件：\n发件人：x\n发送时间：今天\n主题：中奖\n是你们发的吗？",
        "我收到一封邮件：\n\n\n发件人：x\n发送时间：今天\n主题：中奖\n\n是你们发的吗？",
        "I got the following:\n\nFrom: x\nSent: today\nSubject: prize\n\nIs it yours?",
        "你好\n发自内心的感谢你们",
        "你好\n来自网易的订单没有收到",
        "你好\n从我的账户扣了钱",
        "你好\n来自微信的订单没有发货",
        "你好\n打印机在潮湿的环境里打印不清",
        "你好\n为了保护环境，你们的说明书可以不打印吗？",
        "发件人：王五 收件人：李四 时间：明天上午，请改地址",
        "你好\n发件人：王五 发送时间：昨天，一直没到",
        "你好\n发件人：我不认识\n主题：写给 z@example.com 的\n请问怎么办？",
        "你好\n你们客服于2024年1月1日在邮件里写道：\n七天退货。\n可是没有。",
        "Hallo\nVon meinem Konto wurde Geld abgebucht",
        # What has a year, a time and an address, and says nothing of who wrote.
        "订单 2024 年 1 月 1 日 12:00 付款，\n收据请寄到 <z@example.com>，谢谢。",
        "2024-01-01 12:00 写给 <z@example.com> 的信没有回音：请问收到了吗",
        "在官网上 12:00\n于是我写道：不行",
        "--- 原文 ---\n第一条写得不清楚，是什么意思？",
        "Hi\nSender: Wang Fang\nRecipient: Li Lei\nSubject: parcel\nSent: today\nWhere is it?",
        # What stands between arrows, or has an address and a time, but not all of it.
        "你好\n>>> 12:00 z@example.com\n谢谢",
        "你好\n12:00 z@example.com >>>\n谢谢",
        "你好\n>>> 12:00 客服 >>>\n谢谢",
        "你好\n>>> z@example.com >>>\n谢谢",
        # What speaks of secrets, and is no disclaimer.
        "你好\n此邮件内容涉及我的隐私，请务必保密，不要转给其他部门的同事，我只想跟主管谈这件事情。",
        "你好\n本邮件末尾的保密声明写着错收了请删除，这到底是什么意思？我是不是被骗了，请尽快答复我？",
    ],
)
def test_on_doubt_everything_is_new(text: str) -> None:
    assert tuple(split(text)) == (0, len(text))


_FIELDS = ("发件人：客服", "时间：今天", "主题：退款")


def _apart(lines: int) -> str:
    """A quoted header, the second field of which is so many lines below the first."""
    return "\n".join([_FIELDS[0], *["…"] * (lines - 2), *_FIELDS[1:]])


@pytest.mark.parametrize(
    ("tail", "quoted"),
    [
        # 发件人： begins a quoted header where two more fields follow within six lines.
        (_apart(2), True),
        (_apart(6), True),
        (_apart(7), False),
        ("发件人：客服\n时间：今天\n旧内容", False),
        ("发件人：\n时间：今天\n主题：退款", False),  # a form that somebody has filled in
        # The line that Outlook draws above it goes with it, from five characters on.
        ("_____\n" + _apart(2), True),
        ("-----\n\n\n" + _apart(2), True),
        # “>” lines at the very end are a quotation; one alone may be anything.
        ("> 旧", False),
        ("> 旧\n\n> 旧", True),
        # A line over a quotation, also when it was wrapped: up to three lines.
        ("On Mon, Jan 1, 2024 at 12:00 PM\nCustomer Support\n<s@x.example> wrote:\n> old", True),
        ("On Mon, Jan 1, 2024 at 12\nPM\nSupport\n<s@x.example> wrote:\n> old", False),
        ("On Mon, Jan 1, 2024, Support wrote:\n> old\n\n> old\n\n发自我的iPhone", True),
        ("On Mon, Jan 1, 2024, Support wrote:\nold", True),
        ("On Mon, Jan 1, 2024, Support wrote:\n> old\nNo, I did not.", False),
        # What stands between the line and the signs is of the quotation, too; and so is a
        # signature in it.
        ("On Mon, Jan 1, 2024, Support wrote:\n(shortened)\n> old\n\n发自我的iPhone", True),
        (f"{QUOTED['QQ']}\n\n旧内容\n-- \n客服部", True),
        # A signature is not longer than twelve lines; the first of two lines of dashes counts.
        ("-- " + "\nx" * 12, True),
        ("-- " + "\nx" * 13, False),
        ("-- \n张三\n-- \n销售部", True),
        ("---\n张三", False),
        ("发自我的iPhone\n-- \n张三", True),
        ("发自我的iPhone\n张三", False),
    ],
)
def test_where_the_new_part_ends(tail: str, quoted: bool) -> None:
    text = f"{NEW}\n\n{tail}\n"
    start, end = split(text)
    assert text[start:end].strip() == (NEW if quoted else text.strip())


@pytest.mark.parametrize("written", ["在吗？\n", "在等\n\n"])
def test_what_stands_above_who_wrote_is_no_part_of_it(written: str) -> None:
    start, end = split(f"{written}客服 <s@x.example> 写道：\n旧")
    assert (start, end) == (0, len(written))


@pytest.mark.parametrize(
    ("above", "kept"), [("____\n", "____"), ("我的问题如下\n", "我的问题如下"), ("_____\n\n", "")]
)
def test_what_stands_above_a_quoted_header_is_text_unless_it_is_a_rule(
    above: str, kept: str
) -> None:
    text = f"{NEW}\n{above}{_apart(2)}\n"
    start, end = split(text)
    assert text[start:end].strip() == f"{NEW}\n{kept}".strip()


@pytest.mark.parametrize(
    ("text", "marked", "new"),
    [
        ("上[旧]", 1, "上"),
        ("[旧]下", 1, "下"),
        ("[旧]", 1, "[旧]"),  # a forwarded mail is all there is to read
        ("上[旧]下", 1, "上[旧]下"),  # an answer around a quotation
        ("上[旧]\n发自我的iPhone", 1, "上"),
        ("On 1/1/24, Support wrote:\n[旧]下", 1, "下"),
        ("上[旧]中[旧]下", 2, "上[旧]中[旧]下"),
        ("上[旧]中[旧]", 2, "上[旧]中[旧]"),
        ("上\n> 旧\n> 旧\n[旧]下", 1, "上\n> 旧\n> 旧\n[旧]下"),
    ],
)
def test_what_html_marks_as_quoted(text: str, marked: int, new: str) -> None:
    ranges = [(at.start(), at.end()) for at in re.finditer(r"\[旧\]", text)]
    assert len(ranges) == marked
    start, end = split(text, ranges)
    assert text[start:end].strip() == new


@pytest.mark.parametrize(
    ("source", "new"),
    [
        ('<p>新的</p><div class="gmail_quote">某人写道<blockquote>旧</blockquote></div>', "新的"),
        ('<blockquote type="cite">旧的</blockquote><p>新的</p>', "新的"),
        # Outlook puts this at the end of what is sent: people write below it, too.
        ('<div id="appendonsend"></div><p>新的</p>', "新的"),
        ('<p>新</p><div id="appendonsend"></div><p>的</p>', "新\n\n的"),
        (
            '<p>新的</p><div class="history-quote-wrapper" id="lark-mail-quote-1"><p>旧</p></div>',
            "新的",
        ),
        ('<p>新的</p><div id="lark-mail-quote-ab12"><p>旧</p></div>', "新的"),
        ('<p>新的</p><blockquote type="cite">旧</blockquote><p>发自我的iPhone</p>', "新的"),
        (
            (
                '<div>On 1/1/24 12:00, Support wrote:</div><blockquote type="cite">旧</blockquote>'
                "<p>新的</p>"
            ),
            "新的",
        ),
    ],
)
def test_html_anchors(source: str, new: str) -> None:
    reading = read(source)
    start, end = split(reading.text, reading.quoted)
    assert reading.text[start:end].strip() == new


@pytest.mark.parametrize(
    "source",
    [
        '<p>上</p><blockquote type="cite">旧</blockquote><p>下</p>',
        # Who wrote, above what is quoted, is no reason to cut the answers off.
        '<p>上</p>在 2024/1/1, 客服 写道：<blockquote type="cite">旧</blockquote><p>下</p>',
        (
            '<p>上</p><div class="moz-cite-prefix">在 2024/1/1, 客服 写道:</div>'
            '<blockquote type="cite">旧一</blockquote><p>答一</p>'
            '<blockquote type="cite">旧二</blockquote><p>答二</p>'
        ),
        (
            '<div>上</div><div class="gmail_quote"><div>客服 于2024年1月1日写道：</div>'
            '<blockquote class="gmail_quote">旧一</blockquote><div>答一</div>'
            '<blockquote class="gmail_quote">旧二</blockquote><div>答二</div></div>'
        ),
    ],
)
def test_answers_around_a_marked_quotation_are_shown_whole(source: str) -> None:
    reading = read(source)
    assert tuple(split(reading.text, reading.quoted)) == (0, len(reading.text))


@pytest.mark.parametrize(
    ("source", "new"),
    [
        # Under a quoted header all is quoted, whatever is marked in it.
        (
            (
                "<p>新的</p><p>发件人：客服<br>发送时间：2024-01-01<br>收件人：z</p><p>旧</p>"
                '<blockquote type="cite">更旧</blockquote><p>客服中心</p>'
            ),
            "新的",
        ),
        (
            (
                '<p>新的</p><div class="gmail_quote">---- Forwarded message ----<p>旧</p>'
                "<blockquote>更旧</blockquote><p>旧</p></div>"
            ),
            "新的",
        ),
        (
            (
                '<p>新的</p><div class="gmail_quote"><div>客服 写道：</div>'
                '<blockquote class="gmail_quote">旧<blockquote>更旧</blockquote>旧</blockquote>'
                "</div>"
            ),
            "新的",
        ),
        (
            f'<p>新的</p><blockquote type="cite">旧</blockquote><p>{DISCLAIMERS["zh"]}</p>',
            "新的",
        ),
        # A short text above who wrote is a text all the same.
        (
            (
                '在吗？<br><br>"客服" &lt;s@example.com&gt; 写道：<br><blockquote type="cite">旧'
                "</blockquote>发自我的iPhone"
            ),
            "在吗？",
        ),
    ],
)
def test_what_is_under_a_quotation_does_not_hide_what_is_new(source: str, new: str) -> None:
    reading = read(source)
    start, end = split(reading.text, reading.quoted)
    assert reading.text[start:end].strip() == new


@pytest.mark.parametrize(
    ("text", "quoted", "new"),
    [
        # Below and between answers nothing is the head of a quoted tail.
        ("问一\n答一\n问二\n------ 原始邮件 ------\n答二", [(0, 2), (6, 8)], (0, 30)),
        ("旧一\n答一\n旧二\n答二", [(0, 2), (6, 8)], (0, 11)),
        ("\n旧\n答", [(1, 2)], (2, 4)),
    ],
)
def test_where_answers_begin(
    text: str, quoted: list[tuple[int, int]], new: tuple[int, int]
) -> None:
    assert tuple(split(text, quoted)) == new
