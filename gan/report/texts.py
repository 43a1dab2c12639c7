"""What the report says, in English and in French; facts in braces."""

from __future__ import annotations

import re

Bilingual = tuple[str, str]      # English, French
FIXED = "\N{NO-BREAK SPACE}"
FRENCH_SPACE = re.compile(r" (?=[:;?!%])")      # does not break

TEXTS: dict[str, tuple[str, str]] = {
    "other language": ("Français", "English"),
    "many models": ("{count} models compared", "{count} modèles comparés"),
    "contents": ("Contents", "Sommaire"),
    "verdict": ("Verdict", "Verdict"),
    "one best": (
        "{model} is the best of {count} models by {metric}: significantly better than every other model "
        "(Holm-adjusted p < .05).",
        "{model} est le meilleur des {count} modèles selon {metric} : significativement meilleur que chacun des "
        "autres (p "
        "ajusté de Holm < 0,05).",
    ),
    "several best": (
        "{models} do not differ significantly by {metric}: each of them may be the best of {count} models.",
        "{models} ne diffèrent pas significativement selon {metric} : chacun peut être le meilleur des {count} "
        "modèles.",
    ),
    "none best": (
        "{metric} describes models, but a better value does not make a better model: no ranking.",
        "{metric} décrit les modèles, mais une valeur plus haute ou plus basse n'en fait pas un meilleur : pas "
        "de classement.",
    ),
    "far from real": (
        "Even the best is farther from the real images than other real images are: {value} against {floor}.",
        "Même le meilleur est plus loin des images réelles que d'autres images réelles : {value} contre {floor}.",
    ),
    "as near as real": (
        "{model} may be as near to the real images as other real images are: {value} (95 %: {low} to {high}) against "
        "{floor}.",
        "{model} est peut-être aussi proche des images réelles que d'autres images réelles : {value} (95 % : {low} à "
        "{high}) contre {floor}.",
    ),
    "front": (
        "{models}: Pareto-optimal, no other model is both better and faster.",
        "{models} : Pareto-optimal, aucun autre modèle n'est à la fois meilleur et plus rapide.",
    ),
    "disagreement": (
        "By {one}, significantly: {pairs}; by {other} the reverse, significantly too: look at the images.",
        "Selon {one}, significativement : {pairs} ; selon {other} l'inverse, significativement aussi : regardez les "
        "images.",
    ),
    "mixture helps": (
        "A mixture ({shares}) is nearer to the real images than {best} alone, on images that did not choose it: by "
        "{gain} (95 %: {low} to {high}).",
        "Un mélange ({shares}) est plus proche des images réelles que {best} seul, sur des images qui ne l'ont pas "
        "choisi : de {gain} (95 % : {low} à {high}).",
    ),
    "mixture does not help": (
        "No mixture of these models is nearer to the real images than {best} alone (gain on images that did not choose "
        "it: {gain}, 95 %: {low} to {high}).",
        "Aucun mélange de ces modèles n'est plus proche des images réelles que {best} seul (gain sur des images qui ne "
        "l'ont pas choisi : {gain}, 95 % : {low} à {high}).",
    ),
    "mixture doubtful": (
        "Mind that {models} is part of the mixture, whose images are not sound: {why}.",
        "Attention, {models} entre dans le mélange et ses images ne sont pas saines : {why}.",
    ),
    "mixture of one": (
        "No mixture of these models is nearer to the real images than {best} alone.",
        "Aucun mélange de ces modèles n'est plus proche des images réelles que {best} seul.",
    ),
    "scores": ("Scores", "Scores"),
    "scores note": (
        "Value ± standard error; below it the 95 % interval. Bold: no other model is significantly better. The last "
        "column is the same number for as many real images that are not in the reference. Arrows point to better.",
        "Valeur ± erreur type ; dessous, l'intervalle à 95 %. En gras : aucun autre modèle n'est significativement "
        "meilleur. La dernière colonne donne le même nombre pour autant d'images réelles absentes de la référence. Les "
        "flèches indiquent le mieux.",
    ),
    "metric": ("metric", "mesure"),
    "model": ("model", "modèle"),
    "rank": ("rank", "rang"),
    "real images": ("real images", "images réelles"),
    "lower": ("lower is better", "plus bas est mieux"),
    "higher": ("higher is better", "plus haut est mieux"),
    "undecided": ("no direction is better", "aucun sens n'est meilleur"),
    "walls": ("Samples", "Échantillons"),
    "walls note": (
        "The first images of seed {seed}: not chosen. Real images last.",
        "Les premières images de la graine {seed} : non choisies. Les images réelles en dernier.",
    ),
    "wall alt": ("The first {count} images of {model}", "Les {count} premières images de {model}"),
    "real alt": ("{count} images of the reference", "{count} images de la référence"),
    "strengths": ("Strengths and weaknesses", "Forces et faiblesses"),
    "strengths note": (
        "Each finding is a test against real images: the Holm-adjusted p over all tests of a model is below "
        ".01, and the "
        "effect is large enough to matter.",
        "Chaque constat est un test face à des images réelles : le p ajusté de Holm sur tous les tests d'un modèle est "
        "inférieur à 0,01, et l'effet est assez grand pour compter.",
    ),
    "play": ("Real or generated?", "Réelle ou générée ?"),
    "play link": ("Can you tell them apart? Play the blinded test", "Sauriez-vous les distinguer ? Faites le test"),
    "play intro": (
        "{count} images, one at a time: half are real, half come from {models} models. Say of each whether it is real. "
        "You may stop at any time; until then nothing tells whether you are right.",
        "{count} images, une à une : la moitié sont réelles, l'autre vient de {models} modèles. Dites de chacune si "
        "elle est réelle. Vous pouvez arrêter à tout moment ; d'ici là, rien ne dit si vous avez raison.",
    ),
    "play keys": (
        "Left arrow: real. Right arrow: generated. Nothing leaves this page unless you save it.",
        "Flèche gauche : réelle. Flèche droite : générée. Rien ne quitte cette page, sauf si vous l'enregistrez.",
    ),
    "play alt": ("An image, real or generated", "Une image, réelle ou générée"),
    "play result": (
        "How often images were taken for real, and how often you were wrong; at 50 % errors nobody can tell. 95 % "
        "intervals are Wilson's.",
        "La fréquence à laquelle des images ont été prises pour vraies, et celle de vos erreurs ; à 50 % d'erreurs, "
        "nul ne peut trancher. Les intervalles à 95 % sont ceux de Wilson.",
    ),
    "begin": ("Begin", "Commencer"),
    "real": ("Real", "Réelle"),
    "generated": ("Generated", "Générée"),
    "stop": ("Stop and see the result", "Arrêter et voir le résultat"),
    "save": ("Save the answers", "Enregistrer les réponses"),
    "rate": ("rate", "taux"),
    "taken for real": ("taken for real", "prises pour vraies"),
    "interval": ("95 % interval", "intervalle à 95 %"),
    "count": ("count", "nombre"),
    "said wrong": ("your errors, of all images", "vos erreurs, sur toutes les images"),
    "alert": ("Alert", "Alerte"),
    "warning": ("Warning", "Avertissement"),
    "info": ("Note", "Note"),
    "strength": ("Strength", "Force"),
    "pictures": ("Images worth looking at", "Images à regarder"),
    "gallery best": (
        "The most realistic images; below each the nearest real one",
        "Les images les plus réalistes ; sous chacune, l'image réelle la plus proche",
    ),
    "gallery worst": (
        "The least realistic images; below each the nearest real one",
        "Les images les moins réalistes ; sous chacune, l'image réelle la plus proche",
    ),
    "gallery typical": (
        "The most typical images, near to the most real ones; below each the nearest",
        "Les images les plus typiques, proches du plus grand nombre d'images réelles ; sous chacune, la plus proche",
    ),
    "gallery novel": (
        "The most novel images among those that look real; below each the nearest one that the model may know",
        "Les images les plus nouvelles parmi celles qui semblent réelles ; sous chacune, la plus proche que le modèle "
        "peut connaître",
    ),
    "gallery duplicated": (
        "The generated images that are nearest to each other, in pairs",
        "Les images générées les plus proches les unes des autres, par paires",
    ),
    "gallery copies": (
        "The images nearest to one that the model may know; that one is below",
        "Les images les plus proches d'une image que le modèle peut connaître ; celle-ci est dessous",
    ),
    "mode": (
        "An artefact mode: a cluster that holds hardly any real image",
        "Un mode artificiel : un groupe qui ne contient presque aucune image réelle",
    ),
    "slices note class": (
        "Shares of the classes as the classifier sees them, free of the mistakes that it makes on real images, ± "
        "standard error. Bold: a finding above.",
        "Parts des classes selon le classifieur, corrigées des erreurs qu'il fait sur des images réelles, ± erreur "
        "type. En gras : un constat ci-dessus.",
    ),
    "slices note cluster": (
        "Clusters of the real images' features (k-means), largest first, and the generated images' shares of them ± "
        "standard error. Bold: a finding above.",
        "Groupes des caractéristiques des images réelles (k-moyennes), le plus grand d'abord, et la part qu'y ont les "
        "images générées ± erreur type. En gras : un constat ci-dessus.",
    ),
    "class": ("class", "classe"),
    "cluster": ("cluster", "groupe"),
    "slice precision": ("precision", "précision"),
    "slice recall": ("recall", "rappel"),
    "slice coverage": ("coverage", "couverture"),
    "slice kid": ("kernel distance", "distance à noyau"),
    "slice cost": ("part of the Fréchet distance", "part de la distance de Fréchet"),
    "slice cost note": (
        "The last column: what the images of a class add to the Fréchet distance beyond the average image, in per cent "
        "of it; below 0 they bring the model nearer. It adds up to 0.",
        "La dernière colonne : ce que les images d'une classe ajoutent à la distance de Fréchet par rapport à l'image "
        "moyenne, en pour cent de celle-ci ; sous 0, elles rapprochent le modèle. La somme est nulle.",
    ),
    "looks": ("Sharpness, brightness, colour", "Netteté, luminosité, couleur"),
    "looks note": (
        "Below 0 dB the model's images have less power at a frequency than real ones: at the right end that is blur, "
        "above 0 noise or checkerboard artefacts. The table has the difference of means to the real images ± "
        "standard error, "
        "and the Wasserstein-1 distance of the two distributions; brightness and contrast in levels of 255, "
        "sharpness in dB.",
        "Sous 0 dB, les images du modèle ont moins de puissance à une fréquence que les vraies : à droite c'est du "
        "flou ; au-dessus de 0, du bruit ou des artefacts en damier. Le tableau donne l'écart des moyennes aux "
        "images réelles ± "
        "erreur type, et la distance de Wasserstein-1 des deux distributions ; luminosité et contraste en "
        "niveaux sur 255, "
        "netteté en dB.",
    ),
    "chart spectrum": (
        "Power of the images at each frequency beside real images, with 95 % intervals",
        "Puissance des images à chaque fréquence face aux images réelles, avec intervalles à 95 %",
    ),
    "frequency": ("cycles per pixel", "cycles par pixel"),
    "mean of": ("mean", "moyenne"),
    "look brightness": ("brightness", "luminosité"),
    "look contrast": ("contrast", "contraste"),
    "look sharpness": ("sharpness", "netteté"),
    "look edges": ("edges", "contours"),
    "look saturation": ("saturation", "saturation"),
    "look red_green": ("red - green", "rouge - vert"),
    "look yellow_blue": ("yellow - blue", "jaune - bleu"),
    "look hue": ("hue", "teinte"),
    "leads by": (
        "Significantly better than all other models by {metrics}.",
        "Significativement meilleur que tous les autres modèles selon {metrics}.",
    ),
    "nothing found": ("Nothing stands out.", "Rien ne ressort."),
    "chart lead": ("{metric} with 95 % intervals", "{metric} avec intervalles à 95 %"),
    "chart curve": ("Fréchet distance against the number of images", "Distance de Fréchet selon le nombre d'images"),
    "curve note": (
        "A Fréchet distance of few images is biased upwards: compare those of equal numbers only.",
        "Une distance de Fréchet de peu d'images est biaisée vers le haut : ne comparez que celles d'autant "
        "d'images.",
    ),
    "bars": ("Bars: 95 % intervals", "Barres : intervalles à 95 %"),
    "images": ("images", "images"),
    "cost": ("Quality and cost", "Qualité et coût"),
    "cost note": (
        "Measured on {machine}. Evaluations: how often a parameter takes part in making one image, on average. Memory: "
        "beyond that of a process with the libraries loaded.",
        "Mesuré sur {machine}. Évaluations : combien de fois un paramètre participe à une image, en moyenne. Mémoire : "
        "au-delà de celle d'un processus où les bibliothèques sont chargées.",
    ),
    "one thread": ("{processor}, one thread of {cores}", "{processor}, un fil sur {cores}"),
    "parameters": ("parameters", "paramètres"),
    "evaluations": ("evaluations per image", "évaluations par image"),
    "images per second": ("images per second", "images par seconde"),
    "memory": ("memory", "mémoire"),
    "weights": ("file of weights", "fichier des poids"),
    "on the front": ("Pareto-optimal", "Pareto-optimal"),
    "ranks": ("How sure are the ranks?", "Les rangs sont-ils sûrs ?"),
    "ranks note": (
        "By {metric}: the ranks that the significant differences allow, how often the model leads when scores are "
        "drawn from their errors, and the middle 95 % of its ranks then. Models that share a letter do not "
        "differ significantly.",
        "Selon {metric} : les rangs que permettent les différences significatives, la fréquence à laquelle le modèle "
        "mène quand les scores sont tirés selon leurs erreurs, et 95 % de ses rangs alors. Les modèles qui ont une "
        "lettre en commun ne diffèrent pas significativement.",
    ),
    "allowed": ("possible ranks", "rangs possibles"),
    "leads": ("leads", "mène"),
    "drawn ranks": ("ranks when drawn", "rangs au tirage"),
    "group": ("group", "groupe"),
    "pairs": ("Pairs", "Paires"),
    "better": ("better", "meilleur"),
    "worse": ("than", "que"),
    "difference": ("difference", "différence"),
    "p": ("Holm-adjusted p", "p ajusté de Holm"),
    "mixture": ("Mixture", "Mélange"),
    "share": ("share", "part"),
    "published": ("Published under the same protocol", "Publié sous le même protocole"),
    "source": ("source", "source"),
    "value": ("value", "valeur"),
    "slices class": ("Class by class", "Classe par classe"),
    "slices cluster": ("Cluster by cluster", "Groupe par groupe"),
    "methods": ("How it was measured", "Comment c'était mesuré"),
    "methods note": (
        "Protocol {protocol}: {n} images of each model, seed {seed}, against {reference}; features of {extractors}. "
        "Standard errors come from leaving images out, given the reference; intervals are ± 1.96 standard errors. Two "
        "models differ significantly where Holm's adjusted p over all pairs of a metric is below .05. Below five times "
        "as many images as features the kernel distance leads, which is unbiased.",
        "Protocole {protocol} : {n} images de chaque modèle, graine {seed}, face à {reference} ; caractéristiques de "
        "{extractors}. Les erreurs types viennent de l'omission d'images, la référence étant donnée ; les intervalles "
        "sont ± 1,96 erreur type. Deux modèles diffèrent significativement quand le p ajusté de Holm sur toutes les "
        "paires d'une mesure est inférieur à 0,05. En dessous de cinq fois plus d'images que de caractéristiques, la "
        "distance à noyau prime, car elle est sans biais.",
    ),
    "what": ("description", "description"),
    "provenance": ("Provenance", "Provenance"),
    "again": ("To make this again:", "Pour le refaire :"),
    "said of": ("{what}: {said}", "{what} : {said}"),
    "warnings": ("Caveats", "Réserves"),
    "made": ("Made", "Fait"),
    "digest": ("digest", "empreinte"),
}


