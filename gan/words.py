"""Findings in words: a sentence for each rule, in English and in French."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import floor, log10
from typing import Any

from ganbench.gan.types import Finding

LANGUAGES = ("en", "fr")
THIN, FIXED = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
FRENCH_SPACE = re.compile(r" (?=[:;?!%])")


def number(value: float, digits: int, language: str) -> str:
    """`12,345.67` or `12 345,67`."""
    text = f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return text if language == "en" else text.translate({ord(","): THIN, ord("."): ","})


def percent(value: float, language: str) -> str:
    """`4.1 %` below ten percent, whole ones above, as many digits as needed below one."""
    size = abs(value)
    digits = 0 if size >= 0.1 or size == 0 else 1 if size >= 0.01 else min(4, -floor(log10(size)) - 1)
    return f"{number(100 * value, digits, language)}{FIXED}%"


def two_digits(value: float, language: str) -> str:
    digits = 0 if value == 0 else max(0, 1 - floor(log10(abs(value))))
    return number(value, digits, language)


FORMS: Mapping[str, Callable[[Any, str], str]] = {
    **dict.fromkeys(
        ("share", "expected", "real_share", "verbatim", "listed", "worst", "value", "real", "below"), percent
    ),
    **dict.fromkeys(("amplitude", "decibels", "distance", "spread"), two_digits),
    **dict.fromkeys(("difference", "relative"), lambda value, language: two_digits(abs(value), language)),
    **dict.fromkeys(("period", "n"), lambda value, language: number(value, 0, language)),
}

WORDS = {
    "horizontal": "horizontal", "vertical": "vertical", "diagonal": "diagonal", "training": "d'entraînement",
    "reference": "de la référence", "generated": "produites", "brightness": "la luminosité", "contrast": "le contraste",
    "sharpness": "la netteté", "edges": "la force des contours", "saturation": "la saturation",
    "red_green": "la teinte rouge-verte", "yellow_blue": "la teinte jaune-bleue", "red": "rouge", "green": "vert",
    "yellow": "jaune", "blue": "bleu", "cluster": "groupe", "class": "classe",
}
ENGLISH = {"red_green": "the red-green cast", "yellow_blue": "the yellow-blue cast", "edges": "the strength of edges",
           "brightness": "brightness", "training": "training", "reference": "reference"}

SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("{name} is missing: {share} of the images against {expected} of the real ones.",
                "{name} manque : {share} des images contre {expected} des images réelles."),
    "rare": ("{name} is under-represented: {share} of the images against {expected} of the real ones.",
             "{name} est sous-représenté : {share} des images contre {expected} des images réelles."),
    "frequent": ("{name} is over-represented: {share} of the images against {expected} of the real ones.",
                 "{name} est surreprésenté : {share} des images contre {expected} des images réelles."),
    "cost": ("{name} costs most: {share} of the Fréchet distance comes from it.",
             "{name} coûte le plus : {share} de la distance de Fréchet en provient."),
    "lattice": ("A {direction} lattice of period {period} pixels lies over the images, of amplitude {amplitude} grey "
                "levels.",
                "Une trame {direction}e de période {period} pixels recouvre les images, d'amplitude {amplitude} "
                "niveaux de gris."),
    "blurred": ("Images are blurred: the finest details have {share} of the power that they have in real images.",
                "Les images sont floues : les détails les plus fins ont {share} de leur puissance dans les vraies."),
    "noisy": ("Images are noisy: the finest details are {decibels} dB stronger than in real images.",
              "Les images sont bruitées : les détails les plus fins y sont plus forts de {decibels} dB que dans les "
              "vraies."),
    "bright": ("Images are too bright, by {difference} of 255 levels.",
               "Les images sont trop claires, de {difference} niveaux sur 255."),
    "dark": ("Images are too dark, by {difference} of 255 levels.",
             "Les images sont trop sombres, de {difference} niveaux sur 255."),
    "flat": ("Contrast is too low, by {difference} levels.", "Le contraste est trop faible, de {difference} niveaux."),
    "harsh": ("Contrast is too high, by {difference} levels.", "Le contraste est trop fort, de {difference} niveaux."),
    "pale": ("Colours are too pale: saturation is lower by {difference}.",
             "Les couleurs sont trop pâles : la saturation est plus faible de {difference}."),
    "vivid": ("Colours are too vivid: saturation is higher by {difference}.",
              "Les couleurs sont trop vives : la saturation est plus forte de {difference}."),
    "cast": ("Images have a {colour} cast, by {difference} levels.",
             "Les images tirent vers le {colour}, de {difference} niveaux."),
    "hue": ("Hues are others than the real ones, {distance} degrees apart on average.",
            "Les teintes diffèrent des vraies, de {distance} degrés en moyenne."),
    "law": ("{name} is spread otherwise than in real images: {spread} times as wide.",
            "{name} se répartit autrement que dans les images réelles : {spread} fois l'étendue."),
    "mode": ("{share} of the images form a kind of their own that hardly any real image has ({real_share}).",
             "{share} des images forment une sorte à part que presque aucune image réelle n'a ({real_share})."),
    "copies": ("About {share} of the images are copies of {set} images.",
               "Environ {share} des images sont des copies d'images {set}."),
    "duplicates": ("About {share} of the images are near-copies of each other, beyond what real images show.",
                   "Environ {share} des images sont quasi identiques entre elles, plus que les vraies."),
    "unlike": ("Only {value} of the images look like real ones; of real images {real} do.",
               "Seules {value} des images ressemblent aux vraies ; {real} des vraies images le font."),
    "uncovered": ("Only {value} of the real images have a generated one beside them; of as many real ones it would be "
                  "{real}.",
                  "Seules {value} des images réelles ont une image produite à leur côté ; avec autant de vraies, ce "
                  "serait {real}."),
    "slice_unlike": ("{name} is drawn badly: {value} of its images look real, where real ones have {real}.",
                     "{name} est mal dessiné : {value} de ses images ressemblent aux vraies, contre {real} des "
                     "vraies."),
    "shares_alike": ("All {slices} shares are as in the real images, within {worst} of each.",
                     "Les {slices} parts sont toutes comme dans les images réelles, à {worst} près de chacune."),
    "sharp": ("Images are as sharp as real ones.", "Les images sont aussi nettes que les vraies."),
    "no_lattice": ("No lattice lies over the images.", "Aucune trame ne recouvre les images."),
    "well_exposed": ("Images are as bright as real ones.", "Les images sont aussi claires que les vraies."),
    "like_real": ("Single images are like real ones: {value} of them, of real ones {real}.",
                  "Prises une à une, les images sont comme les vraies : {value} d'entre elles, {real} des vraies."),
    "covers": ("What the real images show is there: {value} are covered, by real ones {real}.",
               "Ce que montrent les images réelles est là : {value} sont couvertes, {real} par des vraies."),
    "no_copies": ("No copies were found among {n} training images: fewer than {below}.",
                  "Aucune copie n'a été trouvée parmi {n} images d'entraînement : moins de {below}."),
}


def sentence(finding: Finding, language: str = "en") -> str:
    """One sentence, with p behind it where there is one; a rule without words names itself and its facts."""
    if finding.rule not in SENTENCES:
        said = ", ".join(f"{name} {value}" for name, value in finding.facts.items())
        return f"{finding.rule}: {said}."
    facts = {name: shown(name, value, language) for name, value in finding.facts.items()}
    text = SENTENCES[finding.rule][LANGUAGES.index(language)].format(**facts)
    if finding.p is not None and finding.severity != "strength":
        text = f"{text[:-1]} ({p_of(finding.p, language)})."
    text = text[0].upper() + text[1:]
    return FRENCH_SPACE.sub(FIXED, text) if language == "fr" else text


def shown(name: str, value: Any, language: str) -> str:
    if isinstance(value, str):
        return (WORDS if language == "fr" else ENGLISH).get(value, value)
    form = FORMS.get(name)
    return form(value, language) if form and not isinstance(value, list) else str(value)


def p_of(p: float, language: str) -> str:
    if p < 0.001:
        return f"p{FIXED}<{FIXED}{number(0.001, 3, language)}"
    return f"p{FIXED}={FIXED}{number(p, 3, language)}"


# What metrics need, by the keys that `ganbench.gan.lacking` gives.
NEEDS: Mapping[str, tuple[str, str]] = {
    "statistics": ("statistics of the reference for the layer that they look at",
                   "des statistiques de la référence pour la couche qu'elles examinent"),
    "reference": ("images of the reference, and not only their statistics",
                  "les images de la référence, et pas seulement leurs statistiques"),
    "training": ("what the model learned from (--training)", "ce que le modèle a appris (--training)"),
    "unseen": ("real images that the model has not learned from (--held-out)",
               "des images réelles que le modèle n'a pas vues (--held-out)"),
    "logits": ("a classifier: this extractor gives no class probabilities",
               "un classifieur : cet extracteur ne donne pas de probabilités de classes"),
    "labels": ("images with classes: a conditional model, or labelled images",
               "des images avec des classes : un modèle conditionnel, ou des images étiquetées"),
    "classes": ("a classifier of just the classes that the images have",
                "un classifieur des classes mêmes qu'ont les images"),
    "spatial": ("an extractor with a layer that keeps places, such as inception_spatial",
                "un extracteur doté d'une couche spatiale, comme inception_spatial"),
    "images": ("at least {least} images of each set", "au moins {least} images par ensemble"),
}


def needs_of(needs: Sequence[str], least: int, language: str = "en") -> str:
    """`what the model learned from (--training), and at least 100 images of each set`."""
    said = [NEEDS[need][LANGUAGES.index(language)].format(least=number(least, 0, language)) for need in needs]
    return (", and " if language == "en" else ", et ").join(said)
