"""The report's texts, in English and in French; facts are in braces."""

from __future__ import annotations

import re
from datetime import date

Bilingual = tuple[str, str]      # English, French
FIXED = "\N{NO-BREAK SPACE}"
MONTHS = (("January", "janvier"), ("February", "février"), ("March", "mars"), ("April", "avril"), ("May", "mai"),
          ("June", "juin"), ("July", "juillet"), ("August", "août"), ("September", "septembre"),
          ("October", "octobre"), ("November", "novembre"), ("December", "décembre"))
FRENCH_SPACE = re.compile(r" (?=[:;?!%])")      # does not break

TEXTS: dict[str, tuple[str, str]] = {
    "other language": ("Français", "English"),
    "curves": ("Learning curves", "Courbes d'apprentissage"),
    "curves note": ("The trainings of those models whose log lies beside their weights. The losses of a GAN do not say "
                    "how good its images are; what the rules found in the curves is listed below.",
                    "Les entraînements des modèles dont le journal se trouve à côté des poids. Les pertes d'un GAN ne "
                    "disent pas si ses images sont bonnes ; ce que les règles ont décelé figure ci-dessous."),
    "curves of": ("Learning curves: {what}", "Courbes d'apprentissage : {what}"),
    "points of runs": ("{points} points, runs: {runs}", "{points} points, entraînements : {runs}"),
    "diagnosis": ("Diagnosis", "Diagnostic"),
    "nothing wrong": ("None of the rules that apply found anything wrong.",
                      "Aucune des règles applicables n'a décelé d'anomalie."),
    "step": ("Step", "Pas"),
    "raw values": ("raw values", "valeurs brutes"),
    "curves legend": (
        "Faint: as logged. Bold: smoothed over all points. Triangles: values beyond the range; crosses: NaN or "
        "infinity; bars: 95 % intervals; dotted: a restart.",
        "Pâle : valeurs enregistrées. Gras : lissées sur tous les points. Triangles : valeurs hors cadre ; croix : NaN "
        "ou infini ; barres : intervalles à 95 % ; pointillés : une reprise.",
    ),
    "curves band": ("Grey: where healthy runs lie, of the same recipe or those that were given.",
                    "Gris : la plage des entraînements sains, ceux de la même recette ou ceux qui ont été indiqués."),
    "last values": ("Last values", "Dernières valeurs"),
    "curve": ("Curve", "Courbe"),
    "run": ("Run", "Entraînement"),
    "points": ("Points", "Points"),
    "last step": ("Last step", "Dernier pas"),
    "last value": ("Last value", "Dernière valeur"),
    "best value": ("Best value", "Meilleure valeur"),
    "at step": ("At step", "Au pas"),
    "contents": ("Contents", "Sommaire"),
    "verdict": ("Verdict", "Verdict"),
    "one model": (
        "{models} are one model: equal weights, or images, and equal settings. Their scores say the same twice.",
        "{models} sont un seul et même modèle : mêmes poids, ou images, et mêmes réglages. Leurs scores se répètent.",
    ),
    "far from real": (
        "Even the best images can be told from real ones: their distance from the real images is {value}, that of as "
        "many real images {floor} ({metric}).",
        "Même les meilleures images se distinguent des vraies : leur distance aux images réelles est de {value}, "
        "contre {floor} pour autant de vraies images ({metric}).",
    ),
    "far by": (
        "Even the best model is significantly behind real images: {value} against {floor} by {metric}.",
        "Même le meilleur modèle reste significativement derrière de vraies images : {value} contre {floor} selon "
        "{metric}.",
    ),
    "as near as real": (
        "{model} is not significantly farther from the real images than held-out real images are: {value} (95 %: {low} "
        "to {high}) against {floor}.",
        "{model} n'est pas significativement plus loin des images réelles que ne le sont de vraies images mises de "
        "côté : {value} (95 % : {low} à {high}) contre {floor}.",
    ),
    "front": (
        "Best trade-offs between quality and speed (no other model is both better and faster): {models}.",
        "Meilleurs compromis entre qualité et vitesse (aucun autre modèle n'est à la fois meilleur et plus rapide) : "
        "{models}.",
    ),
    "disagreement": (
        "The metrics disagree: by {one} {pairs}, by {other} the reverse, both significantly. Look at the images.",
        "Les métriques se contredisent : selon {one}, {pairs} ; selon {other}, c'est l'inverse, et les deux écarts "
        "sont significatifs. Regardez les images.",
    ),
    "better than": ("{better} is better than {worse}", "{better} est meilleur que {worse}"),
    "mixture helps": (
        "A mixture ({shares}) is nearer to the real images than {best} alone, by {gain} (95 % confidence interval: "
        "{low} to {high}), on images that were not used to choose it.",
        "Un mélange ({shares}) est plus proche des images réelles que {best} seul, de {gain} (intervalle de confiance "
        "à 95 % : {low} à {high}), sur des images qui n'ont pas servi à le choisir.",
    ),
    "mixture does not help": (
        "No mixture of these models was found to be significantly nearer to the real images than {best} alone (gain of "
        "the best mixture, on images that were not used to choose it: {gain}, 95 % confidence interval: {low} to "
        "{high}).",
        "Aucun mélange de ces modèles ne s'est montré significativement plus proche des images réelles que {best} seul "
        "(gain du meilleur mélange, sur des images qui n'ont pas servi à le choisir : {gain}, intervalle de confiance "
        "à 95 % : {low} à {high}).",
    ),
    "mixture doubtful": (
        "But the mixture contains images of {models}, about which there is a warning: {why}.",
        "Mais le mélange contient des images de {models}, qui font l'objet d'un avertissement : {why}.",
    ),
    "mixture of one": (
        "No mixture of these models was found to be nearer to the real images than {best} alone.",
        "Aucun mélange de ces modèles ne s'est montré plus proche des images réelles que {best} seul.",
    ),
    "scores": ("Scores", "Scores"),
    "scores note": (
        "Value ± standard error; below it the 95 % confidence interval. Bold: no other model is significantly better. "
        "The last column gives the score of the same number of real images that are not in the reference. "
        "Arrows show which direction is better.",
        "Valeur ± erreur type ; dessous, l'intervalle de confiance à 95 %. En gras : aucun autre modèle n'est "
        "significativement meilleur. La dernière colonne donne le score d'autant d'images réelles absentes de la "
        "référence. Les flèches indiquent le sens dans lequel le score est meilleur.",
    ),
    "metric": ("metric", "métrique"),
    "model": ("model", "modèle"),
    "rank": ("rank", "rang"),
    "real images": ("real images", "images réelles"),
    "lower": ("lower is better", "plus bas est mieux"),
    "higher": ("higher is better", "plus haut est mieux"),
    "undecided": ("neither direction is better", "aucun sens n'est meilleur"),
    "walls": ("Samples", "Échantillons"),
    "walls note": (
        "The first images of seed {seed}, not selected. Real images come last.",
        "Les premières images de la graine {seed}, sans sélection. Les images réelles viennent en dernier.",
    ),
    "strengths": ("Strengths and weaknesses", "Forces et faiblesses"),
    "strengths note": (
        "Each weakness is the result of a statistical test against real images: its p-value, Holm-adjusted over all "
        "tests of the model, is below .01, and the effect is large enough to matter.",
        "Chaque faiblesse résulte d'un test statistique contre de vraies images : sa valeur p, ajustée par la méthode "
        "de Holm sur tous les tests du modèle, est inférieure à 0,01, et l'effet est assez grand pour compter.",
    ),
    "play": ("Real or generated?", "Réelle ou générée ?"),
    "explore link": ("Move through the GANs among them yourself", "Parcourez vous-même les GAN parmi eux"),
    "play link": ("Can you tell them apart? Take the blind test",
                  "Saurez-vous les distinguer ? Faites le test en aveugle"),
    "play intro": (
        "{count} images, one at a time: half are real, half come from {models} models. Decide for each whether it is "
        "real. You may stop at any time; whether your answers are right is shown only then.",
        "{count} images, une à une : la moitié sont réelles, les autres viennent de {models} modèles. Dites pour "
        "chacune si elle est réelle. Vous pouvez arrêter à tout moment ; les réponses justes ne sont montrées qu'à la "
        "fin.",
    ),
    "play keys": (
        "Left arrow: real. Right arrow: generated. Your answers stay on this page unless you save them.",
        "Flèche gauche : réelle. Flèche droite : générée. Vos réponses restent sur cette page, sauf si vous les "
        "enregistrez.",
    ),
    "play alt": ("An image, real or generated", "Une image, réelle ou générée"),
    "play result": (
        "How often images were judged to be real, and how often you were wrong; 50 % errors is what guessing gives. "
        "95 % confidence intervals by Wilson's method.",
        "Fréquence à laquelle des images ont été jugées réelles, et fréquence de vos erreurs ; 50 % d'erreurs "
        "correspondent à une réponse au hasard. Intervalles de confiance à 95 % selon Wilson.",
    ),
    "begin": ("Begin", "Commencer"),
    "real": ("Real", "Réelle"),
    "generated": ("Generated", "Générée"),
    "stop": ("Stop and see the result", "Arrêter et voir le résultat"),
    "save": ("Save the answers", "Enregistrer les réponses"),
    "rate": ("rate", "taux"),
    "taken for real": ("judged real", "jugées réelles"),
    "interval": ("95 % confidence interval", "intervalle de confiance à 95 %"),
    "count": ("count", "nombre"),
    "said wrong": ("your errors, over all images", "vos erreurs, sur toutes les images"),
    "alert": ("Alert", "Alerte"),
    "warning": ("Warning", "Avertissement"),
    "info": ("Note", "Note"),
    "strength": ("Strength", "Force"),
    "pictures": ("Images worth looking at", "Images à regarder"),
    "gallery best": (
        "The most realistic images; below each, the nearest real image",
        "Les images les plus réalistes ; sous chacune, l'image réelle la plus proche",
    ),
    "gallery worst": (
        "The least realistic images; below each, the nearest real image",
        "Les images les moins réalistes ; sous chacune, l'image réelle la plus proche",
    ),
    "gallery typical": (
        "The most typical images, which are near the largest number of real images; below each, the nearest real image",
        "Les images les plus typiques, proches du plus grand nombre d'images réelles ; sous chacune, l'image réelle la "
        "plus proche",
    ),
    "gallery novel": (
        "The most novel images among those that look real; below each, the nearest training (or reference) image",
        "Les images les plus originales parmi celles qui semblent réelles ; sous chacune, l'image d'entraînement (ou "
        "de référence) la plus proche",
    ),
    "gallery duplicated": (
        "The pairs of generated images that are nearest to each other",
        "Les paires d'images générées les plus proches l'une de l'autre",
    ),
    "gallery copies": (
        "The images nearest to a training (or reference) image; below each, that image",
        "Les images les plus proches d'une image d'entraînement (ou de référence) ; sous chacune, cette image",
    ),
    "mode": (
        "An artefact mode: a cluster that contains hardly any real image",
        "Un artefact : un groupe qui ne contient presque aucune image réelle",
    ),
    "slices note class": (
        "Shares of the classes according to the classifier, corrected for the errors that it makes on real images, ± "
        "standard error. Bold: a deviation reported above.",
        "Parts des classes selon le classifieur, corrigées des erreurs qu'il fait sur des images réelles, ± erreur "
        "type. En gras : un écart signalé ci-dessus.",
    ),
    "slices note cluster": (
        "Clusters of the real images' features (k-means), the largest first, and the share of the generated images in "
        "each, ± standard error. Bold: a deviation reported above.",
        "Groupes (k-means) des caractéristiques des images réelles, le plus grand d'abord, et la part des images "
        "générées dans chacun, ± erreur type. En gras : un écart signalé ci-dessus.",
    ),
    "class": ("class", "classe"),
    "cluster": ("cluster", "groupe"),
    "slice precision": ("precision", "précision"),
    "slice recall": ("recall", "rappel"),
    "slice coverage": ("coverage", "couverture"),
    "slice kid": ("kernel distance", "distance à noyau"),
    "slice cost": ("share of the Fréchet distance", "part de la distance de Fréchet"),
    "slice cost note": (
        "Last column: how much the images of a class or cluster add to the Fréchet distance, compared with average "
        "images, in per cent of the distance; negative values reduce it. The column adds up to 0.",
        "Dernière colonne : ce que les images d'une classe ou d'un groupe ajoutent à la distance de Fréchet par "
        "rapport à des images moyennes, en pour cent de cette distance ; une valeur négative la réduit. La somme de la "
        "colonne est nulle.",
    ),
    "looks": ("Sharpness, brightness, colour", "Netteté, luminosité, couleur"),
    "looks note": (
        "Below 0 dB the model's images have less power at a frequency than real images. At high frequencies that means "
        "blur; values above 0 mean noise or checkerboard artefacts. The table gives the difference of the means from "
        "that of real images ± standard error, and the Wasserstein-1 distance between the two distributions; "
        "brightness and contrast in grey levels of 255, sharpness in dB.",
        "Sous 0 dB, les images du modèle ont moins de puissance à une fréquence que les images réelles. Aux hautes "
        "fréquences, cela signifie du flou ; des valeurs au-dessus de 0 signifient du bruit ou des artefacts en "
        "damier. Le tableau donne l'écart de la moyenne à celle des images réelles ± erreur type, et la distance de "
        "Wasserstein-1 entre les deux distributions ; luminosité et contraste en niveaux de gris sur 255, netteté en "
        "dB.",
    ),
    "chart spectrum": (
        "Power of the images at each frequency relative to real images, with 95 % confidence intervals",
        "Puissance des images à chaque fréquence par rapport aux images réelles, avec intervalles de confiance à 95 %",
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
    "chart lead": ("{metric} with 95 % confidence intervals", "{metric} avec intervalles de confiance à 95 %"),
    "chart curve": ("Fréchet distance by number of images", "Distance de Fréchet selon le nombre d'images"),
    "curve note": (
        "A Fréchet distance computed from few images is biased upwards: compare values of the same number of images "
        "only.",
        "Une distance de Fréchet calculée sur peu d'images est biaisée vers le haut : ne comparez que des valeurs "
        "obtenues avec le même nombre d'images.",
    ),
    "bars": ("Bars: 95 % confidence intervals", "Barres : intervalles de confiance à 95 %"),
    "images": ("images", "images"),
    "cost": ("Quality and cost", "Qualité et coût"),
    "cost note": (
        "Measured on {machine}. Evaluations: how often each parameter is used to generate one image, on average. "
        "Images per second: the median of several turns, which the models take one after the other, with the slowest "
        "and the fastest. Memory: peak memory in addition to that of a process with the libraries loaded.",
        "Mesuré sur {machine}. Évaluations : nombre de fois où chaque paramètre est utilisé pour générer une image, en "
        "moyenne. Images par seconde : médiane de plusieurs passages, où les modèles alternent, avec le plus lent et "
        "le plus rapide. Mémoire : pic de mémoire en plus de celle d'un processus où les bibliothèques sont chargées.",
    ),
    "one thread": ("{processor}, one thread of {cores}", "{processor}, un fil d'exécution sur {cores}"),
    "parameters": ("parameters", "paramètres"),
    "evaluations": ("evaluations per image", "évaluations par image"),
    "images per second": ("images per second", "images par seconde"),
    "memory": ("memory", "mémoire"),
    "weights": ("weights file", "fichier de poids"),
    "on the front": ("Pareto-optimal", "Pareto-optimal"),
    "ranks": ("How certain are the ranks?", "Les rangs sont-ils sûrs ?"),
    "ranks note": (
        "By {metric}: the ranks that are compatible with the significant differences; how often the model ranks first "
        "when scores are resampled from their standard errors; and the central 95 % of its ranks in these resamples. "
        "Models that share a letter do not differ significantly.",
        "Selon {metric} : les rangs compatibles avec les différences significatives ; la fréquence à laquelle le "
        "modèle arrive premier quand les scores sont rééchantillonnés selon leurs erreurs types ; et les 95 % centraux "
        "de ses rangs dans ces rééchantillonnages. Les modèles qui ont une lettre en commun ne diffèrent pas "
        "significativement.",
    ),
    "allowed": ("possible ranks", "rangs possibles"),
    "leads": ("ranks first", "arrive premier"),
    "drawn ranks": ("resampled ranks", "rangs rééchantillonnés"),
    "group": ("group", "groupe"),
    "pairs": ("Pairs", "Paires"),
    "better": ("better", "meilleur"),
    "worse": ("than", "que"),
    "difference": ("difference", "différence"),
    "p": ("Holm-adjusted p", "valeur p (Holm)"),
    "mixture": ("Mixture", "Mélange"),
    "share": ("share", "part"),
    "published": ("Published under the same protocol", "Publié sous le même protocole"),
    "source": ("source", "source"),
    "value": ("value", "valeur"),
    "slices class": ("Class by class", "Classe par classe"),
    "slices cluster": ("Cluster by cluster", "Groupe par groupe"),
    "methods": ("Method", "Méthode de mesure"),
    "methods note": (
        "Protocol {protocol}: {n} images of each model, seed {seed}, compared with {reference}; features of "
        "{extractors}. Standard errors are computed by leaving out generated images, with the reference held fixed; "
        "confidence intervals are ± 1.96 standard errors. Two models differ significantly where the p-value, "
        "Holm-adjusted over all pairs of a metric, is below .05. With fewer than five images per feature, models are "
        "ranked by the kernel distance, which is unbiased.",
        "Protocole {protocol} : {n} images de chaque modèle, graine {seed}, comparées à {reference} ; caractéristiques "
        "de {extractors}. Les erreurs types sont obtenues en retirant des images générées, à référence fixée ; les "
        "intervalles de confiance sont ± 1,96 erreur type. Deux modèles diffèrent significativement quand la valeur p, "
        "ajustée par la méthode de Holm sur toutes les paires d'une métrique, est inférieure à 0,05. Avec moins de "
        "cinq images par caractéristique, les modèles sont classés selon la distance à noyau, qui est sans biais.",
    ),
    "what": ("description", "description"),
    "provenance": ("Provenance", "Provenance"),
    "again": ("To reproduce this report:", "Pour reproduire ce rapport :"),
    "said of": ("{what}: {said}", "{what} : {said}"),
    "warnings": ("Caveats", "Réserves"),
    "made": ("Created", "Créé le"),
    "digest": ("digest", "empreinte"),
    # The page, in the order of its parts
    "question of one": ("How good is {model} on {data}?", "Que vaut {model} sur {data} ?"),
    "question of two": ("Which is better on {data}: {one} or {other}?",
                        "Lequel est le meilleur sur {data} : {one} ou {other} ?"),
    "question of many": ("Which of these {count} models is best on {data}?",
                         "Lequel de ces {count} modèles est le meilleur sur {data} ?"),
    "held out of": ("held-out images of {data}", "les images de {data} mises de côté"),
    "images each": ("{n} images of each model", "{n} images par modèle"),
    "models": ("Models", "Modèles"),
    "only": ("Show {model} alone in all charts", "N'afficher que {model} dans tous les graphiques"),
    "weak points": ("Weak points of {model}, ranked first", "Points faibles de {model}, classé premier"),
    "no weak points": ("No weak point was found.", "Aucun point faible n'a été trouvé."),
    "to strengths": ("All findings about all models", "Tous les constats sur tous les modèles"),
    "enlarge": ("Enlarge: {what}", "Agrandir : {what}"),
    "close": ("Close", "Fermer"),
    "walls note class": (
        "Each row is a class: the first images of it among those of seed {seed}, not selected. Conditional models were "
        "asked for the class; for the others, the classifier tells it. Grey: the model has no more images of the "
        "class.",
        "Chaque ligne correspond à une classe : ses premières images parmi celles de la graine {seed}, sans sélection. "
        "Les modèles conditionnels ont reçu la classe en entrée ; pour les autres, c'est le classifieur qui la donne. "
        "En gris : le modèle n'a pas d'autre image de la classe.",
    ),
    "wall of": ("{count} images of {model}", "{count} images de {model}"),
    "wall of real": ("{count} real images", "{count} images réelles"),
    "leaderboard": ("Leaderboard", "Classement"),
    "leaderboard note": (
        "Value ± standard error; bold: no other model is significantly better; arrows show which direction is better. "
        "Click a heading to sort by it.",
        "Valeur ± erreur type ; en gras : aucun autre modèle n'est significativement meilleur ; les flèches indiquent "
        "le sens dans lequel le score est meilleur. Cliquez sur un en-tête pour trier.",
    ),
    "features of": ("features of {extractor}", "caractéristiques de {extractor}"),
    "copy as": ("Copy as", "Copier en"),
    "copied": ("Copied", "Copié"),
    "copy by hand": ("Press Ctrl+C (or Cmd+C) to copy", "Appuyez sur Ctrl+C (ou Cmd+C) pour copier"),
    "copied text": ("The leaderboard as text", "Le classement sous forme de texte"),
    "all scores": ("All scores with confidence intervals", "Tous les scores avec leurs intervalles de confiance"),
    "profile": ("All metrics at a glance", "Toutes les métriques d'un coup d'œil"),
    "profile note": (
        "For each metric, the worst model is on the left line and real images are on the right one: the further right "
        "a model, the better. Values beyond real images end at the edge.",
        "Pour chaque métrique, le pire modèle est sur le trait de gauche et les images réelles sur celui de droite : "
        "plus un modèle est à droite, mieux c'est. Les valeurs au-delà des images réelles s'arrêtent au bord.",
    ),
    "worst": ("worst model", "pire modèle"),
    "balance": ("Quality and variety", "Qualité et variété"),
    "balance note": (
        "To the right: more of the images look real (precision, density). Further up: more of the real images are "
        "represented (recall, coverage). The ring is what as many real images reach. Crosses: 95 % confidence "
        "intervals.",
        "Plus à droite : davantage d'images paraissent réelles (précision, densité). Plus haut : davantage d'images "
        "réelles sont représentées (rappel, couverture). L'anneau indique ce qu'atteignent autant d'images réelles. "
        "Croix : intervalles de confiance à 95 %.",
    ),
    "classes note": (
        "One line per model, in the order of the ranking, with 95 % confidence intervals. In the chart of shares, the "
        "vertical strokes are those of real images.",
        "Une ligne par modèle, dans l'ordre du classement, avec intervalles de confiance à 95 %. Dans le graphique des "
        "parts, les traits verticaux sont celles des images réelles.",
    ),
    "classes some": (
        "Of {count}, the {most} where the models are worst on average; the tables have all of them.",
        "Sur {count}, les {most} où les modèles sont les moins bons en moyenne ; les tableaux les donnent toutes.",
    ),
    "shown number": ("Show", "Afficher"),
    "tables": ("The same in tables", "Les mêmes nombres en tableaux"),
    "map": ("Map of the images", "Carte des images"),
    "map note": (
        "Each point is one of the first {count} images of a set; similar images are close to each other. Grey points "
        "without coloured ones around them: real images that no model makes. Coloured points far from grey ones: "
        "images unlike real ones.",
        "Chaque point est l'une des {count} premières images d'un jeu ; les images semblables sont proches. Points "
        "gris sans points de couleur autour : des images réelles qu'aucun modèle ne produit. Points de couleur loin "
        "des gris : des images qui ne ressemblent pas aux vraies.",
    ),
    "map axes": (
        "Axes: the first two principal components of the features ({extractor}) of all sets together, each set with "
        "the same weight. Share of the variance that they hold:",
        "Axes : les deux premières composantes principales des caractéristiques ({extractor}) de tous les jeux réunis, "
        "chacun avec le même poids. Part de la variance qu'elles portent :",
    ),
    "map and": ("and", "et"),
    "map hint": (
        "Point at the map, tap it or use the arrow keys to see the images. A click on a model's name shows it alone.",
        "Pointez ou touchez la carte, ou utilisez les flèches du clavier, pour voir les images. Un clic sur le nom "
        "d'un modèle l'affiche seul.",
    ),
    "frechet axis": ("Fréchet distance", "distance de Fréchet"),
    "speed axis": ("images per second (faster to the right)", "images par seconde (plus rapide à droite)"),
    "front note": (
        "The dashed line joins the Pareto-optimal models: what lies above it and to its left is both worse and slower "
        "than one of them.",
        "Le trait pointillé relie les modèles Pareto-optimaux : ce qui se trouve au-dessus et à gauche est à la fois "
        "moins bon et plus lent que l'un d'eux.",
    ),
    # Metrics as headings of columns
    "short fd": ("FD", "FD"), "short fid": ("FID", "FID"), "short sfd": ("sFD", "sFD"), "short sfid": ("sFID", "sFID"),
    "short fd_infinity": ("FD∞", "FD∞"), "short fid_infinity": ("FID∞", "FID∞"), "short kid": ("KID", "KID"),
    "short cmmd": ("CMMD", "CMMD"), "short is": ("IS", "IS"), "short precision": ("precision", "précision"),
    "short recall": ("recall", "rappel"), "short density": ("density", "densité"),
    "short coverage": ("coverage", "couverture"), "short clipped_density": ("clipped density", "densité bornée"),
    "short clipped_coverage": ("clipped coverage", "couverture bornée"), "short realism": ("realism", "réalisme"),
    "short vendi": ("Vendi", "Vendi"), "short diversity": ("diversity", "diversité"),
    "short duplicates": ("duplicates", "doublons"), "short authpct": ("AuthPct", "AuthPct"),
    "short copies": ("copies", "copies"), "short ct": ("C_T", "C_T"), "short mifid": ("MiFID", "MiFID"),
    "short fld": ("FLD", "FLD"), "short fld_precision": ("FLD precision", "FLD précision"),
    "short fld_gap": ("FLD gap", "FLD écart"), "short accuracy": ("accuracy", "exactitude"),
}


# Descriptions of metrics in French, by row of METRICS, which holds the English ones.
WHAT = {
    "fd": "distance entre deux gaussiennes ajustées aux caractéristiques ; biaisée vers le haut quand n est petit",
    "fd_infinity": "fd corrigée de son biais, ce qui permet de comparer des modèles mesurés sur des nombres d'images "
                   "différents ; peut être négative",
    "sfd": "fd sur une couche spatiale, sensible à la composition de l'image",
    "kid": "carré de la MMD avec un noyau cubique sur les caractéristiques ; sans biais, donc parfois négatif",
    "cmmd": "carré de la MMD, fois 1 000, avec un noyau gaussien sur des caractéristiques de norme 1 ; prévu pour "
            "CLIP",
    "is": "confiance et diversité des prédictions d'un classifieur, de 1 au nombre de classes",
    "precision": "part des images générées qui se trouvent au moins aussi près d'une image réelle que la troisième "
                 "voisine réelle de celle-ci",
    "recall": "part des images réelles qui se trouvent au moins aussi près d'une image générée que la troisième "
              "voisine générée de celle-ci",
    "density": "nombre moyen de voisinages d'images réelles (rayon : leur cinquième voisine réelle) qui contiennent "
               "une image générée, divisé par 5 ; 1 pour des distributions égales",
    "coverage": "part des images réelles qui ont une image générée au moins aussi proche que leur cinquième voisine "
                "réelle",
    "clipped_density": "densité que des images aberrantes ne peuvent pas augmenter : 1 pour de bonnes images, 0,7 "
                       "quand 30 % d'entre elles sont remplacées par de mauvaises",
    "clipped_coverage": "couverture sur la même échelle : 1 pour de bonnes images, 0,7 quand 30 % d'entre elles sont "
                        "remplacées par de mauvaises",
    "realism": "réalisme de l'image générée médiane : au-dessus de 1, elle se trouve dans le support estimé des images "
               "réelles ; en dessous, à l'extérieur",
    "vendi": "nombre effectif d'images différentes, de 1 à n",
    "diversity": "distance moyenne entre deux images générées : 1 moins le cosinus de leurs caractéristiques",
    "duplicates": "part des images générées plus proches entre elles que ne le sont les images réelles, à un taux de "
                  "fausses découvertes de 5 %",
    "authpct": "pourcentage d'images générées plus éloignées de l'image d'entraînement la plus proche que celle-ci ne "
               "l'est de sa propre voisine ; 0 pour des copies ; à comparer aux images réelles hors entraînement",
    "copies": "part des images générées plus proches d'une image d'entraînement que ne le sont des images réelles hors "
              "entraînement, à un taux de fausses découvertes de 5 %",
    "ct": "distances aux images d'entraînement, comparées à celles d'images réelles hors entraînement ; très en "
          "dessous de 0 : les images générées sont plus proches (copies) ; très au-dessus : plus éloignées",
    "mifid": "fd, augmentée quand la distance moyenne à l'image d'entraînement la plus proche est inférieure à un "
             "seuil (torchmetrics calcule cette moyenne sur les images d'entraînement)",
    "fld": "log-vraisemblance négative d'images réelles hors entraînement sous une densité ajustée aux images "
           "générées, moins celle sous une densité ajustée à des images réelles ; augmente avec les copies",
    "fld_precision": "log-vraisemblance négative des images générées sous une densité ajustée à des images réelles "
                     "hors entraînement, moins celle des images d'entraînement",
    "fld_gap": "écart de log-vraisemblance négative entre images d'entraînement et images hors entraînement, sous la "
               "densité ajustée aux images générées ; négatif : mémorisation",
    "accuracy": "part des images que le classifieur (juge) attribue à la classe demandée ; pour les modèles "
                "conditionnels",
    "ppl": "carré de la distance, dans les caractéristiques et non par LPIPS, entre les deux bouts d'un petit pas du "
           "latent d'une image vers un autre, sur le carré du pas ; plus bas : plus lisse, et 0 pour un modèle qui "
           "ignore ses latents",
    "ppl_w": "ppl le long de droites dans W, comme depuis StyleGAN2 (ppl2_wend) ; pour les modèles dotés d'un tel "
             "espace",
}


def both(key: str, **facts: Bilingual | str) -> Bilingual:
    """A text in both languages; a fact may differ between them."""
    return filled(TEXTS[key], **facts)


def filled(texts: Bilingual, **facts: Bilingual | str) -> Bilingual:
    """A pair of texts with its facts, and with the spaces that do not break."""
    pairs = {name: fact if isinstance(fact, tuple) else (fact, fact) for name, fact in facts.items()}
    one, other = (said.replace(" < ", f"{FIXED}<{FIXED}") for said in texts)
    other = FRENCH_SPACE.sub(FIXED, other)
    return (one.format(**{name: pair[0] for name, pair in pairs.items()}),
            other.format(**{name: pair[1] for name, pair in pairs.items()}))


def day(made: str) -> Bilingual:
    """`29 November 2026` for an ISO date; other texts as they are."""
    try:
        found = date.fromisoformat(made[:10])
    except ValueError:
        return made, made
    en, fr = MONTHS[found.month - 1]
    return f"{found.day} {en} {found.year}", f"{'1er' if found.day == 1 else found.day} {fr} {found.year}"
