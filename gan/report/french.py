"""French for what the rest of `gan` says in English alone: what metrics are, warnings, machines."""

from __future__ import annotations

import re

from ganbench.gan.report.numbers import THIN

# By row of METRICS.
WHAT = {
    "fd": "distance entre deux gaussiennes ajustées aux caractéristiques ; biaisée vers le haut quand n est petit",
    "fd_infinity": "fd sans son biais, pour que des modèles mesurés sur des nombres inégaux d'images se comparent ; "
                   "peut "
                   "être négative",
    "sfd": "fd sur une couche qui garde les positions, et voit donc comment les choses sont disposées",
    "kid": "carré de la MMD avec un noyau cubique sur les caractéristiques ; sans biais, donc parfois négatif",
    "cmmd": "carré de la MMD, fois 1 000, avec un noyau gaussien sur des caractéristiques de longueur 1 ; prévu pour "
            "CLIP",
    "is": "à quel point les prédictions d'un classifieur sont sûres et variées, de 1 au nombre de classes",
    "precision": "part des images produites aussi proches d'une vraie que la troisième voisine réelle de celle-ci",
    "recall": "part des images réelles aussi proches d'une image produite que la troisième voisine produite de "
              "celle-ci",
    "density": "combien de voisinages de cinq images réelles contiennent une image produite, en moyenne ; 1 pour des "
               "lois égales",
    "coverage": "part des images réelles qui ont une image produite parmi ce qui va jusqu'à leur cinquième voisine "
                "réelle",
    "realism": "à quelle profondeur parmi les images réelles se trouve l'image produite médiane ; 1 est la frontière",
    "vendi": "combien il y a, en effet, d'images différentes : de 1 à n",
    "diversity": "distance moyenne entre deux images produites : 1 moins le cosinus de leurs caractéristiques",
    "duplicates": "part des images produites plus proches entre elles que ne le sont les vraies, à un taux de fausses "
                  "découvertes de 5 %",
    "authpct": "part des images produites plus loin de l'image d'entraînement la plus proche que celle-ci ne l'est des "
               "autres ; 0 pour des copies, ce que dit le plancher pour des images réelles inconnues",
    "copies": "part des images produites plus proches d'une image d'entraînement que des images réelles inconnues, à "
              "un "
              "taux de fausses découvertes de 5 %",
    "ct": "les images produites sont-elles plus proches des images d'entraînement que des images réelles inconnues ? "
          "loin sous 0 : copiées ; loin au-dessus : plus loin que les vraies",
    "mifid": "fd, relevée là où la distance moyenne à l'image d'entraînement la plus proche est sous un seuil "
             "(torchmetrics prend cette moyenne sur les images d'entraînement)",
    "fld": "à quel point des images réelles inconnues sont improbables sous une densité posée sur les images "
           "produites ; "
           "les copies coûtent",
    "fld_precision": "à quel point les images produites sont improbables sous une densité posée sur des images réelles "
                     "inconnues",
    "fld_gap": "de combien la densité posée sur les images produites convient mieux aux images inconnues qu'aux images "
               "d'entraînement ; sous 0 : mémoire",
    "accuracy": "part des images que le juge prend pour la classe demandée ; pour les modèles conditionnels",
}

# Warnings and machines; what is in braces stands in the English text.
SAID = {
    "biased upwards: {n} images are fewer than 5 x {d} features, and their covariance has no full rank (at most "
    "{rank}); "
    "compare with the floor, trust KID":
        "biaisé vers le haut : {n} images sont moins que 5 x {d} caractéristiques, et leur covariance n'est pas de "
        "plein "
        "rang (au plus {rank}) ; comparez au plancher, fiez-vous à KID",
    "biased upwards: {n} images are fewer than 5 x {d} features; compare with the floor, trust KID":
        "biaisé vers le haut : {n} images sont moins que 5 x {d} caractéristiques ; comparez au plancher, fiez-vous à "
        "KID",
    "closer to the reference than other real images are: are copies of the reference among the images?":
        "plus proche de la référence que d'autres images réelles : y a-t-il des copies de la référence parmi les "
        "images ?",
    "precision {p} with recall {r}: the images are all alike to a small part of the real ones, as after mode collapse "
    "or "
    "strong truncation":
        "précision {p} avec rappel {r} : les images ressemblent toutes à une petite partie des vraies, comme après un "
        "effondrement des modes ou une forte troncature",
    "no floor: {data} has fewer than {n} images": "pas de plancher : {data} a moins de {n} images",
    "not FID's own weights: the given file's sha256 is {digest}":
        "ce ne sont pas les poids de FID : le sha256 du fichier donné est {digest}",
    "{name} is left out: {why}": "{name} est omis : {why}",
    "all pixels lie between {low} and {high}, half of the range: is the output_range of the model declared as it is?":
        "tous les pixels sont entre {low} et {high}, la moitié de l'étendue : l'output_range du modèle est-il bien "
        "déclaré ?",
    "{k} of {n} images are exact copies of others of the set, one of them {most} times":
        "{k} des {n} images sont des copies exactes d'autres du même ensemble, l'une d'elles {most} fois",
    "{k} of the images are, to the last bit, images of the reference":
        "{k} des images sont, au bit près, des images de la référence",
    "the generated images went through JPEG (their 8 x 8 blocks hold multiples of {step} only) and the reference "
    "images "
    "did not: compression alone moves every score":
        "les images produites sont passées par JPEG (leurs blocs de 8 x 8 n'ont que des multiples de {step}) et celles "
        "de la référence non : la compression seule change toutes les mesures",
    "the reference images went through JPEG (their 8 x 8 blocks hold multiples of {step} only) and the generated "
    "images "
    "did not: compression alone moves every score":
        "les images de la référence sont passées par JPEG (leurs blocs de 8 x 8 n'ont que des multiples de {step}) et "
        "celles du modèle non : la compression seule change toutes les mesures",
    "{k} of {n} images have exactly the features of another one":
        "{k} des {n} images ont exactement les caractéristiques d'une autre",
    "{processor}, one thread of {n}": "{processor}, un fil sur {n}",
}


def in_french(text: str) -> str:
    """What SAID has for a text; other texts stay as they are."""
    for english, french in SAID.items():
        if found := re.fullmatch(pattern(english), text):
            facts = {name: re.sub(r"(?<=\d),(?=\d{3})", THIN, value) for name, value in found.groupdict().items()}
            return french.format(**facts)
    return text


def pattern(english: str) -> str:
    """A regular expression that matches the text with anything in the places of its braces."""
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(english))
