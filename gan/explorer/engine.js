// The engine of pages without a server: the random numbers of image i, and the network, in float32.
// gan/explorer/program.py writes what is computed here; tests hold the pictures against torch's.
var Engine = (function () {
  "use strict";

  // ---- BLAKE2b (RFC 7693); words of 64 bits are two halves, the lower one first

  var IV = [0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
    0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19];
  var SIGMA = ["0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8", "905724afe1bc683d",
    "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5", "a2847615fb9e3cd0"];
  var LANES = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
    [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

  function blake2b(bytes, size) {
    var h = new Uint32Array(IV), v = new Uint32Array(32), m = new Uint32Array(32);
    var block = new Uint8Array(m.buffer), order = [];
    for (var r = 0; r < 12; r++) order.push(SIGMA[r % 10].split("").map(function (c) { return parseInt(c, 16); }));

    function add(a, b) {                                    // v[a] += v[b]
      var low = v[2 * a] + v[2 * b];
      v[2 * a + 1] += v[2 * b + 1] + (low > 0xffffffff ? 1 : 0);
      v[2 * a] = low;
    }
    function take(a, k) {                                   // v[a] += m[k]
      var low = v[2 * a] + m[2 * k];
      v[2 * a + 1] += m[2 * k + 1] + (low > 0xffffffff ? 1 : 0);
      v[2 * a] = low;
    }
    function turn(a, b, bits) {                             // v[a] = (v[a] xor v[b]) rotated right
      var low = v[2 * a] ^ v[2 * b], high = v[2 * a + 1] ^ v[2 * b + 1];
      if (bits === 32) { v[2 * a] = high; v[2 * a + 1] = low; return; }
      if (bits === 63) { v[2 * a] = (low << 1) | (high >>> 31); v[2 * a + 1] = (high << 1) | (low >>> 31); return; }
      v[2 * a] = (low >>> bits) | (high << (32 - bits));
      v[2 * a + 1] = (high >>> bits) | (low << (32 - bits));
    }
    function mix(lane, x, y) {
      var a = lane[0], b = lane[1], c = lane[2], d = lane[3];
      add(a, b); take(a, x); turn(d, a, 32);
      add(c, d); turn(b, c, 24);
      add(a, b); take(a, y); turn(d, a, 16);
      add(c, d); turn(b, c, 63);
    }
    function compress(count, last) {
      v.set(h); v.set(IV, 16);
      v[24] ^= count % 4294967296; v[25] ^= Math.floor(count / 4294967296);
      if (last) { v[28] = ~v[28]; v[29] = ~v[29]; }
      for (var r = 0; r < 12; r++)
        for (var k = 0; k < 8; k++) mix(LANES[k], order[r][2 * k], order[r][2 * k + 1]);
      for (var i = 0; i < 16; i++) h[i] ^= v[i] ^ v[i + 16];
    }

    h[0] ^= 0x01010000 ^ size;
    var done = 0;
    while (bytes.length - done > 128) {
      block.set(bytes.subarray(done, done + 128));
      done += 128;
      compress(done, false);
    }
    block.fill(0);
    block.set(bytes.subarray(done));
    compress(bytes.length, true);
    return new Uint8Array(h.buffer.slice(0, size));
  }

  function hex(bytes) {
    return Array.prototype.map.call(bytes, function (b) { return (b + 256).toString(16).slice(1); }).join("");
  }

  // ---- Philox4x64-10 (Salmon et al. 2011), keyed by seed and name; see docs/seeds.md

  var MASK = (1n << 64n) - 1n, M0 = 0xd2e7470ee14c6c93n, M1 = 0xca5a826395121157n;
  var W0 = 0x9e3779b97f4a7c15n, W1 = 0xbb67ae8584caa73bn, keys = new Map();

  function keyOf(seed, name) {
    var text = seed + "/" + name;
    if (!keys.has(text)) {
      var words = new BigUint64Array(blake2b(new TextEncoder().encode(text), 16).buffer);
      if (keys.size > 4096) keys.clear();
      keys.set(text, [words[0], words[1]]);
    }
    return keys.get(text);
  }
  function philox(place, blocks, key) {                     // numpy counts up before it draws
    var a = place + 1n, c0 = a & MASK, c1 = a >> 64n, c2 = blocks, c3 = 0n, k0 = key[0], k1 = key[1];
    for (var round = 0; round < 10; round++) {
      var p = c0 * M0, q = c2 * M1;
      c0 = (q >> 64n) ^ c1 ^ k0; c2 = (p >> 64n) ^ c3 ^ k1; c1 = q & MASK; c3 = p & MASK;
      k0 = (k0 + W0) & MASK; k1 = (k1 + W1) & MASK;
    }
    return [c0, c1, c2, c3];
  }
  // Halves [first, first + n) of the row of image `index`, a row of `blocks` counters of eight halves.
  function halves(index, seed, blocks, name, first, n) {
    var key = keyOf(seed, name), found = new Uint32Array(n), place = BigInt(index) * BigInt(blocks), at = -1, four;
    for (var i = 0; i < n; i++) {
      var half = first + i;
      if (half >> 3 !== at) { at = half >> 3; four = philox(place + BigInt(at), BigInt(blocks), key); }
      var word = four[(half >> 1) & 3];
      found[i] = Number(half & 1 ? word >> 32n : word & 0xffffffffn);
    }
    return found;
  }
  var f = Math.fround;

  // Numbers [first, first + n) of the `count` of an image: N(0, 1) by Box & Muller, or U(-1, 1).
  function numbers(law, index, seed, count, first, n) {
    var blocks = Math.ceil(count / 8), found = new Float32Array(n), i;
    if (law === "uniform") {
      var drawn = halves(index, seed, blocks, "z", first, n);
      for (i = 0; i < n; i++) found[i] = f(f((drawn[i] >>> 8) * f(Math.pow(2, -24))) * 2 - 1);
      return found;
    }
    var pairs = (count + 1) >> 1, split = Math.min(Math.max(pairs - first, 0), n);
    function fill(from, upTo, pair, turned) {
      var u = halves(index, seed, blocks, "z", pair, upTo - from);
      var t = halves(index, seed, blocks, "z", pairs + pair, upTo - from);
      for (var k = 0; k < upTo - from; k++) {
        var radius = f(Math.sqrt(f(f(Math.log((u[k] | 1) >>> 0 ? ((u[k] | 1) >>> 0) * Math.pow(2, -32) : 1)) * -2)));
        var angle = f((t[k] | 0) * (2 * Math.PI / 4294967296));
        found[from + k] = f(radius * f(turned ? Math.sin(angle) : Math.cos(angle)));
      }
    }
    if (split > 0) fill(0, split, first, false);
    if (split < n) fill(split, n, first + split - pairs, true);
    return found;
  }
  function drawnClass(index, seed, classes, shares) {
    var word = philox(BigInt(index), 1n, keyOf(seed, "label"))[0];
    if (!shares.length) return Number(word % BigInt(classes));
    var total = shares.reduce(function (a, b) { return a + b; }, 0), place = Number(word >> 11n) * Math.pow(2, -53);
    for (var k = 0, sum = 0; k < shares.length - 1; k++) {
      sum += shares[k];
      if (place * total < sum) return k;
    }
    return shares.length - 1;
  }

  // ---- The network.  A program is a list of [operator, inputs, output, shape, settings]; values are Float32Arrays.

  function size(shape) { return shape.reduce(function (a, b) { return a * b; }, 1); }
  function strides(shape) {
    var found = new Array(shape.length), step = 1;
    for (var k = shape.length - 1; k >= 0; k--) { found[k] = step; step *= shape[k]; }
    return found;
  }
  // Where each number of a result comes from, if its place along axis k moves the source by `steps[k]`.
  function places(shape, steps, offset) {
    var n = size(shape), found = new Int32Array(n), at = shape.map(function () { return 0; }), from = offset || 0;
    for (var i = 0; i < n; i++) {
      found[i] = from;
      for (var k = shape.length - 1; k >= 0; k--) {
        from += steps[k];
        if (++at[k] < shape[k]) break;
        from -= steps[k] * shape[k];
        at[k] = 0;
      }
    }
    return found;
  }
  function broadcast(shape, given) {                        // steps of a smaller operand along the result's axes
    var own = strides(given), skip = shape.length - given.length;
    return shape.map(function (_, k) { return k < skip || given[k - skip] === 1 ? 0 : own[k - skip]; });
  }

  // ---- C (M, N) = A (M, K) B (K, N) + bias (M), in tiles of four rows and eight columns

  var WIDE = 8;
  // The inner loop as WebAssembly with vectors of four; its parameters are addresses and steps in bytes.
  function tileInWebAssembly(memory) {
    var OPS = { loop: [3, 64], end: [11], "br_if": [13], get: [32], set: [33], add: [106], less: [73],
      "v.load": [253, 0, 4], "v.splat": [253, 9, 2], "v.store": [253, 11, 4], "v.add": [253, 228, 1], "v.mul": [253, 230, 1],
      i: [65] };
    var code = [], A = 0, END = 1, B = 2, STEP = 3, C = 4, ROW = 5, BIAS = 6, FIRST = 7, b0 = 15, b1 = 16, a = 17, r;
    function emit(name, more) {
      code = code.concat(OPS[name], more === undefined ? [] : name === "i" ? signed(more) : more);
    }
    function signed(n) { return n < 64 ? [n] : [n & 127 | 128, n >> 7]; }
    function times(acc, b) { emit("get", acc); emit("get", a); emit("get", b); emit("v.mul"); emit("v.add"); emit("set", acc); }
    function bump(which, by, constant) { emit("get", which); emit(constant ? "i" : "get", by); emit("add"); emit("set", which); }
    for (r = 0; r < 4; r++) {                               // accumulators begin with the bias of their row
      emit("get", BIAS); emit("v.splat", 4 * r); emit("set", FIRST + 2 * r);
      emit("get", FIRST + 2 * r); emit("set", FIRST + 2 * r + 1);
    }
    emit("loop");
    emit("get", B); emit("v.load", 0); emit("set", b0);
    emit("get", B); emit("v.load", 16); emit("set", b1);
    for (r = 0; r < 4; r++) {
      emit("get", A); emit("v.splat", 4 * r); emit("set", a);
      times(FIRST + 2 * r, b0); times(FIRST + 2 * r + 1, b1);
    }
    bump(B, STEP); bump(A, 16, true);
    emit("get", A); emit("get", END); emit("less"); emit("br_if", 0);
    emit("end");
    for (r = 0; r < 4; r++) {
      emit("get", C); emit("get", FIRST + 2 * r); emit("v.store", 0);
      emit("get", C); emit("get", FIRST + 2 * r + 1); emit("v.store", 16);
      if (r < 3) bump(C, ROW);
    }
    emit("end");
    function counted(bytes) { return (bytes.length < 128 ? [bytes.length] : [bytes.length & 127 | 128, bytes.length >> 7]).concat(bytes); }
    function section(id, bytes) { return [id].concat(counted(bytes)); }
    var body = [1, 11, 123].concat(code);                   // eleven locals of type v128
    var bytes = [0, 97, 115, 109, 1, 0, 0, 0].concat(
      section(1, [1, 96, 7, 127, 127, 127, 127, 127, 127, 127, 0]),             // one type: seven i32, no result
      section(2, [1, 1, 101, 1, 109, 2, 0, 1]),                                 // import e.m: a memory
      section(3, [1, 0]), section(7, [1, 1, 116, 0, 0]),                        // export t
      section(10, [1].concat(counted(body))));
    return new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes)), { e: { m: memory } }).exports.t;
  }
  function tileInJavaScript(heap) {
    return function (A, end, B, step, C, row, bias) {
      var h = heap, K = (end - A) >> 4;
      for (var part = 0; part < 2; part++) {
        var p = h[bias >> 2], q = h[(bias >> 2) + 1], r = h[(bias >> 2) + 2], s = h[(bias >> 2) + 3];
        var p1 = p, p2 = p, p3 = p, q1 = q, q2 = q, q3 = q, r1 = r, r2 = r, r3 = r, s1 = s, s2 = s, s3 = s;
        for (var k = 0, a = A >> 2, b = (B >> 2) + 4 * part; k < K; k++, a += 4, b += step >> 2) {
          var b0 = h[b], b1 = h[b + 1], b2 = h[b + 2], b3 = h[b + 3], x = h[a];
          p += x * b0; p1 += x * b1; p2 += x * b2; p3 += x * b3;
          x = h[a + 1]; q += x * b0; q1 += x * b1; q2 += x * b2; q3 += x * b3;
          x = h[a + 2]; r += x * b0; r1 += x * b1; r2 += x * b2; r3 += x * b3;
          x = h[a + 3]; s += x * b0; s1 += x * b1; s2 += x * b2; s3 += x * b3;
        }
        var o = (C >> 2) + 4 * part;
        h[o] = p; h[o + 1] = p1; h[o + 2] = p2; h[o + 3] = p3; o += row >> 2;
        h[o] = q; h[o + 1] = q1; h[o + 2] = q2; h[o + 3] = q3; o += row >> 2;
        h[o] = r; h[o + 1] = r1; h[o + 2] = r2; h[o + 3] = r3; o += row >> 2;
        h[o] = s; h[o + 1] = s1; h[o + 2] = s2; h[o + 3] = s3;
      }
    };
  }
  // Memory of `n` numbers, from which arrays are taken one after the other, and the inner loop that works on it.
  function workshop(n, plain) {
    var bytes = 4 * n, memory = null, taken = 0, tile = null, heap;
    try {
      if (plain) throw new Error("asked for");
      memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) });
      heap = new Float32Array(memory.buffer);
      tile = tileInWebAssembly(memory);
    } catch (_) {                                           // an old browser, or a page that may not
      heap = new Float32Array(n);
      tile = tileInJavaScript(heap);
    }
    return {
      fast: Boolean(memory),
      array: function (count) {
        var found = heap.subarray(taken, taken + count);
        taken += (count + 3) & ~3;
        return found;
      },
      // A packed; B (K, N) and C as arrays of this memory, N a multiple of WIDE.
      product: function (A, B, bias, C, M, K, N) {
        for (var m = 0; m < M; m += 4)
          for (var n = 0; n < N; n += WIDE)
            tile(A.byteOffset + 4 * m * K, A.byteOffset + 4 * (m + 4) * K, B.byteOffset + 4 * n, 4 * N,
              C.byteOffset + 4 * (m * N + n), 4 * N, bias.byteOffset + 4 * m);
      }
    };
  }
  function packed(room, weight, rows, columns) {            // four rows beside each other; rows are filled up with 0
    var found = room.array(up(rows, 4) * columns);
    for (var r = 0; r < rows; r++)
      for (var k = 0; k < columns; k++) found[((r >> 2) * columns + k) * 4 + (r & 3)] = weight[r * columns + k];
    return found;
  }
  function up(n, to) { return Math.ceil(n / to) * to; }
  // How many numbers the arrays of a node take; see its maker.
  function needed(node, shapes) {
    var out = size(node[3]) + 8;
    if (node[0] !== "conv" && node[0] !== "deconv") return out;
    var w = shapes[node[1][1]], g = node[4].groups, taps = w[2] * w[3], given = shapes[node[1][0]];
    if (node[0] === "conv") {
      var N = up(node[3][2] * node[3][3], WIDE), M = up(w[0] / g, 4), K = w[1] * taps;
      return out + 8 * g + 4 * M + g * M * (K + 1) + K * N + (M + 4 + w[0]) * N;
    }
    var O = up(w[1] * taps, 4), P = up(given[2] * given[3], WIDE);
    return out + O * (w[0] / g) * g + O + (w[0] / g) * P + O * P + 64;
  }

  // Each maker takes constants, the shapes of inputs and of the result, settings and memory, and returns a function of
  // values.
  var MAKERS = {};

  // x (1, C, H, W) * w (O, C / groups, k, l): columns of patches, then one product for each group.
  MAKERS.conv = function (known, shapes, shape, set, room) {
    var w = known[1], ws = shapes[1], C = ws[1], k = ws[2], l = ws[3], groups = set.groups, M = ws[0] / groups;
    var H = shapes[0][2], W = shapes[0][3], P = shape[2] * shape[3], N = up(P, WIDE), K = C * k * l, taps = k * l;
    var inside = patches(H, W, shape[2], shape[3], k, l, set), h = shape[2], v = shape[3];
    if (M === 1 && C === 1) return depthwise(w, known[2], inside, taps, H * W, P, ws[0], room.array(size(shape)));
    var columns = room.array(K * N), out = room.array((ws[0] + 4) * (N === P ? N : 0) + (N === P ? 0 : size(shape)));
    var wide = N === P ? null : room.array(up(M, 4) * N), packs = [], biases = [];
    for (var g = 0; g < groups; g++) {
      packs.push(packed(room, w.subarray(g * M * K, (g + 1) * M * K), M, K));
      biases.push(room.array(up(M, 4)));
      if (known[2]) biases[g].set(known[2].subarray(g * M, (g + 1) * M));
    }
    var steady = set.strides[0] === 1 && set.strides[1] === 1 && h === H && v === W;
    function fill(x, offset, tap, into, at) {               // one row of the columns
      if (!steady) return gather(x, offset, inside, tap * P, into, at, P);
      var down = Math.floor(tap / l) * set.dilations[0] - set.pads[0], right = (tap % l) * set.dilations[1] - set.pads[1];
      var first = Math.max(0, -right), last = Math.min(v, W - right);
      for (var y = 0; y < h; y++) {
        var r = y + down, to = at + y * v, end = to + v, from = offset + r * W + right;
        if (r < 0 || r >= H) { while (to < end) into[to++] = 0; continue; }
        for (var k = 0; k < first; k++) into[to + k] = 0;
        for (k = first; k < last; k++) into[to + k] = x[from + k];
        for (; k < v; k++) into[to + k] = 0;
      }
    }
    var plain = taps === 1 && N === P && set.strides[0] === 1 && set.strides[1] === 1 && !set.pads[0] && !set.pads[1];
    return function (x) {
      x = x[0];
      for (var g = 0; g < groups; g++) {
        if (plain) columns.set(x.subarray(g * C * P, (g + 1) * C * P));
        else for (var c = 0, row = 0; c < C; c++) for (var tap = 0; tap < taps; tap++, row++)
          fill(x, (g * C + c) * H * W, tap, columns, row * N);
        var onto = wide || out.subarray(g * M * P);
        room.product(packs[g], columns, biases[g], onto, M, K, N);
        if (wide) for (var m = 0; m < M; m++)
          out.set(wide.subarray(m * N, m * N + P), (g * M + m) * P);
      }
      return out.subarray(0, ws[0] * P);
    };
  };
  function depthwise(w, bias, inside, taps, each, P, C, out) {
    return function (x) {
      for (var c = 0; c < C; c++) for (var p = 0; p < P; p++) {
        var sum = bias ? bias[c] : 0;
        for (var tap = 0, at = p; tap < taps; tap++, at += P)
          if (inside[at] >= 0) sum += w[c * taps + tap] * x[0][c * each + inside[at]];
        out[c * P + p] = sum;
      }
      return out;
    };
  }
  // For each tap and place of the result, which pixel is under it; -1 outside.
  function patches(H, W, h, w, k, l, set) {
    var found = new Int32Array(k * l * h * w), at = 0;
    for (var i = 0; i < k; i++) for (var j = 0; j < l; j++)
      for (var y = 0; y < h; y++) for (var x = 0; x < w; x++, at++) {
        var r = y * set.strides[0] + i * set.dilations[0] - set.pads[0];
        var c = x * set.strides[1] + j * set.dilations[1] - set.pads[1];
        found[at] = r >= 0 && r < H && c >= 0 && c < W ? r * W + c : -1;
      }
    return found;
  }
  function gather(x, offset, inside, first, into, at, n) {
    for (var p = 0; p < n; p++) {
      var from = inside[first + p];
      into[at + p] = from < 0 ? 0 : x[offset + from];
    }
  }
  // x (1, C, H, W) * w (C, O / groups, k, l), transposed: one product for each group, then patches are added up.
  MAKERS.deconv = function (known, shapes, shape, set, room) {
    var w = known[1], ws = shapes[1], groups = set.groups, C = ws[0] / groups, O = ws[1], taps = ws[2] * ws[3];
    var H = shapes[0][2], W = shapes[0][3], P = H * W, N = up(P, WIDE), M = O * taps, h = shape[2], v = shape[3];
    var onto = new Int32Array(taps * P).fill(-1), out = room.array(size(shape)), packs = [];
    for (var tap = 0; tap < taps; tap++) for (var p = 0; p < P; p++) {
      var r = Math.floor(p / W) * set.strides[0] + Math.floor(tap / ws[3]) * set.dilations[0] - set.pads[0];
      var c = (p % W) * set.strides[1] + (tap % ws[3]) * set.dilations[1] - set.pads[1];
      if (r >= 0 && r < h && c >= 0 && c < v) onto[tap * P + p] = r * v + c;
    }
    for (var g = 0; g < groups; g++) {
      var turned = new Float32Array(M * C);
      for (var i = 0; i < C; i++) for (var m = 0; m < M; m++) turned[m * C + i] = w[(g * C + i) * M + m];
      packs.push(packed(room, turned, M, C));
    }
    var wide = room.array(up(M, 4) * N), source = room.array(C * N), none = room.array(up(M, 4));
    return function (x) {
      x = x[0];
      for (var g = 0; g < groups; g++) {
        for (var i = 0; i < C; i++) source.set(x.subarray((g * C + i) * P, (g * C + i + 1) * P), i * N);
        room.product(packs[g], source, none, wide, M, C, N);
        for (var o = 0; o < O; o++) {
          var base = (g * O + o) * h * v;
          out.fill(known[2] ? known[2][g * O + o] : 0, base, base + h * v);
          for (var tap = 0; tap < taps; tap++) for (var p = 0; p < P; p++) {
            var to = onto[tap * P + p];
            if (to >= 0) out[base + to] += wide[(o * taps + tap) * N + p];
          }
        }
      }
      return out;
    };
  };
  // x (..., K) times w (K, N) or, transposed, (N, K); plus a bias.
  MAKERS.dense = function (known, shapes, shape, set) {
    var w = known[1], N = shape[shape.length - 1], K = shapes[0][shapes[0].length - 1], rows = size(shapes[0]) / K;
    var out = new Float32Array(rows * N), bias = known[2];
    if (!set.transposed) {
      w = new Float32Array(N * K);
      for (var k = 0; k < K; k++) for (var n = 0; n < N; n++) w[n * K + k] = known[1][k * N + n];
    }
    return function (x) {
      x = x[0];
      for (var r = 0; r < rows; r++) for (var n = 0; n < N; n++) {
        var sum = 0;
        for (var k = 0, a = n * K, b = r * K; k < K; k++) sum += w[a + k] * x[b + k];
        out[r * N + n] = sum + (bias ? bias[n % bias.length] : 0);
      }
      return out;
    };
  };
  // Two computed matrices, (..., M, K) and (..., K, N).
  MAKERS.matmul = function (known, shapes, shape) {
    var d = shape.length, M = shape[d - 2], N = shape[d - 1], K = shapes[0][shapes[0].length - 1];
    var outer = shape.slice(0, -2), out = new Float32Array(size(shape));
    var left = places(outer, broadcast(outer, shapes[0].slice(0, -2))), right = places(outer,
      broadcast(outer, shapes[1].slice(0, -2)));
    return function (x) {
      for (var g = 0; g < left.length; g++) for (var m = 0; m < M; m++) for (var n = 0; n < N; n++) {
        var sum = 0;
        for (var k = 0; k < K; k++) sum += x[0][left[g] * M * K + m * K + k] * x[1][right[g] * K * N + k * N + n];
        out[(g * M + m) * N + n] = sum;
      }
      return out;
    };
  };
  // scale and shift of each channel
  MAKERS.affine = function (known, shapes, shape) {
    var out = new Float32Array(size(shape)), each = size(shape.slice(2)), C = shape[1];
    return function (x) {
      x = x[0];
      for (var i = 0; i < out.length; i++) {
        var c = Math.floor(i / each) % C;
        out[i] = x[i] * known[1][c] + known[2][c];
      }
      return out;
    };
  };
  // (x - mean) / sqrt(variance + epsilon) over the last `axes` axes, then scale and shift by `each` numbers
  MAKERS.norm = function (known, shapes, shape, set) {
    var out = new Float32Array(size(shape)), n = size(shape.slice(shape.length - set.axes)), inner = set.each === "last";
    var C = known[1] ? known[1].length : 1;
    return function (x) {
      x = x[0];
      for (var first = 0, row = 0; first < out.length; first += n, row++) {
        var mean = 0, spread = 0, i;
        for (i = first; i < first + n; i++) mean += x[i];
        mean /= n;
        for (i = first; i < first + n; i++) spread += (x[i] - mean) * (x[i] - mean);
        var scale = 1 / Math.sqrt(spread / n + set.epsilon);
        for (i = first; i < first + n; i++) {
          var c = inner ? (i - first) % C : row % C;
          out[i] = (x[i] - mean) * scale * (known[1] ? known[1][c] : 1) + (known[2] ? known[2][c] : 0);
        }
      }
      return out;
    };
  };
  MAKERS.softmax = function (known, shapes, shape) {         // along the last axis
    var out = new Float32Array(size(shape)), n = shape[shape.length - 1];
    return function (x) {
      x = x[0];
      for (var first = 0; first < out.length; first += n) {
        var most = -Infinity, sum = 0, i;
        for (i = first; i < first + n; i++) most = Math.max(most, x[i]);
        for (i = first; i < first + n; i++) sum += out[i] = Math.exp(x[i] - most);
        for (i = first; i < first + n; i++) out[i] /= sum;
      }
      return out;
    };
  };

  function erf(x) {                                         // Abramowitz & Stegun 7.1.26 is too coarse: a series, and
    var a = Math.abs(x), sum = a, term = a, n = 0;          // a continued fraction for the tail
    if (a < 3) {
      do { n++; term *= -a * a / n; sum += term / (2 * n + 1); } while (Math.abs(term) > 1e-17);
      return Math.sign(x) * 2 / Math.sqrt(Math.PI) * sum;
    }
    for (var fraction = 0, k = 40; k > 0; k--) fraction = k / 2 / (a + fraction);
    return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
  }
  var UNARY = {
    Relu: function () { return function (x) { return x > 0 ? x : 0; }; },
    LeakyRelu: function (set) { var a = set.alpha; return function (x) { return x > 0 ? x : a * x; }; },
    Elu: function (set) { var a = set.alpha; return function (x) { return x > 0 ? x : a * (Math.exp(x) - 1); }; },
    Tanh: function () { return Math.tanh; },
    Sigmoid: function () { return function (x) { return 1 / (1 + Math.exp(-x)); }; },
    Softplus: function () { return function (x) { return x > 30 ? x : Math.log1p(Math.exp(x)); }; },
    Gelu: function (set) {
      if (set.approximate !== "tanh") return function (x) { return x / 2 * (1 + erf(x / Math.SQRT2)); };
      return function (x) { return x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))); };
    },
    Erf: function () { return erf; },
    Sqrt: function () { return Math.sqrt; },
    Reciprocal: function () { return function (x) { return 1 / x; }; },
    Exp: function () { return Math.exp; }, Log: function () { return Math.log; },
    Sin: function () { return Math.sin; }, Cos: function () { return Math.cos; },
    Abs: function () { return Math.abs; }, Neg: function () { return function (x) { return -x; }; },
    Floor: function () { return Math.floor; },
    Clip: function (set) { return function (x) { return x < set.least ? set.least : x > set.most ? set.most : x; }; }
  };
  MAKERS.unary = function (known, shapes, shape, set) {
    var out = new Float32Array(size(shape)), of = UNARY[set.name](set);
    var slope = set.name === "Relu" ? 0 : set.name === "LeakyRelu" ? set.alpha : null;
    return function (x) {
      x = x[0];
      if (slope !== null) for (var i = 0; i < out.length; i++) out[i] = x[i] > 0 ? x[i] : slope * x[i];
      else for (var k = 0; k < out.length; k++) out[k] = of(x[k]);
      return out;
    };
  };
  var BINARY = {
    Add: function (a, b) { return a + b; }, Sub: function (a, b) { return a - b; },
    Mul: function (a, b) { return a * b; }, Div: function (a, b) { return a / b; },
    Max: Math.max, Min: Math.min, Pow: Math.pow
  };
  MAKERS.binary = function (known, shapes, shape, set) {
    var out = new Float32Array(size(shape)), of = BINARY[set.name];
    var from = shapes.map(function (given) {
      return size(given) === out.length ? null : places(shape, broadcast(shape, given));
    });
    return function (x) {
      var a = x[0], b = x[1], p = from[0], q = from[1], i;
      if (!p && !q && set.name === "Add") for (i = 0; i < out.length; i++) out[i] = a[i] + b[i];
      else if (!p && q && set.name === "Add") for (i = 0; i < out.length; i++) out[i] = a[i] + b[q[i]];
      else if (!p && q && set.name === "Mul") for (i = 0; i < out.length; i++) out[i] = a[i] * b[q[i]];
      else for (i = 0; i < out.length; i++) out[i] = of(a[p ? p[i] : i], b[q ? q[i] : i]);
      return out;
    };
  };

  // ---- What only moves numbers: a table of places, made once

  var MOVES = {
    Transpose: function (given, shape, set) {
      var own = strides(given);
      return places(shape, set.perm.map(function (axis) { return own[axis]; }));
    },
    Slice: function (given, shape, set) {
      var own = strides(given), offset = 0, steps = own.slice();
      set.axes.forEach(function (axis, k) { offset += set.starts[k] * own[axis]; steps[axis] *= set.steps[k]; });
      return places(shape, steps, offset);
    },
    Expand: function (given, shape) { return places(shape, broadcast(shape, given)); },
    Gather: function (given, shape, set) {                  // along one axis, at known places
      var before = size(given.slice(0, set.axis)), after = size(given.slice(set.axis + 1)), n = given[set.axis];
      var found = new Int32Array(size(shape)), at = 0;
      for (var b = 0; b < before; b++) for (var k = 0; k < set.indices.length; k++) for (var a = 0; a < after; a++)
        found[at++] = (b * n + (set.indices[k] + n) % n) * after + a;
      return found;
    },
    DepthToSpace: function (given, shape, set) {            // mode CRD: pixel shuffle
      var b = set.blocksize, H = given[2], W = given[3], found = new Int32Array(size(shape)), at = 0;
      for (var n = 0; n < shape[0]; n++) for (var c = 0; c < shape[1]; c++)
        for (var y = 0; y < shape[2]; y++) for (var x = 0; x < shape[3]; x++)
          found[at++] = ((n * given[1] + c * b * b + (y % b) * b + x % b) * H + Math.floor(y / b)) * W + Math.floor(x / b);
      return found;
    },
    Nearest: function (given, shape) {
      var own = strides(given), found = new Int32Array(size(shape)), at = 0;
      for (var c = 0; c < shape[0] * shape[1]; c++) for (var y = 0; y < shape[2]; y++) for (var x = 0; x < shape[3]; x++)
        found[at++] = c * own[1] + Math.floor(y * given[2] / shape[2]) * own[2] + Math.floor(x * given[3] / shape[3]);
      return found;
    },
    Pad: function (given, shape, set) {                     // -1: outside
      var own = strides(given), found = places(shape, own, 0), inside = shape.slice(), at = shape.map(function () {
        return 0;
      });
      for (var i = 0; i < found.length; i++) {
        var from = 0, outside = false, k;
        for (k = 0; k < shape.length; k++) {
          var place = at[k] - set.before[k], end = given[k] - 1;
          if (set.mode === "edge") place = Math.max(0, Math.min(end, place));
          if (set.mode === "reflect") place = place < 0 ? -place : place > end ? 2 * end - place : place;
          outside = outside || place < 0 || place >= given[k];
          from += place * own[k];
        }
        found[i] = outside ? -1 : from;
        for (k = shape.length - 1; k >= 0 && ++at[k] === inside[k]; k--) at[k] = 0;
      }
      return found;
    }
  };
  MAKERS.move = function (known, shapes, shape, set) {
    var from = MOVES[set.name](shapes[0], shape, set), out = new Float32Array(from.length), filling = set.value || 0;
    return function (x) {
      x = x[0];
      for (var i = 0; i < out.length; i++) out[i] = from[i] < 0 ? filling : x[from[i]];
      return out;
    };
  };
  MAKERS.same = function () { return function (x) { return x[0]; }; };
  MAKERS.concat = function (known, shapes, shape, set) {
    var out = new Float32Array(size(shape)), after = size(shape.slice(set.axis + 1)), whole = shape[set.axis] * after;
    var before = size(shape.slice(0, set.axis)), widths = shapes.map(function (one) { return one[set.axis] * after; });
    return function (x) {
      for (var k = 0, at = 0; k < x.length; at += widths[k++])
        for (var b = 0; b < before; b++) out.set(x[k].subarray(b * widths[k], (b + 1) * widths[k]), b * whole + at);
      return out;
    };
  };
  MAKERS.rows = function (known, shapes, shape) {            // rows of a table, at computed places
    var out = new Float32Array(size(shape)), each = size(shapes[0].slice(1));
    return function (x) {
      for (var k = 0; k < x[1].length; k++) out.set(x[0].subarray(x[1][k] * each, (x[1][k] + 1) * each), k * each);
      return out;
    };
  };
  MAKERS.bilinear = function (known, shapes, shape) {        // half-pixel centres, no antialiasing
    var given = shapes[0], out = new Float32Array(size(shape));
    function axis(n, m) {
      var found = [];
      for (var i = 0; i < m; i++) {
        var at = Math.max(0, Math.min(n - 1, (i + 0.5) * n / m - 0.5)), low = Math.floor(at);
        found.push([low, Math.min(low + 1, n - 1), at - low]);
      }
      return found;
    }
    var rows = axis(given[2], shape[2]), columns = axis(given[3], shape[3]), each = given[2] * given[3];
    return function (x) {
      x = x[0];
      for (var c = 0, at = 0; c < shape[0] * shape[1]; c++) for (var y = 0; y < shape[2]; y++) {
        var top = c * each + rows[y][0] * given[3], below = c * each + rows[y][1] * given[3], v = rows[y][2];
        for (var k = 0; k < shape[3]; k++, at++) {
          var l = columns[k][0], r = columns[k][1], h = columns[k][2];
          out[at] = (1 - v) * ((1 - h) * x[top + l] + h * x[top + r]) + v * ((1 - h) * x[below + l] + h * x[below + r]);
        }
      }
      return out;
    };
  };
  MAKERS.reduce = function (known, shapes, shape, set) {
    var given = shapes[0], kept = given.map(function (n, k) { return set.axes.indexOf(k) < 0 ? n : 1; });
    var onto = places(given, broadcast(given, kept)), n = size(kept), out = new Float32Array(n);
    var divisor = set.mean ? size(given) / n : 1;
    return function (x) {
      out.fill(0);
      for (var i = 0; i < onto.length; i++) out[onto[i]] += x[0][i];
      for (var k = 0; k < n; k++) out[k] /= divisor;
      return out;
    };
  };

  // A network as a function: numbers of its inputs -> Float32Array (C * H * W) of its output.  `plain`: without
  // WebAssembly.
  function network(program, weights, plain) {
    var constants = {}, shapes = {}, total = 1024, steps;
    program.constants.forEach(function (one) {
      constants[one.name] = weights.subarray(one.first, one.first + size(one.shape));
      shapes[one.name] = one.shape;
    });
    program.inputs.forEach(function (one) { shapes[one.name] = one.shape; });
    program.nodes.forEach(function (node) {
      shapes[node[2]] = node[3];
      total += needed(node, shapes);
    });
    var room = workshop(total, plain);
    steps = program.nodes.map(function (node) {
      var known = node[1].map(function (name) { return constants[name]; });
      var given = node[1].map(function (name) { return shapes[name]; });
      return [MAKERS[node[0]](known, given, node[3], node[4], room), node[1], node[2]];
    });
    return function (given) {
      var values = Object.assign({}, constants, given);
      steps.forEach(function (step) {
        values[step[2]] = step[0](step[1].map(function (name) { return values[name]; }));
      });
      return values[program.output];
    };
  }

  // (C, H, W) in [-1, 1] -> uint8, as ganbench.gan.images.to_uint8
  function quantised(image) {
    var found = new Uint8Array(image.length);
    for (var i = 0; i < image.length; i++) found[i] = Math.max(0, Math.min(255, Math.floor(image[i] * 127.5 + 128)));
    return found;
  }

  return { blake2b: blake2b, hex: hex, numbers: numbers, drawnClass: drawnClass, network: network, quantised: quantised };
})();
if (typeof module === "object") module.exports = Engine;
