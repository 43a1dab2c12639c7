// Which language is shown: that of the address (?lang=fr), or else the browser's.  The address keeps it, so that a link
// that is sent shows the same.  Attributes that cannot hold both languages carry them aside.
(function () {
  const root = document.documentElement;

  function asked() {
    const found = /[?&#]lang=(en|fr)\b/.exec(location.search + location.hash);
    return found ? found[1] : /^fr/i.test(navigator.language || "") ? "fr" : "en";
  }

  function show(language) {
    root.lang = language;
    document.querySelectorAll("[data-en]").forEach((element) => {
      const said = element.getAttribute("data-" + language);
      ["alt", "title", "aria-label"].forEach((name) => {
        if (element.hasAttribute(name)) element.setAttribute(name, said);
      });
      if (element.tagName.toLowerCase() === "title") element.textContent = said;
    });
    document.querySelectorAll("a.play").forEach((link) => {
      link.setAttribute("href", link.getAttribute("href").replace(/\?.*/, "") + "?lang=" + language);
    });
  }

  function keep(language) {
    try {       // a frame without an address of its own cannot
      history.replaceState(null, "", "?lang=" + language + location.hash.replace(/^#lang=.*/, ""));
    } catch (error) { /* the page works without */ }
  }

  document.getElementById("language").addEventListener("click", () => {
    show(root.lang === "en" ? "fr" : "en");
    keep(root.lang);
  });
  show(asked());
  keep(root.lang);
})();
