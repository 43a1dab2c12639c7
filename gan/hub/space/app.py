"""Images of a published generator, by seed, number and class; a Space of Gradio, which has requirements of its own.

    pip install -r requirements.txt && python app.py
"""

from pathlib import Path

import gradio as gr
import numpy as np

from ganbench import Pretrained

SIDE = 128              # pixels of a picture at least: small images are enlarged by whole pixels
EVERY = "as they come"

model = Pretrained.from_pretrained(str(Path(__file__).parent))
kinds = list(model.classes) or [str(k) for k in range(model.generator.n_classes)]
truncates = hasattr(model.generator, "truncation")


def pictures(seed, count, kind=EVERY, truncation=1.0):
    if truncates:
        model.generator.truncation = float(truncation)
    label = kinds.index(kind) if kind in kinds else None
    return [picture(image) for image in model.images(int(count), int(seed), label)]


def picture(image):
    """CHW uint8 -> HWC uint8 in colours."""
    times = max(1, -(-SIDE // image.shape[-1]))
    large = image.repeat(times, axis=1).repeat(times, axis=2)
    return np.ascontiguousarray(np.broadcast_to(large, (3, *large.shape[1:])).transpose(1, 2, 0))


with gr.Blocks(title="TITLE", analytics_enabled=False) as app:
    gr.Markdown("# TITLE\n\nEvery image is synthetic.  Image i of a seed is always the same.")
    with gr.Row():
        inputs = [gr.Slider(0, 9_999, 0, step=1, label="Seed"), gr.Slider(1, 64, 16, step=1, label="Images")]
        kind = gr.Dropdown([EVERY, *kinds], value=EVERY, label="Class", visible=bool(kinds))
        truncation = gr.Slider(0, 1, 1, step=0.05, label="Truncation", visible=truncates)
    gallery = gr.Gallery(show_label=False, columns=8, height="auto", format="png")
    for one in (*inputs, kind, truncation):
        one.change(pictures, [*inputs, kind, truncation], gallery, show_progress="hidden")
    app.load(pictures, [*inputs, kind, truncation], gallery)

if __name__ == "__main__":
    app.launch()
