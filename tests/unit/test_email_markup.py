"""HTML to text, where it is quoted, and what is left of it when it is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email import tags
from channels.email.cleaning import sanitised, visible, without_data
from channels.email.markup import read


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo\n\n"),
        ("<div>one</div><div>two</div>", "one\ntwo\n"),
        ("a<br>b<BR/>c", "a\nb\nc"),
        ("a  b\n c&nbsp;&lt;d&gt; &#x4f60;", "a b c <d> 你"),
        ("<pre>a  b\n c</pre>", "a  b\n c\n\n"),
        ("<div style='white-space: pre-wrap'>a\n  b</div>c\nd", "a\n  b\nc d"),
        ("<p style='white-space:pre-line'>a\nb<p style='white-space:normal'>c\nd", "a\nb\n\nc d"),
        ("<div><div><span style='white-space:pre'>a\nb</div></div>c\nd", "a\nb\nc d"),
        ("<pre>a\nb<b style='white-space:normal'>c\nd</b>e\nf</pre>", "a\nbc de\nf\n\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n\n"),
        ("<style>p{}</style><script>x<y</script><title>t</title>seen", "seen"),
        ("<!-- hidden <p> -->seen<!--[if mso]>no<![endif]-->", "seen"),
        ('<img alt="a>b" src="x">seen', "seen"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        ("<style>never closed", "never closed"),
        ("Message<textarea rows=4>lost &amp; found</textarea>", "Message\nlost & found\n"),
        ("<ul><li>a<li>b</ul>", "a\nb\n\n"),
        ("<ol><li>a<li>b</ol>c", "1. a\n2. b\n\nc"),
        ("<ol start=4><li><p>a</p></li><li value='9'>b</li><li>c</ol>", "4. a\n\n9. b\n10. c\n\n"),
        ("<ol><li>a<ul><li>x</ul><li>b</ol>", "1. a\n\nx\n\n2. b\n\n"),
        ("<ol style='list-style-type: none'><li>a</ol>", "a\n\n"),
        ("<ol type=a><li>a</ol>", "a\n\n"),
        ("<li>of no list", "of no list"),
        (
            "<img alt='Sale &amp; more'><br><img alt=\"until\nMonday\"><img alt=''>",
            "Sale & more\nuntil Monday",
        ),
        ("<p>words</p><img alt='logo'>", "words\n\n"),
        ("a<span style='display: block'>b</span>c", "a\nb\nc"),
        ("<a style='display:inline-block'>b</a>c<i style='display:blockish'>d</i>", "bcd"),
        ("<b style='display:block'>a<b>b</b>c</b>d", "abc\nd"),
        ("a<img style='display:block'>b", "a\nb"),
        ("a&#0;b&#xD800;c&#x110000;", "abc"),
        ("a\ufffdb&#0;", "a\ufffdb\ufffd"),
        ("<xml><w:View>Normal</w:View></xml>seen", "seen"),
        ("se&shy;en&#8203;&zwnj; &#847;&zwnj;", "seen "),
        ("", ""),
    ],
)
def test_text_as_a_reader_sees_it(source: str, text: str) -> None:
    assert read(source).text == text


def test_beyond_a_hundred_thousand_tags_only_text_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tags, "_MOST", 2)
    assert read("<p>a<p>b<p>c</p>1 < 2").text == "a\n\nb c 1 < 2"


@pytest.mark.parametrize(
    "source",
    [
        '<p>new</p><div class="gmail_quote">old</div>',
        '<p>new</p><blockquote type="cite"><div>old</div></blockquote>',
        "<p>new</p><blockquote type=cite>old<blockquote>older</blockquote>old</blockquote>",
        '<p>new</p><div class="ntes-mailmaster-quote"><div>old</div></div>',
        '<p>new</p><div id="isReplyContent">old</div>',
        '<p>new</p><hr><div id="divRplyFwdMsg">From: x</div><div>old</div>',
        '<p>new</p><a id="oriMsgHtmlSeperator"></a><div>old</div>',
        (
            '<p>new</p><div class="moz-cite-prefix">On x y wrote:</div>'
            '<blockquote type="cite">old</blockquote>'
        ),
    ],
)
def test_anchors_mark_what_is_quoted(source: str) -> None:
    reading = read(source)
    ((start, end),) = reading.quoted
    assert reading.text[:start].strip() == "new"
    assert "old" in reading.text[start:end]
    assert reading.text[end:].strip() == ""


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ('<div style="display:none;max-height:0">no<div>no</div></div><p>yes</p>', "<p>yes</p>"),
        ("<p style='DISPLAY: none !important'>no<p>yes", "<p>yes"),
        ('<table><tr><td style="display:none">no<td>yes</table>', "<table><tr><td>yes</table>"),
        ('<div><b style="visibility:hidden">no</b></div>yes', "<div></div>yes"),
        ('<p><div><div><b style="display:none">no</div></div>yes', "<p><div><div>yes"),
        ('<p style="max-height:0.5em">yes</p>', '<p style="max-height:0.5em">yes</p>'),
        ('<img style="display:none" src="x">yes', '<img style="display:none" src="x">yes'),
        ("yes<p>display:none</p>", "yes<p>display:none</p>"),
        # On doubt everything is shown.
        ('<div style="display:none">all of it</div>', '<div style="display:none">all of it</div>'),
        ('a<b style="display:none">never ended', 'a<b style="display:none">never ended'),
    ],
)
def test_what_is_hidden_is_taken_out(source: str, left: str) -> None:
    assert visible(source) == left


def test_an_answer_below_the_quotation_is_outside_of_it() -> None:
    reading = read('<blockquote type="cite">old</blockquote><p>new</p>')
    ((_, end),) = reading.quoted
    assert reading.text[end:].strip() == "new"


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        "<iframe src=https://evil.example></iframe>",
        "<form action=https://evil.example><input></form>",
        '<img src="https://tracker.example/pixel">',
        '<p style="background:url(https://tracker.example/)">x</p>',
        "<svg><script>alert(1)</script></svg>",
        '<base href="https://evil.example"><meta http-equiv=refresh content=0>',
        '<link rel=stylesheet href="https://evil.example">',
    ],
)
def test_nothing_acts_or_calls_home(evil: str) -> None:
    safe = sanitised(f"<p>ok</p>{evil}").lower()
    assert "<p>ok</p>" in safe
    for word in ("script", "onerror", "alert", "https://", "iframe", "form", "style", "data:"):
        assert word not in safe


def test_nothing_is_shown_from_right_to_left_that_is_not_written_so() -> None:
    assert sanitised('<bdo dir="rtl">fdp.exe</bdo>') == "fdp.exe"
    assert read("<p>a&#x202e;fdp.exe\u202dx</p>").text.strip() == "afdp.exex"


def test_inline_pictures_and_links_stay() -> None:
    safe = sanitised('<img src="cid:a@b"><a href="https://example.com">x</a>')
    assert 'src="cid:a@b"' in safe
    assert 'href="https://example.com"' in safe
    assert "noopener" in safe


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 5_000,
        "<b>" * 60_000,
        "<a " + " ".join(f"x{n}=1" for n in range(2_000)) + ">x</a>",
        "<a " + "x " * 5_000,
    ],
)
def test_unreasonable_html_is_only_read(source: str) -> None:
    assert not read(source).simple


def test_ordinary_html_is_simple() -> None:
    assert read("<div><p>x</p></div>" * 200 + "<p>never closed" * 500).simple


def test_pictures_written_into_the_html_are_left_out() -> None:
    assert without_data(f'<img src="data:image/png;base64,{"A" * 5_000}">x') == (
        '<img src="data:,">x'
    )


@given(st.text(alphabet="<>/!-&;\"' =abpdivsty\n", max_size=200))
def test_never_raises_and_ranges_lie_inside(source: str) -> None:
    reading = read(source)
    assert all(0 <= start <= end <= len(reading.text) for start, end in reading.quoted)
    sanitised(source)


@pytest.mark.parametrize(
    "hidden",
    [
        "<span style='font-size:0px;color:#fff'>preview</span>",
        "<span style='FONT-SIZE: 1px'>preview</span>",
        "<div style='font-size:0.1pt'>preview</div>",
        "<div style='opacity:0'>preview</div>",
        "<div class='top preview-line'>preview</div>",
        '<td id="pre">preview</td>',
    ],
)
def test_lines_for_the_preview_are_left_out(hidden: str) -> None:
    sheet = "<style>/* {} */ .preview-line, td#pre {color:red; display : NONE!important}</style>"
    assert read(visible(f"{sheet}{hidden}<p>seen</p>")).text.strip() == "seen"


@pytest.mark.parametrize(
    "shown",
    [
        # A layout without gaps between its columns.
        "<td style='font-size:0px'><div style='font-size:14px'>seen</div></td>",
        "<p style='font-size:0.9em'>seen</p>",
        "<p style='font-size:10px'>seen</p>",
        "<p style='font-size:1px'> <span style='font-size:9pt'>seen</span></p>",
        "<p style='opacity:0.8'>seen</p>",
        "<p style='fill-opacity:0'>seen</p>",
        "<p class=phone>seen</p>",
        "<p class=both>seen</p>",
        "<p class=inner>seen</p>",
        "<p data-class=gone>seen</p>",
    ],
)
def test_what_only_some_screens_hide_is_shown(shown: str) -> None:
    sheet = """<style><!--
        @media only screen and (max-width:600px) { .phone { display:none } .x { color:red } }
        .both { display:none } .both { display:block } .outer .inner { display: none }
        .gone { display: none }
        --></style>"""
    assert read(visible(f"{sheet}<i class=gone>preview</i>{shown}")).text.strip() == "seen"


def test_a_style_sheet_without_an_end_hides_nothing() -> None:
    assert "seen" in read(visible("<style>.a{display:none}<p class=a>seen</p>")).text
