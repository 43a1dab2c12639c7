// One image at a time: real or generated?  Which it is stays hidden until the end.
(function () {
  var given = JSON.parse(document.getElementById("rounds").textContent);
  var truth = atob(given.sealed).split(",").map(Number);      // -1: real, otherwise the model's place
  var rows = given.rows, answers = [], began = 0;
  function byId(id) { return document.getElementById(id); }

  function show() {
    if (answers.length === rows.length) return end();
    byId("image").src = given.images[answers.length];
    byId("done").value = answers.length;
    byId("count").textContent = (answers.length + 1) + " / " + rows.length;
    began = performance.now();
  }
  function answer(real) {
    if (byId("game").hidden || answers.length === rows.length) return;
    answers.push({ real: real, ms: Math.round(performance.now() - began) });
    show();
  }

  // Wilson's interval of 95 %, as scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
  function wilson(k, n) {
    var z = 1.959963984540054, p = k / n, d = 1 + z * z / n;
    var middle = (p + z * z / (2 * n)) / d, half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d;
    return [k === 0 ? 0 : middle - half, k === n ? 1 : middle + half];
  }
  function rate(k, n) {
    if (!n) return null;
    var ends = wilson(k, n);
    return { k: k, n: n, rate: k / n, low: ends[0], high: ends[1] };
  }
  // How often the images of a model, or real images (-1), were judged real.
  function takenForReal(which) {
    var mine = answers.filter(function (_, i) { return truth[i] === which; });
    return rate(mine.filter(function (one) { return one.real; }).length, mine.length);
  }
  function result() {
    var wrong = answers.filter(function (one, i) { return one.real !== (truth[i] === -1); }).length;
    return {
      schema: 1, report: given.digest, protocol: given.protocol,
      error_rate: rate(wrong, answers.length),
      real_taken_for_real: takenForReal(-1),
      models: given.models.map(function (model, k) {
        return { name: model.name, digest: model.digest, taken_for_real: takenForReal(k) };
      }),
      answers: answers.map(function (one, i) {
        return { of: truth[i] === -1 ? "real" : given.models[truth[i]].name, image: rows[i],
          said: one.real ? "real" : "generated", ms: one.ms };
      })
    };
  }

  function percent(value) { return (100 * value).toFixed(0) + "\u00a0%"; }
  function cell(row, text) {
    var made = document.createElement("td");
    made.textContent = text;
    row.appendChild(made);
  }
  function line(head, found) {
    var row = document.createElement("tr"), name = document.createElement("th");
    name.scope = "row";
    head.forEach(function (part) { name.append(part); });
    row.appendChild(name);
    cell(row, found ? percent(found.rate) : "\u2013");
    cell(row, found ? percent(found.low) + " \u2013 " + percent(found.high) : "\u2013");
    cell(row, found ? found.k + " / " + found.n : "\u2013");
    byId("table").appendChild(row);
  }
  function copied(id) { return byId(id).content.cloneNode(true); }

  function end() {
    if (!answers.length) return;
    var found = result();
    byId("game").hidden = true;
    byId("result").hidden = false;
    byId("table").textContent = "";
    line([copied("said-wrong")], found.error_rate);
    line([copied("said-real")], found.real_taken_for_real);
    found.models.forEach(function (model) { line([model.name, copied("said-model")], model.taken_for_real); });
    byId("save").href = "data:application/json;charset=utf-8," + encodeURIComponent(JSON.stringify(found, null, 1));
    byId("save").focus();
  }

  byId("begin").addEventListener("click", function () {
    byId("intro").hidden = true;
    byId("game").hidden = false;
    byId("done").max = rows.length;
    show();
  });
  byId("real").addEventListener("click", function () { answer(true); });
  byId("generated").addEventListener("click", function () { answer(false); });
  byId("stop").addEventListener("click", end);
  document.addEventListener("keydown", function (event) {
    if (event.key === "ArrowLeft") answer(true);
    if (event.key === "ArrowRight") answer(false);
  });
})();
