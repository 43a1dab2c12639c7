// Values at a step: of the pointer, or of the slider.  The page reads well without.
(function () {
  const panels = JSON.parse(document.getElementById("data").textContent);
  const figures = [...document.querySelectorAll("figure[data-panel]")];
  const slider = document.getElementById("step"), at = document.getElementById("at");
  const raw = document.getElementById("raw");
  const first = Math.min(...panels.map((panel) => panel.first)), last = Math.max(...panels.map((panel) => panel.last));

  function nearest(steps, step) {
    let low = 0, high = steps.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) low = middle; else high = middle;
    }
    return Math.abs(steps[low] - step) <= Math.abs(steps[high] - step) ? low : high;
  }
  function written(value) {
    if (typeof value === "string") return value;
    return value.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 4 });
  }
  function show(step) {
    at.textContent = Math.round(step).toLocaleString(document.documentElement.lang);
    figures.forEach((figure, k) => {
      const panel = panels[k], cursor = figure.querySelector(".cursor"), grid = figure.querySelector(".axis");
      const left = Number(grid.getAttribute("x1")), right = Number(grid.getAttribute("x2"));
      const x = left + (step - panel.first) / (panel.last - panel.first) * (right - left);
      const inside = x >= left - 0.5 && x <= right + 0.5;
      cursor.toggleAttribute("hidden", !inside);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      figure.querySelectorAll(".labels output").forEach((output, i) => {
        const curve = panel.curves[i], row = nearest(curve.step, step);
        const ends = step >= curve.step[0] && step <= curve.step[curve.step.length - 1];
        const value = curve.smooth.length && typeof curve.raw[row] === "number" ? curve.smooth[row] : curve.raw[row];
        output.textContent = ends ? written(value) : "";
      });
    });
  }
  function slide() { show(first + (last - first) * slider.value / slider.max); }

  slider.addEventListener("input", slide);
  raw.addEventListener("change", () => document.getElementById("charts").classList.toggle("plain", !raw.checked));
  document.getElementById("language").addEventListener("click", slide);
  figures.forEach((figure, k) => {
    const picture = figure.querySelector("svg.chart"), panel = panels[k], grid = figure.querySelector(".axis");
    picture.addEventListener("pointermove", (event) => {
      const box = picture.getBoundingClientRect(), scale = picture.viewBox.baseVal.width / box.width;
      const left = Number(grid.getAttribute("x1")), right = Number(grid.getAttribute("x2"));
      const part = ((event.clientX - box.left) * scale - left) / (right - left);
      const step = panel.first + Math.min(1, Math.max(0, part)) * (panel.last - panel.first);
      slider.value = Math.round(slider.max * (step - first) / (last - first));
      show(step);
    });
  });
  function scrolling() {
    document.querySelectorAll(".wide").forEach((box) =>
      box.classList.toggle("scrolls", box.scrollWidth > box.clientWidth + 1));
  }
  window.addEventListener("resize", scrolling);
  scrolling();
  slide();
})();
