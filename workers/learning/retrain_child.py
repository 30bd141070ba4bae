"""The process that trains a challenger: killable, nice to everybody else, writes no database.

Reads one JSON document (``workers.learning.retrain.Plan``) from standard input, writes a line of
JSON for each step to standard output, and at last a bundle into a folder of its own.
"""

import json
import os
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

_NICE = 15


def main() -> None:
    """One training, from the plan to the last line."""
    os.nice(_NICE)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not get between the lines

    def say(**line: object) -> None:
        answers.write(json.dumps(line, ensure_ascii=False) + "\n")
        answers.flush()

    plan = json.load(sys.stdin)
    limit = plan["memory_mb"] * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    from models.errors import ShouliError, Temporary

    try:
        bundle_id, outcome = _train(plan, lambda stage, share: say(stage=stage, share=share))
    except MemoryError:
        say(error=_memory(plan["memory_mb"]))
    except Temporary as error:
        say(error={"zh": f"新模型写不下：{error}", "en": str(error)})
    except ShouliError as error:
        say(error={"zh": f"无法训练：{error}", "en": f"It cannot be trained: {error}"})
    else:
        say(bundle=bundle_id, outcome=outcome)


def _memory(megabytes: int) -> dict[str, str]:
    return {
        "zh": f"训练超出内存上限 {megabytes} MB（retraining.memory_mb）",
        "en": f"Training needs more than {megabytes} MB of memory (retraining.memory_mb)",
    }


def _train(plan: dict[str, Any], progress: Any) -> tuple[str, dict[str, Any]]:
    progress("start", 0.01)
    # scikit-learn takes seconds to load: after the first word.
    from classifier import bundles
    from classifier.fitting import TrainConfig
    from classifier.gate import GateConfig
    from classifier.predict import Classifier
    from classifier.retrain import RetrainConfig, retrain
    from models.training import Correction, Taxonomy

    taxonomy = Taxonomy.model_validate(plan["taxonomy"])
    champion = plan["champion"]
    config = RetrainConfig(
        train=replace(TrainConfig(), seed=plan["seed"]),
        gate=GateConfig(least_recall=plan["least_recall"], seed=plan["seed"]),
    )
    made = retrain(
        [Correction(**given) for given in plan["corrections"]],
        taxonomy,
        Classifier.load(Path(champion), taxonomy) if champion else None,
        plan["learnt_upto"],
        config,
        progress=progress,
    )
    path = bundles.save(made.bundle, Path(plan["folder"]))
    progress("saved", 0.99)
    return path.name, made.outcome


if __name__ == "__main__":
    main()
