"""Findings and caveats in words: a sentence for each rule, in English and in French.

The format after the colon says how a fact is printed: `{share:percent}`.  Facts without a format are names of classes,
data or metrics: they are printed unchanged in both languages.  The formats `word`, `words`, `needs` and `refusal` are
translated: their values are keys of WORDS, NEEDS and REFUSALS.
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
CLUSTER = re.compile(r"cluster (\d+)")
FRENCH_SPACE = re.compile(r" (?=[:;?!%])")


def number(value: float, digits: int, language: str) -> str:
    """`12,345.67` or `12 345,67`."""
    return (english if language == "en" else french)(value, digits)


def percent(value: float, language: str) -> str:
    """`41 %`; one decimal below ten percent, two significant digits below one percent."""
    size = abs(value)
    digits = 0 if size >= 0.1 or size == 0 else 1 if size >= 0.01 else min(4, -floor(log10(size)) - 1)
    return f"{number(100 * value, digits, language)}{FIXED}%"


def two_digits(value: float, language: str) -> str:
    digits = 0 if value == 0 else max(0, 1 - floor(log10(abs(value))))
    return number(value, digits, language)


def word(value: str, language: str) -> str:
    """A key of WORDS, translated."""
    return WORDS[value][LANGUAGES.index(language)]


def several(values: Sequence[str], language: str) -> str:
    """`labels and logits`, from keys of WORDS."""
    return joined([word(value, language) for value in values], language)


# What metrics need, by the keys that `ganbench.gan.lacking` uses.
NEEDS: Mapping[str, tuple[str, str]] = {
    "statistics": ("statistics of the reference for the same layer",
                   "des statistiques de la référence pour la même couche"),
    "reference": ("images of the reference, and not only their statistics",
                  "les images de la référence, et pas seulement leurs statistiques"),
    "training": ("the model's training images (--training)", "les images d'entraînement du modèle (--training)"),
    "unseen": ("real images outside the training set (--held-out)",
               "des images réelles absentes de l'entraînement (--held-out)"),
    "logits": ("a classifier (this extractor gives no class probabilities)",
               "un classifieur (cet extracteur ne donne pas de probabilités de classes)"),
    "labels": ("images with classes (a conditional model, or labelled images)",
               "des images avec leurs classes (un modèle conditionnel, ou des images étiquetées)"),
    "classes": ("a classifier whose classes are those of the images",
                "un classifieur dont les classes sont celles des images"),
    "spatial": ("an extractor with a spatial layer, such as inception_spatial",
                "un extracteur doté d'une couche spatiale, comme inception_spatial"),
    "latents": ("a model with a latent space (images on disk, transformers over tokens, mixtures and diffusers folders "
                "have none)",
                "un modèle doté d'un espace latent (les images sur disque, les transformeurs à jetons, les mélanges et "
                "les dossiers diffusers n'en ont pas)"),
    "w": ("a model with a space W, such as StyleGAN2", "un modèle doté d'un espace W, comme StyleGAN2"),
    "unrounded": ("images and features in which small steps show (here they are lost in rounding, to 8 bits or to half "
                  "precision)",
                  "des images et des caractéristiques où de petits pas se voient (ici, ils se perdent dans l'arrondi à "
                  "8 bits ou en demi-précision)"),
    "images": ("at least {least} images of each set", "au moins {least} images par ensemble"),
}


def needs_of(needs: Sequence[str], least: int, language: str = "en") -> str:
    """`the model's training images (--training), and at least 100 images of each set`."""
    said = [NEEDS[need][LANGUAGES.index(language)].format(least=number(least, 0, language)) for need in needs]
    return (", and " if language == "en" else ", et ").join(said)


# Why a metric cannot be computed from these images, by the code of its `BadInput`.
REFUSALS: Mapping[str, tuple[str, str]] = {
    "too-few-images": ("there are too few images", "les images sont trop peu nombreuses"),
    "constant-features": ("all images have the same features", "toutes les images ont les mêmes caractéristiques"),
    "features-not-finite": ("features hold NaN or infinity",
                            "des caractéristiques contiennent NaN ou une valeur infinie"),
    "features-without-direction": ("zero feature vectors have no direction",
                                   "des vecteurs de caractéristiques nuls n'ont pas de direction"),
    "labels-do-not-fit": ("the labels do not match the classifier's classes",
                          "les étiquettes ne correspondent pas aux classes du classifieur"),
    "not-a-covariance": ("a covariance matrix has negative eigenvalues",
                         "une matrice de covariance a des valeurs propres négatives"),
    "unequal-features": ("features have different lengths", "les caractéristiques n'ont pas toutes la même longueur"),
}
OTHER_REFUSAL = "its inputs are not valid", "ses données d'entrée ne sont pas valides"


def refusal(code: str, language: str) -> str:
    """Why a metric cannot be computed: a row of REFUSALS, or a general reason."""
    return REFUSALS.get(code, OTHER_REFUSAL)[LANGUAGES.index(language)]


def slice_name(name: str, classes: Mapping[str, str]) -> tuple[str, str]:
    """A class or cluster as the head of a row, in English and in French."""
    cluster = CLUSTER.fullmatch(name)
    return name, f"groupe {cluster[1]}" if cluster else classes.get(name, name)


def of_slice(named: str | tuple[str, str], language: str) -> str:
    """`of the class sandal`, `of cluster 3`; in French `de la classe « sandal »`, `du groupe 3`, or `de sandales` where
    the name comes with its translation."""
    name, french = named if isinstance(named, tuple) else (named, "")
    cluster = CLUSTER.fullmatch(name)
    if language == "en":
        return f"of {name}" if cluster else f"of the class {name}"
    if cluster:
        return f"du groupe {cluster[1]}"
    vowel = french[:1].lower() in "aeiouyàâéèêîïôûœ"
    return f"{'d’' if vowel else 'de '}{french}" if french else f"de la classe «{FIXED}{name}{FIXED}»"


FORMS: Mapping[str, Callable[[Any, str], str]] = {
    "": lambda value, language: str(value),
    "word": word,
    "words": several,
    "of": of_slice,
    "kinds": lambda value, language: word({"class": "classes"}.get(value, f"{value}s"), language),
    "names": lambda value, language: ", ".join(value),
    "needs": lambda value, language: needs_of(value["of"], value["least"], language),
    "refusal": refusal,
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
    "sharpness": ("sharpness", "la netteté"), "edges": ("the strength of edges", "l'intensité des contours"),
    "saturation": ("saturation", "la saturation"), "red_green": ("the red-green balance", "la balance rouge-vert"),
    "yellow_blue": ("the yellow-blue balance", "la balance jaune-bleu"), "red": ("red", "rouge"),
    "green": ("green", "vert"), "yellow": ("yellow", "jaune"), "blue": ("blue", "bleu"),
    "hue": ("hue", "la teinte"),
    "training images": ("training images", "des images d'entraînement"),
    "images of the reference": ("images of the reference", "des images de la référence"),
    "class": ("class", "classe"), "cluster": ("cluster", "groupe"),
    "classes": ("classes", "classes"), "clusters": ("clusters", "groupes"),
    "labels": ("labels", "des classes"), "logits": ("logits", "des logits"),
}

SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": (
        "Images {name:of} are missing or nearly so: {share:percent} of the images, against {expected:percent} of real "
        "images.",
        "Les images {name:of} manquent, ou presque : {share:percent} des images générées, contre {expected:percent} "
        "des images réelles.",
    ),
    "rare": (
        "Images {name:of} are too rare: {share:percent} of the images, against {expected:percent} of real images.",
        "Les images {name:of} sont trop rares : {share:percent} des images générées, contre {expected:percent} des "
        "images réelles.",
    ),
    "frequent": (
        "Images {name:of} are too frequent: {share:percent} of the images, against {expected:percent} of real images.",
        "Les images {name:of} sont trop fréquentes : {share:percent} des images générées, contre {expected:percent} "
        "des images réelles.",
    ),
    "cost": (
        "Images {name:of} contribute most to the Fréchet distance: {share:percent} of it.",
        "Les images {name:of} sont celles qui contribuent le plus à la distance de Fréchet : {share:percent} du total.",
    ),
    "renamed": (
        "The names of classes differ: {added:names} only among the generated images, {lacking:names} only among the "
        "real ones; the shares of these are not compared.",
        "Les noms des classes diffèrent : {added:names} seulement parmi les images générées, {lacking:names} "
        "seulement parmi les images réelles ; leurs parts ne sont pas comparées.",
    ),
    "added": (
        "The reference has no class of the name {added:names}, which {share:percent} of the images are of.",
        "La référence n'a pas de classe du nom de {added:names}, celle de {share:percent} des images.",
    ),
    "collapse": (
        "Images are variants of a few pictures: the Vendi score of {n:count} of them is {vendi:hundredths}, that of as "
        "many real images {real:hundredths}.",
        "Le modèle ne produit que des variantes de quelques images : le score de Vendi de {n:count} d'entre elles est "
        "de {vendi:hundredths}, contre {real:hundredths} pour autant d'images réelles.",
    ),
    "classes_unknown": (
        "Nothing is said of the share of each {what:word}: images so unlike the real ones may be taken for any "
        "(precision {value:percent} against {real:percent}, coverage {covered:percent} against {usual:percent}).",
        "La part de chaque {what:word} n'est pas donnée : des images aussi différentes des vraies pourraient être "
        "rangées n'importe où (précision {value:percent} contre {real:percent}, couverture {covered:percent} contre "
        "{usual:percent}).",
    ),
    "lattice": (
        "Images have {direction:word} checkerboard artefacts with a period of {period:count} pixels and an amplitude "
        "of {amplitude:digits} grey levels.",
        "Les images présentent des artefacts en damier {direction:word} d'une période de {period:count} pixels et "
        "d'une amplitude de {amplitude:digits} niveaux de gris.",
    ),
    "blurred": (
        "Images are blurred: the power at high frequencies is {share:percent} of that of real images.",
        "Les images sont floues : la puissance aux hautes fréquences n'atteint que {share:percent} de celle des images "
        "réelles.",
    ),
    "noisy": (
        "Images are noisy: the power at high frequencies is {decibels:digits} dB above that of real images.",
        "Les images sont bruitées : la puissance aux hautes fréquences dépasse de {decibels:digits} dB celle des "
        "images réelles.",
    ),
    "bright": (
        "Images are too bright by {difference:size} of 255 grey levels.",
        "Les images sont trop claires de {difference:size} niveaux de gris sur 255.",
    ),
    "dark": (
        "Images are too dark by {difference:size} of 255 grey levels.",
        "Les images sont trop sombres de {difference:size} niveaux de gris sur 255.",
    ),
    "flat": (
        "Contrast is too low by {difference:size} grey levels.",
        "Le contraste est trop faible de {difference:size} niveaux de gris.",
    ),
    "harsh": (
        "Contrast is too high by {difference:size} grey levels.",
        "Le contraste est trop fort de {difference:size} niveaux de gris.",
    ),
    "pale": (
        "Colours are too pale: saturation is lower than in real images by {difference:size} of 255 levels.",
        "Les couleurs sont trop pâles : la saturation est inférieure de {difference:size} niveaux sur 255 à celle des "
        "images réelles.",
    ),
    "vivid": (
        "Colours are too vivid: saturation is higher than in real images by {difference:size} of 255 levels.",
        "Les couleurs sont trop vives : la saturation dépasse de {difference:size} niveaux sur 255 celle des images "
        "réelles.",
    ),
    "cast": (
        "Images have a {colour:word} cast of {difference:size} of 255 levels.",
        "Les images tirent vers le {colour:word}, de {difference:size} niveaux sur 255.",
    ),
    "hue": (
        "The distribution of hues differs from that of real images: their Wasserstein distance is {distance:digits} "
        "degrees.",
        "La distribution des teintes diffère de celle des images réelles : leur distance de Wasserstein est de "
        "{distance:digits} degrés.",
    ),
    "appearance_distribution": (
        "The distribution of {name:word} differs from that of real images: its standard deviation is "
        "{spread:digits} times as large.",
        "Pour {name:word}, la distribution s'écarte de celle des images réelles : l'écart type vaut {spread:digits} "
        "fois celui des images réelles.",
    ),
    "mode": (
        "{share:percent} of the images form an artefact mode: a cluster that contains hardly any real image "
        "({real_share:percent}).",
        "{share:percent} des images forment un groupe à part, qui ne contient presque aucune image réelle "
        "({real_share:percent}) : un artefact du modèle.",
    ),
    "copies": (
        "About {share:percent} of the images are copies or near-duplicates of {set:word} images.",
        "Environ {share:percent} des images sont des copies ou des quasi-doublons d'images {set:word}.",
    ),
    "duplicates": (
        "About {share:percent} of the images are near-duplicates of each other, on top of what is found among real "
        "images.",
        "Environ {share:percent} des images sont des quasi-doublons les unes des autres, en plus de ce qu'on observe "
        "parmi de vraies images.",
    ),
    "unlike": (
        "Precision is low: {value:percent} of the images look like real images, against {real:percent} of real "
        "images.",
        "La précision est faible : {value:percent} des images sont réalistes, contre {real:percent} pour de vraies "
        "images.",
    ),
    "uncovered": (
        "Coverage is low: {value:percent} of the real images have a generated image nearby, against {real:percent} "
        "expected from as many real images.",
        "La couverture est faible : {value:percent} des images réelles ont une image générée dans leur voisinage, "
        "contre {real:percent} avec autant de vraies images.",
    ),
    "slice_unlike": (
        "Images {name:of} have low precision: {value:percent} of them look like real images, against {real:percent} "
        "of real images.",
        "Les images {name:of} sont mal dessinées : {value:percent} sont réalistes, contre {real:percent} pour de "
        "vraies images.",
    ),
    "shares_alike": (
        "The shares of all {slices:count} {by:kinds} match those of the real images: within {within:percent} of each, "
        "errors included.",
        "Les parts des {slices:count} {by:kinds} sont toutes celles des images réelles, à {within:percent} près, "
        "erreurs comprises.",
    ),
    "sharp": ("Images are as sharp as real ones.", "Les images sont aussi nettes que les images réelles."),
    "no_lattice": ("No checkerboard artefacts were found.", "Aucun artefact en damier n'a été détecté."),
    "well_exposed": ("Images are as bright as real ones.", "Les images sont aussi claires que les images réelles."),
    "like_real": (
        "Precision is as high as that of real images: {value:percent} of the images look like real images, against "
        "{real:percent} of real images.",
        "La précision vaut celle de vraies images : {value:percent} des images sont réalistes, contre {real:percent} "
        "pour de vraies images.",
    ),
    "covers": (
        "Coverage is as high as that of real images: {value:percent} of the real images have a generated image nearby, "
        "against {real:percent} expected from as many real images.",
        "La couverture vaut celle de vraies images : {value:percent} des images réelles ont une image générée dans "
        "leur voisinage, contre {real:percent} avec autant de vraies images.",
    ),
    "no_copies": (
        "No copies of the {n:count} images compared with were found: fewer than {below:percent} of the generated "
        "images are copies (95 % confidence bound).",
        "Aucune copie des {n:count} images de comparaison n'a été trouvée : moins de {below:percent} des images "
        "générées en sont (borne de confiance à 95 %).",
    ),
}

# Which model is best: rows of METRICS whose better values mean that the images are nearer to the real ones, and others.
NEAREST = ("fd", "fd_infinity", "sfd", "kid", "cmmd")
VERDICTS: Mapping[str, tuple[str, str]] = {
    "nearest": (
        "{models} is the best of these {count} models: its images come nearest to the real ones, significantly nearer "
        "than those of every other model.",
        "{models} est le meilleur de ces {count} modèles : ses images sont les plus proches des images réelles, et "
        "l'écart avec chacun des autres modèles est significatif.",
    ),
    "best": (
        "{models} is the best of these {count} models by {metric}, significantly better than every other model.",
        "{models} est le meilleur de ces {count} modèles selon {metric}, et l'écart avec chacun des autres est "
        "significatif.",
    ),
    "several": (
        "Any of {models} may be the best of these {count} models: they do not differ significantly.",
        "Impossible de départager {models} : leurs écarts ne sont pas significatifs, et chacun peut être le meilleur "
        "de ces {count} modèles.",
    ),
    "none": (
        "No model is best: {metric} describes the images, but neither a higher nor a lower value is better.",
        "Aucun modèle n'est le meilleur : {metric} décrit les images, mais une valeur plus haute ou plus basse ne les "
        "rend pas meilleures.",
    ),
    "alone": ("There is one model only: {models}.", "Il n'y a qu'un seul modèle : {models}."),
}


def verdict_of(row: str, metric: str, models: Sequence[str], leaders: Sequence[str], language: str = "en") -> str:
    """Which of these models is best, for people who do not know the metric; `leaders`: than which no other model is
    significantly better."""
    key = ("none" if not leaders else "alone" if len(models) == 1 else "several" if len(leaders) > 1 else
           "nearest" if row in NEAREST else "best")
    named = joined(leaders or models, language)
    said = VERDICTS[key][LANGUAGES.index(language)].format(models=named, count=len(models), metric=metric)
    return said if language == "en" else FRENCH_SPACE.sub(FIXED, said)


def joined(names: Sequence[str], language: str) -> str:
    """`a, b and c`."""
    *most, last = names
    return f"{', '.join(most)}{' and ' if language == 'en' else ' et '}{last}" if most else last


OF_OTHERS = ("left out", "not for these images")  # caveats about metrics that have no score
CAVEATS: Mapping[str, tuple[str, str]] = {
    "biased": (
        "biased upwards with {n:count} images: at least 5 × {d:count} are needed; compare with real images, or prefer "
        "KID",
        "biaisé vers le haut avec {n:count} images : il faudrait au moins 5 × {d:count} images ; comparez avec de "
        "vraies images, ou préférez KID",
    ),
    "no full rank": (
        "biased upwards with {n:count} images, whose covariance does not have full rank (at most {rank:count}): at "
        "least 5 × {d:count} are needed; compare with real images, or prefer KID",
        "biaisé vers le haut avec {n:count} images, dont la covariance n'est pas de plein rang (au plus {rank:count}) "
        ": il faudrait au moins 5 × {d:count} images ; comparez avec de vraies images, ou préférez KID",
    ),
    "closer than real": (
        "closer to the reference than held-out real images: are there copies of the reference among the images?",
        "plus proche de la référence que de vraies images mises de côté : y a-t-il des copies de la référence parmi "
        "les images ?",
    ),
    "narrow": (
        "precision {precision:hundredths} with recall {recall:hundredths}: the images cover only a small part of the "
        "real distribution, as after mode collapse or strong truncation",
        "précision {precision:hundredths} avec rappel {recall:hundredths} : les images ne couvrent qu'une petite "
        "partie de la distribution réelle, comme après un effondrement de modes ou une forte troncature",
    ),
    "no floor": (
        "no score of real images: {data} has fewer than {n:count} images",
        "pas de valeur de comparaison : {data} a moins de {n:count} images réelles",
    ),
    "other weights": (
        "not the published FID weights: the sha256 of the given file is {sha256}…",
        "ce ne sont pas les poids publiés de FID : le sha256 du fichier fourni est {sha256}…",
    ),
    # Metrics that are not computed: `why` is the code of the error (see REFUSALS), `needs` what is missing (see NEEDS).
    "not for these images": ("{metric} is not computed: {why:refusal}", "{metric} n'est pas calculé : {why:refusal}"),
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
        "tous les pixels des {n:count} images valent {value:count}",
    ),
    "not times 255": (
        "no pixel of the {n:count} images is above {high:count}: probably values in [0, 1] were converted to uint8 "
        "without multiplying them by 255",
        "aucun pixel des {n:count} images ne dépasse {high:count} : des valeurs de [0, 1] ont sans doute été "
        "converties en uint8 sans être multipliées par 255",
    ),
    "half range": (
        "all pixels lie between {low:count} and {high:count}, within one half of the range 0 to 255: is the model's "
        "output_range declared correctly?",
        "tous les pixels sont entre {low:count} et {high:count}, dans une moitié de l'intervalle de 0 à 255 : "
        "l'output_range du modèle est-il correctement déclaré ?",
    ),
    "collapsed": (
        "the images are variants of a few pictures, as after mode collapse: the Vendi score of {n:count} of them "
        "is {vendi:hundredths}, that of as many real images {real:hundredths}",
        "les images sont des variantes de quelques-unes, comme après un effondrement de modes : le score de Vendi de "
        "{n:count} d'entre elles est de {vendi:hundredths}, celui d'autant d'images réelles de {real:hundredths}",
    ),
    "one picture": (
        "the images are variants of one picture, as after mode collapse: the Vendi score of {n:count} of them is "
        "{vendi:hundredths}",
        "les images sont des variantes d'une seule, comme après un effondrement de modes : le score de Vendi de "
        "{n:count} d'entre elles est de {vendi:hundredths}",
    ),
    "near duplicates": (
        "{share:percent} of the images are nearly the same as another one, of real images {real:percent}",
        "{share:percent} des images sont presque identiques à une autre, contre {real:percent} des images réelles",
    ),
    "classes lacking": (
        "none of the images is of the class {names:names}",
        "aucune des images n'est de la classe {names:names}",
    ),
    "classes added": (
        "the reference has no class of the name {names:names}: these images are set beside none",
        "la référence n'a pas de classe du nom de {names:names} : ces images ne sont comparées à rien",
    ),
    "classes by number": (
        "the classes of the {one:word} images have names, those of the {other:word} images numbers, and they are not "
        "as many: the first name stands for class 0, and so on",
        "les classes des images {one:word} ont des noms, celles des images {other:word} des numéros, et leurs nombres "
        "diffèrent : le premier nom vaut pour la classe 0, et ainsi de suite",
    ),
    "one image": ("all {n:count} images are the same", "les {n:count} images sont identiques"),
    "same images": (
        "{count:count} of {n:count} images are exact copies of others of the set, of which one appears {most:count} "
        "times",
        "{count:count} des {n:count} images sont des copies exactes d'autres images du même ensemble, dont l'une "
        "apparaît {most:count} fois",
    ),
    "of the reference": (
        "{count:count} distinct images are identical, bit for bit, to images of the reference",
        "{count:count} images distinctes sont identiques, au bit près, à des images de la référence",
    ),
    "compressed": (
        "the {one:word} images show traces of JPEG compression (cosine coefficients of their 8 x 8 blocks cluster at "
        "multiples of {step:count}) and the {other:word} images do not: compression alone changes scores",
        "les images {one:word} portent des traces de compression JPEG (les coefficients en cosinus de leurs blocs de "
        "8 x 8 se concentrent sur les multiples de {step:count}) et les images {other:word} n'en portent pas : la "
        "compression seule change les scores",
    ),
    "blind": (
        "{extractor} gives the same features for all {n:count} images",
        "{extractor} donne les mêmes caractéristiques pour les {n:count} images",
    ),
    "same features": (
        "{count:count} of {n:count} images have exactly the same features as another image",
        "{count:count} des {n:count} images ont exactement les mêmes caractéristiques qu'une autre",
    ),
}


def sentence(finding: Finding, language: str = "en", classes: Mapping[str, str] | None = None) -> str:
    """One sentence, followed by p where there is one; for a rule without a sentence, its name and its facts.
    `classes`: French names of classes, in the plural, where the data set has them."""
    if finding.rule not in SENTENCES:
        said = ", ".join(f"{name} {value}" for name, value in finding.facts.items())
        return f"{finding.rule}: {said}."
    texts = SENTENCES[finding.rule]
    facts = {name: (value, (classes or {}).get(value, "")) if f"{{{name}:of}}" in texts[0] else value
             for name, value in finding.facts.items()}
    text = said_of(texts, facts, language)
    if finding.p is not None and finding.severity != "strength":
        text = f"{text[:-1]} ({p_of(finding.p, language)})."
    if not begins_with_a_name(texts[0]):
        text = text[0].upper() + text[1:]
    return FRENCH_SPACE.sub(FIXED, text) if language == "fr" else text


def begins_with_a_name(text: str) -> bool:
    """Whether a sentence begins with a name, which is not capitalised."""
    before, name, form, _ = next(iter(Formatter().parse(text)))
    return not before and bool(name) and not form


def caution(caveat: Caveat, language: str = "en") -> str:
    """A caveat as a phrase that follows the name of a score."""
    return said_of(CAVEATS[caveat.rule], caveat.facts, language)


def said_of(texts: tuple[str, str], facts: Mapping[str, Any], language: str) -> str:
    """The sentence in one of the two languages, with its facts formatted."""
    parts = Formatter().parse(texts[LANGUAGES.index(language)])
    return "".join(text + (FORMS[form or ""](facts[name], language) if name else "") for text, name, form, _ in parts)


def p_of(p: float, language: str) -> str:
    if p < 0.001:
        return f"p{FIXED}<{FIXED}{number(0.001, 3, language)}"
    return f"p{FIXED}={FIXED}{number(p, 3, language)}"
