"""Set phrases of complaints go; what the complaint is about stays."""

import pytest

from classifier.stop_phrases import without_stop_phrases


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("我要投诉！空调漏水", "空调漏水"),
        ("空调漏水，必须给我一个说法", "空调漏水"),
        ("客服电话一直打不通，空调漏水，再不处理打12315", "空调漏水再不处理"),
        ("你们的服务态度真的太差了", "了"),
        ("This is a complaint. The lift is broken, nobody answers the phone", "Theliftisbroken"),
        ("Please fix this as soon as possible: LIFT", "LIFT"),
        ("单号1234567890，拨打12345也没人管", "单号1234567890也"),
        ("投影仪的服务器机房门禁坏了", "投影仪的服务器机房门禁坏了"),
        ("The service lift and the phone line are out", "Theserviceliftandthephonelineareout"),
    ],
)
def test_the_matter_stays(said: str, kept: str) -> None:
    left = without_stop_phrases(said)
    assert "".join(c for c in left if c.isalnum()) == kept
