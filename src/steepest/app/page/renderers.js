// Numbers, and the two renderers that mix the low-pass images into the result.

let halves = null;
/** Convert float16 values, given as bits, to float32. @param {Uint16Array} bits */
function fromHalf(bits) {
  if (!halves) {
    halves = new Float32Array(65536);
    for (let i = 0; i < 65536; i++) {
      const exponent = (i >> 10) & 31, fraction = i & 1023;
      const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : (2 ** -14 * fraction) / 1024;
      halves[i] = i & 32768 ? -size : size;
    }
  }
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = halves[bits[i]];
  return out;
}

/** Linear between the centres of blocks of `factor` x `factor` pixels; the last may be incomplete. */
function enlarge(values, factor, { width, height, channels }) {
  if (factor === 1) return values;
  const across = Math.ceil(width / factor), down = Math.ceil(height / factor);
  /** Where pixels lie between blocks: the block before, the one after, and the weight of that. */
  const between = (length, count) => {
    const before = new Int32Array(length), after = new Int32Array(length), weight = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      const at = clamp((i + 0.5) / factor - 0.5, 0, count - 1);
      before[i] = Math.floor(at);
      after[i] = Math.min(before[i] + 1, count - 1);
      weight[i] = at - before[i];
    }
    return [before, after, weight];
  };
  const [left, right, u] = between(width, across), [above, below, v] = between(height, down);
  const out = new Float32Array(width * height * channels), row = new Float32Array(across * channels);
  for (let y = 0, at = 0; y < height; y++) {
    const first = above[y] * row.length, second = below[y] * row.length;
    for (let i = 0; i < row.length; i++) row[i] = values[first + i] + v[y] * (values[second + i] - values[first + i]);
    for (let x = 0; x < width; x++) {
      const one = left[x] * channels, other = right[x] * channels;
      for (let c = 0; c < channels; c++) out[at++] = row[one + c] + u[x] * (row[other + c] - row[one + c]);
    }
  }
  return out;
}

/** The gain of a slider position: 0 to 1 in the lower half, 1 to 3 in the upper. */
const gainOf = (position) => Math.round(100 * (position <= 100 ? position / 100 : 1 + (position - 100) / 50)) / 100;
const positionOf = (gain) => (gain <= 1 ? 100 * gain : 100 + 50 * (gain - 1));
/** Whether two lists hold the same things. */
const same = (one, other) => one?.length === other?.length && one.every((each, k) => each === other[k]);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const round2 = (value) => Math.round(100 * value) / 100;
const round3 = (value) => Number(value.toPrecision(3));
const shown = (value) => (value >= 0.01 ? round3(value).toString() : value.toPrecision(2));

// renderers: both draw `shift + sum_k weights[k] layers[k]` (values 0 to 1)

/**
 * Typed arrays. While a slider is held, `live` shows out = A + g B for the visible part of the image,
 * at the resolution of the screen, with A and B computed once as integers; after that, `canvas` shows
 * all pixels.
 */
