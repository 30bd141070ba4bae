import pytest

from classifier.courtesy import is_courtesy


@pytest.mark.parametrize(
    "text",
    [
        "好的",
        "谢谢",
        "好的，谢谢！",
        "收到，辛苦了",
        "嗯嗯",
        "OK",
        "thanks a lot!",
        "谢谢您了😊",
        "解决了，多谢",
    ],
)
def test_thanks_and_confirmations(text: str) -> None:
    assert is_courtesy(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "好的，什么时候到？",
        "谢谢，可是还没退款",
        "不好",
        "行李丢了",
        "thanks but it broke",
        "收到货是坏的",
        "？",
    ],
)
def test_content_is_not_courtesy(text: str) -> None:
    assert not is_courtesy(text)


def test_a_hostile_text_is_quick() -> None:
    assert not is_courtesy("好" * 39 + "x")
