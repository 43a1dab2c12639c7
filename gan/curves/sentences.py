"""What the rules found, in sentences: the evidence, and what to do; in English and in French.

The formats of facts are those of `ganbench.gan.words`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganbench.gan.curves.diagnosis import Verdict
from ganbench.gan.types import Caveat
from ganbench.gan.words import FIXED, FRENCH_SPACE, said_of

Pair = tuple[str, str]

# The names of rules, as heads of rows.
NAMES: Mapping[str, Pair] = {
    "not finite": ("NaN or infinity", "NaN ou infini"), "divergence": ("divergence", "divergence"),
    "collapse": ("mode collapse", "effondrement de modes"),
    "discriminator wins": ("discriminator winning", "discriminateur dominant"),
    "generator wins": ("generator winning", "générateur dominant"), "oscillation": ("oscillation", "oscillation"),
    "plateau": ("plateau", "plateau"), "restart": ("restart", "reprise"),
}

# A rule, or a rule and the evidence that it went by -> what is found.
FOUND: Mapping[str, Pair] = {
    "not finite": (
        "{metric} is NaN or infinite from step {step:count} on, in {count:count} of {total:count} points.",
        "{metric} vaut NaN ou l'infini à partir du pas {step:count}, en {count:count} points sur {total:count}.",
    ),
    "divergence": (
        "{metric} diverges from step {step:count} on: its size rose from {before:digits} in the first third of the run "
        "to {now:digits} at its end.",
        "{metric} diverge à partir du pas {step:count} : sa valeur absolue passe de {before:digits} dans le premier "
        "tiers de l'entraînement à {now:digits} à la fin.",
    ),
    "collapse": (
        "the images have collapsed: {metric} is {value:digits} at step {step:count}, at best it was {best:digits}.",
        "les images se sont effondrées : {metric} vaut {value:digits} au pas {step:count}, {best:digits} au mieux.",
    ),
    "discriminator wins": (
        "the discriminator wins between steps {step:count} and {until:count}: its loss is {loss:digits}, below "
        "{least:digits}.",
        "le discriminateur domine entre les pas {step:count} et {until:count} : sa perte est de {loss:digits}, moins "
        "de {least:digits}.",
    ),
    "discriminator wins by probabilities": (
        "the discriminator wins between steps {step:count} and {until:count}: it takes real images for real with "
        "probability {real:hundredths}, and generated ones with {fake:hundredths}.",
        "le discriminateur domine entre les pas {step:count} et {until:count} : il juge vraies les images réelles avec "
        "une probabilité de {real:hundredths}, et les images générées avec {fake:hundredths}.",
    ),
    "generator wins": (
        "the generator wins from step {step:count} on: its loss is {loss:digits}, below {least:digits}.",
        "le générateur domine à partir du pas {step:count} : sa perte est de {loss:digits}, moins de {least:digits}.",
    ),
    "generator wins by probabilities": (
        "the generator wins from step {step:count} on: the discriminator takes its images for real with probability "
        "{fake:hundredths}.",
        "le générateur domine à partir du pas {step:count} : le discriminateur juge ses images vraies avec une "
        "probabilité de {fake:hundredths}.",
    ),
    "oscillation": (
        "{metric} oscillates with a period of {period:count} steps: its autocorrelation is {height:hundredths} one "
        "period later, and the waves' standard deviation is {width:percent} of the loss.",
        "{metric} oscille avec une période de {period:count} pas : son autocorrélation à une période d'écart est de "
        "{height:hundredths}, et l'écart type des vagues atteint {width:percent} de la perte.",
    ),
    "plateau": (
        "{metric} no longer improves: {value:digits} in the last quarter of the run, {before:digits} in the one "
        "before.",
        "{metric} ne s'améliore plus : {value:digits} dans le dernier quart de l'entraînement, {before:digits} dans "
        "le précédent.",
    ),
    "restart": (
        "the run was resumed {count:count} times, the last time at step {step:count}; of steps that were logged twice "
        "the later values are shown.",
        "l'entraînement a été repris {count:count} fois, la dernière au pas {step:count} ; pour les pas enregistrés "
        "deux fois, ce sont les dernières valeurs qui sont montrées.",
    ),
    "restart once": (
        "the run was resumed at step {step:count}; of steps that were logged twice the later values are shown.",
        "l'entraînement a été repris au pas {step:count} ; pour les pas enregistrés deux fois, ce sont les dernières "
        "valeurs qui sont montrées.",
    ),
}

ADVICE: Mapping[str, Pair] = {
    "not finite": (
        "Go back to a checkpoint from before that step, lower the learning rate, clip gradients, and compute "
        "logarithms from logits (binary_cross_entropy_with_logits).",
        "Repartez d'un point de contrôle antérieur à ce pas, baissez le taux d'apprentissage, bornez les gradients et "
        "calculez les logarithmes à partir des logits (binary_cross_entropy_with_logits).",
    ),
    "divergence": (
        "Lower the learning rate, or add a penalty of gradients (R1, WGAN-GP) or spectral normalisation to the critic.",
        "Baissez le taux d'apprentissage, ou ajoutez au critique une pénalité de gradient (R1, WGAN-GP) ou une "
        "normalisation spectrale.",
    ),
    "collapse": (
        "Go back to an earlier checkpoint, widen the latent space, or regularise the discriminator (R1, minibatch "
        "statistics); then compare images with ganbench evaluate.",
        "Revenez à un point de contrôle antérieur, élargissez l'espace latent ou régularisez le discriminateur (R1, "
        "statistiques de mini-lot) ; puis comparez les images avec ganbench evaluate.",
    ),
    "discriminator wins": (
        "Lower the discriminator's learning rate or its number of steps, or regularise it (R1, augmentation for few "
        "data); look at the images before stopping: a loss alone does not say that they are bad.",
        "Baissez le taux d'apprentissage du discriminateur ou son nombre de pas, ou régularisez-le (R1, augmentation "
        "si les données sont rares) ; regardez les images avant d'arrêter : une perte seule ne dit pas qu'elles sont "
        "mauvaises.",
    ),
    "generator wins": (
        "Give the discriminator more capacity, more steps or a higher learning rate, and check that it sees real "
        "images in the same range and layout as generated ones.",
        "Donnez au discriminateur plus de capacité, plus de pas ou un taux d'apprentissage plus élevé, et vérifiez "
        "qu'il voit les images réelles dans les mêmes intervalle et format que les images générées.",
    ),
    "oscillation": (
        "Lower both learning rates or the optimisers' first beta, and keep an average of the generator's weights.",
        "Baissez les deux taux d'apprentissage ou le premier bêta des optimiseurs, et gardez une moyenne des poids du "
        "générateur.",
    ),
    "plateau": (
        "Lower the learning rate, or stop here and keep the best checkpoint: more steps of the same may not help.",
        "Baissez le taux d'apprentissage, ou arrêtez ici et gardez le meilleur point de contrôle : continuer ainsi "
        "n'apportera peut-être rien.",
    ),
    "restart": (
        "Nothing has to be done, if the curves go on where they stopped.",
        "Il n'y a rien à faire si les courbes reprennent là où elles s'étaient arrêtées.",
    ),
}

NOT_JUDGED: Mapping[str, Pair] = {
    "not applicable": ("not applicable to this loss: {rules}", "sans objet pour cette perte : {rules}"),
    "not logged": ("not judged, since too little is logged: {rules}", "non jugé, faute de mesures : {rules}"),
}

# What of a log could not be read.
LOST: Mapping[str, Pair] = {
    "cut off": (
        "The last {bytes:count} bytes are half a record, which is left out; {records:count} records are whole.",
        "Les {bytes:count} derniers octets forment un enregistrement incomplet, laissé de côté ; {records:count} "
        "enregistrements sont entiers.",
    ),
    "cut off line": (
        "The last line is cut off and left out; {rows:count} lines are whole.",
        "La dernière ligne est incomplète et laissée de côté ; {rows:count} lignes sont entières.",
    ),
    "no steps": (
        "The log has no steps: its rows are counted instead.",
        "Le journal ne donne pas de pas : ses lignes sont comptées à la place.",
    ),
    "unsorted steps": (
        "The steps of {metric} are in no order; they are sorted here, and restarts cannot be told.",
        "Les pas de {metric} ne sont pas dans l'ordre ; ils sont triés ici, et les reprises ne peuvent être décelées.",
    ),
}


def form_of(verdict: Verdict) -> str:
    """The row of FOUND: by the evidence that the rule went by."""
    if verdict.rule.endswith("wins") and "loss" not in verdict.facts:
        return f"{verdict.rule} by probabilities"
    return "restart once" if verdict.rule == "restart" and verdict.facts["count"] == 1 else verdict.rule


def evidence(verdict: Verdict, language: str = "en") -> str:
    """What was found, as a sentence."""
    return finished(said_of(FOUND[form_of(verdict)], verdict.facts, language), language,
                    capital=not FOUND[form_of(verdict)][0].startswith("{"))


def advice(verdict: Verdict, language: str = "en") -> str:
    """What to do about it."""
    return finished(ADVICE[verdict.rule][language == "fr"], language)


def lost(caveat: Caveat, language: str = "en") -> str:
    return finished(said_of(LOST[caveat.rule], caveat.facts, language), language)


def unjudged(verdicts: list[Verdict], said: str, language: str = "en") -> str:
    """`Not applicable to this loss: plateau, generator winning.`; empty where there is none."""
    names = [NAMES[row.rule][language == "fr"] for row in verdicts if row.said == said]
    text = NOT_JUDGED[said][language == "fr"].format(rules=", ".join(names))
    return finished(f"{text}.", language) if names else ""


def finished(text: str, language: str, capital: bool = True) -> str:
    text = text[0].upper() + text[1:] if capital else text
    return FRENCH_SPACE.sub(FIXED, text) if language == "fr" else text
