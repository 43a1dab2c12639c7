"""The texts of a study, in English and in French; facts are in braces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganbench.gan.numbers import english, french
from ganbench.gan.report.texts import Bilingual, filled
from ganbench.gan.words import LANGUAGES, joined

THEME: Mapping[str, Bilingual] = {
    "evaluate": ("Evaluate", "Évaluer"),
    "compare": ("Compare", "Comparer"),
    "explore": ("Explore", "Explorer"),
    "apply": ("Apply", "Appliquer"),
    "improve": ("Improve", "Améliorer"),
    "share": ("Share", "Partager"),
}
TITLE: Mapping[str, Bilingual] = {
    "data": ("The real images", "Les images réelles"),
    "evaluate": ("Scores", "Scores"),
    "audit": ("Copies of training images", "Copies d'images d'entraînement"),
    "curves": ("Learning curves", "Courbes d'apprentissage"),
    "baselines": ("Baselines on the same images", "Modèles de référence sur les mêmes images"),
    "compare": ("Beside other models", "À côté d'autres modèles"),
    "ensemble": ("Several models as one", "Plusieurs modèles en un"),
    "explore": ("The latent space", "L'espace latent"),
    "interpolate": ("A film through the latent space", "Un film à travers l'espace latent"),
    "augment": ("As training images of a classifier", "Comme images d'entraînement d'un classifieur"),
    "restore": ("Restoring damaged images", "Restaurer des images abîmées"),
    "stylize": ("One image in the style of another", "Une image dans le style d'une autre"),
    "specialise": ("Where more training would help", "Où poursuivre l'entraînement"),
    "publish": ("Model card and publication", "Fiche du modèle et publication"),
}
WORK: Mapping[str, Bilingual] = {          # what a stage does, in the plan
    "data": ("read, check and split the images", "lire, vérifier et répartir les images"),
    "evaluate": ("draw images, score them with errors", "tirer des images, calculer les scores et leurs erreurs"),
    "audit": ("look for copies", "chercher des copies"),
    "curves": ("read the logs", "lire les journaux"),
    "baselines": ("train other models", "entraîner d'autres modèles"),
    "compare": ("rank all models, write the report", "classer les modèles, rédiger le rapport"),
    "ensemble": ("find the best mixture", "chercher le meilleur mélange"),
    "explore": ("a page to walk in", "une page à parcourir"),
    "interpolate": ("a film, and how smooth it is", "un film et sa régularité"),
    "augment": ("train classifiers with its images", "entraîner des classifieurs avec ses images"),
    "restore": ("fill holes, beside classical methods", "combler des trous, à côté de méthodes classiques"),
    "stylize": ("transfer a style", "transférer un style"),
    "specialise": ("say which images are worst", "dire quelles images sont les moins bonnes"),
    "publish": ("write the card and the plan", "rédiger la fiche et le plan"),
}
WHY: Mapping[str, Bilingual] = {
    "asked": ("left out by --without", "écarté par --without"),
    "no logs": ("no --logs were given", "aucun journal (--logs) n'a été indiqué"),
    "no classes": ("the images have no classes", "les images n'ont pas de classes"),
    "images": ("the model is images on disk, which has no network to draw with",
               "le modèle est un ensemble d'images : il n'y a pas de réseau à interroger"),
    "budget": ("the budget has no room for it; give a larger --budget",
               "le budget n'y suffit pas ; augmenter --budget"),
    "alone": ("there is no other model: no room for baselines, and none by --against",
              "il n'y a pas d'autre modèle : pas de place pour des références, et aucun avec --against"),
}
SAID: Mapping[str, Bilingual] = {
    "title": ("{model} on {data}", "{model} sur {data}"),
    "lead": ("What ganbench found, in {time} of a budget of {budget}. Everything here is a file in this folder; no "
             "page loads anything from the network.",
             "Ce que ganbench a constaté, en {time} sur un budget de {budget}. Tout est dans ce dossier ; aucune page "
             "ne charge quoi que ce soit du réseau."),
    "other language": ("En français", "In English"),
    "running": ("This page grows: the study is still running.",
                "Cette page se complète : l'étude est en cours."),
    "again": ("Again", "Refaire"),
    "plan": ("Plan and time", "Plan et durée"),
    "stage": ("Stage", "Étape"),
    "work": ("Work", "Travail"),
    "expected": ("Expected", "Prévu"),
    "took": ("Took", "Réel"),
    "left out": ("Left out: {why}.", "Écarté : {why}."),
    "failed": ("This stage failed: {why}", "Cette étape a échoué : {why}"),
    "refused": ("Left out: {why}", "Écarté : {why}"),
    "details": ("All numbers of this stage", "Tous les chiffres de cette étape"),
    "images": ("{n} images of {data}, {size}, {colours}{classes}. Baselines learn from {learn} of them; {held} are "
               "held out to measure with.",
               "{n} images de {data}, {size}, {colours}{classes}. Les modèles de référence en apprennent {learn} ; "
               "{held} sont mises de côté pour mesurer."),
    "some of them": (" (evenly chosen among {there})", " (choisies régulièrement parmi {there})"),
    "classes": (", {k} classes", ", {k} classes"),
    "fitted": ("They were {sizes} and were fitted to the model's size and colours ({fit}).",
               "Elles étaient en {sizes} et ont été adaptées à la taille et aux couleurs du modèle ({fit})."),
    "held out images": ("Some of the real images that are held out", "Quelques images réelles mises de côté"),
    "apart": ("Its images can be told from real ones: by {metric}, {n} of them are significantly farther from the "
              "real images than other real images are.",
              "Ses images se distinguent des vraies : selon {metric}, {n} d'entre elles sont significativement plus "
              "loin des images réelles que d'autres images réelles."),
    "not apart": ("By {metric}, {n} of its images are not significantly farther from the real images than other real "
                  "images are.",
                  "Selon {metric}, {n} de ses images ne sont pas significativement plus loin des images réelles que "
                  "d'autres images réelles."),
    "score": ("{metric}: {value} ± {se} (real images: {floor})",
              "{metric} : {value} ± {se} (images réelles : {floor})"),
    "score alone": ("{metric}: {value} ± {se}", "{metric} : {value} ± {se}"),
    "seen": ("Should the model have learnt the held-out images, too, these numbers flatter it.",
             "Si le modèle a aussi appris les images mises de côté, ces chiffres le flattent."),
    "its images": ("Images that the model drew", "Images tirées du modèle"),
    "copies": ("{listed} of {n} images are listed as copies of training images.",
               "{listed} images sur {n} sont signalées comme copies d'images d'entraînement."),
    "nearer": ("{share} are as near to a training image as 5 % of unseen real images are: {more} (p = {p}).",
               "{share} sont aussi proches d'une image d'entraînement que 5 % des images réelles inédites : {more} "
               "(p = {p})."),
    "more": ("significantly more than a model that does not copy would have",
             "significativement plus que pour un modèle qui ne copie pas"),
    "not more": ("no more than expected of a model that does not copy",
                 "pas plus qu'attendu d'un modèle qui ne copie pas"),
    "nearest images": ("The most suspicious images beside the nearest training images",
                       "Les images les plus suspectes à côté des images d'entraînement les plus proches"),
    "curves sheet": ("Losses and scores by training step", "Pertes et scores par pas d'entraînement"),
    "trained": ("{kind}: {steps} steps, best snapshot at step {best}.",
                "{kind} : {steps} pas, meilleur instantané au pas {best}."),
    "equal": ("Each was given the same time on this machine, about {time}: what a network learns in it says how hard "
              "the images are, not how good such models become.",
              "Chacun a reçu la même durée sur cette machine, environ {time} : ce qu'un réseau y apprend dit la "
              "difficulté des images, pas ce que deviennent de tels modèles."),
    "mixture": ("{shares}: together they come nearer to the real images than {best} alone, by {gain} of {metric}.",
                "{shares} : ensemble, ils s'approchent davantage des images réelles que {best} seul, de {gain} en "
                "{metric}."),
    "no mixture": ("No mixture of them was found to be significantly nearer to the real images than {best} alone.",
                   "Aucun mélange ne s'est révélé significativement plus proche des images réelles que {best} seul."),
    "page": ("A page to walk through what the model has learnt: seeds, truncation, directions, mixing, a map of "
             "images. It computes in the browser ({size} MB).",
             "Une page pour parcourir ce que le modèle a appris : graines, troncature, directions, mélanges, carte "
             "d'images. Elle calcule dans le navigateur ({size} Mo)."),
    "film": ("{frames} frames along {kind} paths in {space}; the largest change between two frames is {ratio} times "
             "the median one (1: perfectly even).",
             "{frames} images le long de trajets {kind} dans {space} ; le plus grand changement entre deux images vaut "
             "{ratio} fois le changement médian (1 : parfaitement régulier)."),
    "smooth": ("Perceptual path length of {space}: {value} ± {se}; lower is smoother.",
               "Longueur perceptuelle des trajets dans {space} : {value} ± {se} ; plus bas est plus lisse."),
    "film strip": ("Frames of the film", "Images du film"),
    "helps": ("Its images help a classifier that has {real} real ones: {gain} points of accuracy ({low} to {high}).",
              "Ses images aident un classifieur qui en a {real} réelles : {gain} points d'exactitude ({low} à "
              "{high})."),
    "neutral": ("Its images neither help nor harm a classifier that has {real} real ones: {gain} points ({low} to "
                "{high}).",
                "Ses images n'aident ni ne gênent un classifieur qui en a {real} réelles : {gain} points ({low} à "
                "{high})."),
    "harms": ("Its images harm a classifier that has {real} real ones: {gain} points ({low} to {high}).",
              "Ses images gênent un classifieur qui en a {real} réelles : {gain} points ({low} à {high})."),
    "cannot tell": ("This test cannot tell whether its images help: {gain} points ({low} to {high}) beside {real} real "
                    "ones, where more real images help too little, or too few were tested.",
                    "Ce test ne permet pas de conclure : {gain} points ({low} à {high}) à côté de {real} images "
                    "réelles, là où davantage d'images réelles aident trop peu, ou trop peu ont été testées."),
    "accuracy": ("Accuracy with and without its images", "Exactitude avec et sans ses images"),
    "restored": ("{damage}: {method} restores best, {psnr} dB of PSNR over {n} held-out images.",
                 "{damage} : {method} restaure le mieux, {psnr} dB de PSNR sur {n} images mises de côté."),
    "better": ("It is better than {against} by {difference} dB (95 %: {low} to {high}).",
               "Mieux que {against} de {difference} dB (95 % : {low} à {high})."),
    "not better": ("It is not clearly better than {against}: {difference} dB (95 %: {low} to {high}).",
                   "L'écart avec {against} n'est pas net : {difference} dB (95 % : {low} à {high})."),
    "restored images": ("Whole, damaged and restored images", "Images entières, abîmées et restaurées"),
    "style": ("At full strength {left} of the distance from the style is left ({judge}, which was not optimised).",
              "À pleine force, il reste {left} de la distance au style ({judge}, qui n'a pas été optimisé)."),
    "class kept": ("The class is kept.", "La classe est conservée."),
    "class lost": ("The class is lost.", "La classe est perdue."),
    "style strip": ("From the content to the style, by strength", "Du contenu vers le style, par force croissante"),
    "weak parts": ("Farthest from the real images of their kind: {parts}.",
                   "Les plus éloignées des images réelles de leur sorte : {parts}."),
    "no weak parts": ("No part of the images has enough of them to say which is worst.",
                      "Aucune partie des images n'en compte assez pour dire laquelle est la moins bonne."),
    "class of": ("class {name}", "classe {name}"),
    "cluster of": ("cluster {name}", "groupe {name}"),
    "images of cluster": ("Real images of cluster {name}", "Images réelles du groupe {name}"),
    "goes on": ("{command} lets the model learn on there, by several strategies, and says what it forgets.",
                "{command} y poursuit l'entraînement, par plusieurs stratégies, et dit ce qui est oublié."),
    "no recipe": ("ganbench has no recipe to go on with such a model: train it on there with its own code.",
                  "ganbench n'a pas de recette pour ce type de modèle : poursuivre avec son propre code."),
    "planned files": ("{n} files, {size} MB, are ready to be published: weights, card, numbers and pictures.",
                      "{n} fichiers, {size} Mo, sont prêts à être publiés : poids, fiche, chiffres et images."),
    "obstacles": ("Before that: {what}", "Avant cela : {what}"),
}


def said(key: str, **facts: Bilingual | str) -> Bilingual:
    return filled(SAID[key], **facts)


def time_of(seconds: float) -> Bilingual:
    """`40 s`, `3 min`, `1.5 h`."""
    if seconds < 100:
        return (f"{max(1, round(seconds))} s",) * 2
    if seconds < 5_400:
        return (f"{seconds / 60:.0f} min",) * 2
    return f"{english(seconds / 3_600, 1)} h", f"{french(seconds / 3_600, 1)} h"


def listed(names: Sequence[Bilingual | str]) -> Bilingual:
    """`a, b and c`."""
    pairs = [name if isinstance(name, tuple) else (name, name) for name in names]
    one, other = (joined([pair[place] for pair in pairs], language) for place, language in enumerate(LANGUAGES))
    return one, other
