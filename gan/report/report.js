// The report's own controls; the page reads well without them.
(function () {
  const all = (query, within) => [...(within || document).querySelectorAll(query)];
  const said = (element) => element.getAttribute("data-" + document.documentElement.lang);

  // Tables: which of them scroll, and in which order the leaderboard stands

  function scrolling() {
    all(".wide").forEach((box) => box.classList.toggle("scrolls", box.scrollWidth > box.clientWidth + 1));
  }
  window.addEventListener("resize", scrolling);
  all("details").forEach((element) => element.addEventListener("toggle", scrolling));

  const board = document.getElementById("board");

  function sort(head) {
    const better = head.dataset.better === "higher" ? "descending" : "ascending";
    const other = better === "ascending" ? "descending" : "ascending";
    const way = head.getAttribute("aria-sort") === better ? other : better;
    const place = [...head.parentElement.children].indexOf(head);
    const value = (row) => {
      const cell = row.children[place];
      return cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
    };
    const rows = all("tbody tr", board).sort((one, two) => {
      const a = value(one), b = value(two);
      if (a === null || b === null) return (a === null) - (b === null);      // without a score: last
      return way === "ascending" ? a - b : b - a;
    });
    board.tBodies[0].append(...rows);
    all("th[aria-sort]", board).forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way);
  }
  if (board) all("th button", board).forEach((button) => {
    button.addEventListener("click", () => sort(button.parentElement));
  });

  // Copying: to the clipboard where that is allowed; the text is shown selected in any case

  function copy(button) {
    const form = button.dataset.copy, area = document.getElementById("copied");
    area.value = button.dataset.head + all("tbody tr", board).map((row) => row.dataset[form]).join("") +
      button.dataset.tail;
    area.hidden = false;
    area.focus();
    area.select();
    area.scrollTop = area.scrollLeft = 0;
    const done = (worked) => {
      document.querySelector(".copied").hidden = !worked;
      document.querySelector(".by-hand").hidden = worked;
    };
    const byHand = () => {
      let worked = false;
      try { worked = document.execCommand("copy"); } catch (error) { /* then the reader copies */ }
      done(worked);
    };
    if (navigator.clipboard && navigator.clipboard.writeText) {
      navigator.clipboard.writeText(area.value).then(() => done(true), byHand);
    } else byHand();
  }
  all("button[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));

  // Pictures: a click enlarges

  const large = document.getElementById("large");
  all(".zoom").forEach((button) => button.addEventListener("click", () => {
    const picture = button.querySelector("img").cloneNode(), canvas = large.querySelector(".canvas");
    const room = [window.innerWidth * 0.92 / picture.naturalWidth, window.innerHeight * 0.82 / picture.naturalHeight];
    const whole = Math.min(...room) > 1 ? Math.floor(Math.min(...room) * 2) / 2 : 1;
    picture.style.width = Math.round(picture.naturalWidth * whole) + "px";
    canvas.replaceChildren(picture);
    large.querySelector("p").textContent = picture.alt;
    large.showModal();
  }));
  if (large) large.addEventListener("click", (event) => {
    if (event.target === large || event.target.closest(".close")) large.close();
  });

  // One model alone in all charts

  all("button.only").forEach((button) => button.addEventListener("click", () => {
    const mine = button.getAttribute("aria-pressed") !== "true";
    all("button.only").forEach((one) => one.setAttribute("aria-pressed", String(mine && one === button)));
    if (mine) document.body.dataset.only = button.dataset.model;
    else delete document.body.dataset.only;
    all(".chart .other").forEach((part) => part.classList.remove("other"));
    if (mine) all(".chart [class*=' m']").forEach((part) => {
      const kept = part.classList.contains("m" + button.dataset.model) || part.classList.contains("mr");
      part.classList.toggle("other", !kept);
    });
  }));

  // The number of the chart of classes

  function choose(name) {
    all("figure.chosen").forEach((figure) => { figure.hidden = figure.dataset.number !== name; });
  }
  all("input[name=class-number]").forEach((input) => {
    input.addEventListener("change", () => choose(input.value));
    if (input.checked) choose(input.value);
  });

  // The map: the picture of the point that is nearest to the pointer, or reached by the arrow keys

  const map = document.getElementById("map-area");
  if (map) {
    const svg = map.querySelector("svg"), classes = JSON.parse(map.dataset.classes);
    const points = [];
    all(".sprite").forEach((sprite) => {
      const kinds = sprite.dataset.kinds.split(",").map(Number), picture = new Image();
      if (sprite.dataset.picture) picture.src = sprite.dataset.picture;
      all(".dot." + sprite.dataset.dots, svg).forEach((dot, k) => {
        points.push({ dot, k, sprite, picture, count: kinds.length, kind: classes[kinds[k]],
                      x: Number(dot.getAttribute("cx")), y: Number(dot.getAttribute("cy")) });
      });
    });
    points.sort((one, two) => one.x - two.x);
    let seen = -1;

    function see(place) {
      if (place < 0) return;
      if (seen >= 0) points[seen].dot.classList.remove("now");
      seen = place;
      const point = points[place], across = 20, panel = document.querySelector(".seen .picture");
      point.dot.classList.add("now");
      const wide = point.picture.naturalWidth / Math.min(across, point.count);
      const tall = point.picture.naturalHeight / Math.ceil(point.count / across);
      const times = Math.max(1, Math.floor(128 / Math.max(wide, tall, 1)));
      panel.style.cssText = wide ? "width:" + wide * times + "px;height:" + tall * times + "px;background-image:url(" +
        point.sprite.dataset.picture + ");background-size:" + point.picture.naturalWidth * times +
        "px auto;background-position:" + -(point.k % across) * wide * times + "px " +
        -Math.floor(point.k / across) * tall * times + "px" : "";
      document.querySelector(".seen output").textContent = 
        [said(point.sprite), point.kind && point.kind[document.documentElement.lang === "fr" ? 1 : 0]]
          .filter(Boolean).join(", ");
    }

    function nearest(event) {
      const frame = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / frame.width;
      const x = (event.clientX - frame.left) * scale, y = (event.clientY - frame.top) * scale;
      let found = -1, least = 18 * 18;
      points.forEach((point, place) => {
        const away = (point.x - x) ** 2 + (point.y - y) ** 2;
        if (away < least && !point.dot.classList.contains("other")) { found = place; least = away; }
      });
      return found;
    }
    ["pointermove", "pointerdown"].forEach((name) => map.addEventListener(name, (event) => see(nearest(event))));
    map.addEventListener("focus", () => { if (seen < 0) see(0); });
    map.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      see((seen + step + points.length) % points.length);
    });
    see(points.findIndex((point) => point.picture.src && !point.dot.classList.contains("mr")));
    points.filter((point) => point.k === 0).forEach((point) => {
      point.picture.addEventListener("load", () => { if (seen >= 0 && points[seen].picture === point.picture) see(seen); });
    });
  }

  // Where the reader is, and paper

  const links = new Map(all("nav a").map((link) => [link.getAttribute("href").slice(1), link]));
  if ("IntersectionObserver" in window) {
    const watch = new IntersectionObserver((rows) => rows.forEach((row) => {
      if (!row.isIntersecting) return;
      links.forEach((link, name) => {
        if (name === row.target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    }), { rootMargin: "-20% 0px -70% 0px" });
    all("main section").forEach((section) => watch.observe(section));
  }
  window.addEventListener("beforeprint", () => {
    all("details").forEach((element) => { element.open = true; });
  });
  scrolling();
})();
