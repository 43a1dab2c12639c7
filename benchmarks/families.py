"""gan/zoo/FAMILIES.md: where each family excels, from a comparison of the zoo.

    ganbench compare zoo:dcgan-fashion-mnist ... --report DIR
    python benchmarks/families.py DIR/report.json > gan/zoo/FAMILIES.md
"""

import json
import sys
from pathlib import Path

from machine import hardware, versions

from ganbench.gan.report import verdict
from ganbench.gan.report.document import MixtureFacts

FAMILIES = {
    "dcgan": "Adversarial, DCGAN", "wgan-gp": "Adversarial, WGAN-GP", "r3gan": "Adversarial, R3GAN",
    "stylegan2": "Adversarial, StyleGAN2", "diffusion": "Denoising, flow matching",
    "gpt": "Transformer, GPT over tokens",
    "maskgit": "Transformer, MaskGIT over tokens",
}
INTRODUCTION = """# Where each family excels

{count} models of the zoo on {n} images each, seed {seed}, protocol `{protocol}`. A model leads a
metric where it is significantly better than every other model (Holm-adjusted p < .05); weaknesses have a Holm-adjusted
p < .01 over all tests of the model. Training differed (see [the overview](README.md)): this is about
these checkpoints, and not about families.
"""


def line(model: dict, scores: list[dict], lead: str) -> str:
    score = next(row for row in scores if (row["model"], row["metric"]) == (model["name"], lead))
    cost = model["cost"]
    plural = "" if cost["evaluations"] == 1 else "s"
    return (f"`{lead}` {score['value']:.4f} ± {score['se']:.4f}; {cost['parameters']:,} parameters, "
            f"{cost['evaluations']:.3g} network evaluation{plural} per image, {cost['images_per_second']:,.0f} images "
            "per second.")


def section(model: dict, scores: list[dict], lead: str) -> list[str]:
    found = model["analysis"]["findings"]
    strong = [row["sentence"]["en"] for row in found if row["severity"] == "strength"]
    weak = [row["sentence"]["en"] for row in found if row["severity"] in ("alert", "warning")]
    leads = ", ".join(f"`{metric}`" for metric in model["leads"]) or "nothing alone"
    return [
        f"## {FAMILIES.get(model['family'], model['family'])}: `{model['name']}`", "", line(model, scores, lead), "",
        f"- Leads by {leads}.", *(f"- Strong: {said}" for said in strong), *(f"- Weak: {said}" for said in weak), "",
    ]


def main(path: str) -> None:
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    protocol = report["protocol"]
    print(INTRODUCTION.format(count=len(report["models"]), n=f"{protocol['n']:,}", seed=protocol["seed"],
                              protocol=protocol["name"]))
    for model in report["models"]:
        print("\n".join(section(model, report["scores"], protocol["lead"])))
    if report["ensemble"]:
        print(f"## Together\n\n{verdict.mixture(MixtureFacts(**report['ensemble']))[0]}\n")
    print(f"Printed by `python benchmarks/families.py` from the report of `{report['provenance']['commands'][0]}` on "
          f"{hardware()}, {versions('torch')}.")


if __name__ == "__main__":
    main(sys.argv[1])
