// Real images near the picture, and how realistic it is; of the local engine.
(function () {
  "use strict";
  const { t, number, byId, make, textOf, current, translators, trouble } = window.explorer;
  const PAUSE = 350, MANY = 99;
  let real = "", reals = 0, shown = "", timer = null, found = null;

  function surround(name, count) {
    real = name;
    reals = count;
    byId("panel-near").hidden = false;
    speak();
    look();
  }
  // Once nothing has changed for a moment.
  function look() {
    if (!real) return;
    const text = textOf(current());
    byId("badge").hidden = text !== shown;
    byId("near").classList.toggle("stale", text !== shown);
    clearTimeout(timer);
    if (text !== shown) timer = setTimeout(() => ask(text), PAUSE);
  }
  async function ask(text) {
    let answer;
    try { answer = await (await fetch("around?state=" + encodeURIComponent(text))).json(); } catch (error) { return; }
    if (text !== textOf(current())) return;
    if (answer.error) return trouble(answer.error);
    shown = text;
    found = answer;
    byId("near").classList.remove("stale");
    speak();
  }
  function speak() {
    if (!real) return;
    byId("near-help").textContent = t("near help", { n: number(reals, 0), real });
    if (!found) return;
    const value = found.realism > MANY ? "> " + MANY : number(found.realism), far = found.realism < 1;
    byId("badge").hidden = shown !== textOf(current());
    byId("badge").classList.toggle("far", far);
    byId("badge-value").textContent = `${t("realism")} ${value}`;
    byId("badge-value").title = byId("badge-said").textContent = t(far ? "realism far" : found.realism > MANY ? "realism copy" : "realism near");
    byId("near").replaceChildren(...found.near.map((one) => {
      const about = t("real image", { n: one.number, label: one.label ? `, ${one.label}` : "", distance: number(one.distance, 1) });
      return make("figure", { className: "real", title: about }, make("img", { src: one.picture, alt: about }),
        make("figcaption", {}, one.label || "", make("br"), t("distance", { distance: number(one.distance, 1) })));
    }));
  }
  translators.push(speak);
  window.explorer.surround = surround;
  window.explorer.changed.push(look);
})();