class ArrayRenderer {
  name = "arrays";
  constructor(canvas, width, height, channels, live) {
    Object.assign(canvas, { width, height });
    Object.assign(this, { width, height, channels, live, layers: new Map(), held: null, drawn: null });
    this.context = canvas.getContext("2d", { alpha: false });
    this.picture = new ImageData(width, height);
    this.total = new Float32Array(width * height * channels);
  }
  /** @param {number} factor image pixels per value along each axis, above 1 for previews */
  set(key, bits, factor) { this.layers.set(key, enlarge(fromHalf(bits), factor, this)); this.drawn = this.held = null; }
  delete(key) { this.layers.delete(key); this.drawn = this.held = null; }
  /**
   * @param {{keys: string[], gains: number[], shift: number}} mix
   * @param {number|null} slider the slider that is held
   * @param {{x: number, y: number, width: number, height: number, step: number}} view the visible
   *   part, and the image pixels per pixel of the screen along each axis, at least 1
   */
  draw(mix, slider = null, view = null) {
    if (slider === null) {
      this.sum(mix);
      const { data } = this.picture, { total, channels } = this;
      for (let i = 0, j = 0; j < data.length; i += channels, j += 4) {
        data[j] = total[i];
        data[j + 1] = total[i + (channels === 3 ? 1 : 0)];
        data[j + 2] = total[i + (channels === 3 ? 2 : 0)];
        data[j + 3] = 255;
      }
      this.context.putImageData(this.picture, 0, 0);
      this.live.hidden = true;
      return;
    }
    this.prepare(mix, slider, view);
    const { rest, band, picture, words, context } = this.held;
    this.live.hidden = false;
    (this.channels === 3 ? mixColours : mixGreys)(rest, band, Math.round(1024 * mix.gains[slider]), words);
    context.putImageData(picture, 0, 0);
  }
  /** Compute A and B, if they are not those of this slider and this view. */
  prepare(mix, slider, view) {
    const others = ({ keys, gains, shift }) => JSON.stringify([keys, gains.map((gain, k) => k === slider || gain), shift]);
    const signature = JSON.stringify([slider, others(mix), view]);
    if (this.held?.signature === signature) return;
    if (!this.drawn || others(this.drawn) !== others(mix)) this.sum(mix);
    const band = this.integers(view, 255, this.layers.get(mix.keys[slider]), this.layers.get(mix.keys[slider + 1]));
    const rest = this.integers(view, 1, this.total), gain = this.drawn.gains[slider];
    for (let i = 0; i < rest.length; i++) rest[i] = clamp(Math.round(rest[i] - gain * band[i]), -32767, 32767);
    const width = Math.ceil(view.width / view.step), height = Math.ceil(view.height / view.step);
    Object.assign(this.live, { width, height });
    const style = { left: view.x, top: view.y, width: width * view.step, height: height * view.step };
    for (const [name, value] of Object.entries(style)) this.live.style[name] = `${value}px`;
    const picture = new ImageData(width, height), words = new Uint32Array(picture.data.buffer);
    this.held = { signature, rest, band, picture, words, context: this.live.getContext("2d", { alpha: false }) };
  }
  /** Set `total` to 255 times the weighted sum. */
  sum(mix) {
    const { total } = this, { keys, gains, shift } = mix;
    this.drawn = mix;
    total.fill(255 * shift);
    gains.forEach((gain, k) => {
      const weight = 255 * (gain - (k ? gains[k - 1] : 0));
      const layer = this.layers.get(keys[k]);
      if (weight) for (let i = 0; i < total.length; i++) total[i] += weight * layer[i];
    });
  }
  /** 32 times factor (values - others), within a part; means over squares of `step` pixels. */
  integers({ x, y, width, height, step }, factor, values, others = null) {
    const { channels } = this, across = Math.ceil(width / step) * channels, down = Math.ceil(height / step);
    const [column, left, right] = squares(width, step), [line, above, below] = squares(height, step);
    const sums = new Float32Array(across * down), row = new Float32Array(across);
    for (let v = 0; v < height; v++) {
      row.fill(0);
      let i = ((y + v) * this.width + x) * channels;
      for (let u = 0; u < width; u++) for (let c = 0, j = column[u] * channels; c < channels; c++, i++, j++) {
        const value = others ? values[i] - others[i] : values[i];
        row[j] += left[u] * value;
        if (right[u]) row[j + channels] += right[u] * value;
      }
      for (let j = 0, at = line[v] * across; j < across; j++, at++) {
        sums[at] += above[v] * row[j];
        if (below[v]) sums[at + across] += below[v] * row[j];
      }
    }
    const out = new Int16Array(sums.length);
    for (let j = 0; j < out.length; j++) out[j] = clamp(Math.round(32 * factor * sums[j]), -32767, 32767);
    return out;
  }
}

/** For each pixel: the square it begins in, its share of this one, and of the next. */
function squares(length, step) {
  const square = new Int32Array(length), own = new Float32Array(length), next = new Float32Array(length);
  const size = (k) => Math.min(step, length - k * step);
  for (let i = 0; i < length; i++) {
    const k = Math.floor(i / step), inside = Math.min(1, (k + 1) * step - i);
    square[i] = k;
    own[i] = inside / size(k);
    if (inside < 1 && (k + 1) * step < length) next[i] = (1 - inside) / size(k + 1);
  }
  return [square, own, next];
}