# What metrics are, in French, by row of METRICS; in English they say it themselves.
WHAT = {
    "fd": "distance entre deux gaussiennes ajustées aux caractéristiques ; biaisée vers le haut quand n est petit",
    "fd_infinity": "fd sans son biais, pour que des modèles mesurés sur des nombres inégaux d'images se comparent ; "
                   "peut être négative",
    "sfd": "fd sur une couche spatiale, sensible à la disposition dans l'image",
    "kid": "carré de la MMD avec un noyau cubique sur les caractéristiques ; sans biais, donc parfois négatif",
    "cmmd": "carré de la MMD, fois 1 000, avec un noyau gaussien sur des caractéristiques de longueur 1 ; prévu pour "
            "CLIP",
    "is": "confiance et variété des prédictions d'un classifieur, de 1 au nombre de classes",
    "precision": "part des images générées aussi proches d'une vraie que la troisième voisine réelle de celle-ci",
    "recall": "part des images réelles aussi proches d'une image générée que la troisième voisine générée de "
              "celle-ci",
    "density": "combien de voisinages de cinq images réelles contiennent une image générée, en moyenne ; 1 pour des "
               "distributions égales",
    "coverage": "part des images réelles qui ont une image générée parmi ce qui va jusqu'à leur cinquième voisine "
                "réelle",
    "realism": "à quelle profondeur parmi les images réelles se trouve l'image générée médiane ; 1 est la frontière",
    "vendi": "nombre effectif d'images différentes : de 1 à n",
    "diversity": "distance moyenne entre deux images générées : 1 moins le cosinus de leurs caractéristiques",
    "duplicates": "part des images générées plus proches entre elles que ne le sont les vraies, à un taux de fausses "
                  "découvertes de 5 %",
    "authpct": "part des images générées plus loin de l'image d'entraînement la plus proche que celle-ci ne l'est des "
               "autres ; 0 pour des copies, ce qu'ont des images réelles inconnues",
    "copies": "part des images générées plus proches d'une image d'entraînement que des images réelles inconnues, à "
              "un "
              "taux de fausses découvertes de 5 %",
    "ct": "les images générées sont-elles plus proches des images d'entraînement que des images réelles inconnues ? "
          "loin sous 0 : copiées ; loin au-dessus : plus loin que les vraies",
    "mifid": "fd, relevée là où la distance moyenne à l'image d'entraînement la plus proche est sous un seuil "
             "(torchmetrics prend cette moyenne sur les images d'entraînement)",
    "fld": "à quel point des images réelles inconnues sont improbables sous une densité posée sur les images "
           "générées ; "
           "les copies coûtent",
    "fld_precision": "à quel point les images générées sont improbables sous une densité posée sur des images réelles "
                     "inconnues",
    "fld_gap": "de combien la densité posée sur les images générées convient mieux aux images inconnues qu'aux images "
               "d'entraînement ; sous 0 : mémorisation",
    "accuracy": "part des images que le juge prend pour la classe demandée ; pour les modèles conditionnels",
}


def both(key: str, **facts: tuple[str, str] | str) -> tuple[str, str]:
    """A text in both languages; a fact may differ between them."""
    pairs = {name: fact if isinstance(fact, tuple) else (fact, fact) for name, fact in facts.items()}
    one, other = (said.replace(" < ", f"{FIXED}<{FIXED}") for said in TEXTS[key])
    other = FRENCH_SPACE.sub(FIXED, other)
    return (one.format(**{name: pair[0] for name, pair in pairs.items()}),
            other.format(**{name: pair[1] for name, pair in pairs.items()}))
