"""A world in which the true values are known: snapshots of models, and draws of them."""

import numpy as np

from ganbench.gan.nightly.gate import Judge, State, seed_of, set_baselines
from ganbench.gan.nightly.history import Observation, Value
from ganbench.gan.nightly.suite import Entry, Gate, Margin, Suite

SE = 1.0


class World:
    """Draws have standard error SE; a seed draws the same twice."""

    def __init__(self, seed: int = 0) -> None:
        self.seed, self.truth, self.drawn = seed, {}, []

    def scores(self, digest: str, seed: int) -> dict[str, Value]:
        random = np.random.default_rng([self.seed, seed, *digest.encode()])
        return {"kid": Value(self.truth[digest] + SE * random.standard_normal(), SE, 0.0, short="kid")}

    def draw(self, wanted):
        self.drawn += [(one.digest, seed) for one, seed in wanted]
        return [self.scores(one.digest, seed) for one, seed in wanted]

    def observe(self, entry: str, truth: float, night: int, digest: str = "", seed: int = 0, **facts) -> Observation:
        digest = digest or f"{entry}-{night}"
        self.truth[digest] = truth
        seed = seed or 1_000 * night
        return Observation(entry, digest, digest, "p", "pp", seed, 500, self.scores(digest, seed), since=night, **facts)


def suite_of(margin: float | None = 0.0, **gate) -> Suite:
    margins = {} if margin is None else {"kid": Margin(margin)}
    return Suite("s", (Entry("a"),), gate=Gate(**{"champion": "champion", **gate}), margins=margins)


def with_champion(world: World, suite: Suite, truth: float = 0.0) -> State:
    state = State()
    mine = world.observe("champion", truth, 0, "champion")
    seeds = [seed_of(suite, 0, number) for number in range(1, 4)]
    (state.champion["p"],) = set_baselines([mine], world.draw, seeds)
    return state


def nights(world: World, suite: Suite, state: State, truths, begin: int = 1, entry: str = "a"):
    """The verdicts of a model's nights, each with a new snapshot; the state goes through JSON every night."""
    for night, truth in enumerate(truths, begin):
        mine = world.observe(entry, truth, night)
        judge = Judge(suite, state, [mine], night, world.draw)
        (verdict,) = judge.judge()
        yield verdict
        again = State.from_json(state.as_json())
        assert again == state
