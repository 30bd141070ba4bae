"""What the browser loads: the widget's script, and the demo page around it."""

import gzip
import hashlib
import html
import json
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from yarl import URL

from channels.webchat.options import Options, Site

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served, compressed once."""

    mime: str
    plain: bytes
    compressed: bytes
    etag: str
    headers: dict[str, str]


def _asset(mime: str, text: str, headers: dict[str, str]) -> Asset:
    plain = text.encode()
    etag = hashlib.sha256(plain).hexdigest()[:32]
    return Asset(mime, plain, gzip.compress(plain, 9, mtime=0), etag, _COMMON | headers)


def _read(name: str) -> str:
    return (files("channels.webchat") / "widget" / name).read_text("utf-8")


_PARTS = ("words.js", "memory.js", "link.js", "chat.js", "view.js")
"""What the widget is made of: its words, what it remembers, the line, the talk, and its looks."""


def widget(site: Site) -> Asset:
    """The one script that embeds the chat, its parts, style sheet and the site's looks inside.

    Inside, because a constructed style sheet obeys the strictest policy of the page around it
    and costs no second request.
    """
    parts = "\n".join(_read(name) for name in _PARTS)
    style = json.dumps(_read("widget.css"), ensure_ascii=False)
    looks = site.model_dump(include={"title", "greeting", "colour"}, exclude_none=True)
    # “<” is escaped for pages that put the script into their own.
    told = json.dumps(looks, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    script = _read("widget.js").replace('"@parts";', parts)
    script = script.replace('"@widget.css"', style).replace('"@looks"', told)
    # Sites of other origins may load it; whether they may chat is for the allow-list.
    headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
    return _asset("text/javascript", script, headers)


def demo_style() -> Asset:
    return _asset("text/css", _read("demo.css"), {})


def demo_page(options: Options, lang: str) -> Asset:
    """The page at ``/``, in “zh” or “en”."""
    values = {
        "desk": _desk(options, lang),
        "mail": _mail(options, lang),
    }
    page = Template(_read(f"demo.{lang}.html")).substitute(values)
    return _asset("text/html", page, {"Content-Security-Policy": _PAGE_POLICY})


def _desk(options: Options, lang: str) -> str:
    if options.desk_url is None:
        return ""
    title, text, button = {
        "zh": (
            "在坐席台答复",
            "账号和密码在第一次启动时打印在终端里。登录后把状态改为“就绪”，工单会自己过来。",
            "打开坐席台",
        ),
        "en": (
            "Answer at the desk",
            "Logins were printed in the terminal at the first start. Be “Ready”: tickets come.",
            "Open the desk",
        ),
    }[lang]
    url = html.escape(options.desk_url)
    asking = html.escape(str(URL(options.desk_url).update_query(lang=lang)))
    link = f'<p><a class="button" href="{asking}">{button}</a></p><p class="small">{url}</p>'
    return _card(title, f"<p>{text}</p>{link}")


def _mail(options: Options, lang: str) -> str:
    if options.mail_address is None:
        return ""
    title, to = {"zh": ("发一封邮件", "收件人"), "en": ("Send a mail", "To")}[lang]
    address = f"<p>{to} <code>{html.escape(options.mail_address)}</code></p>"
    return _card(
        title, address + ("" if options.smtp_address is None else _command(options, lang))
    )


def _card(title: str, content: str) -> str:
    return f'<section class="card">\n<h2>{title}</h2>\n{content}\n</section>\n'


def _command(options: Options, lang: str) -> str:
    """A line for the shell that needs nothing but Python."""
    host, _, port = (options.smtp_address or "").rpartition(":")
    subject, body = {
        "zh": ("发票抬头错了", "上周的发票抬头写错了，请重开一张。"),
        "en": ("Wrong invoice", "My invoice of last week names the wrong company."),
    }[lang]
    server = f"SMTP('{host.strip('[]')}', {port})"
    mail = (
        f"'you@example.com', '{options.mail_address}', 'Subject: {subject}\\n\\n{body}'.encode()"
    )
    command = f'python3 -c "import smtplib; smtplib.{server}.sendmail({mail})"'
    via = {"zh": "或者在命令行里：", "en": "Or from a shell:"}[lang]
    return f"<p>{via}</p><pre tabindex='0'>{html.escape(command)}</pre>"