/** Pixels (rest + gain * band) / 32, where `gain` is 1024 for 1; each is one word, opaque. */
function mixColours(rest, band, gain, words) {
  for (let i = 0, j = 0; j < words.length; i += 3, j++) {
    let r = ((rest[i] << 10) + Math.imul(gain, band[i]) + 16384) >> 15;
    let g = ((rest[i + 1] << 10) + Math.imul(gain, band[i + 1]) + 16384) >> 15;
    let b = ((rest[i + 2] << 10) + Math.imul(gain, band[i + 2]) + 16384) >> 15;
    if ((r | g | b) & -256) { // at least one is below 0 or above 255
      r = r < 0 ? 0 : r > 255 ? 255 : r;
      g = g < 0 ? 0 : g > 255 ? 255 : g;
      b = b < 0 ? 0 : b > 255 ? 255 : b;
    }
    words[j] = r | (g << 8) | (b << 16) | 0xff000000;
  }
}
function mixGreys(rest, band, gain, words) {
  for (let j = 0; j < words.length; j++) {
    const value = ((rest[j] << 10) + Math.imul(gain, band[j]) + 16384) >> 15;
    words[j] = (value < 0 ? 0 : value > 255 ? 255 : value) * 0x010101 | 0xff000000;
  }
}

/** WebGL 2: one half-float texture per layer. */
class GpuRenderer {
  name = "webgl2";
  static MOST = 14;
  constructor(canvas, width, height, channels, gl) {
    Object.assign(canvas, { width, height });
    Object.assign(this, { gl, width, height, channels, layers: new Map(), programs: new Map() });
    gl.viewport(0, 0, width, height);
    gl.bindVertexArray(gl.createVertexArray());
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }
  set(key, bits, factor) {
    const { gl } = this, grey = this.channels === 1;
    const across = Math.ceil(this.width / factor), down = Math.ceil(this.height / factor);
    const texture = this.layers.get(key)?.texture ?? gl.createTexture();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, factor === 1 ? gl.NEAREST : gl.LINEAR);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
    gl.texImage2D(gl.TEXTURE_2D, 0, grey ? gl.R16F : gl.RGB16F, across, down, 0, grey ? gl.RED : gl.RGB, gl.HALF_FLOAT, bits);
    this.layers.set(key, { texture, size: [across * factor, down * factor] });
  }
  delete(key) { this.gl.deleteTexture(this.layers.get(key)?.texture); this.layers.delete(key); }
  draw({ keys, gains, shift }) {
    const { gl } = this, count = keys.length, program = this.program(count);
    gl.useProgram(program);
    keys.forEach((key, k) => {
      gl.activeTexture(gl.TEXTURE0 + k);
      const { texture, size } = this.layers.get(key);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.uniform1i(gl.getUniformLocation(program, `layer${k}`), k);
      gl.uniform2f(gl.getUniformLocation(program, `size${k}`), ...size);
    });
    const weights = gains.map((gain, k) => gain - (k ? gains[k - 1] : 0));
    gl.uniform1fv(gl.getUniformLocation(program, "weight"), weights);
    gl.uniform1f(gl.getUniformLocation(program, "shift"), shift);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
  program(count) {
    const known = this.programs.get(count);
    if (known) return known;
    const { gl } = this, each = [...Array(count).keys()];
    const program = gl.createProgram();
    const part = this.channels === 1 ? ".rrr" : ".rgb";
    const sources = [
      [gl.VERTEX_SHADER, "#version 300 es\nvoid main() { vec2 p = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0; gl_Position = vec4(p, 0, 1); }"],
      [gl.FRAGMENT_SHADER, `#version 300 es
precision highp float; precision highp sampler2D;
${each.map((k) => `uniform sampler2D layer${k}; uniform vec2 size${k};`).join("\n")}
uniform float weight[${count}]; uniform float shift; out vec4 colour;
void main() { vec2 p = vec2(gl_FragCoord.x, ${this.height}.0 - gl_FragCoord.y); vec3 c = vec3(shift);
${each.map((k) => `c += weight[${k}] * texture(layer${k}, p / size${k})${part};`).join("\n")}
colour = vec4(clamp(c, 0.0, 1.0), 1); }`],
    ];
    for (const [kind, source] of sources) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    this.programs.set(count, program);
    return program;
  }
}

/** A WebGL 2 context if hardware draws it; software WebGL is slower than typed arrays. */
function hardwareContext(canvas, wanted) {
  if (wanted === "arrays") return null;
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, preserveDrawingBuffer: true });
  if (!gl || wanted === "webgl2") return gl;
  const known = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(known ? known.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name) ? null : gl;
}
