"""An option is declared in one place: a new field of `Question` is a flag, a field of both forms, and an argument."""

import json

OPTION = '''    doubled: bool = option(False, "Doubled", "Draw twice as many images as the protocol says.")
'''
EFFECT = '''    found = protocols.with_count(found, 2 * found.n_generated) if asked.doubled else found
'''
LOOK = '''
import json
from ganbench import Question
from ganbench.flows.compare import compare
from ganbench.flows.evaluate import evaluate
from ganbench.gan.question import protocol_of
cards = [flow.parameters.properties["more"]["anyOf"][1]["properties"] for flow in (evaluate, compare)]
forms = [card["other"]["properties"]["doubled"] for card in cards]
counts = [protocol_of(Question(doubled=doubled)).n_generated for doubled in (False, True)]
names = [protocol_of(Question(doubled=doubled)).name for doubled in (False, True)]
print(json.dumps({"forms": forms, "counts": counts, "names": names}))
'''


def with_an_option(sources):
    """Edits one file: a field of the question before its first method, and its effect before the last line."""
    path = sources / "gan" / "question.py"
    text = path.read_text()
    method, last = "\n    @property\n    def derived", "    return protocols.measuring("
    assert text.count(method) == text.count(last) == 1
    path.write_text(text.replace(method, OPTION + method).replace(last, EFFECT + last))


def test_a_new_option_is_declared_in_one_file(run_python, sources):
    with_an_option(sources)
    for command in ("evaluate", "compare"):
        done = run_python("-m", "ganbench", command, "--help", PYTHONPATH=str(sources), COLUMNS="160")
        assert done.returncode == 0, done.stderr
        assert "--doubled" in done.stdout
        assert "Draw twice as many images as the protocol says." in done.stdout
    done = run_python("-c", LOOK, PYTHONPATH=str(sources))
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    for field in seen["forms"]:
        assert (field["title"], field["type"], field["default"]) == ("Doubled", "boolean", False)
        assert field["description"] == "Draw twice as many images as the protocol says."
    assert seen["counts"][1] == 2 * seen["counts"][0]
    assert seen["names"][0] != seen["names"][1]
