// The page: controls change a state, an engine makes its image.  Two engines have the same interface: `page`, a worker
// with the network, and `local`, a WebSocket to `ganbench explore`.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const models = data.models, lead = models[0], TEXTS = data.texts;
  const MOST_SEED = 2n ** 63n, MOST_IMAGE = 2n ** 48n, MOST_FILE = 64e6;
  const byId = (id) => document.getElementById(id);
  const make = (tag, facts = {}, ...inner) => {
    const made = Object.assign(document.createElement(tag), facts);
    made.append(...inner);
    return made;
  };

  // ---- Words

  let language = /^fr/i.test(navigator.language || "") ? "fr" : "en";
  const t = (key, facts = {}) => {
    const said = (TEXTS[key] || [key, key])[language === "fr" ? 1 : 0];
    return said.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? String(facts[name]) : whole));
  };
  const number = (value, digits = 2) => value.toLocaleString(language, { maximumFractionDigits: digits });
  function translate() {
    document.documentElement.lang = language;
    document.querySelectorAll("[data-t]").forEach((one) => { one.textContent = t(one.dataset.t); });
    document.querySelectorAll("[data-l]").forEach((one) => one.setAttribute("aria-label", t(one.dataset.l)));
    byId("language").textContent = t("other language");
    byId("language").lang = language === "fr" ? "en" : "fr";
    byId("map").setAttribute("aria-label", t("map label"));
    byId("truncation-help").textContent = t(lead.mapped ? "truncation help w" : "truncation help z");
    byId("directions-help").textContent = lead.why || t(lead.mapped ? "directions help w" : "directions help z");
    byId("about").textContent = data.engine === "page"
      ? t("about page", { version: data.version, model: models.map((one) => one.name).join(", ") }) : t("about local");
  }

  // ---- The state, and the line of text that says it

  const EMPTY = { place: { seed: "0", image: "0" }, latent: null, classes: [], truncation: 1, shifts: [], styles: [],
    options: {}, redraw: null };
  const copy = (state) => structuredClone(state);
  const short = (value) => String(Math.round(value * 1e4) / 1e4);
  const placed = (place) => place.seed + (place.image !== "0" ? ":" + place.image : "");
  const layered = (one) => (one.last ? `@${one.first}-${one.last}` : "");
  const base64 = (numbers) => {
    const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
    let text = "";
    for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192));
    return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  function textOf(state) {
    const parts = ["seed=" + placed(state.place)];
    if (state.latent) parts.push(state.latent.space + "=" + base64(state.latent.numbers));
    if (state.classes.length === 1) parts.push("class=" + state.classes[0][0]);
    else if (state.classes.length) parts.push("class=" + state.classes.map((one) => one[0] + ":" + short(one[1])).join("+"));
    if (state.truncation !== 1) parts.push("truncation=" + short(state.truncation));
    state.styles.forEach((one) => parts.push("style=" + placed(one.place) + layered(one)));
    state.shifts.forEach((one) => parts.push(one.method + one.number + "=" + short(one.amount) + layered(one)));
    Object.entries(state.options).forEach(([name, value]) => parts.push(name + "=" + short(value)));
    if (state.redraw) parts.push("redraw=" + placed(state.redraw));
    return parts.join(",");
  }
  class Refused extends Error {}
  const refuse = (key, facts) => { throw new Refused(t(key, facts)); };
  function placeIn(text, item) {
    const found = /^(\d{1,19})(?::(\d{1,15}))?$/.exec(text);
    if (!found || BigInt(found[1]) >= MOST_SEED || BigInt(found[2] || 0) >= MOST_IMAGE) refuse("not understood", { item });
    return { seed: String(BigInt(found[1])), image: String(BigInt(found[2] || 0)) };
  }
  function layersIn(text, item) {
    const [value, layers] = text.split("@");
    if (layers === undefined) return [value, { first: 1, last: 0 }];
    const found = /^([1-9]\d?)(?:-([1-9]\d?))?$/.exec(layers);
    if (!found || Number(found[2] || found[1]) < Number(found[1])) refuse("not understood", { item });
    return [value, { first: Number(found[1]), last: Number(found[2] || found[1]) }];
  }
  function numberIn(text, item) {
    if (!/^[+-]?(\d{1,6}(\.\d*)?|\.\d+)$/.test(text)) refuse("not understood", { item });
    return Number(text);
  }
  function stateOf(text) {
    const state = copy(EMPTY);
    text.trim().split(/[,\s]+/).filter(Boolean).forEach((item) => {
      const at = item.indexOf("="), name = item.slice(0, at), value = item.slice(at + 1);
      const method = /^(pca|sefa)([1-9]\d?)$/.exec(name);
      if (at < 1) refuse("not understood", { item });
      if (method) {
        const [amount, layers] = layersIn(value, item), number = Number(method[2]);
        state.shifts = state.shifts.filter((one) => one.method !== method[1] || one.number !== number);
        if (numberIn(amount, item)) state.shifts.push({ method: method[1], number, amount: numberIn(amount, item), ...layers });
      } else if (name === "seed") state.place = placeIn(value, item);
      else if (name === "class") {
        state.classes = value.split("+").map((part) => {
          const found = /^(\d{1,9})(?::(.+))?$/.exec(part);
          if (!found) refuse("not understood", { item });
          return [Number(found[1]), numberIn(found[2] || "1", item)];
        });
        const sum = state.classes.reduce((a, one) => a + one[1], 0);
        if (!(sum > 0) || state.classes.some((one) => one[1] < 0)) refuse("not understood", { item });
        state.classes = state.classes.filter((one) => one[1]).map((one) => [one[0], one[1] / sum]);
      } else if (name in lead.options) state.options[name] = numberIn(value, item);
      else if (name === "redraw") state.redraw = placeIn(value, item);
      else if (name === "truncation") state.truncation = numberIn(value, item);
      else if (name === "style") {
        const [place, layers] = layersIn(value, item);
        state.styles.push({ place: placeIn(place, item), ...layers });
      } else if (["z", "w", "w+"].includes(name)) state.latent = { space: name, numbers: latentIn(value, name, item) };
      else refuse("not understood", { item });
    });
    return checked(state);
  }
  function latentIn(value, space, item) {
    let found;
    try {
      const binary = atob(value.replace(/-/g, "+").replace(/_/g, "/"));
      found = Array.from(new Float32Array(Uint8Array.from(binary, (c) => c.charCodeAt(0)).buffer));
    } catch (error) { refuse("not understood", { item: item.slice(0, 24) + "..." }); }
    const wanted = lead.sizes[space];
    if (!found.every(Number.isFinite) || found.length !== wanted) refuse("wrong latent", { n: found.length, wanted: wanted || 0 });
    return found;
  }
  function checked(state) {
    const wrong = state.classes.find((one) => one[0] >= lead.classes.length);
    if (wrong) refuse("no class", { n: wrong[0], most: lead.classes.length - 1 });
    if (state.classes.length > 1 && !lead.mixes) state.classes = [[state.classes[0][0], 1]];
    state.shifts.forEach((one) => {
      if (one.number > (lead.counts[one.method] || 0)) refuse("no direction", { name: one.method + one.number });
    });
    [...state.shifts, ...state.styles].forEach((one) => {
      if (one.last > lead.layers) refuse("no layers", { n: lead.layers, wanted: one.last });
    });
    if (state.styles.length && lead.layers < 2) refuse("no layers", { n: lead.layers, wanted: 2 });
    return state;
  }

  // ---- Engines: ask({model, state}) -> Promise of {pixels}, or of {error}

  function pageEngine() {
    const source = byId("engine").textContent + ";\n" + byId("worker").textContent;
    const waiting = new Map();
    let last = 0, post;
    try {
      const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      worker.onmessage = (event) => { waiting.get(event.data.id)(event.data); waiting.delete(event.data.id); };
      worker.onerror = (event) => { waiting.forEach((done) => done({ error: event.message || "worker" })); waiting.clear(); };
      post = (asked) => worker.postMessage(asked);
    } catch (error) {                                       // a frame that may not have workers
      document.body.append(make("script", { textContent: source + ";\nwindow.reply = Model.reply;" }));
      post = (asked) => setTimeout(() => { waiting.get(asked.id)(window.reply({ data: asked })); waiting.delete(asked.id); });
    }
    const ask = (asked) => new Promise((done) => {
      const id = ++last;
      waiting.set(id, done);
      post({ ...asked, id });
    });
    const opened = models.reduce((before, model, k) => before.then(() => ask(
      { open: model.page, data: byId("weights-" + k).textContent.trim() })).then((found) => {
      if (found.error) trouble(t("engine failed", { why: found.error }));
    }), Promise.resolve());
    return { ask: (asked) => opened.then(() => ask(asked)), slow: false };
  }

  function localEngine() {
    const waiting = new Map();
    let last = 0, socket, open;
    function connect() {
      const address = new URL("socket", location.href);
      address.protocol = address.protocol.replace("http", "ws");
      socket = new WebSocket(address);
      socket.binaryType = "arraybuffer";
      open = new Promise((done) => { socket.onopen = done; });
      socket.onmessage = (event) => {
        let found;
        if (typeof event.data === "string") found = JSON.parse(event.data);
        else {
          const head = new Uint32Array(event.data, 0, 4);
          found = { id: head[0], shape: [head[1], head[2], head[3]], pixels: new Uint8Array(event.data, 16) };
        }
        const done = waiting.get(found.id);
        waiting.delete(found.id);
        if (done) done(found);
      };
      socket.onclose = () => {
        waiting.forEach((done) => done({ error: t("server gone"), whole: true }));
        waiting.clear();
        setTimeout(connect, 1000);
      };
    }
    connect();
    return { ask: async (asked) => {
      const gone = new Promise((done) => setTimeout(() => done(true), 3000));
      if (await Promise.race([open, gone]) === true && socket.readyState !== 1) return { error: t("server gone"), whole: true };
      return new Promise((done) => {
        const id = ++last;
        waiting.set(id, done);
        const { state, latent, ...rest } = asked;
        socket.send(JSON.stringify({ ...rest, id, ...(state && { state: textOf(state) }), ...(latent && { latent: textOf(latent) }) }));
      });
    } };
  }

  // The newest state of a picture: while one is computed, those that come before the last one are left out.
  // Of a state what another model has, too: beside the first one it is shown with the same seed and class.
  function fitted(one, model) {
    const made = copy(one);
    if (made.latent && model.sizes[made.latent.space] !== made.latent.numbers.length) made.latent = null;
    if (!model.latent) made.truncation = 1;
    if (model.layers < 2) made.styles = [];
    made.shifts = made.shifts.filter((shift) => shift.number <= (model.counts[shift.method] || 0) && shift.last <= model.layers);
    made.styles = made.styles.filter((style) => style.last <= model.layers);
    made.classes = made.classes.filter((pair) => pair[0] < model.classes.length);
    if (!model.mixes && made.classes.length > 1) made.classes = [[made.classes[0][0], 1]];
    Object.keys(made.options).forEach((name) => { if (!(name in model.options)) delete made.options[name]; });
    if (!model.options.keep) made.redraw = null;
    return made;
  }
  function channel(engine, model, show) {
    let busy = false, next = null;
    async function run() {
      busy = true;
      while (next) {
        const state = next;
        next = null;
        const found = await engine.ask({ model, state: model ? fitted(state, models[model]) : state });
        show(found, state, !next);
      }
      busy = false;
    }
    return (state) => { next = copy(state); if (!busy) run(); };
  }

  // ---- Pictures

  function paint(canvas, pixels, shape) {
    const [channels, height, width] = shape, area = width * height;
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const picture = new ImageData(width, height);
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < 3; c++) picture.data[4 * p + c] = pixels[(channels === 3 ? c : 0) * area + p];
      picture.data[4 * p + 3] = 255;
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }
  function trouble(text) {
    byId("trouble").hidden = !text;
    byId("trouble").textContent = text;
  }

  const engine = data.engine === "page" ? pageEngine() : localEngine();
  let state = copy(EMPTY), tree = [], here = null, working = null;
  const channels = models.map((model, k) => {
    const canvas = make("canvas", { className: "picture", width: model.size[2], height: model.size[1] });
    canvas.setAttribute("role", "img");
    const view = make("figure", {}, canvas);
    if (models.length > 1) view.append(make("figcaption", { textContent: model.name }));
    byId("views").append(view);
    model.canvas = canvas;
    return channel(engine, k, (found, shown, last) => {
      if (last) clearTimeout(working);
      if (last) document.body.classList.remove("working");
      if (found.error) return trouble(found.whole ? found.error : t("engine failed", { why: found.error }));
      trouble("");
      model.pixels = found.pixels;
      paint(canvas, found.pixels, found.shape || model.size);
      canvas.dataset.state = textOf(shown);
      canvas.setAttribute("aria-label", t("picture of", { model: model.name, state: said(shown) }));
      if (k === 0) {
        byId("said").textContent = t("shows", { state: said(shown) });
        if (here && here.text === canvas.dataset.state && !here.drawn) drawThumb(here, canvas);
      }
    });
  });
  const said = (one) => {
    const text = textOf(one);
    return text.length > 120 ? text.slice(0, 117) + "..." : text;
  };

  // Everything that changes the picture goes through here; `settled` when it is worth an entry in the history.
  function change(edit, settled = true) {
    const made = copy(state);
    try {
      edit(made);
      state = checked(made);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      trouble(error.message);
      return false;
    }
    refresh();
    if (settled) remember();
    return true;
  }
  function refresh() {
    clearTimeout(working);
    working = setTimeout(() => { document.body.classList.add("working"); byId("said").textContent = t("working"); }, 150);
    channels.forEach((show) => show(state));
    controls();
    window.explorer.changed.forEach((one) => one());
    const text = textOf(state);
    if (document.activeElement !== byId("text")) byId("text").value = text;
    byId("command").value = command(text);
    if (text.length < 8000) try { history.replaceState(null, "", "#" + text); } catch (error) { /* a frame may not */ }
  }
  const quoted = (text) => (/^[\w.:/@=+,%-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'");
  const command = (text) => `ganbench explore ${quoted(lead.command)} --at ${quoted(text)} --out picture.png`;

  // ---- History: a tree; each row is a branch

  function remember() {
    const text = textOf(state);
    if (here && here.text === text) return;
    const node = { state: copy(state), text, parent: here, next: [] };
    if (here) here.next.push(node);
    tree.push(node);
    here = node;
    if (lead.canvas.dataset.state === text) drawThumb(node, lead.canvas);
    listHistory();
  }
  function drawThumb(node, canvas) {
    node.drawn = true;
    node.thumb = node.thumb || make("canvas", { className: "thumb" });
    node.thumb.width = canvas.width;
    node.thumb.height = canvas.height;
    node.thumb.getContext("2d").drawImage(canvas, 0, 0);
  }
  function goTo(node) {
    here = node;
    state = copy(node.state);
    refresh();
    listHistory();
  }
  function listHistory() {
    byId("undo").disabled = !(here && here.parent);
    byId("redo").disabled = !(here && here.next.length);
    if (!byId("panel-history").open) return;
    const box = byId("history");
    box.textContent = "";
    const depth = (node) => { let n = 0; for (let k = node; k.parent; k = k.parent) n++; return n; };
    const row = (first) => {
      const strip = make("div", { className: "strip" });
      strip.style.paddingLeft = Math.min(depth(first), 8) * 14 + "px";
      const later = [];
      for (let node = first; node; node = node.next[0]) {
        strip.append(card(node, tree.indexOf(node) + 1, () => goTo(node), node === here));
        later.unshift(...node.next.slice(1));
      }
      box.append(strip);
      later.forEach(row);
    };
    if (tree.length) row(tree[0]);
  }
  function card(node, n, go, current) {
    if (!node.thumb) { node.thumb = make("canvas", { className: "thumb", width: lead.size[2], height: lead.size[1] }); fillThumb(node); }
    const button = make("button", { type: "button", className: "card" }, node.thumb);
    button.setAttribute("aria-label", t("go to", { n, state: said(node.state) }));
    if (current) button.setAttribute("aria-current", "true");
    button.title = said(node.state);
    button.addEventListener("click", go);
    return button;
  }
  async function fillThumb(node) {
    const found = await engine.ask({ model: 0, state: node.state });
    if (!found.error) { paint(node.thumb, found.pixels, found.shape || lead.size); node.drawn = true; }
  }

  // ---- Controls

  function controls() {
    const set = (id, value) => { if (document.activeElement !== byId(id) || byId(id).value === "") byId(id).value = value; };
    set("seed", state.place.seed);
    set("image", state.place.image);
    byId("own").hidden = !state.latent;
    if (lead.classes.length) {
      const [one, two] = state.classes;
      byId("class").value = one ? one[0] : "";
      byId("class2").value = two ? two[0] : "";
      byId("share").value = two ? two[1] : 0;
      set("share-n", two ? short(two[1]) : 0);
      byId("share").disabled = byId("share-n").disabled = !two;
    }
    byId("truncation").value = state.truncation;
    set("truncation-n", short(state.truncation));
    const method = chosenMethod();
    sliders.forEach((one) => {
      const found = state.shifts.find((shift) => shift.method === method && shift.number === one.number);
      one.range.value = found ? found.amount : 0;
      if (document.activeElement !== one.box) one.box.value = found ? short(found.amount) : 0;
      one.note.textContent = found && found.last ? `${t("layers from")} ${found.first} ${t("layers to")} ${found.last}` : "";
    });
    byId("style-end").disabled = !state.styles.length;
    Object.entries(lead.options).forEach(([name, one]) => set("option-" + name, short(state.options[name] ?? one.value)));
    if (lead.options.keep) set("option-redraw", state.redraw ? state.redraw.seed : "");
  }
  function prepareOptions() {
    const names = Object.keys(lead.options), box = byId("options");
    byId("panel-options").hidden = !names.length;
    byId("options-help").textContent = t(lead.latent ? "options help x" : "options help tokens");
    box.textContent = "";
    const row = (name, facts) => {
      const input = make("input", { type: "number", id: "option-" + name, ...facts });
      box.append(make("div", { className: "row" }, make("label", { htmlFor: input.id, textContent: t("option " + name) }), input));
      input.addEventListener("change", remember);
      return input;
    };
    names.forEach((name) => {
      const { least, most, whole, value } = lead.options[name], input = row(name, { min: least, max: most, step: whole ? 1 : 0.05 });
      input.addEventListener("input", () => {
        const asked = Number(input.value);
        if (input.value === "" || !Number.isFinite(asked) || (whole && !Number.isInteger(asked)) || asked < least || asked > most) return;
        change((made) => { if (asked === value) delete made.options[name]; else made.options[name] = asked; }, false);
      });
    });
    if (lead.options.keep) {
      const input = row("redraw", { min: 0, step: 1 });
      input.addEventListener("input", () => {
        if (/^\d{1,18}$/.test(input.value)) change((made) => { made.redraw = { seed: String(BigInt(input.value)), image: "0" }; }, false);
      });
    }
  }
  const chosenMethod = () => document.querySelector("input[name=method]:checked").value;

  function wholeNumber(id, most, edit) {
    const box = byId(id);
    const read = () => {
      const text = box.value.trim();
      if (!/^\d+$/.test(text) || BigInt(text) >= most) {
        const value = box.validity.badInput ? "?" : text || "?";
        return trouble(t("no whole number", { name: t(id === "image" ? "image" : "seed"), value, most: String(most - 1n) }));
      }
      change((made) => edit(made, String(BigInt(text))), false);
    };
    box.addEventListener("input", read);
    box.addEventListener("change", remember);
  }
  wholeNumber("seed", MOST_SEED, (made, value) => { made.place.seed = value; made.latent = null; });
  wholeNumber("image", MOST_IMAGE, (made, value) => { made.place.image = value; made.latent = null; });
  byId("dice").addEventListener("click", () => change((made) => {
    made.place = { seed: String(crypto.getRandomValues(new Uint32Array(1))[0] % 1000000), image: "0" };
    made.latent = null;
  }));
  byId("drop-latent").addEventListener("click", () => change((made) => { made.latent = null; }));
  byId("reset").addEventListener("click", () => change((made) => Object.assign(made, copy(EMPTY), { place: made.place })));
  byId("undo").addEventListener("click", () => here && here.parent && goTo(here.parent));
  byId("redo").addEventListener("click", () => here && here.next.length && goTo(here.next[here.next.length - 1]));

  // A slider with its number box
  function pair(range, box, edit) {
    range.addEventListener("input", () => change((made) => edit(made, Number(range.value)), false));
    range.addEventListener("change", remember);
    box.addEventListener("input", () => {
      if (box.value !== "" && Number.isFinite(Number(box.value))) change((made) => edit(made, Number(box.value)), false);
    });
    box.addEventListener("change", remember);
  }
  function setClasses(made) {
    const one = byId("class").value, two = byId("class2").value, share = Number(byId("share").value);
    if (one === "") made.classes = [];
    else if (two === "" || two === one) made.classes = [[Number(one), 1]];
    else made.classes = [[Number(one), Math.round((1 - share) * 1e4) / 1e4], [Number(two), share]];
  }
  function prepareClasses() {
    byId("panel-class").hidden = !lead.classes.length;
    if (!lead.classes.length) return;
    byId("class-mix").hidden = !lead.mixes;
    const options = () => lead.classes.map((name, k) => make("option", { value: k, textContent: name === String(k) ? name : `${k}: ${name}` }));
    byId("class").replaceChildren(make("option", { value: "", textContent: t("as drawn") }), ...options());
    byId("class2").replaceChildren(make("option", { value: "", textContent: t("nothing") }), ...options());
  }
  byId("class").addEventListener("change", () => change(setClasses));
  byId("class2").addEventListener("change", () => {
    if (byId("class").value === "") byId("class").value = 0;
    if (!Number(byId("share").value)) byId("share").value = 0.5;
    change(setClasses);
  });
  const setShare = (made, value) => {
    if (made.classes.length < 2 && byId("class2").value === "") return;
    byId("share").value = value;
    const [a, b] = [Number(byId("class").value), Number(byId("class2").value)];
    made.classes = [[a, Math.round((1 - value) * 1e4) / 1e4], [b, value]];
  };
  pair(byId("share"), byId("share-n"), setShare);
  pair(byId("truncation"), byId("truncation-n"), (made, value) => { made.truncation = Math.round(value * 1e4) / 1e4; });

  const sliders = [];
  function prepareSliders() {
    byId("panel-directions").hidden = !(lead.counts.pca || lead.counts.sefa) && !lead.why;
    document.querySelectorAll("input[name=method]").forEach((one) => { one.disabled = !lead.counts[one.value]; });
    if (!lead.counts[chosenMethod()]) { const other = document.querySelector("input[name=method]:not(:disabled)"); if (other) other.checked = true; }
    byId("layers").hidden = byId("layers-help").hidden = lead.layers < 2;
    [["from", 1], ["to", lead.layers], ["style-from", Math.ceil(lead.layers / 2) + 1], ["style-to", lead.layers]].forEach(([id, value]) => {
      byId(id).max = lead.layers;
      byId(id).value = value;
    });
    listSliders();
  }
  function listSliders() {
    const method = chosenMethod(), box = byId("sliders");
    box.textContent = "";
    sliders.length = 0;
    for (let n = 1; n <= (lead.counts[method] || 0); n++) {
      const range = make("input", { type: "range", min: -6, max: 6, step: 0.05, value: 0, id: "direction-" + n });
      const number_ = make("input", { type: "number", min: -100, max: 100, step: 0.1, value: 0 });
      const name = make("label", { htmlFor: range.id, textContent: t("direction", { n }) });
      const share = make("span", { className: "help", textContent: t("share of variance", { share: number(100 * lead.portions[method][n - 1], 1) }) });
      const note = make("span", { className: "help" });
      number_.setAttribute("aria-label", t("amount", { n }));
      pair(range, number_, (made, amount) => {
        const layers = range_();
        made.shifts = made.shifts.filter((one) => one.method !== method || one.number !== n);
        if (amount) made.shifts.push({ method, number: n, amount: Math.round(amount * 1e4) / 1e4, ...layers });
      });
      box.append(make("div", { className: "row slider" }, name, range, number_, share, note));
      sliders.push({ number: n, range, box: number_, note });
    }
  }
  function range_(from = "from", to = "to") {
    const first = Math.max(1, Math.min(lead.layers, Math.round(Number(byId(from).value)) || 1));
    const last = Math.max(first, Math.min(lead.layers, Math.round(Number(byId(to).value)) || lead.layers));
    return lead.layers < 2 || (first === 1 && last === lead.layers) ? { first: 1, last: 0 } : { first, last };
  }
  document.querySelectorAll("input[name=method]").forEach((one) => one.addEventListener("change", () => { listSliders(); controls(); }));
  byId("style-set").addEventListener("click", () => change((made) => {
    made.styles = [{ place: placeIn(byId("style-seed").value, "style=" + byId("style-seed").value), ...range_("style-from", "style-to") }];
  }));
  byId("style-end").addEventListener("click", () => change((made) => { made.styles = []; }));

  // ---- Shelf and arithmetic

  const shelf = [];
  byId("keep").addEventListener("click", () => {
    const node = { state: copy(state) };
    drawThumb(node, lead.canvas);
    shelf.push(node);
    listShelf();
  });
  function listShelf() {
    const box = byId("shelf");
    box.textContent = shelf.length ? "" : t("shelf empty");
    shelf.forEach((node, k) => {
      const end = make("button", { type: "button", className: "end", textContent: "×" });
      end.setAttribute("aria-label", t("remove", { n: k + 1 }));
      end.addEventListener("click", () => { shelf.splice(k, 1); listShelf(); });
      box.append(make("span", { className: "held" }, card(node, k + 1, () => change((made) => Object.assign(made, copy(node.state)))), end));
    });
    ["plus", "minus", "plus2"].forEach((id, which) => {
      const before = byId(id).value;
      byId(id).replaceChildren(...shelf.map((_, k) => make("option", { value: k, textContent: k + 1 })));
      byId(id).value = shelf.length > 3 && Number(before) < shelf.length ? before : Math.min(which, shelf.length - 1);
    });
    byId("arithmetic").hidden = shelf.length < 2;
    byId("arithmetic").nextElementSibling.hidden = shelf.length < 2;
  }
  const latentOf = async (one) => Array.from((await engine.ask({ model: 0, latent: one })).latent || []);
  byId("compute").addEventListener("click", async () => {
    const [a, b, c] = await Promise.all(["plus", "minus", "plus2"].map((id) => latentOf(shelf[Number(byId(id).value)].state)));
    const third = shelf[Number(byId("plus2").value)].state;
    let numbers = a.map((value, i) => Math.fround(value - b[i] + c[i]));
    if (!lead.mapped && lead.law === "normal") {            // back to the length of a drawn latent
      const length = (one) => Math.sqrt(one.reduce((sum, value) => sum + value * value, 0));
      const by = length(c) / (length(numbers) || 1);
      numbers = numbers.map((value) => Math.fround(value * by));
    }
    change((made) => Object.assign(made, copy(EMPTY), { place: third.place, classes: third.classes, latent: { space: lead.space, numbers } }));
  });

  // ---- Sheets

  function sheetKinds() {
    const kinds = ["images"];
    if (lead.counts.pca || lead.counts.sefa) kinds.push("directions");
    if (lead.layers > 1) kinds.push("styles");
    if (lead.classes.length) kinds.push("classes");
    if (lead.latent) kinds.push("truncations");
    if (lead.options.guidance) kinds.push("guidance");
    if (lead.options.keep) kinds.push("redraws");
    byId("sheet-kind").replaceChildren(...kinds.map((kind) => make("option", { value: kind, textContent: t("sheet " + kind) })));
  }
  function sheetStates(kind) {
    const base = copy(state), method = chosenMethod(), many = (n, edit) => Array.from({ length: n }, (_, k) => { const one = copy(base); edit(one, k); return one; });
    if (kind === "images") return [8, many(16, (one, k) => { one.latent = null; one.place.image = String(BigInt(base.place.image) + BigInt(k)); })];
    if (kind === "classes") return [Math.min(10, lead.classes.length), many(lead.classes.length, (one, k) => { one.classes = [[k, 1]]; })];
    if (kind === "guidance") return [5, many(20, (one, k) => Object.assign(one.options, { guidance: [1, 2, 4, 7][Math.floor(k / 5)], steps: [2, 5, 10, 20, 50][k % 5] }))];
    if (kind === "redraws") return [8, many(16, (one, k) => {
      one.options.keep = one.options.keep || Math.round(lead.options.keep.most / 2);
      one.redraw = { seed: String(k), image: "0" };
    })];
    if (kind === "truncations") return [7, many(7, (one, k) => { one.truncation = k / 4; })];
    if (kind === "directions") return [7, Array.from({ length: Math.min(6, lead.counts[method]) }, (_, n) => many(7, (one, k) => {
      one.shifts = one.shifts.filter((shift) => shift.method !== method || shift.number !== n + 1);
      if (k !== 3) one.shifts.push({ method, number: n + 1, amount: k - 3, ...range_() });
    })).flat()];
    const range = range_("style-from", "style-to");
    return [5, many(25, (one, k) => {
      const row = BigInt(base.place.image) + BigInt(Math.floor(k / 5)), column = BigInt(base.place.image) + BigInt(5 + k % 5);
      one.latent = null;
      one.place.image = String(row);
      one.styles = [{ place: { seed: base.place.seed, image: String(column) }, ...(range.last ? range : { first: Math.ceil(lead.layers / 2) + 1, last: lead.layers }) }];
    })];
  }
  let sheetRun = 0;
  async function drawSheet(box, columns, states) {
    const run = ++sheetRun, nodes = states.map((one) => ({ state: one, thumb: make("canvas", { className: "thumb", width: lead.size[2], height: lead.size[1] }) }));
    box.textContent = "";
    box.style.setProperty("--columns", columns);
    nodes.forEach((node, k) => box.append(card(node, k + 1, () => change((made) => Object.assign(made, copy(node.state))))));
    for (const node of nodes) {
      if (run !== sheetRun) return;
      const found = await engine.ask({ model: 0, state: node.state });
      if (found.error) return trouble(found.whole ? found.error : t("engine failed", { why: found.error }));
      paint(node.thumb, found.pixels, found.shape || lead.size);
    }
    box.nodes = nodes;
  }
  byId("sheet-draw").addEventListener("click", async () => {
    const [columns, states] = sheetStates(byId("sheet-kind").value);
    await drawSheet(byId("sheet"), columns, states);
    byId("sheet-save").hidden = false;
  });
  byId("sheet-save").addEventListener("click", async () => {
    const box = byId("sheet"), columns = Number(box.style.getPropertyValue("--columns")), [, h, w] = lead.size, gap = 2;
    const factor = Math.max(1, Math.floor(96 / Math.max(h, w)));
    const rows = Math.ceil(box.nodes.length / columns), whole = make("canvas", { width: columns * (w * factor + gap) + gap, height: rows * (h * factor + gap) + gap });
    const context = whole.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, whole.width, whole.height);
    context.imageSmoothingEnabled = false;
    box.nodes.forEach((node, k) => context.drawImage(node.thumb, gap + (k % columns) * (w * factor + gap), gap + Math.floor(k / columns) * (h * factor + gap), w * factor, h * factor));
    save(await pngOf(whole, { "ganbench:command": command(textOf(state)), "ganbench:sheet": box.nodes.map((node) => textOf(node.state)).join("\n") }), "sheet.png");
  });

  // ---- Files: PNG with text chunks, JSON

  const TABLE = Uint32Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n; });
  function crc(bytes) {
    let found = 0xffffffff;
    for (const byte of bytes) found = TABLE[(found ^ byte) & 255] ^ (found >>> 8);
    return (found ^ 0xffffffff) >>> 0;
  }
  function chunk(kind, bytes) {
    const found = new Uint8Array(bytes.length + 12), view = new DataView(found.buffer);
    view.setUint32(0, bytes.length);
    found.set(new TextEncoder().encode(kind), 4);
    found.set(bytes, 8);
    view.setUint32(bytes.length + 8, crc(found.subarray(4, bytes.length + 8)));
    return found;
  }
  // iTXt: keyword, no compression, no language, UTF-8
  const textChunk = (name, text) => chunk("iTXt", new TextEncoder().encode(name + "\0\0\0\0\0" + text));
  async function pngOf(canvas, texts) {
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    const bytes = new Uint8Array(await blob.arrayBuffer()), head = 33;     // signature and IHDR
    return new Blob([bytes.subarray(0, head), ...Object.entries(texts).map(([name, text]) => textChunk(name, text)), bytes.subarray(head)], { type: "image/png" });
  }
  function textsIn(bytes) {
    const found = {}, view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 8 || view.getUint32(0) !== 0x89504e47) return found;
    for (let at = 8; at + 12 <= bytes.length;) {
      const length = view.getUint32(at), kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      if (kind === "iTXt" || kind === "tEXt") {
        const text = new TextDecoder().decode(bytes.subarray(at + 8, at + 8 + length));
        const [name] = text.split("\0", 1);
        found[name] = text.slice(name.length + 1).replace(/^\0\0\0\0/, "");
      }
      at += 12 + length;
    }
    return found;
  }
  function save(blob, name) {
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  const facts = (text) => ({ "ganbench:state": text, "ganbench:model": lead.command, "ganbench:digest": lead.identity, "ganbench:command": command(text) });
  async function savePng() {
    const text = textOf(state);
    await settled(text);
    save(await pngOf(lead.canvas, facts(text)), fileName("png"));
  }
  const settled = async (text) => { while (lead.canvas.dataset.state !== text && byId("trouble").hidden) await new Promise((done) => setTimeout(done, 5)); };
  const fileName = (ending) => `${lead.name}-seed-${placed(state.place).replace(":", "-")}.${ending}`;
  byId("save-png").addEventListener("click", savePng);
  if (data.engine === "local") {
    const button = make("button", { type: "button", id: "save-mlflow", textContent: t("save mlflow") });
    button.dataset.t = "save mlflow";
    byId("share-more").append(button);
    button.addEventListener("click", async () => {
      byId("said").textContent = t("working");
      const answer = await (await fetch("save", { method: "POST", body: textOf(state) })).json();
      byId("said").textContent = "";
      if (answer.error) return trouble(answer.error);
      byId("said").textContent = t("saved mlflow", answer);
    });
  }
  byId("save-json").addEventListener("click", async () => {
    const found = { ganbench: 1, model: lead.command, digest: lead.identity, state: textOf(state), command: command(textOf(state)),
      space: lead.space, shape: lead.shape, latent: await latentOf(state) };
    save(new Blob([JSON.stringify(found, null, 1)], { type: "application/json" }), fileName("json"));
  });
  async function openFile(file) {
    if (file.size > MOST_FILE) return trouble(t("too large file", { file: file.name, n: number(file.size / 1e6, 0), most: MOST_FILE / 1e6 }));
    const bytes = new Uint8Array(await file.arrayBuffer());
    let found = textsIn(bytes);
    let text = found["ganbench:state"], model = found["ganbench:model"];
    if (!text) try {
      const json = JSON.parse(new TextDecoder().decode(bytes));
      text = typeof json.state === "string" ? json.state : undefined;
      model = json.model;
    } catch (error) { /* neither */ }
    if (!text) return data.engine === "local" && lead.latent ? photo(file) : trouble(t("no settings", { file: file.name }));
    if (change((made) => Object.assign(made, stateOf(text))) && model && model !== lead.command) trouble(t("other model", { file: file.name, model }));
  }
  async function photo(file) {                              // the latent whose picture is nearest
    trouble("");
    document.body.classList.add("working");
    byId("said").textContent = t("inverting", { file: file.name });
    try {
      const found = await (await fetch("invert?state=" + encodeURIComponent(textOf(state)), { method: "POST", body: file })).json();
      document.body.classList.remove("working");
      if (found.error) return trouble(found.error);
      change((made) => Object.assign(made, stateOf(found.state)));
      await settled(textOf(state));
      byId("said").textContent = t("inverted", { file: file.name, decibels: number(found.decibels, 1) });
    } catch (error) {
      document.body.classList.remove("working");
      trouble(t("server gone"));
    }
  }
  byId("file").addEventListener("change", () => { if (byId("file").files[0]) openFile(byId("file").files[0]); byId("file").value = ""; });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]); });
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter") change((made) => Object.assign(made, stateOf(byId("text").value)));
  });
  byId("copy").addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(byId("command").value); byId("said").textContent = t("copied"); }
    catch (error) { byId("command").focus(); byId("command").select(); byId("said").textContent = t("copy by hand"); }
  });

  window.explorer = { data, lead, engine, t, number, byId, make, textOf, stateOf, copy, paint, trouble, change, latentOf, card, save, command, EMPTY,
    current: () => state, drawSheet, drawThumb, openFile, translators: [], changed: [], language };

  function begin() {
    byId("title").textContent = models.map((one) => one.name).join(", ");
    document.title = `${models.map((one) => one.name).join(", ")} · ganbench explore`;
    byId("panel-truncation").hidden = !lead.latent;
    byId("panel-styles").hidden = lead.layers < 2;
    byId("panel-film").hidden = !lead.latent;
    prepareSliders();
    speak();
    let text = "";
    try { text = decodeURIComponent(location.hash.slice(1)); } catch (error) { /* not ours */ }
    try { state = stateOf(/=/.test(text) ? text : lead.start); } catch (error) { state = stateOf(lead.start); trouble(error.message); }
    refresh();
    remember();
  }
  function speak() {
    translate();
    prepareClasses();
    prepareOptions();
    listSliders();
    sheetKinds();
    listShelf();
    controls();
    window.explorer.translators.forEach((one) => one());
  }
  byId("language").addEventListener("click", () => { language = language === "fr" ? "en" : "fr"; window.explorer.language = language; speak(); refresh(); listHistory(); });
  byId("panel-history").addEventListener("toggle", listHistory);
  window.addEventListener("hashchange", () => {
    const text = decodeURIComponent(location.hash.slice(1));
    if (/=/.test(text) && text !== textOf(state)) change((made) => Object.assign(made, stateOf(text)));
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    if (/^(text|number)$/.test(event.target.type || "")) return;        // the box has its own
    event.preventDefault();
    byId(event.shiftKey ? "redo" : "undo").click();
  });
  begin();

  if (data.engine === "page") (async () => {                // after the first picture
    await settled(textOf(state));
    byId("test").textContent = t("test running");
    const results = [];
    for (let k = 0; k < models.length; k++) results.push(await engine.ask({ model: k, test: true }));
    const show = () => {
      const bad = results.find((one) => one.error || !one.intact || one.far > one.of * 0.0005);
      byId("test").classList.toggle("failed", Boolean(bad));
      byId("test").textContent = !bad ? t("test passed", { n: results.reduce((sum, one) => sum + one.pictures, 0) })
        : bad.error ? t("engine failed", { why: bad.error }) : !bad.intact ? t("test weights") : t("test pictures", { n: bad.far, of: bad.of });
    };
    window.explorer.translators.push(show);
    show();
  })();
})();
