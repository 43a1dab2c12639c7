// Key frames, the path between them, and films as GIF.
(function () {
  "use strict";
  const { data, lead, engine, t, byId, make, copy, current, textOf, latentOf, paint, trouble, card, drawThumb, save, translators, change, EMPTY } = window.explorer;
  const keys = [];
  let playing = 0;

  function list() {
    const box = byId("frames");
    box.textContent = keys.length ? "" : t("film empty");
    keys.forEach((node, k) => {
      const end = make("button", { type: "button", className: "end", textContent: "×" });
      end.setAttribute("aria-label", t("remove", { n: k + 1 }));
      end.addEventListener("click", () => { keys.splice(k, 1); list(); });
      box.append(make("span", { className: "held" }, card(node, k + 1, () => change((made) => Object.assign(made, copy(node.state)))), end));
    });
  }
  byId("frame-add").addEventListener("click", () => {
    const node = { state: copy(current()) };
    drawThumb(node, lead.canvas);
    keys.push(node);
    list();
  });
  byId("frame-clear").addEventListener("click", () => { keys.length = 0; list(); });

  // As ganbench.gan.latent.paths: rows of layers are not turned one by one.
  function lerp(a, b, s) { return a.map((value, i) => value + s * (b[i] - value)); }
  function slerp(a, b, s) {
    const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    const cosine = dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1), angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
    if (angle < 1e-6 || angle > Math.PI - 1e-6) return lerp(a, b, s);
    const one = Math.sin((1 - s) * angle) / Math.sin(angle), other = Math.sin(s * angle) / Math.sin(angle);
    return a.map((value, i) => one * value + other * b[i]);
  }
  const weights = (node) => {
    const found = new Array(lead.classes.length).fill(0);
    node.state.classes.forEach(([label, share]) => { found[label] = share; });
    return found;
  };
  async function states() {
    const between = Math.max(1, Math.min(240, Math.round(Number(byId("between").value)) || 24)), loop = byId("loop").checked;
    const latents = [];
    for (const node of keys) latents.push(await latentOf(node.state));
    const along = byId("path").value === "slerp" ? slerp : lerp, found = [], pieces = loop ? keys.length : keys.length - 1;
    const chosen = keys.every((node) => node.state.classes.length);
    for (let k = 0; k < pieces; k++) for (let i = 0; i < between; i++) found.push(frame(k, (k + 1) % keys.length, i / between));
    if (!loop) found.push(frame(keys.length - 1, keys.length - 1, 0));
    return found;
    function frame(a, b, s) {
      const one = copy(EMPTY);
      one.place = keys[0].state.place;                      // one noise for all
      one.latent = { space: lead.space, numbers: along(latents[a], latents[b], s).map(Math.fround) };
      if (chosen && lead.mixes) one.classes = lerp(weights(keys[a]), weights(keys[b]), s).map((share, label) => [label, share]).filter((pair) => pair[1] > 1e-9);
      else one.classes = keys[0].state.classes;
      return one;
    }
  }
  async function pictures(each) {
    const found = await states();
    for (let k = 0; k < found.length; k++) {
      const made = await engine.ask({ model: 0, state: found[k] });
      if (made.error) { trouble(t("engine failed", { why: made.error })); return false; }
      if (each(made.pixels, made.shape || lead.size, k, found.length, found[k]) === false) return false;
    }
    return true;
  }
  const enough = () => { if (keys.length < 2) trouble(t("film empty")); return keys.length > 1; };
  byId("play").addEventListener("click", async () => {
    if (playing) { playing = 0; return; }
    if (!enough()) return;
    const run = playing = Date.now(), kept = [];
    byId("play").textContent = t("stop");
    await pictures((pixels, shape) => { kept.push(pixels.slice()); paint(lead.canvas, pixels, shape); return playing === run; });
    for (let k = 0; playing === run && byId("loop").checked && kept.length; k = (k + 1) % kept.length) {
      paint(lead.canvas, kept[k], lead.size);
      await new Promise((done) => setTimeout(done, 33));
    }
    if (playing === run) playing = 0;
    byId("play").textContent = t("play");
    change(() => {}, false);
  });

  // ---- GIF89a: grey levels as they are; colours by a cube of 6 x 7 x 6 and an ordered dither

  const BAYER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5].map((value) => (value + 0.5) / 16 - 0.5);
  function paletteOf(grey) {
    const found = new Uint8Array(768);
    for (let n = 0; n < 256; n++) {
      const cube = [Math.floor(n / 42) * 51, Math.floor(n / 6) % 7 * 42.5, n % 6 * 51];
      for (let c = 0; c < 3; c++) found[3 * n + c] = grey ? n : n < 252 ? Math.round(cube[c]) : 0;
    }
    return found;
  }
  function indexed(pixels, [channels, height, width], factor) {
    const found = new Uint8Array(height * width * factor * factor), area = height * width;
    for (let y = 0; y < height * factor; y++) for (let x = 0; x < width * factor; x++) {
      const p = Math.floor(y / factor) * width + Math.floor(x / factor), noise = BAYER[(y & 3) * 4 + (x & 3)];
      const level = (c, n) => Math.max(0, Math.min(n, Math.round(pixels[c * area + p] / 255 * n + noise)));
      found[y * width * factor + x] = channels === 1 ? pixels[p] : level(0, 5) * 42 + level(1, 6) * 6 + level(2, 5);
    }
    return found;
  }
  function compressed(indices) {                            // LZW of codes of 9 to 12 bits
    const out = [], table = new Map();
    let bits = 0, held = 0, width = 9, next = 258, prefix = indices[0];
    const emit = (code) => {
      held |= code << bits;
      bits += width;
      while (bits >= 8) { out.push(held & 255); held >>>= 8; bits -= 8; }
    };
    emit(256);
    for (let i = 1; i < indices.length; i++) {
      const key = prefix << 8 | indices[i], known = table.get(key);
      if (known !== undefined) { prefix = known; continue; }
      emit(prefix);
      if (next < 4096) { table.set(key, next); if (next++ === 1 << width && width < 12) width++; }
      else { emit(256); table.clear(); next = 258; width = 9; }
      prefix = indices[i];
    }
    emit(prefix);
    emit(257);
    if (bits) out.push(held & 255);
    const blocks = [8];
    for (let k = 0; k < out.length; k += 255) blocks.push(Math.min(255, out.length - k), ...out.slice(k, k + 255));
    blocks.push(0);
    return blocks;
  }
  const pairOf = (n) => [n & 255, n >> 8];
  // `delay` in hundredths of a second for each frame.
  function gif(frames, shape, delay) {
    const factor = Math.max(1, Math.floor(160 / Math.max(shape[1], shape[2]))), w = shape[2] * factor, h = shape[1] * factor;
    const parts = [Uint8Array.from([71, 73, 70, 56, 57, 97, ...pairOf(w), ...pairOf(h), 0xf7, 0, 0]), paletteOf(shape[0] === 1),
      Uint8Array.from([33, 255, 11, ...new TextEncoder().encode("NETSCAPE2.0"), 3, 1, 0, 0, 0])];
    frames.forEach((pixels) => parts.push(Uint8Array.from([33, 249, 4, 4, ...pairOf(delay), 0, 0, 44, 0, 0, 0, 0, ...pairOf(w), ...pairOf(h), 0]),
      Uint8Array.from(compressed(indexed(pixels, shape, factor)))));
    parts.push(Uint8Array.of(59));
    return new Blob(parts, { type: "image/gif" });
  }
  byId("film-gif").addEventListener("click", async () => {
    if (!enough()) return;
    const frames = [];
    let shape = lead.size;
    const whole = await pictures((pixels, found, k, of) => { shape = found; frames.push(pixels.slice()); byId("said").textContent = `${t("working")} ${k + 1} / ${of}`; });
    if (whole) save(gif(frames, shape, 4), `${lead.name}-film.gif`);
    byId("said").textContent = "";
  });
  if (data.engine === "local") for (const kind of ["webp", "mp4"]) {
    const button = make("button", { type: "button" });
    button.dataset.t = "save " + kind;
    byId("film-more").append(button, " ");
    button.addEventListener("click", async () => {
      if (!enough()) return;
      byId("said").textContent = t("working");
      const answer = await fetch("film", { method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({ kind, fps: 25, states: (await states()).map(textOf) }) });
      byId("said").textContent = "";
      if (!answer.ok) return trouble((await answer.json()).error);
      save(await answer.blob(), `${lead.name}-film.${kind}`);
    });
    button.textContent = t("save " + kind);
  }
  translators.push(list);
  list();
  window.explorer.film = { keys, states, gif };
})();
