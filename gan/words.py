"""Findings and caveats in words: a sentence for each rule, in English and in French.

A sentence says behind the colon of a fact how it is shown: `{share:percent}`.  Facts without a colon are names that
somebody gave, of classes, data or metrics: they stay as they are in both languages.  `word` alone is translated: it is
a row of WORDS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import floor, log10
from string import Formatter
from typing import Any

from ganbench.gan.numbers import english, french
from ganbench.gan.types import Caveat, Finding

LANGUAGES = ("en", "fr")
FIXED = "\N{NO-BREAK SPACE}"
FRENCH_SPACE = re.compile(r" (?=[:;?!%])")


def number(value: float, digits: int, language: str) -> str:
    """`12,345.67` or `12 345,67`."""
    return (english if language == "en" else french)(value, digits)


def percent(value: float, language: str) -> str:
    """`4.1 %` below ten percent, whole ones above, as many digits as needed below one."""
    size = abs(value)
    digits = 0 if size >= 0.1 or size == 0 else 1 if size >= 0.01 else min(4, -floor(log10(size)) - 1)
    return f"{number(100 * value, digits, language)}{FIXED}%"


def two_digits(value: float, language: str) -> str:
    digits = 0 if value == 0 else max(0, 1 - floor(log10(abs(value))))
    return number(value, digits, language)


def word(value: str, language: str) -> str:
    """A row of WORDS, translated."""
    return WORDS[value][LANGUAGES.index(language)]


def several(values: Sequence[str], language: str) -> str:
    """`labels and logits`, of rows of WORDS."""
    *most, last = (word(value, language) for value in values)
    return f"{', '.join(most)}{' and ' if language == 'en' else ' et '}{last}" if most else last


# What metrics need, by the keys that `ganbench.gan.lacking` gives.
NEEDS: Mapping[str, tuple[str, str]] = {
    "statistics": ("statistics of the reference for the same layer",
                   "des statistiques de la référence pour la même couche"),
    "reference": ("images of the reference, and not only their statistics",
                  "les images de la référence, et pas seulement leurs statistiques"),
    "training": ("the model's training images (--training)", "les images d'entraînement du modèle (--training)"),
    "unseen": ("real images outside the training set (--held-out)",
               "des images réelles hors de l'entraînement (--held-out)"),
    "logits": ("a classifier: this extractor gives no class probabilities",
               "un classifieur : cet extracteur ne donne pas de probabilités de classes"),
    "labels": ("images with classes: a conditional model, or labelled images",
               "des images avec des classes : un modèle conditionnel, ou des images étiquetées"),
    "classes": ("a classifier whose classes are those of the images",
                "un classifieur dont les classes sont celles des images"),
    "spatial": ("an extractor with a spatial layer, such as inception_spatial",
                "un extracteur doté d'une couche spatiale, comme inception_spatial"),
    "images": ("at least {least} images of each set", "au moins {least} images par ensemble"),
}


def needs_of(needs: Sequence[str], least: int, language: str = "en") -> str:
    """`the model's training images (--training), and at least 100 images of each set`."""
    said = [NEEDS[need][LANGUAGES.index(language)].format(least=number(least, 0, language)) for need in needs]
    return (", and " if language == "en" else ", et ").join(said)


FORMS: Mapping[str, Callable[[Any, str], str]] = {
    "": lambda value, language: str(value),
    "word": word,
    "words": several,
    "names": lambda value, language: ", ".join(value),
    "needs": lambda value, language: needs_of(value["of"], value["least"], language),
    "percent": percent,
    "digits": two_digits,
    "size": lambda value, language: two_digits(abs(value), language),
    "count": lambda value, language: number(value, 0, language),
    "hundredths": lambda value, language: number(value, 2, language),
}

WORDS: Mapping[str, tuple[str, str]] = {
    "horizontal": ("horizontal", "horizontaux"), "vertical": ("vertical", "verticaux"),
    "diagonal": ("diagonal", "diagonaux"), "training": ("training", "d'entraînement"),
    "reference": ("reference", "de la référence"), "generated": ("generated", "générées"),
    "brightness": ("brightness", "la luminosité"), "contrast": ("contrast", "le contraste"),
    "sharpness": ("sharpness", "la netteté"), "edges": ("the strength of edges", "la force des contours"),
    "saturation": ("saturation", "la saturation"), "red_green": ("the red-green cast", "la teinte rouge-verte"),
    "yellow_blue": ("the yellow-blue cast", "la teinte jaune-bleue"), "red": ("red", "rouge"),
    "green": ("green", "vert"), "yellow": ("yellow", "jaune"), "blue": ("blue", "bleu"),
    "hue": ("hue", "la teinte"),
    "training images": ("training images", "des images d'entraînement"),
    "images of the reference": ("images of the reference", "des images de la référence"),
    "labels": ("labels", "des classes"), "logits": ("logits", "des logits"),
}

SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": (
        "{name} is missing: {share:percent} of the images against {expected:percent} of the real ones.",
        "{name} manque : {share:percent} des images contre {expected:percent} des images réelles.",
    ),
    "rare": (
        "{name} is under-represented: {share:percent} of the images against {expected:percent} of the real ones.",
        "{name} est sous-représenté : {share:percent} des images contre {expected:percent} des images réelles.",
    ),
    "frequent": (
        "{name} is over-represented: {share:percent} of the images against {expected:percent} of the real ones.",
        "{name} est surreprésenté : {share:percent} des images contre {expected:percent} des images réelles.",
    ),
    "cost": (
        "{name} contributes most to the Fréchet distance: {share:percent} of it.",
        "{name} contribue le plus à la distance de Fréchet : {share:percent}.",
    ),
    "lattice": (
        "Images have {direction:word} checkerboard artefacts with a period of {period:count} pixels, of amplitude "
        "{amplitude:digits} grey levels.",
        "Les images ont des artefacts en damier {direction:word} d'une période de {period:count} pixels, d'amplitude "
        "{amplitude:digits} niveaux de gris.",
    ),
    "blurred": (
        "Images are blurred: the power at high frequencies is {share:percent} of that of real images.",
        "Les images sont floues : la puissance aux hautes fréquences est {share:percent} de celle des images réelles.",
    ),
    "noisy": (
        "Images are noisy: the power at high frequencies is {decibels:digits} dB above that of real images.",
        "Les images sont bruitées : la puissance aux hautes fréquences dépasse de {decibels:digits} dB celle des "
        "images réelles.",
    ),
    "bright": (
        "Images are too bright, by {difference:size} of 255 levels.",
        "Les images sont trop claires, de {difference:size} niveaux sur 255.",
    ),
    "dark": (
        "Images are too dark, by {difference:size} of 255 levels.",
        "Les images sont trop sombres, de {difference:size} niveaux sur 255.",
    ),
    "flat": (
        "Contrast is too low, by {difference:size} levels.",
        "Le contraste est trop faible, de {difference:size} niveaux.",
    ),
    "harsh": (
        "Contrast is too high, by {difference:size} levels.",
        "Le contraste est trop fort, de {difference:size} niveaux.",
    ),
    "pale": (
        "Colours are too pale: saturation is lower by {difference:size}.",
        "Les couleurs sont trop pâles : la saturation est plus faible de {difference:size}.",
    ),
    "vivid": (
        "Colours are too vivid: saturation is higher by {difference:size}.",
        "Les couleurs sont trop vives : la saturation est plus forte de {difference:size}.",
    ),
    "cast": (
        "Images have a {colour:word} cast, by {difference:size} levels.",
        "Les images tirent vers le {colour:word}, de {difference:size} niveaux.",
    ),
    "hue": (
        "Hues differ from those of real images, by {distance:digits} degrees on average.",
        "Les teintes diffèrent de celles des images réelles, de {distance:digits} degrés en moyenne.",
    ),
    "law": (
        "The distribution of {name:word} differs from that of real images: its standard deviation is "
        "{spread:digits} times theirs.",
        "Pour {name:word}, la distribution diffère de celle des images réelles : l'écart type est {spread:digits} fois "
        "le leur.",
    ),
    "mode": (
        "{share:percent} of the images form an artefact mode: a cluster that holds hardly any real image "
        "({real_share:percent}).",
        "{share:percent} des images forment un mode artificiel : un groupe qui ne contient presque aucune image réelle "
        "({real_share:percent}).",
    ),
    "copies": (
        "About {share:percent} of the images are copies of {set:word} images.",
        "Environ {share:percent} des images sont des copies d'images {set:word}.",
    ),
    "duplicates": (
        "About {share:percent} of the images are near-duplicates of each other, beyond the rate among real images.",
        "Environ {share:percent} des images sont des quasi-doublons, au-delà du taux observé parmi les images réelles.",
    ),
    "unlike": (
        "Precision is low: {value:percent} of the images look like real ones; of real images {real:percent} do.",
        "La précision est faible : {value:percent} des images ressemblent aux images réelles, contre {real:percent} "
        "pour des images réelles.",
    ),
    "uncovered": (
        "Coverage is low: {value:percent} of the real images have a generated one nearby; as many real images would "
        "cover {real:percent}.",
        "La couverture est faible : {value:percent} des images réelles ont une image générée à proximité ; autant "
        "d'images réelles en couvriraient {real:percent}.",
    ),
    "slice_unlike": (
        "{name} has low precision: {value:percent} of its images look real, against {real:percent} of real ones.",
        "{name} a une faible précision : {value:percent} de ses images ressemblent aux images réelles, contre "
        "{real:percent} pour des images réelles.",
    ),
    "shares_alike": (
        "All {slices:count} shares match those of the real images, within {worst:percent} of each.",
        "Les {slices:count} parts sont toutes celles des images réelles, à {worst:percent} près.",
    ),
    "sharp": ("Images are as sharp as real ones.", "Les images sont aussi nettes que les images réelles."),
    "no_lattice": ("Images have no checkerboard artefacts.", "Les images n'ont pas d'artefacts en damier."),
    "well_exposed": ("Images are as bright as real ones.", "Les images sont aussi claires que les images réelles."),
    "like_real": (
        "Precision is that of real images: {value:percent} of the images look like real ones; of real images "
        "{real:percent} do.",
        "La précision est celle d'images réelles : {value:percent} des images ressemblent aux images réelles, contre "
        "{real:percent} pour des images réelles.",
    ),
    "covers": (
        "Coverage is that of real images: {value:percent} of the real images are covered; as many real images would "
        "cover {real:percent}.",
        "La couverture est celle d'images réelles : {value:percent} des images réelles sont couvertes ; autant "
        "d'images réelles en couvriraient {real:percent}.",
    ),
    "no_copies": (
        "No copies were found among {n:count} training images: fewer than {below:percent}.",
        "Aucune copie n'a été trouvée parmi {n:count} images d'entraînement : moins de {below:percent}.",
    ),
}

OF_OTHERS = ("left out", "not for these images")  # caveats that name metrics which have no score
CAVEATS: Mapping[str, tuple[str, str]] = {
    "biased": (
        "biased upwards: {n:count} images are fewer than 5 x {d:count} features; compare with the floor, prefer KID",
        "biaisé vers le haut : {n:count} images sont moins que 5 x {d:count} caractéristiques ; comparez au "
        "plancher, fiez-vous à KID",
    ),
    "no full rank": (
        "biased upwards: {n:count} images are fewer than 5 x {d:count} features, and their covariance has no full "
        "rank (at most {rank:count}); compare with the floor, prefer KID",
        "biaisé vers le haut : {n:count} images sont moins que 5 x {d:count} caractéristiques, et leur covariance "
        "n'est pas de plein rang (au plus {rank:count}) ; comparez au plancher, fiez-vous à KID",
    ),
    "closer than real": (
        "closer to the reference than held-out real images: are there copies of the reference among the images?",
        "plus proche de la référence que des images réelles tierces : y a-t-il des copies de la référence parmi les "
        "images ?",
    ),
    "narrow": (
        "precision {precision:hundredths} with recall {recall:hundredths}: the images cover only a small part of the "
        "real ones, as after mode collapse or strong truncation",
        "précision {precision:hundredths} avec rappel {recall:hundredths} : les images ne couvrent qu'une petite "
        "partie des images réelles, comme après un effondrement des modes ou une forte troncature",
    ),
    "no floor": (
        "no floor: {data} has fewer than {n:count} images",
        "pas de plancher : {data} a moins de {n:count} images",
    ),
    "other weights": (
        "not FID's own weights: the given file's sha256 is {sha256}…",
        "ce ne sont pas les poids de FID : le sha256 du fichier donné est {sha256}…",
    ),
    # A metric that is left out: `why` is what its formula said, `needs` what is not there: see NEEDS.
    "not for these images": ("{metric} is not computed: {why}", "{metric} n'est pas calculé : {why}"),
    "left out": ("not computed: {metrics:names}; needed: {needs:needs}",
                 "non calculé : {metrics:names} ; il faudrait {needs:needs}"),
    # What of somebody's files is not in the pixels that were measured.
    "unread": (
        "{count:count} files in {data} that may be or hold images were not read ({kinds:names}): convert them to "
        "PNG, or take them away",
        "{count:count} fichiers de {data} qui peuvent être ou contenir des images n'ont pas été lus ({kinds:names}) : "
        "convertissez-les en PNG, ou retirez-les",
    ),
    "hidden": (
        "{count:count} hidden files in {data} end as images do, and were not read",
        "{count:count} fichiers cachés de {data} ont une extension d'image, et n'ont pas été lus",
    ),
    "no ending": (
        "{count:count} files in {data} begin as images do, but their names have no ending: they were not read",
        "{count:count} fichiers de {data} commencent comme des images, mais leurs noms n'ont pas d'extension : ils "
        "n'ont pas été lus",
    ),
    "broken links": (
        "{count:count} links in {data} lead to nothing: folders of images may be missing",
        "{count:count} liens de {data} ne mènent à rien : des dossiers d'images manquent peut-être",
    ),
    "links upwards": (
        "{count:count} links in {data} lead to a folder that it lies in, and were not followed",
        "{count:count} liens de {data} mènent à un dossier qui le contient, et n'ont pas été suivis",
    ),
    "one of several": (
        "of {data} only {name} was read, although {others:names} may hold images, too",
        "de {data}, seul {name} a été lu, alors que {others:names} peuvent aussi contenir des images",
    ),
    "unlabelled": (
        "{data} has {folders:count} folders as if of classes, but {count:count} images beside them: no image has a "
        "class",
        "{data} a {folders:count} dossiers comme pour des classes, mais {count:count} images à côté : aucune image n'a "
        "de classe",
    ),
    "animated": (
        "{count:count} of the {n:count} images of {data} are animated or have several pages, of which only the first "
        "is looked at",
        "{count:count} des {n:count} images de {data} sont animées ou ont plusieurs pages, dont seule la première est "
        "prise en compte",
    ),
    "transparent": (
        "{count:count} of the {n:count} images of {data} have transparent pixels: transparency is dropped, and the "
        "colours beneath it count",
        "{count:count} des {n:count} images de {data} ont des pixels transparents : la transparence est ignorée, et "
        "les couleurs sous-jacentes comptent",
    ),
    "turned": (
        "{count:count} of the {n:count} images of {data} are to be turned or mirrored by their EXIF orientation, "
        "which is ignored",
        "{count:count} des {n:count} images de {data} devraient être tournées ou retournées selon leur orientation "
        "EXIF, qui est ignorée",
    ),
    "print colours": (
        "{count:count} of the {n:count} images of {data} are not in RGB (CMYK, for example) and become RGB without "
        "a colour profile",
        "{count:count} des {n:count} images de {data} ne sont pas en RVB (mais en CMJN, par exemple) et sont "
        "converties sans profil de couleur",
    ),
    "profile": (
        "{count:count} of the {n:count} images of {data} have a colour profile other than sRGB, which is ignored",
        "{count:count} des {n:count} images de {data} ont un profil de couleur autre que sRGB, qui est ignoré",
    ),
    "squeezed": (
        "{count:count} of the {n:count} images of {data} are not square, and the resize squeezes them into squares",
        "{count:count} des {n:count} images de {data} ne sont pas carrées, et le redimensionnement les déforme en "
        "carrés",
    ),
    "part": (
        "a random {n:count} of the {all:count} images of {data} were measured",
        "{n:count} images sur les {all:count} de {data} ont été mesurées, tirées au hasard",
    ),
    # What is wrong with the images themselves, or with their features.
    "one value": (
        "every pixel of all {n:count} images is {value:count}",
        "chaque pixel des {n:count} images est {value:count}",
    ),
    "not times 255": (
        "no pixel of the {n:count} images is above {high:count}: values in [0, 1] were made uint8 without "
        "multiplying them by 255",
        "aucun pixel des {n:count} images ne dépasse {high:count} : des valeurs de [0, 1] sont devenues uint8 sans "
        "être multipliées par 255",
    ),
    "half range": (
        "all pixels lie between {low:count} and {high:count}, half of the range: is the output_range of the model "
        "declared as it is?",
        "tous les pixels sont entre {low:count} et {high:count}, la moitié de l'étendue : l'output_range du modèle "
        "est-il bien déclaré ?",
    ),
    "one image": ("all {n:count} images are the same", "les {n:count} images sont toutes la même"),
    "same images": (
        "{count:count} of {n:count} images are exact copies of others of the set, one of them {most:count} times",
        "{count:count} des {n:count} images sont des copies exactes d'autres du même ensemble, l'une d'elles "
        "{most:count} fois",
    ),
    "of the reference": (
        "{count:count} of the images are, to the last bit, images of the reference",
        "{count:count} des images sont, au bit près, des images de la référence",
    ),
    "compressed": (
        "the {one:word} images went through JPEG (their 8 x 8 blocks hold multiples of {step:count} only) and the "
        "{other:word} images did not: compression alone moves every score",
        "les images {one:word} sont passées par JPEG (leurs blocs de 8 x 8 n'ont que des multiples de "
        "{step:count}) et les images {other:word} non : la compression seule change toutes les mesures",
    ),
    "blind": (
        "{extractor} gives the same features for all {n:count} images",
        "{extractor} donne les mêmes caractéristiques pour les {n:count} images",
    ),
    "same features": (
        "{count:count} of {n:count} images have exactly the features of another one",
        "{count:count} des {n:count} images ont exactement les caractéristiques d'une autre",
    ),
}


def sentence(finding: Finding, language: str = "en") -> str:
    """One sentence, with p behind it where there is one; a rule without words names itself and its facts."""
    if finding.rule not in SENTENCES:
        said = ", ".join(f"{name} {value}" for name, value in finding.facts.items())
        return f"{finding.rule}: {said}."
    texts = SENTENCES[finding.rule]
    text = said_of(texts, finding.facts, language)
    if finding.p is not None and finding.severity != "strength":
        text = f"{text[:-1]} ({p_of(finding.p, language)})."
    if not begins_with_a_name(texts[0]):
        text = text[0].upper() + text[1:]
    return FRENCH_SPACE.sub(FIXED, text) if language == "fr" else text


def begins_with_a_name(text: str) -> bool:
    """Names keep their small letters."""
    before, name, form, _ = next(iter(Formatter().parse(text)))
    return not before and bool(name) and not form


def caution(caveat: Caveat, language: str = "en") -> str:
    """A caveat as what stands behind the name of a score."""
    return said_of(CAVEATS[caveat.rule], caveat.facts, language)


def said_of(texts: tuple[str, str], facts: Mapping[str, Any], language: str) -> str:
    """The sentence in one of the two languages, with its facts as it shows them."""
    parts = Formatter().parse(texts[LANGUAGES.index(language)])
    return "".join(text + (FORMS[form or ""](facts[name], language) if name else "") for text, name, form, _ in parts)


def p_of(p: float, language: str) -> str:
    if p < 0.001:
        return f"p{FIXED}<{FIXED}{number(0.001, 3, language)}"
    return f"p{FIXED}={FIXED}{number(p, 3, language)}"
