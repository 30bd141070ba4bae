"""``shouli classifier``, as a script uses it, on a taxonomy that nobody has seen."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.errors import ShouliError
from workers.commands.app import app
from workers.commands.classifier import classifier_app

_WORDS = {
    "fruta": ("manzana roja", "plátano maduro", "uva dulce", "pera verde"),
    "animal": ("perro grande", "gato negro", "vaca lechera", "pato blanco"),
    "oos": ("cielo azul", "lluvia fría"),
}
_FRAMES = ("quiero {}", "tengo {} aquí", "¿dónde hay {}?", "hoy vi {} otra vez", "{}")


def _write(path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "cosa", "split"])
        for label, things in _WORDS.items():
            for thing in things:
                for number, frame in enumerate(_FRAMES):
                    split = "test" if number == 1 else "train"
                    writer.writerow([frame.format(thing), label, split])
    return path


def _run(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(classifier_app, [str(each) for each in arguments], input=stdin)


def _json(*arguments: object) -> dict[str, Any]:
    done = _run(*arguments)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("data") / "cosas.csv")


@pytest.fixture(scope="module")
def bundle(data: Path) -> Path:
    out = data.parent / "bundle"
    told = _json("train", "--data", data, "--out", out, "--strangers", "oos", "--json")
    assert told["examples"] == 32
    return out


def test_what_is_not_learnt_is_told(data: Path, tmp_path: Path) -> None:
    more = data.read_text("utf-8") + " ,fruta,\nsin nombre,,\n"
    path = tmp_path / "more.csv"
    path.write_text(more, encoding="utf-8")
    done = _run("train", "--data", path, "--out", tmp_path / "b", "--strangers", "oos", "--json")
    told = json.loads(done.stdout)
    assert told["left_out"] == {"test": 10, "no_text": 1, "strangers": 8, "no_label": 1}
    assert told["examples"] + sum(told["left_out"].values()) == len(more.splitlines()) - 1
    assert "without a label: 1" in done.stderr


def test_labels_that_contradict_each_other_are_told(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "against.csv"
    path.write_text(data.read_text("utf-8") + "quiero pera verde,animal,train\n", encoding="utf-8")
    done = _run("train", "--data", path, "--out", tmp_path / "b", "--strangers", "oos", "--json")
    assert json.loads(done.stdout)["contradicted"] == {"cosa": 2}
    assert "2 rows carry another label of “cosa”" in done.stderr


def test_what_was_learnt_does_not_flatter(bundle: Path, data: Path, tmp_path: Path) -> None:
    """Rows drawn by lot from an export with repetitions: the test part knows the answers."""
    path = tmp_path / "again.csv"
    again = "".join(f"quiero {thing}!,animal,test\n" for thing in _WORDS["fruta"])
    path.write_text(data.read_text("utf-8") + again, encoding="utf-8")
    done = _run("evaluate", "--bundle", bundle, "--data", path, "--strangers", "oos", "--json")
    told = json.loads(done.stdout)
    assert told["cases"] == told["new"]["cases"] + 4 == 12
    assert told["facets"]["cosa"]["accuracy"] < told["new"]["facets"]["cosa"]["accuracy"] == 1.0
    assert "4 rows are like a row" in done.stderr
    shown = _run("evaluate", "--bundle", bundle, "--data", path, "--strangers", "oos")
    assert "not repeated: 8" in shown.stdout
    alone = _run("evaluate", "--bundle", bundle, "--data", data, "--strangers", "oos")
    assert "not repeated" not in alone.stdout
    assert not alone.stderr


def test_what_it_has_learnt_is_judged_on_the_rest(bundle: Path, data: Path) -> None:
    told = _json("evaluate", "--bundle", bundle, "--data", data, "--strangers", "oos", "--json")
    figures = told["facets"]["cosa"]
    assert figures["cases"] == 8
    assert figures["accuracy"] == 1.0
    assert figures["strangers"] == 2
    assert 0.0 <= figures["strangers_noticed"] <= 1.0
    assert set(figures["classes"]) == {"animal", "fruta"}
    for name in ("macro_f1", "ece", "intervals", "confusion", "reliability", "coverage_curve"):
        assert name in figures


def test_a_file_with_other_headings_is_judged_as_it_is(
    bundle: Path, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "otro.csv"
    path.write_text(data.read_text("utf-8").replace("text,cosa", "frase,clase", 1), "utf-8")
    asked = ("evaluate", "--bundle", bundle, "--data", path, "--json")
    assert "--columns frase=text" in str(_run(*asked).exception)
    assert "--columns …=cosa" in str(_run(*asked, "--columns", "frase=text").exception)
    told = _json(*asked, "--columns", "frase=text,clase=cosa")
    assert told == _json("evaluate", "--bundle", bundle, "--data", data, "--json")


def test_a_label_that_was_not_learnt_counts_as_wrong(bundle: Path, data: Path) -> None:
    figures = _json("evaluate", "--bundle", bundle, "--data", data, "--json")["facets"]["cosa"]
    assert figures["unknown"] == {"oos": 2}
    assert figures["accuracy"] == 0.8


def test_the_same_seed_gives_the_same_bundle(bundle: Path, data: Path, tmp_path: Path) -> None:
    def id_of(folder: Path, *more: object) -> str:
        told = _json(
            "train", "--data", data, "--out", folder, "--strangers", "oos", "--json", *more
        )
        return str(told["id"])

    first = id_of(tmp_path / "a", "--seed", 7)
    assert id_of(tmp_path / "a", "--seed", 7) == first
    assert json.loads((tmp_path / "a" / "manifest.json").read_bytes())["id"] == first


def test_lines_in_and_lines_out(bundle: Path) -> None:
    lines = ['"un perro"', '{"text": "la uva 100元", "id": 7}', "", "{broken", '{"x": 1}', "[]"]
    done = _run("predict", "--bundle", bundle, stdin="\n".join(lines))
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert answers[0]["labels"]["cosa"]["value"] == "animal"
    assert answers[1]["id"] == 7
    assert answers[1]["spans"] == [{"kind": "money", "start": 7, "end": 11}]
    assert answers[1]["labels"]["cosa"]["value"] == "fruta"
    assert [each["line"] for each in answers[2:]] == [4, 5, 6]
    assert isinstance(done.exception, ShouliError)


def test_lines_that_could_break_the_rest(bundle: Path) -> None:
    lines = ["[" * 100_000, '{"text": "x", "id": NaN}', '{"text": "uva \\ud83d", "id": "\\ud800"}']
    done = _run("predict", "--bundle", bundle, stdin="\n".join(lines))
    answers = [json.loads(line) for line in done.stdout_bytes.splitlines()]
    assert [each.get("line") for each in answers] == [1, 2, None]
    assert answers[2]["id"] == "\ud800"


def test_reasons_with_their_weights(bundle: Path) -> None:
    told = _json("explain", "quiero un perro", "--bundle", bundle, "--json")["cosa"]
    assert told["value"] == "animal"
    assert "perro" in [text for _, text, weight in told["contributions"] if weight > 0]
    assert "perro" in _run("explain", "quiero un perro", "--bundle", bundle).stdout


def test_a_report_needs_nothing_else(bundle: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    assert _run("report", "--bundle", bundle, "--out", page).exit_code == 0
    html = page.read_text("utf-8")
    assert html.count("<svg") == 4
    assert not any(part in html for part in ("src=", "href=", "<script"))
    assert "animal" in html


def test_a_data_folder_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    folder = {"SHOULI_DATA_DIR": str(tmp_path), "SHOULI_DATABASE_URL": ""}
    done = CliRunner().invoke(app, ["classifier", "list"], env=folder)
    assert isinstance(done.exception, ShouliError)
    assert "shouli migrate" in str(done.exception)


def test_a_folder_with_other_things_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    done = _run("train", "--data", data, "--out", tmp_path)
    assert isinstance(done.exception, ShouliError)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_cannot_be_is_refused_at_once(tmp_path: Path, seed: int) -> None:
    done = _run("train", "--data", tmp_path / "none.csv", "--out", tmp_path, "--seed", seed)
    assert done.exit_code == 2


def test_where_nothing_can_be_written_is_said_before_training(data: Path) -> None:
    done = _run("train", "--data", data.parent / "none.csv", "--out", data / "below")
    assert "could not be written" in str(done.exception)
    assert isinstance(done.exception, ShouliError)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("--facets", "none"), "no column “none”"),
        (("--facets", "split"), "at least two classes"),
    ],
)
def test_what_cannot_be_learnt_is_said(
    data: Path, tmp_path: Path, arguments: tuple[str, ...], wrong: str
) -> None:
    done = _run("train", "--data", data, "--out", tmp_path / "b", *arguments)
    assert isinstance(done.exception, ShouliError)
    assert wrong in str(done.exception)
    assert not (tmp_path / "b").exists()


def test_a_bundle_of_another_facet(bundle: Path, data: Path, tmp_path: Path) -> None:
    done = _run("evaluate", "--bundle", bundle, "--data", data, "--facets", "split")
    assert isinstance(done.exception, ShouliError)
    assert isinstance(_run("predict", "--bundle", tmp_path).exception, ShouliError)
