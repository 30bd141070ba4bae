"""One bundle of the small taxonomy, trained once."""

from pathlib import Path

import pytest

from classifier import bundles
from classifier.bundle import Bundle
from classifier.predict import Classifier
from classifier.train import train
from tests.contract.classifier.small import TAXONOMY, samples


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return train(samples(), TAXONOMY, now=0.0)


@pytest.fixture(scope="session")
def saved(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.save(bundle, tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def classifier(saved: Path) -> Classifier:
    return Classifier.load(saved)
