// The map: pictures of a sample at their places; a click loads that very latent, a lasso makes a sheet.
(function () {
  "use strict";
  const { data, lead, engine, t, number, byId, make, copy, change, drawSheet, trouble, translators, EMPTY } = window.explorer;
  const canvas = byId("map"), context = canvas.getContext("2d"), SIDE = canvas.width;
  const HUES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c564b", "#f0e442", "#7f7f7f", "#000000"];
  let map = null, places, atlas, view = { x: 0, y: 0, zoom: 1 }, at = -1, line = null, drawing = false;

  // Whether a point is inside a polygon: edges that cross a ray to the right, an odd number of times.
  function inside(x, y, polygon) {
    let found = false;
    for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
      const [xi, yi] = polygon[i], [xj, yj] = polygon[j];
      if (yi > y !== yj > y && x < (xj - xi) * (y - yi) / (yj - yi) + xi) found = !found;
    }
    return found;
  }
  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const onCanvas = (i) => [(places[2 * i] - view.x) * view.zoom * SIDE, (places[2 * i + 1] - view.y) * view.zoom * SIDE];
  const tile = () => Math.min(map.tile * 2, Math.max(map.tile, 14 * Math.sqrt(view.zoom)));

  async function begin(found) {
    map = found;
    places = floats(map.places);
    if (map.realism) map.realisms = floats(map.realism);
    atlas = new Image();
    atlas.src = map.atlas;
    await atlas.decode();
    byId("panel-map").hidden = false;
    speak();
    draw();
    canvas.dataset.ready = "";
  }
  function speak() {
    if (!map) return;
    document.querySelector("#panel-map .help").textContent = t("map help", { n: number(places.length / 2), how: map.how[window.explorer.language === "fr" ? 1 : 0] });
    const before = byId("colour").value, kinds = ["none", ...["class", "cluster", "realism"].filter((kind) => map[kind === "class" ? "classes" : kind === "cluster" ? "clusters" : "realism"])];
    byId("colour").replaceChildren(...kinds.map((kind) => make("option", { value: kind, textContent: t("colour " + kind) })));
    byId("colour").value = before || (kinds.includes("class") ? "class" : kinds[1] || "none");
    explain();
  }
  // What the frames' colours mean.
  function explain() {
    const kind = byId("colour").value, box = byId("legend"), swatch = (colour) => { const one = make("i"); one.style.background = colour; return one; };
    const entries = (values, name) => [...new Set(values)].sort((a, b) => a - b).slice(0, MOST_NAMED).map((value) => make("span", {}, swatch(HUES[value % HUES.length]), " " + name(value)));
    box.replaceChildren();
    if (kind === "class") box.append(...(map.borrowed ? [make("span", { textContent: t("borrowed") })] : []), ...entries(map.classes, named));
    if (kind === "cluster") box.append(...entries(map.clusters, (value) => value + 1));
    if (kind !== "realism") return;
    const scale = swatch(`linear-gradient(90deg, ${[0.5, 0.75, 1, 1.25, 1.5].map(shade).join(", ")})`);
    scale.className = "scale";
    box.append(make("span", {}, t("scale begin") + " ", scale, " " + t("scale end")), make("span", { textContent: t("realism help", { real: map.real }) }));
  }
  const MOST_NAMED = 20;
  const named = (value) => (map.names && map.names[value]) || lead.classes[value] || String(value);
  const [FAR, EDGE, NEAR] = [[213, 94, 0], [205, 205, 205], [0, 114, 178]];
  function shade(realism) {                                 // grey at 1, the edge of what the real images cover
    const by = Math.max(-1, Math.min(1, 2 * (realism - 1))), end = by < 0 ? FAR : NEAR;
    return `rgb(${EDGE.map((value, k) => Math.round(value + Math.abs(by) * (end[k] - value))).join(" ")})`;
  }
  function hue(i) {
    const kind = byId("colour").value;
    if (kind === "class") return HUES[map.classes[i] % HUES.length];
    if (kind === "cluster") return HUES[map.clusters[i] % HUES.length];
    if (kind === "realism") return shade(map.realisms[i]);
    return null;
  }
  function draw() {
    if (!map) return;
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--soft");
    context.fillRect(0, 0, SIDE, SIDE);
    context.imageSmoothingEnabled = false;
    const side = tile(), n = places.length / 2;
    for (let i = 0; i < n; i++) {
      const [x, y] = onCanvas(i);
      if (x < -side || y < -side || x > SIDE + side || y > SIDE + side) continue;
      const colour = hue(i);
      if (colour) { context.fillStyle = colour; context.fillRect(x - side / 2 - 2.5, y - side / 2 - 2.5, side + 5, side + 5); }
      context.drawImage(atlas, (i % map.columns) * map.tile, Math.floor(i / map.columns) * map.tile, map.tile, map.tile, x - side / 2, y - side / 2, side, side);
    }
    if (at >= 0) {
      const [x, y] = onCanvas(at);
      context.lineWidth = 4;
      context.strokeStyle = "#d55e00";
      context.strokeRect(x - side / 2 - 4, y - side / 2 - 4, side + 8, side + 8);
    }
    if (line) {
      context.beginPath();
      line.forEach(([x, y], k) => context[k ? "lineTo" : "moveTo"]((x - view.x) * view.zoom * SIDE, (y - view.y) * view.zoom * SIDE));
      context.closePath();
      context.lineWidth = 3;
      context.strokeStyle = "#d55e00";
      context.stroke();
    }
  }
  const pointer = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width / view.zoom + view.x, (event.clientY - box.top) / box.height / view.zoom + view.y];
  };
  // The picture under a place: of those that are drawn there the uppermost, otherwise the nearest.
  function nearest(x, y) {
    const reach = tile() / 2 / SIDE / view.zoom;
    let best = -1, least = Infinity;
    for (let i = places.length / 2 - 1; i >= 0; i--) {
      const dx = Math.abs(places[2 * i] - x), dy = Math.abs(places[2 * i + 1] - y);
      if (dx <= reach && dy <= reach) return i;
      if (dx * dx + dy * dy < least) { least = dx * dx + dy * dy; best = i; }
    }
    return best;
  }
  function choose(i) {
    at = i;
    draw();
    change((made) => Object.assign(made, copy(EMPTY), { place: { seed: map.seed, image: String(i) } }));
  }
  function select(i) {
    at = i;
    const [x, y] = onCanvas(i);
    if (x < 0 || y < 0 || x > SIDE || y > SIDE) { view.x = places[2 * i] - 0.5 / view.zoom; view.y = places[2 * i + 1] - 0.5 / view.zoom; }
    byId("map-said").textContent = about(i);
    draw();
  }
  const about = (i) => `seed=${map.seed}:${i}` + (map.classes && map.classes[i] >= 0 ? `, ${t(map.borrowed ? "class near" : "class")} ${named(map.classes[i])}` : "")
    + (map.realisms ? `, ${t("colour realism")} ${number(map.realisms[i])}` : "");

  canvas.addEventListener("pointerdown", (event) => {
    if (byId("lasso").getAttribute("aria-pressed") !== "true") return;
    drawing = true;
    line = [pointer(event)];
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!map) return;
    if (drawing) { line.push(pointer(event)); draw(); return; }
    byId("map-said").textContent = about(nearest(...pointer(event)));
  });
  canvas.addEventListener("pointerup", () => {
    if (!drawing) return;
    drawing = false;
    lasso(line);
  });
  canvas.addEventListener("click", (event) => {
    if (map && byId("lasso").getAttribute("aria-pressed") !== "true") choose(nearest(...pointer(event)));
  });
  const MOST = 100;
  function lasso(polygon) {
    const found = [];
    for (let i = 0; i < places.length / 2; i++) if (inside(places[2 * i], places[2 * i + 1], polygon)) found.push(i);
    canvas.dataset.chosen = found.join(",");
    byId("map-said").textContent = t("chosen", { n: number(found.length) });
    drawSheet(byId("chosen"), 10, found.slice(0, MOST).map((i) => ({ ...copy(EMPTY), place: { seed: map.seed, image: String(i) } })));
    return found;
  }
  byId("lasso").addEventListener("click", () => {
    const on = byId("lasso").getAttribute("aria-pressed") !== "true";
    byId("lasso").setAttribute("aria-pressed", String(on));
    canvas.style.touchAction = on ? "none" : "";
    if (!on) { line = null; draw(); }
  });
  byId("zoom-out").addEventListener("click", () => { view = { x: 0, y: 0, zoom: 1 }; draw(); });
  byId("colour").addEventListener("change", () => { explain(); draw(); });
  canvas.addEventListener("wheel", (event) => {
    if (!map) return;
    event.preventDefault();
    const [x, y] = pointer(event), zoom = Math.max(1, Math.min(20, view.zoom * Math.exp(-event.deltaY / 300)));
    view.x = Math.max(0, Math.min(1 - 1 / zoom, x - (x - view.x) * view.zoom / zoom));
    view.y = Math.max(0, Math.min(1 - 1 / zoom, y - (y - view.y) * view.zoom / zoom));
    view.zoom = zoom;
    draw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (!map) return;
    const turn = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (event.key === "Enter" && at >= 0) { choose(at); event.preventDefault(); }
    if (!turn) return;
    event.preventDefault();
    if (at < 0) return select(nearest(view.x + 0.5 / view.zoom, view.y + 0.5 / view.zoom));
    let best = at, least = Infinity;                        // the nearest one within 45 degrees of the arrow
    for (let i = 0; i < places.length / 2; i++) {
      const dx = places[2 * i] - places[2 * at], dy = places[2 * i + 1] - places[2 * at + 1];
      const along = dx * turn[0] + dy * turn[1], across = Math.abs(dx * turn[1] + dy * turn[0]);
      if (along > 0 && across <= along && along + across < least) { least = along + across; best = i; }
    }
    select(best);
  });
  translators.push(speak);
  window.explorer.map = { lasso, inside, choose, pointOf: (i) => onCanvas(i), tile: () => map && tile(), ready: () => Boolean(map && atlas.complete), places: () => places };

  if (data.map) begin(data.map);
  else if (data.engine === "local") (async () => {
    for (let wait = 500; ; wait = Math.min(4000, wait * 1.5)) {
      try {
        const found = await (await fetch("map")).json();
        if (found.places && (!map || (found.realism && !map.realism))) await begin(found);
        if (found.real) window.explorer.surround(found.real, found.reals);
        if (found.more === false) return;
      } catch (error) { /* the server is being started again */ }
      await new Promise((done) => setTimeout(done, wait));
    }
  })();
})();
