// Which language is shown; attributes that cannot hold both carry them aside.
(function () {
  var root = document.documentElement;
  function show(language) {
    root.lang = language;
    document.querySelectorAll("[data-en]").forEach(function (element) {
      var said = element.getAttribute("data-" + language);
      ["alt", "title", "aria-label"].forEach(function (name) {
        if (element.hasAttribute(name)) element.setAttribute(name, said);
      });
      if (element.tagName.toLowerCase() === "title") element.textContent = said;
    });
  }
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (element) { element.open = true; });
  });
  document.getElementById("language").addEventListener("click", function () {
    show(root.lang === "en" ? "fr" : "en");
  });
  show(/^fr/i.test(navigator.language || "") ? "fr" : "en");
})();
