// A model in a page: from a state to its image, by Engine.  Runs in a worker, or in the page where there are none.
// As ganbench.gan.explorer.explored does it.
var Model = (function () {
  "use strict";

  function bytesOf(text) {
    var binary = atob(text), found = new Uint8Array(binary.length);
    for (var i = 0; i < found.length; i++) found[i] = binary.charCodeAt(i);
    return found;
  }
  function floats(text) { return new Float32Array(bytesOf(text).buffer); }
  function size(shape) { return shape.reduce(function (a, b) { return a * b; }, 1); }

  function open(facts, data) {
    var bytes = bytesOf(data), weights = new Float32Array(bytes.buffer);
    var intact = Engine.hex(Engine.blake2b(bytes, 16)) === facts.digest;
    var mapping = facts.mapping && Engine.network(facts.mapping, weights);
    var synthesis = Engine.network(facts.synthesis, weights), width = size(facts.shape) / facts.layers;
    var centre = facts.centre && floats(facts.centre);
    var steps = {};
    Object.keys(facts.directions).forEach(function (method) {
      var one = facts.directions[method];
      steps[method] = { vectors: floats(one.vectors), sigmas: floats(one.sigmas) };
    });

    function drawn(place) {
      var n = size(facts.drawn);
      return Engine.numbers(facts.law, place.image, place.seed, facts.numbers, 0, n);
    }
    function noiseOf(place) {
      var n = size(facts.drawn);
      return Engine.numbers(facts.law, place.image, place.seed, facts.numbers, n, facts.numbers - n);
    }
    function labelsOf(state) {
      if (!facts.classes.length) return null;
      var shares = state.classes.length ? state.classes
        : [[Engine.drawnClass(state.place.image, state.place.seed, facts.classes.length, facts.shares), 1]];
      if (!facts.mixes) return Float32Array.of(shares[0][0]);
      var weights = new Float32Array(facts.classes.length);
      shares.forEach(function (one) { weights[one[0]] = one[1]; });
      return weights;
    }
    function given(program, values) {
      var found = {};
      program.inputs.forEach(function (input, k) { found[input.name] = values[k]; });
      return found;
    }
    function styles(z, labels) {                            // W, as often as there are layers
      var w = mapping(given(facts.mapping, labels ? [z, labels] : [z])), found = new Float32Array(size(facts.shape));
      for (var k = 0; k < facts.layers; k++) found.set(w, k * width);
      return found;
    }
    function truncated(w, by) {
      if (by !== 1) for (var i = 0; i < w.length; i++) w[i] = centre[i % width] + by * (w[i] - centre[i % width]);
      return w;
    }
    // The latent that the network decodes, after all edits.
    function latentOf(state, labels) {
      var own = state.latent, found, i;
      if (!facts.mapped) {
        found = Float32Array.from(own ? own.numbers : drawn(state.place));
        for (i = 0; i < found.length; i++) found[i] *= state.truncation;
      } else {
        if (!own || own.space === "z") found = styles(own ? Float32Array.from(own.numbers) : drawn(state.place), labels);
        else {
          found = new Float32Array(size(facts.shape));
          for (i = 0; i < found.length; i++) found[i] = own.numbers[i % own.numbers.length];
        }
        truncated(found, state.truncation);
      }
      state.styles.forEach(function (style) {
        var other = truncated(styles(drawn(style.place), labels), state.truncation);
        var last = style.last || facts.layers;
        found.set(other.subarray((style.first - 1) * width, last * width), (style.first - 1) * width);
      });
      state.shifts.forEach(function (shift) {
        var from = steps[shift.method], sigma = from.sigmas[shift.number - 1], at = (shift.number - 1) * width;
        for (var k = (shift.first - 1) * width; k < (shift.last || facts.layers) * width; k++)
          found[k] += shift.amount * sigma * from.vectors[at + k % width];
      });
      return found;
    }
    function image(state) {
      var labels = labelsOf(state), values = [latentOf(state, labels)];
      if (facts.asksClass) values.push(labels);
      if (facts.asksNoise) values.push(noiseOf(state.place));
      return Engine.quantised(synthesis(given(facts.synthesis, values)));
    }
    // Whether the weights are intact, and how many pixels of the embedded pictures are further than one level away.
    function test() {
      var far = 0, of = 0;
      facts.tests.forEach(function (one) {
        var right = bytesOf(one.pixels), found = image(one.state);
        of += right.length;
        for (var i = 0; i < right.length; i++) if (Math.abs(right[i] - found[i]) > 1) far++;
      });
      return { intact: intact, far: far, of: of, pictures: facts.tests.length };
    }
    return { image: image, latentOf: function (state) { return latentOf(state, labelsOf(state)); }, test: test };
  }

  var models = [];
  function answer(asked) {
    if (asked.open) { models.push(open(asked.open, asked.data)); return { ready: true }; }
    var model = models[asked.model];
    if (asked.test) return model.test();
    if (asked.latent) return { latent: model.latentOf(asked.latent) };
    return { pixels: model.image(asked.state) };
  }
  function reply(event) {
    var found;
    try { found = answer(event.data); } catch (error) { found = { error: String(error && error.message || error) }; }
    found.id = event.data.id;
    return found;
  }
  if (typeof self === "object" && typeof document === "undefined" && typeof postMessage === "function")
    self.onmessage = function (event) { self.postMessage(reply(event)); };
  return { open: open, reply: reply };
})();
if (typeof module === "object") module.exports = Model;
